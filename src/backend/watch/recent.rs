//! What was noted last, within bounds.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// Values by key. Of so many it keeps at least half, those that were noted last: the younger half is full
/// before the older one is dropped.
pub struct Recent<K, V> {
    most: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// None yet, and never more than so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// Notes a value in the place of what was noted for the key.
    pub fn note(&mut self, key: K, value: V) {
        self.old.remove(&key);
        self.young.insert(key, value);
        if self.young.len() >= self.most / 2 {
            self.old = mem::take(&mut self.young);
        }
    }

    /// What was noted, which is then not kept any more.
    pub fn take(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    /// What was noted.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.young.keys().chain(self.old.keys())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_half_at_least_is_kept_and_never_more_than_all() {
        let mut recent = Recent::new(10);
        for number in 0..100 {
            recent.note(number, number);
            assert!(recent.keys().count() <= 10);
            for last in (number - 4).max(0)..=number {
                assert_eq!(recent.get(&last), Some(&last));
            }
        }
        assert_eq!(recent.get(&50), None);
        assert_eq!(recent.take(&99), Some(99));
        assert_eq!(recent.get(&99), None);
    }

    #[test]
    fn what_is_noted_again_is_young_again() {
        let mut recent = Recent::new(4);
        for number in 0..50 {
            recent.note(-1, number);
            recent.note(number, number);
            assert_eq!(recent.get(&-1), Some(&number));
        }
    }
}
