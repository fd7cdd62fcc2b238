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
use super::inbox::Inbox;
use super::{Deliver, Delivery, Event, Outcome, SaveMode, SessionText, Submission, Verb};
use super::{overdue, start};
use crate::backend::{Backend, Change, Id, Write, Written};
use crate::batch::{Batch, Bulk, BulkKind, Job, Key, Lane, Request, Schedule, Ticket, Work};
use crate::clock::now_ms;
use crate::document;
use crate::error::{Error, Result};
use crate::options::{Config, Save};
use crate::{codec, expiry, merge};

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
        overdue: 0,
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
            Some(reply) = commands.next() => commands.extend(worker.settle(reply)),
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
    /// How many commands go on for which nobody waits any more.
    overdue: usize,
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
    /// Not back when the time of its last caller was up, and still on its way if it was sent.
    Overdue(Sent, Vec<Key>, Option<BoxFuture<'static, Reply>>),
    /// Back after that, or given up.
    Late(Vec<Key>),
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
        let (verb, sid, work) = match verb {
            Verb::Get { sid } => ("get", sid, Ok(Work::Get)),
            Verb::Destroy { sid } if self.config.delete_flags => {
                ("destroy", sid, Ok(self.flag(false)))
            }
            Verb::Destroy { sid } => ("destroy", sid, Ok(Work::Destroy)),
            Verb::Flag { sid } => ("flagDeletion", sid, Ok(self.flag(true))),
            Verb::Touch { sid, lifetime } => {
                let expires_ms = expiry::expires(lifetime, self.config.ttl_ms, now_ms());
                let change = Change::Touch;
                ("touch", sid, Ok(Work::Write { expires_ms, change }))
            }
            Verb::Set {
                sid,
                session,
                lifetime,
                mode,
            } => {
                let expires_ms = expiry::expires(lifetime, self.config.ttl_ms, now_ms());
                let change = self.change(&sid, &session, &mode);
                (
                    "set",
                    sid,
                    change.map(|change| Work::Write { expires_ms, change }),
                )
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
                id: self.id(sid),
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
        if self.config.prefix.is_empty() {
            return sid.into();
        }
        [&*self.config.prefix, &*sid].concat().into()
    }

    fn change(&self, sid: &str, session: &SessionText, mode: &SaveMode) -> Result<Change> {
        let session = encode(session)?;
        let id_bytes = self.config.prefix.len() + sid.len();
        document::check_size(id_bytes, session.len())?;
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

    /// Sends the command of a job. Whatever the server does, there is a reply when the last caller's
    /// time is up. A read is given up then, and with it the connection.
    fn send(&self, job: Job) -> BoxFuture<'static, Reply> {
        let backend = self.backend.clone();
        let sent = Instant::now();
        match job {
            Job::Get(Batch {
                keys,
                items,
                deadline,
            }) => Box::pin(async move {
                let found = until(deadline, commands::get(&*backend, &items)).await;
                Reply::Get(sent, keys, found)
            }),
            Job::Write(batch) => {
                let (keys, deadline) = (batch.keys.clone(), batch.deadline);
                let command = Box::pin(async move {
                    let written = backend.write(&batch.items).await;
                    Reply::Write(sent, batch, written)
                });
                Box::pin(in_time(command, sent, keys, deadline))
            }
            Job::Destroy(Batch {
                keys,
                items,
                deadline,
            }) => {
                let of = keys.clone();
                let command = Box::pin(async move {
                    let deleted = backend.delete(&items).await;
                    Reply::Destroy(sent, keys, deleted)
                });
                Box::pin(in_time(command, sent, of, deadline))
            }
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

    /// Answers the callers of a command that has come back or is overdue, and what is to be awaited
    /// next.
    fn settle(&mut self, reply: Reply) -> Option<BoxFuture<'static, Reply>> {
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
                let outcome = self.outcome(outcome, bulk.kind.verb());
                self.answer(bulk.ticket, outcome);
                if bulk.kind == BulkKind::Close {
                    self.inbox.close();
                }
            }
            Reply::Overdue(sent, keys, command) => {
                self.command_done(Lane::Write, sent);
                self.expire();
                if let Some(command) = command
                    && self.overdue < overdue::MOST
                {
                    self.overdue += 1;
                    return Some(Box::pin(async move {
                        overdue::wait_for(command).await;
                        Reply::Late(keys)
                    }));
                }
                self.settle_abandoned(keys);
            }
            Reply::Late(keys) => {
                self.overdue -= 1;
                self.settle_abandoned(keys);
            }
        }
        None
    }

    /// Lets the next requests go for sessions whose writes nobody waits for any more.
    fn settle_abandoned(&mut self, keys: Vec<Key>) {
        for key in keys {
            self.schedule.settle(key).for_each(drop);
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
            if matches!(written, Ok(Written::Missing)) && verb == "set" {
                let sid = write.id[self.config.prefix.len()..].to_owned();
                self.deliveries.push(Delivery::Event(Event::Discard(sid)));
            }
            for ticket in self.schedule.settle(*key) {
                let outcome = self.outcome(written.clone(), verb).map(|written| {
                    if verb == "flagDeletion" {
                        Outcome::Count((written == Written::Stored).into())
                    } else {
                        Outcome::Done
                    }
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

/// The reply of a command that writes, or at `deadline` that it is overdue.
async fn in_time(
    command: BoxFuture<'static, Reply>,
    sent: Sent,
    keys: Vec<Key>,
    deadline: Option<std::time::Instant>,
) -> Reply {
    overdue::in_time(command, deadline)
        .await
        .unwrap_or_else(|command| Reply::Overdue(sent, keys, command))
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
