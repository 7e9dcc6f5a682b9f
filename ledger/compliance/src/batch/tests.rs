//! Batches around every boundary, with a false proof at each place, and what must not get past the weights.

mod library;
mod mutations;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_COMPRESSED;
use curve25519_dalek::scalar::Scalar;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::commitment::{Blinding, Opening, commit_batch};
use crate::range::{self, Bits};
use crate::samples::{CONTEXT, open, other_contexts, shifted};
use crate::zero;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(51)
}

/// A statement with its proof.
struct Proved {
    terms: Vec<Term>,
    bits: Bits,
    proof: Vec<u8>,
}

impl Proved {
    /// A proof about these values less each shift, made whether or not they are in the range.
    fn new(values: &[u64], shifts: &[i64], bits: Bits) -> Self {
        let mut rng =
            ChaCha20Rng::seed_from_u64(values.iter().fold(values.len() as u64, |sum, value| sum ^ value));
        let openings: Vec<_> = values.iter().map(|value| Opening::random(*value, &mut rng)).collect();
        let terms = shifted(&openings, shifts);
        let (values, blindings): (Vec<_>, Vec<_>) = (open(&terms, &openings).iter())
            .map(|opened| (u64::try_from(opened.value & i128::from(u64::MAX)).unwrap(), opened.blinding))
            .unzip();
        let mut proved = Self { terms, bits, proof: Vec::new() };
        proved.proof = range::prove_unchecked(&proved.statement(), &values, &blindings, &mut rng);
        proved
    }

    fn counting(count: usize, bits: Bits) -> Self {
        Self::new(&(0..count as u64).collect::<Vec<_>>(), &[0], bits)
    }

    fn statement(&self) -> RangeStatement<'_> {
        RangeStatement { context: CONTEXT, terms: &self.terms, bits: self.bits }
    }

    fn verify(&self) -> Result<(), VerifyError> {
        range::verify(&self.statement(), &self.proof)
    }

    /// The same statement with one to add to the last scalar of the proof's chunk that ends at `end`.
    fn falsified(&self, end: usize) -> Vec<u8> {
        let mut proof = self.proof.clone();
        add_one(&mut proof[end - 32..end]);
        proof
    }
}

fn add_one(scalar: &mut [u8]) {
    let bytes = scalar.try_into().unwrap();
    let next = Scalar::from_canonical_bytes(bytes).unwrap() + Scalar::ONE;
    scalar.copy_from_slice(next.as_bytes());
}

fn rejected(index: usize, chunk: usize) -> Result<(), BatchError> {
    Err(BatchError { index, source: VerifyError::Rejected { chunk } })
}

/// Gives all of them to a batch, as far as it takes them, and asks for its answer.
fn verify_all<'a>(
    mut batch: Batch,
    proofs: impl IntoIterator<Item = (&'a Proved, &'a [u8])>,
) -> Result<(), BatchError> {
    for (proved, proof) in proofs {
        if batch.range(&proved.statement(), proof).is_err() {
            break;
        }
    }
    batch.verify()
}

#[test]
fn a_batch_can_go_to_another_thread() {
    fn check<T: Send>() {}
    check::<Batch>();
}

#[test]
fn a_batch_of_nothing_holds() {
    assert_eq!(Batch::new().verify(), Ok(()));
}

