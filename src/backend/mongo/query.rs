//! How a read is sent: with the read preference of the connection string, and again after a retryable error.

use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::error::{Error as DriverError, Result as DriverResult};
use mongodb::options::{ReadPreference, SelectionCriteria};

use super::super::{Reach, Visit};
use super::Mongo;
use super::command::{name_of, note, pause, pause_after, raw_command};
use super::concerns::After;
use super::repeat::{ATTEMPTS, count_down};
use crate::codec::raw::{self, Writer};
use crate::connection::{from_driver, is_overload, is_overtaken, is_retryable};
use crate::error::{Error, Result};
use crate::progress::may_retry;
use crate::telemetry;

impl Mongo {
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
}

/// Has the first reply hold all documents, up to MongoDB's limit on it. Without, the server keeps a cursor open
/// behind the 101st, and a drop or a failover may end that before the next part is asked for.
pub(super) fn one_reply(cursor: &mut Writer) {
    cursor.int32("batchSize", i32::MAX);
}

/// Sends the read that `send` makes until it ends in something else than a retryable error or one of that
/// moment, or the attempts are used up. Once, if there is to be no retry, or if the server is overloaded.
async fn attempt<T, S>(retries: bool, send: impl Fn() -> S) -> DriverResult<T>
where
    S: IntoFuture<Output = DriverResult<T>>,
{
    let mut attempts = 1;
    loop {
        let answer = send().await;
        let may_succeed = |error: &DriverError| {
            (is_retryable(error) || is_overtaken(error)) && !is_overload(error)
        };
        let again = answer.as_ref().is_err_and(may_succeed);
        if !again || !retries || attempts == ATTEMPTS || !may_retry() {
            return answer;
        }
        pause(pause_after(&answer, attempts)).await;
        telemetry::repeated();
        attempts += 1;
    }
}

/// Asks for a sign of life.
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
