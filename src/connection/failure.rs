//! What an error of the driver or the server means: to the caller of an operation, and for whether a command
//! may be sent once more.

use std::error::Error as _;

use mongodb::error::{Error as DriverError, ErrorKind, RETRYABLE_ERROR, RETRYABLE_WRITE_ERROR};

use super::pressure::{self, is_overload, is_overload_code};
use crate::error::Error;
use crate::telemetry::{Describe, Failure};

/// The server's code for a log-in that failed, and its name.
const AUTHENTICATION_FAILED: (i32, &str) = (18, "AuthenticationFailed");

/// The server's codes for a command that declares a version of its API which it does not know, and for one
/// that declares none where it has to.
const API_VERSION_ERRORS: [i32; 2] = [322, 498_870];

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
        Error::Server { code, .. } => {
            is_retryable_code(*code) || is_overtaken_code(*code) || OF_SHARDS.contains(code)
        }
        _ => false,
    }
}

/// What a router says that has waited in vain for a shard: `FailedToSatisfyReadPreference` and
/// `NetworkInterfaceExceededTimeLimit`.
const OF_SHARDS: [i32; 2] = [133, 202];

/// Whether a server that answers with this code has given up a command or a statement for what else goes on at
/// that moment: a drop of the collection, the database or an index, other writers, a shard that moves. Sent
/// once more, it meets what is there then.
#[must_use]
pub fn is_overtaken_code(code: i32) -> bool {
    // WriteConflict, StaleEpoch, QueryPlanKilled, DatabaseDropPending, StaleDbVersion,
    // ShardCannotRefreshDueToLocksHeld, TemporarilyUnavailable, StaleConfig.
    const CODES: [i32; 8] = [112, 150, 175, 215, 249, 343, 365, 13_388];
    CODES.contains(&code)
}

/// The same of an error of the driver.
#[must_use]
pub fn is_overtaken(error: &DriverError) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if is_overtaken_code(command.code))
}

/// Whether a server that answers with this code has ended the command from outside, for its time, for an operator
/// or for its own sake. What was carried out by then is not known.
#[must_use]
pub fn is_ended_code(code: i32) -> bool {
    // LockTimeout, MaxTimeMSExpired, CursorKilled, ClientDisconnect, TransactionExceededLifetimeLimitSeconds,
    // InterruptedDueToStorageChange, Interrupted, ClientMarkedKilled.
    const CODES: [i32; 8] = [24, 50, 237, 279, 290, 355, 11_601, 46_841];
    CODES.contains(&code)
}

/// Whether an index could not be created for what happens to its collection at that moment, and not for what
/// it is: a drop ends the builds, so does whoever ends all commands, and Amazon `DocumentDB` builds one at a
/// time.
#[must_use]
pub fn is_ended_build(error: &Error) -> bool {
    // NamespaceNotFound, ConflictingOperationInProgress, IndexBuildAborted, Interrupted, and
    // IndexBuildInProgress.
    const CODES: [i32; 5] = [26, 117, 276, 11_601, 40_333];
    matches!(error, Error::Server { code, .. } if CODES.contains(code) || is_overtaken_code(*code))
}

/// Whether a write that has failed so has changed nothing because the server refused it. Not so where the
/// server may have carried it out and could not replicate it in time.
#[must_use]
pub fn was_refused(error: &Error) -> bool {
    // WriteConcernFailed, UnknownReplWriteConcern, UnsatisfiableWriteConcern.
    const UNCLEAR: [i32; 3] = [64, 79, 100];
    match error {
        // Of a whole command it is told as an unknown outcome, and a statement is undone with it.
        Error::Server { code, .. } if is_overtaken_code(*code) => true,
        Error::Server { code, .. } => {
            !UNCLEAR.contains(code) && !is_ended_code(*code) && !is_passing(error)
        }
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
