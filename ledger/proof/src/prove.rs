//! Making a bundle: per enterprise and day, in the same derivation as the verifier's.

mod openings;
mod sums;

use std::collections::{BTreeMap, BTreeSet};

use grantbook_compliance::{Commitment, Head, OpenedTerm, Opening, ProveError, range, verify_opening, zero};
use grantbook_record::receipt::LinkOpening;
use grantbook_record::{Day as UtcDay, LinkTarget, TagKey};
use grantbook_tlog::{CompactRange, Demands, Hash, LogKeys, RangeError, TreeSize, leaf_hash};
use rand_core::{CryptoRng, RngCore};

use crate::bundle::{
    Close, Exception, Group, Header, KeyProof, Link, Own, Reader, commitments, is_opened, parse_entries,
    write_groups,
};
use crate::calendar;
use crate::chain::Chain;
use crate::error::ProofError;
use crate::policy::StatementPolicy;
use crate::report::Report;
use crate::statement::{Algebra, Statement};
use crate::terms::{Claims, Day, Derivation, Disclosures};
use crate::verify::{Proved, context, digest, statement_of, verify_bundle};
use openings::Openings;
pub use sums::SecretSums;

/// What only the ledger knows of entries, by leaf index.
pub trait Secrets {
    /// What the entry's link opens to.
    fn link(&self, leaf: u64) -> Option<LinkOpening>;

    /// Openings of the entry's commitments, in the order of its class.
    fn openings(&self, leaf: u64) -> Option<Vec<Opening>>;
}

/// The day that is to be proved.
#[derive(Clone, Copy)]
pub struct DayInput<'a> {
    /// What is asked.
    pub policy: &'a StatementPolicy,
    /// Origin line of the log.
    pub origin: &'a str,
    /// The UTC day.
    pub day: UtcDay,
    /// The tenant's tag key; of it, the bundle has the day's key alone.
    pub tag_key: &'a TagKey,
    /// The tree where the day begins.
    pub start: &'a CompactRange,
    /// All entries of the log on that day.
    pub entries: &'a [Vec<u8>],
    /// The tenant's groups of terms.
    pub groups: &'a BTreeMap<u16, Group>,
    /// Entries that are to be excepted.
    pub exceptions: &'a BTreeSet<(u64, Statement)>,
}

/// An entry that does not comply and is not excepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Its leaf index.
    pub leaf: u64,
    /// With what.
    pub statement: Statement,
    /// How.
    pub why: Why,
}

/// How an entry fails a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A use names no grant.
    NamesNothing,
    /// A value is below what it must be at least, or above what it may be at most.
    OutOfRange,
    /// Two amounts differ.
    NotEqual,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let why = match self.why {
            Why::NamesNothing => "names no grant",
            Why::OutOfRange => "is out of range",
            Why::NotEqual => "is not the amount that it must be",
        };
        write!(f, "leaf {} {why}: {}", self.leaf, self.statement)
    }
}

/// Why a bundle was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProverError {
    /// Entries do not comply. Each is to be excepted, if it may be, or nothing can be proved.
    #[error("{} entries do not comply and are not excepted", .0.len())]
    Violations(Vec<Violation>),
    /// A link opening is not there.
    #[error("leaf {leaf}: expected the opening of its link, got none")]
    MissingLink {
        /// The entry.
        leaf: u64,
    },
    /// An opening is not there, or is another's.
    #[error("leaf {leaf}: expected openings of its commitments, got none or others")]
    MissingOpening {
        /// The entry.
        leaf: u64,
    },
    /// A group is not among those given.
    #[error("leaf {leaf}: expected the terms of group {group}, got none")]
    MissingGroup {
        /// The entry that shows it.
        leaf: u64,
        /// Its number.
        group: u16,
    },
    /// A commitment to a sum opens to nothing that is known: the secret sums are not those of the chain.
    #[error("expected the openings of sums as the chain has them, got others")]
    Sums,
    /// The tree where the day begins has no room for it.
    #[error(transparent)]
    Tree(#[from] RangeError),
    /// The day cannot be a bundle.
    #[error(transparent)]
    Day(#[from] ProofError),
    /// A statement could not be proved.
    #[error("{statement}: {source}")]
    Statement {
        /// Which.
        statement: Statement,
        /// Why.
        source: ProveError,
    },
    /// A proof is not there.
    #[error("expected a proof of {0}, got none")]
    MissingProof(Statement),
}

/// A statement to be proved, and how large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// The statement.
    pub statement: Statement,
    /// Terms of its proof.
    pub terms: u64,
}

