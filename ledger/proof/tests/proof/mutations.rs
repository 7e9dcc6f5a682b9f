//! Whatever is done to the bytes of a bundle, it is refused, and nothing panics.
//!
//! With `GRANTBOOK_LONG` set: every byte and 10,000 random changes; otherwise a part of both.

use std::collections::BTreeSet;

use grantbook_proof::prove::SecretSums;
use grantbook_proof::{Chain, verify_bundle};
use grantbook_tlog::Demands;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use crate::story;
use crate::world::{FIRST_DAY, keys, policy};

fn bundle() -> Vec<u8> {
    let made =
        story::small().prove(FIRST_DAY, &Chain::new(), &SecretSums::default(), &BTreeSet::new()).unwrap();
    assert!(!verifies(&[]));
    assert!(verifies(&made.bundle));
    made.bundle
}

fn verifies(bundle: &[u8]) -> bool {
    verify_bundle(bundle, &keys(), &Demands::default(), &policy(), &mut Chain::new()).is_ok()
}

fn is_long() -> bool {
    std::env::var_os("GRANTBOOK_LONG").is_some()
}

#[test]
fn no_byte_can_change() {
    let bundle = bundle();
    let step = if is_long() { 1 } else { 11 };
    for at in (0..bundle.len()).step_by(step) {
        let mut changed = bundle.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(!verifies(&changed), "byte {at} of {}", bundle.len());
    }
}

#[test]
fn random_changes_are_refused_without_a_panic() {
    let bundle = bundle();
    let mut rng = ChaCha20Rng::seed_from_u64(17);
    let mut below = |bound: usize| usize::try_from(rng.next_u64() % bound as u64).unwrap();
    let rounds = if is_long() { 10_000 } else { 500 };
    for _ in 0..rounds {
        let mut changed = bundle.clone();
        for _ in 0..=below(3) {
            let (at, length) = (below(changed.len()), 1 + below(64));
            let end = (at + length).min(changed.len());
            match below(6) {
                0 => changed[at] ^= 1 << below(8),
                1 => changed.truncate(at.max(1)),
                2 => {
                    let inserted: Vec<u8> = (0..length).map(|_| u8::try_from(below(256)).unwrap()).collect();
                    changed.splice(at..at, inserted);
                }
                3 => {
                    let copied = changed[at..end].to_vec();
                    changed.splice(at..at, copied);
                }
                4 => changed[at..end].fill(if below(2) == 0 { 0 } else { 0xFF }),
                _ if end - at < changed.len() => drop(changed.drain(at..end)),
                _ => {}
            }
        }
        assert!(changed == bundle || !verifies(&changed));
    }
}

/// Counts that bytes declare must cost nothing before the bytes are there: a header that promises as much as it may.
#[test]
fn what_is_promised_is_not_allocated() {
    let bundle = bundle();
    let end = 85 + crate::world::ORIGIN.len() + 2 + 32 + 32 * 17 + 32 + 40;
    let mut changed = bundle.clone();
    let start = u64::from_be_bytes(changed[end - 40..end - 32].try_into().unwrap());
    changed[end..end + 8].copy_from_slice(&(start + (1 << 24)).to_be_bytes());
    assert!(!verifies(&changed));
    changed[end..end + 8].copy_from_slice(&u64::MAX.to_be_bytes());
    assert!(!verifies(&changed));
}
