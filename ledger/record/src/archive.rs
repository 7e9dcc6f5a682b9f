//! Archives: a tenant's or one customer's record as lines of JSON that verify offline and that another ledger imports.
//!
//! Specification: `docs/spec/archive.md`. A [`Reader`] takes one line after another, so that an archive of any size is
//! read in little memory; nothing that it gives is unverified.

use grantbook_tlog::{CheckpointError, LogKeys};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::class::Quantity;
use crate::day::UnixSeconds;
use crate::encoding::{Base64Bytes, Bytes32};
use crate::id::{GateId, SubjectId, TenantId};
use crate::jwk::PublicKey;
use crate::receipt::{Content, RECEIPT_BYTES_MAX, Receipt, ReceiptError, VerifiedContent, VerifiedReceipt};
use crate::signer::Signer;
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
    /// How many records follow.
    pub records: u64,
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
    chain: LineChain,
    records: u64,
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
        keys.verify_checkpoint(header.checkpoint.as_bytes())?;
        let mut chain = LineChain::start();
        chain.take(line);
        Ok(Self { header, keys, chain, records: 0, ended: false })
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
            self.ended = true;
            return Ok(None);
        }
        let number = self.records + 1;
        let verified =
            self.record(line, number).map_err(|error| ArchiveError::Record { record: number, error });
        let verified = verified?;
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

    fn record(&self, line: &[u8], number: u64) -> Result<VerifiedRecord, LineError> {
        let Record { before, admitted_at, flag, in_window, receipt, first } = parse(line)?;
        self.follows(&before)?;
        let here = receipt.verify(&self.keys)?;
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
