//! The library's own verifier as the oracle, and its frozen proofs.

use std::path::PathBuf;

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use curve25519_dalek::ristretto::CompressedRistretto;
use proptest::prelude::*;

use super::*;

fn library_accepts(bits: usize, values: &[[u8; 32]], proof: &[u8], transcript: &mut Transcript) -> bool {
    thread_local!(static GENERATORS: BulletproofGens = BulletproofGens::new(64, 64));
    let values: Vec<_> = values.iter().map(|bytes| CompressedRistretto(*bytes)).collect();
    RangeProof::from_bytes(proof).is_ok_and(|proof| {
        GENERATORS.with(|generators| {
            let pedersen = PedersenGens::default();
            proof
                .verify_multiple_with_rng(generators, &pedersen, transcript, &values, bits, &mut rng())
                .is_ok()
        })
    })
}

fn own_accepts(bits: usize, values: &[[u8; 32]], proof: &[u8], transcript: &mut Transcript) -> bool {
    let mut batch = Batch::new();
    queue(&mut batch, bits, values, proof, transcript, 0).and_then(|()| batch.verify()).is_ok()
}

/// Adds a bare proof of the library, about commitments, over any transcript.
fn queue(
    batch: &mut Batch,
    bits: usize,
    values: &[[u8; 32]],
    proof: &[u8],
    transcript: &mut Transcript,
    index: usize,
) -> Result<(), BatchError> {
    let terms = (values.iter())
        .map(|bytes| batch.commitments.placed(&Term::of(Commitment(*bytes))).unwrap())
        .collect();
    batch.add_range_proof(transcript, bits, terms, values, proof, (index, 0))
}

struct Frozen {
    bits: usize,
    values: Vec<[u8; 32]>,
    proof: Vec<u8>,
}

fn transcript() -> Transcript {
    Transcript::new(b"Deserialize-And-Verify Test")
}