/// A bundle that was made, and what is to be kept for the next day.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The bundle, which verifies.
    pub bundle: Vec<u8>,
    /// What its verification says.
    pub report: Report,
    /// The chain after it.
    pub chain: Chain,
    /// Openings of the chain's sums. Secret.
    pub sums: SecretSums,
}

/// A day of which every entry complies or is excepted; its statements are proved in any order, on any thread. The same
/// input gives the same preamble, so proofs that were made before an interruption go on being of use.
pub struct Prover<'a> {
    policy: &'a StatementPolicy,
    before: &'a Chain,
    derivation: Derivation<'a>,
    preamble: Vec<u8>,
    digest: [u8; 32],
    openings: Openings,
    sums: SecretSums,
    jobs: Vec<Job>,
}

impl<'a> Prover<'a> {
    /// Derives what is to be proved, and refuses, naming them, entries that do not comply and are not excepted.
    pub fn new(
        input: &DayInput<'a>,
        before: &'a Chain,
        sums: &SecretSums,
        secrets: &impl Secrets,
    ) -> Result<Self, ProverError> {
        let prover = Self::derive(input, before, sums, secrets)?;
        let violations = prover.violations()?;
        if violations.is_empty() { Ok(prover) } else { Err(ProverError::Violations(violations)) }
    }

    fn derive(
        input: &DayInput<'a>,
        before: &'a Chain,
        sums: &SecretSums,
        secrets: &impl Secrets,
    ) -> Result<Self, ProverError> {
        let policy = input.policy;
        let (mut preamble, own) = begin(input, before)?;
        let links = links(&own, secrets)?;
        write_groups(&new_groups(input, before, &own, &links)?, &mut preamble);
        for link in links.iter().flatten() {
            link.write(&mut preamble);
        }
        write_exceptions(input, before, &own, secrets, &mut preamble)?;

        let day = Day::parse(&mut Reader::new(&preamble), policy, input.origin, before)?;
        let mut openings = Openings::new(&day, policy, secrets)?;
        let sums = sums.after(&own, &links, &mut openings)?;
        let mut disclosing =
            Disclosing { openings: &openings, last: calendar::ends(input.day), bytes: Vec::new() };
        let derivation = Derivation::new(policy, day, &mut disclosing)?;
        let disclosed = disclosing.bytes;
        preamble.extend(disclosed);
        let extents = derivation.extents()?;
        let jobs = extents
            .into_iter()
            .filter(|(statement, extent)| extent.terms > 0 && statement.algebra() != Algebra::Counted);
        let jobs = jobs.map(|(statement, extent)| Job { statement, terms: extent.terms }).collect();
        let digest = digest(&preamble, preamble.len());
        Ok(Self { policy, before, derivation, preamble, digest, openings, sums, jobs })
    }

    /// Digest of the bundle to be: proofs are of use for this one alone.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// What is to be proved.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// Proves one statement. The proof has been verified.
    pub fn prove<R: RngCore + CryptoRng>(
        &self,
        statement: Statement,
        rng: &mut R,
    ) -> Result<Vec<u8>, ProverError> {
        let claims = self.derivation.claims(statement);
        let opened = self.open(&claims)?;
        let made = match statement_of(self.context(statement), statement, &claims) {
            Some(Proved::Range(statement)) => range::prove(&statement, &opened, rng),
            Some(Proved::Zero(statement)) => zero::prove(&statement, &opened, rng),
            None => Ok(Vec::new()),
        };
        made.map_err(|source| ProverError::Statement { statement, source })
    }

