//! What a write does to a document, and what became of it.

use std::sync::Arc;

use super::Id;
use crate::codec::Json;
use crate::codec::raw::{self, Writer};
use crate::document::Layout;
use crate::merge::Difference;

/// One write of one document.
#[derive(Debug)]
pub struct Write {
    /// Which document.
    pub id: Id,
    /// When the session is to expire, in milliseconds since the epoch.
    pub expires_ms: i64,
    /// What else changes.
    pub change: Change,
    /// Fields that only some options have.
    pub extra: Extra,
    /// Whether the session has been encrypted already, if it is to be.
    pub is_encrypted: bool,
}

impl Write {
    /// A write of nothing but its change, in which nothing is to be encrypted any more.
    #[must_use]
    pub fn of(id: &Id, change: Change) -> Self {
        Self {
            id: id.clone(),
            expires_ms: 0,
            change,
            extra: Extra::default(),
            is_encrypted: true,
        }
    }
}

/// What a write says beside the session: top-level fields that a document has only when an option asks for
/// them, and what becomes of its expiry.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
pub struct Extra {
    /// Whether a later moment of expiry in the document stays.
    pub keeps_later: bool,
    /// Whether any moment of expiry in it does.
    pub keeps_expiry: bool,
    /// `createdAt`: when the session was created.
    pub created: Option<Created>,
    /// `updatedAt`: when it was written last, in milliseconds since the epoch.
    pub updated_ms: Option<i64>,
    /// `userId`: whose session it is. `Some(None)` removes the field.
    pub user: Option<Option<Arc<str>>>,
    /// What `userId` has to be for that to be written; None if it does not matter.
    pub user_before: Option<Option<Arc<str>>>,
    /// The values by which the session is found that change, under `indexes`.
    pub indexes: Vec<IndexValue>,
    /// What `handle` becomes, unless the document has one.
    pub handle: Option<Arc<str>>,
    /// How many sessions the user may have, where the application says so for each session.
    pub most_sessions: Option<usize>,
    /// What the session has to read as for this to be written; None if that does not matter.
    pub expected: Option<Arc<Json>>,
    /// `lastSeenAt`: when the session was used last, in milliseconds since the epoch.
    pub seen_ms: Option<i64>,
    /// Whether `userSince` says since when it is that user's: as before if it was the same user's, else
    /// from now on, by the engine's clock. That of this process may be ahead of those of others.
    pub marks_since: bool,
    /// `bigint`: whether what is written holds 64-bit integers that JavaScript calls `BigInt`.
    pub has_bigints: bool,
    /// At which moment a session that has expired is missing, in milliseconds since the epoch; None if the
    /// write renews it.
    pub unless_expired_ms: Option<i64>,
}

/// BSON type and bytes of a value.
pub type Value = (u8, Vec<u8>);

/// One of the values by which a session is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexValue {
    /// Its name.
    pub name: String,
    /// What it becomes; None removes it.
    pub value: Option<Value>,
    /// What it has to be for that to be written; None if that does not matter.
    pub before: Option<Option<Value>>,
}

/// When a session was created, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// Now, if the write creates the document.
    OnInsert(i64),
    /// Now, as far as is known: the document has no `createdAt`.
    Now(i64),
    /// Now, unless the document has one that is later than this: what was created before has ended.
    UnlessAfter {
        /// The present moment.
        now_ms: i64,
        /// The end of what counts as created before.
        ended_ms: i64,
    },
}

/// A session as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// A BSON document.
    Document(Vec<u8>),
    /// A string.
    Text(String),
}

impl Stored {
    /// What a document holds in the place of a session.
    #[must_use]
    pub fn of(document: &[u8], layout: &Layout) -> Option<Self> {
        let element = raw::find(document, &layout.session)?;
        match element.as_str() {
            Some(text) => Some(Self::Text(text.to_owned())),
            None => Some(Self::Document(element.as_document()?.to_vec())),
        }
    }

