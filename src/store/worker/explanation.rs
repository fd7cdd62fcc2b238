//! What an error says to the caller of a verb that the command does not know: which verb it was, and why the
//! database cannot be reached.

use super::Worker;
use crate::error::{Error, Result};

impl Worker {
    /// Names the verb in an error that only knows the command.
    pub(super) fn outcome<T>(&self, outcome: Result<T>, verb: &'static str) -> Result<T> {
        outcome.map_err(|error| self.named(error, verb))
    }

    fn named(&self, error: Error, verb: &'static str) -> Error {
        match error {
            Error::OutcomeUnknown(error) => {
                Error::OutcomeUnknown(Box::new(self.named(*error, verb)))
            }
            Error::Timeout { waited_for, .. } => self.timeout(verb, waited_for),
            Error::Server {
                code,
                code_name,
                labels,
                conflict,
                explanation,
                ..
            } => self.backend.explain(Error::Server {
                operation: verb,
                code,
                code_name,
                labels,
                conflict,
                explanation,
            }),
            Error::Overloaded {
                code,
                code_name,
                labels,
                retry_after,
                ..
            } => {
                let known = self.pressure.trouble(verb);
                known.unwrap_or(Error::Overloaded {
                    operation: verb,
                    code,
                    code_name,
                    labels,
                    retry_after,
                })
            }
            error @ Error::Connection { .. } => {
                let at_present = "none of the servers can serve the operation at present";
                error
                    .because(self.trouble())
                    .because(Some(at_present.to_owned()))
            }
            other => self.backend.explain(other.because(self.trouble())),
        }
    }

    /// Why the database cannot be reached, while it cannot.
    pub(super) fn trouble(&self) -> Option<String> {
        let outage = || self.health.outage().map(|outage| outage.detail());
        self.backend.trouble().or_else(outage)
    }

    /// That the time of an operation is up, which has waited for this.
    pub(super) fn timeout(&self, operation: &'static str, waited_for: &'static str) -> Error {
        Error::Timeout {
            operation,
            waited_for,
            after: self.config.operation_timeout,
            cause: self.trouble(),
        }
    }
}
