//! The MongoDB engine. The only file that sends commands; `statement.rs` writes their parts.
//!
//! Commands are written as raw BSON and sent with the driver's `run_raw_command`, which adds
//! nothing to them: read concern, write concern and read preference of the connection string are
//! put in here, and the one retry of a retryable error is made here.

mod reply;
mod statement;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use mongodb::Database;
use mongodb::bson::{Document, RawDocumentBuf};
use tokio::sync::OnceCell;

use self::reply::{count_of, is_duplicate_key, write_errors};
use self::statement::{any_of, flag, in_prefix, live, not_flagged, statement};
use super::{Backend, Change, Id, Visit, Write, Written};
use crate::codec::raw::{self, Writer, index};
use crate::connection::{Connection, from_driver, is_retryable};
use crate::document::{self, field};
use crate::error::{Error, Result};
use crate::progress::may_retry;

/// How many documents a page of a scan holds.
const SCAN_PAGE: i32 = 500;

/// Documents in a collection of a MongoDB deployment.
pub struct Mongo {
    connection: Connection,
    collection: String,
    /// Whether writes have to leave flagged documents alone: when the option says so, and from the
    /// first flag on. Until then they keep the server's fast path for a plain `_id`, without which a
    /// touch takes half as long again; a document that another process flagged then stays flagged,
    /// but a late write moves the moment at which it goes.
    guards_flags: AtomicBool,
    handle: OnceCell<Handle>,
}

/// The database and what of the connection string goes into every command.
struct Handle {
    database: Database,
    read_concern: Option<Vec<u8>>,
    write_concern: Option<Vec<u8>>,
}

impl Mongo {
    /// An engine on `collection` of the database that the connection names.
    pub fn new(connection: Connection, collection: String, delete_flags: bool) -> Self {
        Self {
            connection,
            collection,
            guards_flags: AtomicBool::new(delete_flags),
            handle: OnceCell::new(),
        }
    }

    fn guards_flags(&self) -> bool {
        self.guards_flags.load(Ordering::Relaxed)
    }

    fn guard_flags(&self) {
        self.guards_flags.store(true, Ordering::Relaxed);
    }

    async fn handle(&self) -> Result<&Handle> {
        self.handle
            .get_or_try_init(|| async {
                let database = self.connection.database().await?;
                let concern = |concern: Option<mongodb::bson::error::Result<Document>>| {
                    concern
                        .and_then(std::result::Result::ok)
                        .filter(|document| !document.is_empty())
                        .and_then(|document| document.to_vec().ok())
                };
                Ok(Handle {
                    read_concern: concern(
                        database
                            .read_concern()
                            .map(mongodb::bson::serialize_to_document),
                    ),
                    write_concern: concern(
                        database
                            .write_concern()
                            .map(mongodb::bson::serialize_to_document),
                    ),
                    database,
                })
            })
            .await
    }

    /// A command on the collection, open for its arguments.
    fn command(&self, name: &str, capacity: usize) -> Writer {
        let mut command = Writer::with_capacity(capacity + self.collection.len() + 128);
        command.string(name, &self.collection);
        command
    }

    /// Sends a command, once more if the first attempt ends in a retryable error.
    async fn run(&self, operation: &'static str, mut command: Writer) -> Result<Document> {
        let handle = self.handle().await?;
        if let Some(concern) = &handle.write_concern {
            command.document("writeConcern", concern);
        }
        let command = raw_command(command)?;
        match handle.database.run_raw_command(command.clone()).await {
            Err(error) if is_retryable(&error) && may_retry() => {
                handle.database.run_raw_command(command).await
            }
            answer => answer,
        }
        .map_err(|error| from_driver(operation, &error))
    }

