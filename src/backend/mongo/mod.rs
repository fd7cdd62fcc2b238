//! The MongoDB engine. The only file that sends commands; `statement.rs` writes their parts.
//!
//! Commands are written as raw BSON and sent with the driver's `run_raw_command`, which adds
//! nothing to them: read concern, write concern and read preference of the connection string are
//! put in here, and retryable errors are retried here.

mod reply;
mod select;
mod statement;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use mongodb::Database;
use mongodb::bson::Document;
use mongodb::options::{ReadPreference, SelectionCriteria};
use tokio::sync::OnceCell;

use self::reply::{count_of, is_duplicate_key, is_unreadable, sent, write_errors};
use self::statement::{
    any_of, expired, flag, in_prefix, lease, live, not_flagged, raw_command, statement,
};
use super::{
    Alive, Backend, Change, Fate, Id, Index, Page, Reach, Removal, Selection, Visit, Write, Written,
};
use crate::codec::raw::{self, Writer, index};
use crate::connection::{Connection, from_driver, is_retryable};
use crate::document::Layout;
use crate::error::{Error, Result};
use crate::progress::may_retry;

/// How often a command is sent at most while its errors are retryable. A write that a primary could
/// not replicate any more tells the driver nothing about that primary; the refusal of the second
/// attempt does, and so the third one waits for the new primary.
const ATTEMPTS: usize = 3;

/// How many documents a page of a scan holds.
const SCAN_PAGE: i32 = 500;

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
    has_id_index: OnceCell<()>,
    concerns: OnceLock<Concerns>,
}

