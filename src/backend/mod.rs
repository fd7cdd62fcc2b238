//! Where the documents are kept: one trait, two engines, and one that is either of them.
//!
//! An engine knows documents, ids and moments. What a session means (expiry, order, batching) is
//! decided above it.

pub mod fallback;
pub mod memory;
pub mod mongo;
mod select;
pub mod watch;

use std::borrow::Borrow;
use std::fmt;
use std::future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

pub use self::select::{
    Fate, Ids, Order, Page, Position, Removal, SliceOutcome, Sweep, Swept, UserPage, Which,
};
use self::watch::Listener;
use crate::codec::Json;
use crate::codec::raw::{self, Writer};
use crate::document::{Alive, Layout};
use crate::error::{Error, Result};
use crate::merge::Difference;

/// The `_id` of a document: the prefix and the session id or its hash. Clones share the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Arc<str>);

/// A session id is a credential, so this shows none.
impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Id(<redacted>)")
    }
}

impl<T: Into<Arc<str>>> From<T> for Id {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl Deref for Id {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        self
    }
}

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
    /// Stores this document, flagged as deleted and as one to which a session is going to move, whatever is
    /// there: its id is new.
    Place(Vec<u8>),
    /// Makes a document that holds exactly this session one that leads to another document until a moment, in
    /// milliseconds since the epoch, and holds no session any more.
    Forward {
        /// What is stored.
        before: Stored,
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
                Self::Place(document) => document.len(),
                Self::Forward { before, .. } => before.size(),
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

/// An index that a store needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The paths of the fields that it is on, all of them ascending.
    pub fields: Vec<String>,
    /// How long after the moment in that field MongoDB deletes a document; None if it does not.
    pub expire_after_seconds: Option<i32>,
    /// Whether no two documents may have the same value.
    pub is_unique: bool,
    /// Whether documents without the field are left out.
    pub is_sparse: bool,
}

impl Index {
    /// The one by which documents are found that have an id field of their own.
    #[must_use]
    pub fn of_id(layout: &Layout) -> Self {
        Self {
            fields: vec![layout.id.clone()],
            expire_after_seconds: None,
            is_unique: true,
            is_sparse: false,
        }
    }

    /// The name that MongoDB would give it.
    #[must_use]
    pub fn name(&self) -> String {
        let fields: Vec<_> = self
            .fields
            .iter()
            .map(|field| format!("{field}_1"))
            .collect();
        fields.join("_")
    }

    /// Whether it is on one field alone.
    #[must_use]
    pub fn is_on(&self, field: &str) -> bool {
        matches!(&self.fields[..], [only] if only == field)
    }
}

/// An index on the fields of one that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherIndex {
    /// Its name.
    pub name: String,
    /// How long after the moment in the field MongoDB deletes a document, if it does.
    pub expire_after_seconds: Option<i64>,
    /// Whether no two documents may have the same value.
    pub is_unique: bool,
    /// Whether it holds only documents of a `partialFilterExpression`.
    pub is_partial: bool,
    /// Whether it compares strings by their bytes.
    pub is_by_bytes: bool,
}

impl OtherIndex {
    /// Whether it does all that the other one would.
    #[must_use]
    pub fn serves(&self, index: &Index) -> bool {
        let is_found = self.is_by_bytes || index.expire_after_seconds.is_some();
        !self.is_partial
            && is_found
            && self.is_unique >= index.is_unique
            && self.expire_after_seconds == index.expire_after_seconds.map(i64::from)
    }
}

/// Which server is asked for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Any that there is.
    Any,
    /// One that can serve operations.
    Needed,
}

/// Receives documents one by one, as raw BSON borrowed from the reply.
pub type Visit<'a> = &'a mut (dyn FnMut(&[u8]) + Send);

