use std::collections::HashSet;

use mongodb::bson::{Bson, Document};
use proptest::prelude::*;

use super::super::decode;
use super::{bytes_of, encoded};

/// A piece of a JSON string as `JSON.stringify` writes it.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[ -!#-\\[\\]-~]{0,20}",
        3 => "[^\u{0}-\u{1f}\"\\\\]{0,4}",
        1 => prop::sample::select(vec![
            "\\\"", "\\\\", "\\b", "\\t", "\\n", "\\f", "\\r", "\\u0000", "\\u0001", "\\u001f",
            "\u{FDD0}", "\u{FDD0}0000", "\u{FDD0}d800", "\u{FDD0}fdd0", "0000", "fdd0", "d800",
            "\u{7f}", "\u{2028}", "😀", "é", "ｆ", "\u{FFFD}", "\u{FFFF}",
        ]).prop_map(str::to_owned),
        1 => (0xD800_u16..=0xDFFF).prop_map(|unit| format!("\\u{unit:04x}x")),
        // Two low halves, or a low and a high one, are no pair either.
        1 => (0xDC00_u16..=0xDFFF, 0xD800_u16..=0xDFFF)
            .prop_map(|(low, other)| format!("\\u{low:04x}\\u{other:04x}-")),
    ]
}

fn string() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => string(),
        1 => prop::sample::select(vec!["", "__proto__", "a.b", "$x", "0", "constructor"])
            .prop_map(|key| format!("\"{key}\"")),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        (-(1_i64 << 53)..1 << 53).prop_map(|number| number.to_string()),
        (any::<i32>(), 1..1000).prop_map(|(a, b)| {
            let number = f64::from(a) / f64::from(b);
            if number == 0.0 {
                "-0".to_owned()
            } else {
                number.to_string()
            }
        }),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        string(),
        number(),
        prop::sample::select(vec!["true", "false", "null", "-0", "[]", "{}"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(6, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12)
                .prop_map(|items| format!("[{}]", items.join(","))),
            object(inner),
        ]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec((key(), value), 0..8).prop_map(|entries| {
        let mut keys = HashSet::new();
        let entries: Vec<_> = entries
            .into_iter()
            .filter(|(key, _)| keys.insert(key.clone()))
            .map(|(key, value)| format!("{key}:{value}"))
            .collect();
        format!("{{{}}}", entries.join(","))
    })
}

/// Whether a string in front of a colon holds a backslash.
fn has_escaped_key(text: &str) -> bool {
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let string = &rest[start + 1..];
        let mut escaped = false;
        let end = string.find(|character| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        });
        let Some(end) = end else { return false };
        rest = &string[end + 1..];
        if rest.starts_with(':') && string[..end].contains('\\') {
            return true;
        }
    }
    false
}

/// A value as the witness holds it.
fn bson() -> impl Strategy<Value = Bson> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Bson::Int32),
        any::<String>().prop_map(Bson::String),
        any::<bool>().prop_map(Bson::Boolean),
        Just(Bson::Null),
        (0.1..1e18).prop_map(Bson::Double),
    ];
    leaf.prop_recursive(4, 30, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Bson::Array),
            document(inner).prop_map(Bson::Document),
        ]
    })
}

fn document(value: impl Strategy<Value = Bson>) -> impl Strategy<Value = Document> {
    prop::collection::vec(("[^\u{0}\u{FDD0}]{0,8}", value), 0..6).prop_map(Document::from_iter)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn text_comes_back_as_it_was(text in object(value())) {
        let bytes = encoded(&text, "");
        let json = decode(&bytes).unwrap();
        prop_assert_eq!(json.text.trim_start(), &text);
        prop_assert_eq!(json.text.starts_with(' '), has_escaped_key(&text));
        prop_assert_eq!(json.specials, "");
        prop_assert!(Document::from_reader(&bytes[..]).is_ok());
    }

    #[test]
    fn every_number_comes_back_as_it_was(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        let text = decode(&encoded(&format!(r#"{{"a":{number:e}}}"#), "")).unwrap().text;
        let back: f64 = text[5..text.len() - 1].parse().unwrap();
        prop_assert_eq!(back.to_bits(), bits);
    }

    #[test]
    fn text_from_serde_json_is_what_the_witness_writes(document in document(bson())) {
        prop_assume!(!format!("{document:?}").contains('\u{FDD0}'));
        let text = serde_json::to_string(&document).unwrap();
        let bytes = bytes_of(&document);
        prop_assert_eq!(encoded(&text, ""), &bytes[..]);
        prop_assert_eq!(encoded(&decode(&bytes).unwrap().text, ""), bytes);
    }
}
