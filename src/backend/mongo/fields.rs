//! The fields that an update writes beside the session: those that every write has, and those that options ask
//! for.

use super::super::{Change, Created, Write};
use super::{indexed, owner};
use crate::codec::raw::Writer;
use crate::document::{Layout, field};

/// The fields of `$set` that every write has, and those that options ask for.
pub fn set_fields(command: &mut Writer, layout: &Layout, write: &Write) {
    set_own_fields(command, layout, write);
    owner::set(command, &write.extra);
    indexed::set(command, &write.extra);
}

/// Whether a field beside the session goes.
pub fn has_removed(write: &Write) -> bool {
    owner::is_removed(&write.extra) || indexed::has_removed(&write.extra)
}

/// The fields of `$unset` beside the session.
pub fn unset_fields(command: &mut Writer, write: &Write) {
    owner::unset(command, &write.extra);
    indexed::unset(command, &write.extra);
}

fn set_own_fields(command: &mut Writer, layout: &Layout, write: &Write) {
    if !write.extra.keeps_later && !write.extra.keeps_expiry {
        command.date(&layout.moment, layout.moment_of(write.expires_ms));
    }
    set_others(command, write);
}

/// Whether a write has fields that no expiry and no user makes.
pub fn sets_others(write: &Write) -> bool {
    matches!(write.extra.created, Some(Created::Now(_)))
        || write.extra.updated_ms.is_some()
        || write.extra.seen_ms.is_some()
        || write.extra.has_bigints
}

/// Those fields.
pub fn set_others(command: &mut Writer, write: &Write) {
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
pub fn move_on(command: &mut Writer, layout: &Layout, write: &Write) {
    if write.extra.keeps_later && !write.extra.keeps_expiry {
        command.start_document("$max");
        command.date(&layout.moment, layout.moment_of(write.expires_ms));
        command.end();
    }
}

/// Whether what is written beside the session depends on what is there.
pub fn depends_on_document(write: &Write) -> bool {
    let creates = matches!(write.change, Change::Upsert(_));
    owner::depends_on_document(&write.extra)
        || indexed::depends_on_document(&write.extra)
        || creates && matches!(write.extra.created, Some(Created::UnlessAfter { .. }))
}
