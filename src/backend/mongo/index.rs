//! The creation of indexes. None is left behind on the server.
//!
//! Before it commits an index on a collection that is not empty, the server waits for the members of its
//! replica set that vote: for all of them, unless it is told that most are enough. Where most of them are not
//! there either, it waits for as long as that takes. So a command has a time limit, and what is given up
//! earlier is ended by its logical session.

use std::sync::PoisonError;
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use tokio::time::timeout;

use super::super::Index;
use super::Mongo;
use super::collation::by_bytes;
use super::indexes::was_missing;
use super::repeat::{Again, LogicalSession};
use super::reply::is_out_of_time;
use crate::codec::raw::Writer;
use crate::connection::{from_driver, is_ended_build, is_passing};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// How long it may take to end a build, which a server that answers does at once.
const FAREWELL: Duration = Duration::from_millis(500);

/// A build that may be under way on the server.
pub(super) struct Build {
    /// The id of its logical session.
    session: Document,
    progress: Progress,
}

impl Mongo {
    /// Has an index built within `limit`, and answers whether it was missing. One that was given up before is ended first.
    pub(super) async fn build_index(&self, index: &Index, limit: Duration) -> Result<bool> {
        let built = self.build_on_most(index, limit).await;
        let will_be_tried_again = built.as_ref().is_err_and(is_worth_another_attempt);
        if index.is_on(&self.layout.id) && !will_be_tried_again {
            // Once it is known, it stays so.
            let _ = self.has_id_index.set(());
        }
        built
    }

    async fn build_on_most(&self, index: &Index, limit: Duration) -> Result<bool> {
        let database = self.connection.database().await?;
        if self.is_replicated(&database).await? {
            let quorum = Some("majority");
            match self.send_build(&database, index, limit, quorum).await {
                // It may be of those servers that know no quorum.
                Err(error @ Error::Server { .. }) if !is_worth_another_attempt(&error) => {}
                built => return built,
            }
        }
        self.send_build(&database, index, limit, None).await
    }

    async fn send_build(
        &self,
        database: &Database,
        index: &Index,
        limit: Duration,
        quorum: Option<&str>,
    ) -> Result<bool> {
        const OPERATION: &str = "index creation";
        self.end_build().await;
        let session = LogicalSession::start(database, &self.connection).await;
        let mut session = session.map_err(|error| from_driver(OPERATION, &error))?;
        let progress = Progress::default();
        self.replace_build(Some(Build {
            session: session.id(),
            progress: progress.clone(),
        }));
        let mut command = self.index_command(index);
        if let Some(quorum) = quorum {
            command.string("commitQuorum", quorum);
        }
        command.int64("maxTimeMS", milliseconds(limit));
        let again = Again::Harmless;
        let run = self.run_in(database, OPERATION, again, Some(&mut session), command);
        let built = self.connection.unless_refused(progress.of(run)).await;
        self.replace_build(None);
        match built {
            Err(error) if is_out_of_time(&error) => Err(Error::Timeout {
                operation: OPERATION,
                waited_for: "the servers to build it",
                after: limit,
                cause: None,
            }),
            built => built.map(|reply| was_missing(&reply)),
        }
    }

    pub(super) fn index_command(&self, index: &Index) -> Writer {
        let mut command = self.command("createIndexes", 256);
        command.start_array("indexes");
        command.start_document("0");
        command.start_document("key");
        for field in &index.fields {
            command.int32(field, 1);
        }
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
        // Of moments no collation says anything, and an index from before has none.
        if index.expire_after_seconds.is_none() {
            by_bytes(&mut command);
        }
        command.end();
        command.end();
        command
    }

    /// Ends the build that was given up, if there is one.
    pub(super) async fn end_build(&self) {
        let Some(Build { session, progress }) = self.replace_build(None) else {
            return;
        };
        // What never left needs no end.
        if !progress.is_overdue() {
            return;
        }
        let end = async {
            let database = self.connection.database().await?;
            let command = doc! { "killSessions": [session] };
            let ended = database.run_command(command).await;
            ended.map_err(|error| from_driver("index creation", &error))
        };
        // A server that does not answer ends it by itself when its time is up.
        let _ = timeout(FAREWELL, end).await;
    }

    fn replace_build(&self, build: Option<Build>) -> Option<Build> {
        // A panic while the lock was held leaves a whole value behind.
        let mut current = self.build.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut current, build)
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn is_worth_another_attempt(error: &Error) -> bool {
    is_passing(error) || is_ended_build(error)
}
