//! The task behind a store: admits calls, sends the commands that the [`Schedule`] lets go, and
//! delivers the answers of each command together.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::commands::{self, Found};
use super::id;
use super::inbox::Inbox;
use super::start;
use super::{Deliver, Delivery, Event, Outcome, SaveMode, SessionText, Submission, Verb};
use crate::backend::{Backend, Change, Id, Write, Written};
use crate::batch::{Batch, Bulk, BulkKind, Job, Key, Lane, Request, Schedule, Ticket, Work};
use crate::clock::now_ms;
use crate::document;
use crate::error::{Error, Result};
use crate::options::{Config, Save};
use crate::{cipher, codec, expiry, merge};

/// What a command in flight waits for, as messages say it.
const ANSWER: &str = "MongoDB to answer";

/// Serves a store until its handle is dropped or it is closed.
pub async fn run(
    config: Config,
    backend: Arc<dyn Backend>,
    caller: Arc<dyn Deliver>,
    inbox: Arc<Inbox>,
) {
    let start = tokio::spawn(start::start(
        config.clone(),
        backend.clone(),
        caller.clone(),
    ));
    let mut worker = Worker {
        config,
        backend,
        start,
        caller,
        inbox: inbox.clone(),
        schedule: Schedule::default(),
        deliveries: Vec::new(),
        warned_of_foreign: false,
    };
    let mut commands = FuturesUnordered::new();
    loop {
        match inbox.take() {
            Some(submissions) => {
                for submission in submissions {
                    worker.admit(submission);
                }
            }
            None if worker.schedule.is_idle() => break,
            None => {}
        }
        while let Some(job) = worker.schedule.next_job() {
            commands.push(worker.send(job));
        }
        worker.mark_full();
        worker.deliver();
        let deadline = worker.schedule.deadline();
        tokio::select! {
            () = inbox.arrived() => {}
            Some(reply) = commands.next() => worker.settle(reply),
            () = sleep_until(deadline.map_or_else(Instant::now, Instant::from_std)), if deadline.is_some() => {
                worker.expire();
            }
        }
    }
    worker.deliver();
    // A store that was closed has done so already.
    worker.start.abort();
    worker.backend.close().await;
}

struct Worker {
    config: Config,
    backend: Arc<dyn Backend>,
    /// Waits for the server; it must not outlive the store.
    start: JoinHandle<()>,
    caller: Arc<dyn Deliver>,
    inbox: Arc<Inbox>,
    schedule: Schedule,
    /// What is handed over together once nothing more can be done at once.
    deliveries: Vec<Delivery>,
    warned_of_foreign: bool,
}

/// When a command was sent.
type Sent = Instant;

/// A command that has come back.
enum Reply {
    Get(Sent, Vec<Key>, Result<Found>),
    Write(Sent, Batch<Write>, Result<Vec<Result<Written>>>),
    Destroy(Sent, Vec<Key>, Result<()>),
    Bulk(Bulk, Result<Outcome>),
}

impl Worker {
    fn deliver(&mut self) {
        if !self.deliveries.is_empty() {
            self.caller.deliver(std::mem::take(&mut self.deliveries));
        }
    }

    fn answer(&mut self, ticket: Ticket, outcome: Result<Outcome>) {
        self.deliveries.push(Delivery::Answer(ticket, outcome));
    }

