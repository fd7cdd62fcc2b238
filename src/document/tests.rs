//! What documents mean to a reader.

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::read::LARGE;
use super::*;

fn stored(document: &Document) -> Vec<u8> {
    document.to_vec().unwrap()
}

fn read(document: &Document, now_ms: i64) -> Reading {
    let layout = Layout::default();
    Reader::new(&layout, now_ms)
        .read(&stored(document))
        .unwrap()
}

fn live(document: &Document, now_ms: i64) -> Loaded {
    match read(document, now_ms) {
        Reading::Live(loaded) => loaded,
        other => panic!("expected a live session, got {other:?}"),
    }
}

#[test]
fn a_touched_session_reads_as_touched_and_without_private_fields() {
    let loaded = live(
        &doc! { "_id": "a", "expires": DateTime::from_millis(2000), "session": {
            "cookie": { "path": "/", "_expires": DateTime::from_millis(1000), "originalMaxAge": 5 },
            "n": 1,
        } },
        1500,
    );
    assert_eq!(
        loaded.json.text,
        r#"{"cookie":{"path":"/","expires":null,"originalMaxAge":5},"n":1}"#
    );
    assert_eq!(loaded.cookie_expires_ms, Some(2000));
}

#[test]
fn a_cookie_may_hold_expires_as_a_date_or_as_text() {
    for value in [
        Bson::DateTime(DateTime::from_millis(5000)),
        Bson::String("1970-01-01T00:00:05.000Z".into()),
    ] {
        let loaded = live(
            &doc! { "_id": "a", "expires": DateTime::from_millis(2000), "session": { "cookie": { "expires": value } } },
            1500,
        );
        assert_eq!(loaded.json.text, r#"{"cookie":{"expires":null}}"#);
        assert_eq!(loaded.cookie_expires_ms, Some(5000));
    }
}

#[test]
fn the_places_of_a_large_session_are_those_of_javascript() {
    let filling = "x".repeat(LARGE);
    let loaded = live(
        &doc! { "_id": "a", "session": {
            "ä😀": "é", "cookie": { "path": "/ü" }, "filling": &filling, "n": [1],
        } },
        0,
    );
    let units: Vec<u16> = loaded.json.text.encode_utf16().collect();
    let slice = |from: usize, to: usize| String::from_utf16(&units[from..to]).unwrap();
    let fields: Vec<(String, String)> = loaded
        .places
        .iter()
        .map(|place| {
            (
                slice(place.key, place.value - 1),
                slice(place.value, place.end),
            )
        })
        .collect();
    assert_eq!(
        fields,
        [
            ("\"ä😀\"".to_owned(), "\"é\"".to_owned()),
            ("\"filling\"".to_owned(), format!("\"{filling}\"")),
            ("\"n\"".to_owned(), "[1]".to_owned()),
        ]
    );
}

#[test]
fn a_small_session_has_no_places_and_a_large_one_has_those_of_special_values_too() {
    let small = live(&doc! { "_id": "a", "session": { "n": 1 } }, 0);
    assert_eq!(small.places, []);
    let special = doc! { "d": DateTime::from_millis(1), "filling": "x".repeat(LARGE) };
    let special = live(&doc! { "_id": "a", "session": special }, 0);
    assert_eq!(special.places.len(), 2);
}

#[test]
fn a_cookie_without_expiry_gets_none() {
    let loaded = live(
        &doc! { "_id": "a", "expires": DateTime::from_millis(2000), "session": { "cookie": { "_expires": null, "originalMaxAge": null } } },
        1500,
    );
    assert_eq!(
        loaded.json.text,
        r#"{"cookie":{"expires":null,"originalMaxAge":null}}"#
    );
    assert_eq!(loaded.cookie_expires_ms, None);
}

#[test]
fn a_64_bit_lifetime_is_a_number() {
    let loaded = live(
        &doc! { "_id": "a", "session": { "cookie": { "originalMaxAge": 5_i64 } } },
        0,
    );
    assert_eq!(loaded.json.text, r#"{"cookie":{"originalMaxAge":5}}"#);
    assert_eq!(loaded.json.specials, "");
}

#[test]
fn expired_flagged_and_foreign_documents_are_told_apart() {
    let expired = doc! { "_id": "a", "expires": DateTime::from_millis(2000), "session": {} };
    assert!(matches!(read(&expired, 2000), Reading::Gone));
    let flagged = doc! { "_id": "a", "session": {}, "deleted": true };
    assert!(matches!(read(&flagged, 0), Reading::Gone));
    for foreign in [
        doc! { "_id": "a" },
        doc! { "_id": "a", "session": 5 },
        doc! { "_id": "a", "session": [1] },
    ] {
        assert!(matches!(read(&foreign, 0), Reading::Foreign));
    }
}

#[test]
fn the_size_is_that_of_the_document() {
    let session = doc! { "a": "b" };
    let document =
        doc! { "_id": "sid", "expires": DateTime::from_millis(1), "session": session.clone() };
    let room = MAX_DOCUMENT_BYTES - stored(&document).len();
    let grown = |by: usize| stored(&doc! { "a": format!("b{}", "x".repeat(by)) });
    assert!(Layout::default().check_size(3, grown(room).len()).is_ok());
    assert!(
        Layout::default()
            .check_size(3, grown(room + 1).len())
            .is_err()
    );
}

#[test]
fn the_end_of_a_prefix_is_above_all_that_begin_with_it() {
    assert_eq!(prefix_end("app:"), Some("app;".into()));
    assert_eq!(prefix_end("\u{d7ff}"), Some("\u{e000}".into()));
    assert_eq!(prefix_end("a\u{10ffff}"), Some("b".into()));
    assert_eq!(prefix_end("\u{10ffff}"), None);
    assert_eq!(prefix_end(""), None);
}

#[test]
fn a_text_is_handed_over_as_it_is_with_the_moment_of_the_document() {
    let document =
        doc! { "_id": "a", "expires": DateTime::from_millis(2000), "session": "{\"n\":1}" };
    let loaded = live(&document, 1500);
    assert_eq!(loaded.encoding, Encoding::Text);
    assert_eq!(loaded.json.text, r#"{"n":1}"#);
    assert_eq!(loaded.cookie_expires_ms, Some(2000));
}

#[test]
fn a_text_that_is_not_json_is_foreign_unless_the_application_reads_it() {
    let document = doc! { "_id": "a", "session": "bm90IGpzb24=" };
    assert!(matches!(read(&document, 0), Reading::Foreign));
    let layout = Layout::default();
    let reader = Reader {
        takes_any_text: true,
        ..Reader::new(&layout, 0)
    };
    assert!(matches!(
        reader.read(&stored(&document)).unwrap(),
        Reading::Live(_)
    ));
}

#[test]
fn a_session_ends_with_its_absolute_timeout_whatever_its_expiry() {
    let layout = Layout::default();
    let document = doc! {
        "_id": "a", "expires": DateTime::from_millis(9000), "session": {},
        "createdAt": DateTime::from_millis(1000),
    };
    let reader = |now_ms| Reader {
        absolute_timeout_ms: Some(500),
        ..Reader::new(&layout, now_ms)
    };
    assert!(matches!(
        reader(1499).read(&stored(&document)).unwrap(),
        Reading::Live(_)
    ));
    assert!(matches!(
        reader(1500).read(&stored(&document)).unwrap(),
        Reading::Gone
    ));
}

#[test]
fn a_layout_of_its_own_is_read_by_its_names() {
    let layout = Layout {
        id: "SessionID".to_owned(),
        session: "Data".to_owned(),
        moment: "LastAccessed".to_owned(),
        meaning: Moment::LastAccess(1000),
        deleted: "Delete".to_owned(),
    };
    let document = doc! {
        "SessionID": "a", "LastAccessed": DateTime::from_millis(500),
        "Data": { "cookie": { "_expires": DateTime::from_millis(700) } },
    };
    let read = |now_ms, document: &Document| {
        let reader = Reader {
            wants_metadata: true,
            ..Reader::new(&layout, now_ms)
        };
        reader.read(&stored(document)).unwrap()
    };
    let Reading::Live(loaded) = read(1499, &document) else {
        panic!("expected a live session");
    };
    // The moment of the last access says nothing about the cookie.
    assert_eq!(loaded.cookie_expires_ms, Some(700));
    assert_eq!(loaded.metadata.unwrap().expires_ms, Some(1500));
    assert!(matches!(read(1500, &document), Reading::Gone));
    let mut flagged = document;
    flagged.insert("Delete", true);
    assert!(matches!(read(600, &flagged), Reading::Gone));
}
