//! The portal's sides of the ledger: it knows the ledger by the traits alone that are implemented here.

pub(crate) mod consents;
mod write;

pub(crate) use write::LedgerWrites;
