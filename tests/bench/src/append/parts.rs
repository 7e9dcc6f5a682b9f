//! The parts of an append, each timed singly: their sum is what an append cannot cost less than.
//!
//! Processor time of a part is taken with every core busy with the same part, as it is in the intake. The limit is the
//! smaller of two: the cores over the sum of processor times, and the journal's own pace, which no core can hasten.

use std::fs::File;
use std::io::Write as _;

use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use grantbook_compliance::{Opening, commit_batch};
use grantbook_record::day::Day;
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::{LinkTarget, Salt, TagKey, digest, link};
use grantbook_record::uses::UseBatch;
use grantbook_record::{Class, Entry, Envelope, PublicKey, Signer};
use grantbook_tlog::{CompactRange, Hash, LeafIndex, NodeReader, TreeSize, inclusion_proof, leaf_hash};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::intake::Intake;
use crate::Failure;
use crate::measure::{alone, cores, float, part_cpu};
use crate::report::Report;

/// Rounds of each part, and calls in a round.
const ROUNDS: usize = 9;
const CALLS: usize = 40;
/// Leaves of the tree in which proofs are made.
const TREE_LEAVES: u64 = 1 << 17;
/// Rows that the state holds before its part is timed.
const STATE_ROWS: usize = 200_000;
/// Entries that share one frame and one batch of rows where they are timed: 64 callers make about so many.
const COMMIT_ENTRIES: usize = 48;

/// Seconds per entry, by the part's name.
pub(crate) type Costs = Vec<(&'static str, f64)>;

/// What the parts of both kinds of append cost.
pub(super) struct Parts {
    grants: Costs,
    uses: Costs,
    /// Seconds of wall time per commit of a few entries, and of one of a whole use batch.
    journal_wall: (f64, f64),
    /// Records of a use batch.
    batch: usize,
}

/// What the parts allow.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) per_second: f64,
    /// Processor time of one entry, microseconds.
    pub(super) cpu_us: f64,
}

impl Parts {
    pub(super) fn measure(intake: &Intake<'_>) -> Result<Self, Failure> {
        let (grants, grant_frame) = grant_parts(intake)?;
        let (uses, use_frame) = use_parts(intake)?;
        let batch = usize::from(intake.options.batch);
        let mut parts = Self { grants, uses, journal_wall: (0.0, 0.0), batch };

        let mut journal = Journal::new(intake)?;
        let (cpu, wall) = journal.frames(grant_frame * COMMIT_ENTRIES)?;
        parts.grants.push(("journal", cpu / float(COMMIT_ENTRIES)));
        parts.journal_wall.0 = wall;
        let (cpu, wall) = journal.frames(use_frame * batch)?;
        parts.uses.push(("journal", cpu / float(batch)));
        parts.journal_wall.1 = wall;

        let rows = Rows::new(intake)?;
        // under keys in no order: the customer (JSON, sealed) and the jti; in order: grant and feed
        let customer = intake.granted.first().ok_or("no customer has a grant")?;
        let state = intake.world.ledger.customer(intake.world.tenant, &customer.sub);
        let state_bytes = serde_json::to_vec(&state)?.len() + 100;
        parts.grants.push(("state rows", rows.apply(COMMIT_ENTRIES, &[state_bytes, 24], &[16, 40])?));
        parts.uses.push(("state rows", rows.apply(batch, &[36 + 40], &[])?));
        Ok(parts)
    }

    /// The medians of two measurements, which are their means.
    pub(super) fn with(mut self, other: Self) -> Self {
        let both = self.grants.iter_mut().zip(other.grants).chain(self.uses.iter_mut().zip(other.uses));
        both.for_each(|((_, this), (_, that))| *this = f64::midpoint(*this, that));
        self.journal_wall.0 = f64::midpoint(self.journal_wall.0, other.journal_wall.0);
        self.journal_wall.1 = f64::midpoint(self.journal_wall.1, other.journal_wall.1);
        self
    }

    /// The limit of grants of which `batch` share a commit.
    pub(super) fn grants_limit(&self, batch: f64) -> Limit {
        limit(&self.grants, batch / self.journal_wall.0)
    }

    pub(super) fn uses_limit(&self) -> Limit {
        limit(&self.uses, float(self.batch) / self.journal_wall.1)
    }

    pub(super) fn show_grants(&self, report: &mut Report) {
        show(report, "grants", &self.grants, self.journal_wall.0);
    }

    pub(super) fn show_uses(&self, report: &mut Report) {
        show(report, "uses", &self.uses, self.journal_wall.1);
    }
}

fn limit(parts: &[(&str, f64)], journal_per_second: f64) -> Limit {
    let cpu: f64 = parts.iter().map(|(_, seconds)| seconds).sum();
    Limit { per_second: (float(cores()) / cpu).min(journal_per_second), cpu_us: cpu * 1e6 }
}

