//! The two equations of one aggregated range proof (Bulletproofs, sections 4.1 and 4.2).
//!
//! With N = n·m, all sums over positions i = j·n + k of bit k of value j:
//!
//! - of the polynomial: x·T₁ + x²·T₂ + Σ zʲ⁺²·Vⱼ + (δ(y, z) − t)·B − t̃·B̃ = 0
//! - of the inner product: A + x·S + Σ uᵣ²·Lᵣ + Σ uᵣ⁻²·Rᵣ + w·(t − a·b)·B − ẽ·B̃ + Σ gᵢ·Gᵢ + Σ hᵢ·Hᵢ = 0,
//!   gᵢ = −z − a·sᵢ, hᵢ = z + y⁻ⁱ·(zʲ⁺²·2ᵏ − b·sᵢ⁻¹)
//!
//! sᵢ is a product over the binary digits of i, of u or u⁻¹ of the digit's round; so are y⁻ⁱ and zʲ·2ᵏ. Each of the three
//! parts of g and h is therefore the product of a factor of the digits of j and one of the digits of k.

use std::iter::successors;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;

use super::Equations;
use super::sum::{PlacedTerm, Sum};
use crate::error::VerifyError;
use crate::transcript::{Challenges, Elements, Weights, range_challenges};

/// What the equations of one proof are made of.
pub(super) struct RangeEquations {
    /// n
    bits: usize,
    /// V₀ …, without the padding: the identity adds nothing.
    terms: Vec<PlacedTerm>,
    /// A, S, T₁, T₂.
    head: [RistrettoPoint; 4],
    /// L and R of each round.
    rounds: Vec<[RistrettoPoint; 2]>,
    challenges: Challenges,
    t: Scalar,
    t_blinding: Scalar,
    e_blinding: Scalar,
    a: Scalar,
    b: Scalar,
}

impl RangeEquations {
    /// Parses a proof and replays its transcript, which then has absorbed all of it. `encodings` are those of the terms
    /// and of the padding, a power of two altogether.
    pub(super) fn replay(
        transcript: &mut Transcript,
        bits: usize,
        terms: Vec<PlacedTerm>,
        encodings: &[[u8; 32]],
        proof: &[u8],
        chunk: usize,
    ) -> Result<Self, VerifyError> {
        let malformed = VerifyError::Encoding { chunk };
        // none for a length that is no power of two
        let positions = bits * encodings.len();
        let rounds = positions.is_power_of_two().then(|| positions.trailing_zeros() as usize);
        let elements = Elements::split(proof)
            .filter(|elements| Some(elements.rounds.len()) == rounds)
            .ok_or(malformed.clone())?;
        let scalar = |bytes: &[u8; 32]| {
            Option::<Scalar>::from(Scalar::from_canonical_bytes(*bytes)).ok_or(malformed.clone())
        };
        let point = |bytes: &[u8; 32]| match CompressedRistretto(*bytes).decompress() {
            // with the identity for a point, the challenges that it should fix are free
            _ if *bytes == [0; 32] => Err(VerifyError::Rejected { chunk }),
            Some(point) => Ok(point),
            None => Err(malformed.clone()),
        };
        let [head_a, head_s, t_1, t_2] = elements.head;
        let rounds = elements.rounds.iter().map(|[left, right]| Ok([point(left)?, point(right)?]));
        Ok(Self {
            bits,
            terms,
            head: [point(head_a)?, point(head_s)?, point(t_1)?, point(t_2)?],
            rounds: rounds.collect::<Result<_, _>>()?,
            t: scalar(elements.t)?,
            t_blinding: scalar(elements.t_blinding)?,
            e_blinding: scalar(elements.e_blinding)?,
            a: scalar(elements.a)?,
            b: scalar(elements.b)?,
            challenges: range_challenges(transcript, bits as u64, encodings, &elements),
        })
    }

    /// Points that only this proof has.
    pub(super) fn own_points(&self) -> usize {
        self.head.len() + 2 * self.rounds.len()
    }

