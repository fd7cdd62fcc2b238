//! The connection to a MongoDB deployment. What a connection string means is in `uri.rs` and `query.rs`,
//! what each of its options does in `option.rs`, whom TLS trusts in `tls.rs`, which stores share connections
//! in `shared.rs`, and what the driver finds out about the servers in `monitor.rs` and about its connections
//! in `pool.rs`. How much they take at present is in `pressure.rs`, what its errors mean in `failure.rs`.

mod diagnosis;
mod failure;
mod monitor;
mod option;
mod pool;
mod pressure;
mod query;
mod refusal;
mod shared;
mod tls;
mod uri;

use std::future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mongodb::{ClientSession, Database};
use tokio::sync::{OnceCell, SetOnce};

pub use self::failure::{
    from_driver, is_ended_build, is_ended_code, is_overtaken, is_overtaken_code, is_passing,
    is_retryable, is_retryable_code, is_untouched, was_refused,
};
pub use self::pressure::{
    BASE_PAUSE, Pressure, Turn, is_overload, is_overload_code, pause_before_connecting,
};
pub use self::shared::Servers;
pub use self::uri::Uri;
use crate::error::{Error, Result};
use crate::options::Address;
use crate::telemetry::Telemetry;

/// The server's code for a command that the user may not send.
const UNAUTHORIZED: i32 = 13;

/// The way to a MongoDB deployment. It is taken when it is first needed, and again whenever it has to.
pub struct Connection {
    /// Not there yet if the application still has to say where the deployment is.
    uri: SetOnce<Result<Uri>>,
    /// What leads to the same servers in the same way is shared, see `shared.rs`.
    servers: OnceCell<Arc<Servers>>,
    pressure: Arc<Pressure>,
    is_closed: AtomicBool,
    /// Who is told about connections.
    telemetry: OnceLock<Arc<Telemetry>>,
}

impl Connection {
    /// Reads an address. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] that says what is wrong and does not repeat the connection string,
    /// which may hold a password.
    pub fn new(address: &Address) -> Result<Self> {
        let connection = Self::later();
        connection.lead_to(Ok(Uri::parse(address)?));
        Ok(connection)
    }

    /// A connection whose address is told later, by [`lead_to`](Self::lead_to).
    #[must_use]
    pub fn later() -> Self {
        Self {
            uri: SetOnce::new(),
            servers: OnceCell::new(),
            pressure: Arc::default(),
            is_closed: AtomicBool::new(false),
            telemetry: OnceLock::new(),
        }
    }

    /// Tells a store about its connections, from the beginning.
    pub fn tell(&self, telemetry: Arc<Telemetry>) {
        let _ = self.telemetry.set(telemetry);
    }

    /// Tells where the deployment is, or why that will never be known. Only the first time counts.
    pub fn lead_to(&self, uri: Result<Uri>) {
        let _ = self.uri.set(uri);
    }

    async fn uri(&self) -> Result<&Uri> {
        self.uri.wait().await.as_ref().map_err(Clone::clone)
    }

