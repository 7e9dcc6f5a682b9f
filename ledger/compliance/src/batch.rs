//! Many proofs verified together, at a small part of what each costs alone.
//!
//! Every equation of every proof has the form "these multiples of these points add up to the identity". The batch takes
//! each one times a weight of its own, adds them all up and multiplies out once; the two generators, the vectors G and
//! H, and a commitment that occurs in several terms each appear in it once.
//!
//! **Soundness.** If all equations hold, so does the sum. If one does not, it holds for at most one in ℓ values of that
//! equation's weight, whatever the other weights are. The weights are drawn from a transcript over the seal of every
//! claim in the sum; a seal is drawn from the claim's own transcript after *all* of its statement and proof, the last
//! scalars included (which the proofs' own challenges do not cover). So whoever changes any byte gets new weights for
//! all equations, and would have to try about ℓ ≈ 2²⁵² batches to find one in which errors cancel. No randomness is
//! needed, and everyone gets the same answer.
//!
//! Memory is bounded: as soon as the claims that wait have `POINTS_MAX` points, they are multiplied out. When a sum does
//! not hold, halving finds a proof that is false.

mod range;
mod sum;
mod wide;
mod zero;

use std::collections::{BTreeMap, HashMap};

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::traits::IsIdentity;
use merlin::Transcript;

use crate::commitment::{Commitment, CommitmentError};
use crate::error::VerifyError;
use crate::range::RangeStatement;
use crate::term::{Term, signed, times};
use crate::transcript::{Weights, derived_hash, seal};
use crate::zero::ZeroStatement;
use range::RangeEquations;
use sum::{PlacedTerm, Sum};
use zero::ZeroEquation;

/// Points of claims that wait, at most about: 20 MB while they are multiplied out. The 4098 points that all share add an
/// eighth to the work; a point costs the same in a multiplication of 16 thousand as of 128 thousand.
const POINTS_MAX: usize = 1 << 15;

/// A proof of the batch that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("proof {index}: {source}")]
pub struct BatchError {
    /// Which of the proofs given to the batch, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub source: VerifyError,
}

/// Proofs to be verified together. Nothing is verified until [`Batch::verify`] says so.
pub struct Batch {
    /// Claims whose equations are not checked yet.
    waiting: Vec<Claim>,
    commitments: Commitments,
    /// Points that only one claim has, of all that wait.
    own_points: usize,
    points_max: usize,
    /// Number of proofs given so far.
    given: usize,
    refused: Option<BatchError>,
}

/// One proof of zero, or one chunk of a range proof.
struct Claim {
    index: usize,
    chunk: usize,
    seal: [u8; 64],
    equations: Box<dyn Equations>,
}

/// Sums that are the identity if a proof holds.
trait Equations: Send {
    /// Adds each of them times a weight of its own.
    fn add_to<'a>(&'a self, sum: &mut Sum<'a>, weights: &mut Weights);
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::with_points_max(POINTS_MAX)
    }

    fn with_points_max(points_max: usize) -> Self {
        Self {
            waiting: Vec::new(),
            commitments: Commitments::default(),
            own_points: 0,
            points_max,
            given: 0,
            refused: None,
        }
    }

    /// Adds a range proof. The error names a proof that is malformed or false: this one, or one given before. After the
    /// first error all calls return it again.
    pub fn range(&mut self, statement: &RangeStatement<'_>, proof: &[u8]) -> Result<(), BatchError> {
        self.give(|batch, index| batch.add_range(statement, proof, index))
    }

    /// Adds a proof of zero. The error is as of [`Batch::range`].
    pub fn zero(&mut self, statement: &ZeroStatement<'_>, proof: &[u8]) -> Result<(), BatchError> {
        self.give(|batch, index| batch.add_zero(statement, proof, index))
    }

    /// Whether all proofs hold. The error names one that does not.
    pub fn verify(mut self) -> Result<(), BatchError> {
        match self.refused.take() {
            Some(refused) => Err(refused),
            None => self.multiply_out(),
        }
    }

    fn give(
        &mut self,
        add: impl FnOnce(&mut Self, usize) -> Result<(), BatchError>,
    ) -> Result<(), BatchError> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        let index = self.given;
        self.given += 1;
        let outcome = add(self, index);
        self.refused = outcome.as_ref().err().cloned();
        outcome
    }

    fn add_range(
        &mut self,
        statement: &RangeStatement<'_>,
        proof: &[u8],
        index: usize,
    ) -> Result<(), BatchError> {
        let refuse = |source| BatchError { index, source };
        let chunks = statement.chunks(proof).map_err(refuse)?;
        let derived = derived_hash(statement.terms);
        let mut constants = Constants::default();
        for chunk in chunks {
            let mut terms = Vec::with_capacity(chunk.aggregated);
            let mut encodings = Vec::with_capacity(chunk.aggregated);
            for (at, term) in statement.terms(&chunk) {
                let (term, encoding) = self
                    .commitments
                    .encoded(term, &mut constants)
                    .map_err(|source| refuse(VerifyError::Commitment { index: at, source }))?;
                terms.push(term);
                encodings.push(encoding);
            }
            encodings.resize(chunk.aggregated, [0; 32]);
            let mut transcript = statement.transcript(&derived, &chunk);
            self.add_range_proof(
                &mut transcript,
                statement.bits.count().into(),
                terms,
                &encodings,
                chunk.proof,
                (index, chunk.number),
            )?;
        }
        Ok(())
    }

    /// Adds one aggregated proof over a transcript that stands where the prover's stood.
    fn add_range_proof(
        &mut self,
        transcript: &mut Transcript,
        bits: usize,
        terms: Vec<PlacedTerm>,
        encodings: &[[u8; 32]],
        proof: &[u8],
        (index, chunk): (usize, usize),
    ) -> Result<(), BatchError> {
        let equations = RangeEquations::replay(transcript, bits, terms, encodings, proof, chunk)
            .map_err(|source| BatchError { index, source })?;
        self.own_points += equations.own_points();
        self.wait(Claim { index, chunk, seal: seal(transcript), equations: Box::new(equations) })
    }

    fn add_zero(
        &mut self,
        statement: &ZeroStatement<'_>,
        proof: &[u8],
        index: usize,
    ) -> Result<(), BatchError> {
        let refuse = |source| BatchError { index, source };
        let body = statement.parse(proof).map_err(refuse)?;
        let mut terms = Vec::with_capacity(statement.terms.len());
        for (at, term) in statement.terms.iter().enumerate() {
            let placed = self.commitments.placed(term);
            terms.push(placed.map_err(|source| refuse(VerifyError::Commitment { index: at, source }))?);
        }
        let (mut transcript, weight) = statement.transcript();
        let equation = ZeroEquation::replay(&mut transcript, weight, terms, body).map_err(refuse)?;
        self.own_points += 1;
        self.wait(Claim { index, chunk: 0, seal: seal(&mut transcript), equations: Box::new(equation) })
    }

    fn wait(&mut self, claim: Claim) -> Result<(), BatchError> {
        self.waiting.push(claim);
        if self.own_points + self.commitments.points.len() < self.points_max {
            return Ok(());
        }
        self.multiply_out()
    }

    /// Checks the claims that wait, and forgets them.
    fn multiply_out(&mut self) -> Result<(), BatchError> {
        let claims = std::mem::take(&mut self.waiting);
        let points = std::mem::take(&mut self.commitments).points;
        self.own_points = 0;
        if all_hold(&claims, &points) {
            return Ok(());
        }
        match one_false(&claims, &points) {
            Some(Claim { index, chunk, .. }) => {
                Err(BatchError { index: *index, source: VerifyError::Rejected { chunk: *chunk } })
            }
            // the empty sum holds
            None => Ok(()),
        }
    }
}

