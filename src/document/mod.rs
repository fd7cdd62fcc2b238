//! The stored document: `{ _id, expires, session: { cookie: { …, _expires }, …data } }`.
//!
//! Pure. This is what @iwsio/mongodb-express-session writes, so both can serve one collection, unless an
//! option asks for something else: the fields of the session encrypted, the session as text, or other
//! names for the fields of the document.

mod alive;
mod cookie;
mod layout;
mod loaded;
mod read;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

pub use self::alive::Alive;
pub use self::layout::{Layout, Moment};
pub use self::loaded::{Encoding, Loaded, Metadata, Reading, Renewed};
pub use self::read::{Reader, earliest};

use crate::codec::raw::{self, Element};

/// Field names of the stored document that are the same in every [`Layout`].
pub mod field {
    /// When the session was created.
    pub const CREATED: &str = "createdAt";
    /// When the session was written last.
    pub const UPDATED: &str = "updatedAt";
    /// Whose session it is.
    pub const USER: &str = "userId";
    /// Since when it is that user's.
    pub const USER_SINCE: &str = "userSince";
    /// The id of the document to which a session has moved under a new id.
    pub const RENEWED_TO: &str = "renewedTo";
    /// Until when the old id leads there.
    pub const RENEWED_UNTIL: &str = "renewedUntil";
    /// The id of the document from which a session is going to move here.
    pub const RENEWED_FROM: &str = "renewedFrom";
    /// The public name of a session among those of its user.
    pub const HANDLE: &str = "handle";
    /// When the session was used last.
    pub const SEEN: &str = "lastSeenAt";
    /// True where the session holds 64-bit integers that JavaScript calls `BigInt`. Others are numbers there.
    pub const BIGINT: &str = "bigint";
    /// The values by which the session is found.
    pub const INDEXES: &str = "indexes";
    /// The cookie inside the session.
    pub const COOKIE: &str = "cookie";
}

/// The path of a value by which sessions are found.
#[must_use]
pub fn index_path(name: &str) -> String {
    [field::INDEXES, ".", name].concat()
}

/// MongoDB's limit on a document, "BSON Document Size" in the manual's limits page.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// What a path of top-level field and key leads to in a document.
#[must_use]
pub fn at_path<'a>(document: &'a [u8], path: &str) -> Option<Element<'a>> {
    match path.split_once('.') {
        None => raw::find(document, path),
        Some((field, key)) => raw::find(raw::find(document, field)?.as_document()?, key),
    }
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
