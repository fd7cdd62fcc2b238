//! The values that JSON cannot carry, as they come from JavaScript.

use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{Deserializer as _, Error as _, IgnoredAny, SeqAccess, Visitor};

use crate::error::{Error, Result};

use super::escape::unhex;
use super::raw::stated;
use super::raw::{BINARY_OLD, elements, kind};
use super::validate::levels;

/// The specials of one session, in the order of their `null`s.
#[derive(Debug, Default)]
pub(super) struct Specials {
    entries: std::vec::IntoIter<Entry>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    /// Which field of the session it belongs to, and which `null` of it this replaces.
    place: (usize, usize),
    kind: u8,
    /// Where the value lies in `Specials::bytes`.
    value: Range<usize>,
    /// How many levels of documents and arrays the value adds.
    depth: usize,
}

/// A value that takes the place of a `null`.
pub(super) struct Special<'a> {
    /// Its type in BSON.
    pub kind: u8,
    /// Its bytes there.
    pub value: &'a [u8],
    /// How many levels of documents and arrays it adds.
    pub depth: usize,
}

impl Specials {
    /// Reads the flat list of `field, ordinal, path, type, payload`, or the empty text.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let mut json = serde_json::Deserializer::from_str(text);
        json.deserialize_seq(List)
            .and_then(|specials| json.end().map(|()| specials))
            .map_err(|_| malformed())
    }

    /// The value for the `null` with that number in that field, to be asked for in ascending order.
    pub fn take(&mut self, field: usize, ordinal: usize) -> Option<Special<'_>> {
        if self.entries.as_slice().first()?.place != (field, ordinal) {
            return None;
        }
        let entry = self.entries.next()?;
        Some(Special {
            kind: entry.kind,
            value: &self.bytes[entry.value],
            depth: entry.depth,
        })
    }

    /// Confirms that every value found its `null`.
    pub fn finish(&self) -> Result<()> {
        if self.entries.as_slice().is_empty() {
            Ok(())
        } else {
            Err(malformed())
        }
    }
}

/// The error for a list that does not belong to the text beside it.
fn malformed() -> Error {
    Error::Serialization(
        "the values of the session that JSON cannot hold are not listed correctly".to_owned(),
    )
}

/// Deserializes [`Specials`] straight from the text.
struct List;

impl<'de> Visitor<'de> for List {
    type Value = Specials;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a flat list of field, ordinal, path, type and payload")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Specials, A::Error> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut bytes = Vec::new();
        while let Some(field) = list.next_element()? {
            let place = (field, next(&mut list)?);
            if entries.last().is_some_and(|last| last.place >= place) {
                return Err(A::Error::custom("the places do not ascend"));
            }
            // Only JavaScript needs the path; a pass through the text counts.
            let _path: IgnoredAny = next(&mut list)?;
            let start = bytes.len();
            let (kind, depth) = match next(&mut list)? {
                "date" => {
                    let milliseconds: i64 = next(&mut list)?;
                    bytes.extend_from_slice(&milliseconds.to_le_bytes());
                    (kind::DATE, 0)
                }
                name => append(name, next(&mut list)?, &mut bytes)
                    .ok_or_else(|| A::Error::custom("a payload does not suit its type"))?,
            };
            let value = start..bytes.len();
            entries.push(Entry {
                place,
                kind,
                value,
                depth,
            });
        }
        Ok(Specials {
            entries: entries.into_iter(),
            bytes,
        })
    }
}

fn next<'de, T: serde::Deserialize<'de>, A: SeqAccess<'de>>(list: &mut A) -> Result<T, A::Error> {
    list.next_element()?
        .ok_or_else(|| A::Error::custom("an entry is not complete"))
}

/// Appends the bytes of a value whose payload is a string. Returns its kind and its levels.
fn append(name: &str, payload: &str, out: &mut Vec<u8>) -> Option<(u8, usize)> {
    match name {
        "int64" | "bigint" => {
            out.extend_from_slice(&payload.parse::<i64>().ok()?.to_le_bytes());
            Some((kind::INT64, 0))
        }
        "objectId" => {
            let (pairs, []) = payload.as_bytes().as_chunks::<2>() else {
                return None;
            };
            if pairs.len() != 12 {
                return None;
            }
            for &[high, low] in pairs {
                out.push(u8::try_from(unhex([b'0', b'0', high, low])?).ok()?);
            }
            Some((kind::OBJECT_ID, 0))
        }
        "double" => {
            let number = match payload {
                "NaN" => f64::NAN,
                "Infinity" => f64::INFINITY,
                "-Infinity" => f64::NEG_INFINITY,
                "-0" => -0.0,
                _ => return None,
            };
            out.extend_from_slice(&number.to_le_bytes());
            Some((kind::DOUBLE, 0))
        }
        "binary" => {
            let (subtype, payload) = payload.split_at_checked(2)?;
            let [high, low] = *subtype.as_bytes() else {
                return None;
            };
            let subtype = u8::try_from(unhex([b'0', b'0', high, low])?).ok()?;
            let bytes = BASE64.decode(payload).ok()?;
            if subtype == BINARY_OLD {
                out.extend_from_slice(&stated(bytes.len() + 4));
                out.push(subtype);
                out.extend_from_slice(&stated(bytes.len()));
            } else {
                out.extend_from_slice(&stated(bytes.len()));
                out.push(subtype);
            }
            out.extend_from_slice(&bytes);
            Some((kind::BINARY, 0))
        }
        "bson" => {
            let document = BASE64.decode(payload).ok()?;
            let mut elements = elements(&document);
            let element = elements.next()?.ok()?;
            if !element.key.is_empty() || elements.next().is_some() {
                return None;
            }
            out.extend_from_slice(element.value);
            Some((element.kind, levels(element.kind, element.value)?))
        }
        _ => None,
    }
}
