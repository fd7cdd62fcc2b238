//! Checks BSON that was made elsewhere before it becomes part of a document.

use super::MAX_DEPTH;
use super::raw::{BINARY_OLD, elements, fixed, kind, string_length};

/// How many levels of documents and arrays a value has: 0 for a scalar, 1 for an empty document.
/// `None` if any part of it is not what BSON prescribes for its kind.
///
/// A value of more than [`MAX_DEPTH`] levels counts as one more, without a look at the rest: it
/// is refused for its depth wherever it stands.
pub(super) fn levels(kind: u8, value: &[u8]) -> Option<usize> {
    within(MAX_DEPTH, kind, value)
}

fn within(limit: usize, kind: u8, value: &[u8]) -> Option<usize> {
    let valid = match kind {
        kind::DOCUMENT | kind::ARRAY => return document(limit, value),
        kind::CODE_WITH_SCOPE => {
            let (code, scope) = value
                .get(4..)?
                .split_at_checked(string_length(value.get(4..)?)?)?;
            return is_text(code).then_some(document(limit, scope)?);
        }
        kind::STRING | kind::CODE | kind::SYMBOL => is_text(value),
        kind::DB_POINTER => is_text(value.get(..value.len().checked_sub(12)?)?),
        kind::REGEX => str::from_utf8(value).is_ok(),
        kind::BOOLEAN => matches!(value, [0 | 1]),
        kind::BINARY => value.get(4) != Some(&BINARY_OLD) || repeated_length(value).is_some(),
        _ => true,
    };
    valid.then_some(0)
}

fn document(limit: usize, bytes: &[u8]) -> Option<usize> {
    let Some(limit) = limit.checked_sub(1) else {
        return Some(1);
    };
    let mut deepest = 0;
    for element in elements(bytes) {
        let element = element.ok()?;
        str::from_utf8(element.key).ok()?;
        deepest = deepest.max(within(limit, element.kind, element.value)?);
    }
    Some(deepest + 1)
}

/// Whether a string is UTF-8 between its length and its NUL, which are known to be there.
fn is_text(string: &[u8]) -> bool {
    str::from_utf8(string.get(4..).unwrap_or_default()).is_ok()
}

/// The bytes of binary data of [`BINARY_OLD`], if the two lengths agree.
pub(super) fn repeated_length(value: &[u8]) -> Option<&[u8]> {
    let bytes = value.get(9..)?;
    let inner = i32::from_le_bytes(fixed(value.get(5..)?)?);
    (usize::try_from(inner) == Ok(bytes.len())).then_some(bytes)
}
