//! Decides which request goes when.

mod deadlines;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use slab::Slab;

use super::pace::{DocumentBytes, RoundTrip};
use super::request::{Batch, Bulk, BulkKind, Job, Key, Lane, Request, Ticket, Work};
use super::slot::{Slot, Waiter};
use super::{BATCH_BYTES, BATCH_REQUESTS};
use crate::backend::Id;

/// How many commands of a lane are in flight at most while enough requests for another one wait.
const COMMANDS_UNDER_LOAD: usize = 2;

/// So many writes are enough. The server works on two commands at once, and a write takes it longer than
/// a read. Measured: touches at 64 and 256 at once gain a fifth and more, at 16 nothing changes; with half
/// as many, the smaller batches cost more than that gains.
pub const MANY_WRITES: usize = 16;

enum Held {
    Request(Request),
    Bulk(Bulk),
}

/// All pending requests of a store.
#[derive(Default)]
pub struct Schedule {
    slots: Slab<Slot>,
    /// The last request for each session that has any.
    tails: HashMap<Id, Key>,
    gets: VecDeque<Key>,
    writes: VecDeque<Key>,
    destroys: VecDeque<Key>,
    reads_in_flight: usize,
    writes_in_flight: usize,
    bulks: VecDeque<(u64, Bulk)>,
    bulks_in_flight: usize,
    /// Whether an exclusive bulk request waits or runs; what comes meanwhile is held.
    exclusive: bool,
    held: VecDeque<Held>,
    /// Whether the exclusive bulk request that runs is one for which nobody waits any more.
    is_abandoned: bool,
    next_sequence: u64,
    /// No caller's deadline is earlier than this.
    earliest_deadline: Option<Instant>,
    document_bytes: DocumentBytes,
    round_trip: RoundTrip,
}

impl Schedule {
    /// Takes in a request.
    pub fn push(&mut self, request: Request) {
        self.expect_deadline(request.deadline);
        if self.exclusive {
            self.held.push_back(Held::Request(request));
            return;
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
        let key = self.slots.insert(Slot {
            id: request.id.clone(),
            work: Some(request.work),
            waiters: vec![waiter],
            sequence,
            next: None,
        });
        self.tails.insert(request.id, key);
        match tail {
            Some(tail) => self.slots[tail].next = Some(key),
            None => self.make_ready(key),
        }
    }

    /// Takes in a bulk request.
    pub fn push_bulk(&mut self, bulk: Bulk) {
        if let Some(deadline) = bulk.deadline {
            self.expect_deadline(deadline);
        }
        if self.exclusive {
            self.held.push_back(Held::Bulk(bulk));
            return;
        }
        self.exclusive = bulk.kind.is_exclusive();
        let sequence = self.sequence();
        self.bulks.push_back((sequence, bulk));
    }

    /// The next command that may be sent now, if any.
    pub fn next_job(&mut self) -> Option<Job> {
        if self.may_send(Lane::Read) && !self.gets.is_empty() {
            let most = self.document_bytes.batch_size();
            self.reads_in_flight += 1;
            return Some(Job::Get(self.take(
                most,
                |schedule| &mut schedule.gets,
                Slot::take_id,
            )));
        }
        if self.may_send(Lane::Write) {
            let called = |queue: &VecDeque<Key>| queue.front().map(|key| self.slots[*key].sequence);
            let write = called(&self.writes);
            let destroy = called(&self.destroys);
            if write.is_some() || destroy.is_some() {
                self.writes_in_flight += 1;
            }
            if write.is_some() && (destroy.is_none() || write < destroy) {
                let batch = self.take(
                    BATCH_REQUESTS,
                    |schedule| &mut schedule.writes,
                    Slot::take_write,
                );
                return Some(Job::Write(batch));
            }
            if destroy.is_some() {
                let batch = self.take(
                    BATCH_REQUESTS,
                    |schedule| &mut schedule.destroys,
                    Slot::take_id,
                );
                return Some(Job::Destroy(batch));
            }
        }
        let bulk = self.next_close().or_else(|| self.next_bulk());
        bulk.map(Job::Bulk)
    }

    /// Takes note that the command of a batch with so many requests has come back, and after what
    /// time. Each of them is then settled with [`settle`](Self::settle).
    pub fn command_done(&mut self, lane: Lane, requests: usize, elapsed: Duration) {
        self.round_trip.saw(lane, requests, elapsed);
        match lane {
            Lane::Read => self.reads_in_flight -= 1,
            Lane::Write => self.writes_in_flight -= 1,
        }
    }

    /// Whether as many commands of a lane are in flight as may be for single requests.
    #[must_use]
    pub fn is_full(&self, lane: Lane) -> bool {
        self.in_flight(lane) >= self.round_trip.commands()
    }

    fn in_flight(&self, lane: Lane) -> usize {
        match lane {
            Lane::Read => self.reads_in_flight,
            Lane::Write => self.writes_in_flight,
        }
    }

    fn may_send(&self, lane: Lane) -> bool {
        !self.is_full(lane) || (self.in_flight(lane) < COMMANDS_UNDER_LOAD && self.has_enough(lane))
    }

    /// Whether so many requests of a lane wait that they are worth a command of their own.
    fn has_enough(&self, lane: Lane) -> bool {
        if lane == Lane::Read {
            return self.gets.len() >= self.document_bytes.batch_size();
        }
        let mut bytes = 0;
        self.writes.len() + self.destroys.len() >= MANY_WRITES
            || self.writes.iter().any(|key| {
                bytes += self.slots[*key].size();
                bytes > BATCH_BYTES
            })
    }

    /// Removes a request whose outcome is known, lets the next one for its session go, and answers
    /// who waits for the outcome and what they have called.
    pub fn settle(&mut self, key: Key) -> impl Iterator<Item = (Ticket, &'static str)> + use<> {
        let slot = self.slots.remove(key);
        match slot.next {
            Some(next) => self.make_ready(next),
            None => {
                self.tails.remove(&slot.id);
            }
        }
        let waiters = slot.waiters.into_iter();
        waiters.map(|waiter| (waiter.ticket, waiter.verb))
    }

    /// Takes note that nobody waits any more for the exclusive bulk request that runs. What was called
    /// after it still does, but not the end of the store.
    pub fn abandon_bulk(&mut self) {
        self.is_abandoned = true;
    }

    /// Takes note that a bulk request is done.
    pub fn bulk_done(&mut self, kind: &BulkKind) {
        self.bulks_in_flight -= 1;
        if kind.is_exclusive() {
            self.is_abandoned &= *kind == BulkKind::Close;
            self.release_held();
        }
    }

    /// Takes note of the size of a document that was read.
    pub fn saw_document(&mut self, bytes: usize) {
        self.document_bytes.saw(bytes);
    }

    /// Whether nobody waits for anything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.slots.iter().all(|(_, slot)| slot.is_abandoned())
            && self.bulks.is_empty()
            && self.bulks_in_flight == 0
            && self.held.is_empty()
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
        match self.slots[key].work {
            Some(Work::Get) => self.gets.push_back(key),
            Some(Work::Write { .. }) => self.writes.push_back(key),
            Some(Work::Destroy) => self.destroys.push_back(key),
            None => {}
        }
    }

