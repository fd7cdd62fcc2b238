//! How far a bulk request is that changes sessions, and which of its slices may leave.

use std::collections::{HashSet, VecDeque};
use std::mem;
use std::time::{Duration, Instant};

use super::super::SLICE;
use super::super::request::{Bulk, Job, Key, SliceKind, SweepKey};
use crate::backend::{Id, Swept};
use crate::error::Result;

/// How many sessions of a sweep, each held by another client, are waited for at the same time.
const HELD: usize = 4;

/// How often the ids of a sweep are read at most, where sessions get new ones meanwhile that lie before those
/// which are read next. Each time is much shorter than the one before.
const MOST_PASSES: usize = 4;

/// A slice that somebody waits for and that is under way for longer holds up the next one no more.
pub const LATE: Duration = Duration::from_millis(20);

/// A sweep that is pending.
pub struct Sweep {
    /// What was called.
    pub bulk: Bulk,
    /// The order of calls, by which it is named.
    pub sequence: SweepKey,
    /// How far its ids have been read.
    pub ids: Ids,
    /// How often they have been read to their end, and how many have been read since.
    passes: usize,
    found: usize,
    /// The sessions that have had their part outside of a page: what is called for them is later.
    pub is_done_for: HashSet<Id>,
    /// Parts whose turn has come.
    pub ready: VecDeque<Key>,
    /// Those of them for which somebody waits.
    pub awaited: VecDeque<Key>,
    /// Those whose documents other clients hold.
    pub held: VecDeque<Key>,
    /// How many parts are not settled.
    pub parts: usize,
    /// Until when they wait for what was called before, if that is not done.
    pub patient_until: Option<Instant>,
    /// Whether a command with some of them is under way.
    is_out: bool,
    /// How many commands are with some that somebody waits for.
    awaited_out: usize,
    /// When the last of these was sent.
    pub awaited_sent: Option<Instant>,
    /// The same with some that other clients hold.
    held_out: usize,
    /// Whether anything was sent.
    was_sent: bool,
    /// For how many sessions it was carried out, or what went wrong first.
    pub outcome: Result<u64>,
}

/// How far the ids of a sweep have been read.
pub enum Ids {
    /// Something was called before that has to be done first.
    NotBegun,
    /// Those behind this one are to be read next.
    Due(Option<Id>),
    /// They are being read, or have been: behind this one.
    Asked(Option<Id>),
    /// All of them, but sessions may have moved behind the reader: they are read once more when those that were
    /// read are done.
    Passed,
    /// All of them.
    Read,
}

impl Sweep {
    /// One that has not begun.
    pub fn new(sequence: SweepKey, bulk: Bulk) -> Self {
        Self {
            bulk,
            sequence,
            ids: Ids::NotBegun,
            passes: 0,
            found: 0,
            is_done_for: HashSet::new(),
            ready: VecDeque::new(),
            awaited: VecDeque::new(),
            held: VecDeque::new(),
            parts: 0,
            patient_until: None,
            is_out: false,
            awaited_out: 0,
            awaited_sent: None,
            held_out: 0,
            was_sent: false,
            outcome: Ok(0),
        }
    }

    /// Whether it has sessions for more than one page.
    pub fn is_large(&self) -> bool {
        matches!(
            self.ids,
            Ids::Due(Some(_)) | Ids::Asked(Some(_)) | Ids::Passed
        )
    }

    /// Whether anything of it was sent.
    pub fn was_sent(&self) -> bool {
        self.was_sent
    }

    /// Whether sessions for which something is called now have a part in it.
    pub fn goes_on(&self) -> bool {
        !matches!(self.ids, Ids::Read)
    }

    /// Takes note of the next of its ids.
    pub fn reads(&mut self, swept: &Swept) {
        self.found += swept.ids.len();
        let is_last_of_several = swept.next.is_none() && self.is_large();
        self.ids = match &swept.next {
            Some(next) => Ids::Due(Some(next.clone())),
            None if is_last_of_several
                && swept.may_have_moved
                && self.found > 0
                && self.passes + 1 < MOST_PASSES =>
            {
                self.passes += 1;
                self.found = 0;
                Ids::Passed
            }
            None => Ids::Read,
        };
    }

    /// The command that reads the next of its ids, if they are to be read now.
    pub fn asks(&mut self) -> Option<Job> {
        let after = match &self.ids {
            Ids::Due(after) if self.ready.is_empty() => after.clone(),
            Ids::Passed if self.parts == 0 => None,
            _ => return None,
        };
        self.ids = Ids::Asked(after.clone());
        Some(Job::Ids(self.sequence, self.bulk.clone(), after))
    }

    /// Whether nothing of it is left to do.
    pub fn is_finished(&self) -> bool {
        self.is_past() && self.parts == 0 && self.held.is_empty() && self.held_out == 0
    }

    /// Whether it is done but for sessions that are waited for one by one.
    pub fn is_past(&self) -> bool {
        let waiting = self.ready.len() + self.awaited.len() + self.awaited_out;
        !self.goes_on() && waiting == 0 && !self.is_out
    }

    /// Why the next slice may leave, if one may.
    pub fn next_kind(&self, now: Instant) -> Option<SliceKind> {
        let is_late = |sent| sent + LATE <= now;
        if self.patient_until.is_some_and(|until| until > now) {
            None
        } else if !self.held.is_empty() && self.held_out < HELD {
            Some(SliceKind::Held)
        } else if !self.awaited.is_empty()
            && (self.awaited_out == 0 || self.awaited_sent.is_none_or(is_late))
        {
            Some(SliceKind::Awaited)
        } else if !self.ready.is_empty() && !self.is_out {
            Some(SliceKind::InTurn)
        } else {
            None
        }
    }

    /// Takes note that such a slice is sent.
    pub fn takes(&mut self, kind: SliceKind, now: Instant) -> Vec<Key> {
        let (queue, most) = match kind {
            SliceKind::InTurn => {
                self.is_out = true;
                (&mut self.ready, SLICE)
            }
            SliceKind::Awaited => {
                self.awaited_out += 1;
                self.awaited_sent = Some(now);
                (&mut self.awaited, SLICE)
            }
            SliceKind::Held => {
                self.held_out += 1;
                (&mut self.held, 1)
            }
        };
        self.was_sent = true;
        queue.drain(..queue.len().min(most)).collect()
    }

    /// Takes note that such a slice is back.
    pub fn is_back(&mut self, kind: SliceKind) {
        match kind {
            SliceKind::InTurn => self.is_out = false,
            SliceKind::Awaited => self.awaited_out -= 1,
            SliceKind::Held => self.held_out -= 1,
        }
    }

    /// Takes all parts whose turn has come.
    pub fn take_ready(&mut self) -> impl Iterator<Item = Key> + use<> {
        let queues = [&mut self.ready, &mut self.awaited, &mut self.held];
        queues.map(mem::take).into_iter().flatten()
    }
}