    /// Whether a proof that was made before is of this statement and bundle.
    pub fn is_proof(&self, statement: Statement, proof: &[u8]) -> bool {
        let claims = self.derivation.claims(statement);
        match statement_of(self.context(statement), statement, &claims) {
            Some(Proved::Range(statement)) => range::verify(&statement, proof).is_ok(),
            Some(Proved::Zero(statement)) => zero::verify(&statement, proof).is_ok(),
            None => false,
        }
    }

    /// Puts the bundle together and verifies it.
    pub fn finish(
        self,
        proofs: &BTreeMap<Statement, Vec<u8>>,
        close: &Close,
        keys: &LogKeys,
        demands: &Demands,
    ) -> Result<Finished, ProverError> {
        let mut bundle = self.preamble;
        for Job { statement, .. } in &self.jobs {
            bundle.extend(proofs.get(statement).ok_or(ProverError::MissingProof(*statement))?);
        }
        close.write(&mut bundle);
        let mut chain = self.before.clone();
        let report = verify_bundle(&bundle, keys, demands, self.policy, &mut chain)?;
        Ok(Finished { bundle, report, chain, sums: self.sums })
    }

    fn context(&self, statement: Statement) -> grantbook_compliance::StatementContext<'_> {
        context(self.policy, &self.derivation.day().header, statement, self.digest)
    }

    fn open(&self, claims: &Claims) -> Result<Vec<OpenedTerm>, ProverError> {
        let opened = claims.terms.iter().map(|term| term.open(|commitment| self.openings.get(commitment)));
        // whatever is missing was looked for when the day was derived: only sums are left
        opened.map(|opened| opened.ok_or(ProverError::Sums)).collect()
    }

    fn violations(&self) -> Result<Vec<Violation>, ProverError> {
        let without = self.derivation.day().walked.without_grant.iter();
        let mut violations: Vec<_> = without
            .map(|leaf| Violation { leaf: *leaf, statement: Statement::UseHasGrant, why: Why::NamesNothing })
            .collect();
        for Job { statement, .. } in &self.jobs {
            let claims = self.derivation.claims(*statement);
            for (leaf, opened) in claims.leaves.iter().zip(&self.open(&claims)?) {
                let why = match statement.algebra() {
                    Algebra::Range32 if u32::try_from(opened.value).is_err() => Why::OutOfRange,
                    Algebra::Range64 if u64::try_from(opened.value).is_err() => Why::OutOfRange,
                    Algebra::Zero if opened.value != 0 => Why::NotEqual,
                    _ => continue,
                };
                let named = |leaf| Violation { leaf, statement: *statement, why };
                if *statement == Statement::UsesWithinCap && opened.value < 0 {
                    let beyond = usize::try_from(opened.value.unsigned_abs()).unwrap_or(usize::MAX);
                    violations.extend(self.derivation.last_uses(*leaf, beyond).map(named));
                } else {
                    violations.push(named(*leaf));
                }
            }
        }
        violations.sort_unstable();
        violations.dedup();
        Ok(violations)
    }
}

/// Header and entries of the bundle, and which entries are the tenant's.
fn begin(input: &DayInput<'_>, before: &Chain) -> Result<(Vec<u8>, Vec<Own>), ProverError> {
    let mut range = input.start.clone();
    let head = |range: &CompactRange| {
        let (TreeSize(size), Hash(root)) = (range.size(), range.root());
        Head { size, root }
    };
    let start = head(&range);
    for entry in input.entries {
        range.append(leaf_hash(entry), |_, _, _| {})?;
    }
    let header = Header {
        origin: input.origin.to_owned(),
        day: input.day,
        day_key: input.tag_key.day_key(input.day).to_bytes(),
        key_proof: KeyProof::new(input.tag_key, input.day)?,
        chain: before.digest().unwrap_or_default(),
        start,
        end: head(&range),
        frontier: input.start.hashes().to_vec(),
    };
    let mut bytes = header.to_bytes(input.policy);
    let at = bytes.len();
    bytes.extend(input.entries.concat());
    let own = parse_entries(&mut Reader::new(bytes.get(at..).unwrap_or_default()), &header)?;
    Ok((bytes, own))
}

