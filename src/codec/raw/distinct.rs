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

/// What tells most keys of an object apart: their length and up to eight of their bytes, mixed by a multiplication
/// (Knuth, "The Art of Computer Programming", 6.4). It is made of every key of every session that is read, and a hash
/// of all bytes, one after the other, would take longer than the rest.
fn hash(key: &[u8]) -> u8 {
    let bytes = if let Some(last) = key.last_chunk::<8>() {
        u64::from_le_bytes(*last)
    } else if let (Some(first), Some(last)) = (key.first_chunk::<4>(), key.last_chunk::<4>()) {
        u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
    } else {
        let byte = |all: u64, byte: &u8| all << 8 | u64::from(*byte);
        key.iter().fold(0, byte)
    };
    let mixed = (bytes ^ key.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed.to_be_bytes()[0]
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
