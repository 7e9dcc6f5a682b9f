//! Verifying a bundle: everything is derived from the log's entries, the day key and the policy.

use grantbook_compliance::range::{self, Bits, RangeStatement};
use grantbook_compliance::zero::{self, ZeroStatement};
use grantbook_compliance::{Batch, Commitment, StatementContext, VerifyError};
use grantbook_tlog::{Demands, LogKeys};
use sha2::{Digest as _, Sha256};

use crate::bundle::{BUNDLE_BYTES_MAX, Close, Header, Reader};
use crate::chain::Chain;
use crate::error::ProofError;
use crate::policy::StatementPolicy;
use crate::report::Report;
use crate::statement::{Algebra, Statement, spec_hash};
use crate::terms::{Claims, Day, Derivation, Disclosures};

/// Verifies one day's bundle. `chain` is what the verifier kept after the tenant's bundle before, and becomes what is to be
/// kept after this one; of a bundle that does not verify it stays as it was.
pub fn verify_bundle(
    bytes: &[u8],
    keys: &LogKeys,
    demands: &Demands,
    policy: &StatementPolicy,
    chain: &mut Chain,
) -> Result<Report, ProofError> {
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(ProofError::TooLarge { got: bytes.len() });
    }
    let mut reader = Reader::new(bytes);
    let day = Day::parse(&mut reader, policy, keys.origin(), chain)?;
    if let Some(leaf) = day.walked.without_grant.first() {
        let (statement, expected) = (Statement::UseHasGrant, "one, of a use that names nothing");
        return Err(ProofError::Exception { leaf: *leaf, statement, expected });
    }
    let derivation = Derivation::new(policy, day, &mut Disclosed(&mut reader))?;
    let extents = derivation.extents()?;
    let digest = digest(bytes, reader.at());

    let mut proofs = Vec::new();
    for (statement, extent) in &extents {
        if let Some(length) = proof_length(*statement, extent.terms) {
            proofs.push((*statement, reader.take(length, "proofs")?));
        }
    }
    let close = Close::parse(&mut reader)?;
    reader.end()?;
    let vouched = close.verify(&derivation.day().header, keys, demands)?;

    let mut batch = Batch::new();
    let named = |index: usize, source: VerifyError| match proofs.get(index) {
        Some((statement, _)) => ProofError::Statement { statement: *statement, source },
        // the batch names proofs that it was given
        None => ProofError::Field { field: "proofs", expected: "proofs that hold" },
    };
    for (statement, proof) in &proofs {
        let claims = derivation.claims(*statement);
        let context = context(policy, &derivation.day().header, *statement, digest);
        let given = match statement_of(context, *statement, &claims) {
            Some(Proved::Range(statement)) => batch.range(&statement, proof),
            Some(Proved::Zero(statement)) => batch.zero(&statement, proof),
            None => Ok(()),
        };
        given.map_err(|refused| named(refused.index, refused.source))?;
    }
    batch.verify().map_err(|refused| named(refused.index, refused.source))?;

    let report = Report::new(policy, &derivation, &extents, digest, &vouched, chain.from());
    *chain = derivation.into_chain(digest);
    Ok(report)
}

/// Digest of a bundle whose preamble has so many bytes.
pub(crate) fn digest(bytes: &[u8], preamble: usize) -> [u8; 32] {
    Sha256::digest(bytes.get(..preamble).unwrap_or(bytes)).into()
}

/// What a statement's proof is bound to.
pub(crate) fn context<'a>(
    policy: &StatementPolicy,
    header: &'a Header,
    statement: Statement,
    bundle_digest: [u8; 32],
) -> StatementContext<'a> {
    StatementContext {
        spec_hash: spec_hash(),
        origin: &header.origin,
        start: header.start,
        end: header.end,
        statement: statement.name(),
        policy_hash: policy.hash(),
        bundle_digest,
    }
}

/// A statement as it is proved.
pub(crate) enum Proved<'a> {
    Range(RangeStatement<'a>),
    Zero(ZeroStatement<'a>),
}

/// The statement over its terms; `None` where entries alone show it.
pub(crate) fn statement_of<'a>(
    context: StatementContext<'a>,
    statement: Statement,
    claims: &'a Claims,
) -> Option<Proved<'a>> {
    let terms = claims.terms.as_slice();
    match statement.algebra() {
        Algebra::Counted => None,
        Algebra::Range32 => Some(Proved::Range(RangeStatement { context, terms, bits: Bits::ThirtyTwo })),
        Algebra::Range64 => Some(Proved::Range(RangeStatement { context, terms, bits: Bits::SixtyFour })),
        Algebra::Zero => Some(Proved::Zero(ZeroStatement { context, terms })),
    }
}

/// Bytes of the proof of so many terms; `None` where there is none.
fn proof_length(statement: Statement, terms: u64) -> Option<usize> {
    let terms = usize::try_from(terms).ok().filter(|terms| *terms > 0)?;
    match statement.algebra() {
        Algebra::Counted => None,
        Algebra::Range32 => Some(range::proof_length(terms, Bits::ThirtyTwo)),
        Algebra::Range64 => Some(range::proof_length(terms, Bits::SixtyFour)),
        Algebra::Zero => Some(zero::LENGTH),
    }
}

/// Reads what the prover disclosed.
struct Disclosed<'r, 'a>(&'r mut Reader<'a>);

impl Disclosures for Disclosed<'_, '_> {
    fn is_after(&mut self, leaf: u64, _: &Commitment, _: &Commitment) -> Result<bool, ProofError> {
        match self.0.u8("disclosures")? {
            0 => Ok(false),
            1 => Ok(true),
            _ => {
                let (statement, expected) = (Statement::UseNotPaused, "0 or 1");
                Err(ProofError::Disclosure { leaf, statement, expected })
            }
        }
    }

    fn month(&mut self, _: u64, _: &Commitment, _: &Commitment) -> Result<u16, ProofError> {
        self.0.u16("disclosures")
    }
}
