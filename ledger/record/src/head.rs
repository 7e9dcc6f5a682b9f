//! Heads: the log's clock key says, at a time and over a nonce of the asker, how far a tenant's feed reaches.
//!
//! Specification: `docs/spec/head.md`. A head that covers a reader's own nonce is younger than the nonce, so the
//! reader's own clock measures its age.

use grantbook_tlog::{Hash, LeafIndex, LogKeys, TreeSize, leaf_hash, verify_inclusion};
use serde::{Deserialize, Serialize};

use crate::day::UnixMillis;
use crate::encoding::{Base64Bytes, Bytes32};
use crate::feed::{Chain, FeedPosition};
use crate::id::TenantId;
use crate::jwk::PublicKey;
use crate::signer::Signer;
use crate::strict_json::{self, JsonError};
use crate::uses::{BatchTree, batch_root};

/// First line of the signed text; keeps it apart from everything else the key signs.
pub const HEAD_LABEL: &str = "grantbook-head/v1";
/// Bytes of the signed text.
pub const HEAD_BYTES_MAX: usize = 1024;

/// Bytes of a signed head's JSON.
pub const SIGNED_HEAD_BYTES_MAX: usize = 8 * 1024;

/// Why a head was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Larger than [`SIGNED_HEAD_BYTES_MAX`].
    #[error("signed head of {got} bytes, expected at most {SIGNED_HEAD_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// The JSON around the text departs from the schema.
    #[error("refused signed head: {0}")]
    Schema(#[from] JsonError),
    /// The text departs from its form.
    #[error("malformed head, expected {expected}")]
    Form {
        /// The line or form that was expected.
        expected: &'static str,
    },
    /// The signature does not verify.
    #[error("bad signature, expected one by the log's clock key")]
    BadSignature,
    /// Another log.
    #[error("head of another origin")]
    Origin,
    /// Another tenant.
    #[error("head of another tenant")]
    Tenant,
    /// The asker's nonce is not under the root of the nonces.
    #[error("head does not cover the nonce that was sent")]
    Nonce,
}

/// What the clock key signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Origin of the log.
    pub origin: String,
    /// The tenant.
    pub tenant: TenantId,
    /// Size of the tree whose checkpoint was published last.
    pub size: TreeSize,
    /// Its root.
    pub root: Hash,
    /// How far the tenant's feed reaches in that tree.
    pub feed: Chain,
    /// The ledger's clock.
    pub time: UnixMillis,
    /// RFC 6962 root over the nonces that were sent.
    pub nonces: Hash,
}

/// A head as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedHead {
    /// The signed text.
    pub head: String,
    /// Ed25519 signature of the clock key over the text.
    pub signature: Base64Bytes,
    /// Position of the asker's nonce among the nonces.
    pub nonce_index: u64,
    /// How many nonces there were.
    pub nonce_count: u64,
    /// Audit path of the asker's nonce.
    pub nonce_path: Vec<Bytes32>,
}

impl Head {
    /// The text that is signed.
    pub fn to_text(&self) -> String {
        format!(
            "{HEAD_LABEL}\norigin {}\ntenant {}\nsize {}\nroot {}\nfeed {} {:?}\ntime {}\nnonces {}\n",
            self.origin,
            self.tenant,
            self.size,
            self.root,
            self.feed.position.0,
            self.feed.value,
            self.time.0,
            self.nonces
        )
    }