fn links(own: &[Own], secrets: &impl Secrets) -> Result<Vec<Option<Link>>, ProverError> {
    own.iter()
        .map(|own| {
            if !is_opened(own.entry.kind) {
                return Ok(None);
            }
            let opened = secrets.link(own.leaf).ok_or(ProverError::MissingLink { leaf: own.leaf })?;
            let names = (opened.target != LinkTarget::NONE).then_some(opened.target.leaf_index);
            Ok(Some(Link { salt: opened.salt, group: opened.group, names }))
        })
        .collect()
}

fn new_groups(
    input: &DayInput<'_>,
    before: &Chain,
    own: &[Own],
    links: &[Option<Link>],
) -> Result<BTreeMap<u16, Group>, ProverError> {
    let mut groups = BTreeMap::new();
    for (own, link) in own.iter().zip(links) {
        let Some(link) = link else { continue };
        if !own.entry.kind.is_version() || before.groups.contains_key(&link.group) {
            continue;
        }
        let missing = ProverError::MissingGroup { leaf: own.leaf, group: link.group };
        groups.insert(link.group, input.groups.get(&link.group).ok_or(missing)?.clone());
    }
    Ok(groups)
}

fn write_exceptions(
    input: &DayInput<'_>,
    before: &Chain,
    own: &[Own],
    secrets: &impl Secrets,
    bytes: &mut Vec<u8>,
) -> Result<(), ProverError> {
    // a day has fewer entries and statements than that
    bytes.extend(u32::try_from(input.exceptions.len()).unwrap_or(u32::MAX).to_be_bytes());
    for (leaf, statement) in input.exceptions {
        let (leaf, statement) = (*leaf, *statement);
        let expected = "an entry that is known";
        let opened = commitments(own, before, leaf);
        let opened = opened.ok_or(ProofError::Exception { leaf, statement, expected })?.len();
        let mut openings = if opened == 0 {
            Vec::new()
        } else {
            secrets.openings(leaf).ok_or(ProverError::MissingOpening { leaf })?
        };
        openings.truncate(opened);
        Exception { leaf, statement, openings: &openings }.write(bytes);
    }
    Ok(())
}

/// Discloses what the openings say, and remembers it.
struct Disclosing<'o> {
    openings: &'o Openings,
    /// Last second of the day.
    last: i64,
    bytes: Vec<u8>,
}

impl Disclosing<'_> {
    fn value(&self, leaf: u64, commitment: &Commitment) -> Result<i64, ProofError> {
        let (statement, expected) = (Statement::KeptInTime, "an opening of the commitment");
        let opening = self.openings.get(commitment);
        let value = opening.and_then(|opening| i64::try_from(opening.value).ok());
        value.ok_or(ProofError::Disclosure { leaf, statement, expected })
    }
}

impl Disclosures for Disclosing<'_> {
    fn is_after(&mut self, leaf: u64, used: &Commitment, resumed: &Commitment) -> Result<bool, ProofError> {
        let is_after = self.value(leaf, used)? >= self.value(leaf, resumed)?;
        self.bytes.push(is_after.into());
        Ok(is_after)
    }

    fn month(&mut self, leaf: u64, used: &Commitment, days: &Commitment) -> Result<u16, ProofError> {
        let kept = self.value(leaf, days)?.saturating_mul(calendar::DAY_SECONDS);
        let month = calendar::month_of(self.value(leaf, used)?.saturating_add(kept));
        // one that has begun says no more than the day itself
        let month = if calendar::month_begins(month) > self.last { month } else { 0 };
        self.bytes.extend(month.to_be_bytes());
        Ok(month)
    }
}

/// Openings that are those of an entry's commitments.
fn checked(
    leaf: u64,
    commitments: &[Commitment],
    secrets: &impl Secrets,
) -> Result<Vec<Opening>, ProverError> {
    let missing = ProverError::MissingOpening { leaf };
    let openings = secrets.openings(leaf).filter(|openings| openings.len() >= commitments.len());
    let openings = openings.ok_or(missing.clone())?;
    for (commitment, opening) in commitments.iter().zip(&openings) {
        verify_opening(commitment, opening).map_err(|_| missing.clone())?;
    }
    Ok(openings)
}

#[cfg(test)]
pub(crate) mod cheating;
