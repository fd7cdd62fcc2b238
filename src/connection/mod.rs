//! The connection to a MongoDB deployment, and the errors of the driver. What a connection
//! string means is in `uri.rs` and `query.rs`, what each of its options does in `option.rs`, whom TLS
//! trusts in `tls.rs`, which stores share connections in `shared.rs`, and what the driver finds out
//! about the servers in `monitor.rs` and about its connections in `pool.rs`. How much they take at present
//! is in `pressure.rs`.

mod diagnosis;
mod monitor;
mod option;
mod pool;
mod pressure;
mod query;
mod refusal;
mod shared;
mod tls;
mod uri;

use std::error::Error as _;
use std::future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mongodb::error::{Error as DriverError, ErrorKind, RETRYABLE_ERROR, RETRYABLE_WRITE_ERROR};
use mongodb::{ClientSession, Database};
use tokio::sync::{OnceCell, SetOnce};

pub use self::pressure::{
    BASE_PAUSE, Pressure, Turn, is_overload, is_overload_code, pause_before_connecting,
};
pub use self::shared::Servers;
pub use self::uri::Uri;
use crate::error::{Error, Result};
use crate::options::Address;
use crate::telemetry::{Describe, Failure, Telemetry};

/// The server's code for a log-in that failed, and its name.
const AUTHENTICATION_FAILED: (i32, &str) = (18, "AuthenticationFailed");

/// The server's codes for a command that declares a version of its API which it does not know, and for one
/// that declares none where it has to.
const API_VERSION_ERRORS: [i32; 2] = [322, 498_870];

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

/// What an error of the driver means to the caller of `operation`. The driver's and the server's
/// texts may quote the command, and so session ids; none of them is carried over.
#[must_use]
pub fn from_driver(operation: &'static str, error: &DriverError) -> Error {
    if is_overload(error) {
        return pressure::overloaded(operation, error);
    }
    match &*error.kind {
        ErrorKind::Command(command) => Error::Server {
            operation,
            code: command.code,
            code_name: command.code_name.clone(),
            labels: error.labels().iter().cloned().collect(),
            conflict: None,
            explanation: API_VERSION_ERRORS.contains(&command.code).then(|| {
                "The server wants commands to declare a version, see 'driverOptions.serverApi'"
                    .into()
            }),
        },
        ErrorKind::Authentication { .. } => not_accepted(error),
        ErrorKind::ServerSelection { .. } => {
            Error::connection("no MongoDB server could be reached")
        }
        ErrorKind::DnsResolve { .. } => {
            Error::connection("the host name in the connection string could not be resolved")
        }
        ErrorKind::InvalidArgument { message, .. } if message.contains("replicaSet") => {
            Error::connection(
                "the server does not belong to the replica set that 'replicaSet' names; for a direct connection leave that out",
            )
        }
        // Only here with SRV: anything else was refused when the store was made.
        ErrorKind::InvalidArgument { .. } => Error::connection(
            "the connection string does not go with the DNS records of its host name",
        ),
        ErrorKind::ProxyConnect { .. } => {
            Error::connection("the SOCKS5 proxy did not lead to a MongoDB server")
        }
        ErrorKind::InvalidTlsConfig { .. } => Error::connection(
            "the client certificate cannot be used: 'tlsCertificateKeyFilePassword' is wrong, or 'tlsCertificateKeyFile' does not hold a certificate and its private key",
        ),
        ErrorKind::Io(io) => Error::Connection {
            message: "the connection to MongoDB broke".into(),
            cause: Some(io.to_string()),
        },
        ErrorKind::ConnectionPoolCleared { .. } => Error::Connection {
            message: "the connection to MongoDB broke".into(),
            cause: Some("another connection to the same server has failed".to_owned()),
        },
        ErrorKind::IncompatibleServer { message, .. } if message.contains("load balanc") => {
            Error::connection(
                "the server is not behind a load balancer that MongoDB knows of, as 'loadBalanced' says; leave that out",
            )
        }
        ErrorKind::IncompatibleServer { .. } => {
            Error::connection("this version of MongoDB is not supported")
        }
        ErrorKind::Shutdown => Error::Closed,
        ErrorKind::InvalidResponse { .. } | ErrorKind::BsonDeserialization(_)
            if operation == "connect" =>
        {
            Error::connection("what answers there is no MongoDB server")
        }
        _ => Error::connection(format!("MongoDB could not carry out the {operation}")),
    }
}

