//! A floor proof holds for its own statement and for no other.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::commitment::commit_batch;
use crate::transcript::Head;

const CONTEXT: StatementContext<'static> = StatementContext {
    spec_hash: [1; 32],
    origin: "log.example",
    start: Head { size: 10, root: [2; 32] },
    end: Head { size: 20, root: [3; 32] },
    statement: "payout-floor",
    policy_hash: [4; 32],
};
const FLOOR: u32 = 80;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(21)
}

fn payouts(values: &[u64]) -> (Vec<Listed>, Vec<Opening>) {
    let mut rng = rng();
    let openings: Vec<_> = values.iter().map(|value| Opening::random(*value, &mut rng)).collect();
    let listed = (0_u64..)
        .zip(commit_batch(&openings))
        .map(|(leaf_index, commitment)| Listed { leaf_index: 10 + leaf_index, field: 1, commitment })
        .collect();
    (listed, openings)
}

fn proved() -> (Vec<Listed>, Vec<u8>) {
    let (listed, openings) = payouts(&[80, 81, 4_294_967_295]);
    let proof = prove(&CONTEXT, &listed, FLOOR, &openings, &mut rng()).unwrap();
    (listed, proof)
}

#[test]
fn payouts_at_and_above_the_floor_are_proved() {
    let (listed, proof) = proved();
    assert_eq!(verify(&CONTEXT, &listed, FLOOR, &proof), Ok(()));
    let (listed, openings) = payouts(&[0]);
    assert!(prove(&CONTEXT, &listed, 0, &openings, &mut rng()).is_ok());
}

#[test]
fn a_payout_outside_is_named() {
    for (value, shift) in [(79, 80), (0, 80), (1 << 32, 0)] {
        let (listed, openings) = payouts(&[100, value, 100]);
        let expected = Err(ProveError::OutOfRange { index: 1, shift, bits: 32 });
        assert_eq!(prove(&CONTEXT, &listed, FLOOR, &openings, &mut rng()), expected);
    }
}

#[test]
fn no_byte_of_a_proof_can_change() {
    let (listed, proof) = proved();
    for index in 0..proof.len() {
        let mut mutated = proof.clone();
        mutated[index] ^= 1 << (index % 8);
        assert!(verify(&CONTEXT, &listed, FLOOR, &mutated).is_err(), "byte {index}");
    }
}

#[test]
fn another_statement_is_rejected() {
    let (listed, proof) = proved();
    let rejected = Err(crate::VerifyError::Rejected { chunk: 0 });
    for floor in [0, FLOOR - 1, FLOOR + 1, u32::MAX] {
        assert_eq!(verify(&CONTEXT, &listed, floor, &proof), rejected, "floor {floor}");
    }
    for context in [
        StatementContext { spec_hash: [9; 32], ..CONTEXT },
        StatementContext { origin: "log.example.org", ..CONTEXT },
        StatementContext { start: Head { size: 11, ..CONTEXT.start }, ..CONTEXT },
        StatementContext { end: Head { size: 21, ..CONTEXT.end }, ..CONTEXT },
        StatementContext { end: Head { root: [9; 32], ..CONTEXT.end }, ..CONTEXT },
        StatementContext { statement: "payout-floors", ..CONTEXT },
        StatementContext { policy_hash: [9; 32], ..CONTEXT },
    ] {
        assert_eq!(verify(&context, &listed, FLOOR, &proof), rejected, "{context:?}");
    }
    let lists = [
        vec![listed[1], listed[0], listed[2]],
        vec![listed[0], listed[1], listed[1]],
        // the same commitments, under swapped leaf indexes
        vec![
            Listed { commitment: listed[1].commitment, ..listed[0] },
            Listed { commitment: listed[0].commitment, ..listed[1] },
            listed[2],
        ],
        vec![Listed { leaf_index: 99, ..listed[0] }, listed[1], listed[2]],
        vec![Listed { field: 0, ..listed[0] }, listed[1], listed[2]],
        // one more payout fits the padding, but is another list
        vec![listed[0], listed[1], listed[2], listed[2]],
    ];
    for list in lists {
        assert_eq!(verify(&CONTEXT, &list, FLOOR, &proof), rejected, "{list:?}");
    }
    // one payout fewer needs a shorter proof
    assert!(verify(&CONTEXT, &listed[..2], FLOOR, &proof).is_err());
}
