//! Differences between what was loaded and what is saved. Pure.
//!
//! A save of a loaded session writes only the top-level keys that changed since the load, so that
//! parallel requests that change different keys both survive.

use std::collections::{HashMap, HashSet};

use crate::codec::raw::{self, Element};
use crate::document::field;
use crate::error::Result;

/// What has to be written to turn any of the loaded states into the present session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// A document with the top-level elements to set, the cookie always among them.
    pub set: Vec<(Vec<u8>, u8, Vec<u8>)>,
    /// The top-level keys to remove.
    pub unset: Vec<Vec<u8>>,
}

impl Difference {
    /// Whether it changes any of these keys.
    #[must_use]
    pub fn has_any(&self, keys: &[String]) -> bool {
        let is_one = |key: &[u8]| keys.iter().any(|one| one.as_bytes() == key);
        self.set.iter().any(|(key, ..)| is_one(key)) || self.unset.iter().any(|key| is_one(key))
    }

    /// Changes all of the keys of a group if it changes any of them, so that what they say together is never
    /// made of two sessions. A key may be in several groups.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::Serialization`] when `session` is not BSON.
    pub fn complete(&mut self, groups: &[&[String]], session: &[u8]) -> Result<()> {
        let mut left = groups.to_vec();
        while let Some(at) = left.iter().position(|group| self.has_any(group)) {
            self.complete_group(left.swap_remove(at), session)?;
        }
        Ok(())
    }

    fn complete_group(&mut self, together: &[String], session: &[u8]) -> Result<()> {
        let mut missing: HashSet<&[u8]> = together.iter().map(String::as_bytes).collect();
        for (key, ..) in &self.set {
            missing.remove(key.as_slice());
        }
        for key in &self.unset {
            missing.remove(key.as_slice());
        }
        for element in raw::elements(session) {
            let Element { kind, key, value } = element?;
            if missing.remove(key) {
                self.set.push((key.to_vec(), kind, value.to_vec()));
            }
        }
        self.unset.extend(missing.into_iter().map(<[u8]>::to_vec));
        self.unset.sort_unstable();
        Ok(())
    }
}

/// Compares `session` with every state that the stored session may be in: the one that was loaded
/// or last saved, and those of saves whose outcome is not known. A key is left alone only if it
/// is the same in all of them. The cookie is always written.
///
/// # Errors
///
/// [`crate::error::Error::Serialization`] when one of them is not BSON.
pub fn difference(bases: &[Vec<u8>], session: &[u8]) -> Result<Difference> {
    let bases = bases
        .iter()
        .map(|base| fields(base))
        .collect::<Result<Vec<_>>>()?;
    let mut difference = Difference::default();
    let mut present = HashSet::new();
    for element in raw::elements(session) {
        let element = element?;
        present.insert(element.key);
        let unchanged = element.key != field::COOKIE.as_bytes()
            && bases
                .iter()
                .all(|base| base.get(element.key) == Some(&(element.kind, element.value)));
        if !unchanged {
            difference
                .set
                .push((element.key.to_vec(), element.kind, element.value.to_vec()));
        }
    }
    let mut gone = HashSet::new();
    for base in &bases {
        for key in base.keys() {
            if !present.contains(key) && gone.insert(*key) {
                difference.unset.push(key.to_vec());
            }
        }
    }
    // A map has no order of its own; the command should not depend on it.
    difference.unset.sort_unstable();
    Ok(difference)
}

type Fields<'a> = HashMap<&'a [u8], (u8, &'a [u8])>;

fn fields(document: &[u8]) -> Result<Fields<'_>> {
    raw::elements(document)
        .map(|element| element.map(|Element { kind, key, value }| (key, (kind, value))))
        .collect()
}

/// Applies `difference` to a stored session, as MongoDB does: a changed key keeps its place, a new
/// one goes to the end.
///
/// # Errors
///
/// [`crate::error::Error::Serialization`] when `session` is not BSON.
pub fn apply(difference: &Difference, session: &[u8]) -> Result<Vec<u8>> {
    let mut writer = raw::Writer::with_capacity(session.len());
    let unset: HashSet<&[u8]> = difference.unset.iter().map(Vec::as_slice).collect();
    let mut set: HashMap<&[u8], Element<'_>> = elements(difference)
        .map(|element| (element.key, element))
        .collect();
    for element in raw::elements(session) {
        let element = element?;
        if !unset.contains(element.key) {
            writer.element(set.remove(element.key).unwrap_or(element));
        }
    }
    for element in elements(difference) {
        if set.contains_key(element.key) {
            writer.element(element);
        }
    }
    Ok(writer.finish())
}

