//! The options as they come in, and the validated [`Config`]. The only place where defaults live.
//!
//! `index.mjs` has already refused unknown names and wrong JavaScript types; here the values are
//! judged. A `ttl` function stays in JavaScript and arrives with each call.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::cipher::{Cipher, MIN_PASSPHRASE_CHARS, Secret};
use crate::error::{Error, Result};

const DEFAULT_URI: &str = "mongodb://localhost:27017/express_sessions";
const DEFAULT_COLLECTION: &str = "sessions";
const DEFAULT_TTL_MS: f64 = 86_400_000.0;
const DEFAULT_OPERATION_TIMEOUT_MS: f64 = 10_000.0;
const DEFAULT_DELETE_GRACE_MS: f64 = 3_600_000.0;
const DEFAULT_AUTO_REMOVE_INTERVAL_MS: f64 = 600_000.0;
/// The longest delay that Node's timers and this crate's arithmetic both carry: 2³¹ − 1 ms.
const MAX_TIMEOUT_MS: f64 = 2_147_483_647.0;

/// The address of the embedded engine.
pub const MEMORY_URI: &str = "memory:";

/// Options as JavaScript sends them: every one may be missing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Options {
    uri: Option<String>,
    db_name: Option<String>,
    #[serde(rename = "driverOptions")]
    driver: Vec<(String, String)>,
    /// Whether the address comes later, with [`Address`].
    awaits_address: bool,
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
    /// Whether there is a function that names the user of a session.
    user_id: bool,
    max_per_user: Option<f64>,
    encryption: Option<Encryption>,
    /// Beside the others, because they do not come as JSON, which would leave copies behind.
    #[serde(skip)]
    keys: Vec<GivenKey>,
}

/// What the option `encryption` holds apart from the keys.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Encryption {
    accept_unencrypted: Option<bool>,
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
    /// How many sessions a user may have.
    pub most_sessions: Option<usize>,
}

/// Where the sessions are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A MongoDB deployment. None if its address is not known yet.
    Mongo(Option<Address>),
    /// The embedded engine.
    Memory,
}

/// The address of a MongoDB deployment.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Address {
    /// The connection string.
    pub uri: String,
    /// Options that go before those of the connection string, with the same names.
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
    /// What is kept of whose session it is, if anything.
    pub users: Option<Users>,
    /// Encrypts sessions, if they are to be.
    pub cipher: Option<Cipher>,
}

impl Options {
    /// The same options with these as `encryption.keys`.
    #[must_use]
    pub fn with_keys(self, keys: Vec<GivenKey>) -> Self {
        Self { keys, ..self }
    }

    /// Judges the values and fills in the defaults.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] naming the option.
    pub fn validate(self) -> Result<Config> {
        let target = match self.uri {
            _ if self.awaits_address => Target::Mongo(None),
            Some(uri) if uri == MEMORY_URI => Target::Memory,
            uri => Target::Mongo(Some(Address {
                uri: uri.unwrap_or_else(|| DEFAULT_URI.to_owned()),
                options: self.driver,
                database: self.db_name,
            })),
        };
        let collection = self
            .collection
            .unwrap_or_else(|| DEFAULT_COLLECTION.to_owned());
        check_collection(&collection)?;
        let ttl_ms = self.ttl.unwrap_or(DEFAULT_TTL_MS);
        if !ttl_ms.is_finite() {
            return Err(invalid("ttl", "must be a finite number of milliseconds"));
        }
        let auto_remove = auto_remove(
            self.auto_remove.as_deref(),
            self.create_ttl_index,
            self.auto_remove_interval,
        )?;
        let operation_timeout = timeout(
            "operationTimeout",
            self.operation_timeout,
            DEFAULT_OPERATION_TIMEOUT_MS,
        )?;
        let delete_grace_ms = self.delete_grace.unwrap_or(DEFAULT_DELETE_GRACE_MS);
        if !(0.0..=MAX_TIMEOUT_MS).contains(&delete_grace_ms) {
            return Err(invalid(
                "deleteGrace",
                "must be between 0 and 2147483647 milliseconds",
            ));
        }
        let save = match self.save.as_deref() {
            None | Some("difference") => Save::Difference,
            Some("replace") => Save::Replace,
            Some(_) => return Err(invalid("save", "must be 'difference' or 'replace'")),
        };
        let skip_when_down = match self.when_down.as_deref() {
            None | Some("error") => false,
            Some("skip") => true,
            Some(_) => return Err(invalid("whenDown", "must be 'error' or 'skip'")),
        };
        let users = users(self.user_id, self.max_per_user)?;
        let cipher = match self.encryption {
            Some(encryption) => {
                let accept_unencrypted = encryption.accept_unencrypted.unwrap_or(false);
                Some(Cipher::new(secrets(self.keys)?, accept_unencrypted))
            }
            None => None,
        };
        Ok(Config {
            target,
            collection,
            ttl_ms,
            prefix: self.prefix.unwrap_or_default(),
            auto_remove,
            operation_timeout,
            skip_when_down,
            save,
            delete_flags: self.delete_flags.unwrap_or(false),
            #[expect(clippy::cast_possible_truncation, reason = "checked to fit")]
            delete_grace_ms: delete_grace_ms as i64,
            hash_ids: self.hash_ids.unwrap_or(false),
            users,
            cipher,
        })
    }
}

