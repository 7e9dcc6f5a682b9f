//! Attachments: what is sent in beside an envelope, for the customer and auditors, never for enterprises.
//!
//! A passkey's assertion over the envelope's first signature. The entry's digest covers the attachments' bytes as they
//! came; see [`crate::entry::a32`]. Specification: `docs/spec/attachment.md`.

use serde::{Deserialize, Serialize};

use crate::jwk::Thumbprint;
use crate::list::List;
use crate::strict_json::{self, JsonError};
use crate::webauthn::{Assertion, AssertionError, RelyingParty};

/// Version of the format.
pub const VERSION: u8 = 1;
/// Bytes of all attachments of an envelope.
pub const ATTACHMENT_BYTES_MAX: usize = 8 * 1024;

/// Why attachments were refused, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentError {
    /// Larger than [`ATTACHMENT_BYTES_MAX`].
    #[error("attachments of {got} bytes, expected at most {ATTACHMENT_BYTES_MAX}")]
    TooLarge {
        /// Their bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused attachments: {0}")]
    Schema(#[from] JsonError),
    /// Another version of the format.
    #[error("attachments of version {got}, expected {VERSION}")]
    Version {
        /// As came.
        got: u8,
    },
    /// Two assertions by one passkey.
    #[error("two assertions by one passkey, expected each by another")]
    SamePasskey,
    /// An assertion that does not verify.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
}

/// The attachments of one envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachments {
    /// Version of the format.
    pub v: u8,
    /// Passkeys' assertions over the SHA-256 of the envelope's first JWS: one, or two where a passkey that is known vouches
    /// for another.
    pub assertions: List<Assertion, 1, 2>,
}

impl Attachments {
    /// Parses attachments; implies no trust.
    pub fn parse(json: &[u8]) -> Result<Self, AttachmentError> {
        if json.len() > ATTACHMENT_BYTES_MAX {
            return Err(AttachmentError::TooLarge { got: json.len() });
        }
        let attachments: Self = strict_json::parse(json)?;
        if attachments.v != VERSION {
            return Err(AttachmentError::Version { got: attachments.v });
        }
        Ok(attachments)
    }

    /// Their bytes, to be sent in.
    pub fn to_json(&self) -> Vec<u8> {
        // string keys, no fallible serialisers
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Verifies every assertion; gives the passkeys' thumbprints in order. Whether they are the customer's, the log says.
    pub fn verify(
        &self,
        first_jws: &str,
        relying_party: &RelyingParty,
    ) -> Result<Vec<Thumbprint>, AttachmentError> {
        let mut verified = Vec::with_capacity(self.assertions.len());
        for assertion in self.assertions.iter() {
            if verified.contains(&assertion.key.thumbprint()) {
                return Err(AttachmentError::SamePasskey);
            }
            verified.push(assertion.verify(first_jws, relying_party)?);
        }
        Ok(verified)
    }
}
