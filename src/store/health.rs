//! Whether the database can be reached, found out by asking it.
//!
//! A command that stays without an answer, a broken connection or the driver's monitor raise a
//! suspicion; a probe decides. While the database is known to be out of reach, calls fail at once
//! instead of waiting for their deadlines, and probes go on until one is answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::{Deliver, Delivery, Event};
use crate::backend::{Backend, Reach};
use crate::clock::jittered;
use crate::error::{Error, Result};
use crate::options::Config;

/// How long a command may stay without an answer before that is suspicious.
pub const SUSPICIOUS: Duration = Duration::from_secs(1);

/// How long a probe waits.
const PROBE: Duration = Duration::from_secs(3);

/// How long a replica set may go without a primary before it counts as out of reach: an election
/// takes twelve seconds at most with the default settings, "Replica Set Elections" in the manual.
const ELECTION: Duration = Duration::from_secs(15);

/// Between two probes. A probe that ends early was refused, and may be refused again: a log-in is
/// not to be attempted too often.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// Between two attempts of one probe.
const BREATH: Duration = Duration::from_millis(100);

/// What is known about the database. Shared by a store's worker and its [`watch`].
#[derive(Default)]
pub struct Health {
    /// Why the database is out of reach, while it is.
    outage: Mutex<Option<Error>>,
    began: Notify,
    suspicion: Notify,
}

impl Health {
    /// Why a call cannot succeed now, if that is known.
    pub fn outage(&self) -> Option<Error> {
        self.lock().clone()
    }

    /// Has the database asked whether it is there.
    pub fn suspect(&self) {
        self.suspicion.notify_one();
    }

    /// Waits for an outage to begin.
    pub async fn began(&self) {
        self.began.notified().await;
    }

    /// True if this is the beginning of the outage.
    fn begin(&self, outage: Error) -> bool {
        let begins = self.lock().replace(outage).is_none();
        if begins {
            self.began.notify_one();
        }
        begins
    }

    fn end(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Error>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps `health` up to date and reports every change, for as long as the store is open.
pub async fn watch(
    health: Arc<Health>,
    config: Config,
    backend: Arc<dyn Backend>,
    caller: Arc<dyn Deliver>,
) {
    let event = |event| caller.deliver(vec![Delivery::Event(event)]);
    let attempt = config.operation_timeout.min(PROBE);
    loop {
        loop {
            let since = Instant::now();
            let Err(error) = probe(&*backend, attempt, Duration::ZERO).await else {
                break;
            };
            if health.begin(error.clone()) {
                event(Event::Disconnected(error));
            }
            let was_refused = since.elapsed() < attempt / 2;
            sleep(jittered(if was_refused {
                PAUSE_AFTER_REFUSAL
            } else {
                PAUSE
            }))
            .await;
        }
        health.end();
        event(Event::Connected);
        while outlives_suspicion(&health, &*backend, attempt, &event).await {
            sleep(PAUSE).await;
        }
    }
}

/// Waits for a suspicion and answers whether it was unfounded.
async fn outlives_suspicion(
    health: &Health,
    backend: &dyn Backend,
    attempt: Duration,
    event: impl Fn(Event),
) -> bool {
    tokio::select! {
        () = health.suspicion.notified() => {}
        () = backend.lost() => {}
    }
    match probe(backend, attempt, ELECTION).await {
        Ok(()) => true,
        Err(error) => {
            health.begin(error.clone());
            event(Event::Disconnected(error));
            false
        }
    }
}

/// Asks any server for a sign of life, and then, for as long as `patience`, the one that operations
/// need.
async fn probe(backend: &dyn Backend, attempt: Duration, patience: Duration) -> Result<()> {
    within(attempt, backend, Reach::Any).await?;
    let since = Instant::now();
    loop {
        match within(attempt, backend, Reach::Needed).await {
            Err(_) if since.elapsed() < patience => sleep(BREATH).await,
            answer => return answer,
        }
    }
}

/// Whether a server answers, with whatever.
async fn within(attempt: Duration, backend: &dyn Backend, reach: Reach) -> Result<()> {
    let answer: BoxFuture<'_, Result<()>> = backend.ping(reach);
    let error = match timeout(attempt, answer).await {
        Ok(Ok(()) | Err(Error::Server { .. })) => return Ok(()),
        Ok(Err(error)) => error,
        Err(_) => Error::connection("no MongoDB server could be reached"),
    };
    Err(error.because(backend.trouble()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_and_ends_once() {
        let health = Health::default();
        assert!(health.outage().is_none());
        assert!(health.begin(Error::connection("down")));
        assert!(!health.begin(Error::connection("still down")));
        assert!(health.outage().is_some());
        health.end();
        assert!(health.outage().is_none());
        assert!(health.begin(Error::connection("down again")));
    }
}
