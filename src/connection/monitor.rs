//! What the driver's monitoring of the servers says: whether any of them can be reached.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mongodb::error::ErrorKind;
use mongodb::event::sdam::SdamEvent;
use mongodb::{ServerInfo, ServerType};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{REFUSED, from_driver, is_overload};
use crate::error::{Error, Result};

/// How long commands on connections from before a refused log-in get for their answers.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// Hears the driver's events.
pub struct Monitor {
    trouble: watch::Sender<Option<String>>,
    /// Whether the trouble is that the credentials are not accepted.
    refuses: watch::Sender<bool>,
    /// Whether there is a server that has said what it is.
    sees: AtomicBool,
    /// Whether the servers take transaction numbers, which they do unless they are standalones.
    takes_numbers: watch::Sender<Option<bool>>,
    /// The number of the client whose events count.
    current: AtomicU64,
    last_number: AtomicU64,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            trouble: watch::Sender::new(None),
            refuses: watch::Sender::new(false),
            sees: AtomicBool::new(false),
            takes_numbers: watch::Sender::new(None),
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
        self.sees.load(Ordering::SeqCst) || *self.refuses.borrow()
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
    /// Those of `work`; [`Error::Connection`] when the credentials are not accepted.
    pub async fn unless_refused<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut refuses = self.refuses.subscribe();
        let refusal = async {
            // The sender lives as long as `self`.
            let _ = refuses.wait_for(|refuses| *refuses).await;
            sleep(LAST_ANSWERS).await;
        };
        tokio::select! {
            biased;
            answer = work => answer,
            () = refusal => Err(Error::connection(REFUSED)),
        }
    }

    /// A number for a new client.
    pub fn number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// From now on, the events of this client count, which has reached a server.
    pub fn follow(&self, number: u64) {
        self.current.store(number, Ordering::SeqCst);
        self.refuses.send_replace(false);
        self.trouble.send_replace(None);
    }

    /// Takes note of an event of a client.
    pub fn hear(&self, number: u64, event: SdamEvent) {
        let SdamEvent::TopologyDescriptionChanged(event) = event else {
            return;
        };
        let servers = event.new_description.servers();
        let is_known = |server: &ServerInfo<'_>| server.server_type() != ServerType::Unknown;
        // They are the same servers, whichever client has asked.
        if let Some(server) = servers.values().find(|server| is_known(server)) {
            let takes = server.server_type() != ServerType::Standalone;
            self.takes_numbers.send_replace(Some(takes));
        }
        if number != self.current.load(Ordering::SeqCst) {
            return;
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
        let is_refusal = |server: &ServerInfo<'_>| {
            server.error().is_some_and(|error| {
                matches!(&*error.kind, ErrorKind::Authentication { .. }) && !is_overload(error)
            })
        };
        self.refuses
            .send_replace(trouble.is_some() && servers.values().any(is_refusal));
        self.trouble.send_replace(trouble);
    }
}
