//! What commands consist of: filters, and the statements of updates. Written as raw BSON.

use super::super::{Change, Created, Id, Write};
use crate::codec::raw::{self, Writer, index};
use crate::document::{self, field};
use crate::merge::Difference;

/// `_id: id` or `_id: { $in: [ids] }`. The first is the form for which the server has a fast path.
pub fn any_of(filter: &mut Writer, ids: &[Id]) {
    if let [id] = ids {
        filter.string(field::ID, id);
        return;
    }
    filter.start_document(field::ID);
    filter.start_array("$in");
    for (position, id) in ids.iter().enumerate() {
        filter.string(&index(position), id);
    }
    filter.end();
    filter.end();
}

/// `_id` in the range of a prefix. The range also leaves out ids that are not strings.
pub fn in_prefix(filter: &mut Writer, prefix: &str) {
    filter.start_document(field::ID);
    filter.string("$gte", prefix);
    if let Some(end) = document::prefix_end(prefix) {
        filter.string("$lt", &end);
    }
    filter.end();
}

/// Sessions of a prefix that are neither expired nor flagged: the judgement of `document::read`.
pub fn live(filter: &mut Writer, prefix: &str, now_ms: i64) {
    in_prefix(filter, prefix);
    filter.start_document(field::EXPIRES);
    filter.start_document("$not");
    filter.date("$lte", now_ms);
    filter.end();
    filter.end();
    filter.start_document(field::SESSION);
    filter.string("$type", "object");
    // An array of objects is of both types.
    filter.start_document("$not");
    filter.string("$type", "array");
    filter.end();
    filter.end();
    not_flagged(filter);
}

/// What has expired. Whatever has no date there is left alone, as MongoDB's TTL monitor does.
pub fn expired(filter: &mut Writer, now_ms: i64) {
    filter.start_document(field::EXPIRES);
    filter.date("$lte", now_ms);
    filter.end();
}

/// A statement that takes the lease for removing expired sessions of a prefix, unless somebody has
/// it at `now_ms`. Its `_id` is an object, so it can be no session's.
pub fn lease(statement: &mut Writer, prefix: &str, now_ms: i64, until_ms: i64) {
    const UNTIL: &str = "until";
    statement.start_document("q");
    statement.start_document(field::ID);
    statement.string("autoRemove", prefix);
    statement.end();
    statement.start_document(UNTIL);
    statement.date("$lte", now_ms);
    statement.end();
    statement.end();
    statement.start_document("u");
    statement.start_document("$set");
    statement.date(UNTIL, until_ms);
    statement.end();
    statement.end();
    statement.boolean("upsert", true);
}

/// The update that flags a document.
pub fn flag(statement: &mut Writer, expires_ms: i64) {
    statement.start_document("u");
    statement.start_document("$set");
    statement.date(field::EXPIRES, expires_ms);
    statement.boolean(field::DELETED, true);
    statement.end();
    statement.end();
}

pub fn not_flagged(filter: &mut Writer) {
    filter.start_document(field::DELETED);
    filter.boolean("$ne", true);
    filter.end();
}

/// Whether every key of a difference can be the last part of an update's field path.
fn difference_has_paths(difference: &Difference) -> bool {
    let is_path = |key: &[u8]| !key.is_empty() && !key.starts_with(b"$") && !key.contains(&b'.');
    difference.set.iter().all(|(key, ..)| is_path(key))
        && difference.unset.iter().all(|key| is_path(key))
}

/// The fields of `$set` that every write has, and those that options ask for.
fn set_fields(command: &mut Writer, write: &Write) {
    set_dates(command, write);
    if let Some(Some(user)) = &write.extra.user {
        command.string(field::USER, user);
    }
}

fn set_dates(command: &mut Writer, write: &Write) {
    command.date(field::EXPIRES, write.expires_ms);
    if let Some(Created::Now(at)) = write.extra.created {
        command.date(field::CREATED, at);
    }
    if let Some(at) = write.extra.updated_ms {
        command.date(field::UPDATED, at);
    }
}

