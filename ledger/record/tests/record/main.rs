//! Tests of the formats as outsiders meet them: bytes in, verdicts out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test that fails by panicking is a test that fails; some modules are shared with other targets"
)]

mod archives;
mod attachments;
mod ledger;
mod map;
mod oracle;
mod pages;
mod passkey;
mod properties;
mod receipts;
mod run;
mod stages;
mod state_proofs;
mod story;
mod vectors;
