//! Where the documents are kept: one trait, two engines, and one that is either of them.
//!
//! An engine knows documents, ids and moments. What a session means (expiry, order, batching) is
//! decided above it.

pub mod fallback;
mod id;
mod index;
pub mod memory;
pub mod mongo;
mod select;
pub mod watch;
mod write;

use std::future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

pub use self::id::Id;
pub use self::index::{Index, OtherIndex};
pub use self::select::{
    Fate, Ids, Order, Page, Position, Removal, SliceOutcome, Sweep, Swept, UserPage, Which,
};
use self::watch::Listener;
pub use self::write::{Change, Created, Extra, IndexValue, Stored, Value, Write, Written};
use crate::document::Alive;
use crate::error::{Error, Result};

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
///
/// Each engine repeats these signatures, as Rust asks of an implementation, but [`fallback`]: it has those from a
/// macro whose methods are the other engine's. Methods that forwarded by default would spare the macro, and let any
/// engine forget one.
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

    /// Creates an index, if it does not exist, and answers whether it was missing. Fails after `limit`, and leaves
    /// nothing behind then that would go on; what is dropped before is ended with the next attempt, or with the
    /// engine. Called for one index at a time.
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

    /// Visits id, `userId`, `userSince` and `renewedFrom` of these users' documents whose id begins with `prefix`
    /// with a live session, or with a copy to which one may be going to move. Sees what was written before it was
    /// called.
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
