//! Entries: the public bytes of the log, of fixed size for each class. Specification: `docs/spec/entry.md`.

use grantbook_compliance::Commitment;
use grantbook_tlog::{Hash, LeafIndex};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::class::Class;
use crate::day::Day;
use crate::encoding::Bytes32;
use crate::id::TenantId;
use crate::kind::Kind;
use crate::money::Currency;

/// Version of the entry format.
pub const VERSION: u8 = 1;
/// Bytes before the commitments.
pub const HEADER_BYTES: usize = 87;
const COMMITMENT_BYTES: usize = 32;

/// Bytes that are not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Too short or too long for the class.
    #[error("entry of {got} bytes, expected {expected}")]
    Length {
        /// As the class demands; of an unknown class the header alone.
        expected: usize,
        /// As came.
        got: usize,
    },
    /// Another version.
    #[error("entry version {got}, expected {VERSION}")]
    Version {
        /// As came.
        got: u8,
    },
    /// A number that is not in the registry of kinds.
    #[error("entry kind {got}, expected one of the registry")]
    Kind {
        /// As came.
        got: u8,
    },
    /// A number that is not in the registry of classes, or not allowed for the kind.
    #[error("entry class {got}, expected one that its kind may have")]
    Class {
        /// As came.
        got: u8,
    },
    /// A number that is no ISO 4217 code known here.
    #[error("entry currency {got}, expected an ISO 4217 numeric code or 0")]
    Currency {
        /// As came.
        got: u16,
    },
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it records.
    pub kind: Kind,
    /// What it commits to; always one that the kind may have.
    pub class: Class,
    /// Currency of its amounts.
    pub currency: Currency,
    /// Day of admission.
    pub day: Day,
    /// Lets the holder of the tenant's day key find it.
    pub tag: [u8; 16],
    /// Salted digest of the envelope or use record.
    pub digest: Bytes32,
    /// Salted digest of its group and of the entry it refers to, or zero for neither.
    pub link: Bytes32,
    /// Commitments to the class's quantities, in order.
    pub commitments: Vec<Commitment>,
}

