//! The equation of one proof of zero: s·B̃ − K − e·Σ wⁱ·Xᵢ = 0.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;

use super::Equations;
use super::sum::{PlacedTerm, Sum};
use crate::error::VerifyError;
use crate::transcript::{Weights, zero_challenge, zero_response};

pub(super) struct ZeroEquation {
    /// X₀ …
    terms: Vec<PlacedTerm>,
    /// w
    power: Scalar,
    /// K
    nonce: RistrettoPoint,
    /// s
    response: Scalar,
    /// e
    challenge: Scalar,
}

impl ZeroEquation {
    /// Parses K ‖ s and replays the transcript, which has absorbed all but the proof and then has absorbed that too.
    pub(super) fn replay(
        transcript: &mut Transcript,
        power: Scalar,
        terms: Vec<PlacedTerm>,
        body: &[u8],
    ) -> Result<Self, VerifyError> {
        const MALFORMED: VerifyError = VerifyError::Encoding { chunk: 0 };
        let ([nonce_bytes, response_bytes], []) = body.as_chunks::<32>() else {
            return Err(MALFORMED);
        };
        let response =
            Option::<Scalar>::from(Scalar::from_canonical_bytes(*response_bytes)).ok_or(MALFORMED)?;
        let nonce = CompressedRistretto(*nonce_bytes).decompress().ok_or(MALFORMED)?;
        if *nonce_bytes == [0; 32] {
            return Err(VerifyError::Rejected { chunk: 0 });
        }
        let challenge = zero_challenge(transcript, nonce_bytes);
        zero_response(transcript, response_bytes);
        Ok(Self { terms, power, nonce, response, challenge })
    }
}

impl Equations for ZeroEquation {
    fn add_to<'a>(&'a self, sum: &mut Sum<'a>, weights: &mut Weights) {
        let weight = weights.draw();
        sum.blinding += weight * self.response;
        sum.add(-weight, &self.nonce);
        let mut coefficient = -weight * self.challenge;
        for term in &self.terms {
            sum.add_term(term, coefficient);
            coefficient *= self.power;
        }
    }
}
