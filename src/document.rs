//! The stored document: `{ _id, expires, session: { cookie: { …, _expires }, …data } }`.
//!
//! Pure. This is what the documented package writes, so both can serve one collection, unless the
//! fields of the session are encrypted.

use mongodb::bson;

use crate::cipher::{self, Keys};
use crate::codec::raw::{self, Element, kind};
use crate::codec::{Json, JsonWriter, Place};
use crate::error::{Error, Result, Undecryptable};
use crate::expiry::{self, MAX_DATE_MS};

/// Field names of the stored document.
pub mod field {
    /// The prefix and the session id or its hash.
    pub const ID: &str = "_id";
    /// When the session expires; the TTL index is on this field.
    pub const EXPIRES: &str = "expires";
    /// The session as an embedded document.
    pub const SESSION: &str = "session";
    /// True in a session that was flagged as deleted; no other document has the field.
    pub const DELETED: &str = "deleted";
    /// When the session was created.
    pub const CREATED: &str = "createdAt";
    /// When the session was written last.
    pub const UPDATED: &str = "updatedAt";
    /// Whose session it is.
    pub const USER: &str = "userId";
    /// Since when it is that user's.
    pub const USER_SINCE: &str = "userSince";
    /// The cookie inside the session.
    pub const COOKIE: &str = "cookie";
}

/// MongoDB's limit on a document, "BSON Document Size" in the manual's limits page.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// A session as it goes back to JavaScript.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The session as JSON text, and what JSON cannot carry.
    pub json: Json,
    /// The moment for `cookie.expires`, where the text holds `null`. None when the cookie has no
    /// expiry of its own and so must not get one.
    pub cookie_expires_ms: Option<i64>,
    /// Where the fields other than the cookie lie in the text, in UTF-16 code units as JavaScript
    /// counts; only for a large session without special values. It is what lets JavaScript send
    /// back nothing but the fields that have changed.
    pub places: Vec<Place>,
    /// Whose session it is, as the document says beside the session.
    pub user: Option<String>,
}

/// From which size of its text on a session is large: sending less of it back saves more than
/// looking for what has changed costs.
const LARGE: usize = 4096;

/// What a stored document means to a reader.
#[derive(Debug)]
pub enum Reading {
    /// A session that may be served.
    Live(Loaded),
    /// Expired, or flagged as deleted.
    Gone,
    /// Not a document of ours: no `session`, or a `session` that is not an embedded document.
    Foreign,
}

/// The `_id` of a stored document, if it is a string.
#[must_use]
pub fn id(document: &[u8]) -> Option<&str> {
    raw::find(document, field::ID)?.as_str()
}

/// Reads a stored document at `now_ms`. `keys` are those of a store that encrypts.
///
/// # Errors
///
/// [`Error::Serialization`] when the bytes are not BSON, [`Error::Decryption`] when the session
/// cannot be decrypted, is encrypted where there are no keys, or is not where there are.
pub fn read(document: &[u8], now_ms: i64, keys: Option<&Keys>) -> Result<Reading> {
    let mut expires = None;
    let mut session = None;
    let mut deleted = false;
    let mut user = None;
    for element in raw::elements(document) {
        let element = element?;
        match element.key {
            b"expires" => expires = element.as_date(),
            b"session" => session = element.as_document(),
            b"deleted" => deleted = element.as_bool() == Some(true),
            b"userId" => user = element.as_str(),
            _ => {}
        }
    }
    if deleted || expiry::is_expired(expires, now_ms) {
        return Ok(Reading::Gone);
    }
    let Some(session) = session else {
        return Ok(Reading::Foreign);
    };
    let decrypted = keys
        .map(|keys| keys.decrypt_session(id(document).unwrap_or_default(), session))
        .transpose()?;
    let session = decrypted.as_deref().unwrap_or(session);
    let mut writer = JsonWriter::with_capacity(session.len() + session.len() / 4);
    let mut cookie_expires = None;
    let mut places = Vec::new();
    writer.start_object();
    for element in raw::elements(session) {
        let element = element?;
        let is_cookie = element.key == field::COOKIE.as_bytes();
        if is_cookie && let Some(cookie) = element.as_document() {
            cookie_expires = write_cookie(&mut writer, cookie)?;
            continue;
        }
        if keys.is_none() && cipher::is_encrypted(&element) {
            return Err(Error::Decryption(Undecryptable::NoKeys));
        }
        places.push(writer.element(element)?);
        if is_cookie {
            // The last one counts in JavaScript.
            cookie_expires = None;
        }
    }
    writer.end_object();
    let written = writer.len();
    let json = writer.finish();
    // What was no UTF-8 has been replaced, and with three bytes for three everything keeps its place.
    let is_as_written = json.text.len() == written;
    Ok(Reading::Live(Loaded {
        places: if json.text.len() >= LARGE && json.specials.is_empty() && is_as_written {
            in_code_units(&json.text, places)
        } else {
            Vec::new()
        },
        json,
        cookie_expires_ms: cookie_expires.map(|at| {
            // A touch moves only the document's `expires`; the session reads as touched.
            let at = at.max(expires.unwrap_or(i64::MIN));
            at.clamp(-MAX_DATE_MS, MAX_DATE_MS)
        }),
        user: user.map(str::to_owned),
    }))
}

