//! Reads fields off the front of bytes. Nothing is allocated by what the bytes say.

use grantbook_tlog::Hash;

use crate::error::ProofError;

/// What is left of a bundle.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn take(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], ProofError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(ProofError::Truncated { at: self.at, field })?;
        self.rest = rest;
        self.at += count;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ProofError> {
        let truncated = ProofError::Truncated { at: self.at, field };
        self.take(N, field)?.try_into().map_err(|_| truncated)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, ProofError> {
        self.array(field).map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, ProofError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, ProofError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, ProofError> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// So many hashes.
    pub(crate) fn hashes(&mut self, count: usize, field: &'static str) -> Result<Vec<Hash>, ProofError> {
        let bytes = self.take(count.saturating_mul(32), field)?;
        Ok(bytes.as_chunks::<32>().0.iter().map(|hash| Hash(*hash)).collect())
    }

    /// A byte ahead, which stays to be read.
    pub(crate) fn peek(&self, ahead: usize) -> Option<u8> {
        self.rest.get(ahead).copied()
    }

    /// Refuses bytes that are left over.
    pub(crate) fn end(&self) -> Result<(), ProofError> {
        if self.rest.is_empty() { Ok(()) } else { Err(ProofError::Leftover { at: self.at }) }
    }
}
