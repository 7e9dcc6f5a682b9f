//! What a frame says, once its receipt has been verified: apart from the replica, so that signatures are checked
//! without holding up decisions.

use grantbook_plan::customer::EntryRef;
use grantbook_record::day::{EPOCH_2020, SecondsSince2020};
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::{self, EntryError};
use grantbook_record::event::{Claims, Event};
use grantbook_record::feed::{About, FeedPosition, Frame};
use grantbook_record::kind::FIRST_UNCRITICAL;
use grantbook_record::receipt::{self, Content, VerifiedContent, VerifiedReceipt};
use grantbook_record::{
    Day, EnvelopeError, PublicKey, Quantity, Receipt, ReceiptError, Thumbprint, UnixSeconds,
};
use grantbook_tlog::{Hash, LeafIndex};

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
    /// Of somebody who was erased.
    Erased,
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
    /// When the ledger took it in, as far as the entry tells: to the second where it commits to a time.
    pub(super) at: UnixSeconds,
    pub(super) group: u16,
}

impl VerifiedFrame {
    /// Whether a grant that permitted uses before it may not do so after it.
    pub fn may_end_a_grant(&self) -> bool {
        match &self.reading {
            Reading::Known(known) => match &known.claims.event {
                Event::GrantPaused(_) | Event::GrantWithdrawn(_) | Event::GrantRevoked(_) => true,
                Event::GrantGiven(given) => given.terms.supersedes.is_some(),
                _ => false,
            },
            Reading::Erased | Reading::UnknownCritical => true,
            Reading::Opaque => false,
        }
    }
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
                let entry = entry_ref(verified.leaf_index, &verified.leaf_hash);
                (entry, self.read(receipt, verified, about)?)
            }
            Err(ReceiptError::Erased) => {
                let logged = receipt.verify_logged(&self.log_keys)?;
                if *about != About::Erased {
                    return Err(Fault::About);
                }
                (entry_ref(logged.leaf_index, &logged.leaf_hash), Reading::Erased)
            }
            Err(error) if is_not_understood(&error) => {
                let reading =
                    if is_critical(&receipt.entry.0) { Reading::UnknownCritical } else { Reading::Opaque };
                let logged = receipt.verify_logged(&self.log_keys)?;
                (entry_ref(logged.leaf_index, &logged.leaf_hash), reading)
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
        if About::of(&claims) != *about {
            return Err(Fault::About);
        }
        let at = admitted_at(&claims.event, verified.entry.day, &verified.quantities);
        Ok(Reading::Known(Box::new(Known {
            claims: *claims,
            signers: keys.iter().map(PublicKey::thumbprint).collect(),
            envelope_sha256: Bytes32::sha256(&content.envelope.0),
            at,
            group: receipt.link.group,
        })))
    }
}

/// The time that the entry commits to; an amendment's is its start. Other entries tell their day alone: its first
/// second is never too late, so nothing is refused here that the ledger could admit.
fn admitted_at(event: &Event, day: Day, quantities: &[(Quantity, u64)]) -> UnixSeconds {
    let wanted = match event {
        Event::GrantAmended(_) => Quantity::Start,
        _ => Quantity::Time,
    };
    let committed = quantities.iter().find(|(quantity, _)| *quantity == wanted);
    let committed = committed.and_then(|(_, seconds)| u32::try_from(*seconds).ok());
    // terms whose validity begins on a later day say nothing of when they were admitted
    let committed = committed.filter(|at| SecondsSince2020(*at).unix().day() <= day);
    committed.map_or(UnixSeconds(EPOCH_2020 + u64::from(day.0) * 86_400), |at| SecondsSince2020(at).unix())
}

fn entry_ref(leaf_index: LeafIndex, leaf_hash: &Hash) -> EntryRef {
    EntryRef { leaf_index: leaf_index.0, leaf_hash: Bytes32(leaf_hash.0) }
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