#[test]
fn every_number_of_values_verifies_and_each_false_chunk_is_named() {
    let thirty_two = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129];
    let sixty_four = [1, 2, 3, 64, 65];
    let all = (thirty_two.into_iter().map(|count| Proved::counting(count, Bits::ThirtyTwo)))
        .chain(sixty_four.into_iter().map(|count| Proved::counting(count, Bits::SixtyFour)))
        .collect::<Vec<_>>();
    // one batch of all of them, and each alone
    let proofs = || all.iter().map(|proved| (proved, &proved.proof[..]));
    assert_eq!(verify_all(Batch::new(), proofs()), Ok(()));
    for (at, proved) in all.iter().enumerate() {
        assert_eq!(proved.verify(), Ok(()), "{} values", proved.terms.len());
        let full = if proved.bits == Bits::ThirtyTwo { 31 } else { 33 } * 32;
        for chunk in 0..proved.terms.len().div_ceil(64) {
            let end = proved.proof.len().min(2 + (chunk + 1) * full);
            let falsified = proved.falsified(end);
            let expected = Err(VerifyError::Rejected { chunk });
            assert_eq!(range::verify(&proved.statement(), &falsified), expected);
            if end == proved.proof.len() {
                let mut proofs: Vec<_> = proofs().collect();
                proofs[at].1 = &falsified;
                assert_eq!(verify_all(Batch::new(), proofs), rejected(at, chunk), "{at}");
            }
        }
    }
}

#[test]
fn a_value_outside_is_rejected_wherever_it_stands() {
    let (below, above) = (u64::MAX, 1 << 32);
    for (count, places) in [
        (1, &[0][..]),
        (2, &[0, 1]),
        (3, &[0, 1, 2]),
        (4, &[0, 3]),
        (63, &[62]),
        (64, &[0, 63]),
        (65, &[0, 63, 64]),
        (129, &[127, 128]),
    ] {
        for place in places {
            let mut values = vec![5; count];
            values[*place] = if place % 2 == 0 { below } else { above };
            let expected = Err(VerifyError::Rejected { chunk: place / 64 });
            assert_eq!(Proved::new(&values, &[0], Bits::ThirtyTwo).verify(), expected, "{place} of {count}");
        }
    }
    // outside only after the second shift
    let expected = Err(VerifyError::Rejected { chunk: 1 });
    let values = [vec![80; 40], vec![79]].concat();
    assert_eq!(Proved::new(&values, &[0, 80], Bits::ThirtyTwo).verify(), expected);
}

#[test]
fn one_false_proof_is_named_in_every_batch_around_a_multiplication() {
    // 15 points each, so that a multiplication takes four
    let points_max = 60;
    let all: Vec<_> = (0..13).map(|value| Proved::new(&[value], &[0], Bits::ThirtyTwo)).collect();
    let falsified: Vec<_> = all.iter().map(|proved| proved.falsified(proved.proof.len())).collect();
    for size in 1..=all.len() {
        let proofs = || all[..size].iter().map(|proved| (proved, &proved.proof[..]));
        assert_eq!(verify_all(Batch::with_points_max(points_max), proofs()), Ok(()));
        for place in 0..size {
            let mut proofs: Vec<_> = proofs().collect();
            proofs[place].1 = &falsified[place];
            let outcome = verify_all(Batch::with_points_max(points_max), proofs);
            assert_eq!(outcome, rejected(place, 0), "{place} of {size}");
        }
    }
}

#[test]
fn what_waits_is_bounded() {
    let points_max = 60;
    let proved = Proved::counting(3, Bits::ThirtyTwo);
    let mut batch = Batch::with_points_max(points_max);
    for _ in 0..20 {
        batch.range(&proved.statement(), &proved.proof).unwrap();
        assert!(batch.own_points + batch.commitments.points.len() < points_max);
        assert!(batch.waiting.len() < points_max / 15);
    }
    assert_eq!(batch.verify(), Ok(()));
}

#[test]
fn the_bound_itself_loses_no_proof() {
    let (terms, proof) = equal();
    let mut falsified = proof.clone();
    add_one(&mut falsified[34..]);
    // one point each, and two for all
    let full = POINTS_MAX - 2;
    for (size, place) in [(full - 1, full - 2), (full, full - 1), (full + 1, 0), (full + 1, full)] {
        let mut batch = Batch::new();
        for at in 0..size {
            let proof = if at == place { &falsified } else { &proof };
            if batch.zero(&zero_statement(&terms), proof).is_err() {
                break;
            }
        }
        assert_eq!(batch.verify(), rejected(place, 0), "{place} of {size}");
    }
}