    /// The smallest of the timeouts in the connection string that bound an operation.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.uri.get()?.as_ref().ok()?.timeout
    }

    /// How long the driver looks for a server, if the connection string says so. Waits for the address.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] when the address turns out to be of no use.
    pub async fn server_selection_timeout(&self) -> Result<Option<Duration>> {
        Ok(self.uri().await?.driver.server_selection_timeout)
    }

    /// Whether a read that has failed may be sent again, the option `retryReads`.
    #[must_use]
    pub fn retries_reads(&self) -> bool {
        self.known(|uri| uri.driver.retry_reads) != Some(false)
    }

    /// Whether a write that has failed may be sent again, the option `retryWrites`.
    #[must_use]
    pub fn retries_writes(&self) -> bool {
        self.known(|uri| uri.driver.retry_writes) != Some(false)
    }

    /// How often a command may be sent again that was refused for the load of the server, the option
    /// `maxAdaptiveRetries`.
    #[must_use]
    pub fn retries_under_load(&self) -> u32 {
        let most = self.known(|uri| uri.driver.max_adaptive_retries);
        most.unwrap_or(pressure::RETRIES)
    }

    /// How much the servers take at present.
    #[must_use]
    pub fn pressure(&self) -> &Arc<Pressure> {
        &self.pressure
    }

    /// How many connections there may be to a server, the option `maxPoolSize`.
    #[must_use]
    pub fn connections(&self) -> usize {
        let most = self.known(|uri| uri.driver.max_pool_size);
        most.map_or(1, |most| most as usize)
    }

    /// How many connections there are at present, to all servers and of all stores that share them.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        let servers = self.servers.get();
        servers.map_or(0, |servers| servers.pool.open())
    }

    /// The name of the database, as soon as it is known.
    #[must_use]
    pub fn database_name(&self) -> Option<String> {
        self.known(|uri| Some(uri.database.clone()))
    }

    /// The servers that the connection string names, as soon as it is known.
    #[must_use]
    pub fn endpoints(&self) -> Option<Vec<String>> {
        self.known(|uri| Some(uri.endpoints()))
    }

    fn known<T>(&self, what: impl Fn(&Uri) -> Option<T>) -> Option<T> {
        what(self.uri.get()?.as_ref().ok()?)
    }

    /// The database in which the sessions are.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when the name of the deployment cannot be resolved,
    /// [`Error::InvalidOption`] when the address turns out to be of no use.
    pub async fn database(&self) -> Result<Database> {
        let uri = self.uri().await?;
        let servers = self.servers(uri).await?;
        Ok(servers.client().database(&uri.database))
    }

    /// The servers with which this connection is shared, and the name of the database.
    ///
    /// # Errors
    ///
    /// Those of [`database`](Self::database).
    pub async fn place(&self) -> Result<(Arc<Servers>, String)> {
        let uri = self.uri().await?;
        let servers = self.servers(uri).await?;
        Ok((servers.clone(), uri.database.clone()))
    }

    /// Opens new connections, which serve what is called later if `answers` says that they work.
    ///
    /// # Errors
    ///
    /// Those of [`database`](Self::database) and of `answers`.
    pub async fn renew(&self, answers: impl AsyncFnOnce(Database) -> Result<()>) -> Result<()> {
        let uri = self.uri().await?;
        let servers = self.servers(uri).await?;
        servers
            .renew(uri, async |client| {
                answers(client.database(&uri.database)).await
            })
            .await
    }

    async fn servers(&self, uri: &Uri) -> Result<&Arc<Servers>> {
        let telemetry = self.telemetry.get();
        self.servers
            .get_or_try_init(|| shared::servers(uri, telemetry))
            .await
    }

    /// Why no server can be reached, while that is so. Names hosts, and nothing secret.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let monitor = &self.servers.get()?.monitor;
        // The driver says nothing about a server that it leaves out for this.
        let is_left_out = || {
            let name = self.known(|uri| uri.driver.replica_set.clone())?;
            (!monitor.sees_server()).then(|| {
                format!("no server that answered belongs to a replica set of the name '{name}'")
            })
        };
        monitor.trouble().or_else(is_left_out)
    }

    /// The same error with what the address says about it: in which database the user is, or what the
    /// user may lack.
    #[must_use]
    pub fn explain(&self, mut error: Error) -> Error {
        let Some(Ok(uri)) = self.uri.get() else {
            return error;
        };
        match &mut error {
            Error::Refused { database, .. } if database.is_none() => {
                *database = uri.user_database();
            }
            Error::Server {
                code: UNAUTHORIZED,
                explanation,
                ..
            } => *explanation = Some(uri.missing_right().into()),
            Error::OutcomeUnknown(unknown) => **unknown = self.explain((**unknown).clone()),
            _ => {}
        }
        error
    }

    /// Whether a server can be reached, as far as is known, even if only to refuse the credentials.
    #[must_use]
    pub fn sees_server(&self) -> bool {
        let servers = self.servers.get();
        servers.is_some_and(|servers| servers.monitor.sees_server())
    }

    /// Whether the servers take transaction numbers, by which they know a write that comes again: a
    /// replica set and a sharded cluster do, a standalone does not. None until one has answered.
    #[must_use]
    pub fn takes_numbers(&self) -> Option<bool> {
        self.servers.get()?.monitor.takes_numbers()
    }

    /// The same, as soon as it is known. To be asked once a server has answered.
    pub async fn learn_takes_numbers(&self) -> bool {
        match self.servers.get() {
            Some(servers) => servers.monitor.learn_takes_numbers().await,
            None => future::pending().await,
        }
    }

    /// Keeps a logical session out of use whose last command may go on at the server, where the next
    /// one with a transaction number would have to wait for it.
    pub fn abandon(&self, session: ClientSession) {
        if let Some(servers) = self.servers.get() {
            servers.abandon(session);
        }
    }

    /// Returns when the last server that could be reached is gone.
    pub async fn lost(&self) {
        match self.servers.get() {
            Some(servers) => servers.monitor.lost().await,
            // Nothing was reached yet.
            None => future::pending().await,
        }
    }

    /// Waits for `work`, which needs a [`database`](Self::database), and not much longer once the
    /// servers have said that they do not accept the credentials.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`Error::Refused`] when the credentials are not accepted.
    pub async fn unless_refused<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match self.servers.get() {
            Some(servers) => servers.monitor.unless_refused(work).await,
            None => work.await,
        }
    }

    /// Closes the connections, unless other stores need them. Once is enough.
    pub async fn close(&self) {
        if let Some(servers) = self.servers.get()
            && !self.is_closed.swap(true, Ordering::Relaxed)
        {
            shared::leave(servers).await;
        }
    }
}
