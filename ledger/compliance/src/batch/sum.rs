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
    /// Coefficients of the vectors G and H, party by party.
    g: Vec<WideSum>,
    h: Vec<WideSum>,
    /// Coefficients of the shared commitments.
    commitments: Vec<Scalar>,
    commitment_points: &'a [RistrettoPoint],
    own: Vec<(Scalar, RistrettoPoint)>,
}

impl<'a> Sum<'a> {
    /// The empty sum over these commitments.
    pub(super) fn over(commitment_points: &'a [RistrettoPoint]) -> Self {
        Self {
            base: Scalar::ZERO,
            blinding: Scalar::ZERO,
            g: Vec::new(),
            h: Vec::new(),
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
    pub(super) fn add(&mut self, coefficient: Scalar, point: RistrettoPoint) {
        self.own.push((coefficient, point));
    }

    /// Adds to G and to H, for each party and bit: the product of the party's and the bit's coefficient, summed over the
    /// `parts`, and the constant.
    pub(super) fn add_vectors(&mut self, g: &Outer<1>, h: &Outer<2>) {
        g.add_to(&mut self.g);
        h.add_to(&mut self.h);
    }

    /// The point that everything adds up to.
    pub(super) fn multiply_out(self) -> RistrettoPoint {
        let pedersen = PedersenGens::default();
        let generators = Generators::get();
        let shared = [(self.base, pedersen.B), (self.blinding, pedersen.B_blinding)]
            .into_iter()
            .chain(reduced(&self.g).zip(generators.g.iter().copied()))
            .chain(reduced(&self.h).zip(generators.h.iter().copied()))
            .chain(self.commitments.into_iter().zip(self.commitment_points.iter().copied()));
        // vectors, because the multiplication chooses its windows by the exact length
        let (scalars, points): (Vec<_>, Vec<_>) =
            shared.chain(self.own).filter(|(coefficient, _)| *coefficient != Scalar::ZERO).unzip();
        RistrettoPoint::vartime_multiscalar_mul(scalars, points)
    }
}

fn reduced(sums: &[WideSum]) -> impl Iterator<Item = Scalar> {
    sums.iter().map(|sum| if *sum == WideSum::default() { Scalar::ZERO } else { sum.reduce() })
}

/// Coefficients of a vector of generators: at party j and bit k, Σ over the parts of partyⱼ·bitₖ, plus a constant.
pub(super) struct Outer<const PARTS: usize> {
    constant: Limbs,
    parties: Vec<[Limbs; PARTS]>,
    bits: Vec<[Limbs; PARTS]>,
}

impl<const PARTS: usize> Outer<PARTS> {
    /// The coefficients made of these parts, each for the parties and for the bits.
    pub(super) fn new(constant: Scalar, parties: &[Vec<Scalar>; PARTS], bits: &[Vec<Scalar>; PARTS]) -> Self {
        Self { constant: constant.into(), parties: transposed(parties), bits: transposed(bits) }
    }

    fn add_to(&self, sums: &mut Vec<WideSum>) {
        let length = self.parties.len() * PARTY_BITS;
        if sums.len() < length {
            sums.resize(length, WideSum::default());
        }
        for (row, party) in sums.chunks_mut(PARTY_BITS).zip(&self.parties) {
            for (sum, bit) in row.iter_mut().zip(&self.bits) {
                for (party, bit) in party.iter().zip(bit) {
                    sum.add_product(party, bit);
                }
                sum.add(&self.constant);
            }
        }
    }
}

fn transposed<const PARTS: usize>(parts: &[Vec<Scalar>; PARTS]) -> Vec<[Limbs; PARTS]> {
    let length = parts.iter().map(Vec::len).min().unwrap_or(0);
    (0..length)
        .map(|at| {
            std::array::from_fn(|part| {
                parts.get(part).and_then(|part| part.get(at)).copied().unwrap_or_default().into()
            })
        })
        .collect()
}
