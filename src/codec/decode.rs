//! BSON bytes to JSON text.

use std::io::Write as _;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::error::Result;
use crate::expiry::MAX_DATE_MS;

use super::escape::{Role, hex, to_json};
use super::number;
use super::raw::{BINARY_OLD, Element, Writer, corrupt, distinct, elements, fixed, index, kind};
use super::validate::repeated_length;
use super::{MAX_DEPTH, too_deep};

/// A session as JavaScript takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json {
    /// What `JSON.parse` reads.
    pub text: String,
    /// The values to put in the place of `null`s, or nothing; see [the module](super).
    pub specials: String,
}

/// Turns one whole BSON document into JSON text. Of equal keys it has the first.
///
/// # Errors
///
/// [`Error::Serialization`](crate::error::Error::Serialization) if the bytes are not BSON or are
/// nested more than [`MAX_DEPTH`] levels deep.
pub fn decode(document: &[u8]) -> Result<Json> {
    let mut json = JsonWriter::with_capacity(document.len() + document.len() / 8);
    json.start_object();
    for element in distinct(document) {
        json.element(element?)?;
    }
    json.end_object();
    Ok(json.finish())
}

/// Where a field lies in a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The opening quote of its key.
    pub key: usize,
    /// The beginning of its value, behind the colon.
    pub value: usize,
    /// The end of its value.
    pub end: usize,
}

/// Writes one JSON object from BSON elements, for a session that is put together from parts.
#[derive(Debug, Default)]
pub struct JsonWriter {
    /// The text, where each value has a comma behind it until its container ends. It is UTF-8 as
    /// far as the BSON is.
    text: Vec<u8>,
    /// The list of specials without its last bracket, likewise.
    specials: Vec<u8>,
    /// How many fields the root has.
    fields: usize,
    /// How many nulls the last of them has.
    nulls: usize,
    /// The way from the root to the innermost open object or array.
    path: Vec<Step>,
    /// How many steps of it the last special value in the list has gone, too.
    shared: usize,
    /// Whether any key is written with an escape.
    has_escaped_keys: bool,
    /// Whether 64-bit integers are those that JavaScript calls `BigInt`.
    has_bigints: bool,
}

/// One step on the way from the root to a value.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Where the key stands in the text, in its quotes: a path needs it in the same notation.
    Key {
        start: usize,
        end: usize,
    },
    Index(usize),
}

