//! Where the documents are kept: one trait, two engines.
//!
//! An engine knows documents, ids and moments. What a session means (expiry, order, batching) is
//! decided above it.

pub mod memory;
pub mod mongo;
mod select;

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use self::select::{Fate, Ids, Page, Removal, Which};
use crate::error::Result;
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
    /// Its new `expires`, in milliseconds since the epoch.
    pub expires_ms: i64,
    /// What else changes.
    pub change: Change,
    /// Fields that only some options have.
    pub extra: Extra,
}

/// Top-level fields that a document has only when an option asks for them.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    /// `createdAt`: when the session was created.
    pub created: Option<Created>,
    /// `updatedAt`: when it was written last, in milliseconds since the epoch.
    pub updated_ms: Option<i64>,
    /// `userId`: whose session it is. `Some(None)` removes the field.
    pub user: Option<Option<Arc<str>>>,
    /// `userSince`: since when it is that user's session.
    pub user_since: Option<Since>,
}

/// Since when a session is that of its user, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Now.
    Now(i64),
    /// Now, unless it was the same user's before.
    UnlessBefore(i64),
}

/// When a session was created, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// Now, if the write creates the document.
    OnInsert(i64),
    /// Now, as far as is known: the document has no `createdAt`.
    Now(i64),
}

/// What a write does to a document besides moving `expires`.
#[derive(Debug)]
pub enum Change {
    /// Nothing; a missing document stays missing.
    Touch,
    /// Stores this session, creating the document if it is missing.
    Upsert(Vec<u8>),
    /// Stores this session if the document exists.
    Replace(Vec<u8>),
    /// Changes these keys of the session if the document exists.
    Merge(Difference),
    /// Flags the document as deleted, if it exists and is not.
    Flag {
        /// Whether it has to be known if there was something to flag.
        counted: bool,
    },
}

impl Change {
    /// About how many bytes the change takes in a command.
    #[must_use]
    pub fn size(&self) -> usize {
        const STATEMENT: usize = 100;
        STATEMENT
            + match self {
                Self::Touch | Self::Flag { .. } => 0,
                Self::Upsert(session) | Self::Replace(session) => session.len(),
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
    /// The document does not exist or is flagged as deleted. Reported for saves and counted flags;
    /// other writes of a missing document may be reported as stored.
    Missing,
}

/// Which server is asked for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Any that there is.
    Any,
    /// One that can serve operations.
    Needed,
}

/// Which documents of a prefix are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every one.
    All,
    /// Those that are flagged as deleted.
    Flagged,
    /// Those that have expired at this moment.
    Expired(i64),
}

/// Receives documents one by one, as raw BSON borrowed from the reply.
pub type Visit<'a> = &'a mut (dyn FnMut(&[u8]) + Send);

/// An engine that keeps documents.
pub trait Backend: Send + Sync + 'static {
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

    /// Creates the TTL index `expires_1` on `expires`, if it does not exist.
    fn create_ttl_index(&self) -> BoxFuture<'_, Result<()>>;

    /// Visits the documents with these ids, in any order; missing ones are left out.
    fn find<'a>(&'a self, ids: &'a [Id], visit: Visit<'a>) -> BoxFuture<'a, Result<()>>;

    /// Carries out writes of different documents, in any order, and answers one result for each.
    /// The outer error means that none of them is known to have happened.
    fn write<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Vec<Result<Written>>>>;

    /// Deletes the documents with these ids.
    fn delete<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, Result<()>>;

    /// Visits all documents whose id begins with `prefix` and that have not expired at `now_ms`.
    fn scan<'a>(
        &'a self,
        prefix: &'a str,
        now_ms: i64,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Counts what [`scan`](Self::scan) visits.
    fn count<'a>(&'a self, prefix: &'a str, now_ms: i64) -> BoxFuture<'a, Result<u64>>;

    /// Deletes the selected ones of the documents whose id begins with `prefix`, and answers how
    /// many.
    fn clear<'a>(&'a self, prefix: &'a str, selection: Selection) -> BoxFuture<'a, Result<u64>>;

    /// Claims the removal of expired documents of a prefix until `until_ms`. False if another
    /// process holds it at `now_ms`.
    fn lease_removal<'a>(
        &'a self,
        prefix: &'a str,
        now_ms: i64,
        until_ms: i64,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Flags every document as deleted whose id begins with `prefix`, to expire at `expires_ms`, and
    /// answers how many. Expired ones too, which a request may still hold and save.
    fn flag_all<'a>(&'a self, prefix: &'a str, expires_ms: i64) -> BoxFuture<'a, Result<u64>>;

    /// Creates the index `userId_1` on `userId`, if it does not exist.
    fn create_user_index(&self) -> BoxFuture<'_, Result<()>>;

    /// Visits the documents of a page of those whose id begins with `prefix` and that have not
    /// expired at `now_ms`, in the order of their ids; fewer than it may have if they are large.
    fn page<'a>(
        &'a self,
        prefix: &'a str,
        page: &'a Page,
        now_ms: i64,
        visit: Visit<'a>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Visits `_id`, `userId` and `userSince` of these users' documents whose id begins with `prefix`
    /// and that have not expired at `now_ms`. Sees what was written before it was called.
    fn of_users<'a>(
        &'a self,
        prefix: &'a str,
        users: &'a [Arc<str>],
        now_ms: i64,
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

    /// Lets go of connections and tasks.
    fn close(&self) -> BoxFuture<'_, ()>;
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
