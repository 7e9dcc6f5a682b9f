//! Making one aggregated range proof (Bulletproofs, sections 4.1, 4.2 and 3): what the crate `bulletproofs` makes of the same
//! randomness, byte by byte, in two thirds of its time.
//!
//! The crate halves the generators in every round of the inner product, which is most of its work. Here what a round would do
//! to a generator is kept as a factor, and the generators are folded once for some rounds, by one multiplication with many
//! parts each.
//!
//! As in the crate, whatever depends on bits and their blindings alone takes the same time for all of them; the inner product
//! does not.

use bulletproofs::PedersenGens;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{MultiscalarMul, VartimeMultiscalarMul};
use merlin::Transcript;
use rand_core::{CryptoRng, RngCore};
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use super::Bits;
use crate::generators::{Generators, PARTY_BITS};
use crate::transcript::{
    bit_challenges, inner_product_challenge, polynomial_challenge, range_begins, round_challenge,
};

/// Rounds after which generators are folded: eight become one.
const ROUNDS_AT_ONCE: u32 = 3;

/// Secret scalars, wiped when dropped.
type Secret = Zeroizing<Vec<Scalar>>;

/// Proves that values lie in the range, as many as a power of two; or makes what looks like a proof of values that do not.
#[allow(clippy::many_single_char_names, reason = "the names of the paper")]
pub(super) fn prove<R: RngCore + CryptoRng>(
    transcript: &mut Transcript,
    bits: Bits,
    values: &[u64],
    blindings: &[Scalar],
    rng: &mut R,
) -> Vec<u8> {
    let n = usize::from(bits.count());
    let pedersen = PedersenGens::default();
    let commit = |value: Scalar, blinding: Scalar| pedersen.commit(value, blinding).compress().to_bytes();
    let encodings: Vec<_> =
        values.iter().zip(blindings).map(|(value, blinding)| commit((*value).into(), *blinding)).collect();
    range_begins(transcript, n as u64, &encodings);

    let mut bases = Bases::of(n, values.len());
    let secrets = Bit::draw(n, values.len(), rng);
    let [head_a, head_s] = secrets.commit(&bases, values, n, &pedersen);
    let (y, z) = bit_challenges(transcript, [&head_a, &head_s]);

    // l(X) = l₀ + l₁·X and r(X) = r₀ + r₁·X, of which t(X) is the inner product
    let empty = || Zeroizing::new(Vec::with_capacity(n * values.len()));
    let mut l = [empty(), secrets.left];
    let mut r = [empty(), empty()];
    let (mut y_power, mut zz_power) = (Scalar::ONE, z * z);
    let mut of_values = Scalar::ZERO;
    for ((value, blinding), right) in values.iter().zip(blindings).zip(secrets.right.chunks(n)) {
        let mut two_power = Scalar::ONE;
        for (k, right) in right.iter().enumerate() {
            let bit = Scalar::from((value >> k) & 1);
            let [l_0, _] = &mut l;
            l_0.push(bit - z);
            let [r_0, r_1] = &mut r;
            r_0.push(y_power * (bit - Scalar::ONE + z) + zz_power * two_power);
            r_1.push(y_power * right);
            y_power *= y;
            two_power += two_power;
        }
        of_values += zz_power * blinding;
        zz_power *= z;
    }
    let [l_0, l_1] = &l;
    let [r_0, r_1] = &r;
    let t_0 = inner_product(l_0, r_0);
    let t_1 = inner_product(l_0, r_1) + inner_product(l_1, r_0);
    let t_2 = inner_product(l_1, r_1);
    let mut blinding_1 = Scalar::ZERO;
    let mut blinding_2 = Scalar::ZERO;
    for _ in values {
        blinding_1 += Scalar::random(rng);
        blinding_2 += Scalar::random(rng);
    }
    let [head_1, head_2] = [commit(t_1, blinding_1), commit(t_2, blinding_2)];
    let x = polynomial_challenge(transcript, [&head_1, &head_2]);

    let at = |[constant, linear]: &[Secret; 2]| -> Secret {
        Zeroizing::new(constant.iter().zip(linear.iter()).map(|(c, d)| c + d * x).collect())
    };
    let (a, b) = (at(&l), at(&r));
    let t = (t_0 + x * (t_1 + x * t_2)).to_bytes();
    let t_blinding = (of_values + x * (blinding_1 + x * blinding_2)).to_bytes();
    let e_blinding = (secrets.of_bits + x * secrets.of_blindings).to_bytes();
    let scalars = [&t, &t_blinding, &e_blinding];
    let w = inner_product_challenge(transcript, scalars, a.len() as u64);

    let mut proof = [head_a, head_s, head_1, head_2, t, t_blinding, e_blinding].concat();
    bases.divide_right(y.invert());
    bases.prove_inner_product(transcript, &(pedersen.B * w), a, b, &mut proof);
    proof
}

