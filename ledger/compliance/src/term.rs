//! Terms: public linear combinations of commitments, which statements are about.

use curve25519_dalek::scalar::Scalar;

use crate::commitment::{Blinding, Commitment, Opening};

/// Σ coefficient·C + constant·B: a commitment to the same combination of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Coefficients and commitments, in the order in which they are absorbed.
    pub parts: Vec<(i64, Commitment)>,
    /// The public part.
    pub constant: i64,
}

/// What a term opens to.
#[derive(Clone)]
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
    /// The value, if it is in [0, 2⁶⁴), with its blinding; `None` also where the blinding is zero.
    pub(crate) fn opening(&self) -> Option<Opening> {
        let value = u64::try_from(self.value).ok()?;
        (self.blinding != Scalar::ZERO).then(|| Opening { value, blinding: Blinding(self.blinding) })
    }
}

/// A coefficient as a scalar.
pub(crate) fn signed(coefficient: i64) -> Scalar {
    let magnitude = Scalar::from(coefficient.unsigned_abs());
    if coefficient < 0 { -magnitude } else { magnitude }
}
