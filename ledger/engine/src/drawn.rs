//! Opening what a regulator has drawn, over all enterprises (`docs/spec/audit.md`).

use grantbook_record::audit::{Answer, AuditError, Request};
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::LinkTarget;
use grantbook_record::event::{Act, OpenedAudit};
use grantbook_record::receipt::Content;
use grantbook_record::{DenialReason, Entry, Envelope, Receipt};
use grantbook_tlog::{CheckpointError, LeafIndex, Note, NoteError, TreeSize, VerifierKey};

use crate::body::BodyContent;
use crate::error::{AppendError, ReadError, WitnessedError};
use crate::ledger::{Inner, Ledger};
use crate::publication::PublishedCheckpoint;

/// Why a request for an audit is not answered.
#[derive(Debug, thiserror::Error)]
pub enum DrawnError {
    /// It is malformed.
    #[error(transparent)]
    Request(#[from] AuditError),
    /// Its checkpoint is not of this ledger's history.
    #[error(transparent)]
    Checkpoint(#[from] WitnessedError),
    /// That it is answered could not be put on the log.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// The answers to one request, in the order of the draw; each is read when it is asked for.
pub struct Drawn {
    ledger: Ledger,
    under: PublishedCheckpoint,
    entries: std::vec::IntoIter<LeafIndex>,
    act: LeafIndex,
}

impl Drawn {
    /// Where the log says that the entries are opened.
    pub fn act(&self) -> LeafIndex {
        self.act
    }
}

impl Iterator for Drawn {
    type Item = Result<Answer, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let LeafIndex(leaf) = self.entries.next()?;
        Some(self.ledger.inner.answer(leaf, &self.under))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for Drawn {}

impl Ledger {
    /// Opens the entries that a regulator's request points at, whosoever they are: for the operator alone. Before the first
    /// is opened, the log says that they are.
    pub fn open_drawn(&self, request: &Request) -> Result<Drawn, DrawnError> {
        let checkpoint = self.inner.check_own(request.checkpoint())?;
        let entries = request.draw()?.into_iter();
        let under = self.inner.own_lines(request, checkpoint.size())?;
        let act = OpenedAudit { request: request.sha256(), entries: request.count() };
        let act = self.record_act(Act::AuditOpened(act), None)?.leaf_index;
        Ok(Drawn { ledger: self.clone(), under, entries, act })
    }
}

impl Inner {
    /// The request's checkpoint with the lines of the log's two keys alone: each answer bears it, and who else has signed it
    /// the regulator knows.
    fn own_lines(&self, request: &Request, size: TreeSize) -> Result<PublishedCheckpoint, AuditError> {
        let wrong = |error| AuditError::Checkpoint(CheckpointError::Note(error));
        let note = Note::parse(request.checkpoint().as_bytes()).map_err(wrong)?;
        let keys = &self.keyring.log_keys;
        let mut lines = note.signatures().iter().filter(|line| {
            let by = |key: &VerifierKey| line.name() == key.name() && line.key_id() == key.key_id();
            by(keys.log()) || by(keys.clock())
        });
        let Some(first) = lines.next() else {
            return Err(wrong(NoteError::Layout));
        };
        let mut own = Note::new(note.text(), first.clone()).map_err(wrong)?;
        for line in lines {
            own.add(line.clone()).map_err(wrong)?;
        }
        Ok(PublishedCheckpoint { size, note: own.to_string().into() })
    }

    fn answer(&self, leaf: u64, under: &PublishedCheckpoint) -> Result<Answer, ReadError> {
        let owned = self.published.item(leaf)?;
        let entry =
            Entry::parse(&owned.item.entry).map_err(|_| ReadError::Damaged(format!("entry {leaf}")))?;
        let tag_key = self.keyring.tag_key(owned.owner.tenant);
        let tag_key = tag_key.ok_or_else(|| ReadError::Damaged(format!("owner of entry {leaf}")))?;
        let (receipt, flag) = self.open_drawn(leaf, under)?;
        let origin = Bytes32::sha256(self.keyring.log_keys.origin().as_bytes());
        let LinkTarget { origin_sha256, leaf_index, .. } = receipt.link.target;
        let named = if origin_sha256 == origin { Some(leaf_index) } else { self.mandate_of(&receipt)? };
        let linked = named.map(|leaf| self.open_drawn(leaf, under)).transpose()?.map(|(receipt, _)| receipt);
        Ok(Answer {
            index: leaf,
            day_key: Bytes32(tag_key.day_key(entry.day).to_bytes()),
            receipt: text(&receipt),
            under: linked.as_ref().map(text),
            flag,
        })
    }

    /// Where the mandate stands that an event names.
    fn mandate_of(&self, receipt: &Receipt) -> Result<Option<u64>, ReadError> {
        let Content::Event(content) = &receipt.content else { return Ok(None) };
        let event = Envelope::parse(&content.envelope.0).and_then(|envelope| envelope.event());
        let claims = event.map_err(|_| ReadError::Damaged("envelope".to_owned()))?;
        let Some(mandate) = claims.event.named_mandate() else { return Ok(None) };
        Ok(self.state.jti(claims.aud, &mandate)?.map(|row| row.leaf_index))
    }

    /// The receipt of an entry, or what is left of it, and the flag of a use.
    fn open_drawn(
        &self,
        leaf: u64,
        under: &PublishedCheckpoint,
    ) -> Result<(Receipt, Option<DenialReason>), ReadError> {
        let owned = self.published.item(leaf)?;
        match self.open_body(leaf, &owned) {
            Err(ReadError::Erased) => Ok((self.erased_receipt(leaf, &owned, under)?, None)),
            Err(error) => Err(error),
            Ok(body) => {
                let flag = match body.content {
                    BodyContent::Use { flag, .. } => flag,
                    BodyContent::Event { .. } => None,
                };
                Ok((self.whole_receipt_of(leaf, &owned, body, under)?, flag))
            }
        }
    }
}

/// A receipt's JSON is text.
fn text(receipt: &Receipt) -> String {
    String::from_utf8(receipt.to_json()).unwrap_or_default()
}