fn show(report: &mut Report, of: &str, parts: &[(&str, f64)], journal_wall: f64) {
    for (name, seconds) in parts {
        report.figure(format!("{of}.part.{name}"), seconds * 1e6, "µs");
    }
    report.figure(format!("{of}.part.fdatasync, wall, per commit"), journal_wall * 1e3, "ms");
}

/// Parts of a grant, and the bytes of its item in the journal.
fn grant_parts(intake: &Intake<'_>) -> Result<(Costs, usize), Failure> {
    let mut customer = crate::world::Customer::new(usize::MAX)?;
    let bytes = intake.world.grant(&mut customer);
    let signer = &customer.signer;
    let (class, values) = intake.world.terms.committed(None);
    let body_bytes = bytes.len() + 300 + 40 * values.len();
    let frame = Entry::size(class) + body_bytes + 60;
    let key = *signer.public_key();
    let parts = vec![
        ("signature", signature(&key, signer, bytes.len())),
        ("commitments", commitments(&values)),
        (
            "json",
            part_cpu(ROUNDS, CALLS, |_| {
                std::hint::black_box(Envelope::parse(&bytes).and_then(|envelope| envelope.event())).ok();
            }),
        ),
        (
            "hashes",
            part_cpu(ROUNDS, CALLS, |_| {
                std::hint::black_box((Bytes32::sha256(&bytes), key.thumbprint()));
            }) + entry_hashes(class),
        ),
        ("tag", tag()),
        ("seal and open", seal(body_bytes)),
        ("tree and proof", tree()),
    ];
    Ok((parts, frame))
}

/// Parts of a use in a batch, and the bytes of its item in the journal.
fn use_parts(intake: &Intake<'_>) -> Result<(Costs, usize), Failure> {
    let (json, (_, signer)) = intake.sample_batch(0)?;
    let batch = UseBatch::parse(&json)?;
    let count = float(batch.records.len());
    let record = batch.records.first().ok_or("a batch without records")?.json.len();
    let body_bytes = record + 260;
    let key = *signer.public_key();
    let parts = vec![
        ("signature", signature(&key, &signer, batch.head.len()) / count),
        ("commitments", commitments(&[1, 80])),
        // with the digests of its records and the root over them
        (
            "json and digests",
            part_cpu(ROUNDS, 2, |_| drop(std::hint::black_box(UseBatch::parse(&json)))) / count,
        ),
        ("hashes", entry_hashes(Class::Use)),
        ("tag", tag()),
        ("seal and open", seal(body_bytes)),
        ("tree and proof", tree()),
    ];
    Ok((parts, Entry::size(Class::Use) + body_bytes + 60))
}

/// Parts of a permit that the ledger records and gives a receipt for, seconds: those that no batch can share. Its record has
/// so many bytes.
pub(crate) fn of_a_permit(record: usize) -> Costs {
    vec![
        ("commitments", commitments(&[1, 80])),
        ("hashes", entry_hashes(Class::Use)),
        ("tag", tag()),
        ("seal and open", seal(record + 260)),
        ("tree and proof", tree()),
    ]
}

fn signature(key: &PublicKey, signer: &Signer, message_bytes: usize) -> f64 {
    let message = vec![7; message_bytes];
    let signature = signer.sign(&message);
    part_cpu(ROUNDS, CALLS, |_| {
        std::hint::black_box(key.verify(&message, &signature));
    })
}

fn commitments(values: &[u32]) -> f64 {
    part_cpu(ROUNDS, CALLS, |call| {
        let mut rng = ChaCha20Rng::seed_from_u64(call as u64);
        let openings: Vec<_> =
            values.iter().map(|value| Opening::random(u64::from(*value), &mut rng)).collect();
        std::hint::black_box(commit_batch(&openings));
    })
}

/// Digest, link and leaf hash of an entry.
fn entry_hashes(class: Class) -> f64 {
    let salt = Salt(Bytes32([1; 32]));
    let entry = vec![2; Entry::size(class)];
    part_cpu(ROUNDS, CALLS, |_| {
        let target = LinkTarget { leaf_index: 1, ..LinkTarget::NONE };
        std::hint::black_box((digest(&salt, &salt.0, None), link(&salt, 1, &target), leaf_hash(&entry)));
    })
}

fn tag() -> f64 {
    let day_key = TagKey::from_bytes([3; 32]).day_key(Day(1));
    part_cpu(ROUNDS, CALLS, |call| {
        std::hint::black_box(day_key.tag("grantbook.example/sandbox", LeafIndex(call as u64)));
    })
}