/// The same in a pipeline, and whose session it is, which there could be read as an expression.
fn set_fields_of_pipeline(command: &mut Writer, write: &Write) {
    set_dates(command, write);
    match &write.extra.user {
        None => {}
        Some(None) => command.string(field::USER, "$$REMOVE"),
        Some(Some(user)) => {
            command.start_document(field::USER);
            command.string("$literal", user);
            command.end();
        }
    }
}

fn removes_user(write: &Write) -> bool {
    matches!(write.extra.user, Some(None))
}

fn merge_by_paths(command: &mut Writer, write: &Write, difference: &Difference) {
    let path = |key: &[u8]| [field::SESSION.as_bytes(), b".", key].concat();
    command.start_document("u");
    command.start_document("$set");
    set_fields(command, write);
    for (key, kind, value) in &difference.set {
        command.element(raw::Element {
            kind: *kind,
            key: &path(key),
            value,
        });
    }
    command.end();
    if !difference.unset.is_empty() || removes_user(write) {
        command.start_document("$unset");
        if removes_user(write) {
            command.int32(field::USER, 1);
        }
        for key in &difference.unset {
            command.element(raw::Element {
                kind: raw::kind::INT32,
                key: &path(key),
                value: &1_i32.to_le_bytes(),
            });
        }
        command.end();
    }
    command.end();
}

/// For keys such as `a.b`, `$c` or the empty string, which a path cannot name: an aggregation
/// pipeline, where they are data. `session` becomes its own fields without the removed ones,
/// followed by those that are set.
fn merge_by_pipeline(command: &mut Writer, write: &Write, difference: &Difference) {
    command.start_array("u");
    command.start_document("0");
    command.start_document("$set");
    set_fields_of_pipeline(command, write);
    command.start_document(field::SESSION);
    command.start_array("$mergeObjects");
    if difference.unset.is_empty() {
        command.string("0", "$session");
    } else {
        command.start_document("0");
        without(command, &difference.unset);
        command.end();
    }
    command.start_document("1");
    command.start_document("$literal");
    for (key, kind, value) in &difference.set {
        command.element(raw::Element {
            kind: *kind,
            key,
            value,
        });
    }
    end(command, 7);
}

/// An expression for the session without some keys. `$unsetField` would have to be nested once for
/// each, and MongoDB limits how deep an expression may nest.
fn without(command: &mut Writer, keys: &[Vec<u8>]) {
    command.start_document("$arrayToObject");
    command.start_document("$filter");
    command.start_document("input");
    command.string("$objectToArray", "$session");
    command.end();
    command.start_document("cond");
    command.start_array("$not");
    command.start_document("0");
    command.start_array("$in");
    command.string("0", "$$this.k");
    command.start_document("1");
    command.start_array("$literal");
    for (position, key) in keys.iter().enumerate() {
        command.string(&index(position), &String::from_utf8_lossy(key));
    }
    end(command, 8);
}

/// Closes the innermost `levels` documents and arrays.
fn end(command: &mut Writer, levels: usize) {
    for _ in 0..levels {
        command.end();
    }
}

/// One statement of an update command.
pub fn statement(command: &mut Writer, write: &Write, delete_flags: bool) {
    command.start_document("q");
    command.string(field::ID, &write.id);
    if delete_flags || matches!(write.change, Change::Flag { .. }) {
        not_flagged(command);
    }
    command.end();
    match &write.change {
        Change::Touch => {
            command.start_document("u");
            command.start_document("$set");
            set_fields(command, write);
            command.end();
            command.end();
        }
        Change::Flag { .. } => flag(command, write.expires_ms),
        Change::Upsert(session) | Change::Replace(session) => {
            command.start_document("u");
            command.start_document("$set");
            set_fields(command, write);
            command.document(field::SESSION, session);
            command.end();
            if let Some(Created::OnInsert(at)) = write.extra.created {
                command.start_document("$setOnInsert");
                command.date(field::CREATED, at);
                command.end();
            }
            if removes_user(write) {
                command.start_document("$unset");
                command.int32(field::USER, 1);
                command.end();
            }
            command.end();
            command.boolean("upsert", matches!(write.change, Change::Upsert(_)));
        }
        Change::Merge(difference) if difference_has_paths(difference) => {
            merge_by_paths(command, write, difference);
        }
        Change::Merge(difference) => {
            merge_by_pipeline(command, write, difference);
        }
    }
}
