//! Events, scopes, entries and receipts of the consent ledger: their bytes, their signatures, and how each is verified.
//!
//! Everything here is pure: time and randomness are arguments, nothing is read or written. What is *not* here: the
//! decision whether a use is permitted (`grantbook-plan`), the order of entries and their storage
//! (`grantbook-engine`), and Merkle hashing and checkpoints (`grantbook-tlog`).
//!
//! [`webauthn`] verifies passkeys' assertions over what customers sign; it registers none and logs nobody in.
//!
//! The way of a record: a customer signs an [`envelope`] over an [`event`]; admission turns it into an [`entry`] of
//! the log, with [`class`]-given commitments; the customer gets a [`receipt`], and gates get a [`feed`] frame.

pub mod archive;
pub mod attachment;
pub mod audit;
pub mod class;
pub mod compensation;
pub mod complaint;
pub mod day;
pub mod denial;
pub mod encoding;
pub mod entry;
pub mod envelope;
pub mod event;
pub mod feed;
pub mod head;
pub mod id;
pub mod jwk;
pub mod jws;
pub mod kind;
pub mod lease;
pub mod list;
pub mod mirror;
pub mod money;
pub mod plain_text;
pub mod provenance;
pub mod receipt;
pub mod recovery;
pub mod scope;
pub mod signer;
pub mod state_proof;
pub mod strict_json;
pub mod terms;
pub mod uses;
pub mod vocabulary;
pub mod webauthn;

pub use class::{Class, Quantity};
pub use day::{DataDay, DataPeriod, Day, SecondsSince2020, UnixMillis, UnixSeconds};
pub use denial::DenialReason;
pub use entry::{Entry, EntryError, LinkTarget, Salt, TagKey};
pub use envelope::{Envelope, EnvelopeError};
pub use event::{Event, EventError};
pub use id::{GateId, Jti, RecordId, SourceId, SubjectId, TenantId, Term};
pub use jwk::{PublicKey, Thumbprint};
pub use kind::Kind;
pub use money::{CountryCode, Currency, MinorUnits, Price};
pub use plain_text::PlainText;
pub use provenance::Provenance;
pub use receipt::{Receipt, ReceiptError};
pub use recovery::RecoveryCode;
pub use scope::Scope;
pub use signer::Signer;
pub use state_proof::StateProof;
pub use terms::Terms;
pub use vocabulary::VocabularyVersion;
