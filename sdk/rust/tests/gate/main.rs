//! The gate against a log made here: real keys, real receipts, no server of ours.

mod book;
mod doors;
mod ledger;
mod replica;
