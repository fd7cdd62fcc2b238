//! What becomes of calls while the server has more to do than it can: touches are let go first, which only
//! makes sessions expire as if they had not been used meanwhile, and then whoever would wait for long.

use std::mem;
use std::time::{Duration, Instant};

use super::super::{Delivery, Event, Outcome, Verb};
use super::Worker;
use crate::batch::{BulkKind, Ticket};
use crate::error::Error;

/// Between two warnings of touches that were let go.
const PAUSE_BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// What the operator is told once it is over.
#[derive(Default)]
pub(super) struct LetGo {
    touches: u64,
    warned: Option<Instant>,
}

impl Worker {
    /// Answers a call that is not to be sent to an overloaded server. True if it was one.
    pub(super) fn relieves(&mut self, ticket: Ticket, verb: &Verb) -> bool {
        match verb {
            Verb::Touch { cookie: None, .. } => {
                self.let_go(ticket);
                true
            }
            // The one asks the server, and the other does not need it.
            Verb::Ping | Verb::Bulk(BulkKind::Close) => false,
            verb => match self.pressure.refusal(verb.name()) {
                Some(error) => {
                    self.refuse(ticket, error);
                    true
                }
                None => false,
            },
        }
    }

    /// Ends the waiting of what is not to be sent to an overloaded server.
    pub(super) fn relieve(&mut self) {
        for ticket in self.schedule.give_up_touches() {
            self.let_go(ticket);
        }
        if self.pressure.refusal("").is_none() {
            return;
        }
        for waiting in self.schedule.give_up_unsent() {
            if let Some(error) = self.pressure.trouble(waiting.verb) {
                self.refuse(waiting.ticket, error);
            }
        }
    }

    /// Answers a touch as if it had not been worth sending.
    pub(super) fn let_go(&mut self, ticket: Ticket) {
        self.let_go.touches += 1;
        self.answer(ticket, Ok(Outcome::Skipped));
    }

    /// Tells how many touches were let go, once the server is itself again.
    pub(super) fn report_touches(&mut self) {
        let LetGo { touches, warned } = &mut self.let_go;
        let is_due = warned.is_none_or(|warned| warned.elapsed() >= PAUSE_BETWEEN_WARNINGS);
        if *touches > 0 && is_due {
            *warned = Some(Instant::now());
            let touches = mem::take(touches);
            let warning = Event::Warning(Error::TouchesLetGo { touches });
            self.deliveries.push(Delivery::Event(warning));
        }
    }
}

/// Whether a call has failed because the server is overloaded.
pub(super) fn is_overload(error: &Error) -> bool {
    match error {
        Error::Overloaded { .. } => true,
        Error::OutcomeUnknown(error) => is_overload(error),
        _ => false,
    }
}
