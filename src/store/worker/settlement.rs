//! From a reply to the answers of its callers.

use std::mem;

use futures_util::future::BoxFuture;

use super::super::commands::Found;
use super::super::deadline::{self, ANSWER};
use super::super::lists::Entries;
use super::super::sweep;
use super::super::{Delivery, Event, Outcome};
use super::overload::is_overload;
use super::sending::in_more_time;
use super::{Reply, Waiting, Worker};
use crate::backend::{Change, SliceOutcome, Write, Written};
use crate::batch::{Batch, BulkKind, Command, Finished, Key, SliceKind, SweepKey, Work};
use crate::error::{Error, Result};

impl Worker {
    /// Answers the callers of a command that has come back or is overdue, and what is to be awaited
    /// next.
    pub(super) fn settle(&mut self, reply: Reply) -> Option<BoxFuture<'static, Reply>> {
        if reply.is_answer() {
            self.health.prove();
        }
        match reply {
            Reply::Get(command, keys, found) => {
                self.command_done(command);
                self.settle_gets(keys, found);
            }
            Reply::Write(batch, written) => {
                self.command_done(batch.command);
                self.settle_writes(batch, written);
            }
            Reply::Destroy(command, keys, deleted) => {
                self.command_done(command);
                let deleted = deleted.unwrap_or_else(|error| vec![Err(error); keys.len()]);
                for (key, deleted) in keys.into_iter().zip(deleted) {
                    if let Ok(Written::Held) = deleted {
                        self.schedule.put_back(key, Work::Destroy);
                        continue;
                    }
                    for waiter in self.schedule.settle(key) {
                        let outcome = self.outcome(deleted.clone(), waiter.verb);
                        self.answer_waiter(&waiter, outcome.map(|_| Outcome::Done));
                    }
                }
            }
            Reply::Bulk(bulk, outcome) => {
                self.schedule.bulk_done();
                if let Ok(Outcome::Entries(Entries {
                    left_out: Some(error),
                    ..
                })) = &outcome
                {
                    let warning = Event::Warning(error.clone());
                    self.deliveries.push(Delivery::Event(warning));
                }
                let outcome = self.outcome(outcome, bulk.kind.verb());
                self.answer(bulk.ticket, outcome);
                if bulk.kind == BulkKind::Close {
                    self.inbox.close();
                }
            }
            Reply::Ids(sweep, swept) => {
                self.extend(sweep);
                self.schedule.ids_read(sweep, swept);
                self.finish_sweeps();
            }
            Reply::Slice(sweep, kind, keys, slice) => {
                self.settle_slice(sweep, kind, &keys, slice);
                self.finish_sweeps();
            }
            Reply::Ping(ticket, answer) => {
                let outcome = self.outcome(answer, "ping");
                self.answer(ticket, outcome.map(|()| Outcome::Done));
            }
            Reply::Maintenance(ticket, verb, outcome) => {
                let outcome = self.outcome(outcome, verb);
                self.answer(ticket, outcome);
            }
            Reply::Overdue(waiting, command) => return self.follow(waiting, command),
            Reply::Late(waiting) => self.release(waiting),
        }
        None
    }

    /// Tells the callers of an overdue command that their time is up, and goes on waiting for it.
    pub(super) fn follow(
        &mut self,
        waiting: Waiting,
        command: Option<BoxFuture<'static, Reply>>,
    ) -> Option<BoxFuture<'static, Reply>> {
        if let Waiting::Batch(command, _) = &waiting {
            self.schedule.abandon(*command);
        }
        self.expire();
        let Some(command) = command else {
            self.release(waiting);
            return None;
        };
        // Its sweep has made progress elsewhere.
        if let Waiting::Slice(sweep, ..) = waiting
            && let Some(deadline) = self.schedule.sweep_deadline(sweep)
        {
            return Some(in_more_time(command, waiting, deadline));
        }
        let health = self.health.clone();
        let patience = self.config.operation_timeout;
        Some(Box::pin(async move {
            deadline::outlive(command, &health, patience).await;
            Reply::Late(waiting)
        }))
    }

    /// Lets go what has waited for a command for which nobody waits any more.
    pub(super) fn release(&mut self, waiting: Waiting) {
        let keys = match waiting {
            Waiting::Batch(command, keys) => {
                self.command_done(command);
                keys
            }
            Waiting::Slice(sweep, kind, keys) => {
                let outcome = Err(self.timeout("the operation", ANSWER));
                self.settle_slice(sweep, kind, &keys, outcome);
                self.finish_sweeps();
                return;
            }
        };
        for key in keys {
            self.schedule.settle(key).for_each(drop);
        }
    }

    /// Takes note of what became of a slice, and sends again what another client has kept it from.
    fn settle_slice(
        &mut self,
        sweep: SweepKey,
        kind: SliceKind,
        keys: &[Key],
        outcome: Result<SliceOutcome>,
    ) {
        let held = outcome.as_ref().ok().and_then(|outcome| outcome.held);
        let done = held.unwrap_or(keys.len());
        for key in &keys[..done] {
            self.schedule.settle(*key).for_each(drop);
        }
        if let Some(held) = held {
            let others = &keys[held + 1..];
            self.schedule.put_back_parts(kind, keys[held], others);
        }
        if done > 0 {
            self.extend(sweep);
        }
        let count = outcome.map(|outcome| outcome.count);
        self.schedule.slice_done(sweep, kind, count);
    }

    /// A sweep that makes progress has as much time again.
    fn extend(&mut self, sweep: SweepKey) {
        let deadline = std::time::Instant::now() + self.config.operation_timeout;
        self.schedule.extend(sweep, deadline);
    }

    /// Answers the callers of sweeps that are over.
    fn finish_sweeps(&mut self) {
        while let Some(Finished { bulk, outcome }) = self.schedule.next_finished() {
            let outcome = self.outcome(outcome, bulk.kind.verb());
            let outcome = outcome.map(|count| sweep::outcome(&bulk.kind, count));
            self.answer(bulk.ticket, outcome);
        }
    }

    /// From now on a new request is worth a wake-up: marked before the queue is looked at again.
    pub(super) fn command_done(&mut self, command: Command) {
        self.schedule
            .command_done(command, std::time::Instant::now());
        self.inbox.set_full(command.lane, false);
    }

    pub(super) fn settle_gets(&mut self, keys: Vec<Key>, found: Result<Found>) {
        let mut reused = Vec::new();
        let sessions = match found {
            Ok(found) => {
                if let Some(bytes) = found.bytes.checked_div(found.documents) {
                    self.schedule.saw_document(bytes);
                }
                if found.foreign && !mem::replace(&mut self.warned_of_foreign, true) {
                    let collection = self.config.collection.clone();
                    let warning = Event::Warning(Error::Foreign { collection });
                    self.deliveries.push(Delivery::Event(warning));
                }
                reused = found.reused;
                found.sessions
            }
            Err(error) => vec![Err(error); keys.len()],
        };
        for (position, (key, session)) in keys.into_iter().zip(sessions).enumerate() {
            if reused.contains(&position) {
                for waiter in self.schedule.settle(key) {
                    self.answer(waiter.ticket, Ok(Outcome::Reused));
                }
                continue;
            }
            let mut waiters = self.schedule.settle(key).peekable();
            // All but the last of several callers for one session get a copy.
            while let Some(waiter) = waiters.next() {
                if waiters.peek().is_none() {
                    let session = self.outcome(session, waiter.verb);
                    self.answer_waiter(&waiter, session.map(Outcome::Session));
                    break;
                }
                let session = self.outcome(session.clone(), waiter.verb);
                self.answer_waiter(&waiter, session.map(Outcome::Session));
            }
        }
    }

    pub(super) fn settle_writes(
        &mut self,
        batch: Batch<Write>,
        written: Result<Vec<Result<Written>>>,
    ) {
        let written = written.unwrap_or_else(|error| vec![Err(error); batch.keys.len()]);
        for ((key, write), written) in batch.keys.into_iter().zip(batch.items).zip(written) {
            if let Ok(Written::Held) = written {
                let work = Work::Again(Box::new(write));
                self.schedule.put_back(key, work);
                continue;
            }
            if let Err(error) = &written
                && matches!(write.change, Change::Touch)
                && is_overload(error)
            {
                for waiter in self.schedule.settle(key) {
                    self.let_go(waiter.ticket);
                }
                continue;
            }
            if let Ok(Written::Created) = written {
                self.created.notify_one();
            }
            let adds = matches!(write.change, Change::Insert(_));
            for waiter in self.schedule.settle(key) {
                let outcome = self.outcome(written.clone(), waiter.verb);
                let outcome = outcome.map(|written| match (waiter.verb, written) {
                    (_, Written::Created) if adds => Outcome::Count(reserved(write.expires_ms)),
                    (_, Written::Reserved(at)) => Outcome::Count(reserved(at)),
                    (_, Written::Missing) if adds => Outcome::Count(0),
                    (_, Written::Stored) if adds => Outcome::Skipped,
                    // Not stored, it is gone or is another one by now.
                    ("update" | "renew" | "move" | "flagDeletion", written) => {
                        Outcome::Count((written == Written::Stored).into())
                    }
                    ("set", Written::Missing) => Outcome::Discarded,
                    ("set", Written::Created) => Outcome::Created,
                    _ => Outcome::Done,
                });
                self.answer_waiter(&waiter, outcome);
            }
        }
    }
}

/// The moment until which a session that was added is reserved, which is after the epoch.
fn reserved(at_ms: i64) -> u64 {
    u64::try_from(at_ms).unwrap_or_default()
}
