//! A linear combination of points that grows equation by equation and is then multiplied out at once.

use bulletproofs::PedersenGens;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;

use crate::generators::{Generators, PARTY_BITS};
use crate::range::CHUNK_MAX;

/// Coefficients of the points that every equation shares, and terms of points of its own.
pub(super) struct Sum<'a> {
    /// Coefficient of B.
    pub(super) base: Scalar,
    /// Coefficient of B̃.
    pub(super) blinding: Scalar,
    /// Coefficients of the vectors G and H, party by party.
    g: Vec<Scalar>,
    h: Vec<Scalar>,
    /// Coefficients of the shared commitments.
    commitments: Vec<Scalar>,
    commitment_points: &'a [RistrettoPoint],
    own: Vec<(Scalar, RistrettoPoint)>,
}

impl<'a> Sum<'a> {
    /// The empty sum over these commitments.
    pub(super) fn over(commitment_points: &'a [RistrettoPoint]) -> Self {
        let vector = vec![Scalar::ZERO; CHUNK_MAX * PARTY_BITS];
        Self {
            base: Scalar::ZERO,
            blinding: Scalar::ZERO,
            g: vector.clone(),
            h: vector,
            commitments: vec![Scalar::ZERO; commitment_points.len()],
            commitment_points,
            own: Vec::new(),
        }
    }

    /// Adds a multiple of the commitment at `place`.
    pub(super) fn add_commitment(&mut self, place: usize, coefficient: Scalar) {
        if let Some(sum) = self.commitments.get_mut(place) {
            *sum += coefficient;
        }
    }

    /// Adds a multiple of a point that occurs nowhere else.
    pub(super) fn add(&mut self, coefficient: Scalar, point: RistrettoPoint) {
        self.own.push((coefficient, point));
    }

    /// Adds `bits` coefficients for each party to G and to H.
    pub(super) fn add_vectors(&mut self, bits: usize, g: &[Scalar], h: &[Scalar]) {
        for (sums, coefficients) in [(&mut self.g, g), (&mut self.h, h)] {
            for (sums, coefficients) in sums.chunks_mut(PARTY_BITS).zip(coefficients.chunks(bits)) {
                for (sum, coefficient) in sums.iter_mut().zip(coefficients) {
                    *sum += coefficient;
                }
            }
        }
    }

    /// The point that everything adds up to.
    pub(super) fn multiply_out(self) -> RistrettoPoint {
        let pedersen = PedersenGens::default();
        let generators = Generators::get();
        let shared = [(self.base, pedersen.B), (self.blinding, pedersen.B_blinding)]
            .into_iter()
            .chain(self.g.into_iter().zip(generators.g.iter().copied()))
            .chain(self.h.into_iter().zip(generators.h.iter().copied()))
            .chain(self.commitments.into_iter().zip(self.commitment_points.iter().copied()));
        // vectors, because the multiplication chooses its windows by the exact length
        let (scalars, points): (Vec<_>, Vec<_>) =
            shared.chain(self.own).filter(|(coefficient, _)| *coefficient != Scalar::ZERO).unzip();
        RistrettoPoint::vartime_multiscalar_mul(scalars, points)
    }
}
