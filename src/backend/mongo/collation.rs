//! How strings are compared in a collection that was created with a default collation.

use std::sync::atomic::Ordering;

use mongodb::bson::Document;

use super::Mongo;
use super::command::raw_command;
use crate::codec::raw::Writer;
use crate::document::Layout;
use crate::error::Error;
use crate::telemetry;

/// Has strings compared by their bytes, whatever the collection's default collation is: by that of a
/// language, a range over ids leaves out ids, and a name may be that of somebody else. An index with
/// another collation is of no use then, so what asks for single ids in `_id` goes without.
///
/// Source: "Collation" in MongoDB's manual.
pub fn by_bytes(statement: &mut Writer) {
    statement.start_document("collation");
    statement.string("locale", "simple");
    statement.end();
}

/// The same for what asks for single ids: only where the store has an index of its own on them.
pub fn ids_by_bytes(statement: &mut Writer, layout: &Layout) {
    if layout.has_own_id() {
        by_bytes(statement);
    }
}

impl Mongo {
    /// What the operator has to know of the collection's default collation.
    pub(super) async fn default_collation(&self) -> Option<Error> {
        let database = self.connection.database().await.ok()?;
        let mut command = Writer::new();
        command.int32("listCollections", 1);
        command.start_document("filter");
        command.string("name", &self.collection);
        command.end();
        let command = raw_command(command).ok()?;
        // Who may not ask is not told.
        let reply = telemetry::command("listCollections", database.run_raw_command(command));
        let reply = reply.await.ok()?;
        let cursor = reply.get_document("cursor").ok()?;
        let collection = cursor
            .get_array("firstBatch")
            .ok()?
            .first()?
            .as_document()?;
        let trouble = trouble(collection.get_document("options").ok()?);
        self.is_collated.store(trouble.is_some(), Ordering::Relaxed);
        trouble
    }
}

/// The levels of "Collation Document" in MongoDB's manual: from the third on, case tells strings apart.
const CASE: i32 = 3;

fn trouble(options: &Document) -> Option<Error> {
    let collation = options.get_document("collation").ok()?;
    let locale = collation.get_str("locale").ok()?.to_owned();
    let strength = collation.get_i32("strength").unwrap_or(CASE);
    let has_case_level = collation.get_bool("caseLevel").unwrap_or_default();
    Some(Error::Collation {
        locale,
        ignores_case: strength < CASE && !has_case_level,
    })
}
