//! Bulk requests that change sessions: one slice after the other, in order with what is called for each
//! session before and after.
//!
//! A sweep reads the ids of its sessions page by page. For each of them, and for each session for which
//! something is pending or is called meanwhile, it has a part: a request among those for that session.
//! So it waits for nobody but the sessions that it concerns, and only they wait for it.

use std::iter;
use std::time::{Duration, Instant};

use super::super::request::{Bulk, Finished, Job, Key, Slice, SliceKind, SweepKey, Work};
use super::super::slot::Slot;
use super::Schedule;
use super::sweep::{Ids, LATE, Sweep};
use crate::backend::{Id, Swept};
use crate::error::{Error, Result};

/// How long parts of a sweep, and what was called after it for their sessions, wait for what was called
/// before it: a count, or another sweep.
const SWEEP_PATIENCE: Duration = Duration::from_millis(50);

impl Schedule {
    /// Takes note of the ids that were read for a sweep.
    pub fn ids_read(&mut self, key: SweepKey, swept: Result<Swept>) {
        let Some(sweep) = self.sweep(key) else { return };
        if !matches!(sweep.ids, Ids::Asked(_)) {
            return;
        }
        let ids = match swept {
            Ok(swept) => {
                sweep.reads(&swept);
                let is_left = |id: &Id| !sweep.is_done_for.contains(id);
                swept.ids.into_iter().filter(is_left).collect::<Vec<_>>()
            }
            Err(error) => return self.fail_sweep(key, error),
        };
        for id in ids {
            self.push_part(key, id);
        }
    }

    /// Takes note of the outcome of a slice, whose keys have been settled or put back.
    pub fn slice_done(&mut self, key: SweepKey, kind: SliceKind, outcome: Result<u64>) {
        let Some(sweep) = self.sweep(key) else { return };
        sweep.is_back(kind);
        match (&mut sweep.outcome, outcome) {
            (Ok(count), Ok(more)) => *count += more,
            (Ok(_), Err(error)) => self.fail_sweep(key, error),
            // Which says more than that another part of it was refused.
            (outcome @ Err(_), Err(error @ Error::OutcomeUnknown(_))) => *outcome = Err(error),
            (Err(_), _) => {}
        }
    }

    /// Takes back parts of a slice that have not been carried out: one whose document another client holds,
    /// and others.
    pub fn put_back_parts(&mut self, kind: SliceKind, held: Key, others: &[Key]) {
        for (key, is_held) in iter::once((held, true)).chain(others.iter().map(|key| (*key, false)))
        {
            let slot = &mut self.slots[key];
            slot.sent = None;
            let Some(sweep) = slot.sweep else {
                self.settle(key).for_each(drop);
                continue;
            };
            slot.work = Some(Work::Sweep(sweep));
            if let Some(sweep) = self.sweep(sweep) {
                let queue = match kind {
                    _ if is_held => &mut sweep.held,
                    SliceKind::InTurn => &mut sweep.ready,
                    SliceKind::Awaited | SliceKind::Held => &mut sweep.awaited,
                };
                queue.push_back(key);
            }
        }
    }

    /// Gives a sweep more time, as it makes progress.
    pub fn extend(&mut self, key: SweepKey, deadline: Instant) {
        if let Some(sweep) = self.sweep(key) {
            sweep.bulk.deadline = sweep.bulk.deadline.max(Some(deadline));
        }
    }

    /// Until when a sweep has time, if it is pending.
    #[must_use]
    pub fn sweep_deadline(&self, key: SweepKey) -> Option<Instant> {
        let sweep = self.sweeps.iter().find(|sweep| sweep.sequence == key);
        sweep?.bulk.deadline
    }

    /// The next sweep that is over.
    pub fn next_finished(&mut self) -> Option<Finished> {
        let position = self.sweeps.iter().position(Sweep::is_finished)?;
        let sweep = self.sweeps.remove(position);
        let Sweep {
            bulk,
            outcome,
            sequence,
            ..
        } = sweep;
        // One that has failed need not have begun to read.
        self.bulks.retain(|bulk| bulk.sequence != sequence);
        Some(Finished { bulk, outcome })
    }

    /// Takes in a sweep. What is pending was called before it.
    pub(super) fn begin_sweep(&mut self, sequence: SweepKey, bulk: Bulk) {
        self.sweeps.push(Sweep::new(sequence, bulk));
        let pending: Vec<Id> = self.tails.keys().cloned().collect();
        for id in pending {
            self.sweep_before(&id);
        }
    }

    /// Has every sweep that goes on carried out for a session before what is called for it next.
    pub(super) fn sweep_before(&mut self, id: &Id) {
        for position in 0..self.sweeps.len() {
            let sweep = &mut self.sweeps[position];
            if sweep.goes_on() && sweep.is_done_for.insert(id.clone()) {
                let key = sweep.sequence;
                // The last of those for the session may be it.
                let tail = self.tails.get(id).map(|tail| &self.slots[*tail]);
                if tail.is_none_or(|tail| tail.sweep != Some(key)) {
                    self.push_part(key, id.clone());
                }
            }
        }
    }

    /// Has every sweep that goes on leave a session alone which gets this id from now on: who was meant had its
    /// part before.
    pub(super) fn sweep_spares(&mut self, id: &Id) {
        for sweep in &mut self.sweeps {
            if sweep.goes_on() {
                sweep.is_done_for.insert(id.clone());
            }
        }
    }

