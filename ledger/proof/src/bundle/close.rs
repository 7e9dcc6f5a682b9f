//! The end of a bundle: that the log signed the end, and that the day was over.

use grantbook_compliance::Head;
use grantbook_record::Entry;
use grantbook_tlog::{
    Demands, Hash, LeafIndex, LogKeys, TreeSize, VouchedCheckpoint, leaf_hash, verify_consistency,
    verify_inclusion,
};

use super::{Header, Reader, write_hashes};
use crate::error::ProofError;

/// What shows that the day was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// A signed checkpoint of a size N, at least that of the end.
    pub checkpoint: Vec<u8>,
    /// The consistency proof from the end to it; empty if N is the size of the end.
    pub consistency: Vec<Hash>,
    /// The entry at the size of the end and its inclusion proof in the tree of size N; none if N is that size.
    pub next: Option<(Vec<u8>, Vec<Hash>)>,
}

impl Close {
    pub(crate) fn parse(reader: &mut Reader<'_>) -> Result<Self, ProofError> {
        let length = usize::try_from(reader.u32("close")?).unwrap_or(usize::MAX);
        let checkpoint = reader.take(length, "close")?.to_vec();
        let count = reader.u16("close")?;
        let consistency = reader.hashes(count.into(), "close")?;
        let length = reader.u16("close")?;
        let entry = reader.take(length.into(), "close")?.to_vec();
        let count = reader.u16("close")?;
        let inclusion = reader.hashes(count.into(), "close")?;
        let next = (!entry.is_empty() || !inclusion.is_empty()).then_some((entry, inclusion));
        Ok(Self { checkpoint, consistency, next })
    }

    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        // proofs have at most 64 hashes, entries 279 bytes, checkpoints 64 KiB
        let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        bytes.extend(u32::try_from(self.checkpoint.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(&self.checkpoint);
        bytes.extend(short(self.consistency.len()));
        write_hashes(&self.consistency, bytes);
        let (entry, inclusion) = self.next.clone().unwrap_or_default();
        bytes.extend(short(entry.len()));
        bytes.extend(&entry);
        bytes.extend(short(inclusion.len()));
        write_hashes(&inclusion, bytes);
    }

    /// Checks signatures, proofs, and that the day was over.
    pub(crate) fn verify(
        &self,
        header: &Header,
        keys: &LogKeys,
        demands: &Demands,
    ) -> Result<VouchedCheckpoint, ProofError> {
        let vouched = demands.verify(keys, &self.checkpoint)?;
        if demands.policy.is_some() && !vouched.cosigned.quorum {
            return Err(ProofError::Unwitnessed);
        }
        let (size, root) = (vouched.checkpoint.size(), vouched.checkpoint.root());
        let Head { size: end, root: end_root } = header.end;
        verify_consistency(TreeSize(end), &Hash(end_root), size, &root, &self.consistency)?;
        match &self.next {
            None if size.0 == end => {
                let over = header.day.begins().seconds().0.saturating_add(86_400);
                if vouched.time.0 < over {
                    return Err(ProofError::DayNotOver { expected: "a cosignature after the day" });
                }
            }
            None => return Err(ProofError::DayNotOver { expected: "the entry that follows the day" }),
            Some((entry, inclusion)) => {
                verify_inclusion(&leaf_hash(entry), LeafIndex(end), size, inclusion, &root)?;
                let entry = Entry::parse(entry).map_err(|source| ProofError::Entry { leaf: end, source })?;
                if entry.day <= header.day {
                    return Err(ProofError::DayNotOver { expected: "an entry of a later day" });
                }
            }
        }
        Ok(vouched)
    }
}
