//! The one error type of the crate.
//!
//! Messages name what was wrong or waited for. They never hold a session id, a value of a session
//! or a credential: whatever the server or the driver says about a command may quote the command,
//! so only its numeric code, its code name and its labels are carried over.

use std::time::Duration;

/// Everything that can go wrong in the store. Few variants, each one that a caller can act on.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option is missing, unknown, ill-typed or out of range.
    #[error("{0}")]
    InvalidOption(String),
    /// No server could be reached, or the connection broke.
    #[error("{0}")]
    Connection(String),
    /// The deadline of the operation passed. The outcome of a write is then unknown.
    #[error("{operation} timed out after {} ms while waiting for {waited_for}", after.as_millis())]
    Timeout {
        /// The verb that the caller used, such as `get`.
        operation: &'static str,
        /// What had not happened when the time was up.
        waited_for: &'static str,
        /// How long the caller had allowed, the option `operationTimeout`.
        after: Duration,
    },
    /// A session cannot be written as BSON or read back from it.
    #[error("{0}")]
    Serialization(String),
    /// A stored document would be larger than MongoDB's limit.
    #[error("{}", too_large(*size))]
    TooLarge {
        /// Size of the document in bytes; None when only the server knows it.
        size: Option<usize>,
    },
    /// A command would be larger than MongoDB's limit, though the document need not be.
    #[error(
        "the command would take {size} bytes, more than MongoDB accepts: the session id is too long, or too much of the session changes at once"
    )]
    CommandTooLarge {
        /// Size of the command in bytes.
        size: usize,
    },
    /// The collection holds a document that is not a session of this store.
    #[error(
        "the collection '{collection}' holds a document without a session object; it reads as missing"
    )]
    Foreign {
        /// Name of the collection.
        collection: String,
    },
    /// The TTL index could not be created. The store works without it; expired documents stay.
    #[error(
        "the TTL index 'expires_1' could not be created, so MongoDB does not delete expired sessions by itself ({0}). Create it with {{ expires: 1 }}, {{ expireAfterSeconds: 0 }}, drop an index that stands in its way, or set createTTLIndex to false"
    )]
    Index(#[source] Box<Error>),
    /// The store was closed before the operation was called.
    #[error("the session store is closed")]
    Closed,
    /// The server refused or could not carry out the command.
    #[error("MongoDB refused the {operation}: {code_name} (code {code})")]
    Server {
        /// The verb that the caller used, such as `set`.
        operation: &'static str,
        /// The server's numeric error code.
        code: i32,
        /// The server's name of that code.
        code_name: String,
        /// The server's error labels, such as `RetryableWriteError`.
        labels: Vec<String>,
    },
}

fn too_large(size: Option<usize>) -> String {
    match size {
        Some(size) => format!(
            "the session takes {size} bytes as a MongoDB document, more than the 16777216 that MongoDB accepts"
        ),
        None => {
            "the session would take more than the 16777216 bytes that MongoDB accepts".to_owned()
        }
    }
}

/// A result with the crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The stable code that JavaScript sees as `error.code`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidOption(_) => "ERR_STORE_OPTION",
            Self::Connection(_) => "ERR_STORE_CONNECTION",
            Self::Timeout { .. } => "ERR_STORE_TIMEOUT",
            Self::Serialization(_) => "ERR_STORE_SERIALIZATION",
            Self::TooLarge { .. } | Self::CommandTooLarge { .. } => "ERR_STORE_TOO_LARGE",
            Self::Foreign { .. } => "ERR_STORE_FOREIGN_DOCUMENT",
            Self::Index(_) => "ERR_STORE_INDEX",
            Self::Closed => "ERR_STORE_CLOSED",
            Self::Server { .. } => "ERR_STORE_SERVER",
        }
    }
}
