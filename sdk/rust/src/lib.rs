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

mod authzen;
pub mod breaker;
mod clock;
mod denial;
pub mod facts;
mod gate;
mod http;
mod link;
pub mod obligations;
mod permit;
pub mod replica;
mod spool;
pub mod sse;
mod tls;
mod whole_file;

pub use clock::BootTime;
pub use denial::{Denial, LinkFault, Source};
pub use gate::{CheckOptions, ConnectError, Door, Gate, GateConfig, Token};
pub use permit::{Permit, Voided};
pub use replica::{Fault, Pins, Question, Replica};
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
