//! The files that a prover keeps for one tenant: bundles, reports, the policies they were made under, the chain, and proofs of
//! statements whose bundle is not finished. Nothing in them is secret from the regulator; nobody else should have them.
//!
//! A crash between two of these files leaves either a day that is proved again, or a bundle that the chain is taken over:
//! [`super::run`] says which.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use grantbook_proof::{Chain, Statement, StatementPolicy, verify_bundle};
use grantbook_record::encoding::Bytes32;
use grantbook_record::{Day, TenantId};
use grantbook_tlog::{Demands, LogKeys};

use super::{date_of, parse_date};
use crate::store::Fault;
use crate::store::durable;

const CHAIN: &str = "chain.json";
const BUNDLE: &str = ".bundle";
const REPORT: &str = ".report.json";
const POLICY: &str = ".policy.json";
const PART: &str = ".part";

/// A folder `<root>/<tenant>`.
#[derive(Debug, Clone)]
pub struct ProofShelf {
    folder: PathBuf,
}

/// A day whose bundle is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShelvedDay {
    /// The day.
    pub day: Day,
    /// Its bundle.
    pub bundle: PathBuf,
    /// What the bundle's verification said, as JSON.
    pub report: PathBuf,
}

impl ProofShelf {
    /// The shelf of a tenant below the folder of all, which is made when something is put there.
    pub fn new(root: &Path, tenant: TenantId) -> Self {
        Self { folder: root.join(tenant.to_string()) }
    }

    /// The days whose bundles are there, in order.
    pub fn days(&self) -> Result<Vec<ShelvedDay>, Fault> {
        let mut days: Vec<_> = self
            .names()?
            .iter()
            .filter_map(|name| parse_date(name.strip_suffix(BUNDLE)?))
            .map(|day| ShelvedDay { day, bundle: self.of(day, BUNDLE), report: self.of(day, REPORT) })
            .collect();
        days.sort_unstable_by_key(|shelved| shelved.day);
        Ok(days)
    }

    /// Where a day's bundle is, or will be.
    pub fn bundle_file(&self, day: Day) -> PathBuf {
        self.of(day, BUNDLE)
    }

    /// A day's bundle; `None` where it is not proved.
    pub fn bundle(&self, day: Day) -> Result<Option<Vec<u8>>, Fault> {
        durable::read(&self.of(day, BUNDLE))
    }

    /// The policy that a day was proved under; `None` where it is not proved.
    pub fn policy(&self, day: Day) -> Result<Option<Vec<u8>>, Fault> {
        durable::read(&self.of(day, POLICY))
    }

    /// A day's report as JSON; `None` where it is not proved.
    pub fn report(&self, day: Day) -> Result<Option<Vec<u8>>, Fault> {
        durable::read(&self.of(day, REPORT))
    }

    /// Keeps what a day came to.
    pub(super) fn keep(&self, day: Day, policy: &[u8], report: &[u8], bundle: &[u8]) -> Result<(), Fault> {
        durable::replace(&self.of(day, POLICY), policy)?;
        durable::replace(&self.of(day, REPORT), report)?;
        // last, as it is by the bundle that the day is there
        durable::replace(&self.of(day, BUNDLE), bundle)
    }

    pub(super) fn keep_chain(&self, chain: &Chain) -> Result<(), Fault> {
        durable::replace(&self.folder.join(CHAIN), &chain.to_json())
    }

    /// The chain after the bundle of this digest: as kept, otherwise by verifying the bundles that are there, one after
    /// another.
    pub(super) fn chain(&self, after: Option<Bytes32>, keys: &LogKeys) -> Result<Chain, Fault> {
        let is_it = |chain: &Chain| chain.digest().map(Bytes32) == after;
        let kept = durable::read(&self.folder.join(CHAIN))?.and_then(|json| Chain::parse(&json).ok());
        if let Some(chain) = kept.filter(is_it) {
            return Ok(chain);
        }
        let mut chain = Chain::new();
        for ShelvedDay { day, bundle: path, .. } in self.days()? {
            if is_it(&chain) {
                break;
            }
            let damaged = |why: String| Fault::Damaged { what: path.display().to_string(), why };
            let policy = durable::read(&self.of(day, POLICY))?.unwrap_or_default();
            let policy = StatementPolicy::parse(&policy).map_err(|error| damaged(error.to_string()))?;
            let bundle = durable::read(&path)?.unwrap_or_default();
            verify_bundle(&bundle, keys, &Demands::default(), &policy, &mut chain)
                .map_err(|error| damaged(error.to_string()))?;
        }
        if !is_it(&chain) {
            let why = "no bundle is the one after which the keyring has the sums".to_owned();
            return Err(Fault::Damaged { what: self.folder.display().to_string(), why });
        }
        if after.is_some() {
            self.keep_chain(&chain)?;
        }
        Ok(chain)
    }

    /// A statement's proof for a bundle that is not finished.
    pub(super) fn part(&self, digest: &[u8; 32], statement: Statement) -> Result<Option<Vec<u8>>, Fault> {
        durable::read(&self.part_of(digest, statement))
    }

    pub(super) fn keep_part(
        &self,
        digest: &[u8; 32],
        statement: Statement,
        proof: &[u8],
    ) -> Result<(), Fault> {
        durable::replace(&self.part_of(digest, statement), proof)
    }

    /// Removes all proofs of unfinished bundles: of this one, which is done, and of those that will never be.
    pub(super) fn drop_parts(&self) -> Result<(), Fault> {
        for name in self.names()?.iter().filter(|name| name.ends_with(PART)) {
            let path = self.folder.join(name);
            std::fs::remove_file(&path).map_err(durable::io("remove", &path))?;
        }
        Ok(())
    }

    /// Statements of which a proof is there, and its bytes, by the bundle's digest.
    pub(super) fn parts(
        &self,
        digest: &[u8; 32],
        statements: impl Iterator<Item = Statement>,
    ) -> Result<BTreeMap<Statement, Vec<u8>>, Fault> {
        let read = |statement| Ok(self.part(digest, statement)?.map(|proof| (statement, proof)));
        statements.filter_map(|statement| read(statement).transpose()).collect()
    }

    fn names(&self) -> Result<Vec<String>, Fault> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(durable::io("read", &self.folder)(error)),
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names.collect::<Result<_, _>>().map_err(durable::io("read", &self.folder))
    }

    fn of(&self, day: Day, suffix: &str) -> PathBuf {
        self.folder.join(format!("{}{suffix}", date_of(day)))
    }

    fn part_of(&self, digest: &[u8; 32], statement: Statement) -> PathBuf {
        let mut name = String::new();
        for byte in digest {
            // writing to a string never fails
            let _ = write!(name, "{byte:02x}");
        }
        self.folder.join(format!("{name}-{:02}{PART}", statement.number()))
    }
}
