//! The embedded engine: documents in a map of this process, for development and as the oracle of
//! the tests. It stores the same bytes as MongoDB does.

use std::collections::BTreeMap;
use std::future;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use super::{
    Alive, Backend, Change, Created, Extra, Fate, Id, Ids, Index, Page, Reach, Removal, Selection,
    Since, Stored, Visit, Which, Write, Written,
};
use crate::codec::raw::{self, Writer};
use crate::document::{Layout, field};
use crate::error::{Error, Result};
use crate::{expiry, merge};

/// Documents by id. Expired ones go when something is written, at most once a minute, as
/// MongoDB's TTL monitor has it.
#[derive(Default)]
pub struct Memory {
    documents: Mutex<Documents>,
}

/// MongoDB's code for a path that leads through a value which is no document.
const PATH_NOT_VIABLE: i32 = 28;

#[derive(Default)]
struct Documents {
    layout: Layout,
    by_id: BTreeMap<Id, Vec<u8>>,
    sweep_at_ms: i64,
}

const SWEEP_INTERVAL_MS: i64 = 60_000;

impl Memory {
    /// An engine for documents of this layout.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let documents = Documents {
            layout,
            ..Documents::default()
        };
        Self {
            documents: Mutex::new(documents),
        }
    }

    /// A panic while the lock was held cannot leave a document half written, so the map is usable.
    fn lock(&self) -> MutexGuard<'_, Documents> {
        self.documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Documents {
    fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a Id, &'a Vec<u8>)> {
        self.behind(prefix, None)
    }

    /// The same from the first id behind another one on.
    fn behind<'a>(
        &'a self,
        prefix: &'a str,
        id: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Id, &'a Vec<u8>)> {
        let start = id.map_or(Bound::Included(prefix), Bound::Excluded);
        self.by_id
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(move |(id, _)| id.starts_with(prefix))
    }

    fn live<'a>(&'a self, prefix: &'a str, alive: Alive) -> impl Iterator<Item = &'a Vec<u8>> {
        self.with_prefix(prefix)
            .map(|(_, document)| document)
            .filter(move |document| self.is_live(document, alive))
    }

    fn is_live(&self, document: &[u8], alive: Alive) -> bool {
        let created = || raw::find(document, field::CREATED)?.as_date();
        let has_ended = |first| expiry::is_expired(created(), first);
        !self.is_flagged(document)
            && !expiry::is_expired(self.expires(document), alive.at_ms)
            && !alive.created_after_ms.is_some_and(has_ended)
    }

    fn expires(&self, document: &[u8]) -> Option<i64> {
        let moment = raw::find(document, &self.layout.moment)?.as_date()?;
        Some(self.layout.expiry_of(moment))
    }

    fn is_flagged(&self, document: &[u8]) -> bool {
        raw::find(document, &self.layout.deleted).is_some()
    }

    fn session(&self, document: &[u8]) -> Option<Stored> {
        let element = raw::find(document, &self.layout.session)?;
        match element.as_str() {
            Some(text) => Some(Stored::Text(text.to_owned())),
            None => Some(Stored::Document(element.as_document()?.to_vec())),
        }
    }

    fn is_one_of(&self, document: &[u8], which: &Which) -> bool {
        match which {
            Which::All => true,
            Which::Of(wanted) => user(document) == Some(wanted),
            Which::Matching(filter) => match self.session(document) {
                Some(Stored::Document(session)) => filter.matches(&session),
                _ => false,
            },
        }
    }

    /// The session that a write leaves behind; None if it has nothing to write to.
    fn written(&self, change: &Change, stored: Option<&[u8]>) -> Result<Option<Stored>> {
        let present = stored.and_then(|stored| self.session(stored));
        Ok(match (change, present) {
            (Change::Upsert(session), _) | (Change::Replace(session), Some(_)) => {
                Some(session.clone())
            }
            (_, None) | (Change::Swap { .. }, Some(Stored::Document(_))) => None,
            (Change::Touch | Change::Flag { .. }, present) => present,
            (Change::Merge(difference), Some(Stored::Document(session))) => {
                Some(Stored::Document(merge::apply(difference, &session)?))
            }
            (Change::Merge(_), Some(Stored::Text(_))) => {
                return Err(Error::Server {
                    operation: "write",
                    code: PATH_NOT_VIABLE,
                    code_name: "PathNotViable".to_owned(),
                    labels: Vec::new(),
                });
            }
            (Change::Swap { text, session }, Some(Stored::Text(present))) => {
                (*text == present).then(|| Stored::Document(session.clone()))
            }
        })
    }

    fn write(&mut self, write: &Write) -> Result<Written> {
        let stored = self.by_id.get(&write.id).map(Vec::as_slice);
        if stored.is_some_and(|stored| self.is_flagged(stored)) {
            return Ok(Written::Missing);
        }
        let Some(session) = self.written(&write.change, stored)? else {
            return Ok(Written::Missing);
        };
        let layout = &self.layout;
        layout.check_size(write.id.len(), session.size())?;
        let mut writer = Writer::with_capacity(session.size() + write.id.len() + 64);
        writer.string(&layout.id, &write.id);
        writer.date(&layout.moment, layout.moment_of(write.expires_ms));
        session.write(&mut writer, &layout.session);
        if matches!(write.change, Change::Flag { .. }) {
            writer.boolean(&layout.deleted, true);
        }
        let is_upsert = matches!(write.change, Change::Upsert(_));
        write_extra(
            &mut writer,
            &write.extra,
            stored.unwrap_or_default(),
            is_upsert,
        );
        let written = match stored {
            Some(_) => Written::Stored,
            None => Written::Created,
        };
        self.by_id.insert(write.id.clone(), writer.finish());
        Ok(written)
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
            };
            if self.write(&flag)? != Written::Missing {
                count += 1;
            }
        }
        Ok(count)
    }

    fn sweep(&mut self, now_ms: i64) {
        if now_ms >= self.sweep_at_ms {
            let mut by_id = std::mem::take(&mut self.by_id);
            by_id.retain(|_, document| !expiry::is_expired(self.expires(document), now_ms));
            self.by_id = by_id;
            self.sweep_at_ms = now_ms + SWEEP_INTERVAL_MS;
        }
    }
}

