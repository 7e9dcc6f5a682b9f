//! Receipts: what a customer or an enterprise holds to prove, offline, that something was recorded.
//!
//! Specification: `docs/spec/receipt.md`. A receipt is JSON in one spelling: what [`Receipt::to_json`] writes.

use grantbook_compliance::{Blinding, Opening};
use grantbook_tlog::{
    CheckpointError, Demands, Hash, LeafIndex, LogKeys, ProofFileError, TlogProof, TreeSize, VerifyError,
    leaf_hash,
};
use serde::{Deserialize, Serialize};

use crate::class::Quantity;
use crate::day::UnixSeconds;
use crate::encoding::{Base64Bytes, Bytes32};
use crate::entry::{self, Entry, EntryError, LinkTarget, Salt};
use crate::envelope::{Envelope, EnvelopeError};
use crate::event::{Claims, Event};
use crate::jwk::{PublicKey, Thumbprint};
use crate::strict_json::{self, JsonError};
use crate::uses::{self, BatchHead, UseError, UseRecord};

/// Version of the receipt format.
pub const VERSION: u8 = 1;
/// Bytes of a receipt's JSON.
pub const RECEIPT_BYTES_MAX: usize = 512 * 1024;

/// Why a receipt does not verify.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// Larger than [`RECEIPT_BYTES_MAX`].
    #[error("receipt of {got} bytes, expected at most {RECEIPT_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused receipt: {0}")]
    Schema(#[from] JsonError),
    /// Another spelling of the same receipt.
    #[error("receipt is not in its one spelling, expected the bytes as they were issued")]
    Spelling,
    /// Another version of the format.
    #[error("receipt version {got}, expected {VERSION}")]
    Version {
        /// As came.
        got: u8,
    },
    /// The inclusion proof's text departs from its form.
    #[error(transparent)]
    ProofFile(#[from] ProofFileError),
    /// The inclusion proof does not lead to the checkpoint's root.
    #[error(transparent)]
    Inclusion(#[from] VerifyError),
    /// The checkpoint's signatures do not verify.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The entry's bytes are not an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The envelope does not verify.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The use record or its batch does not verify.
    #[error(transparent)]
    Use(#[from] UseError),
    /// What was recorded is erased.
    #[error("content is erased, expected a record to check")]
    Erased,
    /// One of the entry's parts is not what the receipt's other parts lead to.
    #[error("{what} of the entry does not match the receipt")]
    Mismatch {
        /// Which part.
        what: &'static str,
    },
}

/// Everything that is needed to check one entry offline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Version of the format.
    pub v: u8,
    /// The inclusion proof with its checkpoint, in the text form of C2SP tlog-proof.
    pub proof: String,
    /// The entry's bytes.
    pub entry: Base64Bytes,
    /// Salt of the entry's digest.
    pub salt: Salt,
    /// What the entry's link opens to; it may name no entry, but the link is there all the same.
    pub link: LinkOpening,
    /// What was recorded.
    pub content: Content,
    /// Openings of the commitments, in the order of the class.
    pub openings: Vec<WireOpening>,
}

/// What the entry's digest covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A signed event.
    Event(EventContent),
    /// A use record in a signed batch.
    Use(Box<UseContent>),
    /// Erased with its customer: only that the entry is in the log can be checked. In frames of a feed, and for who sends it again.
    Erased,
}

/// A signed event and the keys that signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventContent {
    /// The envelope's bytes.
    pub envelope: Base64Bytes,
    /// The signers' keys, in the order of the signatures.
    pub keys: Vec<PublicKey>,
    /// What was sent in beside the envelope, where anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<Attached>,
}

/// Attachments: see [`crate::attachment`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attached {
    /// What the entry's digest covers of them, for those who must not see them: enterprises and gates.
    Hidden(Bytes32),
    /// They themselves, for the customer and auditors.
    Shown(ShownAttachments),
}

/// Attachments with the salt that hides them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownAttachments {
    /// Its salt.
    pub salt: Salt,
    /// Their bytes.
    pub bytes: Base64Bytes,
}