/// What a difference sets.
fn elements(difference: &Difference) -> impl Iterator<Item = Element<'_>> {
    let set = difference.set.iter();
    set.map(|(key, kind, value)| Element {
        kind: *kind,
        key,
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Document, doc};
    use proptest::prelude::*;

    fn bytes(document: &Document) -> Vec<u8> {
        document.to_vec().unwrap()
    }

    fn keys(difference: &Difference) -> (Vec<String>, Vec<String>) {
        let text = |key: &Vec<u8>| String::from_utf8(key.clone()).unwrap();
        (
            difference.set.iter().map(|(key, ..)| text(key)).collect(),
            difference.unset.iter().map(text).collect(),
        )
    }

    #[test]
    fn only_changed_keys_and_the_cookie_are_written() {
        let base = bytes(&doc! { "cookie": { "path": "/" }, "a": 1, "b": { "c": [1] }, "d": "x" });
        let session = bytes(&doc! { "cookie": { "path": "/" }, "a": 1, "b": { "c": [2] }, "e": 1 });
        let difference = difference(&[base], &session).unwrap();
        assert_eq!(
            keys(&difference),
            (
                vec!["cookie".into(), "b".into(), "e".into()],
                vec!["d".into()]
            )
        );
    }

    #[test]
    fn a_value_of_another_type_is_a_change() {
        let base = bytes(&doc! { "a": 1_i32 });
        let session = bytes(&doc! { "a": 1.0_f64 });
        let difference = difference(&[base], &session).unwrap();
        assert_eq!(keys(&difference).0, ["a"]);
    }

    #[test]
    fn a_key_that_differs_from_any_possible_state_is_written() {
        let loaded = bytes(&doc! { "a": 1, "b": 1 });
        let uncertain = bytes(&doc! { "a": 2, "b": 1, "c": 1 });
        let session = bytes(&doc! { "a": 1, "b": 1 });
        let difference = difference(&[loaded, uncertain], &session).unwrap();
        assert_eq!(keys(&difference), (vec!["a".into()], vec!["c".into()]));
    }

    #[test]
    fn keys_that_belong_together_are_written_together() {
        let together = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let base = bytes(&doc! { "a": 1, "b": 1, "d": 1 });
        let mut other = difference(
            std::slice::from_ref(&base),
            &bytes(&doc! { "a": 1, "b": 1 }),
        )
        .unwrap();
        other.complete(&[&together], &base).unwrap();
        assert_eq!(keys(&other), (vec![], vec!["d".into()]));
        let session = bytes(&doc! { "a": 1, "b": 2, "d": 1 });
        let mut one = difference(&[base], &session).unwrap();
        one.complete(&[&together], &session).unwrap();
        assert_eq!(keys(&one), (vec!["b".into(), "a".into()], vec!["c".into()]));
    }

    #[test]
    fn groups_with_a_key_in_common_are_written_together() {
        let group = |keys: [&str; 2]| keys.map(str::to_owned).to_vec();
        let groups = [
            group(["c", "d"]),
            group(["b", "c"]),
            group(["a", "b"]),
            group(["e", "f"]),
        ];
        let groups: Vec<&[String]> = groups.iter().map(Vec::as_slice).collect();
        let base = bytes(&doc! { "a": 1, "b": 1, "c": 1, "e": 1 });
        let session = bytes(&doc! { "a": 2, "b": 1, "c": 1, "e": 1 });
        let mut one = difference(&[base], &session).unwrap();
        one.complete(&groups, &session).unwrap();
        assert_eq!(
            keys(&one),
            (vec!["a".into(), "b".into(), "c".into()], vec!["d".into()])
        );
    }

    fn document() -> impl Strategy<Value = Document> {
        prop::collection::btree_map("[a-e]", 0..3_i32, 0..5).prop_map(|map| {
            map.into_iter()
                .map(|(key, value)| (key, value.into()))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn applying_a_difference_to_its_base_gives_the_session(base in document(), session in document()) {
            let difference = difference(&[bytes(&base)], &bytes(&session)).unwrap();
            let merged = apply(&difference, &bytes(&base)).unwrap();
            let merged = Document::from_reader(merged.as_slice()).unwrap();
            prop_assert_eq!(
                merged.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
                session.into_iter().collect::<std::collections::BTreeMap<_, _>>()
            );
        }

        #[test]
        fn differences_of_disjoint_keys_both_survive(base in document(), a in 5..9_i32, b in 5..9_i32) {
            let mut left = base.clone();
            left.insert("left", a);
            let mut right = base.clone();
            right.insert("right", b);
            let stored = bytes(&base);
            let stored = apply(&difference(&[bytes(&base)], &bytes(&left)).unwrap(), &stored).unwrap();
            let stored = apply(&difference(&[bytes(&base)], &bytes(&right)).unwrap(), &stored).unwrap();
            let stored = Document::from_reader(stored.as_slice()).unwrap();
            prop_assert_eq!(stored.get_i32("left").ok(), Some(a));
            prop_assert_eq!(stored.get_i32("right").ok(), Some(b));
        }
    }
}
