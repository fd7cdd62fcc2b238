//! A command on its way, from the moment that it looks for a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::futures::TaskLocalFuture;

use super::Telemetry;

tokio::task_local! {
    static LOAD: Load;
    static UNDER_WAY: Arc<UnderWay>;
}

/// For which store, and how many of its calls, a task sends commands.
#[derive(Clone)]
pub struct Load {
    telemetry: Arc<Telemetry>,
    calls: usize,
}

impl Load {
    /// So many calls of a store. None for what it does by itself.
    #[must_use]
    pub fn new(telemetry: &Arc<Telemetry>, calls: usize) -> Self {
        Self {
            telemetry: telemetry.clone(),
            calls,
        }
    }

    /// Lets commands be counted that are sent on the way.
    pub fn of<F: Future>(&self, work: F) -> TaskLocalFuture<Self, F> {
        LOAD.scope(self.clone(), work)
    }
}

/// A command that waits for a connection or has one.
struct UnderWay {
    load: Load,
    name: &'static str,
    has_connection: AtomicBool,
    is_answered: AtomicBool,
}

impl UnderWay {
    fn begin(load: Load, name: &'static str) -> Arc<Self> {
        let awaited = &load.telemetry.connections_awaited;
        awaited.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            load,
            name,
            has_connection: AtomicBool::new(false),
            is_answered: AtomicBool::new(false),
        })
    }

    fn connected(&self) {
        if self.has_connection.swap(true, Ordering::Relaxed) {
            return;
        }
        let Load { telemetry, calls } = &self.load;
        telemetry
            .connections_awaited
            .fetch_sub(1, Ordering::Relaxed);
        telemetry.connections_in_use.fetch_add(1, Ordering::Relaxed);
        telemetry.count(self.name, |commands| {
            commands.sent += 1;
            commands.calls += *calls as u64;
        });
    }
}

/// However it ends: it may also be given up.
impl Drop for UnderWay {
    fn drop(&mut self) {
        let telemetry = &self.load.telemetry;
        if !*self.has_connection.get_mut() {
            telemetry
                .connections_awaited
                .fetch_sub(1, Ordering::Relaxed);
            return;
        }
        telemetry.connections_in_use.fetch_sub(1, Ordering::Relaxed);
        if !*self.is_answered.get_mut() {
            telemetry.count(self.name, |commands| commands.failed += 1);
        }
    }
}

/// Sends a command of this name, and counts it if it gets a connection.
///
/// # Errors
///
/// Those of the command.
pub async fn command<T, E>(
    name: &'static str,
    command: impl IntoFuture<Output = Result<T, E>>,
) -> Result<T, E> {
    let Ok(load) = LOAD.try_with(Clone::clone) else {
        return command.await;
    };
    let under_way = UnderWay::begin(load, name);
    let scope = UNDER_WAY.scope(under_way.clone(), command.into_future());
    let answer = scope.await;
    under_way
        .is_answered
        .store(answer.is_ok(), Ordering::Relaxed);
    answer
}

/// Takes note that the present command has got a connection.
pub fn connected() {
    // Not so of what the driver sends by itself.
    let _ = UNDER_WAY.try_with(|under_way| under_way.connected());
}

/// Takes note that the present command is sent again.
pub fn repeated() {
    let _ = LOAD.try_with(|load| load.telemetry.retries.fetch_add(1, Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures_util::poll;

    use super::super::Commands;
    use super::*;

    #[tokio::test]
    async fn a_command_is_counted_with_its_calls_once_it_has_a_connection() {
        let telemetry = Arc::<Telemetry>::default();
        let load = Load::new(&telemetry, 3);
        let answer = load.of(command("find", async {
            assert_eq!(telemetry.snapshot().connections_awaited, 1);
            connected();
            assert_eq!(telemetry.snapshot().connections_in_use, 1);
            Ok::<_, ()>(())
        }));
        answer.await.unwrap();
        let _ = load.of(command("find", async { Err::<(), _>(()) })).await;
        let snapshot = telemetry.snapshot();
        let expected = Commands {
            sent: 1,
            failed: 0,
            calls: 3,
        };
        assert_eq!(snapshot.commands["find"], expected);
        assert_eq!(snapshot.connections_awaited, 0);
        assert_eq!(snapshot.connections_in_use, 0);
    }

    #[tokio::test]
    async fn one_that_is_given_up_has_failed_and_holds_nothing() {
        let telemetry = Arc::<Telemetry>::default();
        let load = Load::new(&telemetry, 1);
        let mut given_up = Box::pin(load.of(command("update", async {
            connected();
            pending::<Result<(), ()>>().await
        })));
        assert!(poll!(&mut given_up).is_pending());
        assert_eq!(telemetry.snapshot().connections_in_use, 1);
        drop(given_up);
        let snapshot = telemetry.snapshot();
        assert_eq!(snapshot.commands["update"].failed, 1);
        assert_eq!(snapshot.connections_in_use, 0);
    }
}
