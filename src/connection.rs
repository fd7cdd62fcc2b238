//! The connection to a MongoDB deployment: connection string, client, errors of the driver,
//! shutdown.

use std::time::Duration;

use mongodb::error::{Error as DriverError, ErrorKind, RETRYABLE_ERROR, RETRYABLE_WRITE_ERROR};
use mongodb::event::EventHandler;
use mongodb::event::cmap::CmapEvent;
use mongodb::options::{ClientOptions, ConnectionString, DriverInfo};
use mongodb::{Client, Database};
use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::options::invalid;
use crate::progress;

/// The database of a connection string that names none, as in the official drivers.
const DEFAULT_DATABASE: &str = "test";

/// How long the last connections get for their farewell.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// Options of a connection string that the Node driver knows and the Rust driver refuses. Each is
/// an upper bound on how long an operation may take, which the store's own deadline enforces.
const TIMEOUTS: [&str; 2] = ["sockettimeoutms", "timeoutms"];

/// A client that connects when it is first needed and again whenever it has to.
pub struct Connection {
    uri: ConnectionString,
    client: OnceCell<Client>,
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
        if let Some((address, query)) = uri.split_once('?')
            && query.contains('@')
            && !address.contains('@')
        {
            // What follows the question mark belongs to a password that was not encoded.
            return Err(unusable());
        }
        let (uri, timeout) = take_timeouts(uri)?;
        let uri = ConnectionString::parse(&uri).map_err(|error| refusal(&uri, &error))?;
        Ok(Self {
            uri,
            client: OnceCell::new(),
            timeout,
        })
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
        let open = async {
            let mut options = ClientOptions::parse(self.uri.clone()).await?;
            options.driver_info = Some(
                DriverInfo::builder()
                    .name("mongodb-session-store")
                    .version(env!("CARGO_PKG_VERSION").to_owned())
                    .build(),
            );
            // The driver calls this in the task of the command that gets the connection.
            options.cmap_event_handler = Some(EventHandler::callback(|event| {
                if let CmapEvent::ConnectionCheckedOut(_) = event {
                    progress::sent();
                }
            }));
            Client::with_options(options)
        };
        open.await.map_err(|error| from_driver("connect", &error))
    }

    /// Closes every connection.
    pub async fn close(&self) {
        if let Some(client) = self.client.get() {
            let shutdown = client.clone().shutdown().immediate(true);
            // What the server does not answer in time is cut with the process.
            let _ = tokio::time::timeout(SHUTDOWN, async { shutdown.await }).await;
        }
    }
}

/// Why a connection string is refused. The driver's own text may quote any part of the string, and
/// with it a password; what it is about is said by the name of the option.
fn refusal(uri: &str, error: &DriverError) -> Error {
    let ErrorKind::InvalidArgument { message, .. } = &*error.kind else {
        return unusable();
    };
    let message = message.to_ascii_lowercase();
    let (_, query) = uri.split_once('?').unwrap_or_default();
    let mut options = query.split('&').filter_map(|pair| pair.split('=').next());
    let culprit =
        options.find(|name| !name.is_empty() && message.contains(&name.to_ascii_lowercase()));
    match culprit {
        Some(name) => invalid(
            "uri",
            &format!("has the option '{name}', which is unknown, unsupported or has a bad value"),
        ),
        None => unusable(),
    }
}

fn unusable() -> Error {
    invalid(
        "uri",
        "is not a valid connection string such as mongodb://host:port/database; special characters in a user name, a password or a path must be percent-encoded",
    )
}

/// Takes the [`TIMEOUTS`] out of a connection string and answers the smallest, none being 0.
fn take_timeouts(uri: &str) -> Result<(String, Option<Duration>)> {
    let Some((address, query)) = uri.split_once('?') else {
        return Ok((uri.to_owned(), None));
    };
    let mut timeout: Option<Duration> = None;
    let mut rest = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !TIMEOUTS.contains(&name.to_ascii_lowercase().as_str()) {
            rest.push(pair);
            continue;
        }
        let milliseconds: u64 = value.parse().map_err(|_| {
            invalid(
                "uri",
                &format!("has '{name}', which must be a whole number of milliseconds"),
            )
        })?;
        // 0 means without limit, in both options.
        if milliseconds > 0 {
            let this = Duration::from_millis(milliseconds);
            timeout = Some(timeout.map_or(this, |other| other.min(this)));
        }
    }
    let uri = if rest.is_empty() {
        address.to_owned()
    } else {
        format!("{address}?{}", rest.join("&"))
    };
    Ok((uri, timeout))
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
        ErrorKind::Authentication { .. } => Error::Connection(
            "MongoDB did not accept the credentials in the connection string".to_owned(),
        ),
        ErrorKind::ServerSelection { .. } => {
            Error::Connection("no MongoDB server could be reached".to_owned())
        }
        ErrorKind::DnsResolve { .. } => Error::Connection(
            "the host name in the connection string could not be resolved".to_owned(),
        ),
        ErrorKind::InvalidTlsConfig { .. } => Error::Connection(
            "the TLS options in the connection string cannot be used: a file is missing or is not what it should be".to_owned(),
        ),
        ErrorKind::Io(io) => Error::Connection(format!(
            "the connection to MongoDB broke ({})",
            io.kind()
        )),
        ErrorKind::ConnectionPoolCleared { .. } => {
            Error::Connection("the connection to MongoDB broke".to_owned())
        }
        ErrorKind::IncompatibleServer { .. } => {
            Error::Connection("this version of MongoDB is not supported".to_owned())
        }
        ErrorKind::Shutdown => Error::Closed,
        _ => Error::Connection(format!("MongoDB could not carry out the {operation}")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeouts_of_the_node_driver_bound_operations() {
        let (uri, timeout) =
            take_timeouts("mongodb://h/d?w=majority&socketTimeoutMS=5000&timeoutMS=3000&appName=a")
                .unwrap();
        assert_eq!(uri, "mongodb://h/d?w=majority&appName=a");
        assert_eq!(timeout, Some(Duration::from_secs(3)));
        let (uri, timeout) = take_timeouts("mongodb://h/d?sockettimeoutms=0").unwrap();
        assert_eq!((uri.as_str(), timeout), ("mongodb://h/d", None));
        assert!(take_timeouts("mongodb://h/d?timeoutMS=soon").is_err());
    }

    #[test]
    fn a_bad_connection_string_is_refused_without_being_repeated() {
        for uri in [
            "localhost",
            "mongodb://me:secret@",
            "mongodb://me:secret@h/d?w=x&nonsense=1",
            "http://me:secret@h",
            "mongodb://me:secret",
            "mongodb://h/?authMechanism=secret",
        ] {
            let message = Connection::new(uri).err().map(|error| error.to_string());
            let message = message.unwrap_or_else(|| panic!("{uri} was accepted"));
            assert!(message.contains("'uri'"), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