impl JsonWriter {
    /// A writer without any text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with room for `capacity` bytes of text. What a document takes as BSON is mostly
    /// enough.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            text: Vec::with_capacity(capacity),
            ..Self::default()
        }
    }

    /// Says whether 64-bit integers are what JavaScript calls `BigInt`, and not numbers.
    pub fn set_bigints(&mut self, has_bigints: bool) {
        self.has_bigints = has_bigints;
    }

    /// Opens the root. Every other call but [`finish`](Self::finish) comes between this one and
    /// the last [`end_object`](Self::end_object).
    pub fn start_object(&mut self) {
        self.text.push(b'{');
    }

    /// Opens an object under `key` inside the open object.
    pub fn start_object_at(&mut self, key: &[u8]) {
        let step = self.key(key);
        self.text.push(b'{');
        self.path.push(step);
    }

    /// Closes the innermost open object.
    pub fn end_object(&mut self) {
        self.end(b'}');
    }

    /// Writes an element with its key inside the open object, and answers where in the text the key
    /// and the value lie.
    ///
    /// # Errors
    ///
    /// [`Error::Serialization`](crate::error::Error::Serialization) if its bytes are not BSON or
    /// are nested too deeply. The text is then of no use any more.
    pub fn element(&mut self, element: Element<'_>) -> Result<Place> {
        let key = self.text.len();
        let step = self.key(element.key);
        let value = self.text.len();
        self.value(element, step)?;
        // Without the comma.
        let end = self.text.len() - 1;
        Ok(Place { key, value, end })
    }

    /// Writes a null inside the open object.
    pub fn null(&mut self, key: &str) {
        self.key(key.as_bytes());
        self.push_null();
        self.text.push(b',');
    }

    /// How many bytes of text are written so far.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "only a writer that was not started has none"
    )]
    pub fn len(&self) -> usize {
        self.text.len() - usize::from(self.text.ends_with(b","))
    }

    /// Returns what is written. Bytes that are not UTF-8 have become U+FFFD. In front of a text in which a
    /// key has an escape there is a space.
    #[must_use]
    pub fn finish(mut self) -> Json {
        self.text.pop_if(|byte| *byte == b',');
        if self.has_escaped_keys {
            self.text.insert(0, b' ');
        }
        if let Some(comma) = self.specials.last_mut() {
            *comma = b']';
        }
        Json {
            text: into_text(self.text),
            specials: into_text(self.specials),
        }
    }

    fn key(&mut self, key: &[u8]) -> Step {
        if self.path.is_empty() {
            self.fields += 1;
            self.nulls = 0;
        }
        let start = self.text.len();
        self.text.push(b'"');
        to_json(key, Role::Key, &mut self.text);
        self.has_escaped_keys |= self.text[start..].contains(&b'\\');
        self.text.extend_from_slice(b"\":");
        let end = self.text.len() - 1;
        Step::Key { start, end }
    }

    fn end(&mut self, bracket: u8) {
        self.path.pop();
        self.shared = self.shared.min(self.path.len());
        match self.text.last_mut() {
            Some(comma) if *comma == b',' => *comma = bracket,
            _ => self.text.push(bracket),
        }
        self.text.push(b',');
    }

    /// Writes a value and its comma. `step` leads to it from the innermost open container.
    fn value(&mut self, element: Element<'_>, step: Step) -> Result<()> {
        match element.kind {
            kind::STRING => {
                let text = element
                    .value
                    .get(4..element.value.len().saturating_sub(1))
                    .ok_or_else(corrupt)?;
                self.text.push(b'"');
                to_json(text, Role::Value, &mut self.text);
                self.text.push(b'"');
            }
            kind::INT32 => number::integer(&mut self.text, element.as_i64().ok_or_else(corrupt)?),
            kind::BOOLEAN => {
                let value = element.as_bool().ok_or_else(corrupt)?;
                self.text
                    .extend_from_slice(if value { b"true" } else { b"false" });
            }
            kind::NULL | kind::UNDEFINED => self.push_null(),
            kind::DOCUMENT => {
                self.enter(b'{', step)?;
                for element in distinct(element.value) {
                    self.element(element?)?;
                }
                self.end(b'}');
                return Ok(());
            }
            kind::ARRAY => {
                self.enter(b'[', step)?;
                for (position, element) in elements(element.value).enumerate() {
                    self.value(element?, Step::Index(position))?;
                }
                self.end(b']');
                return Ok(());
            }
            kind::DOUBLE => {
                let bytes = fixed(element.value).ok_or_else(corrupt)?;
                let value = f64::from_le_bytes(bytes);
                if value.is_finite() {
                    number::double(&mut self.text, value);
                } else {
                    self.special(element, step)?;
                }
            }
            _ => self.special(element, step)?,
        }
        self.text.push(b',');
        Ok(())
    }

    /// Opens an object or array below the root.
    fn enter(&mut self, bracket: u8, step: Step) -> Result<()> {
        self.path.push(step);
        // The root has no step.
        if self.path.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.text.push(bracket);
        Ok(())
    }

    fn push_null(&mut self) {
        self.nulls += 1;
        self.text.extend_from_slice(b"null");
    }

    /// Writes a null into the text and the value into the list beside it.
    fn special(&mut self, element: Element<'_>, step: Step) -> Result<()> {
        let ordinal = self.nulls;
        self.push_null();
        let out = &mut self.specials;
        if out.is_empty() {
            out.push(b'[');
        }
        out.extend_from_slice(index(self.fields.saturating_sub(1)).as_bytes());
        out.push(b',');
        out.extend_from_slice(index(ordinal).as_bytes());
        out.push(b',');
        path(out, &self.text, self.shared, &self.path, step);
        self.shared = self.path.len();
        if self.has_bigints && element.kind == kind::INT64 {
            let value = element.as_i64().ok_or_else(corrupt)?;
            // Writing to memory does not fail.
            let _infallible = write!(out, r#""bigint","{value}""#);
        } else {
            payload(out, element).ok_or_else(corrupt)?;
        }
        out.push(b',');
        Ok(())
    }
}

/// Writes the path to a special value and a comma. The steps that it shares with the one before are
/// only counted: a long key above many values would otherwise be repeated for each of them.
fn path(out: &mut Vec<u8>, text: &[u8], shared: usize, containers: &[Step], last: Step) {
    out.push(b'[');
    out.extend_from_slice(index(shared).as_bytes());
    for step in containers[shared..].iter().chain([&last]) {
        out.push(b',');
        match *step {
            Step::Key { start, end } => out.extend_from_slice(&text[start..end]),
            Step::Index(position) => out.extend_from_slice(index(position).as_bytes()),
        }
    }
    out.extend_from_slice(b"],");
}

/// Writes the type and the payload of a special value; `None` if its bytes do not suit its kind.
fn payload(out: &mut Vec<u8>, element: Element<'_>) -> Option<()> {
    let written = match element.kind {
        kind::DATE if element.as_date()?.unsigned_abs() <= MAX_DATE_MS.unsigned_abs() => {
            write!(out, r#""date",{}"#, element.as_date()?)
        }
        kind::INT64 => write!(out, r#""int64","{}""#, element.as_i64()?),
        kind::DOUBLE => {
            let name = match f64::from_le_bytes(fixed(element.value)?) {
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ => "NaN",
            };
            write!(out, r#""double","{name}""#)
        }
        kind::OBJECT_ID => {
            out.extend_from_slice(br#""objectId",""#);
            for byte in element.value {
                let [.., high, low] = hex(u16::from(*byte));
                out.extend_from_slice(&[high, low]);
            }
            out.push(b'"');
            return Some(());
        }
        kind::BINARY => {
            let subtype = *element.value.get(4)?;
            let bytes = match subtype {
                BINARY_OLD => repeated_length(element.value)?,
                _ => &element.value[5..],
            };
            let bytes = Base64Display::new(bytes, &BASE64);
            write!(out, r#""binary","{subtype:02x}{bytes}""#)
        }
        kind => {
            let mut document = Writer::with_capacity(element.value.len() + 7);
            document.value("", kind, element.value);
            let document = document.finish();
            let document = Base64Display::new(&document, &BASE64);
            write!(out, r#""bson","{document}""#)
        }
    };
    written.ok()
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