fn auto_remove(
    auto_remove: Option<&str>,
    create_ttl_index: Option<bool>,
    interval_ms: Option<f64>,
) -> Result<AutoRemove> {
    let interval = timeout(
        "autoRemoveInterval",
        interval_ms,
        DEFAULT_AUTO_REMOVE_INTERVAL_MS,
    )?;
    let chosen = match auto_remove {
        None if create_ttl_index == Some(false) => AutoRemove::Disabled,
        None | Some("native") => AutoRemove::Native,
        Some("interval") => AutoRemove::Interval(interval),
        Some("disabled") => AutoRemove::Disabled,
        Some(_) => {
            return Err(invalid(
                "autoRemove",
                "must be 'native', 'interval' or 'disabled'",
            ));
        }
    };
    if create_ttl_index.is_some_and(|create| create != (chosen == AutoRemove::Native)) {
        return Err(invalid(
            "createTTLIndex",
            "contradicts the option 'autoRemove'; give only one of them",
        ));
    }
    Ok(chosen)
}

fn users(stores_users: bool, max_per_user: Option<f64>) -> Result<Option<Users>> {
    let Some(most) = max_per_user else {
        let most_sessions = None;
        return Ok(stores_users.then_some(Users { most_sessions }));
    };
    if most.fract() != 0.0 || !(1.0..=MAX_TIMEOUT_MS).contains(&most) {
        return Err(invalid(
            "maxPerUser",
            "must be a whole number between 1 and 2147483647",
        ));
    }
    if !stores_users {
        return Err(invalid("maxPerUser", "needs the option 'userId'"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number that fits"
    )]
    let most_sessions = Some(most as usize);
    Ok(Some(Users { most_sessions }))
}

fn timeout(option: &str, given_ms: Option<f64>, default_ms: f64) -> Result<Duration> {
    let ms = given_ms.unwrap_or(default_ms);
    if !(1.0..=MAX_TIMEOUT_MS).contains(&ms) {
        return Err(invalid(
            option,
            "must be between 1 and 2147483647 milliseconds",
        ));
    }
    Ok(Duration::from_secs_f64(ms / 1000.0))
}

fn secrets(keys: Vec<GivenKey>) -> Result<Vec<Secret>> {
    if keys.is_empty() {
        return Err(invalid("encryption.keys", "must hold at least one key"));
    }
    let judge = |(position, key)| {
        let (secret, problem) = match key {
            GivenKey::Bytes(bytes) => (
                Secret::key(&bytes),
                format!("must have 32 bytes, got {}", bytes.len()),
            ),
            GivenKey::Text(text) => (
                Secret::passphrase(text),
                format!(
                    "must have at least {MIN_PASSPHRASE_CHARS} characters as a passphrase; a key in hexadecimal or base64 has to become a Buffer"
                ),
            ),
        };
        secret.ok_or_else(|| invalid(&format!("encryption.keys[{position}]"), &problem))
    };
    keys.into_iter().enumerate().map(judge).collect()
}

/// The rules are MongoDB's, "Naming Restrictions" in the manual's limits page.
fn check_collection(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(invalid("collection", "must not be empty"));
    }
    if name.contains('$') || name.contains('\0') {
        return Err(invalid("collection", "must not contain '$' or NUL"));
    }
    if name.starts_with("system.") {
        return Err(invalid("collection", "must not begin with 'system.'"));
    }
    if name.starts_with('.') || name.ends_with('.') {
        return Err(invalid("collection", "must not begin or end with '.'"));
    }
    Ok(())
}