/// Read concern and write concern as raw BSON.
struct Concerns {
    read: Option<Vec<u8>>,
    write: Option<Vec<u8>>,
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
            has_id_index: OnceCell::new(),
            concerns: OnceLock::new(),
        }
    }

    fn guards_flags(&self) -> bool {
        self.guards_flags.load(Ordering::Relaxed)
    }

    fn guard_flags(&self) {
        self.guards_flags.store(true, Ordering::Relaxed);
    }

    /// What of the connection string goes into every command.
    fn concerns(&self, database: &Database) -> &Concerns {
        self.concerns.get_or_init(|| {
            let concern = |concern: Option<mongodb::bson::error::Result<Document>>| {
                concern
                    .and_then(std::result::Result::ok)
                    .filter(|document| !document.is_empty())
                    .and_then(|document| document.to_vec().ok())
            };
            Concerns {
                read: concern(
                    database
                        .read_concern()
                        .map(mongodb::bson::serialize_to_document),
                ),
                write: concern(
                    database
                        .write_concern()
                        .map(mongodb::bson::serialize_to_document),
                ),
            }
        })
    }

    /// A command on the collection, open for its arguments.
    fn command(&self, name: &str, capacity: usize) -> Writer {
        let mut command = Writer::with_capacity(capacity + self.collection.len() + 128);
        command.string(name, &self.collection);
        command
    }

    /// Sends a command, and again if that ends in a retryable error.
    async fn run(&self, operation: &'static str, mut command: Writer) -> Result<Document> {
        let database = self.connection.database().await?;
        if let Some(concern) = &self.concerns(&database).write {
            command.document("writeConcern", concern);
        }
        let command = raw_command(command)?;
        let send = async {
            attempt(
                self.connection.retries_writes(),
                || database.run_raw_command(command.clone()),
                reply::is_retryable,
            )
            .await
            .map_err(|error| sent(operation, &error))
        };
        self.connection.unless_refused(send).await
    }

    /// Sends a command that answers with a cursor, and visits all its documents. A retry happens
    /// only before the first document, so none is visited twice.
    async fn query(
        &self,
        operation: &'static str,
        mut command: Writer,
        visit: Visit<'_>,
    ) -> Result<()> {
        let database = self.connection.database().await?;
        if let Some(concern) = &self.concerns(&database).read {
            command.document("readConcern", concern);
        }
        let criteria = database.selection_criteria().cloned();
        self.query_at(&database, criteria, operation, command, visit)
            .await
    }

    /// The same at the primary, with what it has carried out so far.
    async fn query_primary(
        &self,
        operation: &'static str,
        command: Writer,
        visit: Visit<'_>,
    ) -> Result<()> {
        let database = self.connection.database().await?;
        let criteria = Some(ReadPreference::Primary.into());
        self.query_at(&database, criteria, operation, command, visit)
            .await
    }

    async fn query_at(
        &self,
        database: &Database,
        criteria: Option<SelectionCriteria>,
        operation: &'static str,
        command: Writer,
        visit: Visit<'_>,
    ) -> Result<()> {
        let command = raw_command(command)?;
        let send = || {
            let mut query = database.run_raw_cursor_command(command.clone());
            if let Some(criteria) = &criteria {
                query = query.selection_criteria(criteria.clone());
            }
            query.batch()
        };
        let first = async {
            attempt(self.connection.retries_reads(), send, |_| false)
                .await
                .map_err(|error| from_driver(operation, &error))
        };
        let mut cursor = self.connection.unless_refused(first).await?;
        while let Some(batch) = cursor.next().await {
            let batch = batch.map_err(|error| from_driver(operation, &error))?;
            let documents = batch
                .doc_slices()
                .map_err(|error| from_driver(operation, &error))?;
            for document in raw::elements(documents.as_bytes()) {
                if let Some(document) = document?.as_document() {
                    visit(document);
                }
            }
        }
        Ok(())
    }

    /// Carries out `writes` as one command with many statements and answers one result for each.
    async fn update(&self, writes: &[&Write]) -> Result<Vec<Result<Written>>> {
        let capacity = writes
            .iter()
            .map(|write| write.id.len() + write.change.size())
            .sum();
        let mut command = self.command("update", capacity);
        command.boolean("ordered", false);
        command.start_array("updates");
        for (position, write) in writes.iter().enumerate() {
            command.start_document(&index(position));
            statement(&mut command, &self.layout, write, self.guards_flags());
            command.end();
        }
        command.end();
        let reply = self.run("write", command).await?;
        let mut results: Vec<Result<Written>> = vec![Ok(Written::Stored); writes.len()];
        let failed = write_errors(&reply, &mut results);
        let matched = reply.get_i32("n").unwrap_or_default();
        if usize::try_from(matched).unwrap_or_default() + failed < writes.len() {
            self.mark_missing(writes, &mut results).await?;
        }
        Ok(results)
    }

    /// A save that does not match a flagged document is kept from creating another one by the unique
    /// index alone: `_id` always has one, a field of its own only some time after the start.
    async fn await_id_index(&self) -> Result<()> {
        if !self.layout.has_own_id() || !self.guards_flags() {
            return Ok(());
        }
        let create = async || match self.create_index(&Index::of_id(&self.layout)).await {
            Err(error @ Error::Connection { .. }) => Err(error),
            // Whoever looks after the indexes tells of a refusal.
            _ => Ok(()),
        };
        self.has_id_index.get_or_try_init(create).await.map(|()| ())
    }

    /// Carries out each write with a command of its own.
    async fn write_each(&self, writes: &[Write]) -> Vec<Result<Written>> {
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            let written = self.write(std::slice::from_ref(write)).await;
            results.append(&mut written.unwrap_or_else(|error| vec![Err(error)]));
        }
        results
    }

    /// Sends statements again that failed because another process created the same document at the
    /// same moment. One that fails again has met a flagged document, which it does not match and
    /// must not replace.
    async fn retry_duplicates(
        &self,
        writes: &[Write],
        results: &mut [Result<Written>],
    ) -> Result<()> {
        let again: Vec<&Write> = writes
            .iter()
            .zip(&*results)
            .filter(|(_, result)| is_duplicate_key(result))
            .map(|(write, _)| write)
            .collect();
        if again.is_empty() {
            return Ok(());
        }
        let mut retried = self.update(&again).await?.into_iter();
        for result in results.iter_mut().filter(|result| is_duplicate_key(result)) {
            if let Some(retried) = retried.next() {
                *result = match retried {
                    retried if self.guards_flags() && is_duplicate_key(&retried) => {
                        Ok(Written::Missing)
                    }
                    retried => retried,
                };
            }
        }
        Ok(())
    }

    /// The reply to an update counts the documents that were found but does not name them. So when
    /// some were not, asks which of the saves that must not create their document missed it.
    async fn mark_missing(&self, writes: &[&Write], results: &mut [Result<Written>]) -> Result<()> {
        let must_exist = |write: &Write| {
            matches!(
                write.change,
                Change::Replace(_)
                    | Change::Merge(_)
                    | Change::Swap { .. }
                    | Change::Flag { counted: true }
            )
        };
        let ids: Vec<Id> = writes
            .iter()
            .filter(|write| must_exist(write))
            .map(|write| write.id.clone())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        if let [result] = &mut *results {
            *result = Ok(Written::Missing);
            return Ok(());
        }
        let mut present = HashSet::new();
        let mut command = self.find_command(&ids, self.guards_flags());
        command.start_document("projection");
        command.int32(&self.layout.id, 1);
        command.end();
        self.query("write", command, &mut |document| {
            if let Some(id) = self.layout.id_of(document) {
                present.insert(id.to_owned());
            }
        })
        .await?;
        for (write, result) in writes.iter().zip(results) {
            if result.is_ok() && must_exist(write) && !present.contains(&*write.id) {
                *result = Ok(Written::Missing);
            }
        }
        Ok(())
    }

    fn find_command(&self, ids: &[Id], only_unflagged: bool) -> Writer {
        let capacity = ids.iter().map(|id| id.len() + 16).sum();
        let mut command = self.command("find", capacity);
        command.start_document("filter");
        any_of(&mut command, &self.layout, ids);
        if only_unflagged {
            not_flagged(&mut command, &self.layout);
        }
        command.end();
        // One more than can be found, so that the server closes the cursor with the first reply.
        let count = i32::try_from(ids.len()).unwrap_or(i32::MAX - 1);
        command.int32("batchSize", count + 1);
        command
    }
}

