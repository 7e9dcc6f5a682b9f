//! What the operator says of the log.

#[allow(clippy::wildcard_imports, reason = "the story goes on")]
use super::*;

/// What the operator says of the log and of the signing page.
pub(super) fn sample_of_the_operator(kind: Kind) -> Sample {
    match kind {
        Kind::StateRoot => {
            let withdrawn = map::states(GrantStatus::Withdrawn, 7);
            state_root(16, 8, map::root(&map::leaves(Some(&withdrawn))))
        }
        Kind::ProofPublished => {
            let event = ProofPublished {
                about: about_tenant(&jti(34), tenant()),
                bundle_sha256: Bytes32::sha256(b"the bytes of a bundle"),
                day: NOW.day(),
                size: 9,
            };
            Sample::new(kind, 34, event, vec![operator()])
        }
        _ => {
            let relying_party =
                RelyingParty { id: "portal.example".into(), origin: "https://portal.example".into() };
            let event =
                ClientPublished { files_sha256: Bytes32::sha256(b"the list of files"), relying_party };
            Sample::new(kind, 60, event, vec![operator()])
        }
    }
}