/// An engine that keeps documents.
pub trait Backend: Send + Sync + 'static {
    /// Called once, before anything else. Fails if the engine goes on without the servers that it was
    /// to use, and says why; then there is nothing that could be lost or reached.
    fn start(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(future::ready(Ok(())))
    }

    /// How many commands it can carry out at the same time.
    fn connections(&self) -> usize {
        usize::MAX
    }

    /// Returns when a server answers. Fails if none can be reached now; it may be asked again.
    fn ping(&self, reach: Reach) -> BoxFuture<'_, Result<()>>;

    /// The same of any server with new connections, which serve everything that is called from then
    /// on. What is under way stays with the old ones.
    fn reconnect(&self) -> BoxFuture<'_, Result<()>> {
        self.ping(Reach::Any)
    }

    /// Returns when the engine has noticed by itself that no server can be reached.
    fn lost(&self) -> BoxFuture<'_, ()>;

    /// What the engine knows about why no server can be reached, while it cannot reach any.
    fn trouble(&self) -> Option<String>;

    /// The same error, with what the engine knows beside it.
    fn explain(&self, error: Error) -> Error {
        error
    }

    /// What is to be known of the collection's default collation, as an error; None if it has none, or if
    /// this may not be asked.
    fn collation(&self) -> BoxFuture<'_, Option<Error>>;

    /// Creates an index, if it does not exist, and answers whether it was missing. Fails after `limit`, and leaves nothing behind then that
    /// would go on; what is dropped before is ended with the next attempt, or with the engine. Called for
    /// one index at a time.
    fn create_index<'a>(&'a self, index: &'a Index, limit: Duration)
    -> BoxFuture<'a, Result<bool>>;
    /// The index on the fields of another one that there is instead, if that may be asked.
    fn index_instead_of<'a>(&'a self, _index: &'a Index) -> BoxFuture<'a, Option<OtherIndex>> {
        Box::pin(future::ready(None))
    }

    /// Visits the documents with these ids, in any order; missing ones are left out.
    fn find<'a>(&'a self, ids: &'a [Id], visit: Visit<'a>) -> BoxFuture<'a, Result<()>>;

    /// The same from the server that takes the writes, so that none of them is missing.
    fn find_latest<'a>(&'a self, ids: &'a [Id], visit: Visit<'a>) -> BoxFuture<'a, Result<()>> {
        self.find(ids, visit)
    }

    /// Carries out writes of different documents, in any order, and answers one result for each.
    /// The outer error means that none of them is known to have happened.
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Result<Written>>>>;

    /// The same, and what a document takes longer than `patience` that another client holds is not waited
    /// for: the writes of others are not to wait for it.
    fn write_within<'a>(
        &'a self,
        writes: &'a [Write],
        _patience: Duration,
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        self.write(writes)
    }

    /// Deletes the documents with these ids.
    fn delete<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, Result<()>>;

    /// The same within `patience`, as [`write_within`](Self::write_within).
    fn delete_within<'a>(
        &'a self,
        ids: &'a [Id],
        _patience: Duration,
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async {
            self.delete(ids).await?;
            Ok(vec![Ok(Written::Stored); ids.len()])
        })
    }

    /// Counts the documents with a live session whose id begins with `prefix`, those that are meant; up to
    /// `most`, if that is given.
    fn count<'a>(
        &'a self,
        prefix: &'a str,
        which: &'a Which,
        most: Option<u32>,
        alive: Alive,
    ) -> BoxFuture<'a, Result<u64>>;

    /// Deletes the documents that have expired at `now_ms` and whose id begins with `prefix`.
    fn remove_expired<'a>(&'a self, prefix: &'a str, now_ms: i64) -> BoxFuture<'a, Result<()>>;

    /// Claims the removal of expired documents of a prefix until `until_ms`. False if another
    /// process holds it at `now_ms`.
    fn lease_removal<'a>(
        &'a self,
        prefix: &'a str,
        now_ms: i64,
        until_ms: i64,
    ) -> BoxFuture<'a, Result<bool>>;

    /// The next ids behind `after` of the documents that a sweep is about and whose id begins with
    /// `prefix`. Sees what was written before it was called.
    fn swept<'a>(
        &'a self,
        prefix: &'a str,
        sweep: &'a Sweep,
        after: Option<&'a Id>,
    ) -> BoxFuture<'a, Result<Swept>>;

    /// Carries out a sweep on those of the documents with these ids that it is about. One that another client
    /// holds for longer than `patience` is not waited for, if that is given.
    fn sweep<'a>(
        &'a self,
        sweep: &'a Sweep,
        ids: &'a [Id],
        fate: Fate,
        patience: Option<Duration>,
    ) -> BoxFuture<'a, Result<SliceOutcome>>;

    /// Visits the documents of a page of those with a live session whose id begins with `prefix`, in
    /// its order; fewer than it may have if they are large.
    fn page<'a>(
        &'a self,
        prefix: &'a str,
        page: &'a Page,
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Visits a document for each user of a page who has live sessions whose ids begin with `prefix`, in the
    /// order of their texts: in `_id` the user, in `sessions` how many there are, in `moment` the latest one
    /// in them, in `endless` how many have none, and in `seen` when the last of them was used. Of the last
    /// user some may be missing where the page has as many sessions as it may.
    fn users<'a>(
        &'a self,
        prefix: &'a str,
        page: &'a UserPage,
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Visits id, `userId` and `userSince` of these users' documents with a live session whose id
    /// begins with `prefix`. Sees what was written before it was called.
    fn of_users<'a>(
        &'a self,
        prefix: &'a str,
        users: &'a [Arc<str>],
        alive: Alive,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Removes sessions of the prefix that are not flagged as deleted, and answers how many. Nothing
    /// in the collection that is no session is removed.
    fn remove<'a>(
        &'a self,
        prefix: &'a str,
        removals: &'a [Removal],
        fate: Fate,
    ) -> BoxFuture<'a, Result<u64>>;

    /// Visits what a command answers that answers with a cursor, given as raw BSON: with all that was
    /// written before.
    fn query<'a>(&'a self, _command: &'a [u8], _visit: Visit<'a>) -> BoxFuture<'a, Result<()>> {
        Box::pin(future::ready(Err(no_server())))
    }

    /// Carries out a command, given as raw BSON and perhaps a field of it with documents one behind the
    /// other, and answers its reply likewise. What it writes does no harm when it is sent twice.
    fn command<'a>(
        &'a self,
        _command: &'a [u8],
        _documents: Option<(&'a str, &'a [u8])>,
        _writes: bool,
    ) -> BoxFuture<'a, Result<Vec<u8>>> {
        Box::pin(future::ready(Err(no_server())))
    }

    /// Tells somebody of sessions that end, here or elsewhere, until the engine is closed or this is dropped.
    fn watch(&self, _listener: Listener) -> BoxFuture<'_, ()> {
        Box::pin(future::ready(()))
    }

    /// Lets go of connections and tasks.
    fn close(&self) -> BoxFuture<'_, ()>;
}

fn no_server() -> Error {
    Error::InvalidOption(
        "there is no server: the option 'uri' names the memory of a process".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_session_id() {
        let id = Id::from("app:secret");
        assert!(!format!("{id:?}").contains("secret"));
    }
}
