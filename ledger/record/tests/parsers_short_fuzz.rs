//! The fuzz targets' bodies on stable Rust, for some seconds: noise, and good inputs that are spoilt in small ways.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test that fails by panicking is a test that fails; the story is shared with other tests"
)]

#[path = "record/ledger.rs"]
mod ledger;
#[path = "record/map.rs"]
mod map;
#[path = "record/passkey.rs"]
mod passkey;
#[path = "record/seeds.rs"]
mod seeds;
#[path = "record/story.rs"]
mod story;

use grantbook_fuzz_parsers::TARGETS;
use proptest::prelude::*;
use proptest::sample::Index;

/// A small change of an input.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize),
    Insert(Index, Vec<u8>),
    Cut(Index),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let len = bytes.len();
        let range = |at: &Index, count: usize| {
            let start = at.index(len);
            start..len.min(start + count)
        };
        match self {
            Self::Set(at, byte) => bytes[at.index(len)] = *byte,
            Self::Flip(at, bit) => bytes[at.index(len)] ^= 1 << (bit % 8),
            Self::Remove(at, count) => drop(bytes.drain(range(at, *count))),
            Self::Repeat(at, count) => {
                let part = bytes[range(at, *count)].to_vec();
                let at = at.index(len);
                bytes.splice(at..at, part);
            }
            Self::Insert(at, part) => {
                let at = at.index(len);
                bytes.splice(at..at, part.iter().copied());
            }
            Self::Cut(at) => bytes.truncate(at.index(len)),
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let word = prop_oneof![
        Just("null"),
        Just("[]"),
        Just("{}"),
        Just("\""),
        Just("\\u0000"),
        Just("\\ud800"),
        Just("-0"),
        Just("1e3"),
        Just("1.0"),
        Just("18446744073709551616"),
        Just(","),
        Just("="),
        Just("\n"),
        Just("\n\n"),
        Just("\u{feff}"),
        Just("客户"),
        Just("."),
        Just("+"),
    ]
    .prop_map(|word| word.as_bytes().to_vec());
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (any::<Index>(), 1..64_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<Index>(), 1..64_usize).prop_map(|(at, count)| Change::Repeat(at, count)),
        (any::<Index>(), word).prop_map(|(at, part)| Change::Insert(at, part)),
        any::<Index>().prop_map(Change::Cut),
    ]
}

#[test]
fn every_parser_bears_noise_and_spoilt_input() {
    for (name, target) in TARGETS {
        let seeds = seeds::seeds(name);
        for seed in &seeds {
            target(seed);
        }
        let config = ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() };
        let spoilt = (any::<Index>(), prop::collection::vec(change(), 1..4)).prop_map(|(which, changes)| {
            let mut bytes = which.get(&seeds).clone();
            for change in &changes {
                change.apply(&mut bytes);
            }
            bytes
        });
        let noise = prop::collection::vec(any::<u8>(), 0..300);
        let input = prop_oneof![4 => spoilt, 1 => noise];
        proptest::test_runner::TestRunner::new(config)
            .run(&input, |bytes| {
                target(&bytes);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