fn seal(bytes: usize) -> f64 {
    let body = vec![4; bytes];
    part_cpu(ROUNDS, CALLS, |call| {
        let mut nonce = [0; 24];
        ChaCha20Rng::seed_from_u64(call as u64).fill_bytes(&mut nonce);
        let cipher = XChaCha20Poly1305::new((&[5; 32]).into());
        let sealed = cipher.encrypt(XNonce::from_slice(&nonce), body.as_slice()).unwrap_or_default();
        std::hint::black_box(cipher.decrypt(XNonce::from_slice(&nonce), sealed.as_slice())).ok();
    })
}

/// Every complete node of a tree in memory.
struct Nodes(Vec<Vec<Hash>>);

impl NodeReader for Nodes {
    type Error = String;
    fn node(&self, level: u8, index: u64) -> Result<Hash, String> {
        let level = self.0.get(usize::from(level));
        let node = level.and_then(|nodes| nodes.get(usize::try_from(index).ok()?));
        node.copied().ok_or_else(|| "no such node".to_owned())
    }
}

/// An append and an inclusion proof.
fn tree() -> f64 {
    let (mut range, mut nodes) = (CompactRange::new(), Nodes(vec![Vec::new(); 20]));
    for leaf in 0..TREE_LEAVES {
        // only a tree of 2^64 leaves refuses another
        let _ = range.append(Hash(Sha256::digest(leaf.to_be_bytes()).into()), |level, _, hash| {
            nodes.0.get_mut(usize::from(level)).into_iter().for_each(|level| level.push(hash));
        });
    }
    let append = part_cpu(ROUNDS, 1, |_| {
        let mut range = range.clone();
        for leaf in 0..=u8::MAX {
            let _ = range.append(Hash([leaf; 32]), |_, _, _| ());
        }
        std::hint::black_box(range.root());
    });
    let proof = part_cpu(ROUNDS, 20 * CALLS, |call| {
        let leaf = call as u64 * 7919 % TREE_LEAVES;
        std::hint::black_box(inclusion_proof(LeafIndex(leaf), TreeSize(TREE_LEAVES), &nodes)).ok();
    });
    append / 256.0 + proof
}

/// A file on the measured disk.
struct Journal(File);

impl Journal {
    fn new(intake: &Intake<'_>) -> Result<Self, Failure> {
        Ok(Self(tempfile::tempfile_in(&intake.options.dir)?))
    }

    /// Processor and wall time of one append of `bytes` and its `fdatasync`.
    fn frames(&mut self, bytes: usize) -> Result<(f64, f64), Failure> {
        let frame = vec![8; bytes];
        alone(101, |_| {
            self.0.write_all(&frame)?;
            self.0.sync_data()?;
            Ok(())
        })
    }
}

/// A sled like the one of the state.
struct Rows {
    db: sled::Db,
    /// Removed at the end.
    _folder: tempfile::TempDir,
}

impl Rows {
    fn new(intake: &Intake<'_>) -> Result<Self, Failure> {
        let folder = tempfile::tempdir_in(&intake.options.dir)?;
        let db = sled::Config::default()
            .path(folder.path())
            .cache_capacity(intake.world.config.state_cache_bytes)
            .flush_every_ms(None)
            .open()?;
        for row in 0..STATE_ROWS {
            db.insert(row_key(row), [0; 100].as_slice())?;
        }
        Ok(Self { db, _folder: folder })
    }

    /// Processor time per entry of one batch for `entries`, each with rows of these sizes: some under keys in no order,
    /// some under rising ones.
    fn apply(&self, entries: usize, scattered: &[usize], rising: &[usize]) -> Result<f64, Failure> {
        let mut next = STATE_ROWS;
        let (cpu, _) = alone(51, |_| {
            let mut batch = sled::Batch::default();
            for _ in 0..entries {
                next += 1;
                for (at, bytes) in scattered.iter().enumerate() {
                    batch.insert(row_key(scattered.len() * next + at), vec![9; *bytes]);
                }
                for (at, bytes) in (b'f'..).zip(rising) {
                    batch.insert([[at].as_slice(), &next.to_be_bytes()].concat(), vec![9; *bytes]);
                }
            }
            Ok(self.db.apply_batch(batch)?)
        })?;
        Ok(cpu / float(entries))
    }
}

fn row_key(row: usize) -> Vec<u8> {
    let hash = Sha256::digest(row.to_be_bytes());
    [b"c".as_slice(), hash.get(..16).unwrap_or_default()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_of_cores_and_journal_is_the_limit() {
        let parts = [("a", 60e-6), ("b", 40e-6)];
        let free = limit(&parts, 1e9);
        assert!((free.cpu_us - 100.0).abs() < 1e-6);
        assert!((free.per_second - float(cores()) / 1e-4).abs() < 1.0);
        assert!((limit(&parts, 500.0).per_second - 500.0).abs() < 1e-9);
    }
}
