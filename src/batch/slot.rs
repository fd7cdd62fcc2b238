//! A request while it is pending.

use std::time::Instant;

use super::request::{Key, SweepKey, Ticket, Work};
use crate::backend::{Change, Extra, Id, Write};

/// Who waits for a request, and until when.
pub struct Waiter {
    /// Who it is.
    pub ticket: Ticket,
    /// What was called.
    pub verb: &'static str,
    /// Until when.
    pub deadline: Instant,
}

/// A pending request, or several that became one.
pub(super) struct Slot {
    /// Which session.
    pub id: Id,
    /// None once it is out.
    pub work: Option<Work>,
    /// Since when it is out.
    pub sent: Option<Instant>,
    /// Whether it is to share a command with no other.
    pub is_alone: bool,
    /// Empty once all callers have been told that their time is up.
    pub waiters: Vec<Waiter>,
    /// The sweep of which it is a part, until that is given up.
    pub sweep: Option<SweepKey>,
    /// The order of calls.
    pub sequence: u64,
    /// The next request for the same session.
    pub next: Option<Key>,
}

impl Slot {
    /// Whether nobody waits for it any more.
    pub fn is_abandoned(&self) -> bool {
        self.waiters.is_empty() && self.sweep.is_none()
    }

    /// Whether it is a touch that has not been sent.
    pub fn is_touch(&self) -> bool {
        match &self.work {
            Some(Work::Write { change, .. }) => matches!(change, Change::Touch),
            Some(Work::Again(write)) => matches!(write.change, Change::Touch),
            _ => false,
        }
    }

    /// About how many bytes of a command it takes.
    pub fn size(&self) -> usize {
        let change = match &self.work {
            Some(Work::Write { change, .. }) => change.size(),
            Some(Work::Again(write)) => write.change.size(),
            _ => 0,
        };
        self.id.len() + change
    }

    /// Lets it do the work of the request behind it, if it still waits and both mean the same.
    pub fn coalesce(&mut self, next: &Work) -> bool {
        match (&mut self.work, next) {
            (Some(Work::Get), Work::Get) => true,
            (
                Some(Work::Write {
                    expires_ms,
                    change: Change::Touch,
                    extra,
                }),
                Work::Write {
                    expires_ms: next,
                    change: Change::Touch,
                    extra: next_extra,
                },
            ) => {
                let keeps_later = extra.keeps_later;
                let before = *expires_ms;
                *expires_ms = *next;
                extra.clone_from(next_extra);
                if next_extra.keeps_later {
                    *expires_ms = before.max(*next);
                    extra.keeps_later = keeps_later;
                }
                true
            }
            _ => false,
        }
    }

    /// What a get, a destroy or a sweep sends.
    pub fn take_id(&mut self) -> Id {
        self.work = None;
        self.id.clone()
    }

    /// What a write sends.
    pub fn take_write(&mut self) -> Write {
        let (expires_ms, change, extra) = match self.work.take() {
            Some(Work::Again(write)) => return *write,
            Some(Work::Write {
                expires_ms,
                change,
                extra,
            }) => (expires_ms, change, extra),
            // The queue of writes holds nothing else.
            _ => (0, Change::Touch, Extra::default()),
        };
        Write {
            id: self.id.clone(),
            expires_ms,
            change,
            extra,
            is_encrypted: false,
        }
    }
}
