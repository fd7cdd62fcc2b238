//! What must hold for any bytes, as one function for each fuzz target. Each panics when it does not.
//!
//! `src/hostile.rs` runs the same functions in `cargo test`, on the seed corpus and on mutations
//! of it. The witness is `bson`, which was written by other hands.

use std::collections::{BTreeMap, HashSet};

use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument};
use mongodb_session_store::codec::{self, Json, Place, raw};
use mongodb_session_store::document::{Encoding, Layout, Loaded, Reader, Reading};
use mongodb_session_store::error::Error;
use mongodb_session_store::merge;
use serde::de::IgnoredAny;
use serde_json::Value;

/// A session from JavaScript: the text up to the first line feed, and behind it the values that
/// JSON cannot hold. What is written is BSON of the same meaning, and reads as it was.
pub fn encode(input: &[u8]) {
    let input = String::from_utf8_lossy(input);
    let (text, specials) = input.split_once('\n').unwrap_or((&input, ""));
    let mut bytes = b"before".to_vec();
    let value = serde_json::from_str::<Value>(text).ok();
    match codec::encode(text, specials, &mut bytes) {
        Ok(()) => {
            let bytes = bytes.strip_prefix(b"before").expect("what was there stays");
            Document::from_reader(bytes).expect("the witness reads what was written");
            let json = codec::decode(bytes).expect("what was written can be read");
            assert_is_json(&json);
            // Of equal keys the first is read.
            if repeats(bytes) {
                return;
            }
            assert_reads_alike(&json, bytes);
            if let Some(value) = value {
                let read = serde_json::from_str(&json.text).expect("a text of the same depth");
                assert!(is_same(&value, &read), "{value} {read}");
            }
        }
        Err(error) => {
            assert_eq!(bytes, b"before", "a refused session leaves no trace");
            assert!(matches!(error, Error::Serialization(_)));
            let is_session = value.is_some_and(|value| value.is_object());
            assert!(!is_session || !specials.is_empty(), "refused: {text}");
        }
    }
}

/// A stored session as bytes. What is read can be written again, and is the same then.
pub fn decode(input: &[u8]) {
    let witness = witness(input);
    match codec::decode(input) {
        Ok(json) => {
            assert_is_json(&json);
            let mut bytes = Vec::new();
            let written = codec::encode(&json.text, &json.specials, &mut bytes);
            if written.is_ok() {
                assert_reads_alike(&json, &bytes);
            }
            if let Witness::Reads(expected) = witness {
                written.expect("what the witness reads can be written again");
                assert_eq!(bytes, expected.to_vec().expect("it was BSON"));
            }
        }
        Err(error) => assert_is_refused_rightly(&error, &witness),
    }
}

/// A stored document as bytes: a live one is JSON that JavaScript can take apart.
pub fn document(input: &[u8]) {
    let layout = Layout::default();
    let read = |now_ms| Reader::new(&layout, now_ms).read(input);
    match read(0) {
        Ok(Reading::Live(loaded)) => assert_can_be_taken_apart(&loaded),
        Ok(Reading::Gone | Reading::Renewed(_) | Reading::Foreign) => {}
        Err(error) => assert_is_refused_rightly(&error, &witness(input)),
    }
    // At the end of time, whatever can expire has expired, and is not looked at any more.
    if let (Ok(Reading::Gone), Ok(later)) = (read(0), read(i64::MAX)) {
        assert!(matches!(later, Reading::Gone));
    }
    let _id = layout.id_of(input);
}

/// Documents behind one another: the states that a session may be in, and last the one to be saved.
/// The difference turns each of the states into the session.
pub fn merge(input: &[u8]) {
    let mut documents = documents(input);
    let Some(session) = documents.pop() else {
        return;
    };
    let states = documents;
    let Ok(difference) = merge::difference(&states, &session) else {
        let all = states.iter().chain([&session]);
        let mut witnesses = all.map(|state| RawDocument::from_bytes(state).map(top_level));
        assert!(witnesses.any(|fields| !matches!(fields, Ok(Some(_)))));
        return;
    };
    for state in &states {
        let merged = merge::apply(&difference, state).expect("the state was read before");
        if let (Some(merged), Some(expected)) = (fields(&merged), fields(&session))
            && fields(state).is_some()
        {
            assert_eq!(merged, expected);
        }
    }
}

/// The bytes as documents, each as long as it says. What is left is one more.
fn documents(mut input: &[u8]) -> Vec<Vec<u8>> {
    let mut documents = Vec::new();
    while let Some(length) = input.first_chunk().copied().map(u32::from_le_bytes)
        && let Some((document, rest)) = input.split_at_checked(length as usize)
        && length > 0
        && documents.len() < 8
    {
        documents.push(document.to_vec());
        input = rest;
    }
    if !input.is_empty() {
        documents.push(input.to_vec());
    }
    documents
}

type Fields = BTreeMap<Vec<u8>, (u8, Vec<u8>)>;

/// The elements by their keys; `None` if a key occurs twice, which no difference can be told of.
fn fields(document: &[u8]) -> Option<Fields> {
    let mut fields = Fields::new();
    for element in raw::elements(document) {
        let element = element.expect("it was read before");
        let value = (element.kind, element.value.to_vec());
        if fields.insert(element.key.to_vec(), value).is_some() {
            return None;
        }
    }
    Some(fields)
}

