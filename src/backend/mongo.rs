//! The MongoDB engine. The only file that sends commands.
//!
//! Commands are written as raw BSON and sent with the driver's `run_raw_command`, which adds
//! nothing to them: read concern, write concern and read preference of the connection string are
//! put in here, and the one retry of a retryable error is made here.

use std::collections::HashSet;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use mongodb::Database;
use mongodb::bson::{Bson, Document, RawDocumentBuf};
use tokio::sync::OnceCell;

use super::{Backend, Change, Id, Visit, Write, Written};
use crate::codec::raw::{self, Writer, index};
use crate::connection::{Connection, from_driver, is_retryable};
use crate::document::{self, field};
use crate::error::{Error, Result};
use crate::merge::Difference;

/// How many documents a page of a scan holds.
const SCAN_PAGE: i32 = 500;

/// The server's codes for statements that a second attempt can mend: two processes created the
/// same document at the same moment.
const DUPLICATE_KEY: i32 = 11_000;

/// The server's codes for a document that has grown over the limit.
const TOO_LARGE: [i32; 2] = [10_334, 17_419];

/// Documents in a collection of a MongoDB deployment.
pub struct Mongo {
    connection: Connection,
    collection: String,
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
    pub fn new(connection: Connection, collection: String) -> Self {
        Self {
            connection,
            collection,
            handle: OnceCell::new(),
        }
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
            Err(error) if is_retryable(&error) => handle.database.run_raw_command(command).await,
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
            statement(&mut command, write);
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

    /// The reply to an update counts the documents that were found but does not name them. So when
    /// some were not, asks which of the saves that must not create their document missed it.
    async fn mark_missing(&self, writes: &[&Write], results: &mut [Result<Written>]) -> Result<()> {
        let must_exist =
            |write: &Write| matches!(write.change, Change::Replace(_) | Change::Merge(_));
        let ids: Vec<Id> = writes
            .iter()
            .filter(|write| must_exist(write))
            .map(|write| write.id.clone())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut present = HashSet::new();
        let mut command = self.find_command(&ids);
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

    fn find_command(&self, ids: &[Id]) -> Writer {
        let capacity = ids.iter().map(|id| id.len() + 16).sum();
        let mut command = self.command("find", capacity);
        command.start_document("filter");
        any_of(&mut command, ids);
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

/// `_id: id` or `_id: { $in: [ids] }`. The first is the form for which the server has a fast path.
fn any_of(filter: &mut Writer, ids: &[Id]) {
    if let [id] = ids {
        filter.string(field::ID, id);
        return;
    }
    filter.start_document(field::ID);
    filter.start_array("$in");
    for (position, id) in ids.iter().enumerate() {
        filter.string(&index(position), id);
    }
    filter.end();
    filter.end();
}

/// `_id` in the range of a prefix. The range also leaves out ids that are not strings.
fn in_prefix(filter: &mut Writer, prefix: &str) {
    filter.start_document(field::ID);
    filter.string("$gte", prefix);
    if let Some(end) = document::prefix_end(prefix) {
        filter.string("$lt", &end);
    }
    filter.end();
}

/// Sessions of a prefix that have not expired: the same judgement as `document::read`.
fn live(filter: &mut Writer, prefix: &str, now_ms: i64) {
    in_prefix(filter, prefix);
    filter.start_document(field::EXPIRES);
    filter.start_document("$not");
    filter.date("$lte", now_ms);
    filter.end();
    filter.end();
    filter.start_document(field::SESSION);
    filter.string("$type", "object");
    filter.end();
}

/// One statement of an update command.
fn statement(command: &mut Writer, write: &Write) {
    command.start_document("q");
    command.string(field::ID, &write.id);
    command.end();
    match &write.change {
        Change::Touch => {
            command.start_document("u");
            command.start_document("$set");
            command.date(field::EXPIRES, write.expires_ms);
            command.end();
            command.end();
        }
        Change::Upsert(session) | Change::Replace(session) => {
            command.start_document("u");
            command.start_document("$set");
            command.date(field::EXPIRES, write.expires_ms);
            command.document(field::SESSION, session);
            command.end();
            command.end();
            command.boolean("upsert", matches!(write.change, Change::Upsert(_)));
        }
        Change::Merge(difference) if difference_has_paths(difference) => {
            merge_by_paths(command, write.expires_ms, difference);
        }
        Change::Merge(difference) => {
            merge_by_pipeline(command, write.expires_ms, difference);
        }
    }
}

/// Whether every key of a difference can be the last part of an update's field path.
fn difference_has_paths(difference: &Difference) -> bool {
    let is_path = |key: &[u8]| !key.is_empty() && !key.starts_with(b"$") && !key.contains(&b'.');
    difference.set.iter().all(|(key, ..)| is_path(key))
        && difference.unset.iter().all(|key| is_path(key))
}

fn merge_by_paths(command: &mut Writer, expires_ms: i64, difference: &Difference) {
    let path = |key: &[u8]| [field::SESSION.as_bytes(), b".", key].concat();
    command.start_document("u");
    command.start_document("$set");
    command.date(field::EXPIRES, expires_ms);
    for (key, kind, value) in &difference.set {
        command.element(raw::Element {
            kind: *kind,
            key: &path(key),
            value,
        });
    }
    command.end();
    if !difference.unset.is_empty() {
        command.start_document("$unset");
        for key in &difference.unset {
            command.element(raw::Element {
                kind: raw::kind::INT32,
                key: &path(key),
                value: &1_i32.to_le_bytes(),
            });
        }
        command.end();
    }
    command.end();
}

/// For keys such as `a.b`, `$c` or the empty string, which a path cannot name: an aggregation
/// pipeline, where they are data.
fn merge_by_pipeline(command: &mut Writer, expires_ms: i64, difference: &Difference) {
    command.start_array("u");
    command.start_document("0");
    command.start_document("$set");
    command.date(field::EXPIRES, expires_ms);
    command.start_document(field::SESSION);
    for key in &difference.unset {
        command.start_document("$unsetField");
        command.start_document("field");
        command.string("$literal", &String::from_utf8_lossy(key));
        command.end();
        command.start_document("input");
    }
    command.start_array("$mergeObjects");
    command.string("0", "$session");
    command.start_document("1");
    command.start_document("$literal");
    for (key, kind, value) in &difference.set {
        command.element(raw::Element {
            kind: *kind,
            key,
            value,
        });
    }
    command.end();
    command.end();
    command.end();
    for _ in &difference.unset {
        command.end();
        command.end();
    }
    command.end();
    command.end();
    command.end();
    command.end();
}

/// Puts the errors of a reply where they belong and answers how many statements they name. A
/// write concern error is about the whole command: no statement is known to be safe.
fn write_errors(reply: &Document, results: &mut [Result<Written>]) -> usize {
    if let Some(Bson::Document(concern)) = reply.get("writeConcernError") {
        let error = statement_error(concern);
        results.fill(Err(error));
        return results.len();
    }
    let Ok(errors) = reply.get_array("writeErrors") else {
        return 0;
    };
    for error in errors.iter().filter_map(Bson::as_document) {
        let position = error.get_i32("index").unwrap_or_default();
        if let Some(result) = usize::try_from(position)
            .ok()
            .and_then(|position| results.get_mut(position))
        {
            *result = Err(statement_error(error));
        }
    }
    errors.len()
}

fn statement_error(error: &Document) -> Error {
    let code = error.get_i32("code").unwrap_or_default();
    if TOO_LARGE.contains(&code) {
        return Error::TooLarge { size: None };
    }
    let code_name = match (error.get_str("codeName"), code) {
        (Ok(name), _) => name,
        (_, 11_000) => "DuplicateKey",
        (_, 28) => "PathNotViable",
        (_, 121) => "DocumentValidationFailure",
        (_, 14_031) => "OutOfDiskSpace",
        _ => "WriteError",
    };
    Error::Server {
        operation: "write",
        code,
        code_name: code_name.to_owned(),
        labels: Vec::new(),
    }
}

fn is_duplicate_key(result: &Result<Written>) -> bool {
    matches!(result, Err(Error::Server { code, .. }) if *code == DUPLICATE_KEY)
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
        Box::pin(self.query("get", self.find_command(ids), visit))
    }

    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async {
            let all: Vec<&Write> = writes.iter().collect();
            let mut results = self.update(&all).await?;
            if results.iter().any(is_duplicate_key) {
                let again: Vec<&Write> = writes
                    .iter()
                    .zip(&results)
                    .filter(|(_, result)| is_duplicate_key(result))
                    .map(|(write, _)| write)
                    .collect();
                let mut retried = self.update(&again).await?.into_iter();
                for result in results.iter_mut().filter(|result| is_duplicate_key(result)) {
                    if let Some(retried) = retried.next() {
                        *result = retried;
                    }
                }
            }
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
            refuse_errors(&self.run("destroy", command).await?)
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

    fn clear<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let mut command = self.command("delete", prefix.len() * 2);
            command.start_array("deletes");
            command.start_document("0");
            command.start_document("q");
            in_prefix(&mut command, prefix);
            command.end();
            command.int32("limit", 0);
            command.end();
            command.end();
            refuse_errors(&self.run("clear", command).await?)
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.connection.close())
    }
}

/// The first error of a reply to a command with one statement.
fn refuse_errors(reply: &Document) -> Result<()> {
    let mut results = [Ok(Written::Stored)];
    write_errors(reply, &mut results);
    let [result] = results;
    result.map(drop)
}
