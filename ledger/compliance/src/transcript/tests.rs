//! Every part of a statement reaches its challenge.

use super::*;
use crate::commitment::Commitment;
use crate::samples::{CONTEXT, other_contexts};

const SHAPE: Shape = Shape { bits: 32, aggregated: 4, chunk: 0, chunks: 1 };

fn terms() -> [Term; 2] {
    [
        Term { parts: vec![(1, Commitment([6; 32])), (-1, Commitment([7; 32]))], constant: 5 },
        Term::of(Commitment([6; 32])),
    ]
}

fn challenge(context: &StatementContext<'_>, terms: &[Term], shape: Shape) -> [u8; 32] {
    let mut challenge = [0; 32];
    statement_transcript(context, &derived_hash(terms), shape).challenge_bytes(b"test", &mut challenge);
    challenge
}

/// Every variant has a challenge of its own, other than the base's.
fn check(variants: impl IntoIterator<Item = [u8; 32]>) {
    let mut challenges = vec![challenge(&CONTEXT, &terms(), SHAPE)];
    challenges.extend(variants);
    let count = challenges.len();
    challenges.sort_unstable();
    challenges.dedup();
    assert_eq!(challenges.len(), count);
}

#[test]
fn every_part_of_the_context_changes_the_challenge() {
    check(other_contexts().map(|context| challenge(&context, &terms(), SHAPE)));
}

#[test]
fn every_part_of_the_terms_changes_the_challenge() {
    let [one, two] = terms();
    let parts = |parts: &[(i64, u8)]| Term {
        parts: parts.iter().map(|(n, byte)| (*n, Commitment([*byte; 32]))).collect(),
        ..one.clone()
    };
    let lists = [
        vec![one.clone()],
        vec![two.clone(), one.clone()],
        vec![one.clone(), two.clone(), two.clone()],
        vec![Term { constant: 6, ..one.clone() }, two.clone()],
        vec![Term { constant: -5, ..one.clone() }, two.clone()],
        vec![parts(&[(2, 6), (-1, 7)]), two.clone()],
        vec![parts(&[(1, 6), (1, 7)]), two.clone()],
        vec![parts(&[(1, 6), (-1, 8)]), two.clone()],
        vec![parts(&[(-1, 7), (1, 6)]), two.clone()],
        vec![parts(&[(1, 6)]), two],
    ];
    check(lists.map(|list| challenge(&CONTEXT, &list, SHAPE)));
}

#[test]
fn every_part_of_the_shape_changes_the_challenge() {
    let shapes = [
        Shape { bits: 64, ..SHAPE },
        Shape { aggregated: 8, ..SHAPE },
        Shape { chunk: 1, ..SHAPE },
        Shape { chunks: 2, ..SHAPE },
    ];
    check(shapes.map(|shape| challenge(&CONTEXT, &terms(), shape)));
}