/// Whether a document, or one inside it, holds two elements of one key.
fn repeats(document: &[u8]) -> bool {
    raw::elements(document).count() != raw::distinct(document).count()
        || raw::elements(document)
            .flatten()
            .any(|element| repeats_inside(&element))
}

fn repeats_inside(element: &raw::Element<'_>) -> bool {
    let each = |array| raw::elements(array).flatten();
    element.as_document().is_some_and(repeats)
        || element
            .as_array()
            .is_some_and(|array| each(array).any(|one| repeats_inside(&one)))
}

/// How many elements the witness finds at the top level; `None` if it does not find them all.
fn top_level(document: &RawDocument) -> Option<usize> {
    document
        .iter_elements()
        .try_fold(0, |count, element| element.is_ok().then_some(count + 1))
}

/// `json` is what `bytes` read as, and those are what it is written as.
fn assert_reads_alike(json: &Json, bytes: &[u8]) {
    assert_is_json(json);
    assert_eq!(&codec::decode(bytes).expect("it was written"), json);
    let mut again = Vec::new();
    codec::encode(&json.text, &json.specials, &mut again).expect("it was read");
    assert_eq!(again, bytes);
}

fn assert_is_json(json: &Json) {
    serde_json::from_str::<IgnoredAny>(&json.text).expect("the text is JSON");
    if !json.specials.is_empty() {
        let entries = serde_json::from_str::<Vec<IgnoredAny>>(&json.specials);
        assert_eq!(entries.expect("the specials are JSON").len() % 5, 0);
    }
}

fn assert_can_be_taken_apart(loaded: &Loaded) {
    let moment = loaded.cookie_expires_ms.unwrap_or_default();
    assert!(moment.abs() <= 8_640_000_000_000_000, "a Date can hold it");
    if loaded.encoding == Encoding::Text {
        // JavaScript's to read, as it is.
        return;
    }
    assert_is_json(&loaded.json);
    let units: Vec<u16> = loaded.json.text.encode_utf16().collect();
    let slice = |from: usize, to: usize| String::from_utf16(&units[from..to]).expect("whole text");
    for &Place { key, value, end } in &loaded.places {
        assert_eq!(slice(value - 1, value), ":");
        let key = slice(key, value - 1);
        assert!(key.starts_with('"'), "{key}");
        for part in [key, slice(value, end)] {
            serde_json::from_str::<IgnoredAny>(&part).expect("each part is JSON");
        }
    }
}

fn assert_is_refused_rightly(error: &Error, witness: &Witness) {
    assert!(matches!(error, Error::Serialization(_)));
    let is_deep = error.to_string().contains("levels deep");
    assert!(is_deep || matches!(witness, Witness::Refuses), "{error}");
}

/// What the witness has to say about a document.
enum Witness {
    /// It is no BSON.
    Refuses,
    /// It is this, as this crate writes it.
    Reads(Document),
    /// It is BSON that this crate writes as something else.
    Cannot,
}

fn witness(bytes: &[u8]) -> Witness {
    match RawDocument::from_bytes(bytes) {
        Ok(document) if Document::from_reader(bytes).is_ok() => {
            rewritten(document).map_or(Witness::Cannot, Witness::Reads)
        }
        _ => Witness::Refuses,
    }
}

fn rewritten(document: &RawDocument) -> Option<Document> {
    let mut keys = HashSet::new();
    let mut copy = Document::new();
    for element in document {
        let (key, value) = element.ok()?;
        let key = key.as_str();
        // Of equal keys the witness keeps one. A mark is read as what it stands for.
        if !keys.insert(key) || key.contains('\u{FDD0}') {
            return None;
        }
        copy.insert(key, rewritten_value(value)?);
    }
    Some(copy)
}

fn rewritten_value(value: RawBsonRef<'_>) -> Option<Bson> {
    Some(match value {
        RawBsonRef::Document(document) => Bson::Document(rewritten(document)?),
        RawBsonRef::Array(array) => {
            let values = array.into_iter().map(|value| rewritten_value(value.ok()?));
            Bson::Array(values.collect::<Option<_>>()?)
        }
        RawBsonRef::String(text) if text.contains('\u{FDD0}') => return None,
        RawBsonRef::Undefined => Bson::Null,
        // The witness sorts the options.
        RawBsonRef::RegularExpression(regex) if !regex.options.as_str().bytes().is_sorted() => {
            return None;
        }
        RawBsonRef::Double(number) => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a cast that changes the number is noticed"
            )]
            let integer = number as i32;
            if f64::from(integer).to_bits() == number.to_bits() {
                Bson::Int32(integer)
            } else if number.is_nan() {
                // There is one NaN in JavaScript.
                Bson::Double(f64::NAN)
            } else {
                Bson::Double(number)
            }
        }
        value => value.try_into().ok()?,
    })
}

/// Whether two texts mean the same. Numbers may differ a little: `serde_json` does not read all of
/// them exactly.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64(), other.as_f64());
            let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
            (one - other).abs() <= one.abs() * 1e-14
                && one.is_sign_negative() == other.is_sign_negative()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(key, value)| other.get(key).is_some_and(|other| is_same(value, other));
            one.len() == other.len() && one.iter().all(same)
        }
        // What stands in the place of a null may be listed beside the text.
        _ => one.is_null() || one == other,
    }
}
