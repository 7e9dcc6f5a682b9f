//! A log with one tenant's entries among others', and what its ledger knows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use grantbook_compliance::{Opening, commit_batch};
use grantbook_proof::prove::{DayInput, Finished, ProverError, SecretSums, Secrets, Violation};
use grantbook_proof::{Chain, Close, Group, Mode, Prover, Statement, StatementPolicy};
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::{self, TagKey};
use grantbook_record::receipt::LinkOpening;
use grantbook_record::{Class, Currency, Day, Entry, Kind, LinkTarget, Salt, Term};
use grantbook_tlog::{
    Checkpoint, CompactRange, Demands, Hash, LeafIndex, LogKeys, NodeReader, SignatureKind, SigningKey,
    TreeSize, UnixSeconds, consistency_proof, cosignature, inclusion_proof, leaf_hash,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

pub(crate) const ORIGIN: &str = "log.example/2025";
/// 2025-06-23.
pub(crate) const FIRST_DAY: u16 = 2000;

pub(crate) const POLICY: &str = r#"{"v":1,"id":"sandbox","bound_seconds":5,"late_seconds":86400,"payout_floor":[{"currency":"CNY","minor":75}],"acknowledged_within_seconds":86400,"age_years":14,"fair_pay":{"cohort_min":2,"of":3,"per":2}}"#;

pub(crate) fn policy() -> StatementPolicy {
    StatementPolicy::parse(POLICY.as_bytes()).unwrap()
}

pub(crate) fn cny() -> Currency {
    Currency::parse("CNY").unwrap()
}

/// First second of a day, since 2020.
pub(crate) fn begins(day: u16) -> u64 {
    u64::from(day) * 86_400
}

/// The log and the ledger's knowledge of it.
pub(crate) struct World {
    pub(crate) day: u16,
    pub(crate) entries: Vec<Vec<u8>>,
    range: CompactRange,
    nodes: BTreeMap<(u8, u64), Hash>,
    /// Trees where days begin.
    starts: BTreeMap<u16, CompactRange>,
    pub(crate) links: BTreeMap<u64, LinkOpening>,
    pub(crate) openings: BTreeMap<u64, Vec<Opening>>,
    pub(crate) groups: BTreeMap<u16, Group>,
    rng: ChaCha20Rng,
}

impl NodeReader for World {
    type Error = Infallible;
    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.nodes[&(level, index)])
    }
}

impl Secrets for World {
    fn link(&self, leaf: u64) -> Option<LinkOpening> {
        self.links.get(&leaf).cloned()
    }

    fn openings(&self, leaf: u64) -> Option<Vec<Opening>> {
        self.openings.get(&leaf).cloned()
    }
}

pub(crate) fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, SignatureKind::Ed25519, &[0x11; 32]).unwrap()
}

pub(crate) fn clock_key() -> SigningKey {
    SigningKey::from_seed(&format!("{ORIGIN}/clock"), SignatureKind::Cosignature, &[0x22; 32]).unwrap()
}

pub(crate) fn keys() -> LogKeys {
    LogKeys::new(log_key().verifier_key().clone(), clock_key().verifier_key().clone()).unwrap()
}

pub(crate) fn tag_key() -> TagKey {
    TagKey::from_bytes([0x33; 32])
}

pub(crate) fn other_tag_key() -> TagKey {
    TagKey::from_bytes([0x44; 32])
}

impl World {
    pub(crate) fn new() -> Self {
        let group =
            |mode, basis_points, cohort| Group { mode, basis_points, cohort: Term::parse(cohort).unwrap() };
        let groups = BTreeMap::from([
            (1, group(Mode::PerUse, 0, "alpha")),
            (2, group(Mode::PerUse, 0, "beta")),
            (3, group(Mode::RevenueShare, 3000, "alpha")),
            (4, group(Mode::PerGrant, 0, "beta")),
            (5, group(Mode::None, 0, "alpha")),
        ]);
        let mut world = Self {
            day: FIRST_DAY,
            entries: Vec::new(),
            range: CompactRange::new(),
            nodes: BTreeMap::new(),
            starts: BTreeMap::new(),
            links: BTreeMap::new(),
            openings: BTreeMap::new(),
            groups,
            rng: ChaCha20Rng::seed_from_u64(5),
        };
        // the log is older than the first day
        world.day -= 1;
        for _ in 0..5 {
            world.foreign();
        }
        world.begin(FIRST_DAY);
        world
    }

    /// Begins a day.
    pub(crate) fn begin(&mut self, day: u16) {
        self.day = day;
        self.starts.insert(day, self.range.clone());
    }

    pub(crate) fn size(&self) -> u64 {
        self.range.size().0
    }

    /// Appends an entry of the tenant.
    pub(crate) fn push(
        &mut self,
        kind: Kind,
        class: Class,
        currency: Currency,
        values: &[u64],
        group: u16,
        names: Option<u64>,
    ) -> u64 {
        let leaf = self.size();
        let openings: Vec<Opening> =
            values.iter().map(|value| Opening::random(*value, &mut self.rng)).collect();
        let target = names.map_or(LinkTarget::NONE, |leaf_index| LinkTarget {
            origin_sha256: Bytes32::sha256(ORIGIN.as_bytes()),
            leaf_index,
            leaf_hash: Bytes32(leaf_hash(&self.entries[usize::try_from(leaf_index).unwrap()]).0),
        });
        let link = LinkOpening { salt: Salt::random(&mut self.rng), group, target };
        let entry = Entry {
            kind,
            class,
            currency,
            day: Day(self.day),
            tag: tag_key().day_key(Day(self.day)).tag(ORIGIN, LeafIndex(leaf)),
            digest: Salt::random(&mut self.rng).0,
            link: entry::link(&link.salt, link.group, &link.target),
            commitments: commit_batch(&openings),
        };
        self.links.insert(leaf, link);
        self.openings.insert(leaf, openings);
        self.append(entry.to_bytes());
        leaf
    }

