//! How far a command has got: what is on its way to the server when its time is up may still be
//! carried out, what is not must not be sent any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static PROGRESS: Progress;
}

/// It waits for a server, a connection, or its second attempt.
const WAITING: u8 = 0;
/// It has a connection.
const SENT: u8 = 1;
/// Nobody waits for it any more.
const OVERDUE: u8 = 2;

/// The progress of one command, shared by who waits for it and who sends it.
#[derive(Clone, Default)]
pub struct Progress(Arc<AtomicU8>);

impl Progress {
    /// Lets the engine report the progress of a command.
    pub fn of<F: Future>(&self, command: F) -> TaskLocalFuture<Self, F> {
        PROGRESS.scope(self.clone(), command)
    }

    /// Takes note that nobody waits any more. Whether the command is on its way.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.0.swap(OVERDUE, Ordering::SeqCst) == SENT
    }
}

fn change(from: u8, to: u8) -> bool {
    PROGRESS
        .try_with(|Progress(state)| {
            let changed = state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
            changed.is_ok() || changed == Err(to)
        })
        // Nobody asked how far it is.
        .unwrap_or(true)
}

/// Reports that the present command has got a connection.
pub fn sent() {
    change(WAITING, SENT);
}

/// Reports that the present command has failed. Whether somebody still waits for a second attempt.
#[must_use]
pub fn may_retry() -> bool {
    change(SENT, WAITING)
}

/// Whether anybody still waits for the present command, or nobody asked.
#[must_use]
pub fn is_awaited() -> bool {
    PROGRESS
        .try_with(|Progress(state)| state.load(Ordering::SeqCst) != OVERDUE)
        .unwrap_or(true)
}

/// Whether the present command may have reached a server: it has got a connection, or nobody asked.
#[must_use]
pub fn was_sent() -> bool {
    PROGRESS
        .try_with(|Progress(state)| state.load(Ordering::SeqCst) != WAITING)
        .unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_a_connection_goes_on() {
        let progress = Progress::default();
        assert!(!progress.of(async { was_sent() }).await);
        progress.of(async { sent() }).await;
        assert!(progress.of(async { was_sent() }).await);
        assert!(progress.of(async { is_awaited() }).await);
        assert!(progress.is_overdue());
        assert!(!progress.of(async { is_awaited() }).await);
        assert!(!progress.of(async { may_retry() }).await);
    }

    #[tokio::test]
    async fn what_still_waits_does_not() {
        let progress = Progress::default();
        assert!(!progress.is_overdue());
        progress.of(async { sent() }).await;
        assert!(!progress.is_overdue());
    }

    #[tokio::test]
    async fn a_second_attempt_waits_again() {
        let progress = Progress::default();
        progress.of(async { sent() }).await;
        assert!(progress.of(async { may_retry() }).await);
        assert!(!progress.is_overdue());
        assert!(may_retry(), "without anybody who asks");
        assert!(is_awaited(), "without anybody who asks");
        assert!(was_sent(), "without anybody who asks");
    }
}
