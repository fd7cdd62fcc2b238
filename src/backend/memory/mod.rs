//! The memory engine: documents in a map of this process, for development and as the oracle of
//! the tests. It stores the same bytes as MongoDB does.

mod documents;
mod lists;
mod write;

use std::future;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::yield_now;
use tokio::time::sleep;

use self::documents::{Documents, SLICE, is_awaiting, user};
use super::watch::Listener;
use super::{
    Backend, Fate, Id, Ids, Index, Page, Reach, Removal, SliceOutcome, Sweep, Swept, UserPage,
    Visit, Which, Write, Written,
};
use crate::clock::Clock;
use crate::document::{Alive, Layout};
use crate::error::{Error, Result};

/// Between two looks for expired documents where somebody is told of them.
const LOOK: Duration = Duration::from_secs(1);

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

    /// Visits the documents of a prefix behind an id until `visit` has seen enough, and lets others work
    /// in between.
    async fn each(
        &self,
        prefix: &str,
        after: Option<&Id>,
        mut visit: impl FnMut(&Documents, &Id, &[u8]) -> ControlFlow<()> + Send,
    ) {
        let mut after = after.cloned();
        while let Some(last) = self.some(prefix, after.as_deref(), &mut visit) {
            after = Some(last);
            yield_now().await;
        }
    }

    /// Visits the next of them, and answers the last one, if there are more.
    fn some(
        &self,
        prefix: &str,
        after: Option<&str>,
        visit: &mut impl FnMut(&Documents, &Id, &[u8]) -> ControlFlow<()>,
    ) -> Option<Id> {
        let documents = self.lock();
        let mut left = documents.behind(prefix, after);
        let mut last = None;
        for (id, document) in left.by_ref().take(SLICE) {
            if visit(&documents, id, document).is_break() {
                return None;
            }
            last = Some(id);
        }
        last.filter(|_| left.next().is_some()).cloned()
    }

    async fn remove_all_expired(&self, prefix: &str, now_ms: i64) {
        let mut after: Option<Id> = None;
        loop {
            let next = self.lock().remove_expired(prefix, after.as_deref(), now_ms);
            if next.is_none() {
                break;
            }
            after = next;
            yield_now().await;
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

    fn create_index<'a>(&'a self, _: &'a Index, _: Duration) -> BoxFuture<'a, Result<bool>> {
        ready(Ok(false))
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
        documents.expire();
        let written = writes.iter().map(|write| documents.write(write)).collect();
        ready(Ok(written))
    }

    fn delete<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, Result<()>> {
        let mut documents = self.lock();
        for id in ids {
            documents.delete(id);
        }
        ready(Ok(()))
    }

    fn count<'a>(
        &'a self,
        prefix: &'a str,
        which: &'a Which,
        most: Option<u32>,
        alive: Alive,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut count = 0;
            let most = most.map_or(u64::MAX, u64::from);
            self.each(prefix, None, |documents, _, document| {
                if count == most {
                    return ControlFlow::Break(());
                }
                let is_meant =
                    documents.is_live(document, alive) && documents.is_one_of(document, which);
                count += u64::from(is_meant);
                ControlFlow::Continue(())
            })
            .await;
            Ok(count)
        })
    }

    fn remove_expired<'a>(&'a self, prefix: &'a str, now_ms: i64) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.remove_all_expired(prefix, now_ms).await;
            Ok(())
        })
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

    fn swept<'a>(
        &'a self,
        prefix: &'a str,
        sweep: &'a Sweep,
        after: Option<&'a Id>,
    ) -> BoxFuture<'a, Result<Swept>> {
        let mut swept = Swept::default();
        let after = after.map(|after| &**after);
        swept.next = self.some(prefix, after, &mut |documents, id, document| {
            if documents.is_swept(id, document, sweep) {
                swept.ids.push(id.clone());
            }
            ControlFlow::Continue(())
        });
        ready(Ok(swept))
    }

    fn sweep<'a>(
        &'a self,
        sweep: &'a Sweep,
        ids: &'a [Id],
        fate: Fate,
        _: Option<Duration>,
    ) -> BoxFuture<'a, Result<SliceOutcome>> {
        let mut documents = self.lock();
        let is_swept = |id: &&Id| {
            let document = documents.by_id.get(*id);
            document.is_some_and(|document| documents.is_swept(id, document, sweep))
        };
        let ids: Vec<Id> = ids.iter().filter(is_swept).cloned().collect();
        let count = documents.remove(ids, fate);
        ready(count.map(|count| SliceOutcome { count, held: None }))
    }

    fn page<'a>(
        &'a self,
        prefix: &'a str,
        page: &'a Page,
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let sessions = self.first(prefix, page, alive).await;
            for document in &sessions {
                visit(document);
            }
            Ok(())
        })
    }

    fn users<'a>(
        &'a self,
        prefix: &'a str,
        page: &'a UserPage,
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let users = self.count_by_user(prefix, page, alive).await;
            for document in &users {
                visit(document);
            }
            Ok(())
        })
    }

    fn of_users<'a>(
        &'a self,
        prefix: &'a str,
        users: &'a [Arc<str>],
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.each(prefix, None, |documents, _, document| {
                let is_wanted = users.iter().any(|wanted| user(document) == Some(wanted));
                let is_there = !documents.is_flagged(document) || is_awaiting(document);
                if is_wanted && is_there && documents.lasts(document, alive) {
                    visit(document);
                }
                ControlFlow::Continue(())
            })
            .await;
            Ok(())
        })
    }

    fn remove<'a>(
        &'a self,
        prefix: &'a str,
        removals: &'a [Removal],
        fate: Fate,
    ) -> BoxFuture<'a, Result<u64>> {
        let mut documents = self.lock();
        let is_meant = |id: &Id, document: &[u8], removal: &Removal| {
            id.starts_with(prefix) && documents.is_removed(id, document, removal)
        };
        let mut ids = Vec::new();
        for removal in removals {
            let Ids::Only(only) = &removal.ids else {
                continue;
            };
            ids.extend(only.iter().filter(|id| {
                let document = documents.by_id.get(*id);
                document.is_some_and(|document| is_meant(id, document, removal))
            }));
        }
        let ids = ids.into_iter().cloned().collect();
        ready(documents.remove(ids, fate))
    }

    fn watch(&self, listener: Listener) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.lock().watch(listener);
            // Otherwise they would go with the next write, which may never come.
            loop {
                sleep(LOOK).await;
                let now_ms = self.lock().now_ms();
                self.remove_all_expired("", now_ms).await;
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        ready(())
    }
}
