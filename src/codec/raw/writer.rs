//! Writes one BSON document, element by element.

use crate::error::Result;

use super::element::{Element, kind};

/// Builds one document in memory. [`finish`](Self::finish) closes whatever is still open.
///
/// Keys are written as they are, apart from a NUL, which would end the key early and so becomes
/// what [the codec](crate::codec) puts in its place.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Where the open documents and arrays below the root start, the innermost last.
    open: Vec<usize>,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// A document without elements.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(256)
    }

    /// The same with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity.max(5));
        start(&mut bytes);
        Self {
            bytes,
            open: Vec::new(),
        }
    }

    /// Opens an embedded document, which [`end`](Self::end) closes.
    pub fn start_document(&mut self, key: &str) {
        self.key(kind::DOCUMENT, key.as_bytes());
        self.open.push(start(&mut self.bytes));
    }

    /// Opens an array, which [`end`](Self::end) closes. Its keys are [`index`]es.
    pub fn start_array(&mut self, key: &str) {
        self.key(kind::ARRAY, key.as_bytes());
        self.open.push(start(&mut self.bytes));
    }

    /// Closes the innermost open document or array; the root stays open.
    pub fn end(&mut self) {
        if let Some(start) = self.open.pop() {
            end(&mut self.bytes, start);
        }
    }

    /// Closes the innermost `levels` documents and arrays.
    pub fn end_levels(&mut self, levels: usize) {
        for _ in 0..levels {
            self.end();
        }
    }

    /// Writes a string.
    pub fn string(&mut self, key: &str, value: &str) {
        self.key(kind::STRING, key.as_bytes());
        let length = stated(value.len() + 1);
        self.bytes.extend_from_slice(&length);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
    }

    /// Writes a date in milliseconds since the epoch.
    pub fn date(&mut self, key: &str, milliseconds: i64) {
        self.value(key, kind::DATE, &milliseconds.to_le_bytes());
    }

    /// Writes a 32-bit integer.
    pub fn int32(&mut self, key: &str, value: i32) {
        self.value(key, kind::INT32, &value.to_le_bytes());
    }

    /// Writes a 64-bit integer.
    pub fn int64(&mut self, key: &str, value: i64) {
        self.value(key, kind::INT64, &value.to_le_bytes());
    }

    /// Writes a double.
    pub fn double(&mut self, key: &str, value: f64) {
        self.value(key, kind::DOUBLE, &value.to_le_bytes());
    }

    /// Writes a boolean.
    pub fn boolean(&mut self, key: &str, value: bool) {
        self.value(key, kind::BOOLEAN, &[u8::from(value)]);
    }

    /// Writes a null.
    pub fn null(&mut self, key: &str) {
        self.value(key, kind::NULL, &[]);
    }

    /// Embeds a whole document.
    pub fn document(&mut self, key: &str, document: &[u8]) {
        self.value(key, kind::DOCUMENT, document);
    }

    /// Embeds the one document that `append` appends, such as [`encode`](super::encode()), without
    /// a buffer in between.
    ///
    /// # Errors
    ///
    /// Those of `append`; the element is then left out.
    pub fn document_with(
        &mut self,
        key: &str,
        append: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let before = self.bytes.len();
        self.key(kind::DOCUMENT, key.as_bytes());
        append(&mut self.bytes).inspect_err(|_| self.bytes.truncate(before))
    }

    /// Copies an element as it is.
    pub fn element(&mut self, element: Element<'_>) {
        self.key(element.kind, element.key);
        self.bytes.extend_from_slice(element.value);
    }

    /// Writes a value of any kind from its bytes, which are not checked.
    pub fn value(&mut self, key: &str, kind: u8, value: &[u8]) {
        self.key(kind, key.as_bytes());
        self.bytes.extend_from_slice(value);
    }

    /// How many bytes are written so far. Every open document, the root included, takes one more
    /// when it is closed.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a document always has its length in front, so it is never empty"
    )]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Closes what is open and returns the document.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.end();
        }
        end(&mut self.bytes, 0);
        self.bytes
    }

    fn key(&mut self, kind: u8, key: &[u8]) {
        self.bytes.push(kind);
        if key.contains(&0) {
            for &byte in key {
                match byte {
                    0 => self
                        .bytes
                        .extend_from_slice(crate::codec::escape::NUL_IN_KEY.as_bytes()),
                    _ => self.bytes.push(byte),
                }
            }
        } else {
            self.bytes.extend_from_slice(key);
        }
        self.bytes.push(0);
    }
}

/// Begins a document at the end of `bytes` and returns where it starts.
pub(crate) fn start(bytes: &mut Vec<u8>) -> usize {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    start
}

/// Ends the document that starts at `start`.
pub(crate) fn end(bytes: &mut Vec<u8>, start: usize) {
    bytes.push(0);
    let length = stated(bytes.len() - start);
    bytes[start..start + 4].copy_from_slice(&length);
}

/// A length as BSON states it. What does not fit is far beyond what MongoDB takes, and is refused
/// by its size before it is sent.
pub(crate) fn stated(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap_or(i32::MAX).to_le_bytes()
}

/// The key of the array element at that position, written without an allocation.
#[must_use]
pub fn index(position: usize) -> Index {
    let mut digits = [0; 20];
    let mut first = digits.len();
    let mut rest = position;
    loop {
        first -= 1;
        // A remainder of ten is a digit.
        digits[first] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            return Index { digits, first };
        }
    }
}

/// A position in an array as decimal digits. See [`index`].
#[derive(Clone, Copy, Debug)]
pub struct Index {
    digits: [u8; 20],
    first: usize,
}

impl Index {
    /// The digits as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[self.first..]
    }
}

impl std::ops::Deref for Index {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl AsRef<str> for Index {
    fn as_ref(&self) -> &str {
        self
    }
}
