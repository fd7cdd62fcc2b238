//! Sessions as ciphertext. Pure.
//!
//! Each top-level field of a stored `session` is encrypted by itself, so that a save can still write
//! single fields. The name of a field stays as it is, its value becomes a binary of the subtype
//! [`SUBTYPE`] with
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the version of this format, 2 |
//! | 4 | which key |
//! | 12 | the nonce, random |
//! | 1 + n | encrypted: the BSON type of the value, and its n bytes |
//! | 16 | the tag |
//!
//! by AES-256-GCM. The additional data is the version, the context and the document's `_id`, each behind
//! its length in 4 bytes (little-endian), and the name of the field; so a value counts only in the
//! field, the session and the collection that it was written for. Version 1, which had no context, is
//! still read. The key is one that is derived for the session alone: a random
//! nonce of 12 bytes is unique enough for 2³² values under one key (NIST SP 800-38D, section 8.3),
//! which no session reaches and a busy site does in days.
//!
//! `docs/encryption.md` tells the same to operators. A change of the format is a new version.

mod key;
mod keys;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::SetOnce;

pub use self::key::{MIN_PASSPHRASE_CHARS, Secret};
pub use self::keys::{Keys, Purpose};
use crate::codec::raw::{self, Element, kind};
use crate::error::Result;

/// The binary subtype of an encrypted value: one of those that BSON leaves to applications, behind
/// those of the typed arrays.
pub const SUBTYPE: u8 = 0xEE;

/// The version of the format that is written.
const VERSION: u8 = 2;

/// The one before, which is still read: without the context.
const WITHOUT_CONTEXT: u8 = 1;

const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// What precedes the ciphertext: version, key, nonce.
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;
/// What precedes the bytes of a binary: their length and the subtype.
const BINARY_HEADER_BYTES: usize = 5;

/// Whether an element of a stored session is encrypted.
#[must_use]
pub fn is_encrypted(element: &Element<'_>) -> bool {
    element.kind == kind::BINARY && element.value.get(BINARY_HEADER_BYTES - 1) == Some(&SUBTYPE)
}

/// How many bytes `session` takes when it is encrypted.
///
/// # Errors
///
/// [`Error::Serialization`](crate::error::Error::Serialization) when it is not BSON.
pub fn encrypted_size(session: &[u8]) -> Result<usize> {
    let mut size = session.len();
    for element in raw::elements(session) {
        element?;
        // The type moves behind the header, and another one takes its place.
        size += BINARY_HEADER_BYTES + HEADER_BYTES + 1 + TAG_BYTES;
    }
    Ok(size)
}

/// What the option `encryption` stands for: secrets on their way to become [`Keys`]. Clones are one.
#[derive(Clone)]
pub struct Cipher(Arc<State>);

struct State {
    /// Empty once the keys are derived.
    secrets: Mutex<Vec<Secret>>,
    keys: SetOnce<Keys>,
    purpose: Purpose,
    context: Arc<str>,
}

/// Shows neither secrets nor keys.
impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher")
            .field("purpose", &self.0.purpose)
            .finish_non_exhaustive()
    }
}

impl Cipher {
    /// The first secret encrypts, all of them decrypt what was encrypted in the same context.
    #[must_use]
    pub fn new(secrets: Vec<Secret>, purpose: Purpose, context: Arc<str>) -> Self {
        Self(Arc::new(State {
            secrets: Mutex::new(secrets),
            keys: SetOnce::new(),
            purpose,
            context,
        }))
    }

    /// Derives the keys and wipes the secrets. Takes a good part of a second for each passphrase, so
    /// it is to run where it blocks nobody. Once is enough; later calls do nothing.
    pub fn derive(&self) {
        let mut secrets = self
            .0
            .secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let secrets = mem::take(&mut *secrets);
        if !secrets.is_empty() {
            let keys = Keys::derive(&secrets, self.0.purpose, self.0.context.clone());
            // Only the call that has taken the secrets comes here.
            let _ = self.0.keys.set(keys);
        }
    }

    /// Whether what is written is encrypted.
    #[must_use]
    pub fn encrypts(&self) -> bool {
        self.0.purpose != Purpose::Decrypt
    }

    /// The keys, as soon as [`derive`](Self::derive) has them.
    pub async fn keys(&self) -> &Keys {
        self.0.keys.wait().await
    }
}
