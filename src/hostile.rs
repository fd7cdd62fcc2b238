//! The promises of the fuzz targets, kept in every run of the tests: on the seed corpus, on changes of
//! it, and on any bytes. Longer runs are those of the targets, see `fuzz/README.md`.

#[path = "../fuzz/src/lib.rs"]
mod properties;

use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

/// What a target does with its input.
type Property = fn(&[u8]);

/// The seeds of a target, which all are inputs for its property.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    // The order of a folder is another on each machine, and a failure is to be found again.
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[test]
fn every_seed_keeps_the_promises() {
    let targets: [(&str, Property); 4] = [
        ("encode", properties::encode),
        ("decode", properties::decode),
        ("document", properties::document),
        ("merge", properties::merge),
    ];
    for (target, property) in targets {
        let seeds = seeds(target);
        assert!(seeds.len() > 5, "{target}");
        for seed in seeds {
            property(&seed);
        }
    }
}

/// One change of a sequence of bytes.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// Repeats a part at another place.
    Copy(Index, usize, Index),
    /// Puts a number where it may count as a length.
    Length(Index, i32),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), prop::collection::vec(any::<u8>(), 1..6))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), 1..20_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (at(), 1..60_usize, at()).prop_map(|(from, count, to)| Change::Copy(from, count, to)),
        (
            at(),
            prop_oneof![-2..64, Just(i32::MAX), Just(i32::MIN), any::<i32>()]
        )
            .prop_map(|(at, length)| Change::Length(at, length)),
    ]
}

impl Change {
    fn apply(self, bytes: &mut Vec<u8>) {
        let range = |bytes: &[u8], at: Index, count: usize| -> Range<usize> {
            let at = at.index(bytes.len());
            at..(at + count).min(bytes.len())
        };
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Flip(at, bits) => *at.get_mut(bytes) ^= bits,
            Self::Set(at, byte) => *at.get_mut(bytes) = byte,
            Self::Insert(at, new) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, new);
            }
            Self::Remove(at, count) => {
                let range = range(bytes, at, count);
                bytes.drain(range);
            }
            Self::Copy(from, count, to) => {
                let part = bytes[range(bytes, from, count)].to_vec();
                let to = to.index(bytes.len());
                bytes.splice(to..to, part);
            }
            Self::Length(at, length) => {
                let range = range(bytes, at, 4);
                bytes.splice(range, length.to_le_bytes());
            }
        }
    }
}

/// Makes the length of a document agree with what is there, so that more than that is looked at.
fn framed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Ok(length) = i32::try_from(bytes.len())
        && bytes.len() > 4
    {
        bytes[..4].copy_from_slice(&length.to_le_bytes());
    }
    bytes
}

fn changed(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let changes = prop::collection::vec(change(), 1..5);
    (prop::sample::select(seeds(target)), changes).prop_map(|(mut bytes, changes)| {
        for change in changes {
            change.apply(&mut bytes);
        }
        bytes
    })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn any_bytes_keep_the_promises(bytes in bytes()) {
        for property in [properties::encode, properties::decode, properties::document, properties::merge] {
            property(&bytes);
            property(&framed(bytes.clone()));
        }
    }

    #[test]
    fn changed_texts_keep_the_promises(input in changed("encode")) {
        properties::encode(&input);
    }

    #[test]
    fn changed_sessions_keep_the_promises(input in changed("decode")) {
        properties::decode(&input);
        properties::decode(&framed(input));
    }

    #[test]
    fn changed_documents_keep_the_promises(input in changed("document")) {
        properties::document(&input);
        properties::document(&framed(input));
    }

    #[test]
    fn changed_pairs_keep_the_promises(input in changed("merge")) {
        properties::merge(&input);
    }
}
