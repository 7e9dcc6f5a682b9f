//! The pinned generators, and that every part of a statement reaches its challenge.

use bulletproofs::{BulletproofGens, PedersenGens};
use curve25519_dalek::ristretto::RistrettoPoint;
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

use super::*;

/// The first 64 generators of one party, by `docs/spec/commitment.md`.
fn chain(letter: u8, party: u32) -> Vec<RistrettoPoint> {
    let mut shake = Shake256::default();
    shake.update(b"GeneratorsChain");
    shake.update(&[letter]);
    shake.update(&party.to_le_bytes());
    let mut reader = shake.finalize_xof();
    (0..64)
        .map(|_| {
            let mut uniform = [0; 64];
            reader.read(&mut uniform);
            RistrettoPoint::from_uniform_bytes(&uniform)
        })
        .collect()
}

#[test]
fn the_generators_hash_is_over_the_generators() {
    let library = BulletproofGens::new(64, 64);
    let pedersen = PedersenGens::default();
    let mut points = vec![pedersen.B, pedersen.B_blinding];
    for (party, index) in (0_u32..64).zip(0_usize..) {
        let generators = chain(b'G', party);
        assert!(library.share(index).G(64).eq(&generators), "party {party}");
        points.extend(generators);
    }
    points.extend((0..64).flat_map(|party| chain(b'H', party)));
    let mut hash = Sha256::new();
    for point in points {
        Digest::update(&mut hash, point.compress().as_bytes());
    }
    let hash: [u8; 32] = hash.finalize().into();
    assert_eq!(hash, GENERATORS_HASH);
}

const HEAD: Head = Head { size: 7, root: [3; 32] };
const BASE: StatementContext<'static> = StatementContext {
    spec_hash: [1; 32],
    origin: "log.example",
    start: HEAD,
    end: HEAD,
    statement: "payout-floor",
    policy_hash: [2; 32],
};
const ONE: Listed = Listed { leaf_index: 5, field: 1, commitment: Commitment([6; 32]) };
const OTHER: Listed = Listed { leaf_index: 6, ..ONE };
const SHAPE: Shape<'static> = Shape { shifts: &[0, 80], bits: 32, aggregated: 4, chunk: 0, chunks: 1 };

fn challenge(context: &StatementContext<'_>, derived: &[Listed], shape: Shape<'_>) -> [u8; 32] {
    let mut challenge = [0; 32];
    statement_transcript(context, &derived_hash(derived), shape).challenge_bytes(b"test", &mut challenge);
    challenge
}

/// Every variant has a challenge of its own, other than the base's.
fn check(variants: impl IntoIterator<Item = [u8; 32]>) {
    let mut challenges = vec![challenge(&BASE, &[ONE, OTHER], SHAPE)];
    challenges.extend(variants);
    let count = challenges.len();
    challenges.sort_unstable();
    challenges.dedup();
    assert_eq!(challenges.len(), count);
}

#[test]
fn every_part_of_the_context_changes_the_challenge() {
    let size = Head { size: 8, ..HEAD };
    let root = Head { root: [9; 32], ..HEAD };
    let contexts = [
        StatementContext { spec_hash: [9; 32], ..BASE },
        StatementContext { origin: "log.example2", ..BASE },
        StatementContext { start: size, ..BASE },
        StatementContext { start: root, ..BASE },
        StatementContext { end: size, ..BASE },
        StatementContext { end: root, ..BASE },
        StatementContext { statement: "payout-floo", ..BASE },
        StatementContext { policy_hash: [9; 32], ..BASE },
    ];
    check(contexts.map(|context| challenge(&context, &[ONE, OTHER], SHAPE)));
}

#[test]
fn every_part_of_the_list_changes_the_challenge() {
    let lists: [&[Listed]; 5] = [
        &[ONE],
        &[OTHER, ONE],
        &[ONE, Listed { leaf_index: 7, ..ONE }],
        &[ONE, Listed { field: 2, ..OTHER }],
        &[ONE, Listed { commitment: Commitment([7; 32]), ..OTHER }],
    ];
    check(lists.map(|list| challenge(&BASE, list, SHAPE)));
}

#[test]
fn every_part_of_the_shape_changes_the_challenge() {
    let shapes = [
        Shape { shifts: &[0], ..SHAPE },
        Shape { shifts: &[80, 0], ..SHAPE },
        Shape { shifts: &[0, 81], ..SHAPE },
        Shape { bits: 64, ..SHAPE },
        Shape { aggregated: 8, ..SHAPE },
        Shape { chunk: 1, ..SHAPE },
        Shape { chunks: 2, ..SHAPE },
    ];
    check(shapes.map(|shape| challenge(&BASE, &[ONE, OTHER], shape)));
}
