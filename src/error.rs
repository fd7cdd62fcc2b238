//! The one error type of the crate.
//!
//! Messages name what was wrong or waited for. They never hold a session id, a value of a session
//! or a credential: whatever the server or the driver says about a command may quote the command,
//! so only its numeric code, its code name and its labels are carried over.

use std::borrow::Cow;
use std::time::Duration;

/// Everything that can go wrong in the store. Few variants, each one that a caller can act on.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option is missing, unknown, ill-typed or out of range.
    #[error("{0}")]
    InvalidOption(String),
    /// No server could be reached, or the connection broke.
    #[error("{message}{}", in_brackets(cause.as_deref()))]
    Connection {
        /// What went wrong.
        message: Cow<'static, str>,
        /// What the network or the driver's monitor says.
        cause: Option<String>,
    },
    /// The server does not accept the credentials.
    #[error(
        "MongoDB did not accept the credentials in the connection string{}{}",
        looked_for(database.as_deref()),
        in_brackets(cause.as_deref())
    )]
    Refused {
        /// The server's numeric error code.
        code: i32,
        /// The server's name of that code.
        code_name: String,
        /// In which database the user was looked for, if that is known.
        database: Option<String>,
        /// What the driver's monitor says.
        cause: Option<String>,
    },
    /// The deadline of the operation passed. The outcome of a write is then unknown.
    #[error("{operation} timed out after {} ms while waiting for {waited_for}", after.as_millis())]
    Timeout {
        /// The verb that the caller used, such as `get`.
        operation: &'static str,
        /// What had not happened when the time was up.
        waited_for: &'static str,
        /// How long the caller had allowed, the option `operationTimeout`.
        after: Duration,
        /// What the driver's monitor says, if it cannot reach a server.
        cause: Option<String>,
    },
    /// A write was on its way when this happened, and was not sent again: that could have undone what
    /// others have written meanwhile.
    #[error("{}; whether the write was carried out is not known", unfinished(_0))]
    OutcomeUnknown(#[source] Box<Error>),
    /// A session cannot be written as BSON or read back from it.
    #[error("{0}")]
    Serialization(String),
    /// A stored session cannot be decrypted, or is not encrypted and should be.
    #[error("{0}")]
    Decryption(Undecryptable),
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
    /// An index could not be created. The store works without it.
    #[error("the index '{name}' could not be created, so {loss} ({cause}). {advice}")]
    Index {
        /// Its name.
        name: String,
        /// What does not work without it.
        loss: String,
        /// What the operator can do.
        advice: String,
        /// Why.
        #[source]
        cause: Box<Error>,
    },
    /// Indexes had gone while the store was running, and were created again.
    #[error(
        "the collection '{collection}' had lost its index {}, as by a drop while the application runs. The session store has created it again",
        names.join(" and ")
    )]
    IndexLost {
        /// Name of the collection.
        collection: String,
        /// The names of the indexes.
        names: Vec<String>,
    },
    /// The collection compares strings by a language. Lists and bulk calls bear it, see the message.
    #[error("{}", collated(locale, *ignores_case))]
    Collation {
        /// The language of its default collation.
        locale: String,
        /// Whether strings that differ only in case, or in accents, are the same to it.
        ignores_case: bool,
    },
    /// A filter holds what cannot be looked for.
    #[error("{0}")]
    Filter(String),
    /// Expired sessions could not be removed; the next attempt follows after the interval.
    #[error("expired sessions could not be removed ({0})")]
    AutoRemove(#[source] Box<Error>),
    /// No server could be reached at start, and the option `fallbackMemory` says what to do then.
    #[error(
        "no MongoDB server could be reached at start, so the sessions are kept in the memory of this process: no other process sees them, and they are gone when it ends"
    )]
    Fallback(#[source] Box<Error>),
    /// The ends of sessions are not told, or were not for a while, though the option `watch` asks for them.
    #[error("{message} ({cause})")]
    Watch {
        /// What that means, and what to do.
        message: String,
        /// Why.
        #[source]
        cause: Box<Error>,
    },
    /// The store was closed before the operation was called.
    #[error("the session store is closed")]
    Closed,
    /// The server has more to do than it can, and has not begun with the command.
    #[error(
        "MongoDB is overloaded and did not take the {operation}: {code_name} (code {code}). Call again in {} ms",
        retry_after.as_millis()
    )]
    Overloaded {
        /// The verb that the caller used, such as `get`.
        operation: &'static str,
        /// The server's numeric error code.
        code: i32,
        /// The server's name of that code.
        code_name: String,
        /// The server's error labels, such as `SystemOverloadedError`.
        labels: Vec<String>,
        /// For how long nothing is sent to it.
        retry_after: Duration,
    },
    /// The server was overloaded, and touches were not sent to it.
    #[error(
        "MongoDB was overloaded, and {touches} touches were not sent to it: unless they are used again, these sessions expire as if they had not been used meanwhile"
    )]
    TouchesLetGo {
        /// How many since the last warning.
        touches: u64,
    },
    /// The user has as many sessions as may be, and the option `whenFull` says to refuse one more.
    #[error("the user has as many sessions as the option 'maxPerUser' allows")]
    TooManySessions,
    /// The server refused or could not carry out the command.
    #[error(
        "MongoDB refused the {operation}: {code_name} (code {code}){}{}",
        by(conflict.as_deref()),
        explained(explanation.as_deref())
    )]
    Server {
        /// The verb that the caller used, such as `set`.
        operation: &'static str,
        /// The server's numeric error code.
        code: i32,
        /// The server's name of that code.
        code_name: String,
        /// The server's error labels, such as `RetryableWriteError`.
        labels: Vec<String>,
        /// Which unique index stood in the way, if one did.
        conflict: Option<Box<Conflict>>,
        /// What the operator can do about it, if more is known than the code.
        explanation: Option<Box<str>>,
    },
}

