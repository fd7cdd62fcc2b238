//! Bulk requests that change sessions: one slice after the other, in order with what is called for each
//! session before and after.
//!
//! A sweep reads the ids of its sessions page by page. For each of them, and for each session for which
//! something is pending or is called meanwhile, it has a part: a request among those for that session.
//! So it waits for nobody but the sessions that it concerns, and only they wait for it.

use std::collections::{HashSet, VecDeque};
use std::mem;
use std::time::{Duration, Instant};

use super::super::SLICE;
use super::super::request::{Bulk, Finished, Job, Key, Slice, SweepKey, Work};
use super::super::slot::Slot;
use super::Schedule;
use crate::backend::{Id, Swept};
use crate::error::{Error, Result};

/// How long parts of a sweep, and what was called after it for their sessions, wait for what was called
/// before it: a count, or another sweep.
const SWEEP_PATIENCE: Duration = Duration::from_millis(50);

/// A sweep that is pending.
pub(super) struct Sweep {
    pub bulk: Bulk,
    /// The order of calls, by which it is named.
    pub sequence: SweepKey,
    ids: Ids,
    /// The sessions that have had their part outside of a page: what is called for them is later.
    is_done_for: HashSet<Id>,
    /// Parts whose turn has come.
    ready: VecDeque<Key>,
    /// How many parts are not settled.
    parts: usize,
    /// Until when they wait for what was called before, if that is not done.
    pub patient_until: Option<Instant>,
    /// Whether a command with some of them is under way.
    is_out: bool,
    /// Whether anything was sent.
    was_sent: bool,
    outcome: Result<u64>,
}

/// How far the ids of a sweep have been read.
enum Ids {
    /// Something was called before that has to be done first.
    NotBegun,
    /// Those behind this one are to be read next.
    Due(Option<Id>),
    /// They are being read, or have been: behind this one.
    Asked(Option<Id>),
    /// All of them.
    Read,
}

impl Sweep {
    /// Whether it has sessions for more than one page.
    pub fn is_large(&self) -> bool {
        matches!(self.ids, Ids::Due(Some(_)) | Ids::Asked(Some(_)))
    }

    pub fn was_sent(&self) -> bool {
        self.was_sent
    }

    /// Whether sessions for which something is called now have a part in it.
    pub fn goes_on(&self) -> bool {
        !matches!(self.ids, Ids::Read)
    }

    fn is_finished(&self) -> bool {
        !self.goes_on() && self.parts == 0 && !self.is_out
    }
}

impl Schedule {
    /// Takes note of the ids that were read for a sweep.
    pub fn ids_read(&mut self, key: SweepKey, swept: Result<Swept>) {
        let Some(sweep) = self.sweep(key) else { return };
        if !matches!(sweep.ids, Ids::Asked(_)) {
            return;
        }
        let ids = match swept {
            Ok(Swept { ids, next }) => {
                sweep.ids = next.map_or(Ids::Read, |next| Ids::Due(Some(next)));
                let is_left = |id: &Id| !sweep.is_done_for.contains(id);
                ids.into_iter().filter(is_left).collect::<Vec<_>>()
            }
            Err(error) => return self.fail_sweep(key, error),
        };
        for id in ids {
            self.push_part(key, id);
        }
    }

    /// Takes note of the outcome of a slice, whose keys have been settled.
    pub fn slice_done(&mut self, key: SweepKey, outcome: Result<u64>) {
        let Some(sweep) = self.sweep(key) else { return };
        sweep.is_out = false;
        match (&mut sweep.outcome, outcome) {
            (Ok(count), Ok(more)) => *count += more,
            (Ok(_), Err(error)) => self.fail_sweep(key, error),
            (Err(_), _) => {}
        }
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
        self.sweeps.push(Sweep {
            bulk,
            sequence,
            ids: Ids::NotBegun,
            is_done_for: HashSet::new(),
            ready: VecDeque::new(),
            parts: 0,
            patient_until: None,
            is_out: false,
            was_sent: false,
            outcome: Ok(0),
        });
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
                self.push_part(key, id.clone());
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
        if self.bulks_in_flight == 0
            && let Some(sweep) = self.sweeps.first_mut()
            && sweep.sequence == key
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
        let can_send = |sweep: &&mut Sweep| {
            let begins = sweep.patient_until.is_none_or(|until| until <= now);
            begins && !sweep.is_out && !sweep.ready.is_empty()
        };
        if let Some(sweep) = self.sweeps.iter_mut().find(can_send) {
            let keys: Vec<Key> = sweep.ready.drain(..sweep.ready.len().min(SLICE)).collect();
            sweep.is_out = true;
            sweep.was_sent = true;
            let (key, bulk) = (sweep.sequence, sweep.bulk.clone());
            let take = |key: &Key| {
                let slot = &mut self.slots[*key];
                slot.sent = Some(now);
                slot.take_id()
            };
            let ids = keys.iter().map(take).collect();
            return Some(Job::Sweep(key, bulk, Slice { keys, ids }));
        }
        let can_ask =
            |sweep: &&mut Sweep| matches!(sweep.ids, Ids::Due(_)) && sweep.ready.is_empty();
        let sweep = self.sweeps.iter_mut().find(can_ask)?;
        let Ids::Due(after) = &sweep.ids else {
            return None;
        };
        let after = after.clone();
        sweep.ids = Ids::Asked(after.clone());
        Some(Job::Ids(sweep.sequence, sweep.bulk.clone(), after))
    }

    /// Has the parts of sweeps that have not begun wait, and whoever waits for them, but not for long.
    fn wait_to_begin(&mut self, now: Instant) {
        let mut earliest = None;
        for sweep in &mut self.sweeps {
            if matches!(sweep.ids, Ids::NotBegun) {
                let until = *sweep.patient_until.get_or_insert(now + SWEEP_PATIENCE);
                if until > now && !sweep.ready.is_empty() {
                    earliest = earliest.or(Some(until));
                }
            }
        }
        if let Some(until) = earliest {
            self.expect_deadline(until);
        }
    }

    pub(super) fn part_is_ready(&mut self, sweep: SweepKey, part: Key) {
        // Those that are asked for one by one come after a page, and somebody waits for them.
        if let Some(sweep) = self.sweep(sweep) {
            sweep.ready.push_front(part);
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
                ready.extend(mem::take(&mut sweep.ready));
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
        let ready = mem::take(&mut sweep.ready);
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
