//! Whether the database can be reached, found out by asking it.
//!
//! A command that stays without an answer, a broken connection or the driver's monitor raise a
//! suspicion; a probe decides. While the database is known to be out of reach, calls fail at once
//! instead of waiting for their deadlines, and probes go on until one is answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::{Deliver, Delivery, Event};
use crate::backend::{Backend, Reach};
use crate::clock::jittered;
use crate::error::{Error, Result};

/// How long a command may stay without an answer before that is suspicious.
pub const SUSPICIOUS: Duration = Duration::from_secs(1);

/// How long a probe waits for an answer: on the connections in use, and on new ones.
const PROBE_IN_USE: Duration = Duration::from_secs(1);
const PROBE: Duration = Duration::from_secs(3);

/// How long a replica set may go without a primary before it counts as out of reach: an election
/// takes twelve seconds at most with the default settings, "Replica Set Elections" in the manual.
const ELECTION: Duration = Duration::from_secs(15);

/// Between two probes. One that ends early was refused, and may be refused again: a log-in is not to
/// be attempted too often.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// How late a timer of a machine that runs may be.
const LATE: Duration = Duration::from_millis(300);

/// Between two attempts of one probe.
const BREATH: Duration = Duration::from_millis(100);

/// What is known about the database. Shared by a store's worker and its [`watch`].
#[derive(Default)]
pub struct Health {
    /// Why the database is out of reach, while it is.
    outage: Mutex<Option<Error>>,
    changed: Notify,
    suspicion: Notify,
    /// A command was answered in an outage.
    proof: Notify,
    /// Counts the probes that were answered.
    answered: watch::Sender<u64>,
    closing: watch::Sender<bool>,
    /// Whether the database is out of reach, for those who wait for that.
    is_out: watch::Sender<bool>,
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

    /// Takes note that a command was answered, which ends an outage without a probe.
    pub fn prove(&self) {
        if self.lock().take().is_some() {
            self.is_out.send_replace(false);
            self.changed.notify_one();
            self.proof.notify_one();
        }
    }

    /// Waits until an answer has ended the outage.
    async fn proven(&self) {
        while self.outage().is_some() {
            self.proof.notified().await;
        }
    }

    /// Waits for an outage to begin or to end.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Waits for an outage, and answers why the database is out of reach.
    pub async fn lost(&self) -> Error {
        let mut is_out = self.is_out.subscribe();
        loop {
            // The sender lives as long as `self`.
            let _ = is_out.wait_for(|is_out| *is_out).await;
            if let Some(outage) = self.outage() {
                return outage;
            }
            let _ = is_out.changed().await;
        }
    }

    /// Has the database asked, and waits until it has answered.
    pub async fn answers(&self) {
        let mut answered = self.answered.subscribe();
        self.suspect();
        // The sender lives as long as `self`.
        let _ = answered.changed().await;
    }

    /// From now on nobody waits for what goes on beyond the deadlines of its callers.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until the store is being closed.
    pub async fn closing(&self) {
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// True if this is the beginning of the outage.
    fn begin(&self, outage: Error) -> bool {
        let begins = self.lock().replace(outage).is_none();
        if begins {
            self.is_out.send_replace(true);
            self.changed.notify_one();
        }
        begins
    }

    fn end(&self) {
        *self.lock() = None;
        self.is_out.send_replace(false);
        self.changed.notify_one();
    }

    fn has_answered(&self) {
        self.answered.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Error>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps `health` up to date and reports every change, for as long as the store is open. Without
/// servers to watch, reports only that.
pub async fn watch(health: Arc<Health>, backend: Arc<dyn Backend>, caller: Arc<dyn Deliver>) {
    let event = |event| caller.deliver(vec![Delivery::Event(event)]);
    let backend = &*backend;
    if let Err(trouble) = backend.start().await {
        event(Event::Warning(Error::Fallback(Box::new(trouble))));
        return;
    }
    let mut since = Instant::now();
    let mut answer = within(PROBE, backend, || backend.ping(Reach::Needed)).await;
    loop {
        while let Err(error) = answer {
            if health.begin(error.clone()) {
                event(Event::Disconnected(error));
            }
            let was_refused = since.elapsed() < PROBE / 2;
            let pause = if was_refused {
                PAUSE_AFTER_REFUSAL
            } else {
                PAUSE
            };
            let again = async {
                sleep(jittered(pause)).await;
                since = Instant::now();
                reconnect(backend, Duration::ZERO).await
            };
            answer = tokio::select! {
                () = health.proven() => Ok(()),
                answer = again => answer,
            };
        }
        health.end();
        health.has_answered();
        event(Event::Connected);
        answer = loop {
            tokio::select! {
                () = health.suspicion.notified() => {}
                () = backend.lost() => {}
            }
            since = Instant::now();
            let answer = is_there(backend).await;
            if answer.is_err() {
                break answer;
            }
            health.has_answered();
            sleep(PAUSE).await;
        };
    }
}

/// Whether the database is still there. If there is no answer on the connections in use, they are
/// replaced: they may have gone silent, and commands that were given up may be in the way.
async fn is_there(backend: &dyn Backend) -> Result<()> {
    match within(PROBE_IN_USE, backend, || backend.ping(Reach::Needed)).await {
        Ok(()) => Ok(()),
        Err(_) => reconnect(backend, ELECTION).await,
    }
}

/// Asks any server on new connections, which are used from then on.
async fn reconnect(backend: &dyn Backend, patience: Duration) -> Result<()> {
    within(PROBE, backend, || backend.reconnect()).await?;
    needed(backend, patience).await
}

/// Asks the server that operations need, for as long as `patience` allows.
async fn needed(backend: &dyn Backend, patience: Duration) -> Result<()> {
    let since = Instant::now();
    loop {
        match within(PROBE, backend, || backend.ping(Reach::Needed)).await {
            Err(_) if since.elapsed() < patience => sleep(BREATH).await,
            answer => return answer,
        }
    }
}

/// Whether an answer comes, whatever it says. A timer that fires late says that it was this machine
/// that stood still, so the question is put again.
async fn within<'a>(
    attempt: Duration,
    backend: &dyn Backend,
    ask: impl Fn() -> BoxFuture<'a, Result<()>>,
) -> Result<()> {
    loop {
        let since = Instant::now();
        match timeout(attempt, ask()).await {
            Ok(Ok(()) | Err(Error::Server { .. } | Error::Overloaded { .. })) => return Ok(()),
            Ok(Err(error)) => return Err(backend.explain(error.because(backend.trouble()))),
            Err(_) if since.elapsed() > attempt + LATE => {}
            Err(_) => {
                let silence = format!("no answer within {} ms", attempt.as_millis());
                let error = Error::connection("no MongoDB server could be reached");
                return Err(error.because(backend.trouble()).because(Some(silence)));
            }
        }
    }
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
