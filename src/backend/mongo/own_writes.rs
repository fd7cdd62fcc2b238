//! What a store has written itself, for its reads where these do not go to the server that takes the
//! writes: another one answers only once it has all of that, too.
//!
//! Servers say with each reply to a write at which point of the cluster's time it took effect, and a read
//! can name such a point to wait for ("Causal Consistency" in MongoDB's manual). One that waited for
//! whatever this store wrote last would always wait. So each session has its own point.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use mongodb::bson::{Document, Timestamp};

use super::super::Id;

/// Sessions of one slot share a point, so that the memory for them is bounded: a read may wait for a
/// write of another session then.
const SLOTS: usize = 4096;

/// When the writes took effect that this store knows to be carried out. A later point has a larger
/// number; 0 is before all.
pub(super) struct OwnWrites {
    slots: Vec<AtomicU64>,
    /// Of the last one that was about any number of sessions.
    any: AtomicU64,
    /// Of the last one.
    last: AtomicU64,
    hashes: RandomState,
}

impl Default for OwnWrites {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            any: AtomicU64::new(0),
            last: AtomicU64::new(0),
            hashes: RandomState::new(),
        }
    }
}

impl OwnWrites {
    /// Takes note of the reply to a write of these sessions.
    pub fn saw<'a>(&self, reply: &Document, ids: impl IntoIterator<Item = &'a Id>) {
        if let Some(point) = point(reply) {
            for id in ids {
                self.slot(id).fetch_max(point, Ordering::Relaxed);
            }
            self.last.fetch_max(point, Ordering::Relaxed);
        }
    }

    /// Takes note of the reply to a write of any sessions.
    pub fn saw_any(&self, reply: &Document) {
        if let Some(point) = point(reply) {
            self.any.fetch_max(point, Ordering::Relaxed);
            self.last.fetch_max(point, Ordering::Relaxed);
        }
    }

    /// The point at which all writes of these sessions had taken effect.
    pub fn of(&self, ids: &[Id]) -> u64 {
        let points = ids.iter().map(|id| self.slot(id).load(Ordering::Relaxed));
        points.fold(self.any.load(Ordering::Relaxed), u64::max)
    }

    /// The point at which all writes had taken effect.
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    fn slot(&self, id: &Id) -> &AtomicU64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low bits are what chooses the slot"
        )]
        let hash = self.hashes.hash_one(id) as usize;
        &self.slots[hash % SLOTS]
    }
}

/// When a write took effect, by the server's reply. A standalone has no such points.
fn point(reply: &Document) -> Option<u64> {
    let Timestamp { time, increment } = reply.get_timestamp("operationTime").ok()?;
    Some(u64::from(time) << 32 | u64::from(increment))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    fn reply(time: u32, increment: u32) -> Document {
        doc! { "ok": 1, "operationTime": Timestamp { time, increment } }
    }

    #[test]
    fn a_session_waits_for_its_own_writes_and_for_those_of_any() {
        let [a, b] = ["a", "b"].map(Id::from);
        let writes = OwnWrites::default();
        assert_eq!(writes.of(&[a.clone(), b.clone()]), 0);
        writes.saw(&reply(2, 1), [&a]);
        writes.saw(&reply(1, 9), [&a]);
        assert_eq!(writes.of(std::slice::from_ref(&a)), (2 << 32) | 1);
        assert_eq!(writes.last(), (2 << 32) | 1);
        writes.saw_any(&reply(3, 0));
        assert_eq!(writes.of(std::slice::from_ref(&b)), 3 << 32);
        writes.saw(&doc! { "ok": 1 }, [&b]);
        assert_eq!(writes.of(&[a, b]), 3 << 32);
    }
}
