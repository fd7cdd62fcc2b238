//! The values by which sessions are found: the field `indexes` in updates. Written as raw BSON.

use super::super::{Extra, IndexValue, Value};
use crate::codec::raw::Writer;
use crate::document::index_path;

/// Whether what is written depends on what the document says.
pub fn depends_on_document(extra: &Extra) -> bool {
    extra.indexes.iter().any(|index| index.before.is_some())
}

/// Whether a value goes.
pub fn has_removed(extra: &Extra) -> bool {
    extra.indexes.iter().any(|index| index.value.is_none())
}

/// What `$set` holds where it does not depend on the document.
pub fn set(command: &mut Writer, extra: &Extra) {
    for IndexValue { name, value, .. } in &extra.indexes {
        if let Some((kind, value)) = value {
            command.value(&index_path(name), *kind, value);
        }
    }
}

/// What `$unset` holds.
pub fn unset(command: &mut Writer, extra: &Extra) {
    for IndexValue { name, value, .. } in &extra.indexes {
        if value.is_none() {
            command.int32(&index_path(name), 1);
        }
    }
}

/// What `$set` holds in a pipeline, where a text could be read as an expression. A value that another request
/// has changed meanwhile stays as it is.
pub fn set_in_pipeline(command: &mut Writer, extra: &Extra) {
    for IndexValue {
        name,
        value,
        before,
    } in &extra.indexes
    {
        let path = index_path(name);
        let Some(before) = before else {
            literal_or(command, &path, value.as_ref(), "$$REMOVE");
            continue;
        };
        let stored = format!("${path}");
        command.start_document(&path);
        command.start_array("$cond");
        command.start_document("0");
        command.start_array("$eq");
        command.start_document("0");
        command.start_array("$ifNull");
        command.string("0", &stored);
        command.null("1");
        command.end_levels(2);
        match before {
            Some(before) => literal(command, "1", before),
            None => command.null("1"),
        }
        command.end_levels(2);
        literal_or(command, "1", value.as_ref(), "$$REMOVE");
        command.string("2", &stored);
        command.end_levels(2);
    }
}

fn literal_or(command: &mut Writer, key: &str, value: Option<&Value>, other: &str) {
    match value {
        Some(value) => literal(command, key, value),
        None => command.string(key, other),
    }
}

fn literal(command: &mut Writer, key: &str, (kind, value): &Value) {
    command.start_document(key);
    command.value("$literal", *kind, value);
    command.end();
}