    /// Takes the requests of the next command from a queue that is not empty.
    fn take<T>(
        &mut self,
        most: usize,
        queue: impl Fn(&mut Self) -> &mut VecDeque<Key>,
        item: impl Fn(&mut Slot) -> T,
    ) -> Batch<T> {
        let mut batch = Batch {
            keys: Vec::new(),
            items: Vec::new(),
            deadline: None,
        };
        let mut bytes = 0;
        while batch.keys.len() < most
            && let Some(&key) = queue(self).front()
        {
            let slot = &mut self.slots[key];
            bytes += slot.size();
            if bytes > BATCH_BYTES && !batch.keys.is_empty() {
                break;
            }
            let latest = slot.waiters.iter().map(|waiter| waiter.deadline).max();
            batch.deadline = batch.deadline.max(latest);
            batch.keys.push(key);
            batch.items.push(item(slot));
            queue(self).pop_front();
        }
        batch
    }

    /// The end of the store, if nothing else is to be done before it.
    pub fn next_close(&mut self) -> Option<Bulk> {
        let is_close = |bulk: &Bulk| bulk.kind == BulkKind::Close;
        if self.bulks.front().is_some_and(|(_, bulk)| is_close(bulk)) {
            return self.next_bulk();
        }
        match self.held.front() {
            Some(Held::Bulk(bulk)) if self.is_abandoned && is_close(bulk) => {
                let close = bulk.clone();
                self.held.pop_front();
                self.bulks_in_flight += 1;
                Some(close)
            }
            _ => None,
        }
    }

    /// The first bulk request, once all that was called before it is settled. One that has been given
    /// up and may still be carried out could undo what a request for all sessions does; nothing else
    /// waits for it.
    fn next_bulk(&mut self) -> Option<Bulk> {
        let (sequence, bulk) = self.bulks.front()?;
        let is_undone = bulk.kind.is_exclusive() && bulk.kind != BulkKind::Close;
        let is_awaited =
            |slot: &Slot| slot.sequence < *sequence && (is_undone || !slot.is_abandoned());
        if self.slots.iter().any(|(_, slot)| is_awaited(slot))
            || (bulk.kind.is_exclusive() && self.bulks_in_flight > 0)
        {
            return None;
        }
        self.bulks_in_flight += 1;
        self.bulks.pop_front().map(|(_, bulk)| bulk)
    }

    fn release_held(&mut self) {
        self.exclusive = false;
        for held in std::mem::take(&mut self.held) {
            match held {
                Held::Request(request) => self.push(request),
                Held::Bulk(bulk) => self.push_bulk(bulk),
            }
        }
    }
}
