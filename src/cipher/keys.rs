//! The keys of a store, and what they do to sessions.

use std::fmt;
use std::sync::Arc;

use super::is_encrypted;
use super::key::{Key, Secret};
use super::value::{self, Values};
use crate::codec::raw::{self, Element, Writer, kind};
use crate::error::{Error, Result, Undecryptable};

/// What the keys of a store are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Everything is encrypted, and nothing else is read.
    Always,
    /// Everything is encrypted from now on; what is not yet is read as it is.
    Begin,
    /// Nothing is encrypted yet, or any more; what is encrypted is read.
    Decrypt,
}

/// Keys ready for use: the first encrypts, all of them decrypt.
pub struct Keys {
    derived: Vec<Key>,
    purpose: Purpose,
    context: Arc<str>,
}

/// Shows nothing of them.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// Derives the key of each secret. What is encrypted counts in its `context` only.
    #[must_use]
    pub fn derive(secrets: &[Secret], purpose: Purpose, context: Arc<str>) -> Self {
        Self {
            derived: secrets.iter().map(Key::derive).collect(),
            purpose,
            context,
        }
    }

    /// Whether what is written is encrypted.
    #[must_use]
    pub fn encrypts(&self) -> bool {
        self.purpose != Purpose::Decrypt
    }

    /// Whether what is not encrypted is read as it is.
    #[must_use]
    pub fn accepts_unencrypted(&self) -> bool {
        self.purpose != Purpose::Always
    }

    /// Encrypts every field of a session for the document with this `_id`.
    ///
    /// # Errors
    ///
    /// [`Error::Serialization`] when `session` is not BSON or cannot be encrypted.
    pub fn encrypt_session(&self, id: &str, session: &[u8]) -> Result<Vec<u8>> {
        let mut values = Values::new(&self.derived, &self.context, id);
        let mut writer = Writer::with_capacity(session.len() + session.len() / 4 + 256);
        let mut value = Vec::new();
        for element in raw::elements(session) {
            let element = element?;
            value.clear();
            values.encrypt(element, &mut value)?;
            writer.element(Element {
                kind: kind::BINARY,
                key: element.key,
                value: &value,
            });
        }
        Ok(writer.finish())
    }

    /// Encrypts single fields (name, BSON type and value) for the document with this `_id`.
    ///
    /// # Errors
    ///
    /// [`Error::Serialization`] when they cannot be encrypted.
    pub fn encrypt_fields(&self, id: &str, fields: &mut [(Vec<u8>, u8, Vec<u8>)]) -> Result<()> {
        let mut values = Values::new(&self.derived, &self.context, id);
        for (key, kind, value) in fields {
            let mut encrypted = Vec::new();
            let element = Element {
                kind: *kind,
                key,
                value,
            };
            values.encrypt(element, &mut encrypted)?;
            (*kind, *value) = (kind::BINARY, encrypted);
        }
        Ok(())
    }

    /// Whether a session is encrypted as a save would do it now: all of its fields, with the first key, in the
    /// present version of the format.
    ///
    /// # Errors
    ///
    /// [`Error::Serialization`] when `session` is not BSON.
    pub fn is_current(&self, session: &[u8]) -> Result<bool> {
        for element in raw::elements(session) {
            let element = element?;
            if !is_encrypted(&element) || !value::is_of(&self.derived[0], &element) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Decrypts the session that is stored in the document with this `_id`: all of it or nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Decryption`] when any of its fields cannot be decrypted, [`Error::Serialization`]
    /// when `session` is not BSON.
    pub fn decrypt_session(&self, id: &str, session: &[u8]) -> Result<Vec<u8>> {
        let mut values = Values::new(&self.derived, &self.context, id);
        let mut writer = Writer::with_capacity(session.len());
        let mut value = Vec::new();
        for element in raw::elements(session) {
            let element = element?;
            if is_encrypted(&element) {
                writer.element(values.decrypt(element, &mut value)?);
            } else if self.accepts_unencrypted() {
                writer.element(element);
            } else {
                return Err(Error::Decryption(Undecryptable::NotEncrypted));
            }
        }
        Ok(writer.finish())
    }
}
