use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};

use super::super::raw::{Element, Writer, elements, find, index, kind, sequence};
use super::bytes_of;

fn sample() -> Document {
    doc! {
        "_id": "abc", "expires": DateTime::from_millis(-5), "yes": true, "none": null,
        "small": 7, "large": i64::MAX, "whole": 3.0, "half": 0.5, "beyond": 1e300,
        "oid": ObjectId::from_bytes([9; 12]), "session": { "a": [1, "two", { "three": 3 }] },
    }
}

#[test]
fn elements_are_read_by_kind() {
    let bytes = bytes_of(&sample());
    let get = |key| find(&bytes, key).unwrap();
    assert_eq!(get("_id").as_str(), Some("abc"));
    assert_eq!(get("expires").as_date(), Some(-5));
    assert_eq!(get("yes").as_bool(), Some(true));
    assert_eq!(get("small").as_i64(), Some(7));
    assert_eq!(get("large").as_i64(), Some(i64::MAX));
    assert_eq!(get("whole").as_i64(), Some(3));
    assert_eq!(get("half").as_i64(), None);
    assert_eq!(get("beyond").as_i64(), None);
    let session = get("session").as_document().unwrap();
    let array = find(session, "a").unwrap().as_array().unwrap();
    assert_eq!(find(array, "1").unwrap().as_str(), Some("two"));
    assert_eq!(find(&bytes, "missing"), None);
    assert_eq!(
        (
            get("none").as_str(),
            get("none").as_date(),
            get("none").as_bool()
        ),
        (None, None, None)
    );
    assert_eq!((get("none").as_i64(), get("none").as_array()), (None, None));
    assert_eq!(get("yes").as_document(), None);
}

#[test]
fn documents_behind_each_other_are_taken_apart_as_far_as_their_lengths_are_right() {
    let one = bytes_of(&sample());
    let two = [one.clone(), one.clone()].concat();
    let whole: Vec<_> = sequence(&two).map(Result::unwrap).collect();
    assert_eq!(whole, [&one[..], &one[..]]);
    assert_eq!(sequence(&[]).count(), 0);
    for cut in [1, 4, one.len() - 1, one.len() + 3] {
        let found: Vec<_> = sequence(&two[..two.len() - cut]).collect();
        assert!(found.last().unwrap().is_err(), "{cut}");
        assert!(found.len() <= 2);
    }
}

#[test]
fn a_string_that_is_not_utf_8_has_no_text() {
    let element = Element {
        kind: kind::STRING,
        key: b"",
        value: b"\x02\0\0\0\xFF\0",
    };
    assert_eq!(element.as_str(), None);
    assert_eq!(
        Element {
            value: b"",
            ..element
        }
        .as_str(),
        None
    );
}

#[test]
fn a_copy_of_every_element_is_the_same_document() {
    let bytes = bytes_of(&sample());
    let mut writer = Writer::new();
    for element in elements(&bytes) {
        writer.element(element.unwrap());
    }
    assert_eq!(writer.len(), bytes.len() - 1);
    assert_eq!(writer.finish(), bytes);
}

#[test]
fn the_writer_agrees_with_the_witness() {
    let inner = doc! { "k": "v" };
    let expected = doc! {
        "s": "text", "d": DateTime::from_millis(1), "i": 1, "l": 2_i64, "f": 0.5, "b": false,
        "n": null, "doc": inner.clone(), "with": {}, "list": [{ "x": 1 }, "y"], "open": { "deep": {} },
    };
    let mut writer = Writer::default();
    writer.string("s", "text");
    writer.date("d", 1);
    writer.int32("i", 1);
    writer.int64("l", 2);
    writer.double("f", 0.5);
    writer.boolean("b", false);
    writer.null("n");
    writer.document("doc", &bytes_of(&inner));
    writer
        .document_with("with", |out| super::super::encode("{}", "", out))
        .unwrap();
    writer
        .document_with("refused", |out| super::super::encode("", "", out))
        .unwrap_err();
    writer.start_array("list");
    writer.start_document(&index(0));
    writer.int32("x", 1);
    writer.end();
    writer.string(index(1).as_ref(), "y");
    writer.end();
    writer.start_document("open");
    writer.start_document("deep");
    assert_eq!(writer.finish(), bytes_of(&expected));
}

#[test]
fn a_nul_does_not_end_a_key() {
    let mut writer = Writer::new();
    writer.int32("a\0b", 1);
    assert_eq!(writer.finish(), bytes_of(&doc! { "a\u{FDD0}0000b": 1 }));
}

#[test]
fn indices_are_decimal() {
    for position in [0, 9, 10, 99, 100, 12_345, usize::MAX] {
        assert_eq!(index(position).as_ref(), position.to_string());
    }
}

#[test]
fn corrupt_bytes_end_in_one_error() {
    for bytes in [
        &b""[..],
        b"\x05\0\0\0",
        b"\x05\0\0\0\x01",
        b"\x04\0\0\0",
        b"\x05\0\0\0\0\0",
        b"\xFF\xFF\xFF\xFF\0",
        b"\x07\0\0\0\x0A\0\x01",
        b"\x08\0\0\0\x0A\x41\x42\0",
        b"\x08\0\0\0\x42\x41\0\0",
        b"\x0C\0\0\0\x10\x61\0\x01\0\0\0",
    ] {
        let mut elements = elements(bytes);
        assert!(
            elements.next().is_some_and(|element| element.is_err()),
            "{bytes:?}"
        );
        assert!(elements.next().is_none(), "{bytes:?}");
        assert_eq!(find(bytes, "a"), None);
    }
}
