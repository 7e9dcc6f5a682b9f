//! What a frame says, once its receipt has been verified: apart from the replica, so that signatures are checked
//! without holding up decisions.

use grantbook_plan::customer::EntryRef;
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::{self, EntryError};
use grantbook_record::event::{Claims, Event};
use grantbook_record::feed::{About, FeedPosition, Frame};
use grantbook_record::kind::FIRST_UNCRITICAL;
use grantbook_record::receipt::{self, Content, VerifiedContent, VerifiedReceipt};
use grantbook_record::{Day, EnvelopeError, PublicKey, Receipt, ReceiptError, Thumbprint};
use grantbook_tlog::{TlogProof, leaf_hash, verify_inclusion};

use super::{Fault, Pins};

/// A frame whose entry is in the log and whose content is the entry's.
#[derive(Debug)]
pub struct VerifiedFrame {
    pub(super) seq: FeedPosition,
    pub(super) chain: Bytes32,
    pub(super) about: About,
    pub(super) entry: EntryRef,
    pub(super) reading: Reading,
}

/// What it says.
#[derive(Debug)]
pub(super) enum Reading {
    /// An event of the pinned tenant, with verified signatures.
    Known(Box<Known>),
    /// Something that this reader does not understand and must not pass over.
    UnknownCritical,
    /// Something that it may pass over.
    Opaque,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) claims: Claims<Event>,
    pub(super) signers: Vec<Thumbprint>,
    pub(super) envelope_sha256: Bytes32,
    pub(super) day: Day,
    pub(super) group: u16,
}

impl Pins {
    /// Verifies a frame's receipt against the pinned keys, and that it is about what its event is about.
    pub fn verify_frame(&self, frame: &Frame) -> Result<VerifiedFrame, Fault> {
        let Frame { seq, chain, about, receipt } = frame;
        if receipt.v != receipt::VERSION {
            return Err(Fault::ReceiptVersion { got: receipt.v });
        }
        let (entry, reading) = match receipt.verify(&self.log_keys) {
            Ok(verified) => {
                let entry =
                    EntryRef { leaf_index: verified.leaf_index.0, leaf_hash: Bytes32(verified.leaf_hash.0) };
                (entry, self.read(receipt, verified, about)?)
            }
            Err(error) if is_not_understood(&error) => {
                let reading =
                    if is_critical(&receipt.entry.0) { Reading::UnknownCritical } else { Reading::Opaque };
                (self.place(receipt)?, reading)
            }
            Err(error) => return Err(error.into()),
        };
        Ok(VerifiedFrame { seq: *seq, chain: *chain, about: about.clone(), entry, reading })
    }

    fn read(&self, receipt: &Receipt, verified: VerifiedReceipt, about: &About) -> Result<Reading, Fault> {
        let (VerifiedContent::Event { claims, keys }, Content::Event(content)) =
            (verified.content, &receipt.content)
        else {
            return Ok(Reading::Opaque);
        };
        if claims.aud != self.tenant {
            return Err(Fault::Tenant);
        }
        if !is_about(about, &claims) {
            return Err(Fault::About);
        }
        Ok(Reading::Known(Box::new(Known {
            claims: *claims,
            signers: keys.iter().map(PublicKey::thumbprint).collect(),
            envelope_sha256: Bytes32::sha256(&content.envelope.0),
            day: verified.entry.day,
            group: receipt.link.as_ref().map_or(0, |link| link.group),
        })))
    }

    /// Where an entry stands that is not understood: it is in the log all the same.
    fn place(&self, receipt: &Receipt) -> Result<EntryRef, Fault> {
        let proof = TlogProof::parse(receipt.proof.as_bytes()).map_err(ReceiptError::from)?;
        let signed =
            self.log_keys.verify_checkpoint(proof.checkpoint().as_bytes()).map_err(ReceiptError::from)?;
        let (size, root) = (signed.checkpoint.size(), signed.checkpoint.root());
        let leaf = leaf_hash(&receipt.entry.0);
        verify_inclusion(&leaf, proof.index(), size, proof.hashes(), &root).map_err(ReceiptError::from)?;
        Ok(EntryRef { leaf_index: proof.index().0, leaf_hash: Bytes32(leaf.0) })
    }
}

/// Errors that a newer ledger's entries give to this reader. Payloads are read last, after digest, kind and signatures
/// were verified, so nobody can pass a known event off as one that is not understood.
fn is_not_understood(error: &ReceiptError) -> bool {
    match error {
        ReceiptError::Entry(error) => match error {
            EntryError::Version { .. }
            | EntryError::Kind { .. }
            | EntryError::Class { .. }
            | EntryError::Currency { .. } => true,
            EntryError::Length { .. } => false,
        },
        ReceiptError::Envelope(error) => matches!(error, EnvelopeError::Event(_)),
        _ => false,
    }
}

/// Of an entry version that is not known, nothing may be passed over.
fn is_critical(entry: &[u8]) -> bool {
    !matches!(entry, [entry::VERSION, kind, ..] if *kind >= FIRST_UNCRITICAL)
}

fn is_about(about: &About, claims: &Claims<Event>) -> bool {
    let event = &claims.event;
    match about {
        About::Tenant => event.subject().is_none(),
        About::Customer(sub) => event.subject() == Some(sub),
        About::Grant(about) => {
            event.subject() == Some(&about.sub)
                && match event {
                    Event::GrantGiven(_) => claims.jti == about.grant,
                    Event::GrantAmended(event) => event.grant == about.grant,
                    Event::GrantPaused(event) => event.grant == about.grant,
                    Event::GrantResumed(event) => event.grant == about.grant,
                    Event::GrantWithdrawn(event) => event.grant == about.grant,
                    Event::GrantRevoked(event) => event.grant == about.grant,
                    _ => false,
                }
        }
    }
}