    /// Lets the first bulk request begin, if it is a sweep: after those that were called before it, and
    /// after what then began to read.
    pub(super) fn start_sweep(&mut self) {
        let first = self
            .bulks
            .front()
            .filter(|first| first.bulk.kind.is_sweep());
        let Some(key) = first.map(|first| first.sequence) else {
            return;
        };
        let mut before = self.sweeps.iter().take_while(|sweep| sweep.sequence != key);
        if self.bulks_in_flight == 0
            && before.all(Sweep::is_past)
            && let Some(sweep) = self.sweep(key)
            && sweep.goes_on()
        {
            sweep.ids = Ids::Due(None);
            sweep.patient_until = None;
            self.bulks.pop_front();
        }
    }

    /// The next command of a sweep. While one with a slice is under way, the ids of the next are read.
    pub(super) fn next_of_sweep(&mut self, now: Instant) -> Option<Job> {
        self.wait_to_begin(now);
        let next = |sweep: &mut Sweep| {
            let kind = sweep.next_kind(now)?;
            let keys = sweep.takes(kind, now);
            Some((kind, keys, sweep.sequence, sweep.bulk.clone()))
        };
        if let Some((kind, keys, key, bulk)) = self.sweeps.iter_mut().find_map(next) {
            let take = |key: &Key| {
                let slot = &mut self.slots[*key];
                slot.sent = Some(now);
                slot.take_id()
            };
            let ids = keys.iter().map(take).collect();
            return Some(Job::Sweep(key, bulk, Slice { kind, keys, ids }));
        }
        self.expect_late();
        self.sweeps.iter_mut().find_map(Sweep::asks)
    }

    /// Has the next slice that somebody waits for leave as soon as the one before is late.
    fn expect_late(&mut self) {
        let waiting = self.sweeps.iter().filter(|sweep| !sweep.awaited.is_empty());
        let late = waiting.filter_map(|sweep| sweep.awaited_sent).min();
        if let Some(sent) = late {
            self.expect_deadline(sent + LATE);
        }
    }

    /// Has the parts of sweeps that have not begun wait, and whoever waits for them, but not for long.
    fn wait_to_begin(&mut self, now: Instant) {
        let mut earliest = None;
        for sweep in &mut self.sweeps {
            if matches!(sweep.ids, Ids::NotBegun) {
                let until = *sweep.patient_until.get_or_insert(now + SWEEP_PATIENCE);
                let has_ready = !sweep.ready.is_empty() || !sweep.awaited.is_empty();
                if until > now && has_ready {
                    earliest = earliest.or(Some(until));
                }
            }
        }
        if let Some(until) = earliest {
            self.expect_deadline(until);
        }
    }

    pub(super) fn part_is_ready(&mut self, sweep: SweepKey, part: Key) {
        let is_awaited = self.slots[part].next.is_some();
        if let Some(sweep) = self.sweep(sweep) {
            let queue = if is_awaited {
                &mut sweep.awaited
            } else {
                &mut sweep.ready
            };
            queue.push_back(part);
        }
    }

    /// Takes note that somebody waits for a request: the part of a sweep then does not wait for others.
    pub(super) fn hurry(&mut self, key: Key) {
        let Some(Work::Sweep(sweep)) = &self.slots[key].work else {
            return;
        };
        let sweep = *sweep;
        if let Some(sweep) = self.sweep(sweep)
            && let Some(position) = sweep.ready.iter().position(|part| *part == key)
        {
            sweep.ready.remove(position);
            sweep.awaited.push_back(key);
        }
    }

    pub(super) fn part_is_done(&mut self, sweep: SweepKey) {
        if let Some(sweep) = self.sweep(sweep) {
            sweep.parts -= 1;
        }
    }

    /// Gives up sweeps that are no longer among the pending ones: what of them was not sent will not be.
    pub(super) fn give_up_parts(&mut self, keys: &[SweepKey]) {
        let mut ready = Vec::new();
        for sweep in &mut self.sweeps {
            if keys.contains(&sweep.sequence) {
                ready.extend(sweep.take_ready());
            }
        }
        self.sweeps.retain(|sweep| !keys.contains(&sweep.sequence));
        self.bulks.retain(|bulk| !keys.contains(&bulk.sequence));
        for (_, slot) in &mut self.slots {
            if slot.sweep.is_some_and(|sweep| keys.contains(&sweep)) {
                slot.sweep = None;
            }
        }
        for key in ready {
            self.settle(key).for_each(drop);
        }
    }

    fn sweep(&mut self, key: SweepKey) -> Option<&mut Sweep> {
        self.sweeps.iter_mut().find(|sweep| sweep.sequence == key)
    }

    fn push_part(&mut self, key: SweepKey, id: Id) {
        if let Some(sweep) = self.sweep(key) {
            sweep.parts += 1;
        }
        let sequence = self.sequence();
        self.enqueue(Slot {
            id,
            work: Some(Work::Sweep(key)),
            sent: None,
            is_alone: false,
            waiters: Vec::new(),
            sweep: Some(key),
            sequence,
            next: None,
        });
    }

    /// Ends a sweep that cannot be carried out: what of it was not sent will not be.
    fn fail_sweep(&mut self, key: SweepKey, error: Error) {
        let Some(sweep) = self.sweep(key) else { return };
        sweep.ids = Ids::Read;
        sweep.outcome = Err(error);
        let ready: Vec<Key> = sweep.take_ready().collect();
        for (_, slot) in &mut self.slots {
            if slot.sweep == Some(key) && slot.work.is_some() {
                slot.sweep = None;
            }
        }
        let out = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.sweep == Some(key));
        let out = out.count();
        if let Some(sweep) = self.sweep(key) {
            sweep.parts = out;
        }
        for key in ready {
            self.settle(key).for_each(drop);
        }
    }
}
