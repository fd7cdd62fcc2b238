//! What the driver says about its connections, and who is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mongodb::event::cmap::{CmapEvent, ConnectionClosedReason};
use mongodb::options::ServerAddress;

use crate::progress;
use crate::telemetry::{self, ConnectionEvent, Report, Server, Telemetry};

/// The connections to the servers of a deployment, of the present client and of earlier ones.
#[derive(Default)]
pub struct Pool {
    open: AtomicUsize,
    /// The stores that share them.
    stores: Mutex<Vec<Weak<Telemetry>>>,
}

impl Pool {
    /// How many connections there are.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Tells this store about connections as well.
    pub fn join(&self, store: &Arc<Telemetry>) {
        let mut stores = self.stores();
        stores.retain(|store| store.strong_count() > 0);
        stores.push(Arc::downgrade(store));
    }

    /// Takes note of an event. The driver calls this in the task of the command that gets a connection.
    pub fn hear(&self, event: &CmapEvent) {
        match event {
            CmapEvent::ConnectionCheckedOut(event) => {
                progress::sent();
                telemetry::connected(|| server(&event.address));
            }
            CmapEvent::ConnectionCheckoutFailed(event) => {
                self.tell(
                    &event.address,
                    &ConnectionEvent::CheckoutFailed(event.duration),
                );
            }
            CmapEvent::ConnectionCreated(event) => {
                self.open.fetch_add(1, Ordering::Relaxed);
                self.tell(&event.address, &ConnectionEvent::Created);
            }
            CmapEvent::ConnectionReady(event) => {
                self.tell(&event.address, &ConnectionEvent::Ready(event.duration));
            }
            CmapEvent::ConnectionClosed(event) => {
                self.open.fetch_sub(1, Ordering::Relaxed);
                let reason = match event.reason {
                    ConnectionClosedReason::Stale => "stale",
                    ConnectionClosedReason::Idle => "idle",
                    ConnectionClosedReason::Error => "error",
                    ConnectionClosedReason::Dropped => "dropped",
                    ConnectionClosedReason::PoolClosed => "poolClosed",
                    _ => "other",
                };
                self.tell(&event.address, &ConnectionEvent::Closed(reason));
            }
            _ => {}
        }
    }

    /// Tells what has happened with a server or a connection to it, once for each event loop.
    pub fn tell(&self, address: &ServerAddress, event: &ConnectionEvent) {
        let stores: Vec<_> = self.stores().iter().filter_map(Weak::upgrade).collect();
        let mut told = Vec::new();
        for store in stores {
            if !told.contains(&store.thread()) {
                told.push(store.thread());
                let report = Report::Connection(server(address), event.clone());
                store.listener.tell(report);
            }
        }
    }

    /// A panic while the lock was held leaves whole entries behind.
    fn stores(&self) -> MutexGuard<'_, Vec<Weak<Telemetry>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn server(address: &ServerAddress) -> Server {
    /// MongoDB's own, where the connection string names none.
    const PORT: u16 = 27_017;
    match address {
        ServerAddress::Tcp { host, port } => Server {
            host: host.clone(),
            port: Some(port.unwrap_or(PORT)),
        },
        // The path of a socket.
        other => Server {
            host: other.to_string(),
            port: None,
        },
    }
}
