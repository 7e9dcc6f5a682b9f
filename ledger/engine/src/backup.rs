//! Backups of a data folder, taken while a server may be writing to it, and their way back.
//!
//! The keyring is not in them: it has a backup of its own, so that a backup of the data alone reveals nothing. Nor is
//! the state, which is folded again. What is copied, and in which order: `docs/spec/backup.md`.

mod copy;
mod manifest;
mod restore;
mod tree;

use std::path::PathBuf;

use grantbook_tlog::LogKeys;

use crate::config::LedgerConfig;
use crate::error::OpenError;
use crate::keyring::Keyring;
use crate::store::Fault;

pub use copy::backup;
pub use manifest::{Manifest, ManifestFile, generations};
pub(crate) use restore::LOSSES;
pub use restore::{RestoreReport, restore, verify_backup};

/// Why a backup was not made, does not verify or was not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] Fault),
    /// The keyring does not give the log's keys.
    #[error(transparent)]
    Keyring(#[from] OpenError),
    /// The server wrote faster than could be copied.
    #[error("the ledger changed faster than it could be copied, try again")]
    Busy,
    /// There is no such generation.
    #[error("no such generation in {}, expected one that a backup made", .0.display())]
    NoGeneration(PathBuf),
    /// Something in the backup is not what was put there.
    #[error("{what} of the backup is wrong: {why}")]
    Wrong {
        /// Which file or part.
        what: String,
        /// How it shows.
        why: String,
    },
    /// There is something where the ledger would go.
    #[error("{} is there already, expected no such folder", .0.display())]
    Occupied(PathBuf),
    /// The anchor vouches for more than the backup holds.
    #[error(
        "the backup holds {restored} entries, the anchor vouches for {anchored}: what was acknowledged after it would \
         be lost"
    )]
    Loss {
        /// Entries in the backup.
        restored: u64,
        /// Size of the checkpoint in the anchor.
        anchored: u64,
    },
}

#[allow(clippy::needless_pass_by_value, reason = "by value these are what `map_err` gives")]
impl BackupError {
    fn wrong(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Wrong { what: what.into(), why: why.to_string() }
    }
}

/// What a backup holds.
#[derive(Debug, Clone)]
pub struct BackupReport {
    /// Its generation, from 1.
    pub generation: u64,
    /// Entries of the log.
    pub tree_size: u64,
    /// Files of the generation.
    pub files: u64,
    /// Of these, how many were copied now; the others were there.
    pub copied_files: u64,
    /// Bytes copied now.
    pub copied_bytes: u64,
}

/// The log's keys, from a keyring that must be there.
pub fn log_keys(config: &LedgerConfig) -> Result<LogKeys, OpenError> {
    if !config.keyring_dir.join("keyring.json").is_file() {
        // opening it would make a new one
        return Err(OpenError::Keyring(format!("there is none in {}", config.keyring_dir.display())));
    }
    Keyring::log_keys_in(config)
}
