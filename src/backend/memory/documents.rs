//! The documents of the embedded engine, and what a write makes of one.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::super::watch::{Facts, Known, Listener};
use super::super::{
    Change, Created, Extra, Fate, Id, Ids, Removal, Stored, Sweep, Which, Write, Written,
};
use crate::clock::Clock;
use crate::codec::raw::{self, Writer};
use crate::document::{Alive, Layout, field};
use crate::error::{Error, Result};
use crate::{expiry, merge};

/// MongoDB's code for a path that leads through a value which is no document.
const PATH_NOT_VIABLE: i32 = 28;

/// How often expired documents are looked for at most.
const EXPIRE_INTERVAL_MS: i64 = 60_000;

/// How many documents are looked at without letting others work.
pub const SLICE: usize = 1000;

/// Documents by id.
#[derive(Default)]
pub struct Documents {
    pub layout: Layout,
    pub by_id: BTreeMap<Id, Vec<u8>>,
    clock: Clock,
    expire_at_ms: i64,
    /// Whether expired documents are being looked for, and behind which id next.
    is_expiring: bool,
    expires_behind: Option<Id>,
    watched: Option<Watched>,
}

/// Who is told of sessions that end, and what is known of them.
struct Watched {
    known: Known,
    listener: Listener,
}

impl Documents {
    /// None yet, of this layout; they expire by this clock.
    pub fn new(layout: Layout, clock: Clock) -> Self {
        Self {
            layout,
            clock,
            ..Self::default()
        }
    }

    /// Tells somebody of sessions that end from now on.
    pub fn watch(&mut self, listener: Listener) {
        let mut known = Known::default();
        for (id, document) in &self.by_id {
            let facts = Facts::of_document(document, &self.layout);
            known.saw(id, &facts, true, &mut Vec::new());
        }
        self.watched = Some(Watched { known, listener });
    }

    /// Puts a document in the place of the one with its id.
    fn put(&mut self, id: &Id, document: Vec<u8>) {
        if let Some(Watched { known, listener }) = &mut self.watched {
            let is_first = !self.by_id.contains_key(id);
            let facts = Facts::of_document(&document, &self.layout);
            let mut ended = Vec::new();
            known.saw(id, &facts, is_first, &mut ended);
            listener.hear(&ended);
        }
        self.by_id.insert(id.clone(), document);
    }

    /// Removes a document, and answers whether it was there.
    pub fn delete(&mut self, id: &Id) -> bool {
        let was_there = self.by_id.remove(id).is_some();
        if was_there && let Some(Watched { known, listener }) = &mut self.watched {
            let mut ended = Vec::new();
            known.lost(id, self.clock.now_ms(), &mut ended);
            listener.hear(&ended);
        }
        was_there
    }

