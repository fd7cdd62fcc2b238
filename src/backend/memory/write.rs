//! What a write makes of a document of the memory engine.

use super::super::{Change, Created, Extra, Fate, Id, Stored, Write, Written};
use super::documents::{Documents, awaited, handle, user};
use crate::codec::raw::{self, Writer};
use crate::document::field;
use crate::error::{Error, Result};
use crate::{expiry, merge};

/// MongoDB's code for a path that leads through a value which is no document.
const PATH_NOT_VIABLE: i32 = 28;

impl Documents {
    /// The session that a write leaves behind; None if it has nothing to write to.
    fn written(&self, change: &Change, stored: Option<&[u8]>) -> Result<Option<Stored>> {
        let present = stored.and_then(|stored| self.session(stored));
        Ok(match (change, present) {
            (Change::Upsert(session), _)
            | (Change::Insert(session), None)
            | (Change::Replace(session), Some(_)) => Some(session.clone()),
            (_, None) => None,
            (
                Change::Touch
                | Change::Insert(_)
                | Change::Flag { .. }
                | Change::Place { .. }
                | Change::Forward { .. }
                | Change::Reveal(_)
                | Change::Renew { .. },
                present,
            ) => present,
            (Change::Confirm { reserved_ms }, present) => {
                let expires = stored.and_then(|stored| self.expires(stored));
                present.filter(|_| expires == Some(*reserved_ms))
            }
            (Change::Merge(difference), Some(Stored::Document(session))) => {
                Some(Stored::Document(merge::apply(difference, &session)?))
            }
            (Change::Merge(_), Some(Stored::Text(_))) => {
                return Err(Error::Server {
                    operation: "write",
                    code: PATH_NOT_VIABLE,
                    code_name: "PathNotViable".to_owned(),
                    explanation: None,
                    labels: Vec::new(),
                    conflict: None,
                });
            }
            (Change::Swap { before, after }, Some(present)) => {
                (*before == present).then(|| after.clone())
            }
        })
    }

    /// Carries out a write.
    pub fn write(&mut self, write: &Write) -> Result<Written> {
        let stored = self.by_id.get(&write.id).map(Vec::as_slice);
        if let Change::Place { .. } | Change::Forward { .. } | Change::Reveal(_) = write.change {
            let Some(document) = self.moved(write, stored) else {
                return Ok(Written::Missing);
            };
            self.put(&write.id, document);
            return Ok(Written::Stored);
        }
        let has_expired = |stored| {
            let at = write.extra.unless_expired_ms;
            at.is_some_and(|at_ms| expiry::is_expired(self.expires(stored), at_ms))
        };
        let is_flag = matches!(write.change, Change::Flag { .. });
        let has_ended = |stored| {
            if is_flag {
                self.has_ended(stored)
            } else {
                self.is_flagged(stored)
            }
        };
        if stored.is_some_and(|stored| has_ended(stored) || has_expired(stored)) {
            return Ok(Written::Missing);
        }
        if stored.is_some() && matches!(write.change, Change::Insert(_)) {
            return Ok(Written::Stored);
        }
        let Some(session) = self.written(&write.change, stored)? else {
            return Ok(Written::Missing);
        };
        let layout = &self.layout;
        layout.check_size(write.id.len(), session.size())?;
        let mut writer = Writer::with_capacity(session.size() + write.id.len() + 64);
        writer.string(&layout.id, &write.id);
        let expires_ms = match stored.and_then(|stored| self.expires(stored)) {
            Some(at) if write.extra.keeps_expiry => at,
            Some(later) if write.extra.keeps_later => later.max(write.expires_ms),
            _ => write.expires_ms,
        };
        writer.date(&layout.moment, layout.moment_of(expires_ms));
        session.write(&mut writer, &layout.session);
        if matches!(write.change, Change::Flag { .. }) {
            writer.boolean(&layout.deleted, true);
        }
        write_extra(
            &mut writer,
            &write.extra,
            stored.unwrap_or_default(),
            write.change.creates(),
            self.now_ms(),
        );
        let written = match stored {
            Some(_) => Written::Stored,
            None => Written::Created,
        };
        self.put(&write.id, writer.finish());
        Ok(written)
    }

