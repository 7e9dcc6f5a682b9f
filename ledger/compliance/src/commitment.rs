//! Commitments C = value·B + blinding·B̃ over Ristretto, and their openings (`docs/spec/commitment.md`).

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use rand_core::{CryptoRng, RngCore};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::table::Tables;

/// What is wrong with a commitment or an opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitmentError {
    /// The 32 bytes are not the canonical encoding of a Ristretto point.
    #[error("expected the canonical encoding of a ristretto point, got other bytes")]
    Encoding,
    /// The point is the identity, which hides nothing.
    #[error("expected a point other than the identity, got the identity")]
    Identity,
    /// The 32 bytes are not a scalar below the group order.
    #[error("expected a blinding below the group order, got a larger number")]
    NonCanonicalBlinding,
    /// The blinding is zero, which hides nothing.
    #[error("expected a blinding other than zero, got zero")]
    ZeroBlinding,
    /// The commitment is not to this value under this blinding.
    #[error("expected an opening of this commitment, got the opening of another")]
    Mismatch,
}

/// The secret that hides a committed value: a scalar, random and fresh for each commitment. Wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Blinding(pub(crate) Scalar);

impl Blinding {
    /// A uniformly random blinding.
    pub fn random<R: RngCore + CryptoRng>(rng: &mut R) -> Self {
        Self(Scalar::random(rng))
    }

    /// The canonical encoding: 32 bytes, little-endian, below the group order.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Reads the canonical encoding; refuses zero and any number not below the group order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, CommitmentError> {
        let scalar = Option::<Scalar>::from(Scalar::from_canonical_bytes(bytes))
            .ok_or(CommitmentError::NonCanonicalBlinding)?;
        if scalar == Scalar::ZERO {
            return Err(CommitmentError::ZeroBlinding);
        }
        Ok(Self(scalar))
    }

    /// The blinding of the difference of two commitments.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(self.0 - other.0)
    }

    /// The blinding of the sum of two commitments.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::fmt::Debug for Blinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Blinding(..)")
    }
}

/// What a commitment was made of. Its `Debug` shows neither part.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Opening {
    /// The committed value, in the unit of the field it stands in.
    pub value: u64,
    /// The secret that hides it.
    pub blinding: Blinding,
}

impl Opening {
    /// An opening of `value` under a fresh blinding.
    pub fn random<R: RngCore + CryptoRng>(value: u64, rng: &mut R) -> Self {
        Self { value, blinding: Blinding::random(rng) }
    }

    /// The opening of the sum of two commitments; `None` where the sum of the values is 2^64 or more.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Option<Self> {
        let value = self.value.checked_add(other.value)?;
        Some(Self { value, blinding: self.blinding.plus(&other.blinding) })
    }
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opening(..)")
    }
}

/// A compressed Ristretto point. The bytes are not trusted until [`Commitment::point`] or [`verify_opening`] took them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment(pub [u8; 32]);

impl Commitment {
    /// The point, if the bytes are its canonical encoding and it is not the identity.
    pub fn point(&self) -> Result<RistrettoPoint, CommitmentError> {
        let point = CompressedRistretto(self.0).decompress().ok_or(CommitmentError::Encoding)?;
        if point.is_identity() { Err(CommitmentError::Identity) } else { Ok(point) }
    }

    /// A commitment to the sum of the two values; refused when it is the identity.
    pub fn plus(&self, other: &Self) -> Result<Self, CommitmentError> {
        Self::from_point(&(self.point()? + other.point()?))
    }

    /// A commitment to the difference of the two values; refused when it is the identity.
    pub fn minus(&self, other: &Self) -> Result<Self, CommitmentError> {
        Self::from_point(&(self.point()? - other.point()?))
    }

    /// The commitment shifted by a public value, C − value·B: same blinding, value less by `value`.
    pub fn minus_value(&self, value: u64) -> Result<Self, CommitmentError> {
        Self::from_point(&(self.point()? - RISTRETTO_BASEPOINT_POINT * Scalar::from(value)))
    }

    fn from_point(point: &RistrettoPoint) -> Result<Self, CommitmentError> {
        if point.is_identity() {
            return Err(CommitmentError::Identity);
        }
        Ok(Self(point.compress().to_bytes()))
    }
}

/// Commits to one opening. Two or more at once are cheaper with [`commit_batch`].
pub fn commit(opening: &Opening) -> Commitment {
    let half = Tables::get().half_commitment(opening.value, &opening.blinding.0);
    Commitment((half + half).compress().to_bytes())
}

/// Commits to every opening, in order. The encodings share one field inversion, so larger batches cost less each.
pub fn commit_batch(openings: &[Opening]) -> Vec<Commitment> {
    let tables = Tables::get();
    let halves: Vec<RistrettoPoint> =
        openings.iter().map(|opening| tables.half_commitment(opening.value, &opening.blinding.0)).collect();
    RistrettoPoint::double_and_compress_batch(&halves)
        .into_iter()
        .map(|point| Commitment(point.to_bytes()))
        .collect()
}

/// Checks that `opening` opens `commitment`, whose encoding must be canonical.
pub fn verify_opening(commitment: &Commitment, opening: &Opening) -> Result<(), CommitmentError> {
    if commit(opening) == *commitment {
        // equal to an encoding made here, so canonical; only zero value under zero blinding could be the identity
        return if *commitment == Commitment([0; 32]) { Err(CommitmentError::Identity) } else { Ok(()) };
    }
    // not the one: say whether it is a commitment at all
    commitment.point()?;
    Err(CommitmentError::Mismatch)
}

#[cfg(test)]
mod tests;
