//! Chunk boundaries, ranges and the layout of range proofs.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::commitment::Commitment;
use crate::transcript::Head;

const CONTEXT: StatementContext<'static> = StatementContext {
    spec_hash: [1; 32],
    origin: "log.example",
    start: Head { size: 10, root: [2; 32] },
    end: Head { size: 20, root: [3; 32] },
    statement: "range",
    policy_hash: [4; 32],
};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(11)
}

fn list(openings: &[Opening]) -> Vec<Listed> {
    (0_u64..)
        .zip(commit_batch(openings))
        .map(|(leaf_index, commitment)| Listed { leaf_index, field: 0, commitment })
        .collect()
}

fn openings(values: impl IntoIterator<Item = u64>) -> Vec<Opening> {
    let mut rng = rng();
    values.into_iter().map(|value| Opening::random(value, &mut rng)).collect()
}

fn prove_values(values: &[u64], shifts: &[u64], bits: Bits) -> Result<Vec<u8>, ProveError> {
    let openings = openings(values.iter().copied());
    let derived = list(&openings);
    prove(&RangeStatement { context: CONTEXT, derived: &derived, shifts, bits }, &openings, &mut rng())
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
    let out = |index, shift, bits| Err(ProveError::OutOfRange { index, shift, bits });
    let top = (1 << 32) - 1;
    assert!(prove_values(&[0, top], &[0], Bits::ThirtyTwo).is_ok());
    assert_eq!(prove_values(&[0, top, top + 1], &[0], Bits::ThirtyTwo), out(2, 0, 32));
    assert!(prove_values(&[top + 1], &[1], Bits::ThirtyTwo).is_ok());
    assert_eq!(prove_values(&[5, 4], &[0, 5], Bits::ThirtyTwo), out(1, 5, 32));
    assert!(prove_values(&[0, u64::MAX], &[0], Bits::SixtyFour).is_ok());
    assert_eq!(prove_values(&[9, 0], &[1], Bits::SixtyFour), out(1, 1, 64));
}

#[test]
fn the_same_randomness_makes_the_same_proof() {
    let openings = openings(0..65);
    let derived = list(&openings);
    let statement =
        RangeStatement { context: CONTEXT, derived: &derived, shifts: &[0], bits: Bits::ThirtyTwo };
    let proof = |seed| prove(&statement, &openings, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap();
    assert_eq!(proof(1), proof(1));
    assert_ne!(proof(1), proof(2));
}

#[test]
fn what_cannot_be_proved_is_named() {
    let two = openings([1, 2]);
    let derived = list(&two);
    let statement =
        RangeStatement { context: CONTEXT, derived: &derived, shifts: &[0], bits: Bits::ThirtyTwo };
    let check = |statement: &RangeStatement<'_>, openings: &[Opening], expected| {
        assert_eq!(prove(statement, openings, &mut rng()), Err(expected));
    };
    check(&RangeStatement { derived: &[], ..statement }, &[], ProveError::Empty);
    check(&RangeStatement { shifts: &[], ..statement }, &two, ProveError::Empty);
    check(&statement, &two[..1], ProveError::Count { expected: 2, got: 1 });
    let swapped = [two[0].clone(), two[0].clone()];
    check(&statement, &swapped, ProveError::Commitment { index: 1, source: CommitmentError::Mismatch });
}

#[test]
fn unusable_commitments_are_refused_by_index() {
    let openings = openings([1, 2]);
    let good = list(&openings);
    let proof = prove(
        &RangeStatement { context: CONTEXT, derived: &good, shifts: &[0], bits: Bits::ThirtyTwo },
        &openings,
        &mut rng(),
    )
    .unwrap();
    let basepoint = Commitment(PedersenGens::default().B.compress().to_bytes());
    for (bytes, shift, source) in [
        (Commitment([0; 32]), 0, CommitmentError::Identity),
        (Commitment([0xFF; 32]), 0, CommitmentError::Encoding),
        // 1·B under no blinding: the identity once 1 is subtracted
        (basepoint, 1, CommitmentError::Identity),
    ] {
        let derived = [good[0], Listed { commitment: bytes, ..good[1] }];
        let statement =
            RangeStatement { context: CONTEXT, derived: &derived, shifts: &[shift], bits: Bits::ThirtyTwo };
        let expected = Err(VerifyError::Commitment { index: 1, source });
        assert_eq!(verify(&statement, &proof), expected);
    }
}

#[test]
fn the_layout_is_strict() {
    let openings = openings([1]);
    let derived = list(&openings);
    let statement =
        RangeStatement { context: CONTEXT, derived: &derived, shifts: &[0], bits: Bits::ThirtyTwo };
    let proof = prove(&statement, &openings, &mut rng()).unwrap();
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
    let empty = RangeStatement { derived: &[], ..statement };
    assert_eq!(verify(&empty, &proof), Err(VerifyError::Empty));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_refused(any_length in prop::collection::vec(any::<u8>(), 0..700), body: [[u8; 32]; 19]) {
        let openings = openings([1]);
        let derived = list(&openings);
        let statement = RangeStatement { context: CONTEXT, derived: &derived, shifts: &[0], bits: Bits::ThirtyTwo };
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
