//! Updates that are aggregation pipelines: where what is written depends on what is there, or has keys that are no
//! part of a field path.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::super::{Created, Write};
use super::fields::set_others;
use super::{indexed, owner};
use crate::codec::raw::{self, Writer};
use crate::document::{Layout, field};
use crate::merge::Difference;

/// The value of `createdAt` in a pipeline.
const CREATED: &str = "$createdAt";

/// A whole session where what is set beside it depends on the document, which takes a pipeline.
pub fn replace(
    command: &mut Writer,
    layout: &Layout,
    write: &Write,
    value: impl FnOnce(&mut Writer, &str),
) {
    let stored = format!("${}", layout.session);
    command.start_array("u");
    command.start_document("0");
    command.start_document("$set");
    set_fields(command, layout, write);
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

/// The branches of a condition about `createdAt`: as it is, or this moment.
fn created_before_or(command: &mut Writer, at_ms: i64) {
    command.string("1", CREATED);
    command.date("2", at_ms);
    command.end_levels(2);
}

/// For many keys, and for those such as `a.b`, `$c` or the empty string, which a path cannot name: an
/// aggregation pipeline, where they are data. `session` becomes its own fields without the removed ones,
/// followed by those that are set.
pub fn merge(command: &mut Writer, layout: &Layout, write: &Write, difference: &Difference) {
    let session = format!("${}", layout.session);
    command.start_array("u");
    command.start_document("0");
    command.start_document("$set");
    set_fields(command, layout, write);
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

/// A touch of a session of which it is not known whether its document says when it was created: from the
/// first touch on it does, or it would never end.
pub fn touch(command: &mut Writer, layout: &Layout, write: &Write) {
    command.start_array("u");
    command.start_document("0");
    command.start_document("$set");
    set_fields(command, layout, write);
    if let Some(Created::UnlessAfter { now_ms, .. }) = write.extra.created {
        command.start_document(field::CREATED);
        command.start_array("$ifNull");
        command.string("0", CREATED);
        command.date("1", now_ms);
        command.end_levels(2);
    }
    command.end_levels(3);
}

/// The fields of `$set` in a pipeline, and whose session it is, which there could be read as an expression.
fn set_fields(command: &mut Writer, layout: &Layout, write: &Write) {
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
