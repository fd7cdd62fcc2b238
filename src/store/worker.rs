//! The task behind a store: admits calls, sends the commands that the [`Schedule`] lets go, and
//! delivers the answers of each command together.

use std::future::Future;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::commands::{self, Found};
use super::health::{self, Health, SUSPICIOUS};
use super::id;
use super::inbox::Inbox;
use super::overdue;
use super::selection::{Entries, Limit};
use super::upkeep;
use super::{Deliver, Delivery, Event, Outcome, Owner, SaveMode, SessionText, Submission, Verb};
use crate::backend::{Backend, Change, Created, Extra, Id, Reach, Since, Stored, Write, Written};
use crate::batch::{Batch, Bulk, BulkKind, Job, Key, Lane, Request, Schedule, Ticket, Work};
use crate::clock::now_ms;
use crate::document::{Form, Moment};
use crate::error::{Error, Result};
use crate::expiry::{Creation, Lifetime};
use crate::options::{Config, Save};
use crate::{cipher, codec, expiry, merge};

/// What a command in flight waits for, as messages say it.
const ANSWER: &str = "MongoDB to answer";

/// Serves a store until its handle is dropped or it is closed.
pub async fn run(
    config: Arc<Config>,
    backend: Arc<dyn Backend>,
    caller: Arc<dyn Deliver>,
    inbox: Arc<Inbox>,
) {
    let health = Arc::new(Health::default());
    let watch = health::watch(health.clone(), backend.clone(), caller.clone());
    let upkeep = upkeep::run(config.clone(), backend.clone(), caller.clone());
    let mut worker = Worker {
        limit: Limit::of(&config),
        config,
        backend,
        background: [tokio::spawn(watch), tokio::spawn(upkeep)],
        health: health.clone(),
        caller,
        inbox: inbox.clone(),
        schedule: Schedule::default(),
        pings: Vec::new(),
        overdue: 0,
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
            None if worker.schedule.is_idle() && commands.is_empty() => break,
            None => health.close(),
        }
        for ping in mem::take(&mut worker.pings) {
            commands.push(worker.ping(ping));
        }
        while let Some(job) = worker.next_job() {
            commands.push(worker.send(job));
        }
        worker.mark_full();
        worker.deliver();
        let deadline = worker.schedule.deadline();
        tokio::select! {
            () = inbox.arrived() => {}
            () = health.changed() => worker.mark_full(),
            Some(reply) = commands.next() => commands.extend(worker.settle(reply)),
            () = sleep_until(deadline.map_or_else(Instant::now, Instant::from_std)), if deadline.is_some() => {
                worker.expire();
            }
        }
    }
    worker.deliver();
    // A store that was closed has done so already.
    worker.end_background();
    worker.backend.close().await;
}

struct Worker {
    config: Arc<Config>,
    limit: Option<Arc<Limit>>,
    backend: Arc<dyn Backend>,
    /// What goes on beside the calls; it must not outlive the store.
    background: [JoinHandle<()>; 2],
    health: Arc<Health>,
    caller: Arc<dyn Deliver>,
    inbox: Arc<Inbox>,
    schedule: Schedule,
    pings: Vec<Ping>,
    /// How many commands go on for which nobody waits any more.
    overdue: usize,
    /// What is handed over together once nothing more can be done at once.
    deliveries: Vec<Delivery>,
    warned_of_foreign: bool,
}

/// Who asks for a sign of life, and until when.
struct Ping {
    ticket: Ticket,
    deadline: std::time::Instant,
}

/// When a command was sent.
type Sent = Instant;

