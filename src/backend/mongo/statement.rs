//! The statements of updates. Written as raw BSON.

use super::super::{Change, Created, Stored, Write};
use super::collation::{by_bytes, ids_by_bytes};
use super::fields::{
    depends_on_document, has_removed, move_on, set_fields, sets_others, unset_fields,
};
use super::filter::{not_ended, not_flagged, not_until};
use super::pipeline;
use crate::codec::raw::{self, Writer};
use crate::document::{Layout, field};
use crate::merge::Difference;

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

/// Whether a write is about every document with its id, as a deletion would be. In a field of their
/// own, which need not be unique, ids may have several.
pub fn is_multi(layout: &Layout, write: &Write) -> bool {
    layout.has_own_id() && matches!(write.change, Change::Flag { .. })
}

/// Whether a write is sent anew, and why.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It was not sent before.
    First,
    /// It may have been carried out already. A touch must then only prolong, and not shorten what others have
    /// prolonged.
    Again,
    /// It was refused for the index that it depended on, and no longer does.
    WithoutIndex,
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
            pipeline::touch(command, layout, write);
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
            pipeline::replace(command, layout, write, |command, key| {
                session.write(command, key);
            });
            command.boolean("upsert", write.change.creates());
        }
        Change::Swap { after, .. } if depends_on_document(write) => {
            pipeline::replace(command, layout, write, |command, key| {
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
            pipeline::merge(command, layout, write, difference);
        }
    }
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