    /// Turns a call into a request, or answers it at once when it cannot be one.
    fn admit(&mut self, submission: Submission) {
        let Submission {
            ticket,
            called,
            verb,
        } = submission;
        let deadline = (called + self.config.operation_timeout).into_std();
        let (verb, id, work) = match verb {
            Verb::Get { sid } => ("get", self.id(sid), Ok(Work::Get)),
            Verb::Destroy { sid } if self.config.delete_flags => {
                ("destroy", self.id(sid), Ok(self.flag(false)))
            }
            Verb::Destroy { sid } => ("destroy", self.id(sid), Ok(Work::Destroy)),
            Verb::Flag { sid } => ("flagDeletion", self.id(sid), Ok(self.flag(true))),
            Verb::Touch { sid, lifetime } => {
                let expires_ms = expiry::expires(lifetime, self.config.ttl_ms, now_ms());
                let change = Change::Touch;
                let work = Work::Write { expires_ms, change };
                ("touch", self.id(sid), Ok(work))
            }
            Verb::Set {
                sid,
                session,
                lifetime,
                mode,
            } => {
                let expires_ms = expiry::expires(lifetime, self.config.ttl_ms, now_ms());
                let id = self.id(sid);
                let change = self.change(&id, &session, &mode);
                let work = change.map(|change| Work::Write { expires_ms, change });
                ("set", id, work)
            }
            Verb::Bulk(kind) => {
                self.schedule.push_bulk(Bulk {
                    ticket,
                    kind,
                    deadline: (kind != BulkKind::Close).then_some(deadline),
                });
                return;
            }
        };
        match work {
            Ok(work) => self.schedule.push(Request {
                ticket,
                verb,
                id,
                work,
                deadline,
            }),
            Err(error) => self.answer(ticket, Err(error)),
        }
    }

    fn flag(&self, counted: bool) -> Work {
        Work::Write {
            expires_ms: now_ms() + self.config.delete_grace_ms,
            change: Change::Flag { counted },
        }
    }

    fn id(&self, sid: String) -> Id {
        id::of_document(&self.config.prefix, sid, self.config.hash_ids).into()
    }

    fn change(&self, id: &Id, session: &SessionText, mode: &SaveMode) -> Result<Change> {
        let session = encode(session)?;
        let size = match self.config.cipher {
            Some(_) => cipher::encrypted_size(&session)?,
            None => session.len(),
        };
        document::check_size(id.len(), size)?;
        match mode {
            SaveMode::Create => Ok(Change::Upsert(session)),
            SaveMode::Loaded(_) if self.config.save == Save::Replace => {
                Ok(Change::Replace(session))
            }
            SaveMode::Loaded(bases) => {
                let bases = bases.iter().map(encode).collect::<Result<Vec<_>>>()?;
                merge::difference(&bases, &session).map(Change::Merge)
            }
        }
    }