impl Attached {
    /// What the entry's digest covers of them.
    pub fn a32(&self) -> Bytes32 {
        match self {
            Self::Hidden(a32) => *a32,
            Self::Shown(ShownAttachments { salt, bytes }) => entry::a32(salt, &bytes.0),
        }
    }

    /// Their bytes, where they are shown.
    pub fn shown(&self) -> Option<&[u8]> {
        match self {
            Self::Hidden(_) => None,
            Self::Shown(shown) => Some(&shown.bytes.0),
        }
    }
}

/// A use record and its way into the batch that was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseContent {
    /// The record's JSON, as text.
    pub record: String,
    /// Compact JWS over the batch's head.
    pub head: String,
    /// Audit path from the record to the batch's root.
    pub path: Vec<Bytes32>,
    /// The gate's key.
    pub key: PublicKey,
}

/// What a link opens to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkOpening {
    /// Its salt.
    pub salt: Salt,
    /// The tenant's group of terms (compensation, tier, cohort); 0 for none.
    pub group: u16,
    /// The entry it names.
    pub target: LinkTarget,
}

/// Value and blinding of one commitment. Its `Debug` shows neither.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireOpening {
    /// The committed value, in the quantity's unit.
    pub value: u64,
    /// The blinding scalar, canonical little-endian.
    pub blinding: Bytes32,
}

impl std::fmt::Debug for WireOpening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WireOpening(..)")
    }
}

/// How far a receipt's checkpoint is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// By the log's own keys.
    Signed,
    /// Also by the quorum of witnesses that the reader's policy asks for.
    Witnessed,
}

impl Trust {
    /// `signed` or `witnessed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Witnessed => "witnessed",
        }
    }
}

/// Where an entry stands in the log, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Where it stands.
    pub leaf_index: LeafIndex,
    /// Its leaf hash.
    pub leaf_hash: Hash,
    /// Size of the tree whose checkpoint the proof leads to.
    pub tree_size: TreeSize,
    /// Root of that tree.
    pub root: Hash,
    /// When the log's clock key cosigned that checkpoint.
    pub cosigned_at: UnixSeconds,
    /// How far the checkpoint is vouched for.
    pub trust: Trust,
}

/// A receipt of which everything but the tag was checked.
#[derive(Debug, Clone)]
pub struct VerifiedReceipt {
    /// The entry.
    pub entry: Entry,
    /// Where it stands in the log.
    pub leaf_index: LeafIndex,
    /// Its leaf hash.
    pub leaf_hash: Hash,
    /// Size of the tree whose checkpoint the proof leads to.
    pub tree_size: TreeSize,
    /// Root of that tree.
    pub root: Hash,
    /// When the log's clock key cosigned that checkpoint.
    pub cosigned_at: UnixSeconds,
    /// How far the checkpoint is vouched for.
    pub trust: Trust,
    /// What was recorded.
    pub content: VerifiedContent,
    /// The committed quantities, in the order of the class.
    pub quantities: Vec<(Quantity, u64)>,
}

/// What was recorded, with verified signatures.
#[derive(Debug, Clone)]
pub enum VerifiedContent {
    /// A signed event.
    Event {
        /// The claims.
        claims: Box<Claims<Event>>,
        /// The keys that signed, in order. Whether they were the customer's is for `key.enrolled` receipts to show.
        keys: Vec<PublicKey>,
    },
    /// A use.
    Use {
        /// The record.
        record: Box<UseRecord>,
        /// The batch it came in.
        batch: Box<Claims<BatchHead>>,
        /// The gate's key.
        key: PublicKey,
    },
}

