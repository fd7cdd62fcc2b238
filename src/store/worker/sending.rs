//! From a job to its command, which ends in a reply whatever the server does.

use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::super::commands;
use super::super::health::Health;
use super::super::maintenance::{self, Maintenance};
use super::super::{deadline, hedge, old_id, sweep};
use super::{Ping, Reply, Waiting, Worker, writing};
use crate::backend::{Id, Reach};
use crate::batch::{Batch, BulkKind, Job, Key, Slice, SliceKind, Ticket};
use crate::telemetry::{Load, Told};

/// How many times as long as it takes to be late a command may wait for documents that others hold.
const PATIENCE: u32 = 4;
const MOST_PATIENCE: Duration = Duration::from_secs(1);

/// The same of a slice of a sweep, which takes a server much less.
const SLICE_PATIENCE: Duration = Duration::from_millis(250);

fn patience(late_after: Duration) -> Duration {
    (late_after * PATIENCE).min(MOST_PATIENCE)
}

impl Worker {
    /// Sends the command of a job. Whatever the server does, there is a reply when the last caller's
    /// time is up. A read is given up then, and with it the connection.
    pub(super) fn send(&self, job: Job) -> BoxFuture<'static, Reply> {
        let backend = self.backend.clone();
        let health = self.health.clone();
        let config = self.config.clone();
        let pressure = self.pressure.clone();
        let telemetry = self.telemetry.clone();
        let load = match &job {
            Job::Get(batch) | Job::Destroy(batch) => self.load(&batch.keys, batch.calls),
            Job::Write(batch) => self.load(&batch.keys, batch.calls),
            Job::Bulk(bulk) | Job::Ids(_, bulk, _) => self.load_of(bulk.ticket, bulk.deadline, 0),
            Job::Sweep(_, bulk, slice) => self.load_of(bulk.ticket, bulk.deadline, slice.ids.len()),
        };
        match job {
            Job::Get(Batch {
                command,
                keys,
                items,
                deadline,
                late_after,
                ..
            }) => Box::pin(async move {
                let items = Arc::new(items);
                let attempt = || {
                    let (backend, config, items) = (backend.clone(), config.clone(), items.clone());
                    load.of(async move {
                        let found = commands::get(&*backend, &config, &items).await?;
                        old_id::arrive(&*backend, &config, &items, found).await
                    })
                    .boxed()
                };
                let mut first = attempt();
                let found = match timeout(late_after, &mut first).await {
                    Ok(found) => deadline::doubt(found, &health),
                    // It waits for its turn, and a second one would wait with it.
                    Err(_) if pressure.is_high() => deadline::read(deadline, &health, first).await,
                    Err(_) => {
                        telemetry.hedged();
                        let either = hedge::either(first, attempt(), health.clone());
                        deadline::read(deadline, &health, either).await
                    }
                };
                Reply::Get(command, keys, found)
            }),
            Job::Write(mut batch) => {
                let waiting = Waiting::Batch(batch.command, batch.keys.clone());
                let deadline = batch.deadline;
                let patience = patience(batch.late_after);
                let limit = self.limit.clone();
                let command = load.of(async move {
                    let work =
                        writing::write(&*backend, &config, limit.as_deref(), &mut batch, patience);
                    let written = work.await;
                    Reply::Write(batch, written)
                });
                in_time(Box::pin(command), waiting, deadline, health)
            }
            Job::Destroy(Batch {
                command,
                keys,
                items,
                deadline,
                late_after,
                ..
            }) => {
                let waiting = Waiting::Batch(command, keys.clone());
                let reply = load.of(async move {
                    let deleted = backend.delete_within(&items, patience(late_after)).await;
                    Reply::Destroy(command, keys, deleted)
                });
                in_time(Box::pin(reply), waiting, deadline, health)
            }
            Job::Bulk(bulk) => {
                if bulk.kind == BulkKind::Close {
                    self.end_background();
                }
                Box::pin(load.of(async move {
                    let work = commands::bulk(&*backend, &config, &bulk.kind);
                    let outcome = deadline::read(bulk.deadline, &health, work).await;
                    Reply::Bulk(bulk, outcome)
                }))
            }
            Job::Ids(sweep, bulk, after) => Box::pin(load.of(async move {
                let work = sweep::ids(&*backend, &config, &bulk.kind, after.as_ref());
                let swept = deadline::read(bulk.deadline, &health, work).await;
                Reply::Ids(sweep, swept)
            })),
            Job::Sweep(sweep, bulk, Slice { kind, keys, ids }) => {
                let waiting = Waiting::Slice(sweep, kind, keys.clone());
                let deadline = bulk.deadline;
                // Who shares nothing waits for as long as it takes.
                let patience = (kind != SliceKind::Held).then_some(SLICE_PATIENCE);
                let command = load.of(async move {
                    let slice = sweep::slice(&*backend, &config, &bulk.kind, &ids, patience).await;
                    Reply::Slice(sweep, kind, keys, slice)
                });
                in_time(Box::pin(command), waiting, deadline, health)
            }
        }
    }

    /// What the commands for these requests carry.
    fn load(&self, keys: &[Key], calls: usize) -> Load {
        let told = self.telemetry.listener.is_on().then(|| {
            let first = self.schedule.waiters(keys).map(|waiter| waiter.deadline);
            let tickets = self.schedule.waiters(keys).map(|waiter| waiter.ticket);
            Told {
                sessions: keys.len(),
                called: first.min().and_then(|deadline| self.called(deadline)),
                tickets: tickets.collect(),
            }
        });
        Load::new(&self.telemetry, calls).told(told)
    }

    /// The same of a call that has commands of its own, about so many sessions.
    fn load_of(&self, ticket: Ticket, deadline: Option<StdInstant>, sessions: usize) -> Load {
        let told = self.telemetry.listener.is_on().then(|| Told {
            sessions,
            called: deadline.and_then(|deadline| self.called(deadline)),
            tickets: [ticket].into(),
        });
        Load::new(&self.telemetry, 1).told(told)
    }

    pub(super) fn ping(&self, Ping { ticket, deadline }: Ping) -> BoxFuture<'static, Reply> {
        let backend = self.backend.clone();
        let health = self.health.clone();
        let load = self.load_of(ticket, Some(deadline), 0);
        Box::pin(load.of(async move {
            // A server answers a mere ping of anybody, whatever becomes of a get.
            let read = async {
                backend.ping(Reach::Needed).await?;
                backend.find(&[Id::from("")], &mut |_| {}).await
            };
            let answer = deadline::read(Some(deadline), &health, read).await;
            Reply::Ping(ticket, answer)
        }))
    }

    pub(super) fn maintain(
        &self,
        ticket: Ticket,
        deadline: std::time::Instant,
        what: Maintenance,
    ) -> BoxFuture<'static, Reply> {
        let (backend, health) = (self.backend.clone(), self.health.clone());
        let config = self.config.clone();
        let load = self.load_of(ticket, Some(deadline), 0);
        Box::pin(load.of(async move {
            let verb = what.verb();
            let work = maintenance::carry_out(&*backend, &config, what);
            let outcome = deadline::read(Some(deadline), &health, work).await;
            Reply::Maintenance(ticket, verb, outcome)
        }))
    }
}

/// The reply of a command that writes, or at `deadline` that it is overdue.
fn in_time(
    command: BoxFuture<'static, Reply>,
    waiting: Waiting,
    deadline: Option<std::time::Instant>,
    health: Arc<Health>,
) -> BoxFuture<'static, Reply> {
    Box::pin(async move {
        deadline::write(command, deadline, &health)
            .await
            .unwrap_or_else(|command| Reply::Overdue(waiting, command))
    })
}

/// The same of one that was overdue, and has been given more time.
pub(super) fn in_more_time(
    command: BoxFuture<'static, Reply>,
    waiting: Waiting,
    deadline: std::time::Instant,
) -> BoxFuture<'static, Reply> {
    Box::pin(async move {
        deadline::write_on(command, deadline)
            .await
            .unwrap_or_else(|command| Reply::Overdue(waiting, command))
    })
}
