//! Writes: many statements in one command, and what its reply says about each.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use mongodb::bson::Document;

use super::super::{Backend, Change, Id, Write, Written};
use super::Mongo;
use super::repeat::Again;
use super::reply::{is_about_statements, is_duplicate_id, write_errors};
use super::statement::{Attempt, is_multi, statement};
use super::within::Statements;
use crate::codec::raw::{Writer, index};
use crate::error::{Error, Result};

/// How many commands with a single write may be under way that were one before.
const SINGLE_WRITES: usize = 4;

impl Mongo {
    /// Carries out writes, and waits for documents that others hold no longer than `patience`, if that is
    /// given.
    pub(super) async fn carry_out(
        &self,
        writes: &[Write],
        patience: Option<Duration>,
    ) -> Result<Vec<Result<Written>>> {
        if writes
            .iter()
            .any(|write| matches!(write.change, Change::Flag { .. }))
        {
            self.guard_flags();
        }
        if writes.iter().any(|write| write.change.creates()) {
            self.await_id_index().await;
        }
        let counted = |write: &Write| {
            matches!(
                write.change,
                Change::Flag { counted: true } | Change::Confirm { .. }
            )
        };
        // A reply says how many documents a command has found, but not which.
        if writes.len() > 1 && writes.iter().any(counted) {
            return Ok(self.write_each(writes).await);
        }
        let all: Vec<&Write> = writes.iter().collect();
        let written = match self.update_for(&all, patience).await {
            Err(error) if self.gives_up_hints(writes, &error) => {
                self.update(&all, Attempt::WithoutIndex).await
            }
            written => written,
        };
        let mut results = match written {
            // One of the writes has brought that about; the others are not to suffer from it.
            Err(error) if writes.len() > 1 && is_about_statements(&error) => {
                return Ok(self.write_each(writes).await);
            }
            results => results?,
        };
        self.retry_without_index(writes, &mut results).await;
        self.retry_duplicates(writes, &mut results).await;
        Ok(results)
    }

    async fn update_for(
        &self,
        writes: &[&Write],
        patience: Option<Duration>,
    ) -> Result<Vec<Result<Written>>> {
        if let (Some(patience), [_, _, ..]) = (patience, writes)
            && !self.are_multi(writes)
            && self
                .numbers_writes(&self.connection.database().await?)
                .await?
        {
            match self
                .within(Statements::Updates(writes), Some(patience))
                .await
            {
                Err(error @ Error::OutcomeUnknown(_)) => self.repeat_harmless(writes, error).await,
                narrowed => narrowed.map(|narrowed| narrowed.results),
            }
        } else {
            self.update(writes, Attempt::First).await
        }
    }

    /// Carries out `writes` as one command with many statements and answers one result for each.
    pub(super) async fn update(
        &self,
        writes: &[&Write],
        attempt: Attempt,
    ) -> Result<Vec<Result<Written>>> {
        match self.send_update(writes, attempt).await {
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
        let again = match attempt {
            Attempt::Again => Again::Harmless,
            _ if self.are_multi(writes) => Again::Harmful,
            _ => Again::of(writes),
        };
        let command = self.update_command(writes, attempt);
        let reply = self.run("write", again, command).await?;
        Ok(self.results(writes, &reply).await)
    }

    fn are_multi(&self, writes: &[&Write]) -> bool {
        writes.iter().any(|write| is_multi(&self.layout, write))
    }

    /// A command with a statement for each write.
    pub(super) fn update_command(&self, writes: &[&Write], attempt: Attempt) -> Writer {
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
            if attempt != Attempt::WithoutIndex
                && let Some(index) = self.id_hint(write)
            {
                command.string("hint", &index);
            }
            command.end();
        }
        command.end();
        command
    }

    /// What a reply says about the writes of its command.
    pub(super) async fn results(
        &self,
        writes: &[&Write],
        reply: &Document,
    ) -> Vec<Result<Written>> {
        self.saw_write(reply, writes.iter().map(|write| &write.id));
        let mut results: Vec<Result<Written>> = vec![Ok(Written::Stored); writes.len()];
        let failed = write_errors(reply, &mut results);
        let matched = reply.get_i32("n").unwrap_or_default();
        let is_unclear = writes.len() > 1 && self.are_multi(writes);
        if is_unclear || usize::try_from(matched).unwrap_or_default() + failed < writes.len() {
            self.mark_missing(writes, &mut results).await;
        }
        results
    }

    /// A save that does not match a flagged document is kept from creating another one by the unique
    /// index alone: `_id` always has one, a field of its own only some time after the start.
    pub(super) async fn await_id_index(&self) {
        if self.layout.has_own_id() && self.guards_flags() {
            self.has_id_index.wait().await;
        }
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
            .filter(|(_, result)| is_duplicate_id(result, &self.layout))
            .map(|(write, _)| write)
            .collect();
        if again.is_empty() {
            return;
        }
        let retried = self.update(&again, Attempt::First).await;
        let mut retried = retried
            .unwrap_or_else(|error| vec![Err(error); again.len()])
            .into_iter();
        for result in results
            .iter_mut()
            .filter(|result| is_duplicate_id(result, &self.layout))
        {
            if let Some(retried) = retried.next() {
                *result = match retried {
                    retried if self.guards_flags() && is_duplicate_id(&retried, &self.layout) => {
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
                    | Change::Forward { .. }
                    | Change::Reveal(_)
                    | Change::Flag { counted: true }
                    | Change::Confirm { .. }
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
        let expired_ms = writes
            .iter()
            .find_map(|write| write.extra.unless_expired_ms);
        let mut present = HashSet::new();
        let mut command = self.find_command(&ids, self.guards_flags(), expired_ms);
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
