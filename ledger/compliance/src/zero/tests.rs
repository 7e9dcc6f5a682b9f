//! A payout equal to a price is proved; nothing else is.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::commitment::{CommitmentError, Opening, commit};
use crate::transcript::Head;

const CONTEXT: StatementContext<'static> = StatementContext {
    spec_hash: [1; 32],
    origin: "log.example",
    start: Head { size: 10, root: [2; 32] },
    end: Head { size: 20, root: [3; 32] },
    statement: "payout-equals-price",
    policy_hash: [4; 32],
};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(31)
}

/// Price and payout in a list, their difference and its blinding.
fn difference(price: u64, payout: u64) -> ([Listed; 2], Commitment, Blinding) {
    let mut rng = rng();
    let (price, payout) = (Opening::random(price, &mut rng), Opening::random(payout, &mut rng));
    let listed = [(3, 3, &price), (12, 1, &payout)].map(|(leaf_index, field, opening)| Listed {
        leaf_index,
        field,
        commitment: commit(opening),
    });
    let target = listed[1].commitment.minus(&listed[0].commitment).unwrap();
    (listed, target, payout.blinding.minus(&price.blinding))
}

fn proved() -> ([Listed; 2], Commitment, Vec<u8>) {
    let (listed, target, blinding) = difference(80, 80);
    let proof = prove(&CONTEXT, &listed, &target, &blinding, &mut rng()).unwrap();
    (listed, target, proof)
}

#[test]
fn equal_values_are_proved() {
    let (listed, target, proof) = proved();
    assert_eq!(proof.len(), LENGTH);
    assert_eq!(verify(&CONTEXT, &listed, &target, &proof), Ok(()));
}

#[test]
fn what_cannot_be_proved_is_named() {
    let (listed, target, blinding) = difference(80, 81);
    assert_eq!(prove(&CONTEXT, &listed, &target, &blinding, &mut rng()), Err(ProveError::NotZero));
    assert_eq!(prove(&CONTEXT, &[], &target, &blinding, &mut rng()), Err(ProveError::Empty));
    let expected = ProveError::Commitment { index: 0, source: CommitmentError::Identity };
    assert_eq!(prove(&CONTEXT, &listed, &Commitment([0; 32]), &blinding, &mut rng()), Err(expected));
}

#[test]
fn no_bit_of_a_proof_can_change() {
    let (listed, target, proof) = proved();
    for bit in 0..8 * LENGTH {
        let mut mutated = proof.clone();
        mutated[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&CONTEXT, &listed, &target, &mutated).is_err(), "bit {bit}");
    }
}

#[test]
fn another_statement_is_rejected() {
    let (listed, target, proof) = proved();
    let rejected = Err(VerifyError::Rejected { chunk: 0 });
    for context in [
        StatementContext { origin: "log.example.org", ..CONTEXT },
        StatementContext { end: Head { size: 21, ..CONTEXT.end }, ..CONTEXT },
        StatementContext { statement: "other", ..CONTEXT },
    ] {
        assert_eq!(verify(&context, &listed, &target, &proof), rejected);
    }
    let swapped = [listed[1], listed[0]];
    assert_eq!(verify(&CONTEXT, &swapped, &target, &proof), rejected);
    let negated = listed[0].commitment.minus(&listed[1].commitment).unwrap();
    assert_eq!(verify(&CONTEXT, &listed, &negated, &proof), rejected);
    assert_eq!(verify(&CONTEXT, &listed, &listed[0].commitment, &proof), rejected);
}

#[test]
fn the_identity_is_refused_everywhere() {
    let (listed, target, proof) = proved();
    let identity = Commitment([0; 32]);
    let expected = VerifyError::Commitment { index: 0, source: CommitmentError::Identity };
    assert_eq!(verify(&CONTEXT, &listed, &identity, &proof), Err(expected));
    let nothing = [&proof[..2], &[0; 64]].concat();
    assert_eq!(verify(&CONTEXT, &listed, &target, &nothing), Err(VerifyError::Rejected { chunk: 0 }));
    assert_eq!(verify(&CONTEXT, &[], &target, &proof), Err(VerifyError::Empty));
}

#[test]
fn the_same_randomness_over_another_statement_gives_another_nonce() {
    let (listed, target, blinding) = difference(80, 80);
    let nonce = |context| prove(context, &listed, &target, &blinding, &mut rng()).unwrap()[2..34].to_vec();
    assert_ne!(nonce(&CONTEXT), nonce(&StatementContext { statement: "other", ..CONTEXT }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let (listed, target, _) = difference(80, 80);
        prop_assert!(verify(&CONTEXT, &listed, &target, &bytes).is_err());
    }
}
