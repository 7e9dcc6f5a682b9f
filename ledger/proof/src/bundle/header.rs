//! The first fields of a bundle: what it is about.

use grantbook_compliance::Head;
use grantbook_record::Day;
use grantbook_tlog::Hash;

use super::{ENTRIES_MAX, KeyProof, Reader, write_hashes, write_head};
use crate::error::ProofError;
use crate::policy::StatementPolicy;
use crate::statement::spec_hash;

const MAGIC: &[u8; 20] = b"grantbook bundle v1\n";

/// Which day of which enterprise on which log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Origin line of the log.
    pub origin: String,
    /// The UTC day.
    pub day: Day,
    /// K(tenant, day), by which the tenant's entries are found.
    pub day_key: [u8; 32],
    /// That it is the tenant's key of the day, and no other.
    pub key_proof: KeyProof,
    /// Digest of the tenant's bundle before, zero for the first.
    pub chain: [u8; 32],
    /// Where the day begins.
    pub start: Head,
    /// Where it ends.
    pub end: Head,
    /// Roots of the complete subtrees of the tree at the start, largest first.
    pub frontier: Vec<Hash>,
}

impl Header {
    pub(crate) fn parse(reader: &mut Reader<'_>, policy: &StatementPolicy) -> Result<Self, ProofError> {
        let wrong = |field, expected| ProofError::Field { field, expected };
        if reader.array("magic")? != *MAGIC {
            return Err(wrong("magic", "`grantbook bundle v1`"));
        }
        if reader.array("spec")? != spec_hash() {
            return Err(wrong("spec", "the verifier's statements"));
        }
        if reader.array("policy")? != policy.hash() {
            return Err(wrong("policy", "the verifier's policy"));
        }
        let length = reader.u8("origin")?;
        let origin = reader.take(length.into(), "origin")?;
        let origin = str::from_utf8(origin).map_err(|_| wrong("origin", "UTF-8"))?.to_owned();
        let day = Day(reader.u16("day")?);
        let day_key = reader.array("day key")?;
        let key_proof = KeyProof::parse(reader, day, &day_key)?;
        let chain = reader.array("chain")?;
        let start = Head { size: reader.u64("start")?, root: reader.array("start")? };
        let end = Head { size: reader.u64("end")?, root: reader.array("end")? };
        if end.size.checked_sub(start.size).is_none_or(|entries| entries > ENTRIES_MAX) {
            return Err(wrong("end", "0 to 16777216 entries more than at the start"));
        }
        let frontier = reader.hashes(start.size.count_ones() as usize, "frontier")?;
        Ok(Self { origin, day, day_key, key_proof, chain, start, end, frontier })
    }

    pub(crate) fn to_bytes(&self, policy: &StatementPolicy) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(spec_hash());
        bytes.extend(policy.hash());
        // origins have at most 255 bytes
        bytes.push(u8::try_from(self.origin.len()).unwrap_or(u8::MAX));
        bytes.extend(self.origin.as_bytes());
        bytes.extend(self.day.0.to_be_bytes());
        bytes.extend(self.day_key);
        self.key_proof.write(&mut bytes);
        bytes.extend(self.chain);
        write_head(&self.start, &mut bytes);
        write_head(&self.end, &mut bytes);
        write_hashes(&self.frontier, &mut bytes);
        bytes
    }
}
