//! The gate against a log made here: real keys, real receipts, no server of ours.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod book;
mod bulk;
mod doors;
mod ledger;
mod mandates;
mod operator;
mod replica;
mod sealed;
mod snapshot;
mod vocabulary;
