//! The verifier of the crate `bulletproofs` on the same proofs, with transcripts written from
//! `docs/spec/commitment.md`.

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use curve25519_dalek::ristretto::CompressedRistretto;
use grantbook_compliance::range::RangeStatement;
use grantbook_compliance::transcript::GENERATORS_HASH;
use merlin::Transcript;
use rand_core::OsRng;
use sha2::{Digest, Sha256};

use crate::Failure;

/// Values of an aggregate.
const AGGREGATE: usize = 64;
/// Bytes of a proof about 64 values of 32 bits.
const PROOF_BYTES: usize = 32 * (9 + 2 * 11);
/// Aggregates that are verified in a round.
const SAMPLE: usize = 16;

/// One aggregate, ready for the library: nothing of this is timed.
struct Aggregate {
    transcript: Transcript,
    proof: RangeProof,
    values: Vec<CompressedRistretto>,
}

/// Aggregates of all the statements, taken in turn.
pub(crate) struct Oracle {
    generators: BulletproofGens,
    pedersen: PedersenGens,
    aggregates: Vec<Aggregate>,
}

impl Oracle {
    /// Values that [`Oracle::verify`] verifies.
    pub(crate) const VALUES: usize = SAMPLE * AGGREGATE;

    pub(crate) fn new(statements: &[RangeStatement<'_>], proofs: &[Vec<u8>]) -> Result<Self, Failure> {
        let mut aggregates = Vec::new();
        for (statement, proof) in statements.iter().zip(proofs) {
            let mut terms = Vec::new();
            for term in statement.terms {
                terms.push(term.point()?.compress());
            }
            let chunks = terms.len().div_ceil(AGGREGATE);
            let body = proof.get(2..).unwrap_or_default();
            for (chunk, (values, proof)) in terms.chunks(AGGREGATE).zip(body.chunks(PROOF_BYTES)).enumerate()
            {
                aggregates.push(Aggregate {
                    transcript: transcript(statement, chunk as u64, chunks as u64),
                    proof: RangeProof::from_bytes(proof).map_err(|error| error.to_string())?,
                    values: values.to_vec(),
                });
            }
        }
        Ok(Self {
            generators: BulletproofGens::new(64, AGGREGATE),
            pedersen: PedersenGens::default(),
            aggregates,
        })
    }

    /// Verifies some aggregates, others in each round, one by one as the library does.
    pub(crate) fn verify(&self, round: usize) -> Result<(), Failure> {
        for aggregate in self.aggregates.iter().cycle().skip(round * SAMPLE).take(SAMPLE) {
            let mut transcript = aggregate.transcript.clone();
            aggregate
                .proof
                .verify_multiple_with_rng(
                    &self.generators,
                    &self.pedersen,
                    &mut transcript,
                    &aggregate.values,
                    32,
                    &mut OsRng,
                )
                .map_err(|error| format!("the library refuses a proof: {error}"))?;
        }
        Ok(())
    }
}

fn transcript(statement: &RangeStatement<'_>, chunk: u64, chunks: u64) -> Transcript {
    let context = &statement.context;
    let mut derived = Sha256::new_with_prefix([0x44]);
    for term in statement.terms {
        derived.update(u32::try_from(term.parts.len()).unwrap_or(u32::MAX).to_be_bytes());
        for (coefficient, commitment) in &term.parts {
            derived.update(coefficient.to_be_bytes());
            derived.update(commitment.0);
        }
        derived.update(term.constant.to_be_bytes());
    }
    let mut transcript = Transcript::new(b"grantbook statement v1");
    transcript.append_message(b"spec", &context.spec_hash);
    transcript.append_message(b"origin", context.origin.as_bytes());
    transcript.append_u64(b"start size", context.start.size);
    transcript.append_message(b"start root", &context.start.root);
    transcript.append_u64(b"end size", context.end.size);
    transcript.append_message(b"end root", &context.end.root);
    transcript.append_message(b"statement", context.statement.as_bytes());
    transcript.append_message(b"policy", &context.policy_hash);
    transcript.append_message(b"bundle", &context.bundle_digest);
    transcript.append_message(b"generators", &GENERATORS_HASH);
    transcript.append_message(b"derived", &derived.finalize());
    transcript.append_u64(b"n", 32);
    transcript.append_u64(b"m", AGGREGATE as u64);
    transcript.append_u64(b"chunk", chunk);
    transcript.append_u64(b"chunks", chunks);
    transcript
}
