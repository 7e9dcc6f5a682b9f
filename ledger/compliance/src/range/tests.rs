//! Chunk boundaries, ranges and the layout of range proofs.

use bulletproofs::PedersenGens;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::commitment::{Commitment, Opening};
use crate::samples::{CONTEXT, open, shifted};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(11)
}

fn statement(terms: &[Term], bits: Bits) -> RangeStatement<'_> {
    RangeStatement { context: CONTEXT, terms, bits }
}

fn openings(values: impl IntoIterator<Item = u64>) -> Vec<Opening> {
    let mut rng = rng();
    values.into_iter().map(|value| Opening::random(value, &mut rng)).collect()
}

fn prove_values(values: &[u64], shifts: &[i64], bits: Bits) -> Result<Vec<u8>, ProveError> {
    let openings = openings(values.iter().copied());
    let terms = shifted(&openings, shifts);
    prove(&statement(&terms, bits), &open(&terms, &openings), &mut rng())
}

#[test]
fn values_in_range_are_proved_at_every_chunk_boundary() {
    for count in [1_u64, 2, 3, 63, 64, 65] {
        // the proof verifies itself
        let proof = prove_values(&(0..count).collect::<Vec<_>>(), &[0], Bits::ThirtyTwo).unwrap();
        let expected = match count {
            1 => 2 + 32 * 19,
            2 => 2 + 32 * 21,
            3 => 2 + 32 * 23,
            65 => 2 + 32 * 31 + 32 * 19,
            _ => 2 + 32 * 31,
        };
        assert_eq!(proof.len(), expected, "{count}");
    }
}

#[test]
fn the_ends_of_the_ranges() {
    let out = |index, bits| Err(ProveError::OutOfRange { index, bits });
    let top = (1 << 32) - 1;
    assert!(prove_values(&[0, top], &[0], Bits::ThirtyTwo).is_ok());
    assert_eq!(prove_values(&[0, top, top + 1], &[0], Bits::ThirtyTwo), out(2, 32));
    assert!(prove_values(&[top + 1], &[1], Bits::ThirtyTwo).is_ok());
    assert_eq!(prove_values(&[5, 4], &[0, 5], Bits::ThirtyTwo), out(3, 32));
    assert!(prove_values(&[0, u64::MAX], &[0], Bits::SixtyFour).is_ok());
    assert_eq!(prove_values(&[9, 0], &[1], Bits::SixtyFour), out(1, 64));
    assert_eq!(prove_values(&[u64::MAX], &[-1], Bits::SixtyFour), out(0, 64));
}

#[test]
fn the_same_randomness_makes_the_same_proof() {
    let openings = openings(0..65);
    let terms = shifted(&openings, &[0]);
    let statement = statement(&terms, Bits::ThirtyTwo);
    let proof =
        |seed| prove(&statement, &open(&terms, &openings), &mut ChaCha20Rng::seed_from_u64(seed)).unwrap();
    assert_eq!(proof(1), proof(1));
    assert_ne!(proof(1), proof(2));
}

#[test]
fn what_cannot_be_proved_is_named() {
    let two = openings([1, 2]);
    let terms = shifted(&two, &[0]);
    let opened = open(&terms, &two);
    let check = |terms: &[Term], opened: &[OpenedTerm], expected| {
        assert_eq!(prove(&statement(terms, Bits::ThirtyTwo), opened, &mut rng()), Err(expected));
    };
    check(&[], &[], ProveError::Empty);
    check(&terms, &opened[..1], ProveError::Count { expected: 2, got: 1 });
    let swapped = [opened[0].clone(), opened[0].clone()];
    check(&terms, &swapped, ProveError::Commitment { index: 1, source: CommitmentError::Mismatch });
}

#[test]
fn unusable_commitments_are_refused_by_index() {
    let openings = openings([1, 2]);
    let good = shifted(&openings, &[0]);
    let proof = prove(&statement(&good, Bits::ThirtyTwo), &open(&good, &openings), &mut rng()).unwrap();
    let basepoint = Commitment(PedersenGens::default().B.compress().to_bytes());
    for (commitment, constant, source) in [
        (Commitment([0; 32]), 0, CommitmentError::Identity),
        (Commitment([0xFF; 32]), 0, CommitmentError::Encoding),
        // 1·B under no blinding: the identity once 1 is subtracted
        (basepoint, -1, CommitmentError::Identity),
    ] {
        let terms = [good[0].clone(), Term { parts: vec![(1, commitment)], constant }];
        let expected = Err(VerifyError::Commitment { index: 1, source });
        assert_eq!(verify(&statement(&terms, Bits::ThirtyTwo), &proof), expected);
    }
}

#[test]
fn the_layout_is_strict() {
    let openings = openings([1]);
    let terms = shifted(&openings, &[0]);
    let statement = statement(&terms, Bits::ThirtyTwo);
    let proof = prove(&statement, &open(&terms, &openings), &mut rng()).unwrap();
    let check = |proof: &[u8], expected| assert_eq!(verify(&statement, proof), Err(expected));
    let length = proof.len();
    for got in [0, 1, 2, length - 32, length - 1] {
        check(&proof[..got], VerifyError::Length { expected: length, got });
    }
    check(&[&proof[..], &[0]].concat(), VerifyError::Length { expected: length, got: length + 1 });
    check(&[&[9], &proof[1..]].concat(), VerifyError::Version { expected: VERSION, got: 9 });
    check(&[&[VERSION, 2], &proof[2..]].concat(), VerifyError::Kind { expected: KIND, got: 2 });
    // the last scalar, not canonical
    check(&[&proof[..length - 32], &[0xFF; 32]].concat(), VerifyError::Encoding { chunk: 0 });
    let empty = RangeStatement { terms: &[], ..statement };
    assert_eq!(verify(&empty, &proof), Err(VerifyError::Empty));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_refused(any_length in prop::collection::vec(any::<u8>(), 0..700), body: [[u8; 32]; 19]) {
        let openings = openings([1]);
        let terms = shifted(&openings, &[0]);
        let statement = statement(&terms, Bits::ThirtyTwo);
        prop_assert!(verify(&statement, &any_length).is_err());
        // of the right length and header, with scalars small enough to parse
        let mut elements = body;
        for element in &mut elements {
            element[31] &= 0x0F;
        }
        let proof = [&[VERSION, KIND][..], elements.as_flattened()].concat();
        prop_assert!(verify(&statement, &proof).is_err());
    }
}
