//! What a dotted path leads to, as MongoDB follows it: through arrays to each of their elements.

use crate::codec::raw::{self, Element, kind};

/// Whether what a path leads to passes a test: any of the values, if there are several. The test gets
/// None where there is nothing.
pub fn any<'a>(
    document: &'a [u8],
    path: &[&str],
    test: &mut impl FnMut(Option<Element<'a>>) -> bool,
) -> bool {
    let mut document = document;
    for (depth, part) in path.iter().enumerate() {
        let rest = &path[depth + 1..];
        match raw::find(document, part) {
            Some(element) if element.kind == kind::ARRAY => return any_in(element, rest, test),
            Some(element) if rest.is_empty() => return test(Some(element)),
            Some(element) if element.kind == kind::DOCUMENT => document = element.value,
            _ => break,
        }
    }
    test(None)
}

/// An array is met as its elements and as itself where the path ends; before that, its documents are
/// gone through and a part of the path may be a position in it. An array in an array is met by its
/// position only.
fn any_in<'a>(
    array: Element<'a>,
    path: &[&str],
    test: &mut impl FnMut(Option<Element<'a>>) -> bool,
) -> bool {
    let Some((next, rest)) = path.split_first() else {
        return raw::elements(array.value)
            .map_while(Result::ok)
            .any(|element| test(Some(element)))
            || test(Some(array));
    };
    for element in raw::elements(array.value).map_while(Result::ok) {
        let is_document = element.kind == kind::DOCUMENT;
        if is_document && any(element.value, path, test) {
            return true;
        }
        if element.key != next.as_bytes() {
            continue;
        }
        let passes = match element.kind {
            _ if rest.is_empty() => test(Some(element)),
            kind::DOCUMENT => any(element.value, rest, test),
            kind::ARRAY => any_in(element, rest, test),
            _ => false,
        };
        if passes {
            return true;
        }
    }
    false
}
