//! The portal's sides of the ledger: it knows the ledger by the traits alone that are implemented here.

mod write;

pub(crate) use write::LedgerWrites;
