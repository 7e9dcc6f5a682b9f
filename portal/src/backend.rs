//! What the portal asks of whoever holds the ledger, in its own words.

pub mod read;
pub mod write;
