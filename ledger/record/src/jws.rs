//! Compact JSON Web Signatures (RFC 7515 section 3.1) in the one profile that this ledger reads:
//! protected header exactly `alg` = `Ed25519` (RFC 9864), `typ` and `kid`.

use serde::{Deserialize, Serialize};

use crate::encoding::{array_from_base64url, from_base64url, to_base64url};
use crate::jwk::{PublicKey, Thumbprint};
use crate::signer::Signer;
use crate::strict_json::{self, JsonError};

/// Bytes that the header segment may decode to.
pub const HEADER_BYTES_MAX: usize = 256;

/// A compact JWS, parsed but not verified.
#[derive(Debug, Clone)]
pub struct Jws<'a> {
    /// Media type of the payload.
    pub typ: String,
    /// Who claims to have signed.
    pub kid: Thumbprint,
    /// The payload's segment as it stands, still encoded.
    pub payload_segment: &'a str,
    signing_input: &'a [u8],
    signature: [u8; 64],
}

/// Why a text is no JWS of our profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not three segments.
    #[error("malformed signature, expected three segments of base64url separated by dots")]
    NotCompact,
    /// The header's segment is no base64url of at most [`HEADER_BYTES_MAX`] bytes.
    #[error("malformed header, expected at most {HEADER_BYTES_MAX} bytes as base64url")]
    HeaderEncoding,
    /// The header's JSON departs from the profile.
    #[error("refused header: {0}")]
    Header(#[source] JsonError),
    /// An algorithm other than Ed25519.
    #[error("unsupported alg, expected Ed25519")]
    Algorithm,
    /// The signature's segment is not 64 bytes of base64url.
    #[error("malformed signature, expected 64 bytes as base64url")]
    SignatureEncoding,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: std::borrow::Cow<'a, str>,
    typ: std::borrow::Cow<'a, str>,
    kid: Thumbprint,
}

impl<'a> Jws<'a> {
    /// Reads the profile; implies no trust.
    pub fn parse(text: &'a str) -> Result<Self, JwsError> {
        let mut segments = text.split('.');
        let (Some(header), Some(payload_segment), Some(signature), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(JwsError::NotCompact);
        };
        let header_bytes = from_base64url(header)
            .filter(|bytes| bytes.len() <= HEADER_BYTES_MAX)
            .ok_or(JwsError::HeaderEncoding)?;
        let Header { alg, typ, kid } = strict_json::parse(&header_bytes).map_err(JwsError::Header)?;
        if alg != "Ed25519" {
            return Err(JwsError::Algorithm);
        }
        let signature = array_from_base64url(signature).ok_or(JwsError::SignatureEncoding)?;
        let signing_input =
            text.get(..header.len() + 1 + payload_segment.len()).ok_or(JwsError::NotCompact)?;
        Ok(Self {
            typ: typ.into_owned(),
            kid,
            payload_segment,
            signing_input: signing_input.as_bytes(),
            signature,
        })
    }

    /// Whether `key` is the one that `kid` names and made the signature.
    pub fn verify(&self, key: &PublicKey) -> bool {
        key.thumbprint() == self.kid && key.verify(self.signing_input, &self.signature)
    }
}

/// Signs `payload`; the header's members come in the order `alg`, `typ`, `kid`.
pub fn sign(typ: &str, payload: &[u8], signer: &Signer) -> String {
    let kid = signer.thumbprint();
    // the thumbprint and our own type names need no JSON escapes
    let header = format!(r#"{{"alg":"Ed25519","typ":"{typ}","kid":"{kid}"}}"#);
    let mut text = to_base64url(header.as_bytes());
    text.push('.');
    text.push_str(&to_base64url(payload));
    let signature = signer.sign(text.as_bytes());
    text.push('.');
    text.push_str(&to_base64url(&signature));
    text
}
