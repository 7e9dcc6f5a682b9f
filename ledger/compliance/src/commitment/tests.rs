//! The tables against the stock generators, and what openings are refused.

use bulletproofs::PedersenGens;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;

const EDGES: [u64; 9] = [0, 1, 255, 256, (1 << 32) - 1, 1 << 32, (1 << 32) + 1, u64::MAX - 1, u64::MAX];

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The definition, by the library's own arithmetic.
fn stock(opening: &Opening) -> Commitment {
    let point = PedersenGens::default().commit(Scalar::from(opening.value), opening.blinding.0);
    Commitment(point.compress().to_bytes())
}

fn check(openings: &[Opening]) {
    let expected: Vec<_> = openings.iter().map(stock).collect();
    assert_eq!(commit_batch(openings), expected);
    for (opening, expected) in openings.iter().zip(&expected) {
        assert_eq!(commit(opening), *expected);
        assert_eq!(verify_opening(expected, opening), Ok(()));
    }
}

#[test]
fn edge_values_equal_the_stock_commitment() {
    let mut rng = rng(1);
    check(&EDGES.map(|value| Opening::random(value, &mut rng)));
}

#[test]
fn edge_blindings_equal_the_stock_commitment() {
    let blindings =
        [Scalar::ONE, Scalar::from(256_u64), -Scalar::ONE, -Scalar::from(2_u64), Scalar::from(u64::MAX)];
    check(&blindings.map(|blinding| Opening { value: 7, blinding: Blinding(blinding) }));
}

#[test]
fn every_batch_size_equals_the_stock_commitment() {
    let mut rng = rng(2);
    for size in [0_u64, 1, 2, 3, 255, 256, 257] {
        let openings: Vec<_> = (0..size).map(|i| Opening::random(i * 16_843_009, &mut rng)).collect();
        assert_eq!(commit_batch(&openings), openings.iter().map(stock).collect::<Vec<_>>(), "{size}");
    }
}

#[test]
fn the_identity_and_its_opening_are_refused() {
    let nothing = Opening { value: 0, blinding: Blinding(Scalar::ZERO) };
    assert_eq!(Blinding::from_bytes([0; 32]), Err(CommitmentError::ZeroBlinding));
    assert_eq!(commit_batch(std::slice::from_ref(&nothing)), [Commitment([0; 32])]);
    assert_eq!(verify_opening(&Commitment([0; 32]), &nothing), Err(CommitmentError::Identity));
    assert_eq!(Commitment([0; 32]).point(), Err(CommitmentError::Identity));
}

#[test]
fn differences_and_shifts_commit_to_differences() {
    let mut rng = rng(3);
    let (a, b) = (Opening::random(500, &mut rng), Opening::random(80, &mut rng));
    let difference = Opening { value: 420, blinding: a.blinding.minus(&b.blinding) };
    assert_eq!(commit(&a).minus(&commit(&b)), Ok(commit(&difference)));
    let shifted = Opening { value: 420, blinding: a.blinding.clone() };
    assert_eq!(commit(&a).minus_value(80), Ok(commit(&shifted)));
    assert_eq!(commit(&a).minus(&commit(&a)), Err(CommitmentError::Identity));
}

#[test]
fn debug_shows_no_secret() {
    let opening = Opening::random(987_654, &mut rng(4));
    assert_eq!(format!("{opening:?} {:?}", opening.blinding), "Opening(..) Blinding(..)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_opening_equals_the_stock_commitment(value: u64, small: u32, seed: u64) {
        let mut rng = rng(seed);
        check(&[Opening::random(value, &mut rng), Opening::random(u64::from(small), &mut rng)]);
    }

    #[test]
    fn another_value_or_blinding_is_a_mismatch(value: u64, other: u64, seed: u64) {
        prop_assume!(value != other);
        let mut rng = rng(seed);
        let opening = Opening::random(value, &mut rng);
        let commitment = commit(&opening);
        let wrong_value = Opening { value: other, blinding: opening.blinding.clone() };
        prop_assert_eq!(verify_opening(&commitment, &wrong_value), Err(CommitmentError::Mismatch));
        prop_assert_eq!(verify_opening(&commitment, &Opening::random(value, &mut rng)), Err(CommitmentError::Mismatch));
    }

    #[test]
    fn a_flipped_bit_opens_nothing(value: u64, seed: u64, byte in 0_usize..32, bit in 0_u8..8) {
        let opening = Opening::random(value, &mut rng(seed));
        let mut bytes = commit(&opening).0;
        bytes[byte] ^= 1 << bit;
        prop_assert!(verify_opening(&Commitment(bytes), &opening).is_err());
    }

    #[test]
    fn blindings_are_read_only_in_canonical_form(bytes: [u8; 32]) {
        if let Ok(blinding) = Blinding::from_bytes(bytes) {
            prop_assert_eq!(blinding.to_bytes(), bytes);
        }
    }
}
