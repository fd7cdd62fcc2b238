//! The indexes that a store needs: created, found again after a drop, or the ones that stand in their way.
//!
//! With an id field of its own, only a unique index keeps two processes from creating two documents for one
//! session. A collection that is dropped loses it, and whoever writes next creates the collection without. So
//! writes that create documents name the index as their hint once it is there: MongoDB refuses them where it
//! is not, and the index is created before they are sent again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mongodb::bson::{Bson, Document};

use super::super::{Index, OtherIndex, Write, Written};
use super::Mongo;
use super::command::raw_command;
use super::repeat::Again;
use super::statement::Attempt;
use crate::codec::raw::Writer;
use crate::connection::{is_ended_build, is_passing};
use crate::error::{Error, Result};

/// The server's code for a hint without an index, among other things.
const BAD_VALUE: i32 = 2;

/// The codes of servers that know no hint for updates, which some that only speak like MongoDB do not:
/// `FailedToParse`, `InvalidOptions`, `NotSupported`, and an unknown field.
const WITHOUT_HINTS: [i32; 4] = [9, 72, 303, 40_415];

/// How often the index is created for writes that were refused without it. It may go once more before they come
/// again, and where it is there after all, they may still be refused.
const RESTORATIONS: usize = 2;

impl Mongo {
    /// Creates the index on the ids again, and answers whether it was missing. The collection is a new one, so
    /// that it takes no time.
    async fn restore_id_index(&self) -> Result<bool> {
        let command = self.index_command(&Index::of_id(&self.layout));
        let reply = self.run("index creation", Again::Harmless, command).await?;
        Ok(was_missing(&reply))
    }

    fn is_of_id(&self, index: &Index) -> bool {
        self.layout.has_own_id() && index.is_on(&self.layout.id)
    }

    /// Has an index built within `limit`, and answers whether it was missing now or since the last time.
    pub(super) async fn ensure_index(&self, index: &Index, limit: Duration) -> Result<bool> {
        let mut was_missing = self.build_index(index, limit).await?;
        if self.is_of_id(index) {
            self.hints_id_index.store(true, Ordering::Relaxed);
            was_missing |= self.lost_id_index.swap(false, Ordering::Relaxed);
        }
        Ok(was_missing)
    }

    /// The name of the index that a write which creates a document depends on.
    pub(super) fn id_hint(&self, write: &Write) -> Option<String> {
        let hints = write.change.creates() && self.hints_id_index.load(Ordering::Relaxed);
        hints.then(|| Index::of_id(&self.layout).name())
    }

    /// Whether a command may have failed because the server knows no hints; it gets none from now on. That may have
    /// been decided by another command since this one was sent.
    pub(super) fn gives_up_hints(&self, writes: &[Write], error: &Error) -> bool {
        let knows_none =
            matches!(error, Error::Server { code, .. } if WITHOUT_HINTS.contains(code));
        let may_be = knows_none
            && self.layout.has_own_id()
            && writes.iter().any(|write| write.change.creates());
        if may_be {
            self.hints_id_index.store(false, Ordering::Relaxed);
        }
        may_be
    }

    /// Sends writes again that were refused because the index on the ids is gone, once it is there again; and
    /// without that condition if it cannot be.
    pub(super) async fn retry_without_index(
        &self,
        writes: &[Write],
        results: &mut [Result<Written>],
    ) {
        if !self.layout.has_own_id() {
            return;
        }
        for _ in 0..RESTORATIONS {
            let refused = refused_for_hint(writes, results);
            if refused.is_empty() {
                return;
            }
            match self.restore_id_index().await {
                Ok(true) => self.lost_id_index.store(true, Ordering::Relaxed),
                // Another process was faster.
                Ok(false) => {}
                // The collection was dropped once more.
                Err(error) if is_ended_build(&error) => continue,
                Err(error) if is_passing(&error) => {
                    for at in refused {
                        results[at] = Err(error.clone());
                    }
                    return;
                }
                Err(_) => break,
            }
            self.send_again(writes, &refused, Attempt::First, results)
                .await;
        }
        let refused = refused_for_hint(writes, results);
        if !refused.is_empty() {
            // It cannot be created, or it is there and no hint finds it: it is hidden, for example.
            self.hints_id_index.store(false, Ordering::Relaxed);
            // Whoever looks after the index may say at this moment that there are hints again.
            self.send_again(writes, &refused, Attempt::WithoutIndex, results)
                .await;
        }
    }

