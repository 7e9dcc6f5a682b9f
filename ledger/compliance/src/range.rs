//! `Rₙ[X]`: values lie in [0, 2ⁿ) after each of the public shifts, by aggregated Bulletproofs.
//!
//! For shifts s₀ … and commitments C₀ … the terms are C₀ − s₀·B, C₁ − s₀·B, …, C₀ − s₁·B, …; they are cut into chunks of
//! 64, and the last chunk is padded with the identity to the next power of two. A commitment that is itself the
//! identity, plain or shifted, is refused, so the identity occurs as padding alone.
//!
//! A proof is: version u8 · kind u8 · the chunks' proofs back to back. How many there are, and how long each is, follows
//! from the statement; nothing in the bytes can say otherwise.

use std::ops::Range;
use std::sync::OnceLock;

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::batch::Batch;
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
    pub(crate) const fn count(self) -> u8 {
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

/// One aggregated proof of a statement.
pub(crate) struct Chunk<'p> {
    /// This chunk, from 0.
    pub(crate) number: usize,
    /// Number of chunks.
    count: usize,
    /// Which of the statement's terms it is about.
    terms: Range<usize>,
    /// Number of terms, padding included.
    pub(crate) aggregated: usize,
    /// Its part of the proof.
    pub(crate) proof: &'p [u8],
}

impl RangeStatement<'_> {
    /// Cuts a proof into its chunks, checking length, version and kind. Chunks about the same commitments under different
    /// shifts come close to each other.
    pub(crate) fn chunks<'p>(&self, proof: &'p [u8]) -> Result<Vec<Chunk<'p>>, VerifyError> {
        let terms = self.derived.len().saturating_mul(self.shifts.len());
        if terms == 0 {
            return Err(VerifyError::Empty);
        }
        let count = terms.div_ceil(CHUNK_MAX);
        let last = (terms - (count - 1) * CHUNK_MAX).next_power_of_two();
        let expected = 2 + (count - 1) * self.chunk_length(CHUNK_MAX) + self.chunk_length(last);
        let body = parse_header(proof, KIND, expected)?;
        // only the last one is shorter than the others
        let mut chunks: Vec<_> = body
            .chunks(self.chunk_length(CHUNK_MAX))
            .enumerate()
            .map(|(number, proof)| {
                let terms = number * CHUNK_MAX..terms.min((number + 1) * CHUNK_MAX);
                Chunk { number, count, aggregated: terms.len().next_power_of_two(), terms, proof }
            })
            .collect();
        chunks.sort_by_key(|chunk| chunk.terms.start % self.derived.len());
        Ok(chunks)
    }

    /// The chunk's terms: index in the list, commitment and shift.
    pub(crate) fn terms(&self, chunk: &Chunk<'_>) -> impl Iterator<Item = (usize, Listed, u64)> {
        let count = self.derived.len();
        chunk.terms.clone().filter_map(move |term| {
            let (shift, index) = (self.shifts.get(term / count)?, term % count);
            Some((index, *self.derived.get(index)?, *shift))
        })
    }

    /// The chunk's transcript, ready for the messages of the proof itself.
    pub(crate) fn transcript(&self, derived_hash: &[u8; 32], chunk: &Chunk<'_>) -> Transcript {
        let shape = self.shape(chunk.aggregated, chunk.number, chunk.count);
        statement_transcript(&self.context, derived_hash, shape)
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
/// library would make a worthless proof of a value outside the range without complaint. The same `rng` makes the same proof.
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

    let proof = prove_unchecked(statement, &values, &blindings, rng)?;
    verify(statement, &proof).map_err(ProveError::SelfCheck)?;
    Ok(proof)
}

/// Makes a proof of terms with these values and blindings, whether or not it holds.
pub(crate) fn prove_unchecked<R: RngCore + CryptoRng>(
    statement: &RangeStatement<'_>,
    values: &[u64],
    blindings: &[Scalar],
    rng: &mut R,
) -> Result<Vec<u8>, ProveError> {
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
    Ok(proof)
}

/// Verifies the statement. Of many statements each costs less in a [`Batch`].
pub fn verify(statement: &RangeStatement<'_>, proof: &[u8]) -> Result<(), VerifyError> {
    let mut batch = Batch::new();
    batch.range(statement, proof).and_then(|()| batch.verify()).map_err(|refused| refused.source)
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
