//! The options as they come in, and the validated [`Config`]. The only place where defaults live.
//!
//! `lib/store/options.cjs` has already refused unknown names and wrong JavaScript types; here the values are judged.
//! A function stays in JavaScript, and what it returns arrives with each call.

mod layout;
mod names;
mod validate;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use self::layout::Fields;
use crate::cipher::Cipher;
use crate::clock::Clock;
use crate::document::{Alive, Encoding, Layout, Moment};
use crate::error::Error;

/// The address of the memory engine.
pub const MEMORY_URI: &str = "memory:";

/// A `touchAfter` so long that no touch is ever sent, in milliseconds: `LONGEST` of `lib/store/options.cjs`.
pub const NEVER_MS: i64 = 4_000_000_000_000_000;

/// Options as JavaScript sends them: every one may be missing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Options {
    uri: Option<String>,
    db_name: Option<String>,
    #[serde(rename = "driverOptions")]
    driver: Vec<(String, String)>,
    /// Whether the address comes later, with [`Address`].
    awaits_address: bool,
    /// Whether the store is a tool of an operator, which does nothing without being asked.
    is_tool: bool,
    collection: Option<String>,
    ttl: Option<f64>,
    prefix: Option<String>,
    #[serde(rename = "createTTLIndex")]
    create_ttl_index: Option<bool>,
    auto_remove: Option<String>,
    auto_remove_interval: Option<f64>,
    operation_timeout: Option<f64>,
    when_down: Option<String>,
    save: Option<String>,
    delete_flags: Option<bool>,
    delete_grace: Option<f64>,
    hash_ids: Option<bool>,
    touch_on_get: Option<bool>,
    fallback_memory: Option<bool>,
    watch: Option<bool>,
    /// Whether there is a function that names the user of a session.
    user_id: bool,
    max_per_user: Option<f64>,
    /// Whether there is a function that limits the sessions of a user.
    limits_users: bool,
    when_full: Option<String>,
    /// Whether there is a function that limits the life of a session.
    limits_life: bool,
    /// Whether the sessions of a user have public names.
    device: bool,
    /// The names of the values by which sessions are found.
    indexes: Vec<String>,
    encryption: Option<Encryption>,
    fields: Fields,
    expire_after: Option<f64>,
    timestamps: Option<bool>,
    touch_after: Option<f64>,
    absolute_timeout: Option<f64>,
    stringify: Option<bool>,
    /// Whether the application has its own way of writing a session, or of reading one.
    #[serde(rename = "serialize")]
    serializes: bool,
    #[serde(rename = "unserialize")]
    unserializes: bool,
    /// Whether that way is one of `cryptoAdapter`, which leaves nothing to be seen.
    encrypts_outside: bool,
    #[serde(default)]
    moves_in: bool,
    /// Beside the others, because they do not come as JSON, which would leave copies behind.
    #[serde(skip)]
    keys: Vec<GivenKey>,
}

/// What the option `encryption` holds apart from the keys.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Encryption {
    accept_unencrypted: Option<bool>,
    decrypt_only: Option<bool>,
    context: Option<String>,
}

/// One of the option `encryption.keys`. Wiped from memory when it is dropped.
pub enum GivenKey {
    /// The bytes of a key.
    Bytes(Zeroizing<Vec<u8>>),
    /// A passphrase.
    Text(Zeroizing<String>),
}

/// What a save of a loaded session writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Save {
    /// The top-level keys that changed since the load.
    Difference,
    /// The whole session.
    Replace,
}

/// Who deletes expired sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoRemove {
    /// MongoDB, by a TTL index that the store creates.
    Native,
    /// The store, about once in this time.
    Interval(Duration),
    /// Not this store.
    Disabled,
}

/// What is kept of whose session it is: the documents name their users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Users {
    /// Whether it is limited how many sessions a user may have.
    pub limits: bool,
    /// How many; None if each write says so.
    pub most_sessions: Option<usize>,
    /// Whether a log-in that is one too many is refused.
    pub refuses: bool,
}

/// Where the sessions are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A MongoDB deployment. None if its address is not known yet.
    Mongo(Option<Address>),
    /// The memory engine.
    Memory,
}

/// The address of a MongoDB deployment.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Address {
    /// The connection string.
    pub uri: String,
    /// Options that take precedence over those of the same names in the connection string.
    #[serde(rename = "driverOptions")]
    pub options: Vec<(String, String)>,
    /// The database, unless it is the one that the connection string names.
    #[serde(rename = "dbName")]
    pub database: Option<String>,
}

/// There may be a password in it, so neither `Debug` nor any message shows it.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