/// A command that has come back.
enum Reply {
    Get(Sent, Vec<Key>, Result<Found>),
    Write(Sent, Batch<Write>, Result<Vec<Result<Written>>>),
    Destroy(Sent, Vec<Key>, Result<()>),
    Bulk(Bulk, Result<Outcome>),
    Ping(Ticket, Result<()>),
    /// Not back when the time of its last caller was up. The command, if it is on its way.
    Overdue(Waiting, Option<BoxFuture<'static, Reply>>),
    /// Back after that, or given up.
    Late(Waiting),
}

impl Reply {
    /// Whether the server has carried out the command.
    fn is_answer(&self) -> bool {
        match self {
            Self::Get(_, _, found) => found.is_ok(),
            Self::Write(_, _, written) => written.is_ok(),
            Self::Destroy(_, _, deleted) => deleted.is_ok(),
            Self::Bulk(bulk, outcome) => bulk.kind != BulkKind::Close && outcome.is_ok(),
            Self::Ping(_, answer) => answer.is_ok(),
            Self::Overdue(..) | Self::Late(_) => false,
        }
    }
}

/// What an overdue command keeps waiting: requests for its sessions, or everything.
enum Waiting {
    Sessions(Sent, Vec<Key>),
    All(Bulk),
}

impl Worker {
    fn deliver(&mut self) {
        if !self.deliveries.is_empty() {
            self.caller.deliver(mem::take(&mut self.deliveries));
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
        let verb = match verb {
            Verb::Select(selection) => match selection.request(&self.config) {
                Ok(kind) => Verb::Bulk(kind),
                Err(error) => return self.answer(ticket, Err(error)),
            },
            verb => verb,
        };
        if !matches!(verb, Verb::Bulk(BulkKind::Close))
            && let Some(outage) = self.health.outage()
        {
            self.answer(ticket, Err(outage));
            return;
        }
        let deadline = (called + self.config.operation_timeout).into_std();
        let (verb, id, work) = match verb {
            Verb::Get { sid } => ("get", self.id(sid), Ok(Work::Get)),
            Verb::Destroy { sid } if self.config.delete_flags => {
                ("destroy", self.id(sid), Ok(self.flag(false)))
            }
            Verb::Destroy { sid } => ("destroy", self.id(sid), Ok(Work::Destroy)),
            Verb::Flag { sid } => ("flagDeletion", self.id(sid), Ok(self.flag(true))),
            Verb::Touch {
                sid,
                lifetime,
                loaded_expires_ms,
            } => {
                let Some(work) = self.touch(lifetime, loaded_expires_ms) else {
                    self.answer(ticket, Ok(Outcome::Skipped));
                    return;
                };
                ("touch", self.id(sid), Ok(work))
            }
            Verb::Set {
                sid,
                session,
                form,
                lifetime,
                mode,
                owner,
            } => {
                let id = self.id(sid);
                let change = self.change(&id, session, form, &mode);
                let owned = owner.map(|owner| self.owned(owner, &mode));
                let work = change.map(|change| self.write(lifetime, change, owned));
                ("set", id, work)
            }
            Verb::Ping => {
                self.pings.push(Ping { ticket, deadline });
                return;
            }
            Verb::Bulk(kind) => {
                let deadline = (kind != BulkKind::Close).then_some(deadline);
                self.schedule.push_bulk(Bulk {
                    ticket,
                    kind,
                    deadline,
                });
                return;
            }
            // It has become a bulk request.
            Verb::Select(_) => return,
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
            expires_ms: self.config.flagged_until(now_ms()),
            change: Change::Flag { counted },
            extra: Extra::default(),
        }
    }

    /// Moves the expiry of a session, unless it is known to expire hardly earlier.
    fn touch(&self, lifetime: Lifetime, loaded_expires_ms: Option<i64>) -> Option<Work> {
        let expires_ms = self.expires(lifetime, now_ms());
        let moves_by = loaded_expires_ms.map(|loaded| expires_ms.saturating_sub(loaded));
        let is_little = |by: i64| (0..self.config.touch_after_ms).contains(&by);
        (!moves_by.is_some_and(is_little)).then(|| self.write(lifetime, Change::Touch, None))
    }

    /// A write of the lifetime of a session, and of what options ask for.
    fn write(&self, lifetime: Lifetime, change: Change, owned: Option<Extra>) -> Work {
        let now_ms = now_ms();
        let created = match lifetime.creation {
            _ if !self.config.stores_creation() => None,
            Creation::Unknown => Some(Created::OnInsert(now_ms)),
            Creation::NotStored => Some(Created::Now(now_ms)),
            Creation::At(_) => None,
        };
        let extra = Extra {
            created,
            updated_ms: self.config.timestamps.then_some(now_ms),
            ..owned.unwrap_or_default()
        };
        Work::Write {
            expires_ms: self.expires(lifetime, now_ms),
            change,
            extra,
        }
    }

    fn expires(&self, mut lifetime: Lifetime, now_ms: i64) -> i64 {
        if let Moment::LastAccess(_) = self.config.layout.meaning {
            lifetime.ttl_ms = Some(self.config.ttl_ms);
        }
        let expires_ms = expiry::expires(lifetime, self.config.ttl_ms, now_ms);
        let end = |timeout_ms| expiry::absolute_end(lifetime.creation, timeout_ms, now_ms);
        let end = self.config.absolute_timeout_ms.map_or(i64::MAX, end);
        expires_ms.min(end)
    }

    /// What a save writes about whose session it is. Whether it was not the user's before is known
    /// of a session that was loaded; of another one the document itself has to tell.
    fn owned(&self, Owner { user, is_new }: Owner, mode: &SaveMode) -> Extra {
        let now = now_ms();
        let since = match mode {
            SaveMode::Create => Some(Since::UnlessBefore(now)),
            SaveMode::Loaded(_) => is_new.then_some(Since::Now(now)),
        };
        Extra {
            user_since: since.filter(|_| self.limit.is_some() && user.is_some()),
            user: Some(user.map(Into::into)),
            ..Extra::default()
        }
    }

    fn id(&self, sid: String) -> Id {
        id::of_document(&self.config.prefix, sid, self.config.hash_ids).into()
    }

    fn change(&self, id: &Id, session: SessionText, form: Form, mode: &SaveMode) -> Result<Change> {
        let session = match form {
            Form::Document => Stored::Document(encode(&session)?),
            Form::Text => Stored::Text(session.text),
        };
        let size = match (&session, &self.config.cipher) {
            (Stored::Document(session), Some(_)) => cipher::encrypted_size(session)?,
            _ => session.size(),
        };
        self.config.layout.check_size(id.len(), size)?;
        let SaveMode::Loaded(bases) = mode else {
            return Ok(Change::Upsert(session));
        };
        match session {
            Stored::Document(session)
                if self.config.save == Save::Difference && !bases.is_empty() =>
            {
                let bases = bases.iter().map(encode).collect::<Result<Vec<_>>>()?;
                merge::difference(&bases, &session).map(Change::Merge)
            }
            session => Ok(Change::Replace(session)),
        }
    }

    /// What can be sent. Nothing is while the database is out of reach: what is given up there while
    /// it waits for a connection would be in the way of what is called later.
    fn next_job(&mut self) -> Option<Job> {
        match self.health.outage() {
            None => self.schedule.next_job(),
            Some(_) => self.schedule.next_close().map(Job::Bulk),
        }
    }

    /// Sends the command of a job. Whatever the server does, there is a reply when the last caller's
    /// time is up. A read is given up then, and with it the connection.
    fn send(&self, job: Job) -> BoxFuture<'static, Reply> {
        let backend = self.backend.clone();
        let health = self.health.clone();
        let config = self.config.clone();
        let sent = Instant::now();
        match job {
            Job::Get(Batch {
                keys,
                items,
                deadline,
            }) => Box::pin(async move {
                let work = commands::get(&*backend, &config, &items);
                let found = until(deadline, &health, work).await;
                Reply::Get(sent, keys, found)
            }),
            Job::Write(mut batch) => {
                let (keys, deadline) = (batch.keys.clone(), batch.deadline);
                let limit = self.limit.clone();
                let command = Box::pin(async move {
                    let work = commands::write(&*backend, &config, &mut batch.items);
                    let mut written = work.await;
                    if let (Some(limit), Ok(written)) = (limit, &mut written) {
                        limit.keep(&*backend, &batch.items, written).await;
                    }
                    Reply::Write(sent, batch, written)
                });
                in_time(command, Waiting::Sessions(sent, keys), deadline, health)
            }
            Job::Destroy(Batch {
                keys,
                items,
                deadline,
            }) => {
                let waiting = Waiting::Sessions(sent, keys.clone());
                let command = Box::pin(async move {
                    let deleted = backend.delete(&items).await;
                    Reply::Destroy(sent, keys, deleted)
                });
                in_time(command, waiting, deadline, health)
            }
            Job::Bulk(bulk) => {
                if bulk.kind == BulkKind::Close {
                    self.end_background();
                }
                if bulk.kind.is_exclusive() {
                    let waiting = Waiting::All(bulk.clone());
                    let deadline = bulk.deadline;
                    let command = Box::pin(async move {
                        let outcome = commands::bulk(&*backend, &config, &bulk.kind).await;
                        Reply::Bulk(bulk, outcome)
                    });
                    return in_time(command, waiting, deadline, health);
                }
                Box::pin(async move {
                    let work = commands::bulk(&*backend, &config, &bulk.kind);
                    let outcome = until(bulk.deadline, &health, work).await;
                    Reply::Bulk(bulk, outcome)
                })
            }
        }
    }

