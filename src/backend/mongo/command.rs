//! How a command is sent: with the concerns of the connection string, and again after a retryable
//! error. Which writes may be sent again is in `repeat.rs`.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, RawDocumentBuf};
use mongodb::error::{Error as DriverError, ErrorKind, Result as DriverResult};
use mongodb::options::{ReadConcernLevel, ReadPreference, SelectionCriteria};
use tokio::time::sleep;

use super::super::{Id, Reach, Visit};
use super::Mongo;
use super::own_writes::OwnWrites;
use super::repeat::{ATTEMPTS, Again, Attempts, LogicalSession, count_down};
use super::reply::{readable, sent};
use crate::codec::raw::{self, Writer};
use crate::connection::{Turn, from_driver, is_overload, is_retryable, pause_before_connecting};
use crate::document::MAX_DOCUMENT_BYTES;
use crate::error::{Error, Result};
use crate::progress::may_retry;
use crate::telemetry;

/// MongoDB's limit on a command: that of a document, and 16 KiB for what is around one.
const MAX_COMMAND_BYTES: usize = MAX_DOCUMENT_BYTES + 16 * 1024;

/// A whole command, unless it is too large to be sent: the server would end the connection.
pub fn raw_command(command: Writer) -> Result<RawDocumentBuf> {
    let command = command.finish();
    if command.len() > MAX_COMMAND_BYTES {
        let size = command.len();
        return Err(Error::CommandTooLarge { size });
    }
    RawDocumentBuf::from_bytes(command)
        .map_err(|_| Error::Serialization("a command could not be written as BSON".to_owned()))
}

/// What MongoDB calls a command, which is its first key.
pub(super) fn name_of(command: &RawDocumentBuf) -> &'static str {
    const NAMES: [&str; 8] = [
        "find",
        "update",
        "delete",
        "aggregate",
        "findAndModify",
        "createIndexes",
        "listCollections",
        "ping",
    ];
    let first = raw::elements(command.as_bytes()).next();
    let key = first.and_then(Result::ok).map(|element| element.key);
    let name = NAMES.iter().find(|name| Some(name.as_bytes()) == key);
    name.unwrap_or(&"other")
}

/// Read concern and write concern as raw BSON.
pub(super) struct Concerns {
    pub(super) read: Option<Vec<u8>>,
    pub(super) write: Option<Vec<u8>>,
    /// Its level in a read that waits for own writes.
    waiting: Option<&'static str>,
}

/// Which of this store's own writes a read has to see.
#[derive(Clone, Copy)]
pub(super) enum After<'a> {
    /// Those of these sessions, and of any.
    WritesOf(&'a [Id]),
    /// Every one.
    AllWrites,
}