impl Receipt {
    /// Parses a receipt in its one spelling (a final line feed is allowed); implies no trust.
    pub fn parse(json: &[u8]) -> Result<Self, ReceiptError> {
        if json.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::TooLarge { got: json.len() });
        }
        let json = json.strip_suffix(b"\n").unwrap_or(json);
        let receipt: Self = strict_json::parse(json)?;
        if receipt.v != VERSION {
            return Err(ReceiptError::Version { got: receipt.v });
        }
        if receipt.to_json() != json {
            return Err(ReceiptError::Spelling);
        }
        Ok(receipt)
    }

    /// The same receipt for those who must not see the attachments; it verifies as before.
    #[must_use]
    pub fn without_attachments(mut self) -> Self {
        if let Content::Event(EventContent { attached: Some(attached), .. }) = &mut self.content {
            *attached = Attached::Hidden(attached.a32());
        }
        self
    }

    /// The receipt's bytes.
    pub fn to_json(&self) -> Vec<u8> {
        // string keys, no fallible serialisers
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Checks only that the entry's bytes are in the log, whatever they record: what a reader can do with an entry of
    /// a kind or version that it does not know.
    pub fn verify_logged(&self, keys: &LogKeys) -> Result<Logged, ReceiptError> {
        self.verify_logged_under(keys, &Demands::default())
    }

    /// As [`Self::verify_logged`], under demands beyond the log's own two signatures.
    pub fn verify_logged_under(&self, keys: &LogKeys, demands: &Demands) -> Result<Logged, ReceiptError> {
        let proof = TlogProof::parse(self.proof.as_bytes())?;
        if proof.extra().is_some() {
            return Err(ReceiptError::Mismatch { what: "extra line" });
        }
        // lines by keys that nobody named vouch for nothing and do no harm: witnesses of other readers
        let signed = demands.verify(keys, proof.checkpoint().as_bytes())?;
        let (tree_size, root) = (signed.checkpoint.size(), signed.checkpoint.root());
        let leaf_hash = leaf_hash(&self.entry.0);
        grantbook_tlog::verify_inclusion(&leaf_hash, proof.index(), tree_size, proof.hashes(), &root)?;
        let cosigned_at = UnixSeconds(signed.time.0);
        Ok(Logged {
            leaf_index: proof.index(),
            leaf_hash,
            tree_size,
            root,
            cosigned_at,
            trust: if signed.cosigned.quorum && !signed.cosigned.by.is_empty() {
                Trust::Witnessed
            } else {
                Trust::Signed
            },
        })
    }

    /// Checks every field but the tag, which only holders of the tenant's day key can check.
    pub fn verify(&self, keys: &LogKeys) -> Result<VerifiedReceipt, ReceiptError> {
        self.verify_under(keys, &Demands::default())
    }

    /// As [`Self::verify`], under demands beyond the log's own two signatures.
    pub fn verify_under(&self, keys: &LogKeys, demands: &Demands) -> Result<VerifiedReceipt, ReceiptError> {
        let Logged { leaf_index, leaf_hash, tree_size, root, cosigned_at, trust } =
            self.verify_logged_under(keys, demands)?;
        let entry = Entry::parse(&self.entry.0)?;
        if self.content == Content::Erased {
            return Err(ReceiptError::Erased);
        }
        // an entry is admitted before the checkpoint over it is cosigned; the ledger's clock may step back over midnight
        // in between, and days never do
        if entry.day.0 > cosigned_at.day().0.saturating_add(1) {
            return Err(ReceiptError::Mismatch { what: "day" });
        }
        self.check_link(&entry)?;
        let content = self.verify_content(&entry)?;
        let quantities = self.verify_openings(&entry)?;
        check_terms(&entry, &content, &quantities)?;
        Ok(VerifiedReceipt {
            entry,
            leaf_index,
            leaf_hash,
            tree_size,
            root,
            cosigned_at,
            trust,
            content,
            quantities,
        })
    }

    fn check_link(&self, entry: &Entry) -> Result<(), ReceiptError> {
        let LinkOpening { salt, group, target } = &self.link;
        let names_what_it_must = !entry.kind.needs_link() || *target != LinkTarget::NONE;
        if names_what_it_must && entry::link(salt, *group, target) == entry.link {
            Ok(())
        } else {
            Err(ReceiptError::Mismatch { what: "link" })
        }
    }

    fn verify_content(&self, entry: &Entry) -> Result<VerifiedContent, ReceiptError> {
        match &self.content {
            Content::Erased => Err(ReceiptError::Erased),
            Content::Event(EventContent { envelope, keys, attached }) => {
                let envelope = Envelope::parse(&envelope.0)?;
                let a32 = attached.as_ref().map(Attached::a32);
                check_digest(entry, &self.salt, &envelope.sha256(), a32)?;
                check_kind(entry, envelope.kind())?;
                let named: Vec<Thumbprint> = keys.iter().map(PublicKey::thumbprint).collect();
                if envelope.signers() != named {
                    return Err(EnvelopeError::UnknownSigner.into());
                }
                envelope
                    .verify_signatures(|kid| keys.iter().find(|key| key.thumbprint() == *kid).copied())?;
                Ok(VerifiedContent::Event { claims: Box::new(envelope.event()?), keys: keys.clone() })
            }
            Content::Use(content) => {
                let UseContent { record: json, head, path, key } = content.as_ref();
                let record = UseRecord::parse(json.as_bytes())?;
                check_digest(entry, &self.salt, &Bytes32::sha256(json.as_bytes()), None)?;
                check_kind(entry, record.kind())?;
                let batch = uses::verify_head(head, key)?;
                let BatchHead { gate, first, count, root } = &batch.event;
                let at = record.seq.checked_sub(*first).filter(|_| record.gate == *gate);
                let path: Vec<Hash> = path.iter().map(|hash| Hash(hash.0)).collect();
                at.and_then(|at| {
                    grantbook_tlog::verify_inclusion(
                        &leaf_hash(&entry.digest.0),
                        LeafIndex(at),
                        TreeSize(u64::from(*count)),
                        &path,
                        &Hash(root.0),
                    )
                    .ok()
                })
                .ok_or(UseError::Root)?;
                Ok(VerifiedContent::Use { record: Box::new(record), batch: Box::new(batch), key: *key })
            }
        }
    }

    fn verify_openings(&self, entry: &Entry) -> Result<Vec<(Quantity, u64)>, ReceiptError> {
        let openings = &self.openings;
        let mismatch = || ReceiptError::Mismatch { what: "commitment" };
        if openings.len() != entry.commitments.len() {
            return Err(mismatch());
        }
        for (commitment, opening) in entry.commitments.iter().zip(openings) {
            let blinding = Blinding::from_bytes(opening.blinding.0).map_err(|_| mismatch())?;
            grantbook_compliance::verify_opening(commitment, &Opening { value: opening.value, blinding })
                .map_err(|_| mismatch())?;
        }
        Ok(entry.class.quantities().iter().copied().zip(openings.iter().map(|o| o.value)).collect())
    }
}

