//! The embedded engine: documents in a map of this process, for development and as the oracle of
//! the tests. It stores the same bytes as MongoDB does.

mod documents;

use std::future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use self::documents::{Documents, is_among, user};
use super::{Backend, Fate, Id, Index, Page, Reach, Removal, Sweep, Visit, Write, Written};
use crate::clock::Clock;
use crate::document::{Alive, Layout};
use crate::error::{Error, Result};
use crate::expiry;

/// Documents by id. Expired ones go when something is written, at most once a minute, as
/// MongoDB's TTL monitor has it.
#[derive(Default)]
pub struct Memory {
    documents: Mutex<Documents>,
}

impl Memory {
    /// An engine for documents of this layout, which expire by this clock.
    #[must_use]
    pub fn new(layout: Layout, clock: Clock) -> Self {
        Self {
            documents: Mutex::new(Documents::new(layout, clock)),
        }
    }

    /// A panic while the lock was held cannot leave a document half written, so the map is usable.
    fn lock(&self) -> MutexGuard<'_, Documents> {
        self.documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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

    fn collation(&self) -> BoxFuture<'_, Option<Error>> {
        Box::pin(future::ready(None))
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
        documents.sweep();
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

    fn clear<'a>(&'a self, prefix: &'a str, sweep: Sweep) -> BoxFuture<'a, Result<u64>> {
        let mut documents = self.lock();
        let mut by_id = std::mem::take(&mut documents.by_id);
        let before = by_id.len();
        let is_selected = |document: &[u8]| match sweep {
            Sweep::All => true,
            Sweep::Flagged => documents.is_flagged(document),
            Sweep::Expired(now_ms) => expiry::is_expired(documents.expires(document), now_ms),
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
