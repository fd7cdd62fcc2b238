//! The task behind a store: admits calls, sends the commands that the [`Schedule`] lets go, and
//! delivers the answers of each command together.

mod admission;
mod explanation;
mod lifetime;
mod overload;
mod saving;
mod sending;
mod settlement;
#[cfg(test)]
mod tests;
mod timeouts;
mod writing;

use std::mem;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use self::overload::LetGo;
use super::commands::Found;
use super::health::{self, Health};
use super::inbox::Inbox;
use super::limit::Limit;
use super::maintenance::Maintenance;
use super::{Deliver, Delivery, Outcome};
use super::{upkeep, watch};
use crate::backend::{Backend, SliceOutcome, Swept, Write, Written};
use crate::batch::{
    Batch, Bulk, BulkKind, Command, Job, Key, Lane, Schedule, SliceKind, SweepKey, Ticket, Waiter,
};
use crate::connection::Pressure;
use crate::error::{Error, Result};
use crate::options::Config;
use crate::telemetry::{Load, Telemetry};

/// Serves a store until its handle is dropped or it is closed.
pub async fn run(
    config: Arc<Config>,
    backend: Arc<dyn Backend>,
    caller: Arc<dyn Deliver>,
    inbox: Arc<Inbox>,
    pressure: Arc<Pressure>,
    telemetry: Arc<Telemetry>,
) {
    let health = Arc::new(Health::default());
    let load = Load::new(&telemetry, 0);
    let monitor = health::watch(health.clone(), backend.clone(), caller.clone());
    let created = Arc::<Notify>::default();
    let upkeep = upkeep::run(
        config.clone(),
        backend.clone(),
        health.clone(),
        caller.clone(),
        created.clone(),
    );
    let mut background = vec![
        tokio::spawn(load.of(monitor)),
        tokio::spawn(load.of(upkeep)),
    ];
    if config.watches {
        let watch = watch::run(config.prefix.clone(), backend.clone(), caller.clone());
        background.push(tokio::spawn(load.of(watch)));
    }
    let mut worker = Worker {
        limit: Limit::of(&config),
        config,
        backend,
        background,
        health: health.clone(),
        caller,
        inbox: inbox.clone(),
        pressure: pressure.clone(),
        let_go: LetGo::default(),
        schedule: Schedule::default(),
        pings: Vec::new(),
        maintenance: Vec::new(),
        deliveries: Vec::new(),
        telemetry,
        answered: Vec::new(),
        warned_of_foreign: false,
        warned_of_touch_after: false,
        created,
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
        for (ticket, deadline, what) in mem::take(&mut worker.maintenance) {
            commands.push(worker.maintain(ticket, deadline, what));
        }
        let now = std::time::Instant::now();
        worker.note(now);
        while let Some(job) = worker.next_job(now) {
            commands.push(worker.send(job));
        }
        worker.mark_full();
        worker.deliver();
        let moment = worker.next_moment();
        tokio::select! {
            () = inbox.arrived() => {}
            () = health.changed() => {
                worker.mark_full();
                worker.end_waiting();
            }
            () = pressure.changed() => {}
            Some(reply) = commands.next() => commands.extend(worker.settle(reply)),
            () = sleep_until(moment.map_or_else(Instant::now, Instant::from_std)), if moment.is_some() => {
                worker.expire();
            }
        }
    }
    worker.end().await;
}

struct Worker {
    config: Arc<Config>,
    limit: Option<Arc<Limit>>,
    backend: Arc<dyn Backend>,
    /// What goes on beside the calls; it must not outlive the store.
    background: Vec<JoinHandle<()>>,
    health: Arc<Health>,
    caller: Arc<dyn Deliver>,
    inbox: Arc<Inbox>,
    pressure: Arc<Pressure>,
    let_go: LetGo,
    schedule: Schedule,
    pings: Vec<Ping>,
    maintenance: Vec<(Ticket, std::time::Instant, Maintenance)>,
    /// What is handed over together once nothing more can be done at once.
    deliveries: Vec<Delivery>,
    telemetry: Arc<Telemetry>,
    /// Of those that are handed over, what was called and when, as far as that is watched.
    answered: Vec<(&'static str, std::time::Instant)>,
    warned_of_foreign: bool,
    warned_of_touch_after: bool,
    /// Hears of documents that were created.
    created: Arc<Notify>,
}

/// Who asks for a sign of life, and until when.
struct Ping {
    ticket: Ticket,
    deadline: std::time::Instant,
}

/// A command that has come back.
enum Reply {
    Get(Command, Vec<Key>, Result<Found>),
    Write(Batch<Write>, Result<Vec<Result<Written>>>),
    Destroy(Command, Vec<Key>, Result<Vec<Result<Written>>>),
    Bulk(Bulk, Result<Outcome>),
    Ids(SweepKey, Result<Swept>),
    Slice(SweepKey, SliceKind, Vec<Key>, Result<SliceOutcome>),
    Ping(Ticket, Result<()>),
    Maintenance(Ticket, &'static str, Result<Outcome>),
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
            Self::Write(_, written) => written.is_ok(),
            Self::Destroy(_, _, deleted) => deleted.is_ok(),
            Self::Bulk(bulk, outcome) => bulk.kind != BulkKind::Close && outcome.is_ok(),
            Self::Ids(_, swept) => swept.is_ok(),
            Self::Slice(_, _, _, slice) => slice.is_ok(),
            Self::Ping(_, answer) => answer.is_ok(),
            // Maintenance need not have asked the server.
            Self::Maintenance(..) | Self::Overdue(..) | Self::Late(_) => false,
        }
    }
}

