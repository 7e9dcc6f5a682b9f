//! Errors by family of operations. Faults that stop the sequencer are [`Fault`]s, a type of their own.

use grantbook_plan::Refusal;
use grantbook_record::EnvelopeError;
use grantbook_record::attachment::AttachmentError;
use grantbook_record::lease::ReleaseError;
use grantbook_record::uses::UseError;

use crate::cosign::CosignatureError;
use crate::store::Fault;

/// Why a ledger does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is held by another process")]
    Held(String),
    /// The store's fault.
    #[error(transparent)]
    Store(#[from] Fault),
    /// The keyring cannot be read or does not fit.
    #[error("keyring: {0}")]
    Keyring(String),
    /// The data folder is older than what was acknowledged: it was rolled back.
    #[error(
        "data folder holds {got} entries but the anchor vouches for {anchored}: it was rolled back, or its journal has lost \
         its end; put the newest copy in place"
    )]
    RolledBack {
        /// Entries in the data folder.
        got: u64,
        /// Size of the checkpoint in the anchor.
        anchored: u64,
    },
    /// The data folder holds another history than what was acknowledged.
    #[error("data folder and anchor disagree at size {size}: it is another history")]
    Forked {
        /// Size at which they disagree.
        size: u64,
    },
    /// What is stored does not lead to the signed root.
    #[error("stored entries do not lead to the signed root: {0}")]
    Root(String),
}

/// Why a checkpoint was not taken as witnessed.
#[derive(Debug, thiserror::Error)]
pub enum WitnessedError {
    /// It is malformed or not signed by this log.
    #[error(transparent)]
    Checkpoint(#[from] grantbook_tlog::CheckpointError),
    /// It covers more than the ledger holds.
    #[error("the ledger holds {got} entries, the checkpoint covers {witnessed}")]
    Ahead {
        /// Entries of the ledger.
        got: u64,
        /// Size of the checkpoint.
        witnessed: u64,
    },
    /// It is of another history.
    #[error("ledger and checkpoint disagree at size {size}")]
    Forked {
        /// Size of the checkpoint.
        size: u64,
    },
    /// A larger one was set before.
    #[error("size {got}, expected at least {last}, that of the last one")]
    Older {
        /// Size of the checkpoint.
        got: u64,
        /// Size of the last one.
        last: u64,
    },
    /// The store's fault.
    #[error(transparent)]
    Store(#[from] Fault),
}

/// Why an append was refused. `Display` is fit to be shown to the sender.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// No such tenant.
    #[error("no such tenant, expected an aud that is known here")]
    UnknownTenant,
    /// The envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The use batch.
    #[error(transparent)]
    Use(#[from] UseError),
    /// The rules of admission.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The attachments.
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
    /// Attachments where there is no portal on which a passkey could have made them.
    #[error("no portal here, expected no attachments")]
    NoPortal,
    /// An assertion too much, or one missing.
    #[error(transparent)]
    Cosignature(#[from] CosignatureError),
    /// A customer who may not be erased, or not yet.
    #[error("not to be erased: {why}")]
    NotErasable {
        /// Why not.
        why: &'static str,
    },
    /// An amount that the books do not know as due.
    #[error("not due: {why}")]
    NotDue {
        /// Why not.
        why: &'static str,
    },
    /// The same `jti` with other bytes.
    #[error("jti was used before with other content, expected a new one")]
    JtiConflict,
    /// The same use id for another use.
    #[error("use id was used before for another use, expected a new one")]
    UseIdConflict,
    /// A batch out of sequence.
    #[error("batch begins at {got}, expected {expected}, the gate's next sequence number")]
    Sequence {
        /// The gate's next sequence number.
        expected: u64,
        /// As came.
        got: u64,
    },
    /// No such gate of the tenant, or signed with another key than its own.
    #[error("unknown gate, expected one that is registered, signing with its key")]
    UnknownGate,
    /// A want that nothing can fulfil.
    #[error("malformed want, expected 1 <= least <= most")]
    Want,
    /// The release of leases.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// A budget that cannot be set.
    #[error("{0}")]
    Budget(&'static str),
    /// More waits than may.
    #[error("too much waits to be appended, try again later")]
    Busy,
    /// A fault stopped the sequencer, or it is closing.
    #[error("the ledger has stopped taking entries")]
    Stopped,
    /// The store's fault while reading.
    #[error("the store has a fault")]
    Store(#[source] Fault),
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not there, or not the asker's.
    #[error("not found")]
    NotFound,
    /// Its key was destroyed.
    #[error("erased")]
    Erased,
    /// Only the next root of the grant states proves it.
    #[error("it has changed since the last state.root, expected to be asked for after the next")]
    NotYet,
    /// The store's fault.
    #[error("the store has a fault")]
    Store(#[from] Fault),
    /// A fault stopped the ledger.
    #[error("the ledger has stopped")]
    Stopped,
    /// Stored bytes are not what was stored.
    #[error("{0} is damaged")]
    Damaged(String),
}

/// Why a tenant, gate or token could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// No such tenant.
    #[error("no such tenant")]
    UnknownTenant,
    /// No such gate of the tenant.
    #[error("no such gate")]
    UnknownGate,
    /// No such token.
    #[error("no such token")]
    UnknownToken,
    /// A name, label or id that is taken or malformed.
    #[error("{what}, expected {expected}")]
    Refused {
        /// What is wrong.
        what: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// The keyring cannot be written.
    #[error("keyring: {0}")]
    Keyring(#[from] Fault),
}
