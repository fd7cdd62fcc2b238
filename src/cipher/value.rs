//! Encrypted values: the layout that [the room's page](super) describes.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::AeadInOut;

use super::key::Key;
use super::{
    BINARY_HEADER_BYTES, HEADER_BYTES, KEY_ID_BYTES, NONCE_BYTES, SUBTYPE, TAG_BYTES, VERSION,
    WITHOUT_CONTEXT,
};
use crate::codec::raw::{self, Element};
use crate::error::{Error, Result, Undecryptable};

/// Encrypts and decrypts the values of one session.
pub(super) struct Values<'a> {
    ciphers: Ciphers<'a>,
    bound: AdditionalData,
    /// Of the version before, once a value of it is met.
    former: Option<AdditionalData>,
    nonces: Nonces,
}

impl<'a> Values<'a> {
    /// Of the session in the document with this `_id`.
    pub fn new(keys: &'a [Key], context: &str, id: &'a str) -> Self {
        Self {
            ciphers: Ciphers {
                keys,
                id,
                derived: keys.iter().map(|_| None).collect(),
            },
            bound: AdditionalData::new(VERSION, &[context, id]),
            former: None,
            nonces: Nonces::default(),
        }
    }

    /// Appends the value of the binary that stands for `element`.
    pub fn encrypt(&mut self, element: Element<'_>, out: &mut Vec<u8>) -> Result<()> {
        let length = HEADER_BYTES + 1 + element.value.len() + TAG_BYTES;
        out.reserve(BINARY_HEADER_BYTES + length);
        out.extend_from_slice(&raw::stated(length));
        out.push(SUBTYPE);
        out.push(VERSION);
        out.extend_from_slice(&self.ciphers.keys[0].id);
        let nonce = self.nonces.next()?;
        out.extend_from_slice(&nonce);
        let start = out.len();
        out.push(element.kind);
        out.extend_from_slice(element.value);
        let tag = self
            .ciphers
            .of_key(0)
            .encrypt_inout_detached(
                &nonce.into(),
                self.bound.of_field(element.key),
                (&mut out[start..]).into(),
            )
            .map_err(|_| unencryptable("it is too large"))?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// The element that the binary `element` stands for. Its value lies in `plain`.
    pub fn decrypt<'b>(
        &mut self,
        element: Element<'b>,
        plain: &'b mut Vec<u8>,
    ) -> Result<Element<'b>> {
        self.decrypt_value(element, plain)
            .map_err(Error::Decryption)?;
        let (&kind, value) = plain
            .split_first()
            .ok_or(Error::Decryption(Undecryptable::Changed))?;
        let key = element.key;
        Ok(Element { kind, key, value })
    }

    /// Puts the type and the bytes of a value into `plain`.
    fn decrypt_value(
        &mut self,
        element: Element<'_>,
        plain: &mut Vec<u8>,
    ) -> Result<(), Undecryptable> {
        let parts = Parts::of(&element.value[BINARY_HEADER_BYTES..])?;
        let id = self.ciphers.id;
        let bound = match parts.version {
            VERSION => &mut self.bound,
            _ => self
                .former
                .get_or_insert_with(|| AdditionalData::new(WITHOUT_CONTEXT, &[id])),
        };
        let aad = bound.of_field(element.key);
        let mut reason = Undecryptable::UnknownKey;
        for position in 0..self.ciphers.keys.len() {
            if self.ciphers.keys[position].id != parts.key_id {
                continue;
            }
            plain.clear();
            plain.extend_from_slice(parts.ciphertext);
            let decrypted = self.ciphers.of_key(position).decrypt_inout_detached(
                &parts.nonce.into(),
                aad,
                plain.as_mut_slice().into(),
                &parts.tag.into(),
            );
            if decrypted.is_ok() {
                return Ok(());
            }
            reason = Undecryptable::Changed;
        }
        Err(reason)
    }
}

/// Whether a value was encrypted with this key in the present version of the format.
pub(super) fn is_of(key: &Key, element: &Element<'_>) -> bool {
    Parts::of(&element.value[BINARY_HEADER_BYTES..])
        .is_ok_and(|parts| parts.version == VERSION && parts.key_id == key.id)
}

/// What each key becomes for one session, derived when it is first needed.
struct Ciphers<'a> {
    keys: &'a [Key],
    id: &'a str,
    derived: Vec<Option<Aes256Gcm>>,
}

impl Ciphers<'_> {
    fn of_key(&mut self, position: usize) -> &Aes256Gcm {
        self.derived[position].get_or_insert_with(|| self.keys[position].of_session(self.id))
    }
}

/// The additional data of the values of one session: what they are bound to.
struct AdditionalData {
    bytes: Vec<u8>,
    /// How many of them are the same for all fields.
    common: usize,
}

impl AdditionalData {
    fn new(version: u8, texts: &[&str]) -> Self {
        let size: usize = texts.iter().map(|text| 4 + text.len()).sum();
        let mut bytes = Vec::with_capacity(64 + size);
        bytes.push(version);
        for text in texts {
            // A longer `_id` fits into no document, and no collection has a longer name.
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        let common = bytes.len();
        Self { bytes, common }
    }

    fn of_field(&mut self, name: &[u8]) -> &[u8] {
        self.bytes.truncate(self.common);
        self.bytes.extend_from_slice(name);
        &self.bytes
    }
}

/// An encrypted value.
struct Parts<'a> {
    version: u8,
    key_id: [u8; KEY_ID_BYTES],
    nonce: [u8; NONCE_BYTES],
    ciphertext: &'a [u8],
    tag: [u8; TAG_BYTES],
}

impl<'a> Parts<'a> {
    fn of(payload: &'a [u8]) -> Result<Self, Undecryptable> {
        match payload.split_first() {
            Some((&version @ (VERSION | WITHOUT_CONTEXT), rest)) => {
                Self::behind(version, rest).ok_or(Undecryptable::Changed)
            }
            Some((&version, _)) => Err(Undecryptable::Version(version)),
            None => Err(Undecryptable::Changed),
        }
    }

    fn behind(version: u8, rest: &'a [u8]) -> Option<Self> {
        let (key_id, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (ciphertext, tag) = rest.split_last_chunk()?;
        Some(Self {
            version,
            key_id: *key_id,
            nonce: *nonce,
            ciphertext,
            tag: *tag,
        })
    }
}

/// Random nonces. Asking the operating system for several at once costs no more than for one, and
/// for one more than encrypting a small value.
#[derive(Default)]
struct Nonces {
    random: [[u8; NONCE_BYTES]; 8],
    left: usize,
}

impl Nonces {
    fn next(&mut self) -> Result<[u8; NONCE_BYTES]> {
        if self.left == 0 {
            getrandom::fill(self.random.as_flattened_mut())
                .map_err(|_| unencryptable("the operating system has no random numbers"))?;
            self.left = self.random.len();
        }
        self.left -= 1;
        Ok(self.random[self.left])
    }
}

fn unencryptable(reason: &str) -> Error {
    Error::Serialization(format!("the session cannot be encrypted: {reason}"))
}