fn check_digest(
    entry: &Entry,
    salt: &Salt,
    record_sha256: &Bytes32,
    a32: Option<Bytes32>,
) -> Result<(), ReceiptError> {
    if entry::digest(salt, record_sha256, a32) == entry.digest {
        Ok(())
    } else {
        Err(ReceiptError::Mismatch { what: "digest" })
    }
}

fn check_kind(entry: &Entry, kind: crate::kind::Kind) -> Result<(), ReceiptError> {
    if entry.kind == kind { Ok(()) } else { Err(ReceiptError::Mismatch { what: "kind" }) }
}

/// What was committed must be what was signed.
fn check_terms(
    entry: &Entry,
    content: &VerifiedContent,
    quantities: &[(Quantity, u64)],
) -> Result<(), ReceiptError> {
    let VerifiedContent::Event { claims, .. } = content else {
        return Ok(());
    };
    let (terms, birth_day) = match &claims.event {
        Event::GrantGiven(event) => (&event.terms, event.birth_day),
        Event::GrantAmended(event) => (&event.terms, event.birth_day),
        _ => return Ok(()),
    };
    let (class, values) = terms.committed(birth_day);
    if class != entry.class {
        return Err(ReceiptError::Mismatch { what: "class" });
    }
    if terms.compensation.currency() != entry.currency {
        return Err(ReceiptError::Mismatch { what: "currency" });
    }
    // an amendment starts at its admission, so its start is the ledger's clock
    let amended = matches!(claims.event, Event::GrantAmended(_));
    let differs = quantities.iter().zip(values).any(|((quantity, committed), signed)| {
        *committed != u64::from(signed) && !(amended && *quantity == Quantity::Start)
    });
    if differs { Err(ReceiptError::Mismatch { what: "committed terms" }) } else { Ok(()) }
}
