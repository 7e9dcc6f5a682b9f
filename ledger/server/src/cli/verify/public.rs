//! What the operator has recorded for everybody: its acts, the roots of the grant states, and the proofs that it made.

use grantbook_record::event::OperatorActed;
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::{Event, Kind, Receipt, TenantId, Thumbprint, UnixSeconds};
use grantbook_tlog::{LeafIndex, LogKeys};
use serde::Serialize;
use serde_json::{Value, json};

use super::source::LogSource;
use crate::cli::evidence::words::instant;
use crate::cli::failure::Failure;

/// An event that everybody may read, verified.
#[derive(Debug, Serialize)]
pub(super) struct PublicEvent {
    leaf_index: u64,
    kind: String,
    signed_at: UnixSeconds,
    /// Whether it is the operator's is for the reader to compare.
    signed_by: Thumbprint,
    event: Value,
}

impl std::fmt::Display for PublicEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { leaf_index, kind, signed_at, event, .. } = self;
        write!(f, "entry {leaf_index}, {}, {kind}: {event}", instant(signed_at.0))
    }
}

/// Reads the receipts of public entries; each must be of the very entry that the log holds there.
pub(super) fn read(
    source: &LogSource,
    keys: &LogKeys,
    entries: &[(LeafIndex, Vec<u8>)],
) -> Result<Vec<PublicEvent>, Failure> {
    entries
        .iter()
        .map(|(leaf, entry)| {
            let wrong = |why: &dyn std::fmt::Display| Failure::No(format!("public entry {leaf}: {why}"));
            let receipt = Receipt::parse(&source.public_receipt(*leaf)?).map_err(|error| wrong(&error))?;
            let verified = receipt.verify(keys).map_err(|error| wrong(&error))?;
            if verified.leaf_index != *leaf || receipt.entry.0 != *entry {
                return Err(wrong(&"its receipt is of another entry"));
            }
            let VerifiedContent::Event { claims, keys: signers } = verified.content else {
                return Err(wrong(&"its receipt is of a use"));
            };
            let (event, [signer]) = (&claims.event, signers.as_slice()) else {
                return Err(wrong(&"expected one signer"));
            };
            if claims.aud != TenantId::of_log(keys.origin()) {
                return Err(wrong(&"its event is for somebody else than the log itself"));
            }
            Ok(PublicEvent {
                leaf_index: leaf.0,
                kind: event.kind().to_string(),
                signed_at: claims.iat,
                signed_by: signer.thumbprint(),
                event: said(event),
            })
        })
        .collect()
}

fn said(event: &Event) -> Value {
    match event {
        Event::OperatorActed(OperatorActed { act, about: None }) => json!(act),
        Event::OperatorActed(acted) => json!(acted),
        Event::StateRoot(root) => json!(root),
        Event::ProofPublished(proof) => json!(proof),
        Event::ClientPublished(client) => json!(client),
        other => json!(Kind::name(other.kind())),
    }
}