    fn add_polynomial<'a>(&'a self, sum: &mut Sum<'a>, weight: Scalar) {
        let Challenges { z, x, .. } = self.challenges;
        let [.., t_1, t_2] = &self.head;
        let first = weight * x;
        sum.add(first, t_1);
        sum.add(first * x, t_2);
        sum.base += weight * (self.delta() - self.t);
        sum.blinding -= weight * self.t_blinding;
        let mut coefficient = weight * z * z;
        for term in &self.terms {
            sum.add_term(term, coefficient);
            coefficient *= z;
        }
    }

    /// (z − z²)·Σ yⁱ − z³·(2ⁿ − 1)·Σ zʲ
    fn delta(&self) -> Scalar {
        let Challenges { y, z, .. } = self.challenges;
        let (all, of_bits) = (self.rounds.len(), self.bits.ilog2() as usize);
        let ones = Scalar::from(u64::MAX >> (64_usize.saturating_sub(self.bits)));
        (z - z * z) * sum_of_powers(y, all) - z * z * z * ones * sum_of_powers(z, all.saturating_sub(of_bits))
    }

    fn add_inner_product<'a>(&'a self, sum: &mut Sum<'a>, weight: Scalar) {
        let Challenges { y, z, x, w, ref rounds } = self.challenges;
        let [a, s, ..] = &self.head;
        sum.add(weight, a);
        sum.add(weight * x, s);
        sum.base += weight * w * (self.t - self.a * self.b);
        sum.blinding -= weight * self.e_blinding;

        // challenges are hashes: none is zero but with the probability of guessing a key
        let mut inverses: Vec<Scalar> = rounds.iter().copied().chain([y]).collect();
        Scalar::batch_invert(&mut inverses);
        let y_inverse = inverses.pop().unwrap_or_default();
        let product: Scalar = rounds.iter().product();
        let inverse_product: Scalar = inverses.iter().product();
        let mut squares: Vec<Scalar> = rounds.iter().map(|u| u * u).collect();
        let mut inverse_squares: Vec<Scalar> = inverses.iter().map(|u| u * u).collect();
        for (([left, right], square), inverse_square) in
            self.rounds.iter().zip(&squares).zip(&inverse_squares)
        {
            sum.add(weight * square, left);
            sum.add(weight * inverse_square, right);
        }

        // the first round halves the whole vector, so its challenge belongs to the highest digit of i
        squares.reverse();
        inverse_squares.reverse();
        let bit_digits = self.bits.ilog2() as usize;
        let y_digits: Vec<Scalar> = doublings(y_inverse).take(rounds.len()).collect();
        let value_digits: Vec<Scalar> =
            doublings(Scalar::from(2_u8)).take(bit_digits).chain(doublings(z)).take(rounds.len()).collect();
        let times_y =
            |digits: Vec<Scalar>| digits.iter().zip(&y_digits).map(|(digit, y)| digit * y).collect();
        let split = |first: Scalar, digits: Vec<Scalar>| {
            let (of_bits, of_parties) = digits.split_at(bit_digits.min(digits.len()));
            (products(first, of_parties), products(Scalar::ONE, of_bits))
        };
        let constant = weight * z;
        let (parties, bits) = split(-weight * self.a * inverse_product, squares);
        sum.g.add(parties, bits, -constant);
        let (parties, bits) = split(-weight * self.b * product, times_y(inverse_squares));
        sum.h.add(parties, bits, constant);
        let (parties, bits) = split(constant * z, times_y(value_digits));
        sum.h.add(parties, bits, Scalar::ZERO);
    }
}

impl Equations for RangeEquations {
    fn add_to<'a>(&'a self, sum: &mut Sum<'a>, weights: &mut Weights) {
        self.add_polynomial(sum, weights.draw());
        self.add_inner_product(sum, weights.draw());
    }
}

/// p, p², p⁴ …
fn doublings(power: Scalar) -> impl Iterator<Item = Scalar> {
    successors(Some(power), |power| Some(power * power))
}

/// Σ pⁱ for i < 2^`digits`.
fn sum_of_powers(power: Scalar, digits: usize) -> Scalar {
    doublings(power).take(digits).map(|power| Scalar::ONE + power).product()
}

/// `first` times, at each position i, the factors of the digits that are set in i, lowest digit first.
fn products(first: Scalar, digits: &[Scalar]) -> Vec<Scalar> {
    let mut products = vec![first];
    for factor in digits {
        let upper: Vec<Scalar> = products.iter().map(|lower| lower * factor).collect();
        products.extend(upper);
    }
    products
}

#[cfg(test)]
mod tests {
    use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
    use curve25519_dalek::traits::IsIdentity;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn errors_that_cancel_between_the_equations_of_a_proof_are_rejected() {
        let mut rng = ChaCha20Rng::seed_from_u64(61);
        let transcript = || Transcript::new(b"test");
        let (library, pedersen) = (BulletproofGens::new(8, 1), PedersenGens::default());
        let (proof, value) = RangeProof::prove_single_with_rng(
            &library,
            &pedersen,
            &mut transcript(),
            200,
            &Scalar::random(&mut rng),
            8,
            &mut rng,
        )
        .unwrap();
        let terms = vec![PlacedTerm { parts: vec![(0, 1)], constant: 0 }];
        let encodings = [value.to_bytes()];
        let mut equations =
            RangeEquations::replay(&mut transcript(), 8, terms, &encodings, &proof.to_bytes(), 0).unwrap();
        let commitments = [value.decompress().unwrap()];
        let hold = |equations: &RangeEquations, polynomial: Scalar, inner: Scalar| {
            let mut sum = Sum::over(&commitments);
            equations.add_polynomial(&mut sum, polynomial);
            equations.add_inner_product(&mut sum, inner);
            sum.multiply_out().is_identity()
        };
        let (one, other) = (Scalar::random(&mut rng), Scalar::random(&mut rng));
        for (polynomial, inner) in [(one, other), (one, one), (one, Scalar::ZERO), (Scalar::ZERO, one)] {
            assert!(hold(&equations, polynomial, inner));
        }
        // one is off by −B̃, the other by B̃
        equations.t_blinding += Scalar::ONE;
        equations.e_blinding -= Scalar::ONE;
        assert!(hold(&equations, one, one));
        assert!(!hold(&equations, one, other));
        let mut weights = Weights::over(std::iter::once(&[7; 64]));
        let mut sum = Sum::over(&commitments);
        equations.add_to(&mut sum, &mut weights);
        assert!(!sum.multiply_out().is_identity());
    }
}
