//! What is called: the verbs, and what they take.

use tokio::time::Instant;

use super::maintenance::Maintenance;
use super::save::{SaveCall, SaveMode, SessionText};
use super::selection::Selection;
use crate::batch::{BulkKind, Ticket};
use crate::expiry::Lifetime;

/// One call of a verb.
pub struct Submission {
    /// Who waits for the answer.
    pub ticket: Ticket,
    /// When it was called.
    pub called: Instant,
    /// The same by the application's clock, in milliseconds since the epoch.
    pub called_ms: i64,
    /// What was called.
    pub verb: Verb,
}

/// The verbs. `sid` is without the prefix. Not `Debug`, which would show it.
pub enum Verb {
    /// Reads a session.
    Get {
        /// The session id.
        sid: String,
    },
    /// Reads a session as part of another call.
    Read {
        /// The session id.
        sid: String,
        /// What the application has called.
        verb: &'static str,
    },
    /// Stores a session.
    Set(Box<SaveCall>),
    /// Moves the expiry of a session.
    Touch {
        /// The session id.
        sid: String,
        /// How long it lives from now.
        lifetime: Lifetime,
        /// When it expires as far as the caller knows, in milliseconds since the epoch.
        loaded_expires_ms: Option<i64>,
        /// A session of nothing but the cookie, if that has changed.
        cookie: Option<Box<SessionText>>,
    },
    /// Lets a session that was added be one that can be read.
    Confirm {
        /// The session id.
        sid: String,
        /// What adding it has answered.
        reserved_ms: i64,
        /// How long it lives from now.
        lifetime: Lifetime,
    },
    /// Gives a session a new id.
    Renew {
        /// The session id.
        sid: String,
        /// The new one.
        to: String,
        /// How long the old one leads there, in milliseconds.
        grace_ms: i64,
    },
    /// Deletes a session.
    Destroy {
        /// The session id.
        sid: String,
    },
    /// Flags a session as deleted.
    Flag {
        /// The session id.
        sid: String,
    },
    /// Lists or removes sessions by their user or by what they hold.
    Select(Box<Selection>),
    /// Something about all sessions.
    Bulk(BulkKind),
    /// Asks the server for a sign of life.
    Ping,
    /// What a tool of an operator needs.
    Maintain(Box<Maintenance>),
}

impl Verb {
    /// What the caller has called, for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Get { .. } => "get",
            Self::Read { verb, .. } => verb,
            Self::Set(save) if matches!(save.mode, SaveMode::Exchange(_)) => "update",
            Self::Set(_) => "set",
            Self::Touch { .. } => "touch",
            Self::Confirm { .. } => "move",
            Self::Renew { .. } => "renew",
            Self::Destroy { .. } => "destroy",
            Self::Flag { .. } => "flagDeletion",
            Self::Select(_) => "find",
            Self::Bulk(kind) => kind.verb(),
            Self::Ping => "ping",
            Self::Maintain(what) => what.verb(),
        }
    }
}