fn zero_statement(terms: &[Term]) -> ZeroStatement<'_> {
    ZeroStatement { context: CONTEXT, terms }
}

/// The difference of two commitments to one value, and the proof that it is zero.
fn equal() -> (Vec<Term>, Vec<u8>) {
    let mut rng = rng();
    let openings = [Opening::random(80, &mut rng), Opening::random(80, &mut rng)];
    let [one, other] = [0, 1].map(|at: usize| commit_batch(&openings)[at]);
    let terms = vec![Term { parts: vec![(1, other), (-1, one)], constant: 0 }];
    let proof = zero::prove(&zero_statement(&terms), &open(&terms, &openings), &mut rng).unwrap();
    (terms, proof)
}

#[test]
fn errors_that_cancel_in_an_unweighted_sum_are_rejected() {
    // s + 1 and s − 1: the response is in no challenge, so both are off by B̃, one the other way
    let (terms, proof) = equal();
    let mut proofs = [proof.clone(), proof];
    add_one(&mut proofs[0][34..]);
    let less = Scalar::from_canonical_bytes(proofs[1][34..].try_into().unwrap()).unwrap() - Scalar::ONE;
    proofs[1][34..].copy_from_slice(less.as_bytes());
    let mut batch = Batch::new();
    for proof in &proofs {
        batch.zero(&zero_statement(&terms), proof).unwrap();
    }
    assert!(matches!(batch.verify(), Err(BatchError { source: VerifyError::Rejected { .. }, .. })));
}

#[test]
fn weights_depend_on_every_proof_and_its_last_scalars() {
    let weights = |seals: &[[u8; 64]]| {
        let mut weights = Weights::over(seals.iter());
        [weights.draw(), weights.draw()]
    };
    let seal_of = |proof: &[u8]| {
        let (terms, _) = equal();
        let mut batch = Batch::new();
        batch.zero(&zero_statement(&terms), proof).unwrap();
        batch.waiting[0].seal
    };
    let (_, proof) = equal();
    let mut other = proof.clone();
    add_one(&mut other[34..]);
    let range = Proved::counting(1, Bits::ThirtyTwo);
    let seal_of_range = |proof: &[u8]| {
        let mut batch = Batch::new();
        batch.range(&range.statement(), proof).unwrap();
        batch.waiting[0].seal
    };
    let length = range.proof.len();
    let seals = [
        seal_of(&proof),
        seal_of(&other),
        seal_of_range(&range.proof),
        seal_of_range(&range.falsified(length)),
        seal_of_range(&range.falsified(length - 32)),
    ];
    let mut drawn: Vec<_> = seals.iter().flat_map(|seal| weights(&[*seal])).collect();
    drawn.extend(weights(&[seals[0], seals[2]]));
    drawn.extend(weights(&[seals[2], seals[0]]));
    drawn.extend(weights(&[seals[0], seals[3]]));
    for (at, weight) in drawn.iter().enumerate() {
        assert!(!drawn[..at].contains(weight), "{at}");
    }
}

#[test]
fn a_commitment_under_two_shifts_and_in_two_statements_is_one_point() {
    let proved = Proved::new(&[80; 70], &[0, 80], Bits::ThirtyTwo);
    let mut batch = Batch::new();
    for _ in 0..2 {
        batch.range(&proved.statement(), &proved.proof).unwrap();
        assert_eq!(batch.commitments.points.len(), 70);
    }
    assert_eq!(batch.verify(), Ok(()));
}

#[test]
fn after_an_error_a_batch_stays_refused() {
    let proved = Proved::counting(1, Bits::ThirtyTwo);
    let mut batch = Batch::new();
    batch.range(&proved.statement(), &proved.proof).unwrap();
    let source = VerifyError::Length { expected: proved.proof.len(), got: 3 };
    let expected = Err(BatchError { index: 1, source });
    assert_eq!(batch.range(&proved.statement(), &proved.proof[..3]), expected);
    assert_eq!(batch.range(&proved.statement(), &proved.proof), expected);
    assert_eq!(batch.verify(), expected);
}

