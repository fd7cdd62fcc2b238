//! What the options may be, and their defaults.

use std::time::Duration;

use super::names::check_indexes;
use super::{
    Address, AutoRemove, Config, Encryption, GivenKey, MEMORY_URI, Options, Save, Target, Users,
    invalid,
};
use crate::cipher::{Cipher, MIN_PASSPHRASE_CHARS, Purpose, Secret};
use crate::clock::Clock;
use crate::document::{Encoding, Layout, Moment};
use crate::error::Result;

const DEFAULT_URI: &str = "mongodb://localhost:27017/express_sessions";
const DEFAULT_COLLECTION: &str = "sessions";
pub(super) const DEFAULT_TTL_MS: f64 = 86_400_000.0;
const DEFAULT_OPERATION_TIMEOUT_MS: f64 = 10_000.0;
const DEFAULT_DELETE_GRACE_MS: i64 = 3_600_000;
const DEFAULT_AUTO_REMOVE_INTERVAL_MS: f64 = 600_000.0;
/// The longest delay that Node's timers and this crate's arithmetic both carry: 2³¹ − 1 ms.
const MAX_TIMEOUT_MS: f64 = 2_147_483_647.0;

/// A span of time that keeps every moment within what a `Date` holds.
pub(super) const MAX_SPAN_MS: f64 = 4e15;
/// The longest `expireAfterSeconds` that MongoDB takes, 2³¹ − 1, in milliseconds.
const MAX_EXPIRE_AFTER_MS: f64 = 2_147_483_647_000.0;

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
        if self.ttl.is_some_and(|ttl_ms| !ttl_ms.is_finite()) {
            return Err(invalid("ttl", "must be a finite number of milliseconds"));
        }
        let auto_remove = auto_remove(
            self.auto_remove.as_deref(),
            self.create_ttl_index,
            self.auto_remove_interval,
        )?;
        let (layout, ttl_ms) = self.fields.layout(self.ttl, auto_remove)?;
        let expire_after_seconds = expire_after_seconds(self.expire_after, &layout)?;
        let operation_timeout = timeout(
            "operationTimeout",
            self.operation_timeout,
            DEFAULT_OPERATION_TIMEOUT_MS,
        )?;
        let delete_grace_ms = span("deleteGrace", self.delete_grace, MAX_TIMEOUT_MS)?;
        let touch_after_ms = span("touchAfter", self.touch_after, MAX_SPAN_MS)?;
        let absolute_timeout_ms = absolute_timeout(self.absolute_timeout)?;
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
        let writes_text = self.stringify == Some(true);
        if self.encryption.is_some() && (writes_text || self.serializes || self.unserializes) {
            return Err(invalid(
                "encryption",
                "works on the fields of a session, so it excludes 'stringify', 'serialize', 'unserialize' and 'cryptoAdapter'",
            ));
        }
        let users = users(
            self.user_id,
            self.max_per_user,
            self.limits_users,
            self.when_full.as_deref(),
        )?;
        if self.device && users.is_none() {
            return Err(invalid("device", "needs the option 'userId'"));
        }
        check_indexes(&self.indexes, &layout)?;
        let cipher = self
            .encryption
            .map(|encryption| cipher(encryption, self.keys, &collection))
            .transpose()?;
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
            delete_grace_ms: delete_grace_ms.unwrap_or(DEFAULT_DELETE_GRACE_MS),
            hash_ids: self.hash_ids.unwrap_or(false),
            touch_on_get: self.touch_on_get.unwrap_or(false),
            fallback_memory: self.fallback_memory.unwrap_or(false),
            watches: self.watch.unwrap_or(false),
            users,
            devices: self.device,
            indexes: self.indexes,
            cipher,
            layout,
            expire_after_seconds,
            timestamps: self.timestamps.unwrap_or(false),
            touch_after_ms: touch_after_ms.unwrap_or(0),
            absolute_timeout_ms,
            limits_life: self.limits_life,
            encoding: if writes_text {
                Encoding::Text
            } else {
                Encoding::Document
            },
            takes_any_text: self.unserializes,
            encrypts_outside: self.encrypts_outside,
            moves_in: self.moves_in,
            is_tool: self.is_tool,
            clock: Clock::default(),
        })
    }
}

