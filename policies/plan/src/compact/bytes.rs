//! Bytes, written and read one value after the other; integers are big-endian.

use grantbook_record::Jti;
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::strict_json;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that are not what this version writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged bytes of a replica, expected those that it wrote")]
pub struct Damaged;

#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// A length that its own bounds keep below 2^16.
    pub(super) fn count(&mut self, count: usize) {
        self.u16(u16::try_from(count).unwrap_or(u16::MAX));
    }

    pub(super) fn jti(&mut self, jti: &Jti) {
        self.bytes(jti.as_bytes());
    }

    /// As JSON, after its length. For values with string keys and no fallible serialisers.
    pub(super) fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        let json = serde_json::to_vec(value).unwrap_or_default();
        self.u32(u32::try_from(json.len()).unwrap_or(u32::MAX));
        self.bytes(&json);
    }

    pub(super) fn optional<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.u8(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        self.bytes(N)?.try_into().map_err(|_| Damaged)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Damaged> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Damaged> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Damaged> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Damaged> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(super) fn seconds(&mut self) -> Result<UnixSeconds, Damaged> {
        self.u64().map(UnixSeconds)
    }

    pub(super) fn bytes32(&mut self) -> Result<Bytes32, Damaged> {
        self.array().map(Bytes32)
    }

    pub(super) fn jti(&mut self) -> Result<Jti, Damaged> {
        Jti::from_bytes(self.array()?).map_err(|_| Damaged)
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Result<T, Damaged> {
        let length = usize::try_from(self.u32()?).map_err(|_| Damaged)?;
        strict_json::parse(self.bytes(length)?).map_err(|_| Damaged)
    }

    pub(super) fn flag(&mut self) -> Result<bool, Damaged> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Damaged),
        }
    }

    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Damaged>,
    ) -> Result<Option<T>, Damaged> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// So many values, as a count of 16 bits says.
    pub(super) fn several<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Damaged>,
    ) -> Result<Vec<T>, Damaged> {
        (0..self.u16()?).map(|_| read(self)).collect()
    }

    /// That nothing is left.
    pub(super) fn end(self) -> Result<(), Damaged> {
        if self.0.is_empty() { Ok(()) } else { Err(Damaged) }
    }
}