/// Sends what `send` makes until it ends in something else than a retryable error or a reply that
/// tells of one, or the attempts are used up. Once, if there is to be no retry.
async fn attempt<T, S>(
    retries: bool,
    send: impl Fn() -> S,
    tells_retryable: impl Fn(&T) -> bool,
) -> mongodb::error::Result<T>
where
    S: IntoFuture<Output = mongodb::error::Result<T>>,
{
    let mut attempts = 1;
    loop {
        let answer = send().await;
        let again = match &answer {
            Ok(answer) => tells_retryable(answer),
            Err(error) => is_retryable(error),
        };
        if !again || !retries || attempts == ATTEMPTS || !may_retry() {
            return answer;
        }
        attempts += 1;
    }
}

async fn ping(database: &Database, reach: Reach) -> Result<()> {
    let any = ReadPreference::SecondaryPreferred { options: None };
    let criteria = match reach {
        Reach::Any => Some(any.into()),
        // A deployment that serves reads only must not look as if it were down.
        Reach::Needed => database.selection_criteria().cloned(),
    };
    let mut command = Writer::new();
    command.int32("ping", 1);
    let command = raw_command(command)?;
    let send = || {
        let ping = database.run_raw_command(command.clone());
        match &criteria {
            Some(criteria) => ping.selection_criteria(criteria.clone()),
            None => ping,
        }
    };
    // A connection of the pool may have broken long ago.
    let answer = attempt(true, send, |_| false).await;
    answer
        .map(drop)
        .map_err(|error| from_driver("ping", &error))
}

impl Backend for Mongo {
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