/// What hides the bits of all values.
struct Bit {
    /// s_L
    left: Secret,
    /// s_R
    right: Secret,
    /// Blinding of A.
    of_bits: Scalar,
    /// Blinding of S.
    of_blindings: Scalar,
}

impl Bit {
    /// Draws in the order of the crate: value by value.
    fn draw<R: RngCore + CryptoRng>(n: usize, values: usize, rng: &mut R) -> Self {
        // with room for all: a vector that grows would leave what it held behind
        let empty = || Zeroizing::new(Vec::with_capacity(n * values));
        let mut drawn =
            Self { left: empty(), right: empty(), of_bits: Scalar::ZERO, of_blindings: Scalar::ZERO };
        for _ in 0..values {
            drawn.of_bits += Scalar::random(rng);
            drawn.of_blindings += Scalar::random(rng);
            drawn.left.extend((0..n).map(|_| Scalar::random(rng)));
            drawn.right.extend((0..n).map(|_| Scalar::random(rng)));
        }
        drawn
    }

    /// A and S.
    fn commit(&self, bases: &Bases, values: &[u64], n: usize, pedersen: &PedersenGens) -> [[u8; 32]; 2] {
        let mut head_a = pedersen.B_blinding * self.of_bits;
        for ((value, g), h) in values.iter().zip(bases.g.chunks(n)).zip(bases.h.chunks(n)) {
            for (k, (g, h)) in g.iter().zip(h).enumerate() {
                let bit = u8::from((value >> k) & 1 == 1);
                head_a += RistrettoPoint::conditional_select(&-h, g, Choice::from(bit));
            }
        }
        let scalars = self.left.iter().chain(self.right.iter()).chain([&self.of_blindings]);
        let points = bases.g.iter().chain(&bases.h).chain([&pedersen.B_blinding]);
        let head_s = RistrettoPoint::multiscalar_mul(scalars, points);
        [head_a.compress().to_bytes(), head_s.compress().to_bytes()]
    }
}

/// The vectors G and H of an inner product: generators, each with a factor that is not multiplied in yet.
struct Bases {
    g: Vec<RistrettoPoint>,
    h: Vec<RistrettoPoint>,
    g_factors: Vec<Scalar>,
    h_factors: Vec<Scalar>,
}

impl Bases {
    fn of(n: usize, values: usize) -> Self {
        let Generators { g, h } = Generators::get();
        let of = |all: &[RistrettoPoint]| -> Vec<RistrettoPoint> {
            all.chunks(PARTY_BITS).take(values).flat_map(|party| party.iter().take(n)).copied().collect()
        };
        let factors = vec![Scalar::ONE; n * values];
        Self { g: of(g), h: of(h), g_factors: factors.clone(), h_factors: factors }
    }

    /// Takes y⁻ⁱ·Hᵢ in place of Hᵢ.
    fn divide_right(&mut self, y_inverse: Scalar) {
        let mut power = Scalar::ONE;
        for factor in &mut self.h_factors {
            *factor *= power;
            power *= y_inverse;
        }
    }

    /// Appends L and R of each round, then what is left of a and b.
    fn prove_inner_product(
        mut self,
        transcript: &mut Transcript,
        q: &RistrettoPoint,
        mut a: Secret,
        mut b: Secret,
        proof: &mut Vec<u8>,
    ) {
        let mut rounds = 0;
        while a.len() > 1 {
            let half = a.len() / 2;
            let (a_left, a_right) = a.split_at(half);
            let (b_left, b_right) = b.split_at(half);
            // of L the lower half of a meets the upper one of G, and the upper half of b the lower one of H; of R conversely
            let left = self.cross(half, &Halves { upper: a_left, lower: b_right, swapped: false }, q);
            let right = self.cross(half, &Halves { upper: b_left, lower: a_right, swapped: true }, q);
            proof.extend([left, right].concat());
            let u = round_challenge(transcript, [&left, &right]);
            let inverse = u.invert();
            let fold = |low: &[Scalar], high: &[Scalar], [of_low, of_high]: [Scalar; 2]| -> Secret {
                Zeroizing::new(
                    low.iter().zip(high).map(|(low, high)| low * of_low + high * of_high).collect(),
                )
            };
            (a, b) = (fold(a_left, a_right, [u, inverse]), fold(b_left, b_right, [inverse, u]));
            scale(&mut self.g_factors, half, [inverse, u]);
            scale(&mut self.h_factors, half, [u, inverse]);
            rounds += 1;
            if rounds % ROUNDS_AT_ONCE == 0 {
                self.g = folded(&self.g, &self.g_factors, half);
                self.h = folded(&self.h, &self.h_factors, half);
                self.g_factors = vec![Scalar::ONE; half];
                self.h_factors = vec![Scalar::ONE; half];
            }
        }
        proof.extend(a.iter().chain(b.iter()).flat_map(Scalar::to_bytes));
    }

