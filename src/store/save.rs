//! A session that is saved: what is written, how, and what stands beside it.

use crate::document::Encoding;
use crate::expiry::Lifetime;

/// A session as it comes from JavaScript: JSON text, and what JSON cannot carry.
#[derive(Debug)]
pub struct SessionText {
    /// What `JSON.stringify` wrote.
    pub text: String,
    /// See [`crate::codec`]; empty when there are none.
    pub specials: String,
}

impl SessionText {
    /// Whether it holds 64-bit integers that JavaScript calls `BigInt`.
    pub(super) fn has_bigints(&self) -> bool {
        // Nothing else in what JavaScript writes there can be read as the name of a type.
        self.specials.contains(r#""bigint""#)
    }
}

/// How a session is saved.
#[derive(Debug)]
pub enum SaveMode {
    /// It was generated here or passed as a plain object: its document is created if missing.
    Create,
    /// It comes from another store: its document is created, unless it exists, and is none that can be read
    /// until that is confirmed.
    Add,
    /// It was loaded, and is in one of these states in the database: what differs from any of them
    /// is written, and a document that is gone stays gone.
    Loaded(Vec<SessionText>),
    /// It was read like this, and all of it is written if it still is what it was.
    Exchange(SessionText),
}

/// Whose session is saved.
#[derive(Debug)]
pub struct Owner {
    /// The user, if there is one.
    pub user: Option<String>,
    /// What the document said when it was loaded, where that is something else.
    pub before: Option<Option<String>>,
    /// The top-level keys that make the user. They are written together, and with them whose session it
    /// is, so that the document never says another user than its session does.
    pub keys: Vec<String>,
    /// What names the session among those of the user, unless its document has such a name.
    pub handle: Option<String>,
    /// How many sessions the user may have, where that is not the same for all.
    pub most_sessions: Option<usize>,
}

/// The values by which a session is found, as the functions of the application have answered them.
#[derive(Debug)]
pub struct Indexed {
    /// By their names; what is missing is none.
    pub values: SessionText,
    /// What the document said when it was loaded, where that is something else.
    pub before: Option<SessionText>,
    /// For each of the names of the option, the top-level keys that make its value. They are written together,
    /// and with them the value.
    pub keys: Vec<Vec<String>>,
}

/// A session that is to be stored. Not `Debug`, which would show its id.
pub struct SaveCall {
    /// The session id.
    pub sid: String,
    /// The session.
    pub session: SessionText,
    /// How it is to be stored. Of a text there are no specials, and it is not looked into.
    pub encoding: Encoding,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// What is written.
    pub mode: SaveMode,
    /// Whose session it is, if that is stored.
    pub owner: Option<Owner>,
    /// By what it is found, if there is anything.
    pub indexed: Option<Indexed>,
}
