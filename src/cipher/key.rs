//! Keys: from the secrets of the options to the key of one session.
//!
//! A secret of 32 bytes is a master key as it is; scrypt makes one of a passphrase. Everything that
//! is used comes from a master key by HKDF-SHA-256 without a salt:
//!
//! - the first four bytes of what `KEY_ID_INFO` expands to say in each encrypted value which key it
//!   is, so that a key that is missing is told apart from a value that was changed;
//! - what `SESSION_INFO` and the document's `_id` expand to is the key of that session.

use std::fmt;

use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::KEY_ID_BYTES;

const KEY_BYTES: usize = 32;

const KEY_ID_INFO: &[u8] = b"mongodb-session-store/1/key-id";
const SESSION_INFO: &[u8] = b"mongodb-session-store/1/session/";

/// All processes that share a collection have to come to the same key from the same passphrase, and
/// have no place to share a random salt in. This one keeps tables made for other programs useless.
const PASSPHRASE_SALT: &[u8] = b"mongodb-session-store/1/passphrase";

/// N = 2¹⁵, r = 8, p = 3: 32 MiB, one of the equivalent settings that the OWASP Password Storage
/// Cheat Sheet recommends.
const SCRYPT: (u8, u32, u32) = (15, 8, 3);

/// The fewest characters of a passphrase: what NIST SP 800-63B demands of a password that is the only
/// factor. Nothing here slows down who guesses offline but scrypt.
pub const MIN_PASSPHRASE_CHARS: usize = 15;

/// What the options give for a key. Wiped from memory when it is dropped.
pub enum Secret {
    /// A key of 256 bits. On the heap, where it stays when the secret is moved: a move leaves a copy behind.
    Key(Zeroizing<Vec<u8>>),
    /// A text to derive a key from.
    Passphrase(Zeroizing<String>),
}

impl Secret {
    /// A key, if that is how many bytes it has.
    #[must_use]
    pub fn key(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == KEY_BYTES).then(|| Self::Key(Zeroizing::new(bytes.to_vec())))
    }

    /// A passphrase, if it is long enough.
    #[must_use]
    pub fn passphrase(text: Zeroizing<String>) -> Option<Self> {
        (text.chars().count() >= MIN_PASSPHRASE_CHARS).then_some(Self::Passphrase(text))
    }

    fn master_key(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Key(key) => key.clone(),
            Self::Passphrase(text) => stretch(text.as_bytes()),
        }
    }
}

/// Shows nothing of it.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key(<redacted>)",
            Self::Passphrase(_) => "Passphrase(<redacted>)",
        })
    }
}

#[expect(
    clippy::expect_used,
    reason = "constants are given; a unit test comes this way"
)]
fn stretch(passphrase: &[u8]) -> Zeroizing<Vec<u8>> {
    let (log_n, r, p) = SCRYPT;
    let params = scrypt::Params::new(log_n, r, p).expect("scrypt has these parameters");
    let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
    scrypt::scrypt(passphrase, PASSPHRASE_SALT, &params, &mut key)
        .expect("scrypt has keys of this length");
    key
}

/// A master key ready for use. Its state is wiped from memory when it is dropped.
pub(super) struct Key {
    /// What it is named by in what it has encrypted.
    pub id: [u8; KEY_ID_BYTES],
    hkdf: Hkdf<Sha256>,
}

impl Key {
    /// Makes a key of what was given, which takes long for a passphrase.
    pub fn derive(secret: &Secret) -> Self {
        let hkdf = Hkdf::new(None, &secret.master_key());
        let mut id = [0; KEY_ID_BYTES];
        expand(&hkdf, &[KEY_ID_INFO], &mut id);
        Self { id, hkdf }
    }

    /// The cipher of the session in the document with this `_id`.
    pub fn of_session(&self, id: &str) -> Aes256Gcm {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        expand(&self.hkdf, &[SESSION_INFO, id.as_bytes()], &mut *key);
        Aes256Gcm::new((&*key).into())
    }
}

#[expect(
    clippy::expect_used,
    reason = "HKDF fails for more than 8160 bytes only, and both callers ask for fewer"
)]
fn expand(hkdf: &Hkdf<Sha256>, info: &[&[u8]], out: &mut [u8]) {
    hkdf.expand_multi_info(info, out)
        .expect("HKDF has keys of this length");
}
