//! Archives: a tenant's or one customer's record as lines of JSON that verify offline and that another ledger imports.
//!
//! Specification: `docs/spec/archive.md`. A [`Reader`] takes one line after another, so that an archive of any size is
//! read in little memory; nothing that it gives is unverified.

mod grants;

pub use grants::{ArchivedGrant, ArchivedGrants};

use grantbook_tlog::{CheckpointError, Hash, LogKeys, TreeSize, VerifyError, verify_consistency};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::class::Quantity;
use crate::day::UnixSeconds;
use crate::encoding::{Base64Bytes, Bytes32};
use crate::id::{GateId, SubjectId, TenantId};
use crate::jwk::PublicKey;
use crate::list::List;
use crate::receipt::{Content, RECEIPT_BYTES_MAX, Receipt, ReceiptError, VerifiedContent, VerifiedReceipt};
use crate::signer::Signer;
use crate::state_proof::{StateProof, StateProofError, VerifiedState};
use crate::strict_json::{self, JsonError};
use crate::{DenialReason, Event};

/// Version of the format.
pub const VERSION: u8 = 1;
/// Bytes of a line: two receipts and what surrounds them.
pub const LINE_BYTES_MAX: usize = 2 * RECEIPT_BYTES_MAX + 64 * 1024;
/// First bytes of what the chain starts from, and first line of what is signed.
const LABEL: &str = "grantbook-archive/v1";

