//! The consent ledger's engine: admission, sequencing with group commit, storage, state and reads.
//!
//! The way of a record: `admit` parses, verifies and commits outside any lock; the `sequencer` checks it against
//! the state, gives it its place and its bytes; the [`store`] makes the batch durable; only then are state,
//! checkpoint and receipt published. There is this one write path. What is *not* here: HTTP, and what an event or an
//! entry is (`grantbook-record`) or when a use is permitted (`grantbook-plan`).

mod accounts;
mod acts;
mod admit;
mod archive;
mod assets;
mod backup;
mod body;
mod client;
mod clock;
mod closed;
mod complaints;
mod config;
mod cosign;
mod cosigners;
mod customer_rows;
mod drawn;
mod epoch;
mod erase;
mod error;
mod fsck;
mod history;
mod keyring;
mod kit;
pub mod leases;
mod ledger;
mod mandates;
mod migrate;
mod mirror;
mod nodes;
mod open;
mod owed;
mod proofs;
mod publication;
mod published;
mod questions;
mod random;
mod reads;
mod seal;
mod sequencer;
pub mod settlement;
mod shred;
mod simulation;
mod state;
pub mod state_map;
mod state_root;
mod stats;
pub mod store;
mod tenants;
mod transfer;

pub use accounts::AccountChange;
pub use assets::{AssetRow, AssetRows};
pub use backup::{
    BackupError, BackupReport, Manifest, ManifestFile, RestoreReport, backup, generations, log_keys, restore,
    verify_backup,
};
pub use clock::Clock;
pub use closed::ClosedSum;
pub use complaints::{Complaint, ComplaintAnswer, ComplaintCounts, ComplaintError, ComplaintRow};
pub use config::{Archiving, KeyringKind, LedgerConfig, PKCS11_PIN_VARIABLE, Pkcs11Token};
pub use cosign::{Cosignature, CosignatureError};
pub use drawn::{Drawn, DrawnError};
pub use epoch::{Epoch, Rolled};
pub use erase::{EraseError, Erased, Erasure};
pub use error::{AppendError, OpenError, ReadError, TenantError, WitnessedError};
pub use fsck::{FsckReport, Progress, fsck};
pub use history::{Declined, History, HistoryItem, HistoryRow, WaitingRequest};
pub use keyring::{EpochOfBackup, KeyringBackup, KeyringBackupError, KeyringDrill};
pub use keyring::{
    GateKey, LegalHold, PendingErasure, Principal, Role, SandboxTenant, SecretStore, Tenant, TokenInfo,
};
pub use kit::{Kit, KitError, KitRequest};
pub use ledger::{Appended, AppendedUse, Ledger, Recorded};
pub use mandates::{MandateRow, RequestRow, RuleAnswer, Simulation};
pub use migrate::{Migration, migrate};
pub use mirror::{KeptWish, MirrorError, MirrorRecord, Mirrored, WishError};
pub use owed::{Acknowledgement, Ending};
pub use proofs::{
    DayMaterial, DayRequest, DaySecrets, OnProgress, ProofShelf, ProveError, ProvedDay, ShelvedDay, date_of,
    parse_date,
};
pub use publication::PublishedCheckpoint;
pub use reads::{Customers, GrantRow, UseRow};
pub use simulation::Simulated;
pub use state::GateProgress;
pub use stats::Stats;
pub use transfer::{Archived, ImportError, Imported};
