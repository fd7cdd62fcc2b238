//! Removing what has expired, with the option `autoRemove: 'interval'`: one process at a time does, by a lease.

use super::super::Written;
use super::Mongo;
use super::collation::by_bytes;
use super::filter::{expired, in_prefix};
use super::repeat::Again;
use super::reply::{count_of, is_duplicate_key, write_errors};
use crate::codec::raw::Writer;
use crate::document::Layout;
use crate::error::Result;

/// The field of a lease that says until when it is taken.
const UNTIL: &str = "until";

impl Mongo {
    /// Deletes what has expired by then.
    pub(super) async fn delete_expired(&self, prefix: &str, now_ms: i64) -> Result<()> {
        let mut command = self.command("delete", prefix.len() * 2);
        command.start_array("deletes");
        command.start_document("0");
        command.start_document("q");
        in_prefix(&mut command, &self.layout, prefix);
        expired(&mut command, &self.layout, now_ms);
        command.end();
        by_bytes(&mut command);
        command.int32("limit", 0);
        command.end();
        command.end();
        // What has ended stays so.
        let reply = self.run("autoRemove", Again::Harmless, command).await?;
        count_of(&reply).map(drop)
    }

    /// Whether this process may remove what has expired until then.
    pub(super) async fn take_lease(
        &self,
        prefix: &str,
        now_ms: i64,
        until_ms: i64,
    ) -> Result<bool> {
        let mut command = self.command("update", prefix.len());
        command.start_array("updates");
        command.start_document("0");
        lease(&mut command, &self.layout, prefix, now_ms, until_ms);
        command.end();
        command.end();
        let reply = self.run("autoRemove", Again::Known, command).await?;
        let mut results = [Ok(Written::Stored)];
        write_errors(&reply, &mut results);
        // Who holds the lease is found by its `_id` but not by its moment.
        let [result] = results;
        if is_duplicate_key(&result) {
            let mut command = self.command("findAndModify", prefix.len());
            // Some clocks are a little ahead.
            let latest_ms = until_ms.saturating_add(until_ms - now_ms);
            overlong_lease(&mut command, prefix, until_ms, latest_ms);
            let reply = self.run("autoRemove", Again::Harmless, command).await?;
            return Ok(reply.get_document("value").is_ok());
        }
        result.map(|_| true)
    }
}

/// The rest of a command that takes the lease from somebody who has it until after `latest_ms`, for longer
/// than anybody takes it: by a clock that was ahead.
fn overlong_lease(command: &mut Writer, prefix: &str, until_ms: i64, latest_ms: i64) {
    command.start_document("query");
    command.start_document("_id");
    command.string("autoRemove", prefix);
    command.end();
    command.start_document(UNTIL);
    command.date("$gt", latest_ms);
    command.end_levels(2);
    command.start_document("update");
    command.start_document("$set");
    command.date(UNTIL, until_ms);
    command.end_levels(2);
}

/// A statement that takes the lease for removing expired sessions of a prefix, unless somebody has
/// it at `now_ms`. Its `_id` is an object, so it can be no session's, and so is its id in a field of
/// its own, where a unique index allows one document without.
fn lease(statement: &mut Writer, layout: &Layout, prefix: &str, now_ms: i64, until_ms: i64) {
    statement.start_document("q");
    statement.start_document("_id");
    statement.string("autoRemove", prefix);
    statement.end();
    statement.start_document(UNTIL);
    statement.date("$lte", now_ms);
    statement.end_levels(2);
    statement.start_document("u");
    statement.start_document("$set");
    statement.date(UNTIL, until_ms);
    if layout.has_own_id() {
        statement.start_document(&layout.id);
        statement.string("autoRemove", prefix);
        statement.end();
    }
    statement.end();
    statement.end();
    statement.boolean("upsert", true);
}
