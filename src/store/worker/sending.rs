//! From a job to its command, which ends in a reply whatever the server does.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout, timeout_at};

use super::super::commands;
use super::super::health::{Health, SUSPICIOUS};
use super::super::maintenance::{self, Maintenance};
use super::super::{hedge, overdue, sweep};
use super::{ANSWER, Ping, Reply, Waiting, Worker};
use crate::backend::{Id, Reach};
use crate::batch::{Batch, BulkKind, Job, Slice, Ticket};
use crate::error::{Error, Result};

/// How many times as long as it takes to be late a command may wait for documents that others hold.
const PATIENCE: u32 = 4;
const MOST_PATIENCE: Duration = Duration::from_secs(1);

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
        match job {
            Job::Get(Batch {
                command,
                keys,
                items,
                deadline,
                late_after,
            }) => Box::pin(async move {
                let items = Arc::new(items);
                let attempt = || {
                    let (backend, config, items) = (backend.clone(), config.clone(), items.clone());
                    async move { commands::get(&*backend, &config, &items).await }.boxed()
                };
                let mut first = attempt();
                let found = match timeout(late_after, &mut first).await {
                    Ok(found) => doubt(found, &health),
                    // It waits for its turn, and a second one would wait with it.
                    Err(_) if pressure.is_high() => until(deadline, &health, first).await,
                    Err(_) => until(deadline, &health, hedge::either(first, attempt())).await,
                };
                Reply::Get(command, keys, found)
            }),
            Job::Write(mut batch) => {
                let waiting = Waiting::Batch(batch.command, batch.keys.clone());
                let deadline = batch.deadline;
                let patience = patience(batch.late_after);
                let limit = self.limit.clone();
                let command = Box::pin(async move {
                    let work = commands::write(&*backend, &config, &mut batch.items, patience);
                    let mut written = work.await;
                    if let (Some(limit), Ok(written)) = (limit, &mut written) {
                        limit.keep(&*backend, &batch.items, written).await;
                    }
                    Reply::Write(batch, written)
                });
                in_time(command, waiting, deadline, health)
            }
            Job::Destroy(Batch {
                command,
                keys,
                items,
                deadline,
                late_after,
            }) => {
                let waiting = Waiting::Batch(command, keys.clone());
                let reply = Box::pin(async move {
                    let deleted = backend.delete_within(&items, patience(late_after)).await;
                    Reply::Destroy(command, keys, deleted)
                });
                in_time(reply, waiting, deadline, health)
            }
            Job::Bulk(bulk) => {
                if bulk.kind == BulkKind::Close {
                    self.end_background();
                }
                Box::pin(async move {
                    let work = commands::bulk(&*backend, &config, &bulk.kind);
                    let outcome = until(bulk.deadline, &health, work).await;
                    Reply::Bulk(bulk, outcome)
                })
            }
            Job::Ids(sweep, bulk, after) => Box::pin(async move {
                let work = sweep::ids(&*backend, &config, &bulk.kind, after.as_ref());
                let swept = until(bulk.deadline, &health, work).await;
                Reply::Ids(sweep, swept)
            }),
            Job::Sweep(sweep, bulk, Slice { keys, ids }) => {
                let waiting = Waiting::Slice(keys.clone());
                let deadline = bulk.deadline;
                let command = Box::pin(async move {
                    let count = sweep::slice(&*backend, &config, &bulk.kind, &ids).await;
                    Reply::Slice(sweep, keys, count)
                });
                in_time(command, waiting, deadline, health)
            }
        }
    }

    pub(super) fn ping(&self, Ping { ticket, deadline }: Ping) -> BoxFuture<'static, Reply> {
        let backend = self.backend.clone();
        let health = self.health.clone();
        Box::pin(async move {
            // A server answers a mere ping of anybody, whatever becomes of a get.
            let read = async {
                backend.ping(Reach::Needed).await?;
                backend.find(&[Id::from("")], &mut |_| {}).await
            };
            let answer = until(Some(deadline), &health, read).await;
            Reply::Ping(ticket, answer)
        })
    }

    pub(super) fn maintain(
        &self,
        ticket: Ticket,
        deadline: std::time::Instant,
        what: Maintenance,
    ) -> BoxFuture<'static, Reply> {
        let (backend, health) = (self.backend.clone(), self.health.clone());
        let config = self.config.clone();
        Box::pin(async move {
            let verb = what.verb();
            let work = maintenance::carry_out(&*backend, &config, what);
            let outcome = until(Some(deadline), &health, work).await;
            Reply::Maintenance(ticket, verb, outcome)
        })
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
    // An outage ends it: nobody is to wait for a server that is known to be out of reach.
    let work = async {
        tokio::select! {
            biased;
            answer = work => answer,
            outage = health.lost() => Err(outage),
        }
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
    doubt(answer, health)
}

/// Has the database asked whether it is still there if an answer is that a connection broke.
fn doubt<T>(answer: Result<T>, health: &Health) -> Result<T> {
    if let Err(Error::Connection { .. }) = answer {
        health.suspect();
    }
    answer
}
