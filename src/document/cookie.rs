//! The cookie of a stored session, and when it says that it expires.

use mongodb::bson;

use super::field;
use crate::codec::JsonWriter;
use crate::codec::raw::{self, Element, kind};
use crate::error::Result;

/// What a cookie says of its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieExpiry {
    /// Nothing.
    None,
    /// A moment in a form of its own, which JavaScript reads: a number, or the text of an HTTP date.
    Own,
    /// A moment.
    At(i64),
}

/// Writes the cookie with one field `expires` in place of the private `_expires`, and answers what it
/// says. In the place of a moment the text gets `null`: JavaScript makes the Date.
pub fn write_cookie(writer: &mut JsonWriter, cookie: &[u8]) -> Result<CookieExpiry> {
    let mut expires = CookieExpiry::None;
    let mut seen = false;
    writer.start_object_at(field::COOKIE.as_bytes());
    for element in raw::distinct(cookie) {
        let mut element = element?;
        // A lifetime written as a 64-bit integer by another program must be a number: express-session
        // calculates with it.
        let number;
        if element.kind == kind::INT64 {
            #[expect(clippy::cast_precision_loss, reason = "a JavaScript number is an f64")]
            let value = element.as_i64().unwrap_or_default() as f64;
            number = value.to_le_bytes();
            element = Element {
                kind: kind::DOUBLE,
                value: &number,
                ..element
            };
        }
        if !matches!(element.key, b"_expires" | b"expires") {
            writer.element(element)?;
            continue;
        }
        element.key = b"expires";
        match (moment(element), expires) {
            (Some(at), CookieExpiry::At(other)) => expires = CookieExpiry::At(at.max(other)),
            (Some(at), _) => expires = CookieExpiry::At(at),
            (None, CookieExpiry::None)
                if matches!(element.kind, kind::STRING | kind::INT32 | kind::DOUBLE) =>
            {
                expires = CookieExpiry::Own;
            }
            (None, _) => {}
        }
        if !seen && moment(element).is_some() {
            writer.null("expires");
        } else if !seen {
            writer.element(element)?;
        }
        seen = true;
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
