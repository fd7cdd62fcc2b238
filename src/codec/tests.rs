//! Tests of the room as a whole. `bson` is the witness: it was written by other hands.

mod decode;
mod encode;
mod hostile;
mod raw;
mod round_trip;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use mongodb::bson::Document;

use crate::error::Error;

/// What `encode` makes of a text.
fn encoded(text: &str, specials: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    super::encode(text, specials, &mut bytes).unwrap_or_else(|error| panic!("{error}: {text}"));
    bytes
}

/// The message with which `encode` refuses a text.
fn refused(text: &str, specials: &str) -> String {
    let mut bytes = b"before".to_vec();
    match super::encode(text, specials, &mut bytes) {
        Err(Error::Serialization(message)) => {
            assert_eq!(bytes, b"before", "the buffer is left as it was");
            message
        }
        other => panic!("{other:?}: {text} {specials}"),
    }
}

/// What `decode` makes of a document: text and specials.
fn decoded(bytes: &[u8]) -> (String, String) {
    let json = super::decode(bytes).unwrap();
    (json.text, json.specials)
}

fn bytes_of(document: &Document) -> Vec<u8> {
    document.to_vec().unwrap()
}

/// An element as the payload of a `"bson"` special.
fn payload(document: &Document) -> String {
    BASE64.encode(bytes_of(document))
}

/// A session of that many levels, the last one an empty array.
fn nested(levels: usize) -> String {
    let objects = levels - 1;
    format!("{}[]{}", r#"{"a":"#.repeat(objects), "}".repeat(objects))
}
