//! The connection to a MongoDB deployment: client, errors of the driver, shutdown. What a connection
//! string means is in `uri.rs` and `query.rs`, what each of its options does in `option.rs`, and whom
//! TLS trusts in `tls.rs`.

mod option;
mod query;
mod tls;
mod uri;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::error::{Error as DriverError, ErrorKind, RETRYABLE_ERROR, RETRYABLE_WRITE_ERROR};
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ClientOptions, ConnectionString, DriverInfo};
use mongodb::{Client, Database, ServerInfo, ServerType};
use tokio::sync::{Notify, OnceCell, watch};
use tokio::time::{sleep, timeout};

use self::uri::Uri;
use crate::error::{Error, Result};

/// The database of a connection string that names none, as in the official drivers.
const DEFAULT_DATABASE: &str = "test";

/// How long the last connections get for their farewell.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// How long commands on connections from before a refused log-in get for their answers.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What the user is told of a log-in that failed.
const REFUSED: &str = "MongoDB did not accept the credentials in the connection string";

/// A client that connects when it is first needed and again whenever it has to.
pub struct Connection {
    uri: ConnectionString,
    client: OnceCell<Client>,
    /// Hears what the driver finds out about the servers.
    pub monitor: Arc<Monitor>,
    /// The smallest of the timeouts in the connection string that bound an operation.
    pub timeout: Option<Duration>,
}

impl Connection {
    /// Reads a connection string. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] that says what is wrong and does not repeat the string, which may
    /// hold a password.
    pub fn new(uri: &str) -> Result<Self> {
        let Uri { driver, timeout } = Uri::parse(uri)?;
        Ok(Self {
            uri: driver,
            client: OnceCell::new(),
            monitor: Arc::default(),
            timeout,
        })
    }

    /// Whether a read that has failed may be sent again, the option `retryReads`.
    #[must_use]
    pub fn retries_reads(&self) -> bool {
        self.uri.retry_reads != Some(false)
    }

    /// Whether a write that has failed may be sent again, the option `retryWrites`.
    #[must_use]
    pub fn retries_writes(&self) -> bool {
        self.uri.retry_writes != Some(false)
    }

    /// The database that the connection string names.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`] when the name of the deployment cannot be resolved.
    pub async fn database(&self) -> Result<Database> {
        let client = self.client.get_or_try_init(|| self.open()).await?;
        let name = self.uri.default_database.as_deref();
        Ok(client.database(name.unwrap_or(DEFAULT_DATABASE)))
    }

    async fn open(&self) -> Result<Client> {
        let parsed = ClientOptions::parse(self.uri.clone()).await;
        let mut options = parsed.map_err(|error| from_driver("connect", &error))?;
        options.driver_info = Some(
            DriverInfo::builder()
                .name("mongodb-session-store")
                .version(env!("CARGO_PKG_VERSION").to_owned())
                .build(),
        );
        let monitor = self.monitor.clone();
        let handler = EventHandler::callback(move |event| monitor.hear(event));
        options.sdam_event_handler = Some(handler);
        // Kept until the driver has read it.
        let _trusted = tls::prepare(&mut options)?;
        Client::with_options(options).map_err(|error| from_driver("connect", &error))
    }

    /// Closes every connection.
    pub async fn close(&self) {
        if let Some(client) = self.client.get() {
            let shutdown = client.clone().shutdown().immediate(true);
            // What the server does not answer in time is cut with the process.
            let _ = timeout(SHUTDOWN, async { shutdown.await }).await;
        }
    }
}

/// What the driver's monitoring of the servers says: whether any of them can be reached.
#[derive(Default)]
pub struct Monitor {
    trouble: Mutex<Option<String>>,
    lost: Notify,
    /// Whether the trouble is that the credentials are not accepted.
    refuses: watch::Sender<bool>,
}

impl Monitor {
    /// Why no server can be reached, while that is so. Names hosts, and nothing secret.
    pub fn trouble(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Returns when the last server that could be reached is gone.
    pub async fn lost(&self) {
        self.lost.notified().await;
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

    fn hear(&self, event: SdamEvent) {
        let SdamEvent::TopologyDescriptionChanged(event) = event else {
            return;
        };
        let servers = event.new_description.servers();
        let is_known = |server: &ServerInfo<'_>| server.server_type() != ServerType::Unknown;
        let trouble = if servers.values().any(is_known) {
            None
        } else {
            servers.values().find_map(|server| {
                let error = from_driver("connect", server.error()?);
                Some(format!("{}: {}", server.address(), error.detail()))
            })
        };
        let is_refusal = |server: &ServerInfo<'_>| {
            let kind = server.error().map(|error| &*error.kind);
            matches!(kind, Some(ErrorKind::Authentication { .. }))
        };
        let is_lost = trouble.is_some();
        self.refuses
            .send_replace(is_lost && servers.values().any(is_refusal));
        let was_lost = std::mem::replace(&mut *self.lock(), trouble).is_some();
        if is_lost && !was_lost {
            self.lost.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an error of the driver means to the caller of `operation`. The driver's and the server's
/// texts may quote the command, and so session ids; none of them is carried over.
#[must_use]
pub fn from_driver(operation: &'static str, error: &DriverError) -> Error {
    match &*error.kind {
        ErrorKind::Command(command) => Error::Server {
            operation,
            code: command.code,
            code_name: command.code_name.clone(),
            labels: error.labels().iter().cloned().collect(),
        },
        ErrorKind::Authentication { .. } => Error::connection(REFUSED),
        ErrorKind::ServerSelection { .. } => {
            Error::connection("no MongoDB server could be reached")
        }
        ErrorKind::DnsResolve { .. } => {
            Error::connection("the host name in the connection string could not be resolved")
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
        ErrorKind::ConnectionPoolCleared { .. } => {
            Error::connection("the connection to MongoDB broke")
        }
        ErrorKind::IncompatibleServer { .. } => {
            Error::connection("this version of MongoDB is not supported")
        }
        ErrorKind::Shutdown => Error::Closed,
        _ => Error::connection(format!("MongoDB could not carry out the {operation}")),
    }
}

/// Whether the same command may succeed when it is sent once more: the connection broke, or the
/// server says that it is stepping down or shutting down. The codes are those of the driver
/// specification "Retryable Reads", section "Retryable Error".
#[must_use]
pub fn is_retryable(error: &DriverError) -> bool {
    const CODES: [i32; 13] = [
        6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436,
    ];
    if error.contains_label(RETRYABLE_WRITE_ERROR) || error.contains_label(RETRYABLE_ERROR) {
        return true;
    }
    match &*error.kind {
        ErrorKind::Command(command) => CODES.contains(&command.code),
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } => true,
        _ => false,
    }
}
