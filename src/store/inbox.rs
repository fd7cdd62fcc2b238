//! The submission queue of a store: calls on their way from JavaScript's thread to the worker.
//!
//! Waking a sleeping thread costs more than everything else that a call does on the event loop. So
//! JavaScript flushes the queue once for all calls of a turn of the event loop, and nobody is woken
//! for requests that could not be sent now anyway, because their lane is full: the worker looks into
//! the queue as soon as a command of that lane has come back. It sees whole turns only. What a turn has
//! called so far would leave in a command of its own, and the turn could not take its answer before it
//! ends: over HTTP that were three times as many commands, and a third more work for the server.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Submission, Verb};
use crate::batch::Lane;
use crate::error::{Error, Result};

/// So many submissions are worth a wake-up, whatever their lane.
const MANY: usize = 16;

/// So many bytes of sessions are.
const MUCH: usize = 64 * 1024;

/// Shared by the handle of a store and its worker.
#[derive(Default)]
pub struct Inbox {
    queue: Mutex<Queue>,
    arrived: Notify,
    reads_full: AtomicBool,
    writes_full: AtomicBool,
}

#[derive(Default)]
struct Queue {
    submissions: Vec<Submission>,
    /// How many of them, from the first on, are for the worker to take.
    flushed: usize,
    /// About how large the sessions among the others are.
    bytes: usize,
    has: Has,
    is_closed: bool,
}

impl Queue {
    fn flush(&mut self) {
        self.flushed = self.submissions.len();
        self.bytes = 0;
    }
}

/// What is among the submissions.
#[derive(Clone, Copy, Default)]
struct Has {
    reads: bool,
    writes: bool,
    bulk: bool,
}

impl Inbox {
    /// Leaves a call for the worker, which takes it after the next [`flush`](Self::flush), or earlier
    /// when many are there.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after [`close`](Self::close).
    pub fn push(&self, submission: Submission) -> Result<()> {
        let mut queue = self.queue();
        if queue.is_closed {
            return Err(Error::Closed);
        }
        match &submission.verb {
            Verb::Get { .. } | Verb::Read { .. } => queue.has.reads = true,
            Verb::Bulk(_) | Verb::Select(_) | Verb::Ping | Verb::Maintain(_) => {
                queue.has.bulk = true;
            }
            Verb::Set(save) => {
                queue.has.writes = true;
                queue.bytes += save.session.text.len();
            }
            _ => queue.has.writes = true,
        }
        queue.submissions.push(submission);
        if queue.bytes >= MUCH || queue.submissions.len() - queue.flushed >= MANY {
            // Not at the end of the turn: these are worked on while JavaScript goes on.
            queue.flush();
            drop(queue);
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Lets the worker take what has been pushed, and wakes it if it could send something of that.
    pub fn flush(&self) {
        let mut queue = self.queue();
        queue.flush();
        let has = queue.has;
        drop(queue);
        // Read after the pushes. The worker marks a lane as free before it takes from the queue, so
        // it either finds the submissions there, or this finds the lane free.
        let is_free = |full: &AtomicBool| !full.load(Ordering::SeqCst);
        if has.bulk
            || (has.reads && is_free(&self.reads_full))
            || (has.writes && is_free(&self.writes_full))
        {
            self.arrived.notify_one();
        }
    }

    /// Says whether the commands of a lane are as many as may be in flight.
    pub fn set_full(&self, lane: Lane, full: bool) {
        let flag = match lane {
            Lane::Read => &self.reads_full,
            Lane::Write => &self.writes_full,
        };
        flag.store(full, Ordering::SeqCst);
    }

    /// How many submissions have not been taken.
    pub fn len(&self) -> usize {
        self.queue().submissions.len()
    }

    /// Takes what has been flushed. None once the queue is closed and empty.
    pub fn take(&self) -> Option<Vec<Submission>> {
        let mut queue = self.queue();
        if queue.is_closed && queue.submissions.is_empty() {
            return None;
        }
        let flushed = mem::take(&mut queue.flushed);
        if flushed < queue.submissions.len() {
            return Some(queue.submissions.drain(..flushed).collect());
        }
        queue.has = Has::default();
        Some(mem::take(&mut queue.submissions))
    }

    /// Waits until something may have arrived.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Lets nothing more in.
    pub fn close(&self) {
        let mut queue = self.queue();
        queue.is_closed = true;
        queue.flush();
        drop(queue);
        self.arrived.notify_one();
    }

    /// A panic while the lock was held leaves a list of whole submissions behind.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn push(inbox: &Inbox, calls: usize) {
        for _ in 0..calls {
            let pushed = inbox.push(Submission {
                ticket: 0,
                called: Instant::now(),
                called_ms: 0,
                verb: Verb::Get { sid: String::new() },
            });
            assert!(pushed.is_ok());
        }
    }

    fn take(inbox: &Inbox) -> Option<usize> {
        inbox.take().map(|submissions| submissions.len())
    }

    #[test]
    fn the_calls_of_a_turn_are_taken_together() {
        let inbox = Inbox::default();
        push(&inbox, 2);
        assert_eq!(take(&inbox), Some(0));
        push(&inbox, 1);
        inbox.flush();
        push(&inbox, 4);
        assert_eq!(take(&inbox), Some(3));
        assert_eq!(take(&inbox), Some(0));
        inbox.flush();
        assert_eq!(take(&inbox), Some(4));
    }

    #[test]
    fn many_calls_do_not_wait_for_the_end_of_their_turn() {
        let inbox = Inbox::default();
        push(&inbox, MANY + 1);
        assert_eq!(take(&inbox), Some(MANY));
        push(&inbox, MANY - 1);
        assert_eq!(take(&inbox), Some(MANY));
    }

    #[test]
    fn what_was_called_before_the_end_is_taken() {
        let inbox = Inbox::default();
        push(&inbox, 2);
        inbox.close();
        assert_eq!(take(&inbox), Some(2));
        assert_eq!(take(&inbox), None);
    }
}
