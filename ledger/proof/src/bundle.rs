//! The bytes of a bundle, part by part, in the order in which they stand.

mod close;
mod day_keys;
mod exceptions;
mod header;
mod links;
mod reader;

use curve25519_dalek::ristretto::RistrettoPoint;
use grantbook_compliance::{Commitment, Head};
use grantbook_record::entry::{DayKey, HEADER_BYTES};
use grantbook_record::{Class, Entry};
use grantbook_tlog::{CompactRange, Hash, LeafIndex, TreeSize, leaf_hash};

pub use close::Close;
pub use day_keys::KeyProof;
pub(crate) use exceptions::{Exception, Exceptions, commitments};
pub use header::Header;
pub use links::{Group, Mode};
pub(crate) use links::{Link, is_opened, parse_groups, parse_links, write_groups};
pub(crate) use reader::Reader;

use crate::error::ProofError;

/// Bytes of a bundle.
pub const BUNDLE_BYTES_MAX: usize = 1 << 31;
/// Entries of a day.
pub const ENTRIES_MAX: u64 = 1 << 24;

/// An entry of the tenant.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) leaf: u64,
    pub(crate) hash: Hash,
    pub(crate) entry: Entry,
}

/// Reads the day's entries and checks that they lead from the start to the end; gives those of the tenant.
pub(crate) fn parse_entries(reader: &mut Reader<'_>, header: &Header) -> Result<Vec<Own>, ProofError> {
    let mut range =
        CompactRange::from_parts(TreeSize(header.start.size), header.frontier.clone()).map_err(|_| {
            ProofError::Field { field: "frontier", expected: "one hash for each bit of the size" }
        })?;
    if range.root() != Hash(header.start.root) {
        return Err(ProofError::Root { which: "start" });
    }
    let key = DayKey::from_bytes(header.day_key);
    let mut own = Vec::new();
    for leaf in header.start.size..header.end.size {
        let bytes = entry_bytes(reader)?;
        let entry = Entry::parse(bytes).map_err(|source| ProofError::Entry { leaf, source })?;
        if entry.day != header.day {
            return Err(ProofError::EntryDay { leaf, expected: header.day.0, got: entry.day.0 });
        }
        let hash = leaf_hash(bytes);
        // sizes are far below the largest tree
        range.append(hash, |_, _, _| {}).map_err(|_| ProofError::Root { which: "end" })?;
        if !entry.kind.is_public() && entry.tag == key.tag(&header.origin, LeafIndex(leaf)) {
            own.push(Own { leaf, hash, entry });
        }
    }
    if range.root() != Hash(header.end.root) {
        return Err(ProofError::Root { which: "end" });
    }
    Ok(own)
}

/// The bytes of the next entry: as many as its class has.
fn entry_bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ProofError> {
    const CLASS_AT: usize = 2;
    let class = reader.peek(CLASS_AT).and_then(Class::from_number);
    reader.take(class.map_or(HEADER_BYTES, Entry::size), "entry")
}

/// Decodes every commitment of the tenant's entries, in order.
pub(crate) fn check_commitments(own: &[Own]) -> Result<(), ProofError> {
    own.iter().try_for_each(|Own { leaf, entry, .. }| {
        entry.commitments.iter().try_for_each(|commitment| point(*leaf, commitment).map(|_| ()))
    })
}

/// The point of a commitment of an entry.
pub(crate) fn point(leaf: u64, commitment: &Commitment) -> Result<RistrettoPoint, ProofError> {
    commitment.point().map_err(|source| ProofError::Commitment { leaf, source })
}

/// A head as it stands in a bundle.
pub(crate) fn write_head(head: &Head, bytes: &mut Vec<u8>) {
    bytes.extend(head.size.to_be_bytes());
    bytes.extend(head.root);
}

pub(crate) fn write_hashes(hashes: &[Hash], bytes: &mut Vec<u8>) {
    for hash in hashes {
        bytes.extend(hash.0);
    }
}
