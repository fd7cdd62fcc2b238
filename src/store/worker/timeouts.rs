//! Whose time is up: callers whose deadline has come, and all who wait when an outage begins.

use super::super::deadline::ANSWER;
use super::Worker;

impl Worker {
    /// Tells who waits when an outage begins that there is no use in it.
    pub(super) fn end_waiting(&mut self) {
        let Some(outage) = self.health.outage() else {
            return;
        };
        let latest = std::time::Instant::now() + self.config.operation_timeout;
        for ended in self.schedule.expire(latest) {
            if ended.was_sent {
                self.answer(ended.ticket, Err(outage.clone()));
            } else {
                self.refuse(ended.ticket, outage.clone());
            }
        }
    }

    /// Tells callers whose deadline has come that their time is up.
    pub(super) fn expire(&mut self) {
        let now = std::time::Instant::now();
        for expired in self.schedule.expire(now) {
            if let Some(called) = now.checked_sub(self.config.operation_timeout) {
                self.answered.push((expired.verb, called));
            }
            let timeout = |waited_for| self.timeout(expired.verb, waited_for);
            if expired.was_sent {
                let timeout = timeout(ANSWER);
                self.answer(expired.ticket, Err(timeout));
            } else {
                let overload = self.pressure.trouble(expired.verb);
                let error = overload.unwrap_or_else(|| timeout("earlier operations"));
                self.refuse(expired.ticket, error);
            }
        }
    }
}