    /// Sends a command that answers with a cursor, and visits all its documents. A retry happens
    /// only before the first document, so none is visited twice.
    async fn query(
        &self,
        operation: &'static str,
        mut command: Writer,
        visit: Visit<'_>,
    ) -> Result<()> {
        let handle = self.handle().await?;
        if let Some(concern) = &handle.read_concern {
            command.document("readConcern", concern);
        }
        let command = raw_command(command)?;
        let send = |command| {
            let mut query = handle.database.run_raw_cursor_command(command);
            if let Some(criteria) = handle.database.selection_criteria() {
                query = query.selection_criteria(criteria.clone());
            }
            query.batch()
        };
        let mut cursor = match send(command.clone()).await {
            Err(error) if is_retryable(&error) => send(command).await,
            answer => answer,
        }
        .map_err(|error| from_driver(operation, &error))?;
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
            statement(&mut command, write, self.guards_flags());
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

    /// A reply says how many documents a command has found, so that each flag that is to be counted
    /// needs a command of its own.
    async fn write_counted(&self, writes: &[Write]) -> Result<Vec<Result<Written>>> {
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            results.append(&mut self.write(std::slice::from_ref(write)).await?);
        }
        Ok(results)
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
                Change::Replace(_) | Change::Merge(_) | Change::Flag { counted: true }
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
        command.int32(field::ID, 1);
        command.end();
        self.query("write", command, &mut |document| {
            if let Some(id) = document::id(document) {
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
        any_of(&mut command, ids);
        if only_unflagged {
            not_flagged(&mut command);
        }
        command.end();
        // One more than can be found, so that the server closes the cursor with the first reply.
        let count = i32::try_from(ids.len()).unwrap_or(i32::MAX - 1);
        command.int32("batchSize", count + 1);
        command
    }
}

fn raw_command(command: Writer) -> Result<RawDocumentBuf> {
    RawDocumentBuf::from_bytes(command.finish())
        .map_err(|_| Error::Serialization("a command could not be written as BSON".to_owned()))
}

impl Backend for Mongo {
    fn connect(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            let handle = self.handle().await?;
            let mut ping = Writer::new();
            ping.int32("ping", 1);
            let mut ping = handle.database.run_raw_command(raw_command(ping)?);
            // A deployment that serves reads only must not look as if it were down.
            if let Some(criteria) = handle.database.selection_criteria() {
                ping = ping.selection_criteria(criteria.clone());
            }
            ping.await.map_err(|error| from_driver("connect", &error))?;
            Ok(())
        })
    }

    fn create_ttl_index(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            let mut command = self.command("createIndexes", 256);
            command.start_array("indexes");
            command.start_document("0");
            command.start_document("key");
            command.int32(field::EXPIRES, 1);
            command.end();
            command.string("name", "expires_1");
            command.int32("expireAfterSeconds", 0);
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
            let counted = |write: &Write| matches!(write.change, Change::Flag { counted: true });
            if writes.len() > 1 && writes.iter().any(counted) {
                return self.write_counted(writes).await;
            }
            let all: Vec<&Write> = writes.iter().collect();
            let mut results = self.update(&all).await?;
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
            any_of(&mut command, ids);
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
        now_ms: i64,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>> {
        let mut command = self.command("find", prefix.len() * 2);
        command.start_document("filter");
        live(&mut command, prefix, now_ms);
        command.end();
        command.int32("batchSize", SCAN_PAGE);
        Box::pin(self.query("all", command, visit))
    }

    fn count<'a>(&'a self, prefix: &'a str, now_ms: i64) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut command = self.command("aggregate", prefix.len() * 2);
            command.start_array("pipeline");
            command.start_document("0");
            command.start_document("$match");
            live(&mut command, prefix, now_ms);
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

    fn clear<'a>(&'a self, prefix: &'a str, only_flagged: bool) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let mut command = self.command("delete", prefix.len() * 2);
            command.start_array("deletes");
            command.start_document("0");
            command.start_document("q");
            in_prefix(&mut command, prefix);
            if only_flagged {
                command.boolean(field::DELETED, true);
            }
            command.end();
            command.int32("limit", 0);
            command.end();
            command.end();
            count_of(&self.run("clear", command).await?)
        })
    }

    fn flag_all<'a>(&'a self, prefix: &'a str, expires_ms: i64) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            self.guard_flags();
            let mut command = self.command("update", prefix.len() * 2);
            command.start_array("updates");
            command.start_document("0");
            command.start_document("q");
            in_prefix(&mut command, prefix);
            not_flagged(&mut command);
            command.end();
            flag(&mut command, expires_ms);
            command.boolean("multi", true);
            command.end();
            command.end();
            count_of(&self.run("flagDeletion", command).await?)
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.connection.close())
    }
}