#[test]
fn the_identity_is_a_commitment_nowhere() {
    let mut proved = Proved::counting(3, Bits::ThirtyTwo);
    let good = proved.terms.clone();
    let identity = Term::of(Commitment([0; 32]));
    let cancelling =
        Term { parts: vec![(1, Commitment(RISTRETTO_BASEPOINT_COMPRESSED.to_bytes()))], constant: -1 };
    let twice = Term {
        parts: [(3, 1), (-3, 1)].map(|(n, at): (i64, usize)| (n, good[at].parts[0].1)).to_vec(),
        constant: 0,
    };
    for index in 0..3 {
        for term in [&identity, &cancelling, &twice] {
            proved.terms.clone_from(&good);
            proved.terms[index] = term.clone();
            let source = VerifyError::Commitment { index, source: CommitmentError::Identity };
            assert_eq!(proved.verify(), Err(source));
        }
    }
    // three values and a fourth that is the identity are not the padding of three
    proved.terms = [&good[..], &[identity]].concat();
    let source = VerifyError::Commitment { index: 3, source: CommitmentError::Identity };
    assert_eq!(proved.verify(), Err(source));
}

#[test]
fn what_stands_for_the_padding_is_the_identity_alone() {
    // a proof of three values and of B̃ times a blinding in the fourth place, which commits to zero too
    let openings: Vec<_> = [1, 2, 3, 0]
        .into_iter()
        .map(|value| Opening { value, blinding: Blinding::random(&mut rng()) })
        .collect();
    let terms = shifted(&openings[..3], &[0]);
    let mut proved = Proved { terms, bits: Bits::ThirtyTwo, proof: Vec::new() };
    let values: Vec<_> = openings.iter().map(|opening| opening.value).collect();
    let mut blindings: Vec<_> = openings.iter().map(|opening| opening.blinding.0).collect();
    proved.proof = range::prove_unchecked(&proved.statement(), &values, &blindings, &mut rng());
    assert_eq!(proved.verify(), Err(VerifyError::Rejected { chunk: 0 }));
    blindings[3] = Scalar::ZERO;
    proved.proof = range::prove_unchecked(&proved.statement(), &values, &blindings, &mut rng());
    assert_eq!(proved.verify(), Ok(()));
}

#[test]
fn terms_are_combinations() {
    let mut rng = rng();
    let openings: Vec<_> = [30, 7, 5].map(|value| Opening::random(value, &mut rng)).to_vec();
    let [a, b, c] = [0, 1, 2].map(|at: usize| commit_batch(&openings)[at]);
    let term = |parts: &[(i64, Commitment)], constant| Term { parts: parts.to_vec(), constant };
    // 86400·30 + 7 − 5 − 2592002 = 0, and what lies around it
    let zero = term(&[(86_400, a), (1, b), (-1, c)], -2_592_002);
    let more = Term { constant: zero.constant + 1, ..zero.clone() };
    let less = Term { constant: zero.constant - 1, ..zero.clone() };
    let twice = term(&[(i64::MAX, a), (i64::MIN, a), (1, a), (1, b)], -7);
    for (terms, is_in_range, is_zero) in [
        (vec![zero.clone()], true, true),
        (vec![more], true, false),
        (vec![less], false, false),
        (vec![twice.clone()], true, true),
        (vec![zero, twice], true, true),
    ] {
        let opened = open(&terms, &openings);
        let ranged = RangeStatement { context: CONTEXT, terms: &terms, bits: Bits::SixtyFour };
        assert_eq!(range::prove(&ranged, &opened, &mut rng).is_ok(), is_in_range, "{terms:?}");
        assert_eq!(zero::prove(&zero_statement(&terms), &opened, &mut rng).is_ok(), is_zero, "{terms:?}");
    }
}
