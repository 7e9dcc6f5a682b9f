//! `Rₙ[X]`: terms lie in [0, 2ⁿ), by aggregated Bulletproofs.
//!
//! The terms are cut into chunks of 64, and the last chunk is padded with the identity to the next power of two. A term
//! that is the identity is refused, so the identity occurs as padding alone.
//!
//! A proof is: version u8 · kind u8 · the chunks' proofs back to back. How many there are, and how long each is, follows
//! from the statement; nothing in the bytes can say otherwise.

mod prover;

use std::ops::Range;

use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::batch::Batch;
use crate::commitment::CommitmentError;
use crate::error::{ProveError, VerifyError};
use crate::layout::{VERSION, parse_header};
use crate::term::{OpenedTerm, Term};
use crate::transcript::{Shape, StatementContext, derived_hash, statement_transcript};

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
    /// n.
    pub const fn count(self) -> u8 {
        match self {
            Self::ThirtyTwo => 32,
            Self::SixtyFour => 64,
        }
    }

    /// Whether a value lies in the range.
    pub fn holds(self, value: u64) -> bool {
        match self {
            Self::ThirtyTwo => u32::try_from(value).is_ok(),
            Self::SixtyFour => true,
        }
    }
}

/// Each term lies in the range.
#[derive(Debug, Clone, Copy)]
pub struct RangeStatement<'a> {
    /// What the proof is bound to.
    pub context: StatementContext<'a>,
    /// Derived from the log.
    pub terms: &'a [Term],
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
    /// Cuts a proof into its chunks, checking length, version and kind.
    pub(crate) fn chunks<'p>(
        &self,
        proof: &'p [u8],
    ) -> Result<impl Iterator<Item = Chunk<'p>> + use<'p>, VerifyError> {
        let terms = self.terms.len();
        if terms == 0 {
            return Err(VerifyError::Empty);
        }
        let body = parse_header(proof, KIND, proof_length(terms, self.bits))?;
        let count = terms.div_ceil(CHUNK_MAX);
        // only the last one is shorter than the others
        let chunks = body.chunks(chunk_length(CHUNK_MAX, self.bits)).enumerate();
        Ok(chunks.map(move |(number, proof)| {
            let terms = number * CHUNK_MAX..terms.min((number + 1) * CHUNK_MAX);
            Chunk { number, count, aggregated: terms.len().next_power_of_two(), terms, proof }
        }))
    }

    /// The chunk's terms, with their indexes.
    pub(crate) fn terms(&self, chunk: &Chunk<'_>) -> impl Iterator<Item = (usize, &Term)> {
        let terms = self.terms.get(chunk.terms.clone()).unwrap_or_default();
        chunk.terms.clone().zip(terms)
    }

    /// The chunk's transcript, ready for the messages of the proof itself.
    pub(crate) fn transcript(&self, derived_hash: &[u8; 32], chunk: &Chunk<'_>) -> Transcript {
        let shape = self.shape(chunk.aggregated, chunk.number, chunk.count);
        statement_transcript(&self.context, derived_hash, shape)
    }

    fn shape(&self, aggregated: usize, chunk: usize, chunks: usize) -> Shape {
        Shape {
            bits: u64::from(self.bits.count()),
            aggregated: aggregated as u64,
            chunk: chunk as u64,
            chunks: chunks as u64,
        }
    }
}

/// Bytes of the proof of so many terms, of which there is at least one.
pub fn proof_length(terms: usize, bits: Bits) -> usize {
    let whole = terms.saturating_sub(1) / CHUNK_MAX;
    let last = (terms - whole * CHUNK_MAX).next_power_of_two();
    2 + whole * chunk_length(CHUNK_MAX, bits) + chunk_length(last, bits)
}

/// Bytes of a chunk's proof: nine elements and two per halving of n·m.
fn chunk_length(aggregated: usize, bits: Bits) -> usize {
    let halvings = (aggregated * usize::from(bits.count())).ilog2() as usize;
    32 * (9 + 2 * halvings)
}

/// Proves the statement with one opening per term, and verifies the result before handing it out: the library would make a
/// worthless proof of a value outside the range without complaint. The same `rng` makes the same proof.
pub fn prove<R: RngCore + CryptoRng>(
    statement: &RangeStatement<'_>,
    openings: &[OpenedTerm],
    rng: &mut R,
) -> Result<Vec<u8>, ProveError> {
    if statement.terms.is_empty() {
        return Err(ProveError::Empty);
    }
    if statement.terms.len() != openings.len() {
        return Err(ProveError::Count { expected: statement.terms.len(), got: openings.len() });
    }
    let (values, blindings) = witness(statement, openings)?;
    for (index, (term, opened)) in statement.terms.iter().zip(openings).enumerate() {
        let mismatch = || Err(CommitmentError::Mismatch);
        let checked = term.point().and_then(|point| if opened.opens(&point) { Ok(()) } else { mismatch() });
        checked.map_err(|source| ProveError::Commitment { index, source })?;
    }

    let proof = prove_unchecked(statement, &values, &blindings, rng);
    verify(statement, &proof).map_err(ProveError::SelfCheck)?;
    Ok(proof)
}

/// Makes a proof of terms with these values and blindings, whether or not it holds.
pub(crate) fn prove_unchecked<R: RngCore + CryptoRng>(
    statement: &RangeStatement<'_>,
    values: &[u64],
    blindings: &[Scalar],
    rng: &mut R,
) -> Vec<u8> {
    let derived = derived_hash(statement.terms);
    let chunks = values.len().div_ceil(CHUNK_MAX);
    let mut proof = vec![VERSION, KIND];
    let chunked = values.chunks(CHUNK_MAX).zip(blindings.chunks(CHUNK_MAX));
    for (chunk, (values, blindings)) in chunked.enumerate() {
        let aggregated = values.len().next_power_of_two();
        let mut values = Zeroizing::new(values.to_vec());
        let mut blindings = Zeroizing::new(blindings.to_vec());
        values.resize(aggregated, 0);
        blindings.resize(aggregated, Scalar::ZERO);
        let shape = statement.shape(aggregated, chunk, chunks);
        let mut transcript = statement_transcript(&statement.context, &derived, shape);
        proof.extend(prover::prove(&mut transcript, statement.bits, &values, &blindings, rng));
    }
    proof
}

/// Verifies the statement. Of many statements each costs less in a [`Batch`].
pub fn verify(statement: &RangeStatement<'_>, proof: &[u8]) -> Result<(), VerifyError> {
    let mut batch = Batch::new();
    batch.range(statement, proof).and_then(|()| batch.verify()).map_err(|refused| refused.source)
}

/// Values and blindings, wiped when dropped.
type Witness = (Zeroizing<Vec<u64>>, Zeroizing<Vec<Scalar>>);

fn witness(statement: &RangeStatement<'_>, openings: &[OpenedTerm]) -> Result<Witness, ProveError> {
    let mut values = Zeroizing::new(Vec::with_capacity(openings.len()));
    let mut blindings = Zeroizing::new(Vec::with_capacity(openings.len()));
    for (index, opened) in openings.iter().enumerate() {
        let value = u64::try_from(opened.value).ok().filter(|value| statement.bits.holds(*value));
        values.push(value.ok_or(ProveError::OutOfRange { index, bits: statement.bits.count() })?);
        blindings.push(opened.blinding);
    }
    Ok((values, blindings))
}

#[cfg(test)]
mod tests;