    async fn send_again(
        &self,
        writes: &[Write],
        places: &[usize],
        attempt: Attempt,
        results: &mut [Result<Written>],
    ) {
        let again: Vec<&Write> = places.iter().map(|at| &writes[*at]).collect();
        let answers = self.update(&again, attempt).await;
        let answers = answers.unwrap_or_else(|error| vec![Err(error); again.len()]);
        for (at, answer) in places.iter().zip(answers) {
            results[*at] = answer;
        }
    }

    /// The index on the fields of one that was refused, as far as may be asked.
    pub(super) async fn other_index(&self, index: &Index) -> Option<OtherIndex> {
        let database = self.connection.database().await.ok()?;
        let mut command = Writer::new();
        command.string("listIndexes", &self.collection);
        let command = raw_command(command).ok()?;
        let reply = database.run_raw_command(command).await.ok()?;
        let cursor = reply.get_document("cursor").ok()?;
        let indexes = cursor.get_array("firstBatch").ok()?.iter();
        let mut indexes = indexes.filter_map(Bson::as_document);
        indexes
            .find(|other| is_on(other, &index.fields))
            .map(described)
    }
}

/// The places of writes that may have been refused for their hint. Whether there are hints may have been decided
/// anew by another command since they were sent.
fn refused_for_hint(writes: &[Write], results: &[Result<Written>]) -> Vec<usize> {
    let is_bad = |result: &Result<Written>| {
        matches!(
            result,
            Err(Error::Server {
                code: BAD_VALUE,
                ..
            })
        )
    };
    (0..writes.len())
        .filter(|at| is_bad(&results[*at]) && writes[*at].change.creates())
        .collect()
}

/// Whether an index is on these fields and no others.
fn is_on(index: &Document, fields: &[String]) -> bool {
    let key = index.get_document("key");
    key.is_ok_and(|key| key.keys().eq(fields))
}

fn described(index: &Document) -> OtherIndex {
    let seconds = match index.get("expireAfterSeconds") {
        Some(Bson::Int32(seconds)) => Some(i64::from(*seconds)),
        Some(Bson::Int64(seconds)) => Some(*seconds),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a fraction of a second does not count, and a number beyond all seconds is the last of them"
        )]
        Some(Bson::Double(seconds)) if seconds.is_finite() => Some(*seconds as i64),
        _ => None,
    };
    let collation = index.get_document("collation").ok();
    let locale = collation.and_then(|collation| collation.get_str("locale").ok());
    OtherIndex {
        name: index.get_str("name").unwrap_or_default().to_owned(),
        expire_after_seconds: seconds,
        is_unique: index.get_bool("unique").unwrap_or_default(),
        is_partial: index.contains_key("partialFilterExpression"),
        is_by_bytes: locale.is_none_or(|locale| locale == "simple"),
    }
}

/// What a reply says of itself, or those of the shards.
pub(super) fn was_missing(reply: &Document) -> bool {
    let of_shards = reply
        .get_document("raw")
        .into_iter()
        .flat_map(Document::values);
    let replies = of_shards.filter_map(Bson::as_document).chain([reply]);
    replies.into_iter().any(|reply| {
        let count = |name| reply.get_i32(name).ok();
        count("numIndexesAfter") > count("numIndexesBefore")
    })
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn a_reply_says_whether_an_index_was_missing() {
        let reply = |before, after| doc! { "numIndexesBefore": before, "numIndexesAfter": after };
        assert!(was_missing(&reply(1, 2)));
        assert!(!was_missing(&reply(2, 2)));
        assert!(!was_missing(&doc! { "ok": 1 }));
        let shards = doc! { "raw": { "a": reply(2, 2), "b": reply(1, 2) }, "ok": 1 };
        assert!(was_missing(&shards));
    }

    #[test]
    fn another_index_serves_if_it_does_all_that_is_wanted() {
        let wanted = Index {
            fields: vec!["expires".to_owned()],
            expire_after_seconds: Some(0),
            is_unique: false,
            is_sparse: false,
        };
        let key = doc! { "expires": 1 };
        let serves = |index: Document| described(&index).serves(&wanted);
        assert!(serves(doc! { "key": &key, "expireAfterSeconds": 0_i64 }));
        assert!(!serves(doc! { "key": &key, "expireAfterSeconds": 60 }));
        assert!(!serves(doc! { "key": &key }));
        let partial = doc! { "key": key, "expireAfterSeconds": 0, "partialFilterExpression": {} };
        assert!(!serves(partial));
    }
}