/// An error that names the option.
#[must_use]
pub fn invalid(option: &str, problem: &str) -> Error {
    Error::InvalidOption(format!("option '{option}' {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: &str) -> Options {
        serde_json::from_str(json).unwrap()
    }

    fn message(json: &str) -> String {
        options(json).validate().unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let config = options("{}").validate().unwrap();
        assert_eq!(
            config.target,
            Target::Mongo(Some(Address {
                uri: "mongodb://localhost:27017/express_sessions".into(),
                ..Address::default()
            }))
        );
        assert_eq!(config.collection, "sessions");
        assert!((config.ttl_ms - 86_400_000.0).abs() < f64::EPSILON);
        assert_eq!(config.prefix, "");
        assert_eq!(config.auto_remove, AutoRemove::Native);
        assert_eq!(config.operation_timeout, Duration::from_secs(10));
        assert_eq!(config.save, Save::Difference);
    }

    #[test]
    fn a_bad_value_names_its_option() {
        assert!(message(r#"{"collection":""}"#).contains("'collection'"));
        assert!(message(r#"{"collection":"a$b"}"#).contains("'collection'"));
        assert!(message(r#"{"operationTimeout":0}"#).contains("'operationTimeout'"));
        assert!(message(r#"{"save":"both"}"#).contains("'save'"));
        assert!(message(r#"{"whenDown":"wait"}"#).contains("'whenDown'"));
        assert!(message(r#"{"maxPerUser":1}"#).contains("'maxPerUser'"));
        for bad in ["0", "1.5", "-1", "1e12"] {
            let message = message(&format!(r#"{{"userId":true,"maxPerUser":{bad}}}"#));
            assert!(message.contains("'maxPerUser'"), "{message}");
        }
        assert!(message(r#"{"autoRemove":"daily"}"#).contains("'autoRemove'"));
        assert!(message(r#"{"autoRemoveInterval":0}"#).contains("'autoRemoveInterval'"));
        for both in [
            "true,\"autoRemove\":\"interval\"",
            "false,\"autoRemove\":\"native\"",
        ] {
            let message = message(&format!(r#"{{"createTTLIndex":{both}}}"#));
            assert!(message.contains("'createTTLIndex'"), "{message}");
        }
    }

    #[test]
    fn no_ttl_index_means_no_removal() {
        let auto_remove = |json| options(json).validate().unwrap().auto_remove;
        assert_eq!(
            auto_remove(r#"{"createTTLIndex":false}"#),
            AutoRemove::Disabled
        );
        assert_eq!(
            auto_remove(r#"{"createTTLIndex":false,"autoRemove":"interval"}"#),
            AutoRemove::Interval(Duration::from_secs(600))
        );
    }

    #[test]
    fn a_bad_key_names_its_place_and_shows_nothing_of_it() {
        let problem = |keys| {
            let options = options(r#"{"encryption":{}}"#).with_keys(keys);
            options.validate().unwrap_err().to_string()
        };
        let bytes = |length| GivenKey::Bytes(Zeroizing::new(vec![b'x'; length]));
        let text = |text: &str| GivenKey::Text(Zeroizing::new(text.to_owned()));
        assert!(problem(vec![]).contains("'encryption.keys'"));
        assert!(problem(vec![bytes(31)]).contains("'encryption.keys[0]'"));
        let problem = problem(vec![bytes(32), text("too short")]);
        assert!(problem.contains("'encryption.keys[1]'"), "{problem}");
        assert!(!problem.contains("too short"), "{problem}");
    }

    #[test]
    fn debug_shows_no_key() {
        let passphrase = GivenKey::Text(Zeroizing::new("a secret of many words".to_owned()));
        let options = options(r#"{"encryption":{}}"#).with_keys(vec![passphrase]);
        let shown = format!("{:?}", options.validate().unwrap());
        assert!(!shown.contains("secret of"), "{shown}");
    }

    #[test]
    fn debug_shows_no_connection_string() {
        let config = options(r#"{"uri":"mongodb://me:secret@host/db"}"#)
            .validate()
            .unwrap();
        assert!(!format!("{config:?}").contains("secret"));
    }
}