/// The fields that options ask for, new or as they were.
fn write_extra(writer: &mut Writer, extra: &Extra, stored: &[u8], is_upsert: bool) {
    let date = |name| raw::find(stored, name).and_then(|element| element.as_date());
    let created = match extra.created {
        Some(Created::Now(at)) => Some(at),
        Some(Created::OnInsert(at)) if stored.is_empty() => Some(at),
        Some(Created::UnlessAfter { now_ms, ended_ms }) if is_upsert => {
            let goes_on = |created: &i64| *created > ended_ms;
            date(field::CREATED).filter(goes_on).or(Some(now_ms))
        }
        _ => date(field::CREATED),
    };
    if let Some(at) = created {
        writer.date(field::CREATED, at);
    }
    if let Some(at) = extra.updated_ms.or_else(|| date(field::UPDATED)) {
        writer.date(field::UPDATED, at);
    }
    let before = user(stored);
    let user = match &extra.user {
        Some(user) => user.as_deref(),
        None => before,
    };
    let Some(user) = user else { return };
    writer.string(field::USER, user);
    let since = date(field::USER_SINCE);
    let since = match extra.user_since {
        Some(Since::Now(at)) => Some(at),
        Some(Since::UnlessBefore(at)) => since.filter(|_| before == Some(user)).or(Some(at)),
        None => since,
    };
    if let Some(at) = since {
        writer.date(field::USER_SINCE, at);
    }
}

fn user(document: &[u8]) -> Option<&str> {
    raw::find(document, field::USER)?.as_str()
}

