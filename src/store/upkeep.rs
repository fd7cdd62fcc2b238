//! What a store does without being asked: creating its indexes, or removing expired sessions
//! itself.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout};

use super::{Deliver, Delivery, Event};
use crate::backend::{Backend, Selection};
use crate::clock::{jittered, now_ms};
use crate::error::{Error, Result};
use crate::options::{AutoRemove, Config};

/// Between two attempts to create the index of a server that cannot be reached.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// Runs for as long as the store is open.
pub async fn run(config: Config, backend: Arc<dyn Backend>, caller: Arc<dyn Deliver>) {
    let event = |event| caller.deliver(vec![Delivery::Event(event)]);
    let attempt = config.operation_timeout;
    if config.users.is_some() {
        match create_index(|| backend.create_user_index(), attempt).await {
            Ok(()) | Err(Error::InvalidOption(_)) => {}
            Err(error) => event(Event::Warning(Error::UserIndex(Box::new(error)))),
        }
    }
    match config.auto_remove {
        AutoRemove::Disabled => {}
        AutoRemove::Native => {
            match create_index(|| backend.create_ttl_index(), attempt).await {
                // Reported by who finds it out first.
                Ok(()) | Err(Error::InvalidOption(_)) => {}
                Err(error) => event(Event::Warning(Error::Index(Box::new(error)))),
            }
        }
        AutoRemove::Interval(interval) => loop {
            sleep(jittered(interval)).await;
            match timeout(
                interval,
                remove_expired(&*backend, &config.prefix, interval),
            )
            .await
            {
                // An outage is reported by who finds it out.
                Ok(Ok(()) | Err(Error::Connection { .. })) | Err(_) => {}
                Ok(Err(error)) => event(Event::Warning(Error::AutoRemove(Box::new(error)))),
            }
        },
    }
}

async fn create_index<'a>(
    create: impl Fn() -> BoxFuture<'a, Result<()>>,
    attempt: Duration,
) -> Result<()> {
    let mut pause = FIRST_PAUSE;
    loop {
        match timeout(attempt, create()).await {
            Err(_) | Ok(Err(Error::Connection { .. })) => {
                sleep(jittered(pause)).await;
                pause = (pause * 2).min(LAST_PAUSE);
            }
            Ok(answer) => return answer,
        }
    }
}

/// Deletes what has expired, if no other process has done so within the interval.
async fn remove_expired(backend: &dyn Backend, prefix: &str, interval: Duration) -> Result<()> {
    let now = now_ms();
    // Shorter than the shortest pause, so that the process that did it last is not kept away.
    let lease = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX) / 2;
    if backend.lease_removal(prefix, now, now + lease).await? {
        backend.clear(prefix, Selection::Expired(now)).await?;
    }
    Ok(())
}
