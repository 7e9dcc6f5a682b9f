//! The gate: asked before each use of a customer's data.
//!
//! [`Gate::check`] answers with a [`Permit`], which carries the obligations and the verified receipt of the recorded
//! use, or with a [`Denial`], which names what failed. It fails closed: whatever goes wrong on the way is a denial.
//!
//! Two doors. [`Door::Remote`] asks the ledger each time. [`Door::Embedded`] keeps a [`Replica`] of the enterprise's
//! grants, fed by the signed feed, denies from it alone, and asks the ledger only to record what it would permit.
//!
//! What is *not* here: the decision itself (`grantbook-plan`), the formats and their verification
//! (`grantbook-record`). The replica does no I/O; [`sse`] parses; only the client and its two tasks touch the network.

// the log that tests make is written against the crate from outside
#[cfg(test)]
extern crate self as grantbook_sdk;

mod authzen;
pub mod breaker;
mod bulk;
mod check;
mod clock;
mod denial;
pub mod facts;
mod gate;
mod gate_key;
mod house;
mod http;
pub mod leases;
mod link;
pub mod obligations;
mod permit;
pub mod replica;
mod saving;
mod seal;
mod spool;
pub mod sse;
mod tls;
mod whole_file;

pub use bulk::{BulkMark, BulkRun, Filter, Filtered, RecordedAnswer, RecordedFilter, RecordedUse};
pub use check::CheckOptions;
pub use clock::BootTime;
pub use denial::{Denial, LinkFault, Source};
pub use gate::{ConnectError, Door, Gate, GateConfig, StateConfig, Token};
pub use house::House;
pub use link::SaveEvery;
pub use permit::{Permit, Voided};
pub use replica::{Fault, Pins, Question, Replica, SnapshotError, StateFolder, UsedUp};
pub use spool::{Durability, SpoolConfig, SpoolError, SpoolStatus, Unsent, UseRef};
pub use tls::{Identity, Tls};

// the words of a question and of its answer, so that callers need no second crate
pub use grantbook_plan::Parties;
pub use grantbook_plan::decide::{Decision, Detail, Permission};
pub use grantbook_record::provenance::Provenance;
pub use grantbook_record::terms::Obligation;
pub use grantbook_record::uses::{UseFacts, UseId};
pub use grantbook_record::{DenialReason, GateId, Jti, PublicKey, Receipt, Signer, TenantId, Thumbprint};
pub use grantbook_tlog::{LeafIndex, LogKeys};