/// Why an archive is refused. Records are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The header.
    #[error("header: {0}")]
    Header(#[source] LineError),
    /// A record.
    #[error("record {record}: {error}")]
    Record {
        /// Which one.
        record: u64,
        /// What is wrong with it.
        error: LineError,
    },
    /// The last line.
    #[error("last line: {0}")]
    End(#[source] LineError),
    /// The archive breaks off.
    #[error("the archive ends after {records} records without its last line, expected {expected} records")]
    CutShort {
        /// Records that came.
        records: u64,
        /// Records that its header announces.
        expected: u64,
    },
    /// Lines behind the last one.
    #[error("the archive goes on after its last line")]
    GoesOn,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Longer than [`LINE_BYTES_MAX`].
    #[error("line of {got} bytes, expected at most {LINE_BYTES_MAX}")]
    TooLong {
        /// Its bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused line: {0}")]
    Schema(#[from] JsonError),
    /// Another version of the format.
    #[error("archive version {got}, expected {VERSION}")]
    Version {
        /// As came.
        got: u8,
    },
    /// The log's keys are malformed, or the checkpoint does not verify under them.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The receipt does not verify.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The earlier checkpoint is not of the history that the last one is of.
    #[error("earlier checkpoint: {0}")]
    Consistency(#[from] VerifyError),
    /// The proof of what the customer's grants came to.
    #[error("states: {0}")]
    StateProof(#[from] StateProofError),
    /// The records come to something else than the operator has signed: one is missing.
    #[error("{records} by the records, expected {signed}, as the operator has signed")]
    States {
        /// What the records come to.
        records: String,
        /// What the operator has signed.
        signed: String,
    },
    /// One part says something else than another.
    #[error("{what} does not match, expected {expected}")]
    Mismatch {
        /// Which part.
        what: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the format.
    pub v: u8,
    /// The log's two verifier keys, as `/log/vkey` gives them.
    pub vkey: String,
    /// The tenant.
    pub tenant: ArchivedTenant,
    /// The one customer whose record it is; absent: all of the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectId>,
    /// The log's last checkpoint when the archive was begun.
    pub checkpoint: String,
    /// A checkpoint from before it that receipts are under as well: the last one that witnesses have cosigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
    /// Of one customer: every entry about them with a leaf index below this is in the archive, but for those of grants
    /// whose records were shredded. The size of the checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_below: Option<u64>,
    /// Of one customer: what their grants came to under the last root of the map that was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<StateProof>,
    /// How many records follow.
    pub records: u64,
}

/// An earlier checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// The checkpoint.
    pub checkpoint: String,
    /// Consistency proof (RFC 6962) from it to the last one.
    pub proof: List<Bytes32, 0, 128>,
}

/// The tenant, with every key that its records were checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivedTenant {
    /// Its permanent id, the `aud` of its envelopes.
    pub id: TenantId,
    /// Its name, for people.
    pub name: String,
    /// The enterprise's key.
    pub enterprise_key: PublicKey,
    /// The operator's key for events and for the ledger's own gate.
    pub operator_key: PublicKey,
    /// Its gates.
    pub gates: Vec<ArchivedGate>,
}

/// A gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivedGate {
    /// Its name.
    pub id: GateId,
    /// Its key.
    pub key: PublicKey,
}

/// A line between the first and the last: one entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Digest of all lines before, so that each line vouches for those before it.
    pub before: Bytes32,
    /// When the record was first admitted: by the ledger's clock, and where the entry commits to a time, that time.
    pub admitted_at: UnixSeconds,
    /// The rule that a use broke when it was admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<DenialReason>,
    /// Whether a use fell between a withdrawal and the bound.
    #[serde(default, skip_serializing_if = "is_false")]
    pub in_window: bool,
    /// The receipt.
    pub receipt: Receipt,
    /// Where it was first admitted, if that was in another log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<First>,
}

/// The proof of a first admission in another log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct First {
    /// That log's two verifier keys.
    pub vkey: String,
    /// Its operator's key.
    pub operator_key: PublicKey,
    /// The receipt.
    pub receipt: Receipt,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Digest of all lines before.
    pub before: Bytes32,
    /// Ed25519 signature by the log's clock key over label, records and digest.
    pub signature: Base64Bytes,
}

/// A record of which everything was verified.
#[derive(Debug)]
pub struct VerifiedRecord {
    /// Its place in the archive, from 1.
    pub number: u64,
    /// As it stands in the log that the archive is of.
    pub here: VerifiedReceipt,
    /// Where it was first admitted: that log or another. What it holds was verified.
    pub first: First,
    /// Currency of the entry.
    pub currency: crate::Currency,
    /// The committed quantities, in the order of the class.
    pub quantities: Vec<(Quantity, u64)>,
    /// See [`Record::admitted_at`].
    pub admitted_at: UnixSeconds,
    /// See [`Record::flag`].
    pub flag: Option<DenialReason>,
    /// See [`Record::in_window`].
    pub in_window: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

fn line_of(value: &impl Serialize) -> Vec<u8> {
    // string keys, no fallible serialisers
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

fn parse<T: for<'de> Deserialize<'de>>(line: &[u8]) -> Result<T, LineError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(LineError::TooLong { got: line.len() });
    }
    Ok(strict_json::parse(line.strip_suffix(b"\n").unwrap_or(line))?)
}

/// The running digest of lines, final line feeds included.
#[derive(Debug, Clone, Copy)]
struct LineChain(Bytes32);

impl LineChain {
    fn start() -> Self {
        Self(Bytes32::sha256(LABEL.as_bytes()))
    }

    fn take(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let digest = Sha256::new().chain_update(self.0.0).chain_update(line).chain_update(b"\n").finalize();
        self.0 = Bytes32(digest.into());
    }
}

fn signed_text(header: &Header, chain: &Bytes32) -> String {
    format!("{LABEL}\ntenant {}\nrecords {}\nlines {chain:?}\n", header.tenant.id, header.records)
}

/// Writes an archive line by line.
#[derive(Debug)]
pub struct Writer {
    header: Header,
    chain: LineChain,
}

impl Writer {
    /// Gives the first line.
    pub fn begin(header: Header) -> (Self, Vec<u8>) {
        let line = line_of(&header);
        let mut chain = LineChain::start();
        chain.take(&line);
        (Self { header, chain }, line)
    }

    /// Gives a record's line; its `before` is set here.
    pub fn record(&mut self, record: Record) -> Vec<u8> {
        let line = line_of(&Record { before: self.chain.0, ..record });
        self.chain.take(&line);
        line
    }

    /// Gives the last line.
    pub fn end(self, clock: &Signer) -> Vec<u8> {
        let text = signed_text(&self.header, &self.chain.0);
        let signature = Base64Bytes(clock.sign(text.as_bytes()).to_vec());
        line_of(&End { before: self.chain.0, signature })
    }
}

/// Reads and verifies an archive line by line.
#[derive(Debug)]
pub struct Reader {
    header: Header,
    keys: LogKeys,
    /// Trees of one history, whose checkpoints receipts may be under.
    trees: Vec<(TreeSize, Hash)>,
    chain: LineChain,
    records: u64,
    last_leaf: Option<u64>,
    grants: ArchivedGrants,
    /// What the operator has signed of the grants, until all records below its size were read.
    signed: Option<VerifiedState>,
    ended: bool,
}

impl Reader {
    /// Takes the first line. `pinned` are the log's keys as the reader knows them; without them the keys are taken on
    /// the archive's word.
    pub fn begin(line: &[u8], pinned: Option<&LogKeys>) -> Result<Self, ArchiveError> {
        Self::read_header(line, pinned).map_err(ArchiveError::Header)
    }

    fn read_header(line: &[u8], pinned: Option<&LogKeys>) -> Result<Self, LineError> {
        let header: Header = parse(line)?;
        if header.v != VERSION {
            return Err(LineError::Version { got: header.v });
        }
        let keys = LogKeys::parse(&header.vkey)?;
        if pinned.is_some_and(|pinned| *pinned != keys) {
            return Err(LineError::Mismatch { what: "the log's keys", expected: "those that were pinned" });
        }
        let last = keys.verify_checkpoint(header.checkpoint.as_bytes())?.checkpoint;
        let mut trees = vec![(last.size(), last.root())];
        if let Some(Earlier { checkpoint, proof }) = &header.earlier {
            let earlier = keys.verify_checkpoint(checkpoint.as_bytes())?.checkpoint;
            let proof: Vec<Hash> = proof.iter().map(|hash| Hash(hash.0)).collect();
            verify_consistency(earlier.size(), &earlier.root(), last.size(), &last.root(), &proof)?;
            trees.push((earlier.size(), earlier.root()));
        }
        // only one customer's archive makes the claim, and none goes without it
        let claimed = header.subject.as_ref().map(|_| last.size().0);
        if header.complete_below != claimed {
            let expected = "the size of the checkpoint, in the archive of one customer alone";
            return Err(LineError::Mismatch { what: "complete_below", expected });
        }
        let signed = header.states.as_ref().map(|states| states.verify(&keys)).transpose()?;
        if let Some(signed) = &signed {
            let same = signed.tenant == header.tenant.id
                && Some(&signed.sub) == header.subject.as_ref()
                && signed.signed_by == header.tenant.operator_key;
            if !same {
                let expected = "of the header's tenant and customer, signed by its operator";
                return Err(LineError::Mismatch { what: "the proof of the states", expected });
            }
            // both of its receipts are under one checkpoint
            let root = header.states.as_ref().map(|states| states.root.verify(&keys)).transpose();
            let root = root.map_err(StateProofError::Root)?;
            if !root.is_some_and(|root| trees.contains(&(root.tree_size, root.root))) {
                return Err(of_another_tree());
            }
        }
        let mut chain = LineChain::start();
        chain.take(line);
        Ok(Self {
            header,
            keys,
            trees,
            chain,
            records: 0,
            last_leaf: None,
            grants: ArchivedGrants::default(),
            signed,
            ended: false,
        })
    }

    /// What the records so far come to, in the archive of one customer.
    pub fn grants(&self) -> &ArchivedGrants {
        &self.grants
    }

    /// The first line.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The keys of the log that the archive is of.
    pub fn keys(&self) -> &LogKeys {
        &self.keys
    }

    /// Takes the next line: `None` for the last one.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<VerifiedRecord>, ArchiveError> {
        if self.ended {
            return Err(ArchiveError::GoesOn);
        }
        if self.records == self.header.records {
            self.end(line).map_err(ArchiveError::End)?;
            self.check_states(None).map_err(ArchiveError::End)?;
            self.ended = true;
            return Ok(None);
        }
        let number = self.records + 1;
        let named = |error| ArchiveError::Record { record: number, error };
        let verified = self.record(line, number).map_err(named)?;
        let leaf = verified.here.leaf_index.0;
        self.check_states(Some(leaf)).map_err(named)?;
        if self.header.subject.is_some() {
            self.grants.take(&verified).map_err(named)?;
        }
        self.last_leaf = Some(leaf);
        self.records = number;
        self.chain.take(line);
        Ok(Some(verified))
    }

    /// Whether the last line was there.
    pub fn finish(self) -> Result<Header, ArchiveError> {
        if self.ended {
            return Ok(self.header);
        }
        Err(ArchiveError::CutShort { records: self.records, expected: self.header.records })
    }

    fn end(&self, line: &[u8]) -> Result<(), LineError> {
        let End { before, signature } = parse(line)?;
        self.follows(&before)?;
        let clock = self.keys.clock().public_key().try_into().ok();
        let clock = clock.and_then(|key| PublicKey::from_bytes(key).ok());
        let signature: Option<[u8; 64]> = signature.0.as_slice().try_into().ok();
        let text = signed_text(&self.header, &before);
        let valid =
            clock.zip(signature).is_some_and(|(key, signature)| key.verify(text.as_bytes(), &signature));
        if valid {
            Ok(())
        } else {
            Err(LineError::Mismatch { what: "the signature", expected: "one by the log's clock key" })
        }
    }

    fn follows(&self, before: &Bytes32) -> Result<(), LineError> {
        if *before == self.chain.0 {
            return Ok(());
        }
        let what = "the digest of the lines before";
        Err(LineError::Mismatch {
            what,
            expected: "that of the lines as they came; the one before was changed",
        })
    }

    /// Once all records below the size of the signed states were read, they must come to these.
    fn check_states(&mut self, next: Option<u64>) -> Result<(), LineError> {
        let passed = |signed: &mut VerifiedState| next.is_none_or(|leaf| leaf >= signed.size.0);
        match self.signed.take_if(passed) {
            Some(signed) => self.grants.check(&signed),
            None => Ok(()),
        }
    }

    fn record(&self, line: &[u8], number: u64) -> Result<VerifiedRecord, LineError> {
        let Record { before, admitted_at, flag, in_window, receipt, first } = parse(line)?;
        self.follows(&before)?;
        let here = receipt.verify(&self.keys)?;
        if !self.trees.contains(&(here.tree_size, here.root)) {
            return Err(of_another_tree());
        }
        if self.last_leaf.is_some_and(|last| here.leaf_index.0 <= last) {
            return Err(LineError::Mismatch {
                what: "the order of records",
                expected: "rising leaf indexes",
            });
        }
        let first = match first {
            Some(first) => {
                let there = first.receipt.verify(&LogKeys::parse(&first.vkey)?)?;
                if content_bytes(&first.receipt) != content_bytes(&receipt)
                    || there.quantities != here.quantities
                    || there.entry.currency != here.entry.currency
                {
                    return Err(LineError::Mismatch {
                        what: "what was first admitted",
                        expected: "the same record in both logs",
                    });
                }
                first
            }
            None => First {
                vkey: self.header.vkey.clone(),
                operator_key: self.header.tenant.operator_key,
                receipt: receipt.clone(),
            },
        };
        self.check_about(&here)?;
        check_admitted(&here, admitted_at)?;
        let (currency, quantities) = (here.entry.currency, here.quantities.clone());
        Ok(VerifiedRecord { number, here, first, currency, quantities, admitted_at, flag, in_window })
    }

    /// A record is of the header's tenant, and about its customer where it names one, or about nobody.
    fn check_about(&self, receipt: &VerifiedReceipt) -> Result<(), LineError> {
        let (tenant, subject) = match &receipt.content {
            VerifiedContent::Event { claims, .. } => (claims.aud, claims.event.subject()),
            VerifiedContent::Use { record, batch, .. } => (batch.aud, Some(&record.facts.data_subject)),
        };
        if tenant != self.header.tenant.id {
            return Err(LineError::Mismatch { what: "the tenant", expected: "that of the header" });
        }
        match (&self.header.subject, subject) {
            (Some(one), Some(other)) if one != other => {
                Err(LineError::Mismatch { what: "the customer", expected: "that of the header" })
            }
            _ => Ok(()),
        }
    }
}