    /// Sends the command of a job. Whatever the server does, it ends when the last caller's time is
    /// up; the connection it was sent on is then given up.
    fn send(&self, job: Job) -> BoxFuture<'static, Reply> {
        let backend = self.backend.clone();
        let cipher = self.config.cipher.clone();
        let sent = Instant::now();
        match job {
            Job::Get(Batch {
                keys,
                items,
                deadline,
            }) => Box::pin(async move {
                let found =
                    until(deadline, commands::get(&*backend, cipher.as_ref(), &items)).await;
                Reply::Get(sent, keys, found)
            }),
            Job::Write(mut batch) => Box::pin(async move {
                let work = commands::write(&*backend, cipher.as_ref(), &mut batch.items);
                let written = until(batch.deadline, work).await;
                Reply::Write(sent, batch, written)
            }),
            Job::Destroy(Batch {
                keys,
                items,
                deadline,
            }) => Box::pin(async move {
                let deleted = until(deadline, backend.delete(&items)).await;
                Reply::Destroy(sent, keys, deleted)
            }),
            Job::Bulk(bulk) => {
                if bulk.kind == BulkKind::Close {
                    self.start.abort();
                }
                let config = self.config.clone();
                Box::pin(async move {
                    let work = commands::bulk(&*backend, &config, bulk.kind);
                    let outcome = until(bulk.deadline, work).await;
                    Reply::Bulk(bulk, outcome)
                })
            }
        }
    }

    fn mark_full(&self) {
        for lane in [Lane::Read, Lane::Write] {
            self.inbox.set_full(lane, self.schedule.is_full(lane));
        }
    }

    /// Answers the callers of a command that has come back.
    fn settle(&mut self, reply: Reply) {
        match reply {
            Reply::Get(sent, keys, found) => {
                self.command_done(Lane::Read, sent);
                self.settle_gets(keys, found);
            }
            Reply::Write(sent, batch, written) => {
                self.command_done(Lane::Write, sent);
                self.settle_writes(&batch, written);
            }
            Reply::Destroy(sent, keys, deleted) => {
                self.command_done(Lane::Write, sent);
                for key in keys {
                    for ticket in self.schedule.settle(key) {
                        let outcome = self.outcome(deleted.clone(), "destroy");
                        self.answer(ticket, outcome.map(|()| Outcome::Done));
                    }
                }
            }
            Reply::Bulk(bulk, outcome) => {
                self.schedule.bulk_done(bulk.kind);
                if let Ok(Outcome::Sessions {
                    left_out: Some(error),
                    ..
                }) = &outcome
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
        }
    }

    /// From now on a new request is worth a wake-up: marked before the queue is looked at again.
    fn command_done(&mut self, lane: Lane, sent: Sent) {
        self.schedule.command_done(lane, sent.elapsed());
        self.inbox.set_full(lane, false);
    }

    fn settle_gets(&mut self, keys: Vec<Key>, found: Result<Found>) {
        let sessions = match found {
            Ok(found) => {
                if let Some(bytes) = found.bytes.checked_div(found.documents) {
                    self.schedule.saw_document(bytes);
                }
                if found.foreign && !std::mem::replace(&mut self.warned_of_foreign, true) {
                    let collection = self.config.collection.clone();
                    let warning = Event::Warning(Error::Foreign { collection });
                    self.deliveries.push(Delivery::Event(warning));
                }
                found.sessions
            }
            Err(error) => vec![Err(error); keys.len()],
        };
        for (key, session) in keys.into_iter().zip(sessions) {
            let session = self.outcome(session, "get");
            let mut tickets = self.schedule.settle(key).peekable();
            // All but the last of several callers for one session get a copy.
            while let Some(ticket) = tickets.next() {
                if tickets.peek().is_none() {
                    self.answer(ticket, session.map(Outcome::Session));
                    break;
                }
                self.answer(ticket, session.clone().map(Outcome::Session));
            }
        }
    }

    fn settle_writes(&mut self, batch: &Batch<Write>, written: Result<Vec<Result<Written>>>) {
        let written = written.unwrap_or_else(|error| vec![Err(error); batch.keys.len()]);
        for ((key, write), written) in batch.keys.iter().zip(&batch.items).zip(written) {
            let verb = match write.change {
                Change::Touch => "touch",
                Change::Flag { counted: true } => "flagDeletion",
                Change::Flag { counted: false } => "destroy",
                _ => "set",
            };
            for ticket in self.schedule.settle(*key) {
                let outcome = self.outcome(written.clone(), verb);
                let outcome = outcome.map(|written| match (verb, written) {
                    ("flagDeletion", written) => {
                        Outcome::Count((written == Written::Stored).into())
                    }
                    ("set", Written::Missing) => Outcome::Discarded,
                    _ => Outcome::Done,
                });
                self.answer(ticket, outcome);
            }
        }
    }

    /// Names the verb in an error that only knows the command.
    fn outcome<T>(&self, outcome: Result<T>, verb: &'static str) -> Result<T> {
        outcome.map_err(|error| match error {
            Error::Timeout { waited_for, .. } => Error::Timeout {
                operation: verb,
                waited_for,
                after: self.config.operation_timeout,
            },
            Error::Server {
                code,
                code_name,
                labels,
                ..
            } => Error::Server {
                operation: verb,
                code,
                code_name,
                labels,
            },
            other => other,
        })
    }

    fn expire(&mut self) {
        for expired in self.schedule.expire(std::time::Instant::now()) {
            let timeout = Error::Timeout {
                operation: expired.verb,
                waited_for: if expired.was_sent {
                    ANSWER
                } else {
                    "earlier operations"
                },
                after: self.config.operation_timeout,
            };
            self.answer(expired.ticket, Err(timeout));
        }
    }
}

fn encode(session: &SessionText) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(session.text.len() + session.text.len() / 4 + 16);
    codec::encode(&session.text, &session.specials, &mut bytes)?;
    Ok(bytes)
}

/// The result of `work`, or a timeout at `deadline`.
async fn until<T>(
    deadline: Option<std::time::Instant>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(deadline) = deadline else {
        return work.await;
    };
    timeout_at(Instant::from_std(deadline), work)
        .await
        .unwrap_or_else(|_| {
            Err(Error::Timeout {
                operation: "the operation",
                waited_for: ANSWER,
                after: Duration::ZERO,
            })
        })
}