    /// The document that a step of a move to another id leaves behind; None if it has nothing to write to,
    /// as other writes have here.
    fn moved(&self, write: &Write, stored: Option<&[u8]>) -> Option<Vec<u8>> {
        let layout = &self.layout;
        let without = |stored: &[u8], gone: &dyn Fn(&[u8]) -> bool| {
            let mut writer = Writer::with_capacity(stored.len() + 128);
            for element in raw::elements(stored).map_while(Result::ok) {
                if !gone(element.key) {
                    writer.element(element);
                }
            }
            writer
        };
        match &write.change {
            Change::Place { copy, from } => {
                let is_free = stored.is_none_or(|stored| awaited(stored) == Some(&**from));
                is_free.then(|| copy.clone())
            }
            Change::Forward {
                before,
                to,
                until_ms,
            } => stored
                .filter(|stored| !self.is_flagged(stored) && **stored == **before)
                .map(|stored| {
                    let mut writer = without(stored, &|key| key != layout.id.as_bytes());
                    if let Some(at_ms) = self.expires(stored) {
                        let at_ms = at_ms.max(*until_ms);
                        writer.date(&layout.moment, layout.moment_of(at_ms));
                    }
                    writer.boolean(&layout.deleted, true);
                    writer.string(field::RENEWED_TO, to);
                    writer.date(field::RENEWED_UNTIL, *until_ms);
                    writer.finish()
                }),
            Change::Reveal(from) => stored
                .filter(|stored| awaited(stored) == Some(&**from))
                .map(|stored| {
                    let goes = [&*layout.deleted, field::RENEWED_FROM, field::RENEWED_UNTIL];
                    let goes = goes.map(str::as_bytes);
                    without(stored, &|key| goes.contains(&key)).finish()
                }),
            _ => None,
        }
    }

    /// Deletes documents or flags them, and answers how many.
    pub fn remove(&mut self, ids: Vec<Id>, fate: Fate) -> Result<u64> {
        match fate {
            Fate::Flagged(expires_ms) => self.flag(ids, expires_ms),
            Fate::Deleted => {
                let removed = ids.iter().filter(|id| self.delete(id));
                Ok(removed.count() as u64)
            }
        }
    }

    /// Flags documents as deleted and answers how many were not.
    fn flag(&mut self, ids: Vec<Id>, expires_ms: i64) -> Result<u64> {
        let mut count = 0;
        for id in ids {
            let change = Change::Flag { counted: true };
            let flag = Write {
                id,
                expires_ms,
                change,
                extra: Extra::default(),
                is_encrypted: false,
            };
            if self.write(&flag)? != Written::Missing {
                count += 1;
            }
        }
        Ok(count)
    }
}

/// The fields that options ask for, new or as they were.
fn write_extra(writer: &mut Writer, extra: &Extra, stored: &[u8], is_upsert: bool, moment_ms: i64) {
    let date = |name| raw::find(stored, name).and_then(|element| element.as_date());
    let created = match extra.created {
        Some(Created::Now(at)) => Some(at),
        Some(Created::OnInsert(at)) if stored.is_empty() => Some(at),
        Some(Created::UnlessAfter { now_ms, ended_ms }) if is_upsert => {
            let goes_on = |created: &i64| *created > ended_ms;
            date(field::CREATED).filter(goes_on).or(Some(now_ms))
        }
        Some(Created::UnlessAfter { now_ms, .. }) => date(field::CREATED).or(Some(now_ms)),
        _ => date(field::CREATED),
    };
    if let Some(at) = created {
        writer.date(field::CREATED, at);
    }
    if let Some(at) = extra.updated_ms.or_else(|| date(field::UPDATED)) {
        writer.date(field::UPDATED, at);
    }
    if let Some(at) = extra.seen_ms.or_else(|| date(field::SEEN)) {
        writer.date(field::SEEN, at);
    }
    if let Some(handle) = handle(stored).or(extra.handle.as_deref()) {
        writer.string(field::HANDLE, handle);
    }
    write_indexes(writer, extra, stored);
    if extra.has_bigints || raw::find(stored, field::BIGINT).is_some() {
        writer.boolean(field::BIGINT, true);
    }
    let before = user(stored);
    let is_meant = extra
        .user_before
        .as_ref()
        .is_none_or(|expected| expected.as_deref() == before);
    let written = extra.user.as_ref().filter(|_| is_meant);
    let user = written.map_or(before, Option::as_deref);
    let Some(user) = user else { return };
    writer.string(field::USER, user);
    let since = date(field::USER_SINCE);
    let since = if extra.marks_since && written.is_some() {
        since.filter(|_| before == Some(user)).or(Some(moment_ms))
    } else {
        since
    };
    if let Some(at) = since {
        writer.date(field::USER_SINCE, at);
    }
}

/// The values by which a session is found: those that are written, and the others as they were.
fn write_indexes(writer: &mut Writer, extra: &Extra, stored: &[u8]) {
    let before = raw::find(stored, field::INDEXES).and_then(|element| element.as_document());
    if before.is_none() && extra.indexes.iter().all(|index| index.value.is_none()) {
        return;
    }
    let found = |name: &str| {
        let element = raw::find(before?, name)?;
        Some((element.kind, element.value.to_vec()))
    };
    writer.start_document(field::INDEXES);
    for element in before
        .into_iter()
        .flat_map(raw::elements)
        .map_while(Result::ok)
    {
        if !extra
            .indexes
            .iter()
            .any(|index| index.name.as_bytes() == element.key)
        {
            writer.element(element);
        }
    }
    for index in &extra.indexes {
        let stored = found(&index.name);
        let is_meant = index
            .before
            .as_ref()
            .is_none_or(|expected| *expected == stored);
        let value = if is_meant {
            index.value.clone()
        } else {
            stored
        };
        if let Some((kind, value)) = value {
            writer.value(&index.name, kind, &value);
        }
    }
    writer.end();
}
