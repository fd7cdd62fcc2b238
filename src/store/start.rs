//! The beginning of a store: reaching the server, creating the index.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout};

use super::{Deliver, Delivery, Event};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::options::Config;

/// How long a first attempt to reach a server may take before it is reported.
const CONNECT_ATTEMPT: Duration = Duration::from_secs(3);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// Waits for a server, however long that takes, and creates the index.
pub async fn start(config: Config, backend: Arc<dyn Backend>, caller: Arc<dyn Deliver>) {
    let event = |event| caller.deliver(vec![Delivery::Event(event)]);
    let attempt = config.operation_timeout.min(CONNECT_ATTEMPT);
    match until_reached(attempt, event, || backend.connect()).await {
        Ok(()) => event(Event::Connected),
        Err(error) => event(Event::Error(error)),
    }
    if config.create_ttl_index
        && let Err(error) = until_reached(attempt, event, || backend.create_ttl_index()).await
    {
        event(Event::Warning(Error::Index(Box::new(error))));
    }
}

/// Attempts `work` until it ends in anything but a failure to reach a server, which is reported
/// once.
async fn until_reached<'a>(
    attempt: Duration,
    event: impl Fn(Event),
    work: impl Fn() -> BoxFuture<'a, Result<()>>,
) -> Result<()> {
    let mut pause = FIRST_RETRY;
    let mut reported = false;
    loop {
        let unreached = || Error::Connection("no MongoDB server could be reached".to_owned());
        let answer = timeout(attempt, work()).await;
        match answer.unwrap_or_else(|_| Err(unreached())) {
            Err(error @ Error::Connection(_)) => {
                if !std::mem::replace(&mut reported, true) {
                    event(Event::Error(error));
                }
                sleep(pause).await;
                pause = (pause * 2).min(LAST_RETRY);
            }
            answer => return answer,
        }
    }
}
