//! How a command that writes is sent: with the write concern of the connection string, and again after a retryable
//! error. Which may be sent again is in `repeat.rs`; reads are sent by `query.rs`.

use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, RawDocumentBuf};
use mongodb::error::{ErrorKind, Result as DriverResult};
use tokio::time::sleep;

use super::Mongo;
use super::repeat::{Again, Attempts, LogicalSession};
use super::reply::{readable, sent};
use crate::codec::raw::{self, Writer};
use crate::connection::{Turn, from_driver, is_overload, pause_before_connecting};
use crate::document::MAX_DOCUMENT_BYTES;
use crate::error::{Error, Result};
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

impl Mongo {
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
            pause(pause_after(&answer, count).max(attempts.pause_for_others(&answer))).await;
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
}

/// How long the next attempt is to wait after so many, where no connection could be opened.
pub(super) fn pause_after<T>(answer: &DriverResult<T>, attempts: u32) -> Duration {
    let pause = |error| pause_before_connecting(error, attempts);
    let pause = answer.as_ref().err().and_then(pause);
    pause.unwrap_or_default()
}

/// Sleeps, unless for no time: a timer would take a millisecond.
pub(super) async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// Takes note of what an answer says about the load of the server.
pub(super) fn note<T>(turn: Turn<'_>, answer: &DriverResult<T>) {
    match answer {
        Err(error) if is_overload(error) => turn.shed(error),
        Err(error) if !matches!(&*error.kind, ErrorKind::Command(_)) => {}
        _ => turn.carried_out(),
    }
}
