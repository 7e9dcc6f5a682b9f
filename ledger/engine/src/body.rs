//! The body of an entry: what the vault keeps, sealed under its owner's key.
//!
//! Integers are big-endian; byte strings have a 32-bit length before them.

use grantbook_compliance::{Blinding, Opening};
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::{self, LinkTarget, Salt};
use grantbook_record::receipt::LinkOpening;
use grantbook_record::{DenialReason, PublicKey};

use crate::store::cursor::{Cursor, put_bytes};

const VERSION: u8 = 1;
/// Bodies that also hold the proof of a first admission in another log.
const VERSION_IMPORTED: u8 = 2;
/// Stands for the batch of a use that was imported: its signed head is in the receipt of its first admission.
pub(crate) const NO_BATCH: u64 = u64::MAX;

/// Everything about an entry that is not public.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Body {
    pub(crate) salt: Salt,
    pub(crate) link: LinkOpening,
    pub(crate) openings: Vec<Opening>,
    pub(crate) content: BodyContent,
    /// Where it was first admitted, if in another log: an `archive::First` as JSON.
    pub(crate) first: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BodyContent {
    Event {
        envelope: Vec<u8>,
        keys: Vec<PublicKey>,
        /// What was sent in beside it, with the salt that hides it.
        attached: Option<Attachment>,
        /// The ledger's clock when the event was verified, Unix seconds.
        admitted_at: u64,
    },
    Use {
        record: Vec<u8>,
        /// Leaf index of the batch's first record, which also carries the batch's signed head.
        batch_first: u64,
        flag: Option<DenialReason>,
        in_window: bool,
    },
}

/// Attachments and their salt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attachment {
    pub(crate) salt: Salt,
    pub(crate) bytes: Vec<u8>,
}

impl Attachment {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { salt: crate::random::with(Salt::random), bytes: bytes.to_vec() }
    }

    /// What the entry's digest covers of them.
    pub(crate) fn a32(&self) -> Bytes32 {
        entry::a32(&self.salt, &self.bytes)
    }
}

/// What several entries share: the signed head of a batch and the key that signed it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SharedHead {
    pub(crate) head: String,
    pub(crate) key: PublicKey,
}

impl SharedHead {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [self.key.as_bytes().as_slice(), self.head.as_bytes()].concat()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (key, head) = bytes.split_first_chunk::<32>()?;
        let head = String::from_utf8(head.to_vec()).ok()?;
        Some(Self { head, key: PublicKey::from_bytes(key).ok()? })
    }
}

impl BodyContent {
    /// What the entry's digest covers of attachments.
    pub(crate) fn a32(&self) -> Option<Bytes32> {
        match self {
            Self::Event { attached, .. } => attached.as_ref().map(Attachment::a32),
            Self::Use { .. } => None,
        }
    }
}

impl Body {
    /// The digest that its entry must have.
    pub(crate) fn digest(&self) -> Bytes32 {
        let (BodyContent::Event { envelope: record, .. } | BodyContent::Use { record, .. }) = &self.content;
        entry::digest(&self.salt, &Bytes32::sha256(record), self.content.a32())
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![if self.first.is_some() { VERSION_IMPORTED } else { VERSION }];
        bytes.extend_from_slice(&self.salt.0.0);
        let LinkOpening { salt, group, target } = &self.link;
        bytes.extend_from_slice(&salt.0.0);
        bytes.extend_from_slice(&group.to_be_bytes());
        bytes.extend_from_slice(&target.origin_sha256.0);
        bytes.extend_from_slice(&target.leaf_index.to_be_bytes());
        bytes.extend_from_slice(&target.leaf_hash.0);
        bytes.push(count(self.openings.len()));
        for opening in &self.openings {
            bytes.extend_from_slice(&opening.value.to_be_bytes());
            bytes.extend_from_slice(&opening.blinding.to_bytes());
        }
        match &self.content {
            BodyContent::Event { envelope, keys, attached, admitted_at } => {
                bytes.push(0);
                bytes.extend_from_slice(&admitted_at.to_be_bytes());
                bytes.push(count(keys.len()));
                for key in keys {
                    bytes.extend_from_slice(key.as_bytes());
                }
                put_bytes(&mut bytes, envelope);
                // they are JSON, so nothing is no attachment
                put_bytes(&mut bytes, attached.as_ref().map_or(&[], |attached| &attached.bytes));
                if let Some(Attachment { salt, .. }) = attached {
                    bytes.extend_from_slice(&salt.0.0);
                }
            }
            BodyContent::Use { record, batch_first, flag, in_window } => {
                bytes.push(1);
                bytes.extend_from_slice(&batch_first.to_be_bytes());
                put_bytes(&mut bytes, flag.map_or("", DenialReason::code).as_bytes());
                bytes.push(u8::from(*in_window));
                put_bytes(&mut bytes, record);
            }
        }
        if let Some(first) = &self.first {
            put_bytes(&mut bytes, first);
        }
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(bytes);
        let version = cursor.u8()?;
        if version != VERSION && version != VERSION_IMPORTED {
            return None;
        }
        let salt = Salt(Bytes32(cursor.array()?));
        let link = LinkOpening {
            salt: Salt(Bytes32(cursor.array()?)),
            group: cursor.u16()?,
            target: LinkTarget {
                origin_sha256: Bytes32(cursor.array()?),
                leaf_index: cursor.u64()?,
                leaf_hash: Bytes32(cursor.array()?),
            },
        };
        let openings = (0..cursor.u8()?)
            .map(|_| {
                let value = cursor.u64()?;
                Some(Opening { value, blinding: Blinding::from_bytes(cursor.array()?).ok()? })
            })
            .collect::<Option<Vec<_>>>()?;
        let content = match cursor.u8()? {
            0 => {
                let admitted_at = cursor.u64()?;
                let keys = (0..cursor.u8()?)
                    .map(|_| PublicKey::from_bytes(&cursor.array()?).ok())
                    .collect::<Option<Vec<_>>>()?;
                let envelope = cursor.bytes()?.to_vec();
                let attached = match cursor.bytes()?.to_vec() {
                    bytes if bytes.is_empty() => None,
                    bytes => Some(Attachment { bytes, salt: Salt(Bytes32(cursor.array()?)) }),
                };
                BodyContent::Event { envelope, keys, attached, admitted_at }
            }
            1 => {
                let batch_first = cursor.u64()?;
                let flag = match cursor.bytes()? {
                    [] => None,
                    code => Some(*DenialReason::ALL.iter().find(|reason| reason.code().as_bytes() == code)?),
                };
                let in_window = cursor.u8()? == 1;
                BodyContent::Use { record: cursor.bytes()?.to_vec(), batch_first, flag, in_window }
            }
            _ => return None,
        };
        let first = if version == VERSION_IMPORTED { Some(cursor.bytes()?.to_vec()) } else { None };
        cursor.is_empty().then_some(Self { salt, link, openings, content, first })
    }
}

/// Signatures, keys and openings of one entry are fewer than ten.
fn count(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

/// The one place for which an entry's body is sealed.
pub(crate) fn body_place(leaf_index: u64) -> Vec<u8> {
    [b"body".as_slice(), &leaf_index.to_be_bytes()].concat()
}

/// The one place for which a shared head is sealed.
pub(crate) fn shared_place(leaf_index: u64) -> Vec<u8> {
    [b"shared".as_slice(), &leaf_index.to_be_bytes()].concat()
}
