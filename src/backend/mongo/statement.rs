//! The statements of updates. Written as raw BSON.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::super::{Change, Created, Stored, Write};
use super::collation::{by_bytes, ids_by_bytes};
use super::filter::{not_ended, not_flagged, not_until};
use super::{indexed, owner};
use crate::codec::raw::{self, Writer};
use crate::document::{Layout, field};
use crate::merge::Difference;

/// The field of a lease that says until when it is taken.
const UNTIL: &str = "until";

/// The rest of a command that takes the lease from somebody who has it until after `latest_ms`, for longer
/// than anybody takes it: by a clock that was ahead.
pub fn overlong_lease(command: &mut Writer, prefix: &str, until_ms: i64, latest_ms: i64) {
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
pub fn lease(statement: &mut Writer, layout: &Layout, prefix: &str, now_ms: i64, until_ms: i64) {
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

/// The update that flags a document.
pub fn flag(statement: &mut Writer, layout: &Layout, expires_ms: i64) {
    statement.start_document("u");
    statement.start_document("$set");
    statement.date(&layout.moment, layout.moment_of(expires_ms));
    statement.boolean(&layout.deleted, true);
    statement.end();
    statement.start_document("$unset");
    statement.int32(field::RENEWED_FROM, 1);
    statement.end();
    statement.end();
}

/// The fields that a document keeps of a session that has moved: none that says anything of it.
const FORGOTTEN: [&str; 7] = [
    field::INDEXES,
    field::USER,
    field::USER_SINCE,
    field::HANDLE,
    field::SEEN,
    field::BIGINT,
    field::UPDATED,
];

/// The conditions under which a document still says of its session what it said.
fn unchanged(query: &mut Writer, layout: &Layout, before: &[u8]) {
    let own = [&*layout.moment, &*layout.session, field::CREATED];
    for name in own.into_iter().chain(FORGOTTEN) {
        query.start_document(name);
        match raw::find(before, name) {
            // Behind an operator: the first key of a session could be read as one.
            Some(element) => query.value("$eq", element.kind, element.value),
            None => query.boolean("$exists", false),
        }
        query.end();
    }
}

/// The update that makes a document lead to another one, for as long as it does at least.
fn forward(statement: &mut Writer, layout: &Layout, before: &[u8], to: &str, until_ms: i64) {
    statement.start_document("u");
    statement.start_document("$set");
    statement.boolean(&layout.deleted, true);
    statement.string(field::RENEWED_TO, to);
    statement.date(field::RENEWED_UNTIL, until_ms);
    statement.end();
    // One that never goes stays, so that the use of the old id is noticed.
    if raw::find(before, &layout.moment).is_some() {
        statement.start_document("$max");
        statement.date(&layout.moment, layout.moment_of(until_ms));
        statement.end();
    }
    statement.start_document("$unset");
    statement.int32(&layout.session, 1);
    for name in FORGOTTEN {
        statement.int32(name, 1);
    }
    statement.end_levels(2);
}

/// The update that lets a session be read that has moved here.
fn reveal(statement: &mut Writer, layout: &Layout) {
    statement.start_document("u");
    statement.start_document("$unset");
    statement.int32(&layout.deleted, 1);
    statement.int32(field::RENEWED_FROM, 1);
    statement.int32(field::RENEWED_UNTIL, 1);
    statement.end_levels(2);
}

/// Up to how many keys a save names by their paths. MongoDB looks for each of them among all fields
/// of the session, so that 40 000 changed keys were seen to take it 26 s.
const MOST_PATHS: usize = 100;

/// Whether the keys of a difference are few, and each can be the last part of a field path.
fn has_paths(difference: &Difference) -> bool {
    let is_path = |key: &[u8]| !key.is_empty() && !key.starts_with(b"$") && !key.contains(&b'.');
    difference.set.len() + difference.unset.len() <= MOST_PATHS
        && difference.set.iter().all(|(key, ..)| is_path(key))
        && difference.unset.iter().all(|key| is_path(key))
}

/// The fields of `$set` that every write has, and those that options ask for.
fn set_fields(command: &mut Writer, layout: &Layout, write: &Write) {
    set_own_fields(command, layout, write);
    owner::set(command, &write.extra);
    indexed::set(command, &write.extra);
}

/// Whether a field beside the session goes.
fn has_removed(write: &Write) -> bool {
    owner::is_removed(&write.extra) || indexed::has_removed(&write.extra)
}

fn unset_fields(command: &mut Writer, write: &Write) {
    owner::unset(command, &write.extra);
    indexed::unset(command, &write.extra);
}

fn set_own_fields(command: &mut Writer, layout: &Layout, write: &Write) {
    if !write.extra.keeps_later && !write.extra.keeps_expiry {
        command.date(&layout.moment, layout.moment_of(write.expires_ms));
    }
    set_others(command, write);
}

fn sets_others(write: &Write) -> bool {
    matches!(write.extra.created, Some(Created::Now(_)))
        || write.extra.updated_ms.is_some()
        || write.extra.seen_ms.is_some()
        || write.extra.has_bigints
}

fn set_others(command: &mut Writer, write: &Write) {
    if let Some(Created::Now(at)) = write.extra.created {
        command.date(field::CREATED, at);
    }
    if let Some(at) = write.extra.updated_ms {
        command.date(field::UPDATED, at);
    }
    if let Some(at) = write.extra.seen_ms {
        command.date(field::SEEN, at);
    }
    if write.extra.has_bigints {
        command.boolean(field::BIGINT, true);
    }
}

/// Moves an expiry on that a later one in the document outdoes; behind `$set`, which then does not have it.
fn move_on(command: &mut Writer, layout: &Layout, write: &Write) {
    if write.extra.keeps_later && !write.extra.keeps_expiry {
        command.start_document("$max");
        command.date(&layout.moment, layout.moment_of(write.expires_ms));
        command.end();
    }
}

/// The same in a pipeline, and whose session it is, which there could be read as an expression.
fn set_fields_of_pipeline(command: &mut Writer, layout: &Layout, write: &Write) {
    let moment_ms = layout.moment_of(write.expires_ms);
    if write.extra.keeps_expiry {
        // As it is.
    } else if write.extra.keeps_later {
        command.start_document(&layout.moment);
        command.start_array("$max");
        command.string("0", &format!("${}", layout.moment));
        command.date("1", moment_ms);
        command.end_levels(2);
    } else {
        command.date(&layout.moment, moment_ms);
    }
    set_others(command, write);
    owner::set_in_pipeline(command, &write.extra);
    indexed::set_in_pipeline(command, &write.extra);
}

/// A whole session where what is set beside it depends on the document, which takes a pipeline.
fn replace_by_pipeline(
    command: &mut Writer,
    layout: &Layout,
    write: &Write,
    value: impl FnOnce(&mut Writer, &str),
) {
    let stored = format!("${}", layout.session);
    command.start_array("u");
    command.start_document("0");
    command.start_document("$set");
    set_fields_of_pipeline(command, layout, write);
    match write.extra.created {
        Some(Created::OnInsert(at)) => {
            command.start_document(field::CREATED);
            command.start_array("$cond");
            command.start_document("0");
            command.start_array("$ne");
            command.start_document("0");
            command.string("$type", &stored);
            command.end();
            command.string("1", "missing");
            command.end_levels(2);
            created_before_or(command, at);
        }
        Some(Created::UnlessAfter { now_ms, ended_ms }) => {
            command.start_document(field::CREATED);
            command.start_array("$cond");
            command.start_document("0");
            // What is missing, or no date, is below every date.
            command.start_array("$gt");
            command.string("0", CREATED);
            command.date("1", ended_ms);
            command.end_levels(2);
            created_before_or(command, now_ms);
        }
        Some(Created::Now(_)) | None => {}
    }
    command.start_document(&layout.session);
    value(command, "$literal");
    command.end_levels(4);
}

/// The value of `createdAt` in a pipeline.
const CREATED: &str = "$createdAt";

/// The branches of a condition about `createdAt`: as it is, or this moment.
fn created_before_or(command: &mut Writer, at_ms: i64) {
    command.string("1", CREATED);
    command.date("2", at_ms);
    command.end_levels(2);
}

fn merge_by_paths(command: &mut Writer, layout: &Layout, write: &Write, difference: &Difference) {
    let path = |key: &[u8]| [layout.session.as_bytes(), b".", key].concat();
    command.start_document("u");
    command.start_document("$set");
    set_fields(command, layout, write);
    for (key, kind, value) in &difference.set {
        command.element(raw::Element {
            kind: *kind,
            key: &path(key),
            value,
        });
    }
    command.end();
    move_on(command, layout, write);
    if !difference.unset.is_empty() || has_removed(write) {
        command.start_document("$unset");
        unset_fields(command, write);
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

/// For many keys, and for those such as `a.b`, `$c` or the empty string, which a path cannot name: an
/// aggregation pipeline, where they are data. `session` becomes its own fields without the removed ones,
/// followed by those that are set.
fn merge_by_pipeline(
    command: &mut Writer,
    layout: &Layout,
    write: &Write,
    difference: &Difference,
) {
    let session = format!("${}", layout.session);
    command.start_array("u");
    command.start_document("0");
    command.start_document("$set");
    set_fields_of_pipeline(command, layout, write);
    command.start_document(&layout.session);
    command.start_array("$mergeObjects");
    if difference.unset.is_empty() {
        command.string("0", &session);
    } else {
        command.start_document("0");
        without(command, &session, &difference.unset);
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
    command.end_levels(7);
}

/// An expression for the session without some keys: each of them is set to a marker, and what has
/// the marker is left out. That takes a time in proportion to the session, where looking each field
/// up in the list of keys would take the product of both; and `$unsetField` would have to be nested
/// once for each key, for which MongoDB has a limit.
fn without(command: &mut Writer, session: &str, keys: &[Vec<u8>]) {
    let marker = random();
    command.start_document("$arrayToObject");
    command.start_document("$filter");
    command.start_document("input");
    command.start_document("$objectToArray");
    command.start_array("$mergeObjects");
    command.string("0", session);
    command.start_document("1");
    command.start_document("$literal");
    for key in keys {
        command.element(raw::Element {
            kind: raw::kind::INT64,
            key,
            value: &marker.to_le_bytes(),
        });
    }
    command.end_levels(5);
    command.start_document("cond");
    command.start_array("$ne");
    command.string("0", "$$this.v");
    command.int64("1", marker);
    command.end_levels(4);
}

/// A number that no session holds unless by a chance of one to 2^64: nobody can know it beforehand.
fn random() -> i64 {
    RandomState::new().build_hasher().finish().cast_signed()
}

/// Whether a write is about every document with its id, as a deletion would be. In a field of their
/// own, which need not be unique, ids may have several.
pub fn is_multi(layout: &Layout, write: &Write) -> bool {
    layout.has_own_id() && matches!(write.change, Change::Flag { .. })
}

/// Whether a write is sent anew that may have been carried out already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It was not sent before.
    First,
    /// It may have been. A touch must then only prolong, and not shorten what others have prolonged.
    Again,
}

/// One statement of an update command.
pub fn statement(
    command: &mut Writer,
    layout: &Layout,
    write: &Write,
    delete_flags: bool,
    attempt: Attempt,
) {
    command.start_document("q");
    command.string(&layout.id, &write.id);
    if attempt == Attempt::Again && matches!(write.change, Change::Touch) {
        command.start_document(&layout.moment);
        command.start_document("$not");
        command.date("$gte", layout.moment_of(write.expires_ms));
        command.end_levels(2);
    }
    match &write.change {
        Change::Swap { before, .. } => {
            // Behind an operator: the first key of a session could be read as one.
            command.start_document(&layout.session);
            before.write(command, "$eq");
            command.end();
        }
        Change::Forward { before, .. } => unchanged(command, layout, before),
        _ => {}
    }
    if let Change::Confirm { reserved_ms } = write.change {
        command.date(&layout.moment, layout.moment_of(reserved_ms));
    }
    if let Some(at_ms) = write.extra.unless_expired_ms {
        not_until(command, &layout.moment, layout.moment_of(at_ms));
    }
    match &write.change {
        Change::Flag { .. } => not_ended(command, layout),
        Change::Reveal(from) | Change::Place { from, .. } => {
            command.string(field::RENEWED_FROM, from);
        }
        // A flagged document still holds its session.
        Change::Swap { .. } | Change::Forward { .. } => not_flagged(command, layout),
        _ if delete_flags => not_flagged(command, layout),
        _ => {}
    }
    command.end();
    if let Change::Swap { .. } | Change::Forward { .. } = write.change {
        by_bytes(command);
    } else {
        ids_by_bytes(command, layout);
    }
    match &write.change {
        Change::Touch if matches!(write.extra.created, Some(Created::UnlessAfter { .. })) => {
            touch_by_pipeline(command, layout, write);
        }
        Change::Touch | Change::Confirm { .. } | Change::Renew { .. } => {
            command.start_document("u");
            // Servers before version 5 refuse an empty one.
            if !write.extra.keeps_later || sets_others(write) {
                command.start_document("$set");
                set_fields(command, layout, write);
                command.end();
            }
            move_on(command, layout, write);
            command.end();
        }
        Change::Place { copy, .. } => {
            command.document("u", copy);
            command.boolean("upsert", true);
        }
        Change::Forward {
            before,
            to,
            until_ms,
        } => forward(command, layout, before, to, *until_ms),
        Change::Reveal(_) => reveal(command, layout),
        Change::Flag { .. } => {
            flag(command, layout, write.expires_ms);
            if is_multi(layout, write) {
                command.boolean("multi", true);
            }
        }
        Change::Upsert(session) | Change::Replace(session) if depends_on_document(write) => {
            replace_by_pipeline(command, layout, write, |command, key| {
                session.write(command, key);
            });
            command.boolean("upsert", write.change.creates());
        }
        Change::Swap { after, .. } if depends_on_document(write) => {
            replace_by_pipeline(command, layout, write, |command, key| {
                after.write(command, key);
            });
        }
        Change::Insert(session) => insertion(command, layout, write, session),
        Change::Upsert(session) | Change::Replace(session) => {
            start_replacement(command, layout, write);
            session.write(command, &layout.session);
            end_replacement(command, layout, write);
            command.boolean("upsert", write.change.creates());
        }
        Change::Swap { after, .. } => {
            start_replacement(command, layout, write);
            after.write(command, &layout.session);
            end_replacement(command, layout, write);
        }
        Change::Merge(difference) if has_paths(difference) && !depends_on_document(write) => {
            merge_by_paths(command, layout, write, difference);
        }
        Change::Merge(difference) => {
            merge_by_pipeline(command, layout, write, difference);
        }
    }
}

/// Whether what is written beside the session depends on what is there.
fn depends_on_document(write: &Write) -> bool {
    let creates = matches!(write.change, Change::Upsert(_));
    owner::depends_on_document(&write.extra)
        || indexed::depends_on_document(&write.extra)
        || creates && matches!(write.extra.created, Some(Created::UnlessAfter { .. }))
}

/// A touch of a session of which it is not known whether its document says when it was created: from the
/// first touch on it does, or it would never end.
fn touch_by_pipeline(command: &mut Writer, layout: &Layout, write: &Write) {
    command.start_array("u");
    command.start_document("0");
    command.start_document("$set");
    set_fields_of_pipeline(command, layout, write);
    if let Some(Created::UnlessAfter { now_ms, .. }) = write.extra.created {
        command.start_document(field::CREATED);
        command.start_array("$ifNull");
        command.string("0", CREATED);
        command.date("1", now_ms);
        command.end_levels(2);
    }
    command.end_levels(3);
}

/// The update that stores a whole session where there is no document.
fn insertion(command: &mut Writer, layout: &Layout, write: &Write, session: &Stored) {
    command.start_document("u");
    command.start_document("$setOnInsert");
    set_fields(command, layout, write);
    if let Some(Created::OnInsert(at) | Created::UnlessAfter { now_ms: at, .. }) =
        write.extra.created
    {
        command.date(field::CREATED, at);
    }
    if let Some(handle) = &write.extra.handle {
        command.string(field::HANDLE, handle);
    }
    session.write(command, &layout.session);
    command.end_levels(2);
    command.boolean("upsert", true);
}

/// The update that stores a whole session, open for the session itself.
fn start_replacement(command: &mut Writer, layout: &Layout, write: &Write) {
    command.start_document("u");
    command.start_document("$set");
    set_fields(command, layout, write);
}

fn end_replacement(command: &mut Writer, layout: &Layout, write: &Write) {
    command.end();
    move_on(command, layout, write);
    if let Some(Created::OnInsert(at)) = write.extra.created {
        command.start_document("$setOnInsert");
        command.date(field::CREATED, at);
        command.end();
    }
    if has_removed(write) {
        command.start_document("$unset");
        unset_fields(command, write);
        command.end();
    }
    command.end();
}