/// Nobody could log in if sessions were too old from the start.
fn absolute_timeout(given_ms: Option<f64>) -> Result<Option<i64>> {
    let timeout_ms = span("absoluteTimeout", given_ms, MAX_SPAN_MS)?;
    if timeout_ms == Some(0) {
        return Err(invalid(
            "absoluteTimeout",
            "must be more than 0 milliseconds",
        ));
    }
    Ok(timeout_ms)
}

/// What the option `encryption` stands for.
fn cipher(encryption: Encryption, keys: Vec<GivenKey>, collection: &str) -> Result<Cipher> {
    let purpose = match (encryption.decrypt_only, encryption.accept_unencrypted) {
        (Some(true), Some(false)) => {
            return Err(invalid(
                "encryption.decryptOnly",
                "writes what is not encrypted, which needs 'encryption.acceptUnencrypted'",
            ));
        }
        (Some(true), _) => Purpose::Decrypt,
        (_, Some(true)) => Purpose::Begin,
        _ => Purpose::Always,
    };
    if encryption.context.as_deref() == Some("") {
        return Err(invalid("encryption.context", "must not be empty"));
    }
    let context = encryption.context.unwrap_or_else(|| collection.to_owned());
    Ok(Cipher::new(secrets(keys)?, purpose, context.into()))
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

fn users(
    stores_users: bool,
    max_per_user: Option<f64>,
    limits_users: bool,
    when_full: Option<&str>,
) -> Result<Option<Users>> {
    let limits = limits_users || max_per_user.is_some();
    if limits && !stores_users {
        return Err(invalid("maxPerUser", "needs the option 'userId'"));
    }
    let refuses = match when_full {
        None | Some("evict") => false,
        Some("refuse") => true,
        Some(_) => return Err(invalid("whenFull", "must be 'evict' or 'refuse'")),
    };
    if when_full.is_some() && !limits {
        return Err(invalid("whenFull", "needs the option 'maxPerUser'"));
    }
    let most_sessions = max_per_user.map(most_sessions).transpose()?;
    Ok(stores_users.then_some(Users {
        limits,
        most_sessions,
        refuses,
    }))
}

fn most_sessions(most: f64) -> Result<usize> {
    if most.fract() != 0.0 || !(1.0..=MAX_TIMEOUT_MS).contains(&most) {
        return Err(invalid(
            "maxPerUser",
            "must be a whole number between 1 and 2147483647",
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number that fits"
    )]
    let most = most as usize;
    Ok(most)
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

/// A span of time that may be nothing.
fn span(option: &str, given_ms: Option<f64>, most_ms: f64) -> Result<Option<i64>> {
    let judge = |ms| {
        if !(0.0..=most_ms).contains(&ms) {
            let problem = format!("must be between 0 and {most_ms} milliseconds");
            return Err(invalid(option, &problem));
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked to fit")]
        Ok(ms as i64)
    };
    given_ms.map(judge).transpose()
}

/// What the TTL index adds to the moment of a document.
fn expire_after_seconds(given_ms: Option<f64>, layout: &Layout) -> Result<i32> {
    let lifetime_ms = match layout.meaning {
        Moment::Expiry => 0,
        Moment::LastAccess(lifetime_ms) => lifetime_ms,
    };
    let more_ms = span("expireAfter", given_ms, MAX_EXPIRE_AFTER_MS)?.unwrap_or(0);
    // MongoDB counts in seconds, and nothing is to be deleted too early.
    let seconds = lifetime_ms.saturating_add(more_ms).saturating_add(999) / 1000;
    Ok(i32::try_from(seconds).unwrap_or(i32::MAX))
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