/// Places counted in UTF-16 code units instead of bytes.
fn in_code_units(text: &str, places: Vec<Place>) -> Vec<Place> {
    if text.is_ascii() {
        return places;
    }
    let mut at = (0, 0);
    let mut advance = |to: usize| {
        let between = text.get(at.0..to)?;
        at = (to, at.1 + between.encode_utf16().count());
        Some(at.1)
    };
    let convert = |place: Place| {
        Some(Place {
            key: advance(place.key)?,
            value: advance(place.value)?,
            end: advance(place.end)?,
        })
    };
    let converted: Option<Vec<Place>> = places.into_iter().map(convert).collect();
    converted.unwrap_or_default()
}

/// Writes the cookie with one field `expires` in place of the private `_expires`, and answers the
/// moment it holds. The text gets `null` there: JavaScript makes the Date.
fn write_cookie(writer: &mut JsonWriter, cookie: &[u8]) -> Result<Option<i64>> {
    let mut expires = None;
    let mut seen = false;
    writer.start_object_at(field::COOKIE.as_bytes());
    for element in raw::elements(cookie) {
        let element = element?;
        match (element.key, element.kind) {
            (b"_expires" | b"expires", _) => {
                expires = expires.max(moment(element));
                if !seen {
                    writer.null("expires");
                    seen = true;
                }
            }
            // A lifetime written as a 64-bit integer by another program must not become a BigInt:
            // express-session calculates with it.
            (_, kind::INT64) => {
                #[expect(clippy::cast_precision_loss, reason = "a JavaScript number is an f64")]
                let number = element.as_i64().unwrap_or_default() as f64;
                writer.element(Element {
                    kind: kind::DOUBLE,
                    key: element.key,
                    value: &number.to_le_bytes(),
                })?;
            }
            _ => {
                writer.element(element)?;
            }
        }
    }
    writer.end_object();
    Ok(expires)
}

/// A moment as the Cookie object holds it: a date, or the text of one from a store that wrote JSON.
fn moment(element: Element<'_>) -> Option<i64> {
    element.as_date().or_else(|| {
        let text = element.as_str()?;
        bson::DateTime::parse_rfc3339_str(text)
            .ok()
            .map(bson::DateTime::timestamp_millis)
    })
}

/// Refuses a session that would not fit into a document of MongoDB.
///
/// # Errors
///
/// [`Error::TooLarge`] with the size that the document would have.
pub fn check_size(id_bytes: usize, session_bytes: usize) -> Result<()> {
    // The document's length and end, and per field: type, name, NUL and what precedes a string.
    let size = 4 + 1 + (1 + 4 + 4 + id_bytes + 1) + (1 + 8 + 8) + (1 + 8 + session_bytes);
    if size > MAX_DOCUMENT_BYTES {
        return Err(Error::TooLarge { size: Some(size) });
    }
    Ok(())
}

/// The smallest string above every string that begins with `prefix`, for a range over `_id`.
/// None when there is no upper end.
#[must_use]
pub fn prefix_end(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // A `char` range steps over the surrogates, which UTF-8 has no code for.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Bson, DateTime, Document, doc};

    fn stored(document: &Document) -> Vec<u8> {
        document.to_vec().unwrap()
    }

    fn live(document: &Document, now_ms: i64) -> Loaded {
        match read(&stored(document), now_ms, None).unwrap() {
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
    fn a_small_session_or_one_with_special_values_has_no_places() {
        let small = live(&doc! { "_id": "a", "session": { "n": 1 } }, 0);
        assert_eq!(small.places, []);
        let special = doc! { "d": DateTime::from_millis(1), "filling": "x".repeat(LARGE) };
        let special = live(&doc! { "_id": "a", "session": special }, 0);
        assert_eq!(special.places, []);
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
        assert!(matches!(
            read(&stored(&expired), 2000, None).unwrap(),
            Reading::Gone
        ));
        let flagged = doc! { "_id": "a", "session": {}, "deleted": true };
        assert!(matches!(
            read(&stored(&flagged), 0, None).unwrap(),
            Reading::Gone
        ));
        for foreign in [
            doc! { "_id": "a" },
            doc! { "_id": "a", "session": 5 },
            doc! { "_id": "a", "session": [1] },
        ] {
            assert!(matches!(
                read(&stored(&foreign), 0, None).unwrap(),
                Reading::Foreign
            ));
        }
    }

    #[test]
    fn the_size_is_that_of_the_document() {
        let session = doc! { "a": "b" };
        let document =
            doc! { "_id": "sid", "expires": DateTime::from_millis(1), "session": session.clone() };
        let room = MAX_DOCUMENT_BYTES - stored(&document).len();
        let grown = |by: usize| stored(&doc! { "a": format!("b{}", "x".repeat(by)) });
        assert!(check_size(3, grown(room).len()).is_ok());
        assert!(check_size(3, grown(room + 1).len()).is_err());
    }

    #[test]
    fn the_end_of_a_prefix_is_above_all_that_begin_with_it() {
        assert_eq!(prefix_end("app:"), Some("app;".into()));
        assert_eq!(prefix_end("\u{d7ff}"), Some("\u{e000}".into()));
        assert_eq!(prefix_end("a\u{10ffff}"), Some("b".into()));
        assert_eq!(prefix_end("\u{10ffff}"), None);
        assert_eq!(prefix_end(""), None);
    }
}
