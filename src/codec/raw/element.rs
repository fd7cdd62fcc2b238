//! The elements of a document, read where they lie.

use crate::error::{Error, Result};

/// The element types of BSON, as the byte in front of the key.
pub mod kind {
    /// A 64-bit floating point number.
    pub const DOUBLE: u8 = 0x01;
    /// A UTF-8 string.
    pub const STRING: u8 = 0x02;
    /// An embedded document.
    pub const DOCUMENT: u8 = 0x03;
    /// An array, stored as a document with the keys `0`, `1` and so on.
    pub const ARRAY: u8 = 0x04;
    /// Bytes with a subtype.
    pub const BINARY: u8 = 0x05;
    /// The deprecated `undefined`.
    pub const UNDEFINED: u8 = 0x06;
    /// An `ObjectId` of twelve bytes.
    pub const OBJECT_ID: u8 = 0x07;
    /// `true` or `false`.
    pub const BOOLEAN: u8 = 0x08;
    /// Milliseconds since the epoch, signed.
    pub const DATE: u8 = 0x09;
    /// `null`.
    pub const NULL: u8 = 0x0A;
    /// A regular expression, as pattern and flags.
    pub const REGEX: u8 = 0x0B;
    /// The deprecated pointer to a document.
    pub const DB_POINTER: u8 = 0x0C;
    /// JavaScript code.
    pub const CODE: u8 = 0x0D;
    /// The deprecated symbol.
    pub const SYMBOL: u8 = 0x0E;
    /// The deprecated JavaScript code with its variables.
    pub const CODE_WITH_SCOPE: u8 = 0x0F;
    /// A signed 32-bit integer.
    pub const INT32: u8 = 0x10;
    /// The timestamp that replication uses.
    pub const TIMESTAMP: u8 = 0x11;
    /// A signed 64-bit integer.
    pub const INT64: u8 = 0x12;
    /// A decimal number of 128 bits.
    pub const DECIMAL128: u8 = 0x13;
    /// Sorts above every other value.
    pub const MAX_KEY: u8 = 0x7F;
    /// Sorts below every other value.
    pub const MIN_KEY: u8 = 0xFF;
}

/// The deprecated subtype of binary data that states the length of its bytes a second time.
pub(crate) const BINARY_OLD: u8 = 2;

/// One element of a document, borrowed from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// One of the constants of [`kind`].
    pub kind: u8,
    /// The key without its NUL. Not checked for UTF-8.
    pub key: &'a [u8],
    /// The bytes between the NUL of the key and the next element.
    pub value: &'a [u8],
}

impl<'a> Element<'a> {
    /// The text of a string; `None` for every other kind and for invalid UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        let text = match self.kind {
            kind::STRING => self.value.get(4..self.value.len().checked_sub(1)?)?,
            _ => return None,
        };
        str::from_utf8(text).ok()
    }

    /// The milliseconds since the epoch of a date; `None` for every other kind.
    #[must_use]
    pub fn as_date(&self) -> Option<i64> {
        match self.kind {
            kind::DATE => fixed(self.value).map(i64::from_le_bytes),
            _ => None,
        }
    }

    /// The bytes of an embedded document; `None` for every other kind, arrays included.
    #[must_use]
    pub fn as_document(&self) -> Option<&'a [u8]> {
        (self.kind == kind::DOCUMENT).then_some(self.value)
    }

    /// The bytes of an array; `None` for every other kind.
    #[must_use]
    pub fn as_array(&self) -> Option<&'a [u8]> {
        (self.kind == kind::ARRAY).then_some(self.value)
    }

    /// The value of a boolean; `None` for every other kind.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            kind::BOOLEAN => self.value.first().map(|&byte| byte != 0),
            _ => None,
        }
    }

    /// A whole number, however it is stored: an int32, an int64, or a double without a fraction.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.kind {
            kind::INT32 => fixed(self.value).map(|bytes| i64::from(i32::from_le_bytes(bytes))),
            kind::INT64 => fixed(self.value).map(i64::from_le_bytes),
            kind::DOUBLE => fixed(self.value)
                .map(f64::from_le_bytes)
                .and_then(whole_number),
            _ => None,
        }
    }
}

/// The integer that `number` is, if it is one that an `i64` holds.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked, and 2^63 itself is outside of it"
)]
fn whole_number(number: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (number.fract() == 0.0 && (-LIMIT..LIMIT).contains(&number)).then_some(number as i64)
}

/// The bytes of a value of fixed size.
pub(crate) fn fixed<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    value.first_chunk().copied()
}

