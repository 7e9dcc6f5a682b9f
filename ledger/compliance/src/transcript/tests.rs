//! Every part of a statement reaches its challenge.

use super::*;

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
