//! Decides which request goes when.

mod deadlines;
mod sweeps;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use slab::Slab;

use self::sweeps::Sweep;
use super::pace::{DocumentBytes, RoundTrip};
use super::request::{Batch, Bulk, BulkKind, Command, Job, Key, Lane, Request, Work};
use super::slot::{Slot, Waiter};
use super::traffic::Traffic;
use super::{BATCH_BYTES, BATCH_REQUESTS};
use crate::backend::Id;

/// How many commands of a lane are in flight at most while enough requests for another one wait.
const COMMANDS_UNDER_LOAD: usize = 2;

/// So many writes are enough. The server works on two commands at once, and a write takes it longer than
/// a read. Measured: touches at 64 and 256 at once gain a fifth and more, at 16 nothing changes; with half
/// as many, the smaller batches cost more than that gains.
pub const MANY_WRITES: usize = 16;

/// How many further commands of its lane may be under way for each that is late, and what waits is
/// distributed among them. What one session does to its command then happens to few others; a server
/// that is late with everything is not asked by all at once.
pub const COMMANDS_FOR_LATE: usize = 4;

/// Which share of the connections lists, signs of life and indexes find free.
const RESERVE: usize = 8;

/// A bulk request that has not begun.
struct WaitingBulk {
    bulk: Bulk,
    /// The order of calls.
    sequence: u64,
}

/// How long a command about single sessions may be under way until what is about all sessions, and was
/// called after it, does not wait for it any more: where the server has answered what was sent later, and
/// in any case.
pub const PATIENCE: Duration = Duration::from_millis(1500);
pub const MOST_PATIENCE: Duration = Duration::from_secs(6);

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
    /// Takes note how many connections there may be. Some are left to what is not decided on here.
    pub fn set_connections(&mut self, connections: usize) {
        self.connections = Some(connections - connections / RESERVE);
    }

    /// Takes in a request.
    pub fn push(&mut self, request: Request) {
        self.expect_deadline(request.deadline);
        if !self.sweeps.is_empty() {
            self.sweep_before(&request.id);
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

    /// Takes note that the command of a batch has come back or was given up. Each of its requests is
    /// then settled with [`settle`](Self::settle).
    pub fn command_done(&mut self, command: Command, now: Instant) {
        let Command { lane, place } = command;
        let (requests, elapsed) = self.traffic[lane as usize].done(lane, place, now);
        self.round_trip.saw(lane, requests, elapsed);
    }

    /// Takes note that nobody waits for a command any more that goes on.
    pub fn abandon(&mut self, command: Command) {
        self.traffic[command.lane as usize].abandon(command.place);
    }

    /// Takes note of the time: what has been under way for longer than usual holds up nobody from now on.
    pub fn mark_late(&mut self, now: Instant) {
        for traffic in &mut self.traffic {
            traffic.mark_late(now);
        }
    }

    /// When [`mark_late`](Self::mark_late) or [`expire`](Self::expire) have to be called next.
    #[must_use]
    pub fn next_moment(&self) -> Option<Instant> {
        let late = self.traffic.iter().filter_map(Traffic::next_late);
        late.chain(self.earliest_deadline).min()
    }

    /// Whether as many commands of a lane are in flight as may be for single requests.
    #[must_use]
    pub fn is_full(&self, lane: Lane) -> bool {
        self.traffic(lane).in_time() >= self.commands(lane) || !self.has_connection(lane)
    }

    /// Whether there is a connection for another command. Those of commands for which nobody waits any
    /// more may have been replaced by now.
    fn has_connection(&self, lane: Lane) -> bool {
        self.free_connections() > 0 || !self.traffic(lane).is_awaited()
    }

    fn free_connections(&self) -> usize {
        let under_way = self.traffic.iter().map(Traffic::len).sum();
        let most = self.connections.unwrap_or(usize::MAX);
        most.saturating_sub(under_way)
    }

    fn traffic(&self, lane: Lane) -> &Traffic {
        &self.traffic[lane as usize]
    }

    /// How many commands of a lane may be under way beside those that are late.
    fn commands(&self, lane: Lane) -> usize {
        self.round_trip.commands() + COMMANDS_FOR_LATE * self.traffic(lane).late()
    }

    /// How many of the requests that wait the next command may have.
    fn share(&self, lane: Lane) -> usize {
        if self.traffic(lane).late() == 0 {
            return usize::MAX;
        }
        let waiting = match lane {
            Lane::Read => self.gets.len(),
            Lane::Write => self.writes.len() + self.destroys.len(),
        };
        // Where everything is late there are few, and what waits leaves together as ever.
        let free = self
            .commands(lane)
            .saturating_sub(self.traffic(lane).in_time())
            .min(self.free_connections());
        waiting.div_ceil(free.max(1)).max(1)
    }

    fn may_send(&self, lane: Lane) -> bool {
        !self.is_full(lane)
            || (self.traffic(lane).in_time() < COMMANDS_UNDER_LOAD
                && self.has_connection(lane)
                && self.has_enough(lane))
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

    /// Takes note that a bulk request that was one command is done.
    pub fn bulk_done(&mut self) {
        self.bulks_in_flight -= 1;
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

    /// Takes the requests of the next command from a queue that is not empty.
    fn take<T>(
        &mut self,
        lane: Lane,
        most: usize,
        now: Instant,
        queue: impl Fn(&mut Self) -> &mut VecDeque<Key>,
        item: impl Fn(&mut Slot) -> T,
    ) -> Batch<T> {
        let (mut keys, mut items, mut deadline) = (Vec::new(), Vec::new(), None);
        let (mut bytes, mut calls) = (0, 0);
        while keys.len() < most
            && let Some(&key) = queue(self).front()
        {
            let slot = &mut self.slots[key];
            bytes += slot.size();
            let is_alone = slot.is_alone;
            if (is_alone || bytes > BATCH_BYTES) && !keys.is_empty() {
                break;
            }
            let latest = slot.waiters.iter().map(|waiter| waiter.deadline).max();
            deadline = deadline.max(latest);
            calls += slot.waiters.len();
            keys.push(key);
            items.push(item(slot));
            slot.sent = Some(now);
            queue(self).pop_front();
            if is_alone {
                break;
            }
        }
        let (place, late_after) = self.traffic[lane as usize].sent(lane, keys.len(), now);
        Batch {
            command: Command { lane, place },
            keys,
            items,
            calls,
            deadline,
            late_after,
        }
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
    fn next_bulk(&mut self, now: Instant) -> Option<Bulk> {
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
