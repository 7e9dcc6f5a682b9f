//! Where a ledger lives and how it behaves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use grantbook_record::UnixSeconds;

use crate::clock::Clock;

/// Everything that [`crate::Ledger::open`] needs.
#[derive(Debug, Clone)]
pub struct LedgerConfig {
    /// Journal, bundles, vault, tiles and state.
    pub data_dir: PathBuf,
    /// Signing keys, tag keys, epoch keys, tenants and tokens. Outside the data folder and its backups.
    pub keyring_dir: PathBuf,
    /// What guards the secrets in it.
    pub keyring: KeyringKind,
    /// File that holds the last signed checkpoint, outside the data folder and its backups.
    pub anchor: PathBuf,
    /// Origin of the log; fixed when the keyring is made, and checked against it later.
    pub origin: Option<String>,
    /// How long after a withdrawal a gate may still permit.
    pub freshness_bound: Duration,
    /// How long after a use its record may arrive without being marked late.
    pub late_after: Duration,
    /// How long a gate may draw on a lease at most.
    pub lease_ttl: Duration,
    /// From when on checkpoints in receipts bear the ML-DSA-44 signature too, which published ones always do.
    pub post_quantum_from: Option<UnixSeconds>,
    /// Memory that the state's store may use as cache, in bytes.
    pub state_cache_bytes: u64,
    /// Time source.
    pub clock: Clock,
    /// When complete bundles are kept as files.
    pub archiving: Archiving,
    /// Entries after which the state is flushed and the journal trimmed; a multiple of 256.
    pub trim_every_entries: u64,
}

/// When complete bundles are kept as files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Archiving {
    /// By a thread of its own, behind the sequencer.
    #[default]
    Behind,
    /// By the sequencer itself, before its next batch and at the end: for simulations, in which every step has its place.
    Between,
}

/// What guards the keyring's secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KeyringKind {
    /// Files that only their owner can read.
    #[default]
    Files,
    /// The same files, sealed under keys that never leave a PKCS#11 token. Refused by a build without the feature
    /// `pkcs11`.
    Pkcs11(Pkcs11Token),
}

/// A PKCS#11 token, and where the PIN of its user is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pkcs11Token {
    /// The library of the token's maker.
    pub module: PathBuf,
    /// The token's label, which no other token of the library has.
    pub label: String,
    /// A file with the PIN; without one it is read from the variable [`PKCS11_PIN_VARIABLE`].
    pub pin_file: Option<PathBuf>,
}

/// The environment variable with the PIN of the token's user.
pub const PKCS11_PIN_VARIABLE: &str = "GRANTBOOK_PKCS11_PIN";

/// Origin of a ledger for which none was chosen.
pub(crate) const DEFAULT_ORIGIN: &str = "grantbook.example/sandbox";

impl LedgerConfig {
    /// Defaults around a data folder: `<data_dir>.keyring` and `<data_dir>.anchor` beside it.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            keyring_dir: beside(&data_dir, ".keyring"),
            keyring: KeyringKind::Files,
            anchor: beside(&data_dir, ".anchor"),
            data_dir,
            origin: None,
            freshness_bound: Duration::from_secs(5),
            late_after: Duration::from_secs(24 * 3600),
            lease_ttl: Duration::from_secs(60),
            post_quantum_from: None,
            state_cache_bytes: 64 * 1024 * 1024,
            clock: Clock::system(),
            archiving: Archiving::Behind,
            trim_every_entries: 64 * 1024,
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}