fn of_another_tree() -> LineError {
    LineError::Mismatch {
        what: "the checkpoint of a receipt",
        expected: "that of the header, or the earlier one that it proves",
    }
}

/// The signed bytes.
fn content_bytes(receipt: &Receipt) -> &[u8] {
    match &receipt.content {
        Content::Event(event) => &event.envelope.0,
        Content::Use(used) => used.record.as_bytes(),
        Content::Erased => &[],
    }
}

/// The stated time must be the committed one, where the entry commits to one.
fn check_admitted(receipt: &VerifiedReceipt, at: UnixSeconds) -> Result<(), LineError> {
    let committed = receipt.quantities.iter().find(|(quantity, _)| *quantity == Quantity::Time);
    let is_use = matches!(receipt.content, VerifiedContent::Use { .. });
    let differs = committed.is_some_and(|(_, seconds)| u64::from(at.since_2020().0) != *seconds);
    // an amendment's start is its admission or later
    let early = matches!(&receipt.content, VerifiedContent::Event { claims, .. }
        if matches!(claims.event, Event::GrantAmended(_)))
        && receipt.quantities.first().is_some_and(|(_, start)| u64::from(at.since_2020().0) > *start);
    // the checkpoint was cosigned after the admission, but for a clock that steps back
    let late = at.0 > receipt.cosigned_at.0.saturating_add(86_400);
    if early || late || (differs && !is_use) {
        return Err(LineError::Mismatch {
            what: "the time of admission",
            expected: "what the entry commits to",
        });
    }
    Ok(())
}
