//! How many commands of a lane may be under way, and what the next one carries.

use std::collections::VecDeque;
use std::time::Instant;

use super::super::BATCH_BYTES;
use super::super::request::{Batch, Command, Key, Lane};
use super::super::slot::Slot;
use super::super::traffic::Traffic;
use super::Schedule;

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

impl Schedule {
    /// Takes note how many connections there may be. Some are left to what is not decided on here.
    pub fn set_connections(&mut self, connections: usize) {
        self.connections = Some(connections - connections / RESERVE);
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
    pub(super) fn share(&self, lane: Lane) -> usize {
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

    pub(super) fn may_send(&self, lane: Lane) -> bool {
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

    /// Takes the requests of the next command from a queue that is not empty.
    pub(super) fn take<T>(
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
}