impl Mongo {
    /// What of the connection string goes into every command.
    pub(super) fn concerns(&self, database: &Database) -> &Concerns {
        self.concerns.get_or_init(|| {
            let concern = |concern: Option<mongodb::bson::error::Result<Document>>| {
                concern
                    .and_then(std::result::Result::ok)
                    .filter(|document| !document.is_empty())
                    .and_then(|document| document.to_vec().ok())
            };
            let level = database.read_concern().map(|concern| &concern.level);
            let reads_elsewhere = match database.selection_criteria() {
                Some(SelectionCriteria::ReadPreference(preference)) => {
                    *preference != ReadPreference::Primary
                }
                _ => false,
            };
            // These go to the primary or fail.
            let can_wait = !matches!(
                level,
                Some(ReadConcernLevel::Linearizable | ReadConcernLevel::Snapshot)
            );
            if reads_elsewhere && can_wait {
                self.own_writes.get_or_init(OwnWrites::default);
            }
            Concerns {
                waiting: match level {
                    // But for that it does not wait, the same in a replica set.
                    Some(ReadConcernLevel::Local | ReadConcernLevel::Available) => Some("local"),
                    Some(ReadConcernLevel::Majority) => Some("majority"),
                    // What the server has as its default.
                    _ => None,
                },
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
    pub(super) fn command(&self, name: &str, capacity: usize) -> Writer {
        let mut command = Writer::with_capacity(capacity + self.collection.len() + 128);
        command.string(name, &self.collection);
        command
    }

    /// Sends a write, and again if that ends in a retryable error and does no harm.
    pub(super) async fn run(
        &self,
        operation: &'static str,
        again: Again,
        command: Writer,
    ) -> Result<Document> {
        let database = self.connection.database().await?;
        let send = self.run_on(&database, operation, again, command);
        self.connection.unless_refused(send).await
    }

    async fn run_on(
        &self,
        database: &Database,
        operation: &'static str,
        again: Again,
        command: Writer,
    ) -> Result<Document> {
        let mut session = if again.is_known() && self.numbers_writes(database).await? {
            let started = LogicalSession::numbered(database, &self.connection).await;
            Some(started.map_err(|error| from_driver(operation, &error))?)
        } else {
            None
        };
        self.run_in(database, operation, again, session.as_mut(), command)
            .await
    }

    /// The same in a logical session, whose transaction number other commands may have, too.
    pub(super) async fn run_in(
        &self,
        database: &Database,
        operation: &'static str,
        again: Again,
        mut session: Option<&mut LogicalSession>,
        mut command: Writer,
    ) -> Result<Document> {
        if let Some(concern) = &self.concerns(database).write {
            command.document("writeConcern", concern);
        }
        let number = session.as_ref().and_then(|session| session.number());
        if let Some(number) = number {
            command.int64("txnNumber", number);
        }
        if let Some(session) = &mut session {
            session.sends();
        }
        let command = raw_command(command)?;
        let name = name_of(&command);
        let mut attempts = Attempts::new(&self.connection, again, number.is_some());
        let mut count = 0;
        let answer = loop {
            let turn = match self.connection.pressure().turn(operation).await {
                Ok(turn) => turn,
                Err(error) => break Err(error),
            };
            let run = database.run_raw_command(command.clone());
            let answer = match session.as_deref_mut().and_then(LogicalSession::session) {
                Some(session) => telemetry::command(name, run.session(session)).await,
                None => telemetry::command(name, run).await,
            };
            note(turn, &answer);
            if !attempts.may_follow(&answer) {
                break Ok(answer);
            }
            count += 1;
            pause(pause_after(&answer, count)).await;
            telemetry::repeated();
        };
        if let Some(session) = &mut session {
            session.answered();
        }
        let error = match answer {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error)) => match readable(&error) {
                Some(reply) => return Ok(reply),
                None => sent(operation, &error),
            },
            Err(error) => error,
        };
        Err(if attempts.is_outcome_unknown() {
            Error::OutcomeUnknown(Box::new(error))
        } else {
            error
        })
    }

    /// Takes note of the reply to a write of any sessions.
    pub(super) fn saw_write_of_any(&self, reply: &Document) {
        if let Some(own_writes) = self.own_writes.get() {
            own_writes.saw_any(reply);
        }
    }

    /// Takes note of the reply to a write of these sessions.
    pub(super) fn saw_write<'a>(&self, reply: &Document, ids: impl IntoIterator<Item = &'a Id>) {
        if let Some(own_writes) = self.own_writes.get() {
            own_writes.saw(reply, ids);
        }
    }

    /// Whether writes about one document each carry transaction numbers: they do where the servers take
    /// them, unless `retryWrites` says that nothing is sent again.
    pub(super) async fn numbers_writes(&self, database: &Database) -> Result<bool> {
        Ok(self.connection.retries_writes() && self.is_replicated(database).await?)
    }

    /// Whether the servers are a replica set or a sharded cluster, as those are that take transaction
    /// numbers.
    pub(super) async fn is_replicated(&self, database: &Database) -> Result<bool> {
        if let Some(takes) = self.connection.takes_numbers() {
            return Ok(takes);
        }
        // Who answers has told the driver what it is, and so has who has too much to do.
        match ping(database, Reach::Any).await {
            Ok(()) | Err(Error::Overloaded { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(self.connection.learn_takes_numbers().await)
    }

    /// Sends a command that answers with a cursor, and visits all its documents. A retry happens
    /// only before the first document, so none is visited twice.
    pub(super) async fn query(
        &self,
        operation: &'static str,
        mut command: Writer,
        after: After<'_>,
        visit: Visit<'_>,
    ) -> Result<()> {
        let database = self.connection.database().await?;
        self.write_read_concern(&mut command, &database, after);
        let criteria = database.selection_criteria().cloned();
        self.query_at(&database, criteria, operation, command, visit)
            .await
    }

    /// The first reply to a read.
    async fn first_reply<T, S>(&self, operation: &'static str, send: impl Fn() -> S) -> Result<T>
    where
        S: IntoFuture<Output = DriverResult<T>>,
    {
        let retries = self.connection.retries_reads();
        let mut left = if retries {
            self.connection.retries_under_load()
        } else {
            0
        };
        loop {
            let turn = self.connection.pressure().turn(operation).await?;
            let answer = attempt(retries, &send).await;
            note(turn, &answer);
            match answer {
                Err(error) if is_overload(&error) && count_down(&mut left) && may_retry() => {}
                answer => return answer.map_err(|error| from_driver(operation, &error)),
            }
        }
    }

    fn write_read_concern(&self, command: &mut Writer, database: &Database, after: After<'_>) {
        let concerns = self.concerns(database);
        let point = self.own_writes.get().map_or(0, |own_writes| match after {
            After::WritesOf(ids) => own_writes.of(ids),
            After::AllWrites => own_writes.last(),
        });
        if point > 0 {
            command.start_document("readConcern");
            if let Some(level) = concerns.waiting {
                command.string("level", level);
            }
            command.value(
                "afterClusterTime",
                raw::kind::TIMESTAMP,
                &point.to_le_bytes(),
            );
            command.end();
        } else if let Some(concern) = &concerns.read {
            command.document("readConcern", concern);
        }
    }

    /// The same at the primary, with what it has carried out so far.
    pub(super) async fn query_primary(
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

    pub(super) async fn query_at(
        &self,
        database: &Database,
        criteria: Option<SelectionCriteria>,
        operation: &'static str,
        command: Writer,
        visit: Visit<'_>,
    ) -> Result<()> {
        let command = raw_command(command)?;
        let name = name_of(&command);
        let send = || {
            let mut query = database.run_raw_cursor_command(command.clone());
            if let Some(criteria) = &criteria {
                query = query.selection_criteria(criteria.clone());
            }
            telemetry::command(name, query.batch())
        };
        let first = self.first_reply(operation, send);
        let mut cursor = self.connection.unless_refused(first).await?;
        // What has come with the first reply is no command, as it needs no connection.
        while let Some(batch) = telemetry::command("getMore", cursor.try_next())
            .await
            .transpose()
        {
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
}

/// Sends the read that `send` makes until it ends in something else than a retryable error, or the
/// attempts are used up. Once, if there is to be no retry, or if the server is overloaded.
async fn attempt<T, S>(retries: bool, send: impl Fn() -> S) -> DriverResult<T>
where
    S: IntoFuture<Output = DriverResult<T>>,
{
    let mut attempts = 1;
    loop {
        let answer = send().await;
        let may_succeed = |error: &DriverError| is_retryable(error) && !is_overload(error);
        let again = answer.as_ref().is_err_and(may_succeed);
        if !again || !retries || attempts == ATTEMPTS || !may_retry() {
            return answer;
        }
        pause(pause_after(&answer, attempts)).await;
        telemetry::repeated();
        attempts += 1;
    }
}

/// How long the next attempt is to wait after so many, where no connection could be opened.
fn pause_after<T>(answer: &DriverResult<T>, attempts: u32) -> Duration {
    let pause = |error| pause_before_connecting(error, attempts);
    let pause = answer.as_ref().err().and_then(pause);
    pause.unwrap_or_default()
}

/// Sleeps, unless for no time: a timer would take a millisecond.
async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// Takes note of what an answer says about the load of the server.
fn note<T>(turn: Turn<'_>, answer: &DriverResult<T>) {
    match answer {
        Err(error) if is_overload(error) => turn.shed(error),
        Err(error) if !matches!(&*error.kind, ErrorKind::Command(_)) => {}
        _ => turn.carried_out(),
    }
}

pub(super) async fn ping(database: &Database, reach: Reach) -> Result<()> {
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
        let mut ping = database.run_raw_command(command.clone());
        if let Some(criteria) = &criteria {
            ping = ping.selection_criteria(criteria.clone());
        }
        telemetry::command("ping", ping)
    };
    // A connection of the pool may have broken long ago.
    let answer = attempt(true, send).await;
    answer
        .map(drop)
        .map_err(|error| from_driver("ping", &error))
}