fn is_among(id: &Id, ids: &Ids) -> bool {
    match ids {
        Ids::Any => true,
        Ids::AllBut(other) => id != other,
        Ids::Only(ids) => ids.contains(id),
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(future::ready(value))
}

impl Backend for Memory {
    fn ping(&self, _: Reach) -> BoxFuture<'_, Result<()>> {
        ready(Ok(()))
    }

    fn lost(&self) -> BoxFuture<'_, ()> {
        Box::pin(future::pending())
    }

    fn trouble(&self) -> Option<String> {
        None
    }

    fn create_index<'a>(&'a self, _: &'a Index) -> BoxFuture<'a, Result<()>> {
        ready(Ok(()))
    }

    fn find<'a>(&'a self, ids: &'a [Id], visit: Visit<'a>) -> BoxFuture<'a, Result<()>> {
        let documents = self.lock();
        for document in ids.iter().filter_map(|id| documents.by_id.get(id)) {
            visit(document);
        }
        ready(Ok(()))
    }

    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        let mut documents = self.lock();
        documents.sweep(crate::clock::now_ms());
        let written = writes.iter().map(|write| documents.write(write)).collect();
        ready(Ok(written))
    }

    fn delete<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, Result<()>> {
        let mut documents = self.lock();
        for id in ids {
            documents.by_id.remove(id);
        }
        ready(Ok(()))
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        for document in self.lock().live(prefix, alive) {
            visit(document);
        }
        ready(Ok(()))
    }

    fn count<'a>(&'a self, prefix: &'a str, alive: Alive) -> BoxFuture<'a, Result<u64>> {
        ready(Ok(self.lock().live(prefix, alive).count() as u64))
    }

    fn clear<'a>(&'a self, prefix: &'a str, selection: Selection) -> BoxFuture<'a, Result<u64>> {
        let mut documents = self.lock();
        let mut by_id = std::mem::take(&mut documents.by_id);
        let before = by_id.len();
        let is_selected = |document: &[u8]| match selection {
            Selection::All => true,
            Selection::Flagged => documents.is_flagged(document),
            Selection::Expired(now_ms) => expiry::is_expired(documents.expires(document), now_ms),
        };
        by_id.retain(|id, document| !id.starts_with(prefix) || !is_selected(document));
        let removed = before - by_id.len();
        documents.by_id = by_id;
        ready(Ok(removed as u64))
    }

    fn lease_removal<'a>(
        &'a self,
        _prefix: &'a str,
        _now_ms: i64,
        _until_ms: i64,
    ) -> BoxFuture<'a, Result<bool>> {
        // No other process sees these documents.
        ready(Ok(true))
    }

    fn flag_all<'a>(&'a self, prefix: &'a str, expires_ms: i64) -> BoxFuture<'a, Result<u64>> {
        let mut documents = self.lock();
        let ids: Vec<Id> = documents
            .with_prefix(prefix)
            .map(|(id, _)| id.clone())
            .collect();
        ready(documents.flag(ids, expires_ms))
    }

    fn page<'a>(
        &'a self,
        prefix: &'a str,
        page: &'a Page,
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        let documents = self.lock();
        let chosen = documents
            .behind(prefix, page.after.as_deref())
            .map(|(_, document)| document)
            .filter(|document| documents.is_live(document, alive))
            .filter(|document| documents.is_one_of(document, &page.which));
        for document in chosen.take(page.most as usize) {
            visit(document);
        }
        ready(Ok(()))
    }

    fn of_users<'a>(
        &'a self,
        prefix: &'a str,
        users: &'a [Arc<str>],
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        for document in self.lock().live(prefix, alive) {
            if users.iter().any(|wanted| user(document) == Some(wanted)) {
                visit(document);
            }
        }
        ready(Ok(()))
    }

    fn remove<'a>(
        &'a self,
        prefix: &'a str,
        removals: &'a [Removal],
        fate: Fate,
    ) -> BoxFuture<'a, Result<u64>> {
        let mut documents = self.lock();
        let is_removed = |id: &Id, document: &[u8]| {
            let is_meant = |removal: &Removal| {
                is_among(id, &removal.ids) && documents.is_one_of(document, &removal.which)
            };
            !documents.is_flagged(document) && removals.iter().any(is_meant)
        };
        let ids: Vec<Id> = documents
            .with_prefix(prefix)
            .filter(|(id, document)| is_removed(id, document))
            .map(|(id, _)| id.clone())
            .collect();
        let removed = match fate {
            Fate::Flagged(expires_ms) => documents.flag(ids, expires_ms),
            Fate::Deleted => {
                for id in &ids {
                    documents.by_id.remove(id);
                }
                Ok(ids.len() as u64)
            }
        };
        ready(removed)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        ready(())
    }
}
