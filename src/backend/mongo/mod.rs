//! The MongoDB engine. `command.rs` sends the commands that write and `query.rs` those that read; `statement.rs`,
//! `pipeline.rs` and `filter.rs` write their parts.
//!
//! Commands are written as raw BSON and sent with the driver's `run_raw_command`, which adds
//! nothing to them: read concern, write concern and read preference of the connection string are
//! put in here, and retryable errors are retried here.

mod auto_remove;
mod code_name;
mod collation;
mod command;
mod concerns;
mod delete;
mod fields;
mod filter;
mod index;
mod indexed;
mod indexes;
mod maintenance;
mod own_writes;
mod owner;
mod pipeline;
mod position;
mod query;
mod repeat;
mod reply;
mod select;
mod statement;
mod sweep;
mod update;
mod users;
mod watch;
mod within;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use mongodb::Database;
use tokio::sync::SetOnce;

use self::collation::ids_by_bytes;
use self::concerns::{After, Concerns};
use self::filter::{any_of, not_flagged, not_until};
use self::index::Build;
use self::own_writes::OwnWrites;
use self::query::ping;
use self::watch::Watching;
use self::within::Statements;
use super::watch::Listener;
use super::{
    Backend, Fate, Id, Index, OtherIndex, Page, Reach, Removal, SliceOutcome, Sweep, Swept,
    UserPage, Visit, Which, Write, Written,
};
use crate::codec::raw::Writer;
use crate::connection::Connection;
use crate::document::{Alive, Layout};
use crate::error::{Error, Result};

/// Documents in a collection of a MongoDB deployment.
pub struct Mongo {
    connection: Arc<Connection>,
    collection: String,
    layout: Layout,
    /// Whether writes have to leave flagged documents alone: when the option says so, and from the
    /// first flag on. Until then they keep the server's fast path for a plain `_id`, without which a
    /// touch takes half as long again; a document that another process flagged then stays flagged,
    /// but a late write moves the moment at which it goes.
    guards_flags: AtomicBool,
    /// Set once the index on an id field of its own has been created or refused.
    has_id_index: SetOnce<()>,
    build: Mutex<Option<Build>>,
    /// Whether the collection compares strings by a language, so that its indexes are of no use to what
    /// compares them by their bytes. As far as is known.
    is_collated: AtomicBool,
    /// Whether writes that create documents depend on that index, which is there then.
    hints_id_index: AtomicBool,
    /// Whether it had gone, which nobody has been told yet.
    lost_id_index: AtomicBool,
    concerns: OnceLock<Concerns>,
    /// Kept where reads may go to servers that do not take the writes.
    own_writes: OnceLock<OwnWrites>,
    watching: Mutex<Watching>,
}

impl Mongo {
    /// An engine on `collection` of the database that the connection names.
    pub fn new(
        connection: Arc<Connection>,
        collection: String,
        layout: Layout,
        delete_flags: bool,
    ) -> Self {
        Self {
            connection,
            collection,
            layout,
            guards_flags: AtomicBool::new(delete_flags),
            has_id_index: SetOnce::new(),
            build: Mutex::default(),
            is_collated: AtomicBool::new(false),
            hints_id_index: AtomicBool::new(false),
            lost_id_index: AtomicBool::new(false),
            concerns: OnceLock::new(),
            own_writes: OnceLock::new(),
            watching: Mutex::default(),
        }
    }

    fn guards_flags(&self) -> bool {
        self.guards_flags.load(Ordering::Relaxed)
    }

    fn guard_flags(&self) {
        self.guards_flags.store(true, Ordering::Relaxed);
    }

    /// `expired_ms` is the moment at which what has expired is left out, if it is to be.
    fn find_command(&self, ids: &[Id], only_unflagged: bool, expired_ms: Option<i64>) -> Writer {
        let capacity = ids.iter().map(|id| id.len() + 16).sum();
        let mut command = self.command("find", capacity);
        command.start_document("filter");
        any_of(&mut command, &self.layout, ids);
        if only_unflagged {
            not_flagged(&mut command, &self.layout);
        }
        if let Some(at_ms) = expired_ms {
            let moment_ms = self.layout.moment_of(at_ms);
            not_until(&mut command, &self.layout.moment, moment_ms);
        }
        command.end();
        ids_by_bytes(&mut command, &self.layout);
        // One more than can be found, so that the server closes the cursor with the first reply.
        let count = i32::try_from(ids.len()).unwrap_or(i32::MAX - 1);
        command.int32("batchSize", count + 1);
        command
    }
}

impl Backend for Mongo {
    fn connections(&self) -> usize {
        self.connection.connections()
    }

