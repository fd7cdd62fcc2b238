//! What the driver's monitoring of the servers says: whether any of them can be reached.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mongodb::error::ErrorKind;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::ServerAddress;
use mongodb::{ServerInfo, ServerType};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{from_driver, is_overload};
use crate::error::{Error, Result};

/// How long commands on connections from before a refused log-in get for their answers.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// Hears the driver's events.
pub struct Monitor {
    trouble: watch::Sender<Option<String>>,
    /// The error that says so, if the trouble is that the credentials are not accepted.
    refusal: watch::Sender<Option<Error>>,
    /// Whether there is a server that has said what it is.
    sees: AtomicBool,
    /// Whether the servers take transaction numbers, which they do unless they are standalones.
    takes_numbers: watch::Sender<Option<bool>>,
    /// The server that has taken the writes last.
    primary: Mutex<Option<ServerAddress>>,
    /// The number of the client whose events count.
    current: AtomicU64,
    last_number: AtomicU64,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            trouble: watch::Sender::new(None),
            refusal: watch::Sender::new(None),
            sees: AtomicBool::new(false),
            takes_numbers: watch::Sender::new(None),
            primary: Mutex::default(),
            current: AtomicU64::new(0),
            last_number: AtomicU64::new(0),
        }
    }
}

impl Monitor {
    /// Why no server can be reached, while that is so. Names hosts, and nothing secret.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }

    /// Whether a server can be reached, as far as is known, even if only to refuse the credentials.
    pub fn sees_server(&self) -> bool {
        self.sees.load(Ordering::SeqCst) || self.refusal.borrow().is_some()
    }

    /// Whether the servers take transaction numbers; None until one has answered.
    pub fn takes_numbers(&self) -> Option<bool> {
        *self.takes_numbers.borrow()
    }

    /// The same, as soon as it is known.
    pub async fn learn_takes_numbers(&self) -> bool {
        let mut takes = self.takes_numbers.subscribe();
        // The sender lives as long as `self`.
        let known = takes.wait_for(Option::is_some).await;
        known.is_ok_and(|takes| *takes == Some(true))
    }

    /// Returns when no server can be reached.
    pub async fn lost(&self) {
        // Fails only when there is no sender, and that is here.
        let _ = self.trouble.subscribe().wait_for(Option::is_some).await;
    }

    /// Waits for `work`, and not much longer once the servers have said that they do not accept the
    /// credentials: the driver tells that to one of those who wait, and lets the others wait on.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`Error::Refused`] when the credentials are not accepted.
    pub async fn unless_refused<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut refusals = self.refusal.subscribe();
        let refused = async {
            loop {
                let refusal = refusals.borrow_and_update().clone();
                if let Some(error) = refusal {
                    sleep(LAST_ANSWERS).await;
                    return error;
                }
                // The sender lives as long as `self`.
                let _ = refusals.changed().await;
            }
        };
        tokio::select! {
            biased;
            answer = work => answer,
            error = refused => Err(error),
        }
    }

    /// A number for a new client.
    pub fn number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// From now on, the events of this client count, which has reached a server.
    pub fn follow(&self, number: u64) {
        self.current.store(number, Ordering::SeqCst);
        self.refusal.send_replace(None);
        self.trouble.send_replace(None);
    }

    /// Takes note of an event of a client. Answers the new primary, if there was another one.
    pub fn hear(&self, number: u64, event: SdamEvent) -> Option<ServerAddress> {
        let SdamEvent::TopologyDescriptionChanged(event) = event else {
            return None;
        };
        let servers = event.new_description.servers();
        let is_known = |server: &ServerInfo<'_>| server.server_type() != ServerType::Unknown;
        // They are the same servers, whichever client has asked.
        if let Some(server) = servers.values().find(|server| is_known(server)) {
            let takes = server.server_type() != ServerType::Standalone;
            self.takes_numbers.send_replace(Some(takes));
        }
        if number != self.current.load(Ordering::SeqCst) {
            return None;
        }
        let sees = servers.values().any(is_known);
        self.sees.store(sees, Ordering::SeqCst);
        let trouble = if sees {
            None
        } else {
            let mut failures: Vec<String> = servers
                .values()
                .filter_map(|server| {
                    let error = from_driver("connect", server.error()?);
                    Some(format!("{}: {}", server.address(), error.detail()))
                })
                .collect();
            failures.sort_unstable();
            (!failures.is_empty()).then(|| failures.join("; "))
        };
        let refusal = servers.values().find_map(|server| {
            let error = server.error()?;
            let is_refused = matches!(&*error.kind, ErrorKind::Authentication { .. });
            (is_refused && !is_overload(error)).then(|| from_driver("connect", error))
        });
        self.refusal
            .send_replace(refusal.filter(|_| trouble.is_some()));
        self.trouble.send_replace(trouble);
        let is_primary = |server: &&ServerInfo<'_>| server.server_type() == ServerType::RsPrimary;
        let primary = servers.values().find(is_primary)?.address().clone();
        self.follows(primary)
    }

    /// The same server if another one was the primary before.
    fn follows(&self, primary: ServerAddress) -> Option<ServerAddress> {
        let mut known = self.primary.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.replace(primary.clone());
        before.filter(|before| *before != primary).map(|_| primary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failover_is_a_primary_in_the_place_of_another_one() {
        let monitor = Monitor::default();
        let server = |port| ServerAddress::Tcp {
            host: "localhost".to_owned(),
            port: Some(port),
        };
        assert_eq!(monitor.follows(server(1)), None);
        assert_eq!(monitor.follows(server(1)), None);
        assert_eq!(monitor.follows(server(2)), Some(server(2)));
        assert_eq!(monitor.follows(server(2)), None);
        assert_eq!(monitor.follows(server(1)), Some(server(1)));
    }
}
