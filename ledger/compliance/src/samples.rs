//! What the tests of statements share.

use crate::commitment::{Opening, commit_batch};
use crate::term::{OpenedTerm, Term};
use crate::transcript::{Head, StatementContext};

pub(crate) const CONTEXT: StatementContext<'static> = StatementContext {
    spec_hash: [1; 32],
    origin: "log.example",
    start: Head { size: 10, root: [2; 32] },
    end: Head { size: 20, root: [3; 32] },
    statement: "sample",
    policy_hash: [4; 32],
    bundle_digest: [5; 32],
};

/// Every part of a context, changed.
pub(crate) fn other_contexts() -> [StatementContext<'static>; 9] {
    [
        StatementContext { spec_hash: [9; 32], ..CONTEXT },
        StatementContext { origin: "log.example2", ..CONTEXT },
        StatementContext { start: Head { size: 11, ..CONTEXT.start }, ..CONTEXT },
        StatementContext { start: Head { root: [9; 32], ..CONTEXT.start }, ..CONTEXT },
        StatementContext { end: Head { size: 21, ..CONTEXT.end }, ..CONTEXT },
        StatementContext { end: Head { root: [9; 32], ..CONTEXT.end }, ..CONTEXT },
        StatementContext { statement: "sampl", ..CONTEXT },
        StatementContext { policy_hash: [9; 32], ..CONTEXT },
        StatementContext { bundle_digest: [9; 32], ..CONTEXT },
    ]
}

/// The commitments less each public value, shift by shift.
pub(crate) fn shifted(openings: &[Opening], shifts: &[i64]) -> Vec<Term> {
    let commitments = commit_batch(openings);
    let less = |shift: &i64| {
        commitments
            .iter()
            .map(|commitment| Term { parts: vec![(1, *commitment)], constant: -shift })
            .collect()
    };
    shifts.iter().flat_map(|shift| -> Vec<Term> { less(shift) }).collect()
}

/// What terms over the commitments to these openings open to.
pub(crate) fn open(terms: &[Term], openings: &[Opening]) -> Vec<OpenedTerm> {
    let commitments = commit_batch(openings);
    let of = |wanted: &_| commitments.iter().position(|known| known == wanted).map(|at| &openings[at]);
    terms.iter().map(|term| term.open(of).unwrap()).collect()
}
