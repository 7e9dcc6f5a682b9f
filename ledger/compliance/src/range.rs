//! `Rₙ[X]`: values lie in [0, 2ⁿ) after each of the public shifts, by aggregated Bulletproofs.
//!
//! For shifts s₀ … and commitments C₀ … the terms are C₀ − s₀·B, C₁ − s₀·B, …, C₀ − s₁·B, …; they are cut into chunks of
//! 64, and the last chunk is padded with the identity to the next power of two. A commitment that is itself the
//! identity, plain or shifted, is refused, so the identity occurs as padding alone.
//!
//! A proof is: version u8 · kind u8 · the chunks' proofs back to back. How many there are, and how long each is, follows
//! from the statement; nothing in the bytes can say otherwise.

use std::sync::OnceLock;

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::commitment::{CommitmentError, Opening, commit_batch};
use crate::error::{ProveError, VerifyError};
use crate::layout::{VERSION, parse_header};
use crate::transcript::{Listed, Shape, StatementContext, derived_hash, statement_transcript};

/// Kind byte of range proofs.
pub const KIND: u8 = 1;
/// Most values in one aggregated proof.
pub const CHUNK_MAX: usize = 64;

/// The width of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// [0, 2³²): every base value.
    ThirtyTwo,
    /// [0, 2⁶⁴): sums and products with public coefficients.
    SixtyFour,
}

impl Bits {
    const fn count(self) -> u8 {
        match self {
            Self::ThirtyTwo => 32,
            Self::SixtyFour => 64,
        }
    }

    fn holds(self, value: u64) -> bool {
        match self {
            Self::ThirtyTwo => u32::try_from(value).is_ok(),
            Self::SixtyFour => true,
        }
    }
}

/// Each listed value less each shift lies in the range.
#[derive(Debug, Clone, Copy)]
pub struct RangeStatement<'a> {
    /// What the proof is bound to.
    pub context: StatementContext<'a>,
    /// The commitments, derived from the log.
    pub derived: &'a [Listed],
    /// Public values to subtract; `&[0]` for the plain values.
    pub shifts: &'a [u64],
    /// The width of the range.
    pub bits: Bits,
}

impl RangeStatement<'_> {
    /// The shifted commitments, shift by shift, refusing unusable ones by index.
    fn terms(&self) -> Result<Vec<CompressedRistretto>, (usize, CommitmentError)> {
        let points = self
            .derived
            .iter()
            .enumerate()
            .map(|(index, listed)| listed.commitment.point().map_err(|error| (index, error)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut terms = Vec::with_capacity(points.len().saturating_mul(self.shifts.len()));
        for shift in self.shifts {
            let shift = PedersenGens::default().B * Scalar::from(*shift);
            for (index, point) in points.iter().enumerate() {
                let term = (point - shift).compress();
                if term == CompressedRistretto::identity() {
                    return Err((index, CommitmentError::Identity));
                }
                terms.push(term);
            }
        }
        Ok(terms)
    }

    fn shape(&self, aggregated: usize, chunk: usize, chunks: usize) -> Shape<'_> {
        Shape {
            shifts: self.shifts,
            bits: u64::from(self.bits.count()),
            aggregated: aggregated as u64,
            chunk: chunk as u64,
            chunks: chunks as u64,
        }
    }

    /// Bytes of a chunk's proof: nine elements and two per halving of n·m.
    fn chunk_length(&self, aggregated: usize) -> usize {
        let halvings = (aggregated * usize::from(self.bits.count())).ilog2() as usize;
        32 * (9 + 2 * halvings)
    }
}