    /// Appends an entry of another tenant.
    pub(crate) fn foreign(&mut self) {
        let leaf = self.size();
        let opening = Opening::random(1, &mut self.rng);
        let entry = Entry {
            kind: Kind::GrantWithdrawn,
            class: Class::Timed,
            currency: Currency::NONE,
            day: Day(self.day),
            tag: other_tag_key().day_key(Day(self.day)).tag(ORIGIN, LeafIndex(leaf)),
            digest: Salt::random(&mut self.rng).0,
            link: Salt::random(&mut self.rng).0,
            commitments: commit_batch(&[opening]),
        };
        self.append(entry.to_bytes());
    }

    fn append(&mut self, entry: Vec<u8>) {
        let nodes = &mut self.nodes;
        self.range
            .append(leaf_hash(&entry), |level, index, hash| {
                nodes.insert((level, index), hash);
            })
            .unwrap();
        self.entries.push(entry);
    }

    pub(crate) fn start(&self, day: u16) -> &CompactRange {
        &self.starts[&day]
    }

    /// Entries of a day.
    pub(crate) fn entries_of(&self, day: u16) -> Vec<Vec<u8>> {
        let start = usize::try_from(self.starts[&day].size().0).unwrap();
        let own_day = |entry: &&Vec<u8>| entry[5..7] == day.to_be_bytes();
        self.entries[start..].iter().take_while(own_day).cloned().collect()
    }

    /// A signed checkpoint over all entries.
    pub(crate) fn checkpoint(&self, time: u64) -> Vec<u8> {
        let checkpoint = Checkpoint::new(ORIGIN, self.range.size(), self.range.root()).unwrap();
        let mut note = checkpoint.sign(&log_key()).unwrap();
        note.add(cosignature::sign(&clock_key(), UnixSeconds(time), &checkpoint.to_string()).unwrap())
            .unwrap();
        note.to_string().into_bytes()
    }

    /// What shows that a day is over, as of now.
    pub(crate) fn close(&self, day: u16) -> Close {
        let end = self.starts[&day].size().0 + self.entries_of(day).len() as u64;
        let size = self.range.size();
        let over = 1_577_836_800 + begins(day + 1);
        let next = (size.0 > end).then(|| {
            let entry = self.entries[usize::try_from(end).unwrap()].clone();
            (entry, inclusion_proof(LeafIndex(end), size, self).unwrap())
        });
        Close {
            checkpoint: self.checkpoint(over),
            consistency: consistency_proof(TreeSize(end), size, self).unwrap(),
            next,
        }
    }

    /// What is proved of a day, given to a prover.
    pub(crate) fn with_input<T>(
        &self,
        day: u16,
        exceptions: &BTreeSet<(u64, Statement)>,
        then: impl FnOnce(&DayInput<'_>) -> T,
    ) -> T {
        then(&DayInput {
            policy: &policy(),
            origin: ORIGIN,
            day: Day(day),
            tag_key: &tag_key(),
            start: self.start(day),
            entries: &self.entries_of(day),
            groups: &self.groups,
            exceptions,
        })
    }

    /// Entries that do not comply.
    pub(crate) fn violations(&self, day: u16) -> Vec<Violation> {
        self.violations_after(day, &Chain::new(), &SecretSums::default())
    }

    /// Entries that do not comply, on a day that is not the first.
    pub(crate) fn violations_after(&self, day: u16, chain: &Chain, sums: &SecretSums) -> Vec<Violation> {
        self.with_input(day, &BTreeSet::new(), |input| match Prover::new(input, chain, sums, self) {
            Err(ProverError::Violations(violations)) => violations,
            Err(other) => panic!("{other}"),
            Ok(_) => Vec::new(),
        })
    }

    /// Makes the bundle of a day.
    pub(crate) fn prove(
        &self,
        day: u16,
        chain: &Chain,
        sums: &SecretSums,
        exceptions: &BTreeSet<(u64, Statement)>,
    ) -> Result<Finished, ProverError> {
        self.with_input(day, exceptions, |input| self.prove_input(input, chain, sums))
    }

    fn prove_input(
        &self,
        input: &DayInput<'_>,
        chain: &Chain,
        sums: &SecretSums,
    ) -> Result<Finished, ProverError> {
        let day = input.day.0;
        let prover = Prover::new(input, chain, sums, self)?;
        let mut rng = ChaCha20Rng::seed_from_u64(u64::from(day));
        let proofs =
            prover.jobs().iter().map(|job| Ok((job.statement, prover.prove(job.statement, &mut rng)?)));
        let proofs = proofs.collect::<Result<_, ProverError>>()?;
        prover.finish(&proofs, &self.close(day), &keys(), &Demands::default())
    }
}