    /// Parses the text in its one spelling; implies no trust.
    pub fn parse(text: &str) -> Result<Self, HeadError> {
        let form = |expected| HeadError::Form { expected };
        if text.len() > HEAD_BYTES_MAX {
            return Err(form("at most 1024 bytes"));
        }
        let mut lines = text.split('\n');
        let mut value = |label, expected| {
            lines.next().and_then(|line| line.strip_prefix(label)).ok_or(HeadError::Form { expected })
        };
        let (of_size, of_root, of_feed) =
            ("a line with the size", "a line with the root", "a line with the feed");
        let (of_tenant, of_time, of_nonces) =
            ("a line with the tenant", "a line with the time", "a line with the nonces");
        value(HEAD_LABEL, "a first line grantbook-head/v1")?;
        let origin = value("origin ", "a line with the origin")?.to_owned();
        let tenant = TenantId::parse(value("tenant ", of_tenant)?).map_err(|_| form(of_tenant))?;
        let size = value("size ", of_size)?.parse().map(TreeSize).map_err(|_| form(of_size))?;
        let root = value("root ", of_root)?.parse().map_err(|_| form(of_root))?;
        let (position, chain) = value("feed ", of_feed)?.split_once(' ').ok_or(form(of_feed))?;
        let position = position.parse().map(FeedPosition).map_err(|_| form(of_feed))?;
        let chain = crate::encoding::array_from_base64url(chain).map(Bytes32).ok_or(form(of_feed))?;
        let time = value("time ", of_time)?.parse().map(UnixMillis).map_err(|_| form(of_time))?;
        let nonces = value("nonces ", of_nonces)?.parse().map_err(|_| form(of_nonces))?;
        let head = Self { origin, tenant, size, root, feed: Chain { position, value: chain }, time, nonces };
        if head.to_text() == text { Ok(head) } else { Err(form("its one spelling")) }
    }
}

impl SignedHead {
    /// Reads the JSON of a signed head; implies no trust.
    pub fn parse(json: &[u8]) -> Result<Self, HeadError> {
        if json.len() > SIGNED_HEAD_BYTES_MAX {
            return Err(HeadError::TooLarge { got: json.len() });
        }
        Ok(strict_json::parse(json)?)
    }

    /// The JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // string keys, no fallible serialisers
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Signs a head over the nonces of all who asked; gives each asker its own, in order.
    pub fn sign(head: Head, nonces: &[[u8; 32]], clock: &Signer) -> Vec<Self> {
        let leaves: Vec<Bytes32> = nonces.iter().copied().map(Bytes32).collect();
        let head = Head { nonces: Hash(batch_root(leaves.iter()).0), ..head }.to_text();
        let tree = BatchTree::new(&leaves);
        let signature = Base64Bytes(clock.sign(head.as_bytes()).to_vec());
        let nonce_count = leaves.len() as u64;
        (0..leaves.len())
            .filter_map(|at| tree.path(at))
            .zip(0..)
            .map(|(path, nonce_index)| Self {
                head: head.clone(),
                signature: signature.clone(),
                nonce_index,
                nonce_count,
                nonce_path: path.into_iter().map(|hash| Bytes32(hash.0)).collect(),
            })
            .collect()
    }

    /// Verifies signature, origin and tenant, and that the head covers `nonce`.
    pub fn verify(&self, keys: &LogKeys, tenant: TenantId, nonce: &[u8; 32]) -> Result<Head, HeadError> {
        let signature: &[u8; 64] =
            self.signature.0.as_slice().try_into().map_err(|_| HeadError::BadSignature)?;
        let clock = keys.clock().public_key().try_into().map_err(|_| HeadError::BadSignature)?;
        let clock = PublicKey::from_bytes(clock).map_err(|_| HeadError::BadSignature)?;
        if !clock.verify(self.head.as_bytes(), signature) {
            return Err(HeadError::BadSignature);
        }
        let head = Head::parse(&self.head)?;
        if head.origin != keys.origin() {
            return Err(HeadError::Origin);
        }
        if head.tenant != tenant {
            return Err(HeadError::Tenant);
        }
        let path: Vec<Hash> = self.nonce_path.iter().map(|hash| Hash(hash.0)).collect();
        verify_inclusion(
            &leaf_hash(nonce),
            LeafIndex(self.nonce_index),
            TreeSize(self.nonce_count),
            &path,
            &head.nonces,
        )
        .map_err(|_| HeadError::Nonce)?;
        Ok(head)
    }
}
