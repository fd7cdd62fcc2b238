//! The submission queue of a store: calls on their way from JavaScript's thread to the worker.
//!
//! Waking a sleeping thread costs more than everything else that a call does on the event loop. So
//! JavaScript flushes the queue once for all calls of a turn of the event loop, and nobody is woken
//! for requests that could not be sent now anyway, because their lane is full: the worker looks into
//! the queue as soon as a command of that lane has come back.

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
    /// About how large the sessions among them are.
    bytes: usize,
    has: Has,
    is_closed: bool,
}

/// What is among the submissions.
#[derive(Clone, Copy, Default)]
struct Has {
    reads: bool,
    writes: bool,
    bulk: bool,
}

impl Inbox {
    /// Leaves a call for the worker, which may see it only after the next [`flush`](Self::flush).
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
            Verb::Get { .. } => queue.has.reads = true,
            Verb::Bulk(_) | Verb::Select(_) | Verb::Ping => queue.has.bulk = true,
            Verb::Set { session, .. } => {
                queue.has.writes = true;
                queue.bytes += session.text.len();
            }
            _ => queue.has.writes = true,
        }
        queue.submissions.push(submission);
        if queue.bytes >= MUCH || queue.submissions.len() == MANY {
            // Not at the end of the turn: these are worked on while JavaScript goes on.
            drop(queue);
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Wakes the worker if it could send something of what has been pushed.
    pub fn flush(&self) {
        let has = self.queue().has;
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

    /// Takes what has arrived. None once the queue is closed and empty.
    pub fn take(&self) -> Option<Vec<Submission>> {
        let mut queue = self.queue();
        if queue.is_closed && queue.submissions.is_empty() {
            return None;
        }
        queue.has = Has::default();
        queue.bytes = 0;
        Some(mem::take(&mut queue.submissions))
    }

    /// Waits until something may have arrived.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Lets nothing more in.
    pub fn close(&self) {
        self.queue().is_closed = true;
        self.arrived.notify_one();
    }

    /// A panic while the lock was held leaves a list of whole submissions behind.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
