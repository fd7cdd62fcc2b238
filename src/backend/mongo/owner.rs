//! Whose session a document holds: the fields `userId`, `userSince` and `handle` in updates. Written as raw
//! BSON.

use super::super::Extra;
use crate::codec::raw::Writer;
use crate::document::field;

/// The moment of the server's clock.
const NOW: &str = "$$NOW";

/// The fields in an expression.
const USER: &str = "$userId";
const USER_SINCE: &str = "$userSince";
const HANDLE: &str = "$handle";

/// Whether what is written depends on what the document says.
pub fn depends_on_document(extra: &Extra) -> bool {
    let is_conditional = extra.user.is_some() && extra.user_before.is_some();
    is_conditional
        || extra.handle.is_some()
        || extra.marks_since && matches!(extra.user, Some(Some(_)))
}

/// Whether both fields go.
pub fn is_removed(extra: &Extra) -> bool {
    matches!(extra.user, Some(None))
}

/// What `$set` holds where it does not depend on the document.
pub fn set(command: &mut Writer, extra: &Extra) {
    if let Some(Some(user)) = &extra.user {
        command.string(field::USER, user);
    }
}

/// What `$unset` holds.
pub fn unset(command: &mut Writer, extra: &Extra) {
    if is_removed(extra) {
        command.int32(field::USER, 1);
        command.int32(field::USER_SINCE, 1);
    }
}

/// What `$set` holds in a pipeline, where a user's name could be read as an expression.
pub fn set_in_pipeline(command: &mut Writer, extra: &Extra) {
    if let Some(handle) = &extra.handle {
        command.start_document(field::HANDLE);
        command.start_array("$ifNull");
        command.string("0", HANDLE);
        literal_or(command, "1", Some(handle), "");
        command.end_levels(2);
    }
    let Some(user) = &extra.user else { return };
    let user = user.as_deref();
    unless_changed(command, field::USER, extra, |command, key| {
        literal_or(command, key, user, "$$REMOVE");
    });
    match user {
        None => unless_changed(command, field::USER_SINCE, extra, |command, key| {
            command.string(key, "$$REMOVE");
        }),
        Some(user) if extra.marks_since => {
            unless_changed(command, field::USER_SINCE, extra, |command, key| {
                since(command, key, user);
            });
        }
        Some(_) => {}
    }
}

/// Sets a field to a value; one of a document that does not say this user any more stays as it is.
fn unless_changed(
    command: &mut Writer,
    field: &str,
    extra: &Extra,
    value: impl FnOnce(&mut Writer, &str),
) {
    let Some(before) = &extra.user_before else {
        return value(command, field);
    };
    command.start_document(field);
    command.start_array("$cond");
    is_user(command, "0", before.as_deref());
    value(command, "1");
    command.string("2", &format!("${field}"));
    command.end_levels(2);
}

/// Since when the session is the user's: as before if it was the same user's, else from now on.
fn since(command: &mut Writer, key: &str, user: &str) {
    command.start_document(key);
    command.start_array("$cond");
    is_user(command, "0", Some(user));
    command.start_document("1");
    command.start_array("$ifNull");
    command.string("0", USER_SINCE);
    command.string("1", NOW);
    command.end_levels(2);
    command.string("2", NOW);
    command.end_levels(2);
}

/// Whether the document says this user, or nobody.
fn is_user(command: &mut Writer, key: &str, user: Option<&str>) {
    command.start_document(key);
    command.start_array("$eq");
    command.start_document("0");
    command.start_array("$ifNull");
    command.string("0", USER);
    command.null("1");
    command.end_levels(2);
    match user {
        Some(_) => literal_or(command, "1", user, ""),
        None => command.null("1"),
    }
    command.end_levels(2);
}

fn literal_or(command: &mut Writer, key: &str, user: Option<&str>, other: &str) {
    match user {
        Some(user) => {
            command.start_document(key);
            command.string("$literal", user);
            command.end();
        }
        None => command.string(key, other),
    }
}
