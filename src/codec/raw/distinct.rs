//! The elements of a document whose keys may repeat.

use std::collections::HashSet;
use std::ptr;

use super::element::{Element, Elements, elements};
use crate::error::Result;

/// Up to how many keys are looked through one by one; more of them are kept in a set.
const FEW: usize = 64;

/// Iterates over the elements of one whole document, of those with one key only over the first. BSON allows
/// several of them, and MongoDB updates the first: another one is never changed by anybody.
///
/// # Errors
///
/// Those of [`elements`].
#[must_use]
pub fn distinct(document: &[u8]) -> Distinct<'_> {
    Distinct {
        document,
        elements: elements(document),
        filter: [0; 4],
        count: 0,
        keys: HashSet::new(),
    }
}

/// The elements of a document with different keys, in their order. See [`distinct`].
#[derive(Debug)]
pub struct Distinct<'a> {
    document: &'a [u8],
    elements: Elements<'a>,
    /// A bit for each of the keys, by its hash: one whose bit is not set is new.
    filter: [u64; 4],
    count: usize,
    /// All keys, from when on there are more than a few.
    keys: HashSet<&'a [u8]>,
}

impl<'a> Distinct<'a> {
    /// Takes note of a key and answers whether there was one like it.
    fn is_repeated(&mut self, key: &'a [u8]) -> bool {
        self.count += 1;
        if self.count > FEW {
            if self.keys.is_empty() {
                self.keys = before(self.document, key).collect();
            }
            return !self.keys.insert(key);
        }
        let hash = hash(key);
        let bits = &mut self.filter[usize::from(hash >> 6)];
        let bit = 1 << (hash & 63);
        let is_new = *bits & bit == 0;
        *bits |= bit;
        !is_new && before(self.document, key).any(|other| other == key)
    }
}

/// The keys in front of one of a document's own.
fn before<'a>(document: &'a [u8], key: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    elements(document)
        .map_while(Result::ok)
        .map(|element| element.key)
        .take_while(move |other| !ptr::eq(other.as_ptr(), key.as_ptr()))
}

/// What tells most keys of an object apart: FNV-1a of their last bytes, folded into one.
fn hash(key: &[u8]) -> u8 {
    let last = &key[key.len().saturating_sub(12)..];
    let hash = last.iter().fold(0x811C_9DC5_u32, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash.to_le_bytes()
        .into_iter()
        .fold(0, |all, byte| all ^ byte)
}

impl<'a> Iterator for Distinct<'a> {
    type Item = Result<Element<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.elements.next()? {
                Ok(element) if self.is_repeated(element.key) => {}
                next => return Some(next),
            }
        }
    }
}