impl Describe for DriverError {
    fn failure(&self) -> Failure {
        let server_code = match &*self.kind {
            ErrorKind::Command(command) => Some((command.code, command.code_name.clone())),
            _ => None,
        };
        Failure {
            code: from_driver("command", self).code(),
            server_code,
        }
    }
}

/// What the user is told of a log-in that failed, with the code of the server's reply if the driver has
/// passed it on.
fn not_accepted(error: &DriverError) -> Error {
    let reply = error.source().and_then(|source| source.downcast_ref());
    let command = match reply.map(|reply: &DriverError| &*reply.kind) {
        Some(ErrorKind::Command(command)) => Some(command),
        _ => None,
    };
    let (code, code_name) = command.map_or(AUTHENTICATION_FAILED, |command| {
        (command.code, command.code_name.as_str())
    });
    Error::Refused {
        code,
        code_name: code_name.to_owned(),
        database: None,
        cause: None,
    }
}

/// Whether the same command may succeed when it is sent once more: the connection broke, or the
/// server says that it is stepping down or shutting down.
#[must_use]
pub fn is_retryable(error: &DriverError) -> bool {
    if error.contains_label(RETRYABLE_WRITE_ERROR) || error.contains_label(RETRYABLE_ERROR) {
        return true;
    }
    match &*error.kind {
        ErrorKind::Command(command) => {
            is_retryable_code(command.code) || is_overload_code(command.code)
        }
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } => true,
        _ => false,
    }
}

/// Whether an error says that the server has refused the command before it did anything.
#[must_use]
pub fn is_untouched(error: &DriverError) -> bool {
    // Not the primary, in the words of different commands; or too much to do.
    const CODES: [i32; 3] = [10_107, 13_435, 13_436];
    const LABEL: &str = "NoWritesPerformed";
    let refuses = |code| CODES.contains(&code) || is_overload_code(code);
    error.contains_label(LABEL)
        || matches!(&*error.kind, ErrorKind::Command(command) if refuses(command.code))
}

/// Whether a command that has failed so may succeed later without anybody mending anything.
#[must_use]
pub fn is_passing(error: &Error) -> bool {
    match error {
        Error::Connection { .. } | Error::Refused { .. } | Error::Overloaded { .. } => true,
        Error::OutcomeUnknown(error) => is_passing(error),
        Error::Server { code, .. } => is_retryable_code(*code),
        _ => false,
    }
}

/// Whether a write that has failed so has changed nothing because the server refused it. Not so where the
/// server may have carried it out and could not replicate it in time.
#[must_use]
pub fn was_refused(error: &Error) -> bool {
    // MaxTimeMSExpired, WriteConcernFailed, UnknownReplWriteConcern, UnsatisfiableWriteConcern, Interrupted.
    const UNCLEAR: [i32; 5] = [50, 64, 79, 100, 11_601];
    match error {
        Error::Server { code, .. } => !UNCLEAR.contains(code) && !is_passing(error),
        _ => false,
    }
}

/// Whether a server that answers with this code is stepping down, shutting down or cut off. The
/// codes are those of the driver specification "Retryable Reads", section "Retryable Error".
#[must_use]
pub fn is_retryable_code(code: i32) -> bool {
    const CODES: [i32; 13] = [
        6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436,
    ];
    CODES.contains(&code)
}