/// Proves the statement with one opening per listed commitment, and verifies the result before handing it out: the
/// library would make a worthless proof of a value outside the range without complaint.
pub fn prove<R: RngCore + CryptoRng>(
    statement: &RangeStatement<'_>,
    openings: &[Opening],
    rng: &mut R,
) -> Result<Vec<u8>, ProveError> {
    if statement.derived.is_empty() || statement.shifts.is_empty() {
        return Err(ProveError::Empty);
    }
    if statement.derived.len() != openings.len() {
        return Err(ProveError::Count { expected: statement.derived.len(), got: openings.len() });
    }
    let commitments = commit_batch(openings);
    for (index, (listed, made)) in statement.derived.iter().zip(&commitments).enumerate() {
        if listed.commitment != *made {
            return Err(ProveError::Commitment { index, source: CommitmentError::Mismatch });
        }
    }
    let (values, blindings) = shifted_openings(statement, openings)?;

    let derived = derived_hash(statement.derived);
    let chunks = values.len().div_ceil(CHUNK_MAX);
    let mut proof = vec![VERSION, KIND];
    for (chunk, (values, blindings)) in values.chunks(CHUNK_MAX).zip(blindings.chunks(CHUNK_MAX)).enumerate()
    {
        let aggregated = values.len().next_power_of_two();
        let mut values = Zeroizing::new(values.to_vec());
        let mut blindings = Zeroizing::new(blindings.to_vec());
        values.resize(aggregated, 0);
        blindings.resize(aggregated, Scalar::ZERO);
        let shape = statement.shape(aggregated, chunk, chunks);
        let mut transcript = statement_transcript(&statement.context, &derived, shape);
        let (chunk_proof, _) = RangeProof::prove_multiple_with_rng(
            generators(),
            &PedersenGens::default(),
            &mut transcript,
            &values,
            &blindings,
            usize::from(statement.bits.count()),
            rng,
        )
        .map_err(|source| ProveError::Backend { chunk, source })?;
        proof.extend_from_slice(&chunk_proof.to_bytes());
    }
    verify(statement, &proof, rng).map_err(ProveError::SelfCheck)?;
    Ok(proof)
}

/// Verifies the statement. `rng` weighs the equations of a proof against each other; it must not be predictable.
pub fn verify<R: RngCore + CryptoRng>(
    statement: &RangeStatement<'_>,
    proof: &[u8],
    rng: &mut R,
) -> Result<(), VerifyError> {
    let count = statement.derived.len().saturating_mul(statement.shifts.len());
    if count == 0 {
        return Err(VerifyError::Empty);
    }
    let chunks = count.div_ceil(CHUNK_MAX);
    let last = (count - (chunks - 1) * CHUNK_MAX).next_power_of_two();
    let expected = 2 + (chunks - 1) * statement.chunk_length(CHUNK_MAX) + statement.chunk_length(last);
    let mut rest = parse_header(proof, KIND, expected)?;
    let terms = statement.terms().map_err(|(index, source)| VerifyError::Commitment { index, source })?;

    let derived = derived_hash(statement.derived);
    for (chunk, terms) in terms.chunks(CHUNK_MAX).enumerate() {
        let aggregated = terms.len().next_power_of_two();
        let (bytes, after) = rest
            .split_at_checked(statement.chunk_length(aggregated))
            .ok_or(VerifyError::Encoding { chunk })?;
        rest = after;
        let mut terms = terms.to_vec();
        terms.resize(aggregated, CompressedRistretto::identity());
        let shape = statement.shape(aggregated, chunk, chunks);
        let mut transcript = statement_transcript(&statement.context, &derived, shape);
        RangeProof::from_bytes(bytes)
            .map_err(|_| VerifyError::Encoding { chunk })?
            .verify_multiple_with_rng(
                generators(),
                &PedersenGens::default(),
                &mut transcript,
                &terms,
                usize::from(statement.bits.count()),
                rng,
            )
            .map_err(|_| VerifyError::Rejected { chunk })?;
    }
    Ok(())
}

/// Values and blindings, wiped when dropped.
type Witness = (Zeroizing<Vec<u64>>, Zeroizing<Vec<Scalar>>);

fn shifted_openings(statement: &RangeStatement<'_>, openings: &[Opening]) -> Result<Witness, ProveError> {
    let count = openings.len().saturating_mul(statement.shifts.len());
    let mut values = Zeroizing::new(Vec::with_capacity(count));
    let mut blindings = Zeroizing::new(Vec::with_capacity(count));
    for &shift in statement.shifts {
        for (index, opening) in openings.iter().enumerate() {
            let value = opening
                .value
                .checked_sub(shift)
                .filter(|value| statement.bits.holds(*value))
                .ok_or(ProveError::OutOfRange { index, shift, bits: statement.bits.count() })?;
            values.push(value);
            blindings.push(opening.blinding.0);
        }
    }
    Ok((values, blindings))
}

/// The library's generators for 64 values of 64 bits, built at the first call (about 75 ms).
fn generators() -> &'static BulletproofGens {
    static GENERATORS: OnceLock<BulletproofGens> = OnceLock::new();
    GENERATORS.get_or_init(|| BulletproofGens::new(64, CHUNK_MAX))
}

#[cfg(test)]
mod tests;