fn bytes(value: &serde_json::Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The library's frozen proofs, which lie beside the project and are no part of it.
fn frozen() -> Option<Vec<Frozen>> {
    let shared = std::env::var_os("GRANTBOOK_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(shared.join("vectors/bulletproofs-16-frozen.json")).ok()?;
    let proofs: serde_json::Value = serde_json::from_str(&text).unwrap();
    let frozen = |entry: &serde_json::Value| Frozen {
        bits: entry["n"].as_u64().unwrap().try_into().unwrap(),
        values: entry["vc"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| bytes(value).try_into().unwrap())
            .collect(),
        proof: bytes(&entry["proof"]),
    };
    Some(proofs.as_array().unwrap().iter().map(frozen).collect())
}

#[test]
fn the_librarys_frozen_proofs_verify() {
    let Some(all) = frozen() else {
        eprintln!("skipped the_librarys_frozen_proofs_verify: the proofs are not beside the workspace");
        return;
    };
    assert_eq!(all.len(), 16);
    let mut batch = Batch::new();
    for (at, Frozen { bits, values, proof }) in all.iter().enumerate() {
        assert!(library_accepts(*bits, values, proof, &mut transcript()), "{at}");
        assert!(own_accepts(*bits, values, proof, &mut transcript()), "{at}");
        assert!(!own_accepts(*bits, values, proof, &mut Transcript::new(b"another")), "{at}");
        queue(&mut batch, *bits, values, proof, &mut transcript(), at).unwrap();
    }
    assert_eq!(batch.verify(), Ok(()));
    for false_at in 0..all.len() {
        let mut batch = Batch::new();
        for (at, Frozen { bits, values, proof }) in all.iter().enumerate() {
            let mut proof = proof.clone();
            if at == false_at {
                let end = proof.len();
                add_one(&mut proof[end - 32..]);
            }
            queue(&mut batch, *bits, values, &proof, &mut transcript(), at).unwrap();
        }
        assert_eq!(batch.verify(), rejected(false_at, 0));
    }
}

/// A proof of the library over the transcript of the frozen ones.
fn made(bits: usize, values: &[u64], seed: u64) -> (Vec<[u8; 32]>, Vec<u8>) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let blindings: Vec<_> = values.iter().map(|_| Scalar::random(&mut rng)).collect();
    let (proof, commitments) = RangeProof::prove_multiple_with_rng(
        &BulletproofGens::new(bits, values.len()),
        &PedersenGens::default(),
        &mut transcript(),
        values,
        &blindings,
        bits,
        &mut rng,
    )
    .unwrap();
    (commitments.into_iter().map(|commitment| commitment.to_bytes()).collect(), proof.to_bytes())
}

/// Something done to a proof.
#[derive(Debug, Clone)]
enum Change {
    None,
    Flip { bit: usize },
    Swap { one: usize, other: usize },
    AddOne { scalar: usize },
    Clear { element: usize },
    Cut { bytes: usize },
}

impl Change {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            Just(Self::None),
            any::<usize>().prop_map(|bit| Self::Flip { bit }),
            any::<(usize, usize)>().prop_map(|(one, other)| Self::Swap { one, other }),
            any::<usize>().prop_map(|scalar| Self::AddOne { scalar }),
            any::<usize>().prop_map(|element| Self::Clear { element }),
            (1..100_usize).prop_map(|bytes| Self::Cut { bytes }),
        ]
    }

    fn apply(self, proof: &mut Vec<u8>) {
        let elements = proof.len() / 32;
        let at = |element: usize| 32 * (element % elements);
        match self {
            Self::None => {}
            Self::Flip { bit } => {
                let bit = bit % (8 * proof.len());
                proof[bit / 8] ^= 1 << (bit % 8);
            }
            Self::Swap { one, other } => {
                for byte in 0..32 {
                    proof.swap(at(one) + byte, at(other) + byte);
                }
            }
            Self::AddOne { scalar } => {
                let element = at([4, 5, 6, elements - 2, elements - 1][scalar % 5]);
                add_one(&mut proof[element..element + 32]);
            }
            Self::Clear { element } => proof[at(element)..at(element) + 32].fill(0),
            Self::Cut { bytes } => proof.truncate(proof.len().saturating_sub(bytes)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn both_verifiers_agree(
        (bits, digits) in prop::sample::select(vec![(8_usize, 3_u32), (8, 1), (16, 0), (16, 2), (32, 1), (64, 0)]),
        outside in prop::option::weighted(0.2, any::<u64>()),
        values: [u8; 8],
        change in Change::any(),
        other_value in prop::option::weighted(0.1, 0_usize..8),
        seed: u64,
    ) {
        let mut values: Vec<u64> = values[..1 << digits].iter().map(|value| u64::from(*value)).collect();
        if let Some(outside) = outside {
            values[0] = outside;
        }
        let (mut commitments, mut proof) = made(bits, &values, seed);
        let untouched = matches!(change, Change::None) && other_value.is_none();
        change.apply(&mut proof);
        if let Some(other) = other_value {
            let at = other % commitments.len();
            commitments[at] = RISTRETTO_BASEPOINT_COMPRESSED.to_bytes();
        }
        let own = own_accepts(bits, &commitments, &proof, &mut transcript());
        prop_assert_eq!(own, library_accepts(bits, &commitments, &proof, &mut transcript()));
        let inside = values.iter().all(|value| bits == 64 || value >> bits == 0);
        prop_assert!(!untouched || own == inside);
    }
}

#[test]
fn both_verifiers_agree_on_the_chunks_of_a_statement() {
    for (values, shifts, bits) in [
        (vec![80; 65], vec![0], Bits::ThirtyTwo),
        (vec![80, 81, 1 << 31], vec![0, 80], Bits::ThirtyTwo),
        (vec![u64::MAX, 7], vec![7], Bits::SixtyFour),
    ] {
        let proved = Proved::new(&values, &shifts, bits);
        assert_eq!(proved.verify(), Ok(()));
        let statement = proved.statement();
        for chunk in statement.chunks(&proved.proof).unwrap() {
            let mut encodings: Vec<_> = statement
                .terms(&chunk)
                .map(|(_, term)| term.point().unwrap().compress().to_bytes())
                .collect();
            encodings.resize(chunk.aggregated, [0; 32]);
            let mut transcript = statement.transcript(&derived_hash(&proved.terms), &chunk);
            assert!(library_accepts(bits.count().into(), &encodings, chunk.proof, &mut transcript));
        }
    }
}