/// Whether the weighted equations of all the claims add up to the identity.
fn all_hold(claims: &[Claim], points: &[RistrettoPoint]) -> bool {
    let mut weights = Weights::over(claims.iter().map(|claim| &claim.seal));
    let mut sum = Sum::over(points);
    for claim in claims {
        claim.equations.add_to(&mut sum, &mut weights);
    }
    sum.multiply_out().is_identity()
}

/// A false claim among claims that do not all hold.
fn one_false<'a>(mut claims: &'a [Claim], points: &[RistrettoPoint]) -> Option<&'a Claim> {
    while claims.len() > 1 {
        let (first, second) = claims.split_at(claims.len() / 2);
        claims = if all_hold(first, points) { second } else { first };
    }
    claims.first()
}

/// Commitments of the claims that wait, each decompressed once.
#[derive(Default)]
struct Commitments {
    places: HashMap<[u8; 32], usize>,
    points: Vec<RistrettoPoint>,
}

impl Commitments {
    /// Where the commitment stands among the points.
    fn place(&mut self, commitment: &Commitment) -> Result<usize, CommitmentError> {
        if let Some(place) = self.places.get(&commitment.0) {
            return Ok(*place);
        }
        let place = self.points.len();
        self.points.push(commitment.point()?);
        self.places.insert(commitment.0, place);
        Ok(place)
    }

    /// The term over the commitments' places.
    fn placed(&mut self, term: &Term) -> Result<PlacedTerm, CommitmentError> {
        let parts =
            term.parts.iter().map(|(coefficient, commitment)| Ok((self.place(commitment)?, *coefficient)));
        Ok(PlacedTerm { parts: parts.collect::<Result<_, _>>()?, constant: term.constant })
    }

    /// The term over the commitments' places, and its encoding; refused where it is the identity.
    fn encoded(
        &mut self,
        term: &Term,
        constants: &mut Constants,
    ) -> Result<(PlacedTerm, [u8; 32]), CommitmentError> {
        let placed = self.placed(term)?;
        // a commitment alone is its own encoding
        if let (&[(1, commitment)], 0) = (term.parts.as_slice(), term.constant) {
            return Ok((placed, commitment.0));
        }
        let parts =
            placed.parts.iter().filter_map(|(place, factor)| Some((self.points.get(*place)?, *factor)));
        let point: RistrettoPoint = parts.map(|(point, factor)| times(factor, point)).sum();
        let encoding = (point + constants.times_base(term.constant)).compress().to_bytes();
        if encoding == [0; 32] { Err(CommitmentError::Identity) } else { Ok((placed, encoding)) }
    }
}

/// Multiples of B that came up before: most terms of a statement share theirs.
#[derive(Default)]
struct Constants(BTreeMap<i64, RistrettoPoint>);

impl Constants {
    /// As many as are remembered.
    const MAX: usize = 1 << 10;

    fn times_base(&mut self, constant: i64) -> RistrettoPoint {
        if let Some(known) = self.0.get(&constant) {
            return *known;
        }
        let point = RISTRETTO_BASEPOINT_TABLE * &signed(constant);
        if self.0.len() < Self::MAX {
            self.0.insert(constant, point);
        }
        point
    }
}

#[cfg(test)]
mod tests;