    /// The documents of a prefix, from the first id behind another one on.
    pub fn behind<'a>(
        &'a self,
        prefix: &'a str,
        id: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Id, &'a Vec<u8>)> {
        let start = id.map_or(Bound::Included(prefix), Bound::Excluded);
        self.by_id
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(move |(id, _)| id.starts_with(prefix))
    }

    pub fn is_live(&self, document: &[u8], alive: Alive) -> bool {
        !self.is_flagged(document) && self.lasts(document, alive)
    }

    /// Whether the time of a document is not up, flagged or not.
    pub fn lasts(&self, document: &[u8], alive: Alive) -> bool {
        let created = || raw::find(document, field::CREATED)?.as_date();
        let has_ended = |first| expiry::is_expired(created(), first);
        !expiry::is_expired(self.expires(document), alive.at_ms)
            && !alive.created_after_ms.is_some_and(has_ended)
    }

    pub fn expires(&self, document: &[u8]) -> Option<i64> {
        let moment = raw::find(document, &self.layout.moment)?.as_date()?;
        Some(self.layout.expiry_of(moment))
    }

    pub fn is_flagged(&self, document: &[u8]) -> bool {
        raw::find(document, &self.layout.deleted).is_some()
    }

    /// Whether a session that the document holds has ended: not while one is going to move here.
    fn has_ended(&self, document: &[u8]) -> bool {
        self.is_flagged(document) && !is_awaiting(document)
    }

    pub fn session(&self, document: &[u8]) -> Option<Stored> {
        Stored::of(document, &self.layout)
    }

    pub fn is_one_of(&self, document: &[u8], which: &Which) -> bool {
        match which {
            Which::All => true,
            Which::ExpiringAt(at_ms) => self.expires(document) == Some(*at_ms),
            Which::Of(wanted) => user(document) == Some(wanted),
            Which::Handle {
                user: owner,
                handle: wanted,
            } => user(document) == Some(owner) && handle(document) == Some(wanted),
            Which::Matching(filter) => {
                let document_at = |name: &str| raw::find(document, name)?.as_document();
                filter.matches(
                    document_at(&self.layout.session),
                    document_at(field::INDEXES),
                )
            }
        }
    }

    /// Whether a sweep is about a document.
    pub fn is_swept(&self, id: &Id, document: &[u8], sweep: &Sweep) -> bool {
        match sweep {
            Sweep::All => true,
            Sweep::Flagged(now_ms) => self.is_flagged(document) && !leads(document, *now_ms),
            Sweep::Unflagged => !self.has_ended(document),
            Sweep::Sessions(removal) => self.is_removed(id, document, removal),
        }
    }

    pub fn is_removed(&self, id: &Id, document: &[u8], removal: &Removal) -> bool {
        let is_among = match &removal.ids {
            Ids::Any | Ids::Only(_) => true,
            Ids::AllBut(other) => id != other && awaited(document) != Some(&**other),
        };
        is_among && !self.has_ended(document) && self.is_one_of(document, &removal.which)
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

    /// The session that a write leaves behind; None if it has nothing to write to.
    pub fn written(&self, change: &Change, stored: Option<&[u8]>) -> Result<Option<Stored>> {
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
            self.clock.now_ms(),
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

    /// Flags documents as deleted and answers how many were not.
    pub fn flag(&mut self, ids: Vec<Id>, expires_ms: i64) -> Result<u64> {
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

    /// The present moment.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Removes expired documents when a minute has passed since that was begun the last time: some at
    /// each call, so that none takes long.
    pub fn expire(&mut self) {
        let now_ms = self.clock.now_ms();
        if !self.is_expiring && now_ms >= self.expire_at_ms {
            self.is_expiring = true;
            self.expire_at_ms = now_ms + EXPIRE_INTERVAL_MS;
        }
        if self.is_expiring {
            let after = self.expires_behind.take();
            self.expires_behind = self.remove_expired("", after.as_deref(), now_ms);
            self.is_expiring = self.expires_behind.is_some();
        }
    }

    /// Removes those of the next documents behind an id that have expired, and answers the last one, if
    /// there are more.
    pub fn remove_expired(&mut self, prefix: &str, after: Option<&str>, now_ms: i64) -> Option<Id> {
        let mut expired = Vec::new();
        let mut last = None;
        let mut documents = self.behind(prefix, after);
        for (id, document) in documents.by_ref().take(SLICE) {
            if expiry::is_expired(self.expires(document), now_ms) {
                expired.push(id.clone());
            }
            last = Some(id);
        }
        let last = last.filter(|_| documents.next().is_some()).cloned();
        drop(documents);
        for id in &expired {
            self.delete(id);
        }
        last
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

pub fn user(document: &[u8]) -> Option<&str> {
    raw::find(document, field::USER)?.as_str()
}

fn handle(document: &[u8]) -> Option<&str> {
    raw::find(document, field::HANDLE)?.as_str()
}

/// The document from which a session is going to move to this one.
pub fn awaited(document: &[u8]) -> Option<&str> {
    raw::find(document, field::RENEWED_FROM)?.as_str()
}

/// Whether a session is going to move to a document.
pub fn is_awaiting(document: &[u8]) -> bool {
    awaited(document).is_some()
}

/// Whether a document still leads to another one after a moment, or is one to which a session may be going to
/// move by then.
fn leads(document: &[u8], now_ms: i64) -> bool {
    let until = raw::find(document, field::RENEWED_UNTIL).and_then(|element| element.as_date());
    until.is_some_and(|until| until > now_ms)
}
