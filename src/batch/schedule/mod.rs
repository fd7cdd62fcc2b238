//! Decides which request goes when.

pub(super) mod bulks;
mod deadlines;
pub(super) mod lanes;
mod sweep;
mod sweeps;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use slab::Slab;

use self::bulks::WaitingBulk;
use self::sweep::Sweep;
use super::BATCH_REQUESTS;
use super::pace::{DocumentBytes, RoundTrip};
use super::request::{Job, Key, Lane, Request, Work};
use super::slot::{Slot, Waiter};
use super::traffic::Traffic;
use crate::backend::Id;

/// All pending requests of a store.
#[derive(Default)]
pub struct Schedule {
    slots: Slab<Slot>,
    /// The last request for each session that has any.
    tails: HashMap<Id, Key>,
    gets: VecDeque<Key>,
    writes: VecDeque<Key>,
    destroys: VecDeque<Key>,
    /// By their lanes.
    traffic: [Traffic; 2],
    /// How many connections there may be, if that is limited.
    connections: Option<usize>,
    /// Those that have not begun.
    bulks: VecDeque<WaitingBulk>,
    bulks_in_flight: usize,
    /// In the order in which they were called. Those that have not begun are among `bulks` as well.
    sweeps: Vec<Sweep>,
    next_sequence: u64,
    /// When that was sent which was sent last of what has been answered.
    answered: Option<Instant>,
    /// No caller's deadline is earlier than this.
    earliest_deadline: Option<Instant>,
    document_bytes: DocumentBytes,
    round_trip: RoundTrip,
}

impl Schedule {
    /// Takes in a request.
    pub fn push(&mut self, request: Request) {
        self.expect_deadline(request.deadline);
        if !self.sweeps.is_empty() {
            self.sweep_before(&request.id);
            if let Some(id) = request.work.new_id() {
                self.sweep_spares(id);
            }
        }
        let waiter = Waiter {
            ticket: request.ticket,
            verb: request.verb,
            deadline: request.deadline,
        };
        let tail = self.tails.get(&request.id).copied();
        if let Some(slot) = tail.and_then(|tail| self.slots.get_mut(tail))
            && slot.coalesce(&request.work)
        {
            slot.waiters.push(waiter);
            return;
        }
        let sequence = self.sequence();
        self.enqueue(Slot {
            id: request.id,
            work: Some(request.work),
            sent: None,
            is_alone: false,
            waiters: vec![waiter],
            sweep: None,
            sequence,
            next: None,
        });
    }

    /// Puts a request behind those for its session.
    fn enqueue(&mut self, slot: Slot) {
        let id = slot.id.clone();
        let key = self.slots.insert(slot);
        match self.tails.insert(id, key) {
            Some(tail) => {
                self.slots[tail].next = Some(key);
                self.hurry(tail);
            }
            None => self.make_ready(key),
        }
    }

    /// The next command that may be sent now, if any.
    pub fn next_job(&mut self, now: Instant) -> Option<Job> {
        if self.may_send(Lane::Read) && !self.gets.is_empty() {
            let most = self.document_bytes.batch_size();
            let most = most.min(self.share(Lane::Read));
            return Some(Job::Get(self.take(
                Lane::Read,
                most,
                now,
                |schedule| &mut schedule.gets,
                Slot::take_id,
            )));
        }
        if self.may_send(Lane::Write) {
            let called = |queue: &VecDeque<Key>| queue.front().map(|key| self.slots[*key].sequence);
            let write = called(&self.writes);
            let destroy = called(&self.destroys);
            let most = BATCH_REQUESTS.min(self.share(Lane::Write));
            if write.is_some() && (destroy.is_none() || write < destroy) {
                let batch = self.take(
                    Lane::Write,
                    most,
                    now,
                    |schedule| &mut schedule.writes,
                    Slot::take_write,
                );
                return Some(Job::Write(batch));
            }
            if destroy.is_some() {
                let batch = self.take(
                    Lane::Write,
                    most,
                    now,
                    |schedule| &mut schedule.destroys,
                    Slot::take_id,
                );
                return Some(Job::Destroy(batch));
            }
        }
        let bulk = self.next_bulk(now).map(Job::Bulk);
        bulk.or_else(|| self.next_of_sweep(now))
    }

    /// When [`mark_late`](Self::mark_late) or [`expire`](Self::expire) have to be called next.
    #[must_use]
    pub fn next_moment(&self) -> Option<Instant> {
        let late = self.traffic.iter().filter_map(Traffic::next_late);
        late.chain(self.earliest_deadline).min()
    }

    /// Removes a request whose outcome is known, lets the next one for its session go, and answers
    /// who waits for the outcome.
    pub fn settle(&mut self, key: Key) -> std::vec::IntoIter<Waiter> {
        let slot = self.slots.remove(key);
        self.answered = self.answered.max(slot.sent);
        if let Some(sweep) = slot.sweep {
            self.part_is_done(sweep);
        }
        match slot.next {
            Some(next) => self.make_ready(next),
            None => {
                self.tails.remove(&slot.id);
            }
        }
        slot.waiters.into_iter()
    }

    /// Takes back what has changed nothing, because another client holds its document, or that of another
    /// request of its command. It leaves alone, and then waits for as long as its callers: together, those
    /// that only shared the command could meet the next document that is held.
    pub fn put_back(&mut self, key: Key, work: Work) {
        let slot = &mut self.slots[key];
        if slot.is_abandoned() {
            self.settle(key).for_each(drop);
            return;
        }
        let queue = match work {
            Work::Destroy => &mut self.destroys,
            _ => &mut self.writes,
        };
        queue.push_front(key);
        slot.work = Some(work);
        slot.is_alone = true;
        slot.sent = None;
    }

    /// Takes note of the size of a document that was read.
    pub fn saw_document(&mut self, bytes: usize) {
        self.document_bytes.saw(bytes);
    }

    /// Who waits for these requests.
    pub fn waiters<'a>(&'a self, keys: &'a [Key]) -> impl Iterator<Item = &'a Waiter> {
        keys.iter().flat_map(|key| &self.slots[*key].waiters)
    }

    /// How many requests wait for a command.
    #[must_use]
    pub fn queued(&self) -> usize {
        let under_way: usize = self.traffic.iter().map(Traffic::requests).sum();
        self.slots.len().saturating_sub(under_way) + self.bulks.len()
    }

    /// The fastest round trip of late, if one is known.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip.fastest()
    }

    /// Whether nobody waits for anything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.slots.iter().all(|(_, slot)| slot.is_abandoned())
            && self.bulks.is_empty()
            && self.bulks_in_flight == 0
            && self.sweeps.is_empty()
    }

    /// Whether nothing is left of any request, abandoned ones included.
    #[cfg(test)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.tails.is_empty() && self.is_idle()
    }

    fn sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence
    }

    /// Puts the first request for a session where the next command finds it, skipping those for
    /// which nobody waits any more.
    fn make_ready(&mut self, mut key: Key) {
        while self.slots[key].is_abandoned() {
            let slot = self.slots.remove(key);
            let Some(next) = slot.next else {
                self.tails.remove(&slot.id);
                return;
            };
            key = next;
        }
        match &self.slots[key].work {
            Some(Work::Get) => self.gets.push_back(key),
            Some(Work::Write { .. } | Work::Again(_)) => self.writes.push_back(key),
            Some(Work::Destroy) => self.destroys.push_back(key),
            Some(Work::Sweep(sweep)) => {
                let sweep = *sweep;
                self.part_is_ready(sweep, key);
            }
            None => {}
        }
    }
}