/// The elements of a document, in their order. See [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    /// What is left, without the NUL that ends the document.
    rest: &'a [u8],
    corrupt: bool,
}

/// Iterates over the elements of one whole document.
///
/// # Errors
///
/// Bytes that are truncated, have something behind their end or are not BSON yield one
/// [`Error::Serialization`], after which the iterator ends. Embedded documents are checked when
/// they are iterated over themselves, not before.
#[must_use]
pub fn elements(document: &[u8]) -> Elements<'_> {
    match body(document) {
        Some(rest) => Elements {
            rest,
            corrupt: false,
        },
        None => Elements {
            rest: &[],
            corrupt: true,
        },
    }
}

/// The first element of `document` with that key. Corrupt bytes in front of it hide it.
#[must_use]
pub fn find<'a>(document: &'a [u8], key: &str) -> Option<Element<'a>> {
    elements(document)
        .map_while(Result::ok)
        .find(|element| element.key == key.as_bytes())
}

/// The documents that lie one behind the other in `bytes`.
///
/// # Errors
///
/// [`Error::Serialization`] where a length is wrong, after which the iterator ends.
pub fn sequence(bytes: &[u8]) -> impl Iterator<Item = Result<&[u8]>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let split = length(rest).filter(|&length| length >= 5);
        let split = split.and_then(|length| rest.split_at_checked(length));
        let (document, behind) = split.unwrap_or_default();
        rest = behind;
        Some(if document.is_empty() {
            Err(corrupt())
        } else {
            Ok(document)
        })
    })
}

/// What lies between the length of a document and the NUL that ends it.
fn body(document: &[u8]) -> Option<&[u8]> {
    let (&end, body) = document.get(4..)?.split_last()?;
    (end == 0 && length(document)? == document.len()).then_some(body)
}

/// The length that the first four bytes state, if it is not negative.
fn length(bytes: &[u8]) -> Option<usize> {
    usize::try_from(i32::from_le_bytes(fixed(bytes)?)).ok()
}

/// How many bytes the value at the start of `bytes` takes; `None` when they do not hold one.
fn value_length(kind: u8, bytes: &[u8]) -> Option<usize> {
    let taken = match kind {
        kind::NULL | kind::UNDEFINED | kind::MIN_KEY | kind::MAX_KEY => 0,
        kind::BOOLEAN => 1,
        kind::INT32 => 4,
        kind::DOUBLE | kind::DATE | kind::TIMESTAMP | kind::INT64 => 8,
        kind::OBJECT_ID => 12,
        kind::DECIMAL128 => 16,
        kind::STRING | kind::CODE | kind::SYMBOL => string_length(bytes)?,
        kind::DB_POINTER => string_length(bytes)? + 12,
        kind::DOCUMENT | kind::ARRAY => length(bytes).filter(|&length| length >= 5)?,
        // Its length, an empty string and an empty document.
        kind::CODE_WITH_SCOPE => length(bytes).filter(|&length| length >= 14)?,
        kind::BINARY => length(bytes)? + 5,
        kind::REGEX => {
            let pattern = key_length(bytes)? + 1;
            pattern + key_length(&bytes[pattern..])? + 1
        }
        _ => return None,
    };
    (taken <= bytes.len()).then_some(taken)
}

/// How many bytes a string takes with its length and its NUL, both of which must be right.
pub(crate) fn string_length(bytes: &[u8]) -> Option<usize> {
    let taken = length(bytes).filter(|&length| length >= 1)? + 4;
    (bytes.get(taken - 1) == Some(&0)).then_some(taken)
}

/// How many bytes lie in front of the first NUL.
fn key_length(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == 0)
}

impl<'a> Elements<'a> {
    fn read(&mut self) -> Option<Element<'a>> {
        let (&kind, rest) = self.rest.split_first()?;
        let (key, rest) = rest.split_at(key_length(rest)?);
        let rest = &rest[1..];
        let (value, rest) = rest.split_at(value_length(kind, rest)?);
        self.rest = rest;
        Some(Element { kind, key, value })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() && !self.corrupt {
            return None;
        }
        if let Some(element) = self.read() {
            return Some(Ok(element));
        }
        *self = Self {
            rest: &[],
            corrupt: false,
        };
        Some(Err(corrupt()))
    }
}

impl std::iter::FusedIterator for Elements<'_> {}

/// The error for bytes that are not BSON.
pub(crate) fn corrupt() -> Error {
    Error::Serialization("the stored session is not valid BSON".to_owned())
}