    /// L or R.
    fn cross(&self, half: usize, halves: &Halves<'_>, q: &RistrettoPoint) -> [u8; 32] {
        let Halves { upper, lower, swapped } = *halves;
        let (mut scalars, mut points) = (Vec::new(), Vec::new());
        let uppers = if swapped { (&self.h, &self.h_factors) } else { (&self.g, &self.g_factors) };
        let lowers = if swapped { (&self.g, &self.g_factors) } else { (&self.h, &self.h_factors) };
        let mut add = |(bases, factors): (&[RistrettoPoint], &[Scalar]), of: &[Scalar]| {
            scalars.extend(of.iter().zip(factors).map(|(scalar, factor)| scalar * factor));
            points.extend_from_slice(bases);
        };
        let blocks = uppers.0.chunks(2 * half).zip(uppers.1.chunks(2 * half));
        for (bases, factors) in blocks {
            add((bases.split_at(half).1, factors.split_at(half).1), upper);
        }
        let blocks = lowers.0.chunks(2 * half).zip(lowers.1.chunks(2 * half));
        for (bases, factors) in blocks {
            add((bases.split_at(half).0, factors.split_at(half).0), lower);
        }
        scalars.push(inner_product(upper, lower));
        points.push(*q);
        RistrettoPoint::vartime_multiscalar_mul(&scalars, &points).compress().to_bytes()
    }
}

/// What L or R is made of: scalars of the upper half of one vector of generators, and of the lower half of the other.
struct Halves<'s> {
    upper: &'s [Scalar],
    lower: &'s [Scalar],
    /// Whether the upper half is that of H.
    swapped: bool,
}

/// Multiplies the factors of lower halves by the first, those of upper ones by the second.
fn scale(factors: &mut [Scalar], half: usize, [of_lower, of_upper]: [Scalar; 2]) {
    for block in factors.chunks_mut(2 * half) {
        let (lower, upper) = block.split_at_mut(half);
        for factor in lower {
            *factor *= of_lower;
        }
        for factor in upper {
            *factor *= of_upper;
        }
    }
}

/// The generators as the rounds so far have made them, of which `count` are left.
fn folded(bases: &[RistrettoPoint], factors: &[Scalar], count: usize) -> Vec<RistrettoPoint> {
    let one = |i: usize| {
        let scalars = factors.iter().skip(i).step_by(count);
        let points: Vec<_> = bases.iter().skip(i).step_by(count).copied().collect();
        RistrettoPoint::vartime_multiscalar_mul(scalars, points)
    };
    (0..count).map(one).collect()
}

fn inner_product(left: &[Scalar], right: &[Scalar]) -> Scalar {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

#[cfg(test)]
mod tests {
    use bulletproofs::{BulletproofGens, RangeProof};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    /// Also of a value that is out of range: of that, only the lower bits are proved, so it is worthless.
    #[test]
    fn the_library_makes_the_same_proofs_of_the_same_randomness() {
        let library = BulletproofGens::new(PARTY_BITS, 16);
        for (bits, count) in [
            (Bits::ThirtyTwo, 1),
            (Bits::ThirtyTwo, 2),
            (Bits::ThirtyTwo, 16),
            (Bits::SixtyFour, 1),
            (Bits::SixtyFour, 4),
        ] {
            let rng = || ChaCha20Rng::seed_from_u64(u64::from(bits.count()) + count);
            let values: Vec<u64> = (0..count).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 31).collect();
            let blindings: Vec<Scalar> = (0..count).map(|i| Scalar::from(i) * Scalar::from(77_u8)).collect();
            let transcript = || Transcript::new(b"test");
            let own = prove(&mut transcript(), bits, &values, &blindings, &mut rng());
            let (theirs, _) = RangeProof::prove_multiple_with_rng(
                &library,
                &PedersenGens::default(),
                &mut transcript(),
                &values,
                &blindings,
                usize::from(bits.count()),
                &mut rng(),
            )
            .unwrap();
            assert_eq!(own, theirs.to_bytes(), "{count} values of {} bits", bits.count());
        }
    }
}
