//! What sessions are sorted by: single values, in MongoDB's order. What other programs have put in their place,
//! such as an array, stands for itself alone, behind all of them.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::compare::{Class, class, compare, is_nan};
use crate::codec::raw::{self, Element, Writer, kind};
use crate::error::{Error, Result};

/// A value that sessions are sorted by. What is missing counts as null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortValue {
    kind: u8,
    bytes: Vec<u8>,
}

/// What MongoDB calls the types of such values but for null, in their order.
const TYPES: [(Class, &str); 5] = [
    (Class::Number, "number"),
    (Class::Text, "string"),
    (Class::ObjectId, "objectId"),
    (Class::Boolean, "bool"),
    (Class::Date, "date"),
];

/// What MongoDB calls the types of what stands in the place of such a value. An array has those of its elements,
/// too.
pub const OTHER_TYPES: [&str; 11] = [
    "undefined",
    "array",
    "object",
    "binData",
    "timestamp",
    "regex",
    "javascript",
    "javascriptWithScope",
    "dbPointer",
    "minKey",
    "maxKey",
];

impl SortValue {
    /// Whatever is no value that sessions are sorted by.
    #[must_use]
    pub const fn other() -> Self {
        Self {
            kind: kind::MAX_KEY,
            bytes: Vec::new(),
        }
    }

    /// That of a field, if there is one. A whole number is the same however it is stored.
    #[must_use]
    pub fn of(field: Option<Element<'_>>) -> Self {
        let Some(field) = field else {
            return Self {
                kind: kind::NULL,
                bytes: Vec::new(),
            };
        };
        let class = class(field.kind);
        if class != Class::Null && !is_known(class) {
            return Self::other();
        }
        match field.as_i64() {
            Some(whole) => Self {
                kind: kind::INT64,
                bytes: whole.to_le_bytes().to_vec(),
            },
            None => Self {
                kind: field.kind,
                bytes: field.value.to_vec(),
            },
        }
    }

    /// The value of a text that [`text`](Self::text) has made.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] for any other text: it may come from a browser.
    pub fn parse(text: &str) -> Result<Self> {
        let foreign =
            || Error::Filter("the option 'after' is none that this store has given out".to_owned());
        let bytes = BASE64.decode(text).map_err(|_| foreign())?;
        let (kind, value) = bytes.split_first().ok_or_else(foreign)?;
        let mut document = Writer::new();
        document.value("", *kind, value);
        let document = document.finish();
        let mut elements = raw::elements(&document);
        let element = elements.next().and_then(Result::ok).ok_or_else(foreign)?;
        let class = class(element.kind);
        let is_one = class == Class::Null || class == Class::MaxKey || is_known(class);
        let is_whole = elements.next().is_none() && element.value == value;
        let is_text = class != Class::Text || element.as_str().is_some();
        if is_one && is_whole && is_text {
            Ok(Self::of(Some(element)))
        } else {
            Err(foreign())
        }
    }

    /// The value as a text, which means nothing to anybody else.
    #[must_use]
    pub fn text(&self) -> String {
        BASE64.encode([&[self.kind], &self.bytes[..]].concat())
    }

    /// The order of two values.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        compare(self.element(), other.element())
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        class(self.kind) == Class::Null
    }

    /// Whether it is a number, and one that is none: less than every other number, of which a query knows
    /// nothing.
    #[must_use]
    pub fn is_nan(&self) -> bool {
        is_nan(self.element())
    }

    /// Whether it is a number that is one.
    #[must_use]
    pub fn is_number(&self) -> bool {
        class(self.kind) == Class::Number && !self.is_nan()
    }

    /// Whether it is no value that sessions are sorted by.
    #[must_use]
    pub fn is_other(&self) -> bool {
        class(self.kind) == Class::MaxKey
    }

    /// What MongoDB calls the types of all values behind those of this one's type: greater ones, or smaller
    /// ones in descending order. Null is none of them.
    pub fn types_behind(&self, descends: bool) -> impl Iterator<Item = &'static str> {
        let own = class(self.kind);
        let is_behind = move |class: Class| if descends { class < own } else { class > own };
        let types = TYPES.into_iter();
        types.filter_map(move |(class, name)| is_behind(class).then_some(name))
    }

    /// Writes it under a key.
    pub fn write(&self, writer: &mut Writer, key: &str) {
        writer.value(key, self.kind, &self.bytes);
    }

    fn element(&self) -> Element<'_> {
        Element {
            kind: self.kind,
            key: b"",
            value: &self.bytes,
        }
    }
}

fn is_known(class: Class) -> bool {
    TYPES.iter().any(|(known, _)| *known == class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Bson, doc, oid::ObjectId};

    fn value(value: impl Into<Bson>) -> SortValue {
        let document = doc! { "v": value.into() }.to_vec().unwrap();
        SortValue::of(raw::find(&document, "v"))
    }

    #[test]
    fn a_value_comes_back_from_its_text() {
        for one in [
            value("ä"),
            value(""),
            value(5),
            value(5.5),
            value(5_i64),
            value(true),
            value(ObjectId::new()),
            value(mongodb::bson::DateTime::from_millis(-1)),
            SortValue::of(None),
            value(Bson::Array(Vec::new())),
            value(mongodb::bson::Timestamp {
                time: 1,
                increment: 1,
            }),
        ] {
            assert_eq!(SortValue::parse(&one.text()).unwrap(), one);
        }
    }

    #[test]
    fn a_text_of_somebody_else_is_refused() {
        let of = |bytes: &[u8]| BASE64.encode(bytes);
        for text in [
            String::new(),
            "!".to_owned(),
            of(&[kind::STRING, 9, 0, 0, 0, b'a', 0]),
            of(&[kind::STRING, 2, 0, 0, 0, 0xFF, 0]),
            of(&[kind::INT32, 1]),
            of(&[kind::INT32, 1, 0, 0, 0, 0]),
            of(&[kind::DOCUMENT, 5, 0, 0, 0, 0]),
            of(&[kind::REGEX, b'a', 0, 0]),
            of(&[kind::NULL, kind::BOOLEAN, b'x', 0, 1]),
        ] {
            let error = SortValue::parse(&text).unwrap_err();
            assert_eq!(error.code(), "ERR_STORE_FILTER");
        }
    }

    #[test]
    fn what_is_no_single_value_is_all_the_same() {
        for one in [
            value(doc! { "a": 1 }),
            value(Bson::Undefined),
            value(Bson::MinKey),
        ] {
            assert!(one.is_other());
            assert_eq!(one, SortValue::other());
        }
        assert!(!value("a").is_other() && !SortValue::of(None).is_other());
    }

    #[test]
    fn types_stand_in_mongodbs_order() {
        let behind =
            |value: SortValue, descends| -> Vec<_> { value.types_behind(descends).collect() };
        assert_eq!(behind(value("a"), false), ["objectId", "bool", "date"]);
        assert_eq!(behind(value("a"), true), ["number"]);
        assert_eq!(behind(SortValue::of(None), true), [""; 0]);
        assert_eq!(behind(SortValue::of(None), false).len(), TYPES.len());
        assert!(SortValue::of(None).compare(&value(0)).is_lt());
        assert!(value("a").compare(&value("b")).is_lt());
    }
}
