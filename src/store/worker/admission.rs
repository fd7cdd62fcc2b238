//! From a call to a request.

use std::mem;
use std::sync::Arc;

use super::super::commands::{RESERVED_MS, reservation_ms};
use super::super::id;
use super::super::{
    Delivery, Event, Indexed, Outcome, Owner, SaveCall, SaveMode, SessionText, Submission, Verb,
};
use super::{Ping, Worker};
use crate::backend::{Change, Created, Extra, Id, IndexValue, Stored};
use crate::batch::{Bulk, BulkKind, Request, Ticket, Work};
use crate::codec::{Json, raw};
use crate::document::{Encoding, Moment};
use crate::error::{Error, Result};
use crate::expiry::{Creation, Lifetime};
use crate::options::{NEVER_MS, Save};
use crate::{cipher, codec, expiry, merge};

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

    pub(super) fn flag(&self, now_ms: i64, counted: bool) -> Work {
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

    /// A write of the lifetime of a session, and of what options ask for.
    pub(super) fn write(
        &self,
        now_ms: i64,
        lifetime: Lifetime,
        change: Change,
        extra: Extra,
    ) -> Work {
        let created = match lifetime.creation {
            _ if !self.config.stores_creation() => None,
            Creation::Unknown => Some(match self.absolute_timeout_ms(lifetime) {
                Some(timeout_ms) => Created::UnlessAfter {
                    now_ms,
                    ended_ms: now_ms - timeout_ms,
                },
                None => Created::OnInsert(now_ms),
            }),
            Creation::NotStored => Some(Created::Now(now_ms)),
            Creation::At(_) => None,
        };
        let expires_ms = self.expires(lifetime, now_ms);
        // Only a cookie that nobody has changed may be behind the times.
        let is_of_cookie = lifetime.is_unchanged
            && lifetime.ttl_ms.is_none()
            && lifetime.cookie_expires_ms.is_some()
            && self.config.layout.meaning == Moment::Expiry;
        let is_natural = expires_ms == self.natural_end(lifetime, now_ms);
        // What is confirmed was written when it was added.
        let is_confirmation = matches!(change, Change::Confirm { .. });
        let extra = Extra {
            keeps_expiry: lifetime.is_passive && !change.creates(),
            keeps_later: is_of_cookie && is_natural && !change.creates(),
            unless_expired_ms: self.unless_expired_ms(&change, now_ms),
            created,
            updated_ms: (self.config.timestamps && !is_confirmation).then_some(now_ms),
            seen_ms: (self.config.devices && !is_confirmation && !lifetime.is_passive)
                .then_some(now_ms),
            ..extra
        };
        Work::Write {
            expires_ms: match change {
                // Nobody is to read it before it is confirmed.
                Change::Insert(_) => reservation_ms(),
                _ => expires_ms,
            },
            change,
            extra,
        }
    }

    /// A session that has expired by then is not to be prolonged.
    fn unless_expired_ms(&self, change: &Change, now_ms: i64) -> Option<i64> {
        match change {
            // Its place may be taken by the time that it comes back.
            Change::Touch | Change::Merge(_) | Change::Replace(_) if self.limit.is_some() => {
                Some(now_ms)
            }
            // What is not confirmed would be by a request that had read it before it was destroyed.
            Change::Touch | Change::Merge(_) | Change::Replace(_) if self.config.moves_in => {
                Some(RESERVED_MS.end)
            }
            _ => None,
        }
    }

    /// When a session expires, unless it would be too old by then.
    fn natural_end(&self, mut lifetime: Lifetime, now_ms: i64) -> i64 {
        if let Moment::LastAccess(_) = self.config.layout.meaning {
            lifetime.ttl_ms = Some(self.config.ttl_ms);
        }
        expiry::expires(lifetime, self.config.ttl_ms, now_ms)
    }

    pub(super) fn expires(&self, lifetime: Lifetime, now_ms: i64) -> i64 {
        let expires_ms = self.natural_end(lifetime, now_ms);
        let end = |timeout_ms| expiry::absolute_end(lifetime.creation, timeout_ms, now_ms);
        let end = self.absolute_timeout_ms(lifetime).map_or(i64::MAX, end);
        expires_ms.min(end)
    }

    /// How long after its creation a session ends in any case.
    fn absolute_timeout_ms(&self, lifetime: Lifetime) -> Option<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "what is beyond is clamped")]
        let own = lifetime.absolute_timeout_ms.map(|ms| ms as i64);
        own.or(self.config.absolute_timeout_ms)
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

    /// What a save changes, and what is stored beside the session.
    fn save(
        &self,
        id: &Id,
        session: SessionText,
        encoding: Encoding,
        mode: SaveMode,
        owner: Option<Owner>,
        indexed: Option<Indexed>,
    ) -> Result<(Change, Extra)> {
        let of_indexes = indexed.iter().flat_map(|indexed| &indexed.keys);
        let groups: Vec<&[String]> = of_indexes
            .chain(owner.as_ref().map(|owner| &owner.keys))
            .map(Vec::as_slice)
            .collect();
        let has_bigints = session.has_bigints();
        let change = self.change(id, session, encoding, &mode, &groups)?;
        let values = indexed.map(|indexed| self.index_values(&indexed, &change));
        let extra = Extra {
            has_bigints,
            indexes: values.transpose()?.unwrap_or_default(),
            ..self.beside(owner, mode, &change)
        };
        Ok((change, extra))
    }

    /// What a save writes beside the session, and what it asks of the stored one.
    fn beside(&self, owner: Option<Owner>, mode: SaveMode, change: &Change) -> Extra {
        let expected = match mode {
            SaveMode::Exchange(SessionText { text, specials }) => {
                Some(Arc::new(Json { text, specials }))
            }
            _ => None,
        };
        let Some(mut owner) = owner else {
            return Extra {
                expected,
                ..Extra::default()
            };
        };
        let handle = owner.handle.take().map(Into::into);
        let most_sessions = owner.most_sessions;
        Extra {
            handle,
            most_sessions,
            expected,
            ..self.owned(owner, change).unwrap_or_default()
        }
    }

    /// What a save writes about whose session it is. One that leaves the keys alone which make the user
    /// leaves that alone, too: a parallel request may have changed them. Where the document says something
    /// else all the same, as one from before the option does, it is put right unless somebody else has done
    /// so. Since when a session that is added is its user's is not known.
    pub(super) fn owned(&self, owner: Owner, change: &Change) -> Option<Extra> {
        let Owner {
            user, before, keys, ..
        } = owner;
        let is_written = is_written(change, &keys);
        let before = before.map(|before| before.map(Into::into));
        (is_written || before.is_some()).then(|| Extra {
            marks_since: self.limit.is_some() && !matches!(change, Change::Insert(_)),
            user: Some(user.map(Into::into)),
            user_before: before.filter(|_| !is_written),
            ..Extra::default()
        })
    }

    /// What a save writes of the values by which the session is found: by the same rule as whose it is.
    fn index_values(&self, indexed: &Indexed, change: &Change) -> Result<Vec<IndexValue>> {
        let values = encode(&indexed.values)?;
        let before = indexed.before.as_ref().map(encode).transpose()?;
        let value_in = |values: &[u8], name: &str| {
            let element = raw::find(values, name)?;
            Some((element.kind, element.value.to_vec()))
        };
        let mut changed = Vec::new();
        for (position, name) in self.config.indexes.iter().enumerate() {
            let keys = indexed.keys.get(position).map_or(&[][..], Vec::as_slice);
            let is_written = is_written(change, keys);
            let value = value_in(&values, name);
            let before = before.as_ref().map(|before| value_in(before, name));
            let before = before.filter(|before| !is_written && *before != value);
            if is_written || before.is_some() {
                changed.push(IndexValue {
                    name: name.clone(),
                    value,
                    before,
                });
            }
        }
        Ok(changed)
    }

    pub(super) fn id(&self, sid: String) -> Id {
        id::of_document(&self.config.prefix, sid, self.config.hash_ids).into()
    }

    pub(super) fn change(
        &self,
        id: &Id,
        session: SessionText,
        encoding: Encoding,
        mode: &SaveMode,
        groups: &[&[String]],
    ) -> Result<Change> {
        let session = match encoding {
            Encoding::Document => Stored::Document(encode(&session)?),
            Encoding::Text => Stored::Text(session.text),
        };
        let size = match (&session, &self.config.cipher) {
            (Stored::Document(session), Some(cipher)) if cipher.encrypts() => {
                cipher::encrypted_size(session)?
            }
            _ => session.size(),
        };
        self.config.layout.check_size(id.len(), size)?;
        let bases = match mode {
            SaveMode::Create => return Ok(Change::Upsert(session)),
            SaveMode::Add => return Ok(Change::Insert(session)),
            SaveMode::Exchange(_) => return Ok(Change::Replace(session)),
            SaveMode::Loaded(bases) => bases,
        };
        match session {
            Stored::Document(session)
                if self.config.save == Save::Difference && !bases.is_empty() =>
            {
                let bases = bases.iter().map(encode).collect::<Result<Vec<_>>>()?;
                let mut difference = merge::difference(&bases, &session)?;
                difference.complete(groups, &session)?;
                Ok(Change::Merge(difference))
            }
            session => Ok(Change::Replace(session)),
        }
    }
}

/// Whether a save writes what is made of these keys.
fn is_written(change: &Change, keys: &[String]) -> bool {
    match change {
        Change::Merge(difference) => difference.has_any(keys),
        _ => true,
    }
}

/// The cookie as a difference from a session without one.
fn cookie_change(cookie: &SessionText) -> Result<Change> {
    const EMPTY: [u8; 5] = [5, 0, 0, 0, 0];
    merge::difference(&[EMPTY.to_vec()], &encode(cookie)?).map(Change::Merge)
}

fn encode(session: &SessionText) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(session.text.len() + session.text.len() / 4 + 16);
    codec::encode(&session.text, &session.specials, &mut bytes)?;
    Ok(bytes)
}
