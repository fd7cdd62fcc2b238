//! From a call to a request.

use std::mem;

use super::super::id;
use super::super::{Delivery, Event, Outcome, SaveCall, Submission, Verb};
use super::saving::cookie_change;
use super::{Ping, Worker};
use crate::backend::{Change, Extra, Id};
use crate::batch::{Bulk, BulkKind, Request, Ticket, Work};
use crate::error::Error;
use crate::expiry::Lifetime;
use crate::options::NEVER_MS;

impl Worker {
    /// Turns a call into a request, or answers it at once when it cannot be one.
    pub(super) fn admit(&mut self, submission: Submission) {
        let Submission {
            ticket,
            called,
            called_ms,
            verb,
        } = submission;
        let verb = match verb {
            Verb::Select(selection) => match selection.request(&self.config) {
                Ok(kind) => Verb::Bulk(kind),
                Err(error) => return self.refuse(ticket, error),
            },
            verb => verb,
        };
        if self.turns_away(ticket, &verb) {
            return;
        }
        let deadline = (called + self.config.operation_timeout).into_std();
        let name = verb.name();
        let (id, work) = match verb {
            Verb::Get { sid } | Verb::Read { sid, .. } => (self.id(sid), Ok(Work::Get)),
            Verb::Destroy { sid } if self.config.delete_flags => {
                (self.id(sid), Ok(self.flag(called_ms, false)))
            }
            Verb::Destroy { sid } => (self.id(sid), Ok(Work::Destroy)),
            Verb::Flag { sid } => (self.id(sid), Ok(self.flag(called_ms, true))),
            Verb::Touch {
                sid,
                lifetime,
                loaded_expires_ms,
                cookie,
            } => {
                // A cookie that has changed is, whether it moves the expiry or not.
                if cookie.is_none()
                    && !self.is_worth_sending(called_ms, lifetime, loaded_expires_ms)
                {
                    self.answer(ticket, Ok(Outcome::Skipped));
                    return;
                }
                let change = cookie.map_or(Ok(Change::Touch), |cookie| cookie_change(&cookie));
                let work =
                    change.map(|change| self.write(called_ms, lifetime, change, Extra::default()));
                (self.id(sid), work)
            }
            Verb::Set(save) => {
                let SaveCall {
                    sid,
                    session,
                    encoding,
                    lifetime,
                    mode,
                    owner,
                    indexed,
                } = *save;
                let id = self.id(sid);
                let save = self.save(&id, session, encoding, mode, owner, indexed);
                let work =
                    save.map(|(change, extra)| self.write(called_ms, lifetime, change, extra));
                (id, work)
            }
            Verb::Confirm {
                sid,
                reserved_ms,
                lifetime,
            } => {
                let change = Change::Confirm { reserved_ms };
                let work = self.write(called_ms, lifetime, change, Extra::default());
                (self.id(sid), Ok(work))
            }
            Verb::Renew { sid, to, grace_ms } => (self.id(sid), Ok(self.renewal(to, grace_ms))),
            Verb::Ping => {
                self.pings.push(Ping { ticket, deadline });
                return;
            }
            Verb::Maintain(what) => {
                self.maintenance.push((ticket, deadline, *what));
                return;
            }
            Verb::Bulk(kind) => {
                let deadline = (kind != BulkKind::Close).then_some(deadline);
                self.schedule.push_bulk(Bulk {
                    ticket,
                    kind,
                    deadline,
                });
                return;
            }
            // It has become a bulk request.
            Verb::Select(_) => return,
        };
        match work {
            Ok(work) => self.schedule.push(Request {
                ticket,
                verb: name,
                id,
                work,
                deadline,
            }),
            Err(error) => self.refuse(ticket, error),
        }
    }

    /// Answers a call that cannot succeed now, or is not to be sent. True if it was one.
    fn turns_away(&mut self, ticket: Ticket, verb: &Verb) -> bool {
        if !matches!(verb, Verb::Bulk(BulkKind::Close))
            && let Some(outage) = self.health.outage()
        {
            self.refuse(ticket, outage);
            return true;
        }
        self.pressure.is_high() && self.relieves(ticket, verb)
    }

    fn flag(&self, now_ms: i64, counted: bool) -> Work {
        Work::Write {
            expires_ms: self.config.flagged_until(now_ms),
            change: Change::Flag { counted },
            extra: Extra::default(),
        }
    }

    /// Whether a touch moves the expiry of a session that is known by enough to be sent.
    fn is_worth_sending(
        &mut self,
        now_ms: i64,
        lifetime: Lifetime,
        loaded_expires_ms: Option<i64>,
    ) -> bool {
        let Some(loaded_ms) = loaded_expires_ms else {
            return true;
        };
        let moves_by = self.expires(lifetime, now_ms).saturating_sub(loaded_ms);
        !(0..self.least_move(lifetime, now_ms)).contains(&moves_by)
    }

    /// By how much a touch has to move the expiry to be sent. Where that is not less than a whole lifetime,
    /// the session of somebody who is there all the time would end; half of its lifetime is enough then.
    fn least_move(&mut self, lifetime: Lifetime, now_ms: i64) -> i64 {
        let touch_after_ms = self.config.touch_after_ms;
        let lifetime_ms = self.natural_end(lifetime, now_ms).saturating_sub(now_ms);
        if lifetime_ms <= 0 || touch_after_ms < lifetime_ms || touch_after_ms >= NEVER_MS {
            return touch_after_ms;
        }
        if !mem::replace(&mut self.warned_of_touch_after, true) {
            let warning = Error::InvalidOption(format!(
                "option 'touchAfter' ({touch_after_ms} ms) is not shorter than the lifetime of a session \
                 ({lifetime_ms} ms), so that it would end while it is used; it is touched when half of its \
                 lifetime is over"
            ));
            self.deliveries
                .push(Delivery::Event(Event::Warning(warning)));
        }
        lifetime_ms / 2
    }

    fn renewal(&self, to: String, grace_ms: i64) -> Work {
        Work::Write {
            expires_ms: 0,
            change: Change::Renew {
                to: self.id(to),
                grace_ms,
            },
            extra: Extra::default(),
        }
    }

    fn id(&self, sid: String) -> Id {
        id::of_document(&self.config.prefix, sid, self.config.hash_ids).into()
    }
}