    fn ping(&self, Ping { ticket, deadline }: Ping) -> BoxFuture<'static, Reply> {
        let backend = self.backend.clone();
        let health = self.health.clone();
        Box::pin(async move {
            let answer = until(Some(deadline), &health, backend.ping(Reach::Needed)).await;
            Reply::Ping(ticket, answer)
        })
    }

    fn end_background(&self) {
        for task in &self.background {
            task.abort();
        }
    }

    /// Calls that arrive in an outage are worth a wake-up: they fail at once.
    fn mark_full(&self) {
        let can_answer = self.health.outage().is_some();
        for lane in [Lane::Read, Lane::Write] {
            let is_full = self.schedule.is_full(lane) && !can_answer;
            self.inbox.set_full(lane, is_full);
        }
    }

    /// Answers the callers of a command that has come back or is overdue, and what is to be awaited
    /// next.
    fn settle(&mut self, reply: Reply) -> Option<BoxFuture<'static, Reply>> {
        if reply.is_answer() {
            self.health.prove();
        }
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
                self.schedule.bulk_done(&bulk.kind);
                if let Ok(
                    Outcome::Sessions {
                        left_out: Some(error),
                        ..
                    }
                    | Outcome::Entries(Entries {
                        left_out: Some(error),
                        ..
                    }),
                ) = &outcome
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
            Reply::Ping(ticket, answer) => {
                let outcome = self.outcome(answer, "ping");
                self.answer(ticket, outcome.map(|()| Outcome::Done));
            }
            Reply::Overdue(waiting, command) => return self.follow(waiting, command),
            Reply::Late(waiting) => {
                self.overdue -= 1;
                self.release(waiting);
            }
        }
        None
    }

    /// Tells the callers of an overdue command that their time is up, and goes on waiting for it.
    fn follow(
        &mut self,
        waiting: Waiting,
        command: Option<BoxFuture<'static, Reply>>,
    ) -> Option<BoxFuture<'static, Reply>> {
        match &waiting {
            Waiting::Sessions(sent, _) => {
                self.command_done(Lane::Write, *sent);
                self.expire();
            }
            Waiting::All(bulk) => {
                let timeout = self.timeout(bulk.kind.verb(), ANSWER);
                self.answer(bulk.ticket, Err(timeout));
            }
        }
        let (Some(command), true) = (command, self.overdue < overdue::MOST) else {
            self.release(waiting);
            return None;
        };
        self.overdue += 1;
        let health = self.health.clone();
        let patience = self.config.operation_timeout;
        Some(Box::pin(async move {
            overdue::wait_for(command, &health, patience).await;
            Reply::Late(waiting)
        }))
    }

    /// Lets go what has waited for a command for which nobody waits any more.
    fn release(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::Sessions(_, keys) => {
                for key in keys {
                    self.schedule.settle(key).for_each(drop);
                }
            }
            Waiting::All(bulk) => self.schedule.bulk_done(&bulk.kind),
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
                if found.foreign && !mem::replace(&mut self.warned_of_foreign, true) {
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
                    ("set", Written::Created) => Outcome::Created,
                    _ => Outcome::Done,
                });
                self.answer(ticket, outcome);
            }
        }
    }

    /// Names the verb in an error that only knows the command.
    fn outcome<T>(&self, outcome: Result<T>, verb: &'static str) -> Result<T> {
        outcome.map_err(|error| match error {
            Error::Timeout { waited_for, .. } => self.timeout(verb, waited_for),
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
            error @ Error::Connection { .. } => {
                let at_present = "none of the servers can serve the operation at present";
                error
                    .because(self.trouble())
                    .because(Some(at_present.to_owned()))
            }
            other => other.because(self.trouble()),
        })
    }

    /// Why the database cannot be reached, while it cannot.
    fn trouble(&self) -> Option<String> {
        let outage = || self.health.outage().map(|outage| outage.detail());
        self.backend.trouble().or_else(outage)
    }

    fn timeout(&self, operation: &'static str, waited_for: &'static str) -> Error {
        Error::Timeout {
            operation,
            waited_for,
            after: self.config.operation_timeout,
            cause: self.trouble(),
        }
    }

    fn expire(&mut self) {
        for expired in self.schedule.expire(std::time::Instant::now()) {
            let waited_for = if expired.was_sent {
                ANSWER
            } else {
                "earlier operations"
            };
            let timeout = self.timeout(expired.verb, waited_for);
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
fn in_time(
    command: BoxFuture<'static, Reply>,
    waiting: Waiting,
    deadline: Option<std::time::Instant>,
    health: Arc<Health>,
) -> BoxFuture<'static, Reply> {
    Box::pin(async move {
        overdue::in_time(command, deadline, &health)
            .await
            .unwrap_or_else(|command| Reply::Overdue(waiting, command))
    })
}

/// The result of `work`, or a timeout at `deadline`. What takes suspiciously long, or ends in a
/// broken connection, has the database asked whether it is still there.
async fn until<T>(
    deadline: Option<std::time::Instant>,
    health: &Health,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(deadline) = deadline.map(Instant::from_std) else {
        return work.await;
    };
    let mut work = pin!(work);
    let suspicious = deadline.min(Instant::now() + SUSPICIOUS);
    let answer = if let Ok(answer) = timeout_at(suspicious, &mut work).await {
        Ok(answer)
    } else {
        health.suspect();
        timeout_at(deadline, work).await
    };
    let answer = answer.unwrap_or_else(|_| {
        Err(Error::Timeout {
            operation: "the operation",
            waited_for: ANSWER,
            after: Duration::ZERO,
            cause: None,
        })
    });
    if let Err(Error::Connection { .. }) = answer {
        health.suspect();
    }
    answer
}
