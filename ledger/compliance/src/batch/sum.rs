//! A linear combination of points that grows equation by equation and is then multiplied out at once.

use bulletproofs::PedersenGens;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;

use super::wide::{Limbs, WideSum};
use crate::generators::{Generators, PARTY_BITS};
use crate::term::signed;

/// A term over the shared commitments.
pub(super) struct PlacedTerm {
    /// Places among them, and coefficients.
    pub(super) parts: Vec<(usize, i64)>,
    /// Coefficient of B.
    pub(super) constant: i64,
}

/// Coefficients of the points that every equation shares, and terms of points of its own.
pub(super) struct Sum<'a> {
    /// Coefficient of B.
    pub(super) base: Scalar,
    /// Coefficient of B̃.
    pub(super) blinding: Scalar,
    pub(super) g: Vector,
    pub(super) h: Vector,
    /// Coefficients of the shared commitments.
    commitments: Vec<Scalar>,
    commitment_points: &'a [RistrettoPoint],
    own: Vec<(Scalar, &'a RistrettoPoint)>,
}

impl<'a> Sum<'a> {
    /// The empty sum over these commitments.
    pub(super) fn over(commitment_points: &'a [RistrettoPoint]) -> Self {
        Self {
            base: Scalar::ZERO,
            blinding: Scalar::ZERO,
            g: Vector::default(),
            h: Vector::default(),
            commitments: vec![Scalar::ZERO; commitment_points.len()],
            commitment_points,
            own: Vec::new(),
        }
    }

    /// Adds a multiple of a term.
    pub(super) fn add_term(&mut self, term: &PlacedTerm, coefficient: Scalar) {
        for (place, factor) in &term.parts {
            if let Some(sum) = self.commitments.get_mut(*place) {
                match factor {
                    1 => *sum += coefficient,
                    -1 => *sum -= coefficient,
                    factor => *sum += coefficient * signed(*factor),
                }
            }
        }
        if term.constant != 0 {
            self.base += coefficient * signed(term.constant);
        }
    }

    /// Adds a multiple of a point that occurs nowhere else.
    pub(super) fn add(&mut self, coefficient: Scalar, point: &'a RistrettoPoint) {
        self.own.push((coefficient, point));
    }

    /// The point that everything adds up to.
    pub(super) fn multiply_out(self) -> RistrettoPoint {
        let pedersen = PedersenGens::default();
        let generators = Generators::get();
        let shared = [(self.base, &pedersen.B), (self.blinding, &pedersen.B_blinding)]
            .into_iter()
            .chain(self.g.reduce().zip(&generators.g))
            .chain(self.h.reduce().zip(&generators.h))
            .chain(self.commitments.into_iter().zip(self.commitment_points));
        // vectors, because the multiplication chooses its windows by the exact length
        let (scalars, points): (Vec<Scalar>, Vec<&RistrettoPoint>) =
            shared.chain(self.own).filter(|(coefficient, _)| *coefficient != Scalar::ZERO).unzip();
        RistrettoPoint::vartime_multiscalar_mul(scalars, points)
    }
}

/// Coefficients of a vector of generators, party by party and, within a party, bit by bit.
#[derive(Default)]
pub(super) struct Vector(Vec<WideSum>);

impl Vector {
    /// Adds partyⱼ·bitₖ + constant to the coefficient of party j and bit k.
    pub(super) fn add(&mut self, parties: Vec<Scalar>, bits: Vec<Scalar>, constant: Scalar) {
        let bits: Vec<Limbs> = bits.into_iter().map(Limbs::from).collect();
        let constant = Limbs::from(constant);
        self.0.resize(self.0.len().max(parties.len() * PARTY_BITS), WideSum::default());
        for (row, party) in self.0.chunks_mut(PARTY_BITS).zip(parties) {
            let party = Limbs::from(party);
            for (sum, bit) in row.iter_mut().zip(&bits) {
                sum.add_product(&party, bit);
                sum.add(&constant);
            }
        }
    }

    fn reduce(&self) -> impl Iterator<Item = Scalar> {
        self.0.iter().map(WideSum::reduce)
    }
}
