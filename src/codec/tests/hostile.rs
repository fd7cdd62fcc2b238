use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Binary, DateTime, JavaScriptCodeWithScope, Regex, doc, spec::BinarySubtype};
use proptest::prelude::*;

use super::super::raw::{elements, find};
use super::super::{decode, encode};
use super::{bytes_of, encoded};

/// One document with every shape of length that BSON knows.
fn sample() -> Vec<u8> {
    bytes_of(&doc! {
        "s": "text", "d": DateTime::from_millis(1), "i": 1, "l": [1, 2.5, [true, null]],
        "o": { "oid": ObjectId::from_bytes([1; 12]), "n": i64::MIN },
        "b": Binary { subtype: BinarySubtype::BinaryOld, bytes: vec![1, 2, 3] },
        "r": Regex { pattern: "a".try_into().unwrap(), options: "i".try_into().unwrap() },
        "c": JavaScriptCodeWithScope { code: "f".to_owned(), scope: doc! { "x": 1 } },
    })
}

/// Reads everything that can be read.
fn read(bytes: &[u8]) {
    let _json = decode(bytes);
    let _element = find(bytes, "o");
    for element in elements(bytes).filter_map(Result::ok) {
        let _text = (
            element.as_str(),
            element.as_date(),
            element.as_bool(),
            element.as_i64(),
        );
        let _nested = element.as_document().map(|nested| elements(nested).count());
    }
}

#[test]
fn a_truncated_document_is_refused() {
    let bytes = sample();
    assert!(decode(&bytes).is_ok());
    for end in 0..bytes.len() {
        assert!(decode(&bytes[..end]).is_err(), "{end}");
        // The same with a length that says so.
        if let Ok(length) = i32::try_from(end)
            && end > 5
        {
            let mut bytes = bytes[..end].to_vec();
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            read(&bytes);
        }
    }
}

#[test]
fn a_truncated_text_is_refused() {
    let text = r#"{"a":[1,-2.5e3,"x\n\ud83d\ude00é",true,false,null],"b":{"c":{}}}"#;
    let mut out = Vec::new();
    for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
        assert!(encode(&text[..end], "", &mut out).is_err(), "{end}");
        assert!(out.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
        let mut framed = i32::try_from(bytes.len() + 5).unwrap().to_le_bytes().to_vec();
        framed.extend_from_slice(&bytes);
        framed.push(0);
        read(&framed);
    }

    #[test]
    fn a_changed_document_has_an_answer(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut bytes = sample();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        read(&bytes);
    }

    #[test]
    fn any_text_has_an_answer(text in any::<String>(), specials in any::<String>()) {
        let mut out = Vec::new();
        let _result = encode(&text, &specials, &mut out);
        let _result = encode("{\"a\":null}", &specials, &mut out);
    }

    #[test]
    fn text_that_looks_like_json_has_an_answer(
        text in "[{]([\\[\\]{},:\"\\\\eE.u0d8-]|null|true|false|\"a\":|\\\\ud83d){0,30}[}]"
    ) {
        let mut out = Vec::new();
        // Both parsers accept the same, lone surrogates aside.
        let other = serde_json::from_str::<serde_json::Value>(&text);
        if encode(&text, "", &mut out).is_ok() {
            prop_assert!(other.is_ok() || text.contains("\\ud"));
            prop_assert!(decode(&out).is_ok());
        } else {
            prop_assert!(other.is_err());
            prop_assert!(out.is_empty());
        }
    }

    #[test]
    fn any_payload_has_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        use base64::Engine as _;
        let mut document = i32::try_from(bytes.len() + 5).unwrap().to_le_bytes().to_vec();
        document.extend_from_slice(&bytes);
        document.push(0);
        let special = format!(r#"[0,0,0,"bson","{}"]"#, super::BASE64.encode(&document));
        let mut out = Vec::new();
        if encode("{\"a\":null}", &special, &mut out).is_ok() {
            prop_assert!(decode(&out).is_ok());
        }
    }
}

#[test]
fn the_buffer_keeps_what_is_in_front() {
    let mut out = b"before".to_vec();
    encode("{}", "", &mut out).unwrap();
    assert_eq!(out, [b"before".as_slice(), &encoded("{}", "")].concat());
}
