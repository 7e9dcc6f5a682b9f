//! What can be wrong with a spool.

use std::path::PathBuf;

use crate::denial::LinkFault;

/// Why a spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The system refused.
    #[error("cannot {doing} the spool: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The system's word.
        source: std::io::Error,
    },
    /// Another gate has the folder.
    #[error("spool {} is held by another process", dir.display())]
    Held {
        /// The folder.
        dir: PathBuf,
    },
    /// Bytes that were written are not there any more. Nothing was changed.
    #[error("spool segment {segment} is damaged at byte {at}, expected what was written there")]
    Damaged {
        /// File name of the segment.
        segment: String,
        /// The first byte of what is wrong.
        at: u64,
    },
    /// Its key is destroyed, and the ledger does not have all that is in it. Nothing was changed.
    #[error(
        "spool segment {segment} is sealed for key epoch {spool}, which ended while the gate was away, and {records} of its \
         records are not on the ledger; without them the folder can be removed (now epoch {ledger})"
    )]
    OtherEpoch {
        /// File name of the segment.
        segment: String,
        /// The epoch for which it is sealed.
        spool: u64,
        /// The present one.
        ledger: u64,
        /// Records that cannot be read any more.
        records: u64,
    },
    /// The ledger and the spool do not go together: one of them was put back to an earlier state, or another gate has the
    /// name. Nothing was changed.
    #[error(
        "the ledger expects record {expected} of this gate, and its spool holds those from {first} to before {next}"
    )]
    Sequence {
        /// As the ledger says.
        expected: u64,
        /// The first record of the spool.
        first: u64,
        /// The number after its last.
        next: u64,
    },
    /// A record of this number is on the ledger, and it is not this spool's.
    #[error("record {seq} on the ledger is not this spool's, expected a name that no other gate has")]
    OtherGate {
        /// Its number.
        seq: u64,
    },
    /// The ledger did not answer what a spool needs: its key and the next number.
    #[error(transparent)]
    Link(#[from] LinkFault),
}

/// Records that did not reach the ledger in time; they stay in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{records} records have not reached the ledger, expected none in the spool")]
pub struct Unsent {
    /// How many.
    pub records: u64,
}
