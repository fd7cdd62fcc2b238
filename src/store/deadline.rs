//! When a command is over, and what becomes of it then.
//!
//! A read is given up when the time of its last caller is up, and with it the connection. A write may be
//! carried out all the same: a server that was frozen or cut off carries out what it then finds in its
//! sockets, in any order. So one that was given up could be carried out after a later one of the same
//! session, and undo it. Only its answer tells that it no longer can: the command therefore goes on, and its
//! sessions wait for it, while others do not.
//!
//! Which callers are told then is decided in `batch/schedule/deadlines.rs`.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout_at};

use super::health::{Health, SUSPICIOUS};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// What a command in flight waits for, as messages say it.
pub const ANSWER: &str = "MongoDB to answer";

/// The result of a read, or a timeout at `deadline`. What takes suspiciously long, or ends in a
/// broken connection, has the database asked whether it is still there.
pub async fn read<T>(
    deadline: Option<Instant>,
    health: &Health,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(deadline) = deadline else {
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
    let answer = with_suspicion(pin!(work), deadline, health).await;
    let answer = answer.unwrap_or_else(|| {
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
pub fn doubt<T>(answer: Result<T>, health: &Health) -> Result<T> {
    if let Err(Error::Connection { .. } | Error::Refused { .. }) = answer {
        health.suspect();
    }
    answer
}

/// What a write answers until `deadline`; or the command, if it is on its way to the server.
pub async fn write<T: 'static>(
    command: BoxFuture<'static, T>,
    deadline: Option<Instant>,
    health: &Health,
) -> Result<T, Option<BoxFuture<'static, T>>> {
    let progress = Progress::default();
    let mut command = Box::pin(progress.of(command));
    let Some(deadline) = deadline else {
        return Ok(command.await);
    };
    match with_suspicion(&mut command, deadline, health).await {
        Some(answer) => Ok(answer),
        None if progress.is_overdue() => Err(Some(command)),
        None => Err(None),
    }
}

/// The same of a write that is on its way, and has been given more time.
pub async fn write_on<T: 'static>(
    mut command: BoxFuture<'static, T>,
    deadline: Instant,
) -> Result<T, Option<BoxFuture<'static, T>>> {
    let answer = timeout_at(deadline.into(), &mut command).await;
    answer.map_err(|_| Some(command))
}

/// Waits for an overdue command, and gives it up when the server has answered others for a while. Its
/// answer is of no use to anybody.
///
/// Should the answer never come, because the network has forgotten the connection, its few sessions
/// cannot be written for so long.
pub async fn outlive<T>(command: BoxFuture<'static, T>, health: &Health, patience: Duration) {
    let others = async {
        health.answers().await;
        sleep(patience).await;
    };
    tokio::select! {
        _ = command => {}
        () = others => {}
        () = health.closing() => {}
    }
}

/// What is answered until `deadline`. After a while without an answer the database is asked whether it is
/// still there.
async fn with_suspicion<T>(
    mut work: impl Future<Output = T> + Unpin,
    deadline: Instant,
    health: &Health,
) -> Option<T> {
    let suspicious = deadline.min(Instant::now() + SUSPICIOUS);
    if let Ok(answer) = timeout_at(suspicious.into(), &mut work).await {
        return Some(answer);
    }
    health.suspect();
    timeout_at(deadline.into(), work).await.ok()
}
