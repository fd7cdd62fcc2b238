//! Which stores share connections: those of a process whose addresses lead to the same servers in
//! the same way.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::event::EventHandler;
use mongodb::options::{ClientOptions, DriverInfo};
use mongodb::{Client, ClientSession};
use tokio::time::timeout;

use super::monitor::Monitor;
use super::pool::Pool;
use super::uri::Uri;
use super::{from_driver, tls};
use crate::error::Result;
use crate::telemetry::{ConnectionEvent, Telemetry};

/// How long the last connections get for their farewell.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// How many logical sessions are kept out of use. Who has more of them has given up the command of the
/// oldest one long ago.
const MOST_ABANDONED: usize = 100;

/// The servers of a deployment, by a client of the driver.
pub struct Servers {
    /// The driver's client, and the number by which the monitor knows it.
    current: Mutex<(Client, u64)>,
    /// Hears what the driver finds out about the servers.
    pub monitor: Arc<Monitor>,
    /// Logical sessions of the present client that are not to be used again.
    abandoned: Mutex<VecDeque<ClientSession>>,
    /// Hears what becomes of connections.
    pub pool: Arc<Pool>,
    /// How many stores use them; changes only while [`OPEN`] is locked.
    users: AtomicUsize,
}

impl Servers {
    /// The client whose connections serve at present.
    pub fn client(&self) -> Client {
        self.current().0.clone()
    }

    /// Puts a new client in the place of the present one, if `answers` says that it works. What is
    /// under way stays with the old one.
    ///
    /// # Errors
    ///
    /// Those of `answers`; [`Error::Connection`](crate::error::Error::Connection) when the name of the
    /// deployment cannot be resolved.
    pub async fn renew(
        &self,
        uri: &Uri,
        answers: impl AsyncFnOnce(&Client) -> Result<()>,
    ) -> Result<()> {
        let (_, old) = *self.current();
        let number = self.monitor.number();
        let client = connect(uri, &self.monitor, &self.pool, number).await?;
        answers(&client).await?;
        let mut current = self.current();
        // Another store may have been faster.
        if current.1 == old {
            *current = (client, number);
            self.monitor.follow(number);
            // Nothing new is sent by the old client.
            self.abandoned().clear();
        }
        Ok(())
    }

    /// Keeps a logical session from being used again.
    pub fn abandon(&self, session: ClientSession) {
        let mut abandoned = self.abandoned();
        if abandoned.len() == MOST_ABANDONED {
            abandoned.pop_front();
        }
        abandoned.push_back(session);
    }

    /// A panic while the lock was held leaves whole sessions behind.
    fn abandoned(&self) -> MutexGuard<'_, VecDeque<ClientSession>> {
        self.abandoned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic while the lock was held leaves a whole client behind.
    fn current(&self) -> MutexGuard<'_, (Client, u64)> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Servers by the fingerprint of what led to them.
type Open = HashMap<[u8; 32], Arc<Servers>>;

static OPEN: LazyLock<Mutex<Open>> = LazyLock::new(Mutex::default);

/// A panic while the lock was held leaves whole entries behind.
fn open() -> MutexGuard<'static, Open> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The servers that an address leads to; a store is told about their connections.
///
/// # Errors
///
/// [`Error::Connection`](crate::error::Error::Connection) when the name of the deployment cannot be
/// resolved.
pub async fn servers(uri: &Uri, telemetry: Option<&Arc<Telemetry>>) -> Result<Arc<Servers>> {
    let servers = shared(uri).await?;
    if let Some(telemetry) = telemetry {
        servers.pool.join(telemetry);
    }
    Ok(servers)
}

async fn shared(uri: &Uri) -> Result<Arc<Servers>> {
    let fingerprint = uri.fingerprint();
    if let Some(servers) = join(&open(), &fingerprint) {
        return Ok(servers);
    }
    let monitor = Arc::<Monitor>::default();
    let number = monitor.number();
    let pool = Arc::<Pool>::default();
    let client = connect(uri, &monitor, &pool, number).await?;
    monitor.follow(number);
    let servers = Arc::new(Servers {
        current: Mutex::new((client, number)),
        monitor,
        pool,
        abandoned: Mutex::default(),
        users: AtomicUsize::new(0),
    });
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

async fn connect(
    uri: &Uri,
    monitor: &Arc<Monitor>,
    pool: &Arc<Pool>,
    number: u64,
) -> Result<Client> {
    let parsed = ClientOptions::parse(uri.driver.clone()).await;
    let mut options =
        parsed.map_err(|error| from_driver("connect", &error).because(uri.srv_name()))?;
    options.driver_info = Some(
        DriverInfo::builder()
            .name("mongodb-session-store")
            .version(env!("CARGO_PKG_VERSION").to_owned())
            .build(),
    );
    // What is refused for the load is sent again by `pressure.rs`, which has the whole store wait.
    options.max_adaptive_retries = Some(0);
    options.server_api.clone_from(&uri.server_api);
    let (monitor, told) = (monitor.clone(), pool.clone());
    let handler = EventHandler::callback(move |event| {
        if let Some(primary) = monitor.hear(number, event) {
            told.tell(&primary, &ConnectionEvent::Primary);
        }
    });
    options.sdam_event_handler = Some(handler);
    let pool = pool.clone();
    options.cmap_event_handler = Some(EventHandler::callback(move |event| pool.hear(&event)));
    // Kept until the driver has read it.
    let _trusted = tls::prepare(&mut options)?;
    Client::with_options(options).map_err(|error| from_driver("connect", &error))
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
    servers.abandoned().clear();
    let shutdown = servers.client().shutdown().immediate(true);
    // What the server does not answer in time is cut with the process.
    let _ = timeout(SHUTDOWN, async { shutdown.await }).await;
}
