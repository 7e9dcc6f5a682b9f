//! Payouts equal to prices are proved; nothing else is.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::commitment::{Commitment, CommitmentError, Opening, commit};
use crate::samples::{CONTEXT, open, other_contexts};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(31)
}

/// The difference of each payout and its price, and what they open to.
fn differences(pairs: &[(u64, u64)]) -> (Vec<Term>, Vec<OpenedTerm>) {
    let mut rng = rng();
    let openings: Vec<Opening> = pairs
        .iter()
        .flat_map(|pair| [pair.0, pair.1])
        .map(|value| Opening::random(value, &mut rng))
        .collect();
    let terms = openings
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[price, payout]| Term { parts: vec![(1, commit(payout)), (-1, commit(price))], constant: 0 });
    let terms: Vec<Term> = terms.collect();
    let opened = open(&terms, &openings);
    (terms, opened)
}

fn statement(terms: &[Term]) -> ZeroStatement<'_> {
    ZeroStatement { context: CONTEXT, terms }
}

fn proved() -> (Vec<Term>, Vec<u8>) {
    let (terms, opened) = differences(&[(80, 80), (0, 0), (120, 120)]);
    let proof = prove(&statement(&terms), &opened, &mut rng()).unwrap();
    (terms, proof)
}

#[test]
fn equal_values_are_proved() {
    let (terms, proof) = proved();
    assert_eq!(proof.len(), LENGTH);
    assert_eq!(verify(&statement(&terms), &proof), Ok(()));
}

#[test]
fn what_cannot_be_proved_is_named() {
    let check = |terms: &[Term], opened: &[OpenedTerm], expected| {
        assert_eq!(prove(&statement(terms), opened, &mut rng()), Err(expected));
    };
    let (terms, opened) = differences(&[(80, 80), (80, 81)]);
    check(&terms, &opened, ProveError::NotZero { index: 1 });
    check(&terms, &opened[..1], ProveError::Count { expected: 2, got: 1 });
    check(&[], &[], ProveError::Empty);
    let (terms, opened) = differences(&[(80, 80), (90, 90)]);
    let swapped = [opened[0].clone(), opened[0].clone()];
    check(&terms, &swapped, ProveError::Commitment { index: 1, source: CommitmentError::Mismatch });
}

#[test]
fn values_that_cancel_are_not_zero() {
    // one too much and one too little: their plain sum would be zero
    let (terms, opened) = differences(&[(80, 81), (80, 79)]);
    let blinding = opened.iter().map(|opened| opened.blinding).sum::<Scalar>();
    let sum = Term { parts: terms.iter().flat_map(|term| term.parts.clone()).collect(), constant: 0 };
    let opening = OpenedTerm { value: 0, blinding };
    let proof = prove(&statement(&[sum]), &[opening], &mut rng()).unwrap();
    assert_eq!(verify(&statement(&terms), &proof), Err(VerifyError::Rejected { chunk: 0 }));
    // nor does a prover that leaves its checks out get them through
    let lies: Vec<_> =
        opened.iter().map(|opened| OpenedTerm { value: 0, blinding: opened.blinding }).collect();
    assert!(prove(&statement(&terms), &lies, &mut rng()).is_err());
}

#[test]
fn no_bit_of_a_proof_can_change() {
    let (terms, proof) = proved();
    for bit in 0..8 * LENGTH {
        let mut mutated = proof.clone();
        mutated[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&statement(&terms), &mutated).is_err(), "bit {bit}");
    }
}

#[test]
fn another_statement_is_rejected() {
    let (terms, proof) = proved();
    let rejected = Err(VerifyError::Rejected { chunk: 0 });
    for context in other_contexts() {
        assert_eq!(verify(&ZeroStatement { context, ..statement(&terms) }, &proof), rejected);
    }
    let [one, two, three] = [0, 1, 2].map(|at: usize| terms[at].clone());
    let shifted = Term { constant: 1, ..one.clone() };
    for terms in [
        vec![two.clone(), one.clone(), three.clone()],
        vec![one.clone(), two.clone()],
        vec![one.clone(), two.clone(), three.clone(), three.clone()],
        vec![one, two.clone(), Term { parts: three.parts.iter().rev().copied().collect(), ..three.clone() }],
        vec![shifted, two, three],
    ] {
        assert_eq!(verify(&statement(&terms), &proof), rejected, "{terms:?}");
    }
}

#[test]
fn the_identity_is_refused_everywhere() {
    let (terms, proof) = proved();
    let expected = VerifyError::Commitment { index: 1, source: CommitmentError::Identity };
    let mut with_identity = terms.clone();
    with_identity[1] = Term::of(Commitment([0; 32]));
    assert_eq!(verify(&statement(&with_identity), &proof), Err(expected));
    let nothing = [&proof[..2], &[0; 64]].concat();
    assert_eq!(verify(&statement(&terms), &nothing), Err(VerifyError::Rejected { chunk: 0 }));
    assert_eq!(verify(&statement(&[]), &proof), Err(VerifyError::Empty));
}

#[test]
fn the_same_randomness_over_another_statement_gives_another_nonce() {
    let (terms, opened) = differences(&[(80, 80)]);
    let nonce = |context| {
        prove(&ZeroStatement { context, terms: &terms }, &opened, &mut rng()).unwrap()[2..34].to_vec()
    };
    let nonces = other_contexts().map(nonce);
    assert!(nonces.iter().all(|other| *other != nonce(CONTEXT)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let (terms, _) = differences(&[(80, 80)]);
        prop_assert!(verify(&statement(&terms), &bytes).is_err());
    }
}
