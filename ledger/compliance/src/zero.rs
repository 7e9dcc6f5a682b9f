//! `Z[X]`: the target X opens to zero, X = r·B̃, by a Schnorr proof of knowledge of r.
//!
//! A proof is: version u8 · kind u8 · K 32 · s 32, with K = k·B̃ for a fresh nonce k and s = k + e·r; the challenge e is
//! drawn after context, list, X and K. It holds when s·B̃ = K + e·X.

use bulletproofs::PedersenGens;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::batch::Batch;
use crate::commitment::{Blinding, Commitment};
use crate::error::{ProveError, VerifyError};
use crate::layout::{VERSION, parse_header};
use crate::transcript::{
    Listed, Shape, StatementContext, ZERO_WITNESS, derived_hash, statement_transcript, zero_challenge,
    zero_target,
};

/// Kind byte of proofs of zero.
pub const KIND: u8 = 2;
/// Bytes of a proof.
pub const LENGTH: usize = 66;

/// Not a range, one point, one chunk.
const SHAPE: Shape<'static> = Shape { shifts: &[], bits: 0, aggregated: 1, chunk: 0, chunks: 1 };

/// Proves that `target`, a combination of the commitments in `derived`, opens to zero under `blinding`.
pub fn prove<R: RngCore + CryptoRng>(
    context: &StatementContext<'_>,
    derived: &[Listed],
    target: &Commitment,
    blinding: &Blinding,
    rng: &mut R,
) -> Result<Vec<u8>, ProveError> {
    if derived.is_empty() {
        return Err(ProveError::Empty);
    }
    let point = target.point().map_err(|source| ProveError::Commitment { index: 0, source })?;
    let base = PedersenGens::default().B_blinding;
    if base * blinding.0 != point {
        return Err(ProveError::NotZero);
    }
    let mut transcript = transcript(context, derived, target);
    // the nonce depends on the witness and the statement as well as on `rng`: a poor `rng` does not repeat it
    let mut nonce_rng =
        transcript.build_rng().rekey_with_witness_bytes(ZERO_WITNESS, blinding.0.as_bytes()).finalize(rng);
    let nonce = Zeroizing::new(Scalar::random(&mut nonce_rng));
    let nonce_point = (base * *nonce).compress().to_bytes();
    let challenge = zero_challenge(&mut transcript, &nonce_point);
    let response = *nonce + challenge * blinding.0;

    let mut proof = vec![VERSION, KIND];
    proof.extend_from_slice(&nonce_point);
    proof.extend_from_slice(response.as_bytes());
    Ok(proof)
}

/// Verifies that `target` opens to zero. The caller has computed `target` from the commitments in `derived`. Of many
/// proofs each costs less in a [`Batch`].
pub fn verify(
    context: &StatementContext<'_>,
    derived: &[Listed],
    target: &Commitment,
    proof: &[u8],
) -> Result<(), VerifyError> {
    let mut batch = Batch::new();
    batch
        .zero(context, derived, target, proof)
        .and_then(|()| batch.verify())
        .map_err(|refused| refused.source)
}

/// Checks that the statement is about something and the proof of its layout; returns K ‖ s.
pub(crate) fn parse<'p>(derived: &[Listed], proof: &'p [u8]) -> Result<&'p [u8], VerifyError> {
    if derived.is_empty() {
        return Err(VerifyError::Empty);
    }
    parse_header(proof, KIND, LENGTH)
}

/// The transcript up to the target.
pub(crate) fn transcript(
    context: &StatementContext<'_>,
    derived: &[Listed],
    target: &Commitment,
) -> Transcript {
    let mut transcript = statement_transcript(context, &derived_hash(derived), SHAPE);
    zero_target(&mut transcript, target);
    transcript
}

#[cfg(test)]
mod tests;
