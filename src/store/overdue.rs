//! Commands that write and are not back when nobody waits for them any more.
//!
//! A server that was frozen or cut off carries out what it then finds in its sockets, in any order.
//! So a write that was given up could be carried out after a later one of the same session, and undo
//! it. Only its answer tells that it no longer can: the command therefore goes on, and its sessions
//! wait for it, while others do not.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout_at};

use super::health::{Health, SUSPICIOUS};
use crate::progress::Progress;

/// What a command answers until `deadline`; or the command, if it is on its way to the server.
pub async fn in_time<T: 'static>(
    command: BoxFuture<'static, T>,
    deadline: Option<Instant>,
    health: &Health,
) -> Result<T, Option<BoxFuture<'static, T>>> {
    let progress = Progress::default();
    let mut command = Box::pin(progress.of(command));
    let Some(deadline) = deadline else {
        return Ok(command.await);
    };
    let suspicious = deadline.min(Instant::now() + SUSPICIOUS);
    if let Ok(answer) = timeout_at(suspicious.into(), &mut command).await {
        return Ok(answer);
    }
    health.suspect();
    match timeout_at(deadline.into(), &mut command).await {
        Ok(answer) => Ok(answer),
        Err(_) if progress.is_overdue() => Err(Some(command)),
        Err(_) => Err(None),
    }
}

/// Waits for an overdue command, and gives it up when the server has answered others for a while. Its
/// answer is of no use to anybody.
///
/// Should the answer never come, because the network has forgotten the connection, its few sessions
/// cannot be written for so long.
pub async fn wait_for<T>(command: BoxFuture<'static, T>, health: &Health, patience: Duration) {
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
