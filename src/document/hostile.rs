//! Documents that no store has written.

use mongodb::bson::{DateTime, Document, doc};

use super::read::LARGE;
use super::{Layout, Loaded, Reader, Reading};
use crate::codec::raw;
use crate::expiry::MAX_DATE_MS;

fn stored(document: &Document) -> Vec<u8> {
    document.to_vec().unwrap()
}

fn live(document: &[u8]) -> Loaded {
    let layout = Layout::default();
    match Reader::new(&layout, 0).read(document).unwrap() {
        Reading::Live(loaded) => loaded,
        other => panic!("expected a live session, got {other:?}"),
    }
}

#[test]
fn a_text_that_had_to_be_mended_has_no_places() {
    let mut document = stored(&doc! { "_id": "a", "session": {
        "bad": "????", "filling": "x".repeat(LARGE), "n": 1,
    } });
    let at = document
        .windows(4)
        .position(|four| four == b"????")
        .unwrap();
    // Four bytes become twelve, and what is behind them lies elsewhere.
    document[at..at + 4].copy_from_slice(b"\xFF\xFE\xFF\xFE");
    assert_eq!(live(&document).places, []);
}

#[test]
fn a_cookie_expires_at_a_moment_that_a_date_can_hold() {
    for (at, expected) in [
        (i64::MAX, MAX_DATE_MS),
        (MAX_DATE_MS + 1, MAX_DATE_MS),
        (MAX_DATE_MS, MAX_DATE_MS),
    ] {
        let expires = DateTime::from_millis(at);
        for cookie in [
            doc! { "expires": expires },
            doc! { "_expires": DateTime::from_millis(1) },
        ] {
            let document = doc! { "_id": "a", "expires": expires, "session": { "cookie": cookie } };
            assert_eq!(live(&stored(&document)).cookie_expires_ms, Some(expected));
        }
    }
    let past = doc! { "session": { "cookie": { "expires": DateTime::MIN } } };
    assert_eq!(live(&stored(&past)).cookie_expires_ms, Some(-MAX_DATE_MS));
}

#[test]
fn of_two_cookies_the_first_one_counts() {
    let cookie = doc! { "cookie": { "expires": DateTime::from_millis(5) } };
    let two = |first: &Document, last: &Document| {
        let parts = [stored(first), stored(last)];
        let elements = parts.iter().flat_map(|part| &part[4..part.len() - 1]);
        let mut both = vec![0; 4];
        both.extend(elements);
        both.push(0);
        let length = i32::try_from(both.len()).unwrap();
        both[..4].copy_from_slice(&length.to_le_bytes());
        let mut document = raw::Writer::new();
        document.document("session", &both);
        live(&document.finish()).cookie_expires_ms
    };
    let text = doc! { "cookie": "chocolate" };
    assert_eq!(two(&cookie, &text), Some(5));
    assert_eq!(two(&text, &cookie), None);
    assert_eq!(two(&doc! { "cookie": {} }, &cookie), None);
}
