//! What the portal asks of whoever holds the ledger.

pub mod read;
