//! When what is about all sessions may go: after what was called before it, within limits.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::super::request::{Bulk, BulkKind, Key};
use super::super::slot::Slot;
use super::Schedule;
use super::sweep::Sweep;

/// A bulk request that has not begun.
pub(super) struct WaitingBulk {
    pub(super) bulk: Bulk,
    /// The order of calls.
    pub(super) sequence: u64,
}

/// How long a command about single sessions may be under way until what is about all sessions, and was
/// called after it, does not wait for it any more: where the server has answered what was sent later.
pub const PATIENCE: Duration = Duration::from_millis(1500);

/// The same in any case.
pub const MOST_PATIENCE: Duration = Duration::from_secs(6);

impl Schedule {
    /// Takes in a bulk request.
    pub fn push_bulk(&mut self, bulk: Bulk) {
        if let Some(deadline) = bulk.deadline {
            self.expect_deadline(deadline);
        }
        let sequence = self.sequence();
        if bulk.kind.is_sweep() {
            self.begin_sweep(sequence, bulk.clone());
        }
        self.bulks.push_back(WaitingBulk { bulk, sequence });
    }

    /// Takes note that a bulk request that was one command is done.
    pub fn bulk_done(&mut self) {
        self.bulks_in_flight -= 1;
    }

    /// The end of the store, if nothing else is to be done before it.
    pub fn next_close(&mut self, now: Instant) -> Option<Bulk> {
        let first = self.bulks.front()?;
        if first.bulk.kind == BulkKind::Close {
            self.next_bulk(now)
        } else {
            None
        }
    }

    /// The first bulk request that is one command, once what was called before it is settled. It does
    /// not wait long for a single session, nor for a sweep that is more than a matter of one slice.
    pub(super) fn next_bulk(&mut self, now: Instant) -> Option<Bulk> {
        self.start_sweep();
        let WaitingBulk { bulk, sequence } = self.bulks.front()?;
        if bulk.kind.is_sweep() {
            return None;
        }
        let is_end = bulk.kind == BulkKind::Close;
        let waits = if is_end {
            self.bulks_in_flight > 0 || !self.sweeps.is_empty() || self.awaits_any(*sequence)
        } else {
            self.awaits_some(*sequence, now)
        };
        if waits {
            return None;
        }
        self.bulks_in_flight += 1;
        self.bulks.pop_front().map(|waiting| waiting.bulk)
    }

    /// Whether anybody waits for a request that was called before.
    fn awaits_any(&self, sequence: u64) -> bool {
        let is_awaited = |slot: &Slot| slot.sequence < sequence && !slot.is_abandoned();
        self.slots.iter().any(|(_, slot)| is_awaited(slot))
    }

    /// The same without those that have been under way for long, and what waits for them.
    fn awaits_some(&mut self, sequence: u64, now: Instant) -> bool {
        let is_before = |sweep: &Sweep| sweep.sequence < sequence && !sweep.is_large();
        let mut sweeps = self.sweeps.iter();
        if sweeps.any(|sweep| is_before(sweep) && sweep.goes_on()) {
            return true;
        }
        let is_awaited = |slot: &Slot| match slot.sweep {
            Some(sweep) => self
                .sweeps
                .iter()
                .any(|each| each.sequence == sweep && is_before(each)),
            None => slot.sequence < sequence && !slot.is_abandoned(),
        };
        let awaited = self.slots.iter().filter(|(_, slot)| is_awaited(slot));
        let mut awaited: HashSet<Key> = awaited.map(|(key, _)| key).collect();
        let mut next_late: Option<Instant> = None;
        for (key, slot) in &self.slots {
            let Some(sent) = slot.sent else { continue };
            let is_overtaken = self.answered > Some(sent);
            let late = sent
                + if is_overtaken {
                    PATIENCE
                } else {
                    MOST_PATIENCE
                };
            if late > now {
                if awaited.contains(&key) {
                    next_late = Some(next_late.map_or(late, |earliest| earliest.min(late)));
                }
                continue;
            }
            let mut behind = Some(key);
            while let Some(key) = behind {
                awaited.remove(&key);
                behind = self.slots[key].next;
            }
        }
        if let Some(late) = next_late {
            self.expect_deadline(late);
        }
        !awaited.is_empty()
    }
}
