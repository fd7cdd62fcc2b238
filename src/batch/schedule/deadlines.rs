//! When callers are given up, and what becomes of their requests.

use std::time::Instant;

use super::super::request::{Expired, Ticket};
use super::{Held, Schedule};

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
        let mut expired = Vec::new();
        if self.earliest_deadline.is_none_or(|earliest| earliest > now) {
            return expired;
        }
        let mut earliest: Option<Instant> = None;
        let mut keep = |ticket: Ticket, verb: &'static str, deadline: Instant, was_sent: bool| {
            if deadline <= now {
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
        self.held.retain(|held| match held {
            Held::Request(request) => keep(request.ticket, request.verb, request.deadline, false),
            Held::Bulk(bulk) => bulk
                .deadline
                .is_none_or(|deadline| keep(bulk.ticket, bulk.kind.verb(), deadline, false)),
        });
        let mut gave_up_exclusive = false;
        self.bulks.retain(|(_, bulk)| {
            let keeps = bulk
                .deadline
                .is_none_or(|deadline| keep(bulk.ticket, bulk.kind.verb(), deadline, false));
            gave_up_exclusive |= !keeps && bulk.kind.is_exclusive();
            keeps
        });
        self.earliest_deadline = earliest;
        self.drop_abandoned();
        if gave_up_exclusive {
            self.release_held();
        }
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
