//! Writes: many statements in one command, and what its reply says about each.

use std::collections::HashSet;

use futures_util::{StreamExt, stream};

use super::super::{Backend, Change, Id, Index, Write, Written};
use super::Mongo;
use super::repeat::Again;
use super::reply::{is_duplicate_key, write_errors};
use super::statement::{Attempt, is_multi, statement};
use crate::codec::raw::index;
use crate::connection::is_passing;
use crate::error::{Error, Result};

/// How many commands with a single write may be under way that were one before.
const SINGLE_WRITES: usize = 4;

impl Mongo {
    /// Carries out `writes` as one command with many statements and answers one result for each.
    pub(super) async fn update(&self, writes: &[&Write]) -> Result<Vec<Result<Written>>> {
        match self.send_update(writes, Attempt::First).await {
            Err(error @ Error::OutcomeUnknown(_)) if self.connection.retries_writes() => {
                self.repeat_harmless(writes, error).await
            }
            results => results,
        }
    }

    /// Sends those again among writes of which it is not known whether they were carried out that do no
    /// harm: touches, which then only prolong, and sessions that move in, whose mover looks afterwards
    /// whether they were destroyed meanwhile. The others have ended in `error`.
    async fn repeat_harmless(
        &self,
        writes: &[&Write],
        error: Error,
    ) -> Result<Vec<Result<Written>>> {
        let is_harmless = |write: &Write| matches!(write.change, Change::Touch | Change::Insert(_));
        let again: Vec<&Write> = writes
            .iter()
            .copied()
            .filter(|write| is_harmless(write))
            .collect();
        if again.is_empty() {
            return Err(error);
        }
        let results = self.send_update(&again, Attempt::Again).await;
        let mut results = results
            .unwrap_or_else(|error| vec![Err(error); again.len()])
            .into_iter();
        let result_of = |write: &&Write| {
            let repeated = is_harmless(write).then(|| results.next()).flatten();
            repeated.unwrap_or_else(|| Err(error.clone()))
        };
        Ok(writes.iter().map(result_of).collect())
    }

    async fn send_update(
        &self,
        writes: &[&Write],
        attempt: Attempt,
    ) -> Result<Vec<Result<Written>>> {
        let capacity = writes
            .iter()
            .map(|write| write.id.len() + write.change.size())
            .sum();
        let mut command = self.command("update", capacity);
        command.boolean("ordered", false);
        command.start_array("updates");
        for (position, write) in writes.iter().enumerate() {
            command.start_document(&index(position));
            statement(
                &mut command,
                &self.layout,
                write,
                self.guards_flags(),
                attempt,
            );
            command.end();
        }
        command.end();
        let are_multi = writes.iter().any(|write| is_multi(&self.layout, write));
        let again = match attempt {
            Attempt::First if are_multi => Again::Harmful,
            Attempt::First => Again::Known,
            Attempt::Again => Again::Harmless,
        };
        let reply = self.run("write", again, command).await?;
        let mut results: Vec<Result<Written>> = vec![Ok(Written::Stored); writes.len()];
        let failed = write_errors(&reply, &mut results);
        let matched = reply.get_i32("n").unwrap_or_default();
        let is_unclear = writes.len() > 1 && are_multi;
        if is_unclear || usize::try_from(matched).unwrap_or_default() + failed < writes.len() {
            self.mark_missing(writes, &mut results).await;
        }
        Ok(results)
    }

    /// A save that does not match a flagged document is kept from creating another one by the unique
    /// index alone: `_id` always has one, a field of its own only some time after the start.
    pub(super) async fn await_id_index(&self) -> Result<()> {
        if !self.layout.has_own_id() || !self.guards_flags() {
            return Ok(());
        }
        let create = async || match self.create_index(&Index::of_id(&self.layout)).await {
            Err(error) if is_passing(&error) => Err(error),
            // Whoever looks after the indexes tells of a refusal.
            _ => Ok(()),
        };
        self.has_id_index.get_or_try_init(create).await.copied()
    }

    /// Carries out each write with a command of its own, a few at the same time.
    pub(super) async fn write_each(&self, writes: &[Write]) -> Vec<Result<Written>> {
        let commands: Vec<_> = writes
            .iter()
            .map(|write| self.write(std::slice::from_ref(write)))
            .collect();
        let written = stream::iter(commands).buffered(SINGLE_WRITES);
        let results = written.map(|written| {
            let mut results = written.unwrap_or_else(|error| vec![Err(error)]);
            results.pop().unwrap_or(Ok(Written::Missing))
        });
        results.collect().await
    }

    /// Sends statements again that failed because another process created the same document at the
    /// same moment. One that fails again has met a flagged document, which it does not match and
    /// must not replace.
    pub(super) async fn retry_duplicates(&self, writes: &[Write], results: &mut [Result<Written>]) {
        let again: Vec<&Write> = writes
            .iter()
            .zip(&*results)
            .filter(|(_, result)| is_duplicate_key(result))
            .map(|(write, _)| write)
            .collect();
        if again.is_empty() {
            return;
        }
        let retried = self.update(&again).await;
        let mut retried = retried
            .unwrap_or_else(|error| vec![Err(error); again.len()])
            .into_iter();
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
    }

    /// The reply to an update counts the documents that were found but does not name them. So when
    /// some were not, asks which of the saves that must not create their document missed it.
    /// Without an answer it is not known of any of them.
    pub(super) async fn mark_missing(&self, writes: &[&Write], results: &mut [Result<Written>]) {
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
            return;
        }
        if let [result] = &mut *results {
            *result = Ok(Written::Missing);
            return;
        }
        let mut present = HashSet::new();
        let mut command = self.find_command(&ids, self.guards_flags());
        command.start_document("projection");
        command.int32(&self.layout.id, 1);
        command.end();
        let asked = self
            .query_primary("write", command, &mut |document| {
                if let Some(id) = self.layout.id_of(document) {
                    present.insert(id.to_owned());
                }
            })
            .await;
        for (write, result) in writes.iter().zip(results) {
            if result.is_ok() && must_exist(write) && !present.contains(&*write.id) {
                *result = asked.clone().map(|()| Written::Missing);
            }
        }
    }
}