/// The requests for the sessions that an overdue command keeps waiting.
enum Waiting {
    Batch(Command, Vec<Key>),
    Slice(SweepKey, SliceKind, Vec<Key>),
}

impl Worker {
    /// Hands over what has collected.
    fn deliver(&mut self) {
        let deliveries = self.collected();
        if !deliveries.is_empty() {
            self.caller.deliver(deliveries);
        }
    }

    /// What has collected. The figures come first: who has an answer finds it in them.
    fn collected(&mut self) -> Vec<Delivery> {
        self.telemetry.set_queued(self.schedule.queued());
        if let Some(round_trip) = self.schedule.round_trip() {
            self.telemetry.set_round_trip(round_trip);
        }
        self.telemetry
            .answered(&self.answered, std::time::Instant::now());
        self.answered.clear();
        mem::take(&mut self.deliveries)
    }

    /// When a call was made that has this deadline.
    fn called(&self, deadline: std::time::Instant) -> Option<std::time::Instant> {
        deadline.checked_sub(self.config.operation_timeout)
    }

    fn answer_waiter(&mut self, waiter: &Waiter, outcome: Result<Outcome>) {
        if let Some(called) = self.called(waiter.deadline) {
            self.answered.push((waiter.verb, called));
        }
        self.answer(waiter.ticket, outcome);
    }

    fn answer(&mut self, ticket: Ticket, outcome: Result<Outcome>) {
        self.deliveries.push(Delivery::Answer(ticket, outcome));
    }

    fn refuse(&mut self, ticket: Ticket, error: Error) {
        self.deliveries.push(Delivery::Refusal(ticket, error));
    }

    /// Takes note of what may have changed while the worker slept.
    fn note(&mut self, now: std::time::Instant) {
        self.schedule.set_connections(self.backend.connections());
        self.schedule.mark_late(now);
        if self.pressure.is_high() {
            self.relieve();
        } else {
            self.report_touches();
        }
    }

    /// When there is something to do next, whatever happens until then.
    fn next_moment(&self) -> Option<std::time::Instant> {
        let moments = [self.schedule.next_moment(), self.pressure.pauses_until()];
        moments.into_iter().flatten().min()
    }

    /// What can be sent. Nothing is while the database is out of reach: what is given up there while
    /// it waits for a connection would be in the way of what is called later. Nor is anything while an
    /// overloaded server is given room.
    fn next_job(&mut self, now: std::time::Instant) -> Option<Job> {
        if self.health.outage().is_none() && self.pressure.may_send() {
            self.schedule.next_job(now)
        } else {
            self.schedule.next_close(now).map(Job::Bulk)
        }
    }

    fn end_background(&self) {
        for task in &self.background {
            task.abort();
        }
    }

    /// Ends with the store. Whoever is told of that finds nothing of it any more, such as keys in memory.
    async fn end(mut self) {
        self.health.close();
        self.end_background();
        for task in mem::take(&mut self.background) {
            // It was aborted, or has ended before.
            let _ = task.await;
        }
        let last = self.collected();
        let (caller, backend) = (self.caller.clone(), self.backend.clone());
        drop(self);
        if !last.is_empty() {
            caller.deliver(last);
        }
        // A store that was closed has done so already.
        backend.close().await;
    }

    /// Calls that arrive in an outage are worth a wake-up, as they fail at once, and so do some while the
    /// server is overloaded.
    fn mark_full(&self) {
        let can_answer = self.health.outage().is_some() || self.pressure.is_high();
        for lane in [Lane::Read, Lane::Write] {
            let is_full = self.schedule.is_full(lane) && !can_answer;
            self.inbox.set_full(lane, is_full);
        }
    }
}
