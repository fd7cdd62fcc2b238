//! Transcodes a session between JSON text and BSON bytes, in one pass and without a tree in
//! between.
//!
//! JavaScript hands a session over as what `JSON.stringify` writes and takes it back through
//! `JSON.parse`; both are the fastest way that V8 has. [`encode()`] turns the text into one BSON
//! document, [`decode()`] turns a document into text, and so does a [`JsonWriter`] for a session
//! that is put together from parts.
//!
//! # What JSON cannot carry
//!
//! A value that JSON has no notation for stands as `null` in the text and travels beside it, in a
//! second text named `specials`. That is empty, or a flat JSON array with five entries for each of
//! them, `field, ordinal, path, type, payload`:
//!
//! | type | payload | BSON |
//! |---|---|---|
//! | `"date"` | milliseconds since the epoch, as far as a `Date` goes, a number | UTC datetime |
//! | `"int64"` | decimal digits, a string | int64 |
//! | `"bigint"` | the same of what JavaScript calls a `BigInt` | int64 |
//! | `"double"` | `"NaN"`, `"Infinity"`, `"-Infinity"` or `"-0"` | double |
//! | `"objectId"` | 24 lower-case hex digits, a string | `ObjectId` |
//! | `"binary"` | the subtype as two lower-case hex digits, then the bytes in base64 | binary |
//! | `"bson"` | a document with this one element under the empty key, in base64 | any kind |
//!
//! `field` is the number of the field of the session in the text, counted from 0, and `ordinal` that of
//! the `null` in this field, likewise: a single pass through the text meets them, and what belongs to a
//! field stays the same whatever fields come before it. `path` is what JavaScript can patch after `JSON.parse`, whose objects
//! may have another order than the text: an array of how many steps are the first ones of the path
//! before, and of the keys and indices behind these. On the way in it is `0` and passed over. So what
//! [`decode`] has written, [`encode`] can read.
//!
//! # Keys with escapes
//!
//! Some versions of V8 read a key with an escape as another one that they have seen before
//! (<https://github.com/nodejs/node/issues/63785>). A text from [`decode()`] in which a key has one begins
//! with a space, by which JavaScript knows that it has to read it in its own way.
//!
//! # Numbers
//!
//! An integer that fits into 32 bits becomes an int32, every other number a double, `-0` included.
//! This is what the official Node driver does with a JavaScript number: see `serializeNumber` in
//! <https://github.com/mongodb/js-bson/blob/main/src/parser/serializer.ts>. The other kinds are
//! those of <https://bsonspec.org/spec.html>.
//!
//! # Strings and keys that BSON cannot hold
//!
//! All text in BSON is UTF-8, and a key ends at its first NUL. A JavaScript string is any sequence
//! of UTF-16 code units, though, so one rule covers the rest: the noncharacter U+FDD0 followed by
//! four lower-case hex digits stands for that code unit. It is used for
//!
//! - a lone surrogate, in keys and strings: U+FDD0 `d800` to U+FDD0 `dfff`;
//! - a NUL in a key: U+FDD0 `0000`. In a string a NUL is legal and stays;
//! - U+FDD0 itself, in keys and strings: U+FDD0 `fdd0`.
//!
//! Any other U+FDD0 in a stored document stays what it is. Unicode sets noncharacters aside for
//! such internal use, so the text of people and programs does not change.

mod decode;
mod encode;
mod escape;
mod number;
pub mod raw;
mod specials;
mod validate;

#[cfg(test)]
mod tests;

pub use decode::{Json, JsonWriter, Place, decode};
pub use encode::encode;

use crate::error::Error;

/// How many levels of objects and arrays a session may have, itself included.
///
/// MongoDB 6 was seen to store one more, two if the innermost level is empty; the margin is for the
/// levels that an update adds around a session.
pub const MAX_DEPTH: usize = 178;

/// The error for a session of more than [`MAX_DEPTH`] levels, in either direction.
fn too_deep() -> Error {
    Error::Serialization(format!(
        "the session is nested more than {MAX_DEPTH} levels deep, more than can be stored"
    ))
}