    fn create_index<'a>(&'a self, index: &'a Index) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            let mut command = self.command("createIndexes", 256);
            command.start_array("indexes");
            command.start_document("0");
            command.start_document("key");
            command.int32(&index.field, 1);
            command.end();
            command.string("name", &index.name());
            if let Some(seconds) = index.expire_after_seconds {
                command.int32("expireAfterSeconds", seconds);
            }
            if index.is_unique {
                command.boolean("unique", true);
            }
            if index.is_sparse {
                command.boolean("sparse", true);
            }
            command.end();
            command.end();
            self.run("index creation", command).await.map(drop)
        })
    }

    fn find<'a>(&'a self, ids: &'a [Id], visit: Visit<'a>) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.query("get", self.find_command(ids, false), visit))
    }

    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async {
            if writes
                .iter()
                .any(|write| matches!(write.change, Change::Flag { .. }))
            {
                self.guard_flags();
            }
            self.await_id_index().await?;
            let counted = |write: &Write| matches!(write.change, Change::Flag { counted: true });
            // A reply says how many documents a command has found, but not which.
            if writes.len() > 1 && writes.iter().any(counted) {
                return Ok(self.write_each(writes).await);
            }
            let all: Vec<&Write> = writes.iter().collect();
            let mut results = match self.update(&all).await {
                // One of the writes has brought that about; the others are not to suffer from it.
                Err(error) if writes.len() > 1 && is_unreadable(&error) => {
                    return Ok(self.write_each(writes).await);
                }
                results => results?,
            };
            self.retry_duplicates(writes, &mut results).await?;
            Ok(results)
        })
    }

    fn delete<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            let capacity = ids.iter().map(|id| id.len() + 16).sum();
            let mut command = self.command("delete", capacity);
            command.start_array("deletes");
            command.start_document("0");
            command.start_document("q");
            any_of(&mut command, &self.layout, ids);
            command.end();
            command.int32("limit", 0);
            command.end();
            command.end();
            count_of(&self.run("destroy", command).await?).map(drop)
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        let mut command = self.command("find", prefix.len() * 2);
        command.start_document("filter");
        live(&mut command, &self.layout, prefix, alive);
        command.end();
        command.int32("batchSize", SCAN_PAGE);
        Box::pin(self.query("all", command, visit))
    }

    fn count<'a>(&'a self, prefix: &'a str, alive: Alive) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut command = self.command("aggregate", prefix.len() * 2);
            command.start_array("pipeline");
            command.start_document("0");
            command.start_document("$match");
            live(&mut command, &self.layout, prefix, alive);
            command.end();
            command.end();
            command.start_document("1");
            command.string("$count", "count");
            command.end();
            command.end();
            command.start_document("cursor");
            command.end();
            let mut count = 0;
            self.query("length", command, &mut |document| {
                count = raw::find(document, "count")
                    .and_then(|element| element.as_i64())
                    .unwrap_or_default();
            })
            .await?;
            Ok(u64::try_from(count).unwrap_or_default())
        })
    }

    fn clear<'a>(&'a self, prefix: &'a str, selection: Selection) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut command = self.command("delete", prefix.len() * 2);
            command.start_array("deletes");
            command.start_document("0");
            command.start_document("q");
            in_prefix(&mut command, &self.layout, prefix);
            match selection {
                Selection::All => {}
                Selection::Flagged => command.boolean(&self.layout.deleted, true),
                Selection::Expired(now_ms) => expired(&mut command, &self.layout, now_ms),
            }
            command.end();
            command.int32("limit", 0);
            command.end();
            command.end();
            count_of(&self.run("clear", command).await?)
        })
    }

    fn lease_removal<'a>(
        &'a self,
        prefix: &'a str,
        now_ms: i64,
        until_ms: i64,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let mut command = self.command("update", prefix.len());
            command.start_array("updates");
            command.start_document("0");
            lease(&mut command, prefix, now_ms, until_ms);
            command.end();
            command.end();
            let reply = self.run("autoRemove", command).await?;
            let mut results = [Ok(Written::Stored)];
            write_errors(&reply, &mut results);
            // Who holds the lease is found by its `_id` but not by its moment.
            let [result] = results;
            if is_duplicate_key(&result) {
                return Ok(false);
            }
            result.map(|_| true)
        })
    }

    fn flag_all<'a>(&'a self, prefix: &'a str, expires_ms: i64) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            self.guard_flags();
            let mut command = self.command("update", prefix.len() * 2);
            command.start_array("updates");
            command.start_document("0");
            command.start_document("q");
            in_prefix(&mut command, &self.layout, prefix);
            not_flagged(&mut command, &self.layout);
            command.end();
            flag(&mut command, &self.layout, expires_ms);
            command.boolean("multi", true);
            command.end();
            command.end();
            count_of(&self.run("flagDeletion", command).await?)
        })
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

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.connection.close())
    }
}
