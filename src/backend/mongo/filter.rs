//! Filters: which documents a command is about. Written as raw BSON.

use super::super::Id;
use crate::codec::raw::{Writer, index};
use crate::document::{self, Alive, Layout, field};

/// `_id: id` or `_id: { $in: [ids] }`. The first is the form for which the server has a fast path.
pub fn any_of(filter: &mut Writer, layout: &Layout, ids: &[Id]) {
    if let [id] = ids {
        filter.string(&layout.id, id);
        return;
    }
    filter.start_document(&layout.id);
    filter.start_array("$in");
    for (position, id) in ids.iter().enumerate() {
        filter.string(&index(position), id);
    }
    filter.end();
    filter.end();
}

/// `_id` in the range of a prefix. The range also leaves out ids that are not strings.
pub fn in_prefix(filter: &mut Writer, layout: &Layout, prefix: &str) {
    behind(filter, layout, prefix, None, None);
}

/// The same from the first id behind another one on, without one of them.
pub fn behind(
    filter: &mut Writer,
    layout: &Layout,
    prefix: &str,
    after: Option<&Id>,
    except: Option<&Id>,
) {
    filter.start_document(&layout.id);
    match after {
        Some(after) => filter.string("$gt", after),
        None => filter.string("$gte", prefix),
    }
    if let Some(end) = document::prefix_end(prefix) {
        filter.string("$lt", &end);
    }
    if let Some(except) = except {
        filter.string("$ne", except);
    }
    filter.end();
}

/// Sessions of a prefix that are neither expired nor flagged: the judgement of `document::Reader`.
pub fn live(filter: &mut Writer, layout: &Layout, prefix: &str, alive: Alive) {
    lasting(filter, layout, prefix, alive);
    not_flagged(filter, layout);
}

/// Sessions of a prefix that are not expired, flagged or not.
pub fn lasting(filter: &mut Writer, layout: &Layout, prefix: &str, alive: Alive) {
    in_prefix(filter, layout, prefix);
    not_until(filter, &layout.moment, layout.moment_of(alive.at_ms));
    if let Some(created_after_ms) = alive.created_after_ms {
        not_until(filter, field::CREATED, created_after_ms);
    }
    is_session(filter, layout, alive.takes_any_text);
}

/// A session in either encoding.
pub fn is_session(filter: &mut Writer, layout: &Layout, takes_any_text: bool) {
    filter.start_array("$or");
    filter.start_document("0");
    is_object(filter, layout);
    filter.end();
    filter.start_document("1");
    filter.start_document(&layout.session);
    filter.string("$type", "string");
    if !takes_any_text {
        filter.string("$regex", "^\\s*\\{");
    }
    filter.end_levels(3);
}

/// A session that is stored as a document.
pub fn is_object(filter: &mut Writer, layout: &Layout) {
    filter.start_document(&layout.session);
    filter.string("$type", "object");
    // An array of objects is of both types.
    filter.start_document("$not");
    filter.string("$type", "array");
    filter.end_levels(2);
}

/// Whatever holds no moment up to this one in a field, or none at all.
pub fn not_until(filter: &mut Writer, name: &str, at_ms: i64) {
    filter.start_document(name);
    filter.start_document("$not");
    filter.date("$lte", at_ms);
    filter.end();
    filter.end();
}

/// What has expired. Whatever has no date there is left alone, as MongoDB's TTL monitor does.
pub fn expired(filter: &mut Writer, layout: &Layout, now_ms: i64) {
    filter.start_document(&layout.moment);
    filter.date("$lte", layout.moment_of(now_ms));
    filter.end();
}

/// What is not flagged as deleted.
pub fn not_flagged(filter: &mut Writer, layout: &Layout) {
    filter.start_document(&layout.deleted);
    filter.boolean("$ne", true);
    filter.end();
}

/// The same, or what is flagged only until a session has moved there: who ends a session ends that, too.
pub fn not_ended(filter: &mut Writer, layout: &Layout) {
    filter.start_array("$nor");
    filter.start_document("0");
    filter.boolean(&layout.deleted, true);
    filter.start_document(field::RENEWED_FROM);
    filter.boolean("$exists", false);
    filter.end_levels(3);
}

/// What neither leads to another document after a moment, nor is one to which a session may be going to move by
/// then.
pub fn leads_no_more(filter: &mut Writer, now_ms: i64) {
    filter.start_document(field::RENEWED_UNTIL);
    filter.start_document("$not");
    filter.date("$gt", now_ms);
    filter.end_levels(2);
}