/// A unique index that allows no second document with the same value, which it does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its name.
    pub index: String,
    /// The one field that it is on; None if there are more or the server does not say.
    pub field: Option<String>,
}

fn by(conflict: Option<&Conflict>) -> String {
    conflict.map_or_else(String::new, |conflict| {
        format!(" by the unique index '{}'", conflict.index)
    })
}

fn explained(explanation: Option<&str>) -> String {
    explanation.map_or_else(String::new, |explanation| format!(". {explanation}"))
}

fn looked_for(database: Option<&str>) -> String {
    database.map_or_else(String::new, |database| {
        format!(
            "; it was asked for a user of the database '{database}', another one is named by 'authSource'"
        )
    })
}

/// Why a stored session is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undecryptable {
    /// None of the keys is the one that it says.
    #[error(
        "a stored session is encrypted with a key that is not among those of the option 'encryption.keys'"
    )]
    UnknownKey,
    /// It is not what that key has encrypted for this field of this session.
    #[error(
        "a stored session was changed, moved or cut short after it had been encrypted, or belongs to another collection or 'encryption.context'"
    )]
    Changed,
    /// Another version of the format.
    #[error(
        "a stored session is encrypted in the format {0}, and this store knows the formats 1 and 2"
    )]
    Version(u8),
    /// It is plain where only what is encrypted is to be trusted.
    #[error(
        "a stored session is not encrypted, and the option 'encryption.acceptUnencrypted' is not set"
    )]
    NotEncrypted,
    /// It is encrypted where there are no keys.
    #[error(
        "a stored session is encrypted, and this store has no keys: see the option 'encryption'"
    )]
    NoKeys,
}

fn collated(locale: &str, ignores_case: bool) -> String {
    let ids = if ignores_case {
        ", and session ids that differ only in case or in accents are one session to it"
    } else {
        ""
    };
    format!(
        "the collection was created with a default collation (locale '{locale}'), so lists and calls about many sessions cannot use the index of its ids and read all of it{ids}. Keep the sessions in a collection without one"
    )
}

/// What happened to a write that the server did not refuse, but did not acknowledge either.
fn unfinished(error: &Error) -> String {
    match error {
        Error::Server {
            operation,
            code,
            code_name,
            ..
        }
        | Error::Overloaded {
            operation,
            code,
            code_name,
            ..
        } => format!("MongoDB did not finish the {operation}: {code_name} (code {code})"),
        error => error.to_string(),
    }
}

fn in_brackets(cause: Option<&str>) -> String {
    cause.map(|cause| format!(" ({cause})")).unwrap_or_default()
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
    /// A connection error about which nothing more is known.
    #[must_use]
    pub fn connection(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Connection {
            message: message.into(),
            cause: None,
        }
    }

    /// The same error with what the driver's monitor says, unless more is known already.
    #[must_use]
    pub fn because(mut self, trouble: Option<String>) -> Self {
        match &mut self {
            Self::Connection { cause, .. }
            | Self::Refused { cause, .. }
            | Self::Timeout { cause, .. }
                if cause.is_none() =>
            {
                *cause = trouble;
            }
            Self::OutcomeUnknown(error) => **error = error.clone().because(trouble),
            _ => {}
        }
        self
    }

    /// The cause if one is known, else the message.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Connection {
                cause: Some(cause), ..
            } => cause.clone(),
            Self::Refused {
                code, code_name, ..
            } => format!("{code_name} (code {code})"),
            _ => self.to_string(),
        }
    }

    /// The stable code that JavaScript sees as `error.code`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidOption(_) => "ERR_STORE_OPTION",
            Self::Connection { .. } | Self::Refused { .. } => "ERR_STORE_CONNECTION",
            Self::OutcomeUnknown(error) => error.code(),
            Self::Timeout { .. } => "ERR_STORE_TIMEOUT",
            Self::Serialization(_) => "ERR_STORE_SERIALIZATION",
            Self::Decryption(_) => "ERR_STORE_DECRYPT",
            Self::TooLarge { .. } | Self::CommandTooLarge { .. } => "ERR_STORE_TOO_LARGE",
            Self::Foreign { .. } => "ERR_STORE_FOREIGN_DOCUMENT",
            Self::Index { .. } | Self::IndexLost { .. } => "ERR_STORE_INDEX",
            Self::Collation { .. } => "ERR_STORE_COLLATION",
            Self::Filter(_) => "ERR_STORE_FILTER",
            Self::AutoRemove(_) => "ERR_STORE_AUTO_REMOVE",
            Self::Fallback(_) => "ERR_STORE_FALLBACK",
            Self::Watch { .. } => "ERR_STORE_WATCH",
            Self::Closed => "ERR_STORE_CLOSED",
            Self::Overloaded { .. } | Self::TouchesLetGo { .. } => "ERR_STORE_OVERLOADED",
            Self::TooManySessions => "ERR_STORE_TOO_MANY_SESSIONS",
            Self::Server { .. } => "ERR_STORE_SERVER",
        }
    }
}
