//! Terms: public linear combinations of commitments, which statements are about.

use bulletproofs::PedersenGens;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity as _, IsIdentity as _};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::commitment::{Commitment, CommitmentError, Opening};

/// Σ coefficient·C + constant·B: a commitment to the same combination of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Coefficients and commitments, in the order in which they are absorbed.
    pub parts: Vec<(i64, Commitment)>,
    /// The public part.
    pub constant: i64,
}

/// What a term opens to. Wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct OpenedTerm {
    /// The combination of the values, an exact integer.
    pub value: i128,
    /// The combination of the blindings.
    pub(crate) blinding: Scalar,
}

impl Term {
    /// The commitment itself.
    pub fn of(commitment: Commitment) -> Self {
        Self { parts: vec![(1, commitment)], constant: 0 }
    }

    /// The commitment that it is; refused where one of its own is unusable, or where it is the identity.
    pub fn point(&self) -> Result<RistrettoPoint, CommitmentError> {
        let mut sum = RISTRETTO_BASEPOINT_TABLE * &signed(self.constant);
        for (coefficient, commitment) in &self.parts {
            sum += times(*coefficient, &commitment.point()?);
        }
        if sum.is_identity() { Err(CommitmentError::Identity) } else { Ok(sum) }
    }

    /// The combination of what the commitments open to; `None` where an opening is missing, or on overflow.
    pub fn open<'a>(&self, opening: impl Fn(&Commitment) -> Option<&'a Opening>) -> Option<OpenedTerm> {
        let mut opened = OpenedTerm { value: self.constant.into(), blinding: Scalar::ZERO };
        for (coefficient, commitment) in &self.parts {
            let Opening { value, blinding } = opening(commitment)?;
            let part = i128::from(*coefficient).checked_mul(i128::from(*value))?;
            opened.value = opened.value.checked_add(part)?;
            opened.blinding += signed(*coefficient) * blinding.0;
        }
        Some(opened)
    }
}

impl OpenedTerm {
    /// Whether a point is the commitment to this value under this blinding.
    pub(crate) fn opens(&self, point: &RistrettoPoint) -> bool {
        let magnitude = Scalar::from(self.value.unsigned_abs());
        let value = if self.value < 0 { -magnitude } else { magnitude };
        PedersenGens::default().commit(value, self.blinding) == *point
    }
}

/// A small multiple of a point. Neither is a secret.
pub(crate) fn times(coefficient: i64, point: &RistrettoPoint) -> RistrettoPoint {
    let magnitude = coefficient.unsigned_abs();
    let mut multiple = RistrettoPoint::identity();
    for bit in (0..u64::BITS - magnitude.leading_zeros()).rev() {
        multiple += multiple;
        if magnitude >> bit & 1 == 1 {
            multiple += point;
        }
    }
    if coefficient < 0 { -multiple } else { multiple }
}

/// A coefficient as a scalar.
pub(crate) fn signed(coefficient: i64) -> Scalar {
    let magnitude = Scalar::from(coefficient.unsigned_abs());
    if coefficient < 0 { -magnitude } else { magnitude }
}
