//! `Z[X]`: terms open to zero, Xᵢ = rᵢ·B̃, all of them by one Schnorr proof of knowledge of Σ wⁱ·rᵢ.
//!
//! w is drawn after context and terms, so that wrong terms cancel with a probability of at most their number in ℓ. A proof
//! is: version u8 · kind u8 · K 32 · s 32, with K = k·B̃ for a fresh nonce k and s = k + e·Σ wⁱ·rᵢ; the challenge e is drawn
//! after K. It holds when s·B̃ = K + e·Σ wⁱ·Xᵢ.

use bulletproofs::PedersenGens;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::batch::Batch;
use crate::commitment::CommitmentError;
use crate::error::{ProveError, VerifyError};
use crate::layout::{VERSION, parse_header};
use crate::term::{OpenedTerm, Term};
use crate::transcript::{
    Shape, StatementContext, ZERO_WITNESS, derived_hash, statement_transcript, zero_challenge, zero_weight,
};

/// Kind byte of proofs of zero.
pub const KIND: u8 = 2;
/// Bytes of a proof.
pub const LENGTH: usize = 66;

/// Each term is zero.
#[derive(Debug, Clone, Copy)]
pub struct ZeroStatement<'a> {
    /// What the proof is bound to.
    pub context: StatementContext<'a>,
    /// Derived from the log.
    pub terms: &'a [Term],
}

impl ZeroStatement<'_> {
    /// Checks that the statement is about something and the proof of its layout; returns K ‖ s.
    pub(crate) fn parse<'p>(&self, proof: &'p [u8]) -> Result<&'p [u8], VerifyError> {
        if self.terms.is_empty() {
            return Err(VerifyError::Empty);
        }
        parse_header(proof, KIND, LENGTH)
    }

    /// The transcript up to the proof, and w.
    pub(crate) fn transcript(&self) -> (Transcript, Scalar) {
        let shape = Shape { bits: 0, aggregated: self.terms.len() as u64, chunk: 0, chunks: 1 };
        let mut transcript = statement_transcript(&self.context, &derived_hash(self.terms), shape);
        let weight = zero_weight(&mut transcript);
        (transcript, weight)
    }
}

/// Proves the statement with one opening per term, and verifies the result before handing it out.
pub fn prove<R: RngCore + CryptoRng>(
    statement: &ZeroStatement<'_>,
    openings: &[OpenedTerm],
    rng: &mut R,
) -> Result<Vec<u8>, ProveError> {
    if statement.terms.is_empty() {
        return Err(ProveError::Empty);
    }
    if statement.terms.len() != openings.len() {
        return Err(ProveError::Count { expected: statement.terms.len(), got: openings.len() });
    }
    if let Some(index) = openings.iter().position(|opened| opened.value != 0) {
        return Err(ProveError::NotZero { index });
    }
    let (mut transcript, weight) = statement.transcript();
    // Horner, the last term first
    let blinding = openings.iter().rev().fold(Scalar::ZERO, |sum, opened| sum * weight + opened.blinding);
    let blinding = Zeroizing::new(blinding);
    // the nonce depends on the witness and the statement as well as on `rng`: a poor `rng` does not repeat it
    let mut nonce_rng =
        transcript.build_rng().rekey_with_witness_bytes(ZERO_WITNESS, blinding.as_bytes()).finalize(rng);
    let nonce = Zeroizing::new(Scalar::random(&mut nonce_rng));
    let nonce_point = (PedersenGens::default().B_blinding * *nonce).compress().to_bytes();
    let challenge = zero_challenge(&mut transcript, &nonce_point);
    let response = *nonce + challenge * *blinding;

    let mut proof = vec![VERSION, KIND];
    proof.extend_from_slice(&nonce_point);
    proof.extend_from_slice(response.as_bytes());
    verify(statement, &proof).map_err(|refused| mismatch(statement, openings, refused))?;
    Ok(proof)
}

/// Names the term that its opening does not open.
fn mismatch(statement: &ZeroStatement<'_>, openings: &[OpenedTerm], refused: VerifyError) -> ProveError {
    let opens = |(term, opened): (&Term, &OpenedTerm)| match term.point() {
        // under the same blinding on both sides, X is the identity: true, and nothing to be hidden
        Err(CommitmentError::Identity) => true,
        point => point.is_ok_and(|point| opened.opens(&point)),
    };
    match statement.terms.iter().zip(openings).position(|pair| !opens(pair)) {
        Some(index) => ProveError::Commitment { index, source: CommitmentError::Mismatch },
        None => ProveError::SelfCheck(refused),
    }
}

/// Verifies the statement. Of many proofs each costs less in a [`Batch`].
pub fn verify(statement: &ZeroStatement<'_>, proof: &[u8]) -> Result<(), VerifyError> {
    let mut batch = Batch::new();
    batch.zero(statement, proof).and_then(|()| batch.verify()).map_err(|refused| refused.source)
}

#[cfg(test)]
mod tests;