/// Validated options with every default filled in.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Config {
    /// Where the sessions are.
    pub target: Target,
    /// Name of the collection.
    pub collection: String,
    /// Lifetime in milliseconds of a session whose cookie has no expiry.
    pub ttl_ms: f64,
    /// What every `_id` begins with.
    pub prefix: String,
    /// Who deletes expired sessions.
    pub auto_remove: AutoRemove,
    /// The time within which every operation ends.
    pub operation_timeout: Duration,
    /// Whether express-session is told to go on without sessions while no server can be reached.
    pub skip_when_down: bool,
    /// What a save of a loaded session writes.
    pub save: Save,
    /// Whether sessions are flagged where they would be deleted.
    pub delete_flags: bool,
    /// How long a flagged session stays in the collection, in milliseconds.
    pub delete_grace_ms: i64,
    /// Whether documents are found by a hash of the session id.
    pub hash_ids: bool,
    /// Whether a session that is read lives on as if it had been touched.
    pub touch_on_get: bool,
    /// Whether the memory engine is used when no server can be reached at start.
    pub fallback_memory: bool,
    /// Whether the caller is told of sessions that end.
    pub watches: bool,
    /// What is kept of whose session it is, if anything.
    pub users: Option<Users>,
    /// Whether documents hold the public name of a session and when it was used last.
    pub devices: bool,
    /// The names of the values by which sessions are found.
    pub indexes: Vec<String>,
    /// Encrypts sessions, if they are to be.
    pub cipher: Option<Cipher>,
    /// How documents are laid out.
    pub layout: Layout,
    /// How long after the moment in a document MongoDB deletes it, in seconds.
    pub expire_after_seconds: i32,
    /// Whether documents hold when they were created and written last.
    pub timestamps: bool,
    /// By how much a touch has to move the expiry to be sent, in milliseconds.
    pub touch_after_ms: i64,
    /// How long after its creation a session ends in any case, in milliseconds.
    pub absolute_timeout_ms: Option<i64>,
    /// Whether each write says how long after its creation its session ends.
    pub limits_life: bool,
    /// What sessions are written as.
    pub encoding: Encoding,
    /// Whether a stored text may be another one than JSON.
    pub takes_any_text: bool,
    /// Whether the application encrypts what is stored.
    pub encrypts_outside: bool,
    /// Whether sessions move in from another store.
    pub moves_in: bool,
    /// Whether nothing is done without being asked: no index is created, nothing removed.
    pub is_tool: bool,
    /// The clock by which sessions expire.
    pub clock: Clock,
}

impl Config {
    /// Whether the next write of a session has to know what was read.
    #[must_use]
    pub fn wants_metadata(&self) -> bool {
        self.touch_after_ms > 0
            || self.limits_any_life()
            || self.users.is_some()
            || !self.indexes.is_empty()
    }

    /// The option by which sessions are stored so that MongoDB cannot look into them, if there is one.
    #[must_use]
    pub fn hidden_by(&self) -> Option<&'static str> {
        match self.encoding {
            _ if self.cipher.is_some() => Some("encryption"),
            _ if self.encrypts_outside => Some("cryptoAdapter"),
            Encoding::Text => Some("stringify"),
            Encoding::Document => None,
        }
    }

    /// How long after its expiry a session is removed, in milliseconds.
    #[must_use]
    pub fn expire_after_ms(&self) -> i64 {
        let after_moment_ms = i64::from(self.expire_after_seconds) * 1000;
        match self.layout.meaning {
            Moment::Expiry => after_moment_ms,
            Moment::LastAccess(lifetime_ms) => (after_moment_ms - lifetime_ms).max(0),
        }
    }

    /// Until when a session is kept that is flagged now. It counts from the last access where that is
    /// what documents hold.
    #[must_use]
    pub fn flagged_until(&self, now_ms: i64) -> i64 {
        match self.layout.meaning {
            Moment::Expiry => now_ms + self.delete_grace_ms,
            Moment::LastAccess(lifetime_ms) => now_ms + lifetime_ms,
        }
    }

    /// What counts as a live session now.
    #[must_use]
    pub fn alive(&self, now_ms: i64) -> Alive {
        Alive {
            at_ms: now_ms,
            created_after_ms: self.absolute_timeout_ms.map(|timeout| now_ms - timeout),
            takes_any_text: self.takes_any_text,
        }
    }

    /// Whether documents hold when they were created.
    #[must_use]
    pub fn stores_creation(&self) -> bool {
        self.timestamps || self.devices || self.limits_any_life()
    }

    /// Whether a session may end before it expires.
    fn limits_any_life(&self) -> bool {
        self.limits_life || self.absolute_timeout_ms.is_some()
    }
}

/// An error that names the option.
#[must_use]
pub fn invalid(option: &str, problem: &str) -> Error {
    Error::InvalidOption(format!("option '{option}' {problem}"))
}