impl Entry {
    /// The bytes that are hashed into the log.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + COMMITMENT_BYTES * self.commitments.len());
        bytes.extend_from_slice(&[VERSION, self.kind.number(), self.class.number()]);
        bytes.extend_from_slice(&self.currency.numeric().to_be_bytes());
        bytes.extend_from_slice(&self.day.0.to_be_bytes());
        bytes.extend_from_slice(&self.tag);
        bytes.extend_from_slice(&self.digest.0);
        bytes.extend_from_slice(&self.link.0);
        for commitment in &self.commitments {
            bytes.extend_from_slice(&commitment.0);
        }
        bytes
    }

    /// Parses the bytes of an entry; commitments are taken as they are, not decoded to points.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let length = |expected: usize| EntryError::Length { expected, got: bytes.len() };
        let short = || length(HEADER_BYTES);
        let ([version, kind, class], rest) = bytes.split_first_chunk().ok_or_else(short)?;
        if *version != VERSION {
            return Err(EntryError::Version { got: *version });
        }
        let (currency, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (day, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (tag, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (digest, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (link, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let kind = Kind::from_number(*kind).ok_or(EntryError::Kind { got: *kind })?;
        let class = Class::from_number(*class)
            .filter(|class| Class::allowed(kind).contains(class))
            .ok_or(EntryError::Class { got: *class })?;
        let currency = u16::from_be_bytes(*currency);
        let currency = Currency::from_numeric(currency).ok_or(EntryError::Currency { got: currency })?;
        let (commitments, []) = rest.as_chunks::<COMMITMENT_BYTES>() else {
            return Err(length(Self::size(class)));
        };
        if commitments.len() != class.quantities().len() {
            return Err(length(Self::size(class)));
        }
        Ok(Self {
            kind,
            class,
            currency,
            day: Day(u16::from_be_bytes(*day)),
            tag: *tag,
            digest: Bytes32(*digest),
            link: Bytes32(*link),
            commitments: commitments.iter().map(|bytes| Commitment(*bytes)).collect(),
        })
    }

    /// Bytes of an entry of this class.
    pub fn size(class: Class) -> usize {
        HEADER_BYTES + COMMITMENT_BYTES * class.quantities().len()
    }
}

/// 32 random bytes that hide what is hashed with them.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Salt(pub Bytes32);

impl Salt {
    /// Fresh from `rng`.
    pub fn random(rng: &mut (impl rand_core::RngCore + rand_core::CryptoRng)) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(Bytes32(bytes))
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt")
    }
}

/// What an entry's digest covers of attachments: `SHA-256(0x41 ‖ salt ‖ attachments)`. It hides them, so it may go to those
/// who must not see them.
pub fn a32(salt: &Salt, attachments: &[u8]) -> Bytes32 {
    let hash = Sha256::new().chain_update([0x41]).chain_update(salt.0.0).chain_update(attachments).finalize();
    Bytes32(hash.into())
}

/// The entry's digest: `SHA-256(0x47 ‖ salt ‖ record_sha256 ‖ a32)`; without attachments a32 is zero.
pub fn digest(salt: &Salt, record_sha256: &Bytes32, a32: Option<Bytes32>) -> Bytes32 {
    let hash = Sha256::new()
        .chain_update([0x47])
        .chain_update(salt.0.0)
        .chain_update(record_sha256.0)
        .chain_update(a32.unwrap_or(Bytes32([0; 32])).0)
        .finalize();
    Bytes32(hash.into())
}

/// The entry that a link names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkTarget {
    /// SHA-256 of the origin of the log it is on.
    pub origin_sha256: Bytes32,
    /// Its leaf index there.
    pub leaf_index: u64,
    /// Its leaf hash.
    pub leaf_hash: Bytes32,
}

impl LinkTarget {
    /// In place of a target where there is none: the link still hides that, and binds the group.
    pub const NONE: Self =
        Self { origin_sha256: Bytes32([0; 32]), leaf_index: 0, leaf_hash: Bytes32([0; 32]) };
}

/// The entry's link: `SHA-256(0x4C ‖ salt ‖ group ‖ SHA-256(origin) ‖ leaf index ‖ leaf hash)`, integers big-endian;
/// the last three zero where it names no entry.
pub fn link(salt: &Salt, group: u16, target: &LinkTarget) -> Bytes32 {
    let hash = Sha256::new()
        .chain_update([0x4C])
        .chain_update(salt.0.0)
        .chain_update(group.to_be_bytes())
        .chain_update(target.origin_sha256.0)
        .chain_update(target.leaf_index.to_be_bytes())
        .chain_update(target.leaf_hash.0)
        .finalize();
    Bytes32(hash.into())
}

/// A tenant's tag key: with it the tenant's entries of any day are found. Never given to enterprises.
#[derive(Clone, zeroize::ZeroizeOnDrop)]
pub struct TagKey([u8; 32]);

/// A tenant's tag key of one day; a regulator who is given it finds the tenant's entries of that day.
#[derive(Clone, zeroize::ZeroizeOnDrop)]
pub struct DayKey([u8; 32]);

impl TagKey {
    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Of a log's public events, which everybody may find: SHA-256(`50` ‖ origin).
    pub fn of_log(origin: &str) -> Self {
        Self(Sha256::new().chain_update([0x50]).chain_update(origin).finalize().into())
    }

    /// K(tenant, day) = HMAC-SHA-256(tag key, day as 16-bit big-endian).
    pub fn day_key(&self, day: Day) -> DayKey {
        DayKey(mac(&self.0, &[&day.0.to_be_bytes()]))
    }
}

impl DayKey {
    /// The first 16 bytes of HMAC-SHA-256(day key, origin ‖ leaf index as 64-bit big-endian).
    pub fn tag(&self, origin: &str, index: LeafIndex) -> [u8; 16] {
        let full = mac(&self.0, &[origin.as_bytes(), &index.0.to_be_bytes()]);
        let mut tag = [0; 16];
        tag.copy_from_slice(full.first_chunk::<16>().unwrap_or(&[0; 16]));
        tag
    }

    /// The bytes, to be handed to a regulator.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length, so making it from 32 bytes cannot fail
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The feed's chain (see [`crate::feed`]) begins with this for a tenant.
pub(crate) fn chain_start(origin: &str, tenant: TenantId) -> Hash {
    let hash = Sha256::new()
        .chain_update([0x46])
        .chain_update(Sha256::digest(origin.as_bytes()))
        .chain_update(tenant.as_bytes())
        .finalize();
    Hash(hash.into())
}