    fn ping(&self, reach: Reach) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let database = self.connection.database().await?;
            self.connection.unless_refused(ping(&database, reach)).await
        })
    }

    fn reconnect(&self) -> BoxFuture<'_, Result<()>> {
        let answers = async |database: Database| ping(&database, Reach::Any).await;
        Box::pin(self.connection.renew(answers))
    }

    fn lost(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.connection.lost())
    }

    fn trouble(&self) -> Option<String> {
        self.connection.trouble()
    }

    fn explain(&self, error: Error) -> Error {
        self.connection.explain(error)
    }

    fn collation(&self) -> BoxFuture<'_, Option<Error>> {
        Box::pin(self.default_collation())
    }

    fn create_index<'a>(
        &'a self,
        index: &'a Index,
        limit: Duration,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.ensure_index(index, limit))
    }

    fn index_instead_of<'a>(&'a self, index: &'a Index) -> BoxFuture<'a, Option<OtherIndex>> {
        Box::pin(self.other_index(index))
    }

    fn find<'a>(&'a self, ids: &'a [Id], visit: Visit<'a>) -> BoxFuture<'a, Result<()>> {
        let command = self.find_command(ids, false, None);
        Box::pin(self.query("get", command, After::WritesOf(ids), visit))
    }

    fn find_latest<'a>(&'a self, ids: &'a [Id], visit: Visit<'a>) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.query_primary("set", self.find_command(ids, false, None), visit))
    }

    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(self.carry_out(writes, None))
    }

    fn write_within<'a>(
        &'a self,
        writes: &'a [Write],
        patience: Duration,
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(self.carry_out(writes, Some(patience)))
    }

    fn delete<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            // In a field of their own, which need not be unique, ids may have several documents.
            let database = self.connection.database().await?;
            if self.layout.has_own_id() || !self.numbers_writes(&database).await? {
                return self.delete_any(ids).await;
            }
            self.delete_each(ids).await
        })
    }

    fn delete_within<'a>(
        &'a self,
        ids: &'a [Id],
        patience: Duration,
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async move {
            let database = self.connection.database().await?;
            if ids.len() > 1 && !self.layout.has_own_id() && self.numbers_writes(&database).await? {
                let narrowed = self.within(Statements::Deletions(ids), Some(patience));
                return narrowed.await.map(|narrowed| narrowed.results);
            }
            self.delete(ids).await?;
            Ok(vec![Ok(Written::Stored); ids.len()])
        })
    }

    fn count<'a>(
        &'a self,
        prefix: &'a str,
        which: &'a Which,
        most: Option<u32>,
        alive: Alive,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.count_selected(prefix, which, most, alive))
    }

    fn remove_expired<'a>(&'a self, prefix: &'a str, now_ms: i64) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.delete_expired(prefix, now_ms))
    }

    fn lease_removal<'a>(
        &'a self,
        prefix: &'a str,
        now_ms: i64,
        until_ms: i64,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.take_lease(prefix, now_ms, until_ms))
    }

    fn swept<'a>(
        &'a self,
        prefix: &'a str,
        sweep: &'a Sweep,
        after: Option<&'a Id>,
    ) -> BoxFuture<'a, Result<Swept>> {
        Box::pin(self.read_swept(prefix, sweep, after))
    }

    fn sweep<'a>(
        &'a self,
        sweep: &'a Sweep,
        ids: &'a [Id],
        fate: Fate,
        patience: Option<Duration>,
    ) -> BoxFuture<'a, Result<SliceOutcome>> {
        Box::pin(self.carry_out_sweep(sweep, ids, fate, patience))
    }

    fn page<'a>(
        &'a self,
        prefix: &'a str,
        page: &'a Page,
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.read_page(prefix, page, alive, visit))
    }

    fn users<'a>(
        &'a self,
        prefix: &'a str,
        page: &'a UserPage,
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.count_by_user(prefix, page, alive, visit))
    }

    fn of_users<'a>(
        &'a self,
        prefix: &'a str,
        users: &'a [Arc<str>],
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.read_users(prefix, users, alive, visit))
    }

    fn remove<'a>(
        &'a self,
        prefix: &'a str,
        removals: &'a [Removal],
        fate: Fate,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.remove_selected(prefix, removals, fate))
    }

    fn query<'a>(&'a self, command: &'a [u8], visit: Visit<'a>) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.maintaining_query(command, visit))
    }

    fn command<'a>(
        &'a self,
        command: &'a [u8],
        documents: Option<(&'a str, &'a [u8])>,
        writes: bool,
    ) -> BoxFuture<'a, Result<Vec<u8>>> {
        Box::pin(self.maintaining_command(command, documents, writes))
    }

    fn watch(&self, listener: Listener) -> BoxFuture<'_, ()> {
        Box::pin(self.begin_watching(listener))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.end_watching().await;
            self.end_build().await;
            self.connection.close().await;
        })
    }
}
