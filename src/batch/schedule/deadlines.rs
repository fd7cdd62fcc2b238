//! When callers are given up, and what becomes of their requests.

use std::mem;
use std::time::Instant;

use super::super::request::{Bulk, Expired, SweepKey, Ticket};
use super::Schedule;

impl Schedule {
    /// No caller's deadline is earlier than this.
    #[cfg(test)]
    #[must_use]
    pub fn earliest_deadline(&self) -> Option<Instant> {
        self.earliest_deadline
    }

    /// Gives up every caller whose time is up at `now`. A request that is not out yet and for which
    /// nobody waits any more is never sent.
    pub fn expire(&mut self, now: Instant) -> Vec<Expired> {
        if self.earliest_deadline.is_none_or(|earliest| earliest > now) {
            return Vec::new();
        }
        self.give_up(|deadline, _| deadline <= now)
    }

    /// Gives up every caller of what has not been sent.
    pub fn give_up_unsent(&mut self) -> Vec<Expired> {
        self.give_up(|_, was_sent| !was_sent)
    }

    /// Gives up the touches that have not been sent, and answers who waits for them.
    pub fn give_up_touches(&mut self) -> Vec<Ticket> {
        let touches = self.slots.iter_mut().filter(|(_, slot)| slot.is_touch());
        let waiters = touches.flat_map(|(_, slot)| mem::take(&mut slot.waiters));
        let tickets: Vec<Ticket> = waiters.map(|waiter| waiter.ticket).collect();
        if !tickets.is_empty() {
            self.drop_abandoned();
        }
        tickets
    }

    /// Gives up the callers of whose deadlines, and of whether what they wait for was sent, that is said.
    fn give_up(&mut self, is_over: impl Fn(Instant, bool) -> bool) -> Vec<Expired> {
        let mut expired = Vec::new();
        let mut earliest: Option<Instant> = None;
        let mut keep = |ticket: Ticket, verb: &'static str, deadline: Instant, was_sent: bool| {
            if is_over(deadline, was_sent) {
                expired.push(Expired {
                    ticket,
                    verb,
                    was_sent,
                });
                return false;
            }
            earliest = Some(earliest.map_or(deadline, |earliest| earliest.min(deadline)));
            true
        };
        for (_, slot) in &mut self.slots {
            let sent = slot.work.is_none();
            slot.waiters
                .retain(|waiter| keep(waiter.ticket, waiter.verb, waiter.deadline, sent));
        }
        let mut keeps = |bulk: &Bulk, was_sent| {
            bulk.deadline
                .is_none_or(|deadline| keep(bulk.ticket, bulk.kind.verb(), deadline, was_sent))
        };
        self.bulks
            .retain(|waiting| waiting.bulk.kind.is_sweep() || keeps(&waiting.bulk, false));
        let sweeps = self.sweeps.iter();
        let given_up: Vec<SweepKey> = sweeps
            .filter(|sweep| !keeps(&sweep.bulk, sweep.was_sent()))
            .map(|sweep| sweep.sequence)
            .collect();
        // Who is patient until then is asked again by the next look for a job.
        self.earliest_deadline = earliest;
        if !given_up.is_empty() {
            self.give_up_parts(&given_up);
        }
        self.drop_abandoned();
        expired
    }

    pub(super) fn expect_deadline(&mut self, deadline: Instant) {
        let earliest = self.earliest_deadline.get_or_insert(deadline);
        *earliest = (*earliest).min(deadline);
    }

    /// Takes requests for which nobody waits any more out of the queues.
    fn drop_abandoned(&mut self) {
        let slots = &self.slots;
        let mut abandoned = Vec::new();
        for queue in [&mut self.gets, &mut self.writes, &mut self.destroys] {
            queue.retain(|key| {
                let keeps = !slots[*key].is_abandoned();
                if !keeps {
                    abandoned.push(*key);
                }
                keeps
            });
        }
        for key in abandoned {
            self.settle(key).for_each(drop);
        }
    }
}
