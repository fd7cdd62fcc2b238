//! What readers get to know of a stored document.

use crate::codec::{Json, Place};

/// What a stored document means to a reader.
#[derive(Debug)]
pub enum Reading {
    /// A session that may be served.
    Live(Loaded),
    /// Expired, or flagged as deleted.
    Gone,
    /// It has moved under a new id.
    Renewed(Renewed),
    /// Not a document of ours: no `session`, or one that is neither an embedded document nor JSON.
    Foreign,
}

/// Where a session is that has a new id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The id of its document.
    pub to: String,
    /// Until when the old id leads there, in milliseconds since the epoch.
    pub until_ms: i64,
}

/// A session as it goes back to JavaScript.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The session as JSON text, and what JSON cannot carry; or the text that is stored in its place.
    pub json: Json,
    /// How it is stored.
    pub encoding: Encoding,
    /// The moment for `cookie.expires`, where the text holds `null`. None when the cookie has no
    /// expiry of its own and so must not get one. Where the text holds the cookie's own moment in
    /// another form, as a stored text does, that of the document: the later one counts.
    pub cookie_expires_ms: Option<i64>,
    /// Where the fields other than the cookie lie in the text, in UTF-16 code units as JavaScript
    /// counts; only for a large session. It is what lets JavaScript send back nothing but the fields
    /// that have changed.
    pub places: Vec<Place>,
    /// What the next write has to know of the document, if any option asks for it.
    pub metadata: Option<Box<Metadata>>,
}

/// How a session is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// An embedded document.
    #[default]
    Document,
    /// A string: JSON, or what the application has made of it.
    Text,
}

/// What a document says about its session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// When it expires, in milliseconds since the epoch.
    pub expires_ms: Option<i64>,
    /// When it was created, likewise.
    pub created_ms: Option<i64>,
    /// Whose it is.
    pub user: Option<String>,
    /// Its public name among the sessions of that user.
    pub handle: Option<String>,
    /// When it was used last, in milliseconds since the epoch.
    pub seen_ms: Option<i64>,
    /// The values by which it is found; None where no options ask for any.
    pub indexes: Option<Json>,
}
