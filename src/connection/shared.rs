//! Which stores share connections: those of a process whose addresses lead to the same servers in
//! the same way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::Client;
use mongodb::event::EventHandler;
use mongodb::options::{ClientOptions, DriverInfo};
use tokio::time::timeout;

use super::monitor::Monitor;
use super::uri::Uri;
use super::{from_driver, tls};
use crate::error::Result;

/// How long the last connections get for their farewell.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// The servers of a deployment, by a client of the driver.
pub struct Servers {
    /// The driver's client.
    pub client: Client,
    /// Hears what the driver finds out about the servers.
    pub monitor: Arc<Monitor>,
    /// How many stores use them; changes only while [`OPEN`] is locked.
    users: AtomicUsize,
}

/// Servers by the fingerprint of what led to them.
type Open = HashMap<[u8; 32], Arc<Servers>>;

static OPEN: LazyLock<Mutex<Open>> = LazyLock::new(Mutex::default);

/// A panic while the lock was held leaves whole entries behind.
fn open() -> MutexGuard<'static, Open> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The servers that an address leads to.
///
/// # Errors
///
/// [`Error::Connection`](crate::error::Error::Connection) when the name of the deployment cannot be
/// resolved.
pub async fn servers(uri: &Uri) -> Result<Arc<Servers>> {
    let fingerprint = uri.fingerprint();
    if let Some(servers) = join(&open(), &fingerprint) {
        return Ok(servers);
    }
    let servers = Arc::new(connect(uri).await?);
    let mut open = open();
    // Another store may have been faster.
    if let Some(servers) = join(&open, &fingerprint) {
        return Ok(servers);
    }
    servers.users.store(1, Ordering::Relaxed);
    open.insert(fingerprint, servers.clone());
    Ok(servers)
}

fn join(open: &Open, fingerprint: &[u8; 32]) -> Option<Arc<Servers>> {
    let servers = open.get(fingerprint)?.clone();
    servers.users.fetch_add(1, Ordering::Relaxed);
    Some(servers)
}

async fn connect(uri: &Uri) -> Result<Servers> {
    let parsed = ClientOptions::parse(uri.driver.clone()).await;
    let mut options = parsed.map_err(|error| from_driver("connect", &error))?;
    options.driver_info = Some(
        DriverInfo::builder()
            .name("mongodb-session-store")
            .version(env!("CARGO_PKG_VERSION").to_owned())
            .build(),
    );
    let monitor = Arc::<Monitor>::default();
    let hears = monitor.clone();
    let handler = EventHandler::callback(move |event| hears.hear(event));
    options.sdam_event_handler = Some(handler);
    // Kept until the driver has read it.
    let _trusted = tls::prepare(&mut options)?;
    let client = Client::with_options(options).map_err(|error| from_driver("connect", &error))?;
    Ok(Servers {
        client,
        monitor,
        users: AtomicUsize::new(0),
    })
}

/// Ends the use of servers by one store; the last one closes the connections.
pub async fn leave(servers: &Arc<Servers>) {
    {
        let mut open = open();
        if servers.users.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        open.retain(|_, others| !Arc::ptr_eq(others, servers));
    }
    let shutdown = servers.client.clone().shutdown().immediate(true);
    // What the server does not answer in time is cut with the process.
    let _ = timeout(SHUTDOWN, async { shutdown.await }).await;
}