    /// How many bytes its value takes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Document(document) => document.len(),
            // Its length and its NUL.
            Self::Text(text) => 4 + text.len() + 1,
        }
    }

    /// Writes it under a key.
    pub fn write(&self, writer: &mut Writer, key: &str) {
        match self {
            Self::Document(document) => writer.document(key, document),
            Self::Text(text) => writer.string(key, text),
        }
    }
}

/// What a write does to a document besides moving the moment of its expiry.
#[derive(Debug)]
pub enum Change {
    /// Nothing; a missing document stays missing.
    Touch,
    /// Stores this session, creating the document if it is missing.
    Upsert(Stored),
    /// Stores this session if the document is missing; one that exists stays as it is.
    Insert(Stored),
    /// Nothing, if the document holds a session that has been added and expires at this moment, which is
    /// over.
    Confirm {
        /// The moment, in milliseconds since the epoch.
        reserved_ms: i64,
    },
    /// Stores this session if the document exists.
    Replace(Stored),
    /// Changes these keys of the session if the document exists. Fails where the session is a text.
    Merge(Difference),
    /// Stores a session if the document holds exactly this in its place.
    Swap {
        /// What is stored.
        before: Stored,
        /// What is to be stored.
        after: Stored,
    },
    /// Stores a document, flagged as deleted and as one to which a session is going to move, unless one is there
    /// to which none is.
    Place {
        /// The document.
        copy: Vec<u8>,
        /// The id of the one from which the session is going to move.
        from: Id,
    },
    /// Makes a document that still is this one lead to another document until a moment, in milliseconds since
    /// the epoch, and hold no session any more.
    Forward {
        /// What is stored.
        before: Vec<u8>,
        /// The other document.
        to: Id,
        /// The moment.
        until_ms: i64,
    },
    /// Lets the session be one that can be read that was to move from this document.
    Reveal(Id),
    /// Moves the session to a document with this id, to which the old one leads for so long, in milliseconds.
    /// It is carried out as several of the others, and no engine is asked for it.
    Renew {
        /// The id.
        to: Id,
        /// How long.
        grace_ms: i64,
    },
    /// Flags the document as deleted, if it exists and is not, or is one to which a session is going to move.
    Flag {
        /// Whether it has to be known if there was something to flag.
        counted: bool,
    },
}

impl Change {
    /// Whether a missing document is created.
    #[must_use]
    pub const fn creates(&self) -> bool {
        matches!(self, Self::Upsert(_) | Self::Insert(_))
    }

    /// About how many bytes the change takes in a command.
    #[must_use]
    pub fn size(&self) -> usize {
        const STATEMENT: usize = 100;
        STATEMENT
            + match self {
                Self::Touch
                | Self::Confirm { .. }
                | Self::Flag { .. }
                | Self::Reveal(_)
                | Self::Renew { .. } => 0,
                Self::Place { copy, .. } => copy.len(),
                Self::Forward { before, .. } => before.len(),
                Self::Upsert(session) | Self::Insert(session) | Self::Replace(session) => {
                    session.size()
                }
                Self::Swap { before, after } => before.size() + after.size(),
                Self::Merge(difference) => {
                    let set = difference.set.iter();
                    set.map(|(key, _, value)| key.len() + value.len())
                        .chain(difference.unset.iter().map(Vec::len))
                        .sum()
                }
            }
    }
}

/// What became of a write that the engine carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The document is as the write wants it.
    Stored,
    /// So it is, and it did not exist before.
    Created,
    /// The session that was to be added is there, expires at this moment in milliseconds since the epoch, and
    /// is not confirmed.
    Reserved(i64),
    /// The document does not exist or is flagged as deleted. Reported for saves and counted flags;
    /// other writes of a missing document may be reported as stored.
    Missing,
    /// Nothing was written: another client holds the document, or that of another write of the same
    /// command. Only of what was not to be waited for.
    Held,
}
