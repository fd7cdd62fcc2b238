//! Names of fields: those that are taken, and those that an application gives.

use super::invalid;
use crate::document::{Layout, field};
use crate::error::Result;

/// The fields that the store itself has, whatever the layout.
pub const OWN_FIELDS: [&str; 11] = [
    field::CREATED,
    field::UPDATED,
    field::USER,
    field::USER_SINCE,
    field::HANDLE,
    field::RENEWED_TO,
    field::RENEWED_UNTIL,
    field::RENEWED_FROM,
    field::SEEN,
    field::BIGINT,
    field::INDEXES,
];

/// The names of indexes: keys of a document, and none that a field of the store has, so that a reader takes
/// neither for the other.
pub fn check_indexes(names: &[String], layout: &Layout) -> Result<()> {
    let own = [
        &*layout.id,
        &layout.session,
        &layout.moment,
        &layout.deleted,
    ];
    for name in names {
        let option = format!("indexes.{name}");
        if !is_name(name) {
            let problem = "must have a name that is not empty, has neither '.' nor NUL and does not begin with '$'";
            return Err(invalid(&option, problem));
        }
        let is_own = OWN_FIELDS.contains(&&**name) || own.contains(&&**name);
        if is_own || ["_id", "expires", "session", "deleted"].contains(&&**name) {
            let problem = "must have another name: the store itself has a field of this one";
            return Err(invalid(&option, problem));
        }
    }
    Ok(())
}

/// Whether it can be the name of a field.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '\0'])
}
