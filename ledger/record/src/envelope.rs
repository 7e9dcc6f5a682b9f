//! Envelopes: one or more compact JWSs over one payload, each with a 32-bit big-endian length before it.
//!
//! The signed bytes are kept as they came; there is no canonical form to compute. Specification: `docs/spec/envelope.md`.

use sha2::{Digest as _, Sha256};

use crate::day::UnixSeconds;
use crate::encoding::{Bytes32, from_base64url};
use crate::event::{Claims, Event, EventError};
use crate::id::TenantId;
use crate::jwk::{PublicKey, Thumbprint};
use crate::jws::{self, Jws, JwsError};
use crate::kind::Kind;
use crate::signer::Signer;

/// Bytes of a whole envelope: room for the largest payload under the most signatures.
pub const ENVELOPE_BYTES_MAX: usize = 132 * 1024;
/// Bytes that the payload may decode to.
pub const PAYLOAD_BYTES_MAX: usize = 24 * 1024;
/// Bytes that the payload of a `policy.published` may decode to; one signature leaves room for more.
pub const POLICY_BYTES_MAX: usize = 96 * 1024;
/// Signatures on one envelope.
pub const SIGNATURES_MAX: usize = 4;
/// How far `iat` may lie from the ledger's clock, in seconds, where there is no `exp`.
pub const IAT_DISTANCE_MAX: u64 = 24 * 3600;

/// Why an envelope was refused. Names limits and expectations, never the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Larger than [`ENVELOPE_BYTES_MAX`].
    #[error("envelope of {got} bytes, expected at most {ENVELOPE_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// Payload larger than [`PAYLOAD_BYTES_MAX`], or than [`POLICY_BYTES_MAX`] where it publishes a policy.
    #[error(
        "payload of {got} bytes, expected at most {PAYLOAD_BYTES_MAX}, or {POLICY_BYTES_MAX} of a policy"
    )]
    PayloadTooLarge {
        /// Its bytes.
        got: usize,
    },
    /// A length prefix that reaches past the end, or a signature that is not text.
    #[error("malformed envelope, expected JWSs each behind a 32-bit length")]
    Framing,
    /// No signature, or more than [`SIGNATURES_MAX`].
    #[error("{got} signatures, expected 1 to {SIGNATURES_MAX}")]
    SignatureCount {
        /// How many there were; counting stops one past the limit.
        got: usize,
    },
    /// One of the signatures is no JWS of our profile.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// The signatures do not cover the same payload and type.
    #[error("signatures over different payloads, expected all over the same")]
    DifferentPayloads,
    /// Two signatures by one key.
    #[error("two signatures by one key, expected each by another")]
    SameSigner,
    /// `typ` names no kind of the registry.
    #[error("unknown typ, expected grantbook-<kind>+jwt")]
    UnknownKind,
    /// The payload is no base64url.
    #[error("malformed payload, expected base64url")]
    PayloadEncoding,
    /// The payload departs from the schema of its kind.
    #[error(transparent)]
    Event(#[from] EventError),
    /// `aud` is another tenant.
    #[error("wrong aud, expected the id of the tenant it was sent to")]
    WrongAudience,
    /// `iat` too far from the clock, and no `exp` that allows it.
    #[error("stale iat, expected within {IAT_DISTANCE_MAX} s of {now}, or an exp after it", now = now.0)]
    StaleIat {
        /// The ledger's clock.
        now: UnixSeconds,
    },
    /// `exp` has passed.
    #[error("expired, expected an exp after {now}", now = now.0)]
    Expired {
        /// The ledger's clock.
        now: UnixSeconds,
    },
    /// The time inside `jti` is not `iat`.
    #[error("jti of another time, expected a UUIDv7 made at iat")]
    JtiTime,
    /// A signature by a key that is not known here.
    #[error("unknown signer, expected keys that are enrolled for what the envelope does")]
    UnknownSigner,
    /// A signature that does not verify.
    #[error("bad signature, expected one by the key that kid names over header and payload")]
    BadSignature,
}

/// An envelope, parsed but not verified.
#[derive(Debug, Clone)]
pub struct Envelope {
    bytes: Vec<u8>,
    kind: Kind,
    payload: Vec<u8>,
    signers: Vec<Thumbprint>,
}

impl Envelope {
    /// Reads framing, headers and payload encoding; implies no trust.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::TooLarge { got: bytes.len() });
        }
        let mut kind = None;
        let mut payload_segment = None;
        let mut signers = Vec::new();
        for text in split(bytes)? {
            let jws = Jws::parse(text)?;
            let this = kind_of(&jws.typ).ok_or(EnvelopeError::UnknownKind)?;
            if *kind.get_or_insert(this) != this
                || *payload_segment.get_or_insert(jws.payload_segment) != jws.payload_segment
            {
                return Err(EnvelopeError::DifferentPayloads);
            }
            if signers.contains(&jws.kid) {
                return Err(EnvelopeError::SameSigner);
            }
            signers.push(jws.kid);
        }
        let (Some(kind), Some(segment)) = (kind, payload_segment) else {
            return Err(EnvelopeError::SignatureCount { got: 0 });
        };
        let payload = from_base64url(segment).ok_or(EnvelopeError::PayloadEncoding)?;
        let most = if kind == Kind::PolicyPublished { POLICY_BYTES_MAX } else { PAYLOAD_BYTES_MAX };
        if payload.len() > most {
            return Err(EnvelopeError::PayloadTooLarge { got: payload.len() });
        }
        Ok(Self { bytes: bytes.to_vec(), kind, payload, signers })
    }

    /// The bytes as they came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first of its JWSs, over which passkeys sign.
    pub fn first_jws(&self) -> &str {
        // its framing was checked when it was parsed
        split(&self.bytes).ok().and_then(|texts| texts.first().copied()).unwrap_or_default()
    }

    /// SHA-256 of the bytes as they came, which the entry's digest covers.
    pub fn sha256(&self) -> Bytes32 {
        Bytes32(Sha256::digest(&self.bytes).into())
    }

    /// The kind that `typ` names.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The decoded payload, JSON.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Who claims to have signed, in order.
    pub fn signers(&self) -> &[Thumbprint] {
        &self.signers
    }

    /// Parses the payload by the schema of the kind.
    pub fn event(&self) -> Result<Claims<Event>, EnvelopeError> {
        Ok(Event::parse(self.kind, &self.payload)?)
    }

    /// Verifies every signature; `key_of` finds the key that a thumbprint names.
    pub fn verify_signatures(
        &self,
        key_of: impl Fn(&Thumbprint) -> Option<PublicKey>,
    ) -> Result<(), EnvelopeError> {
        for text in split(&self.bytes)? {
            let jws = Jws::parse(text)?;
            let key = key_of(&jws.kid).ok_or(EnvelopeError::UnknownSigner)?;
            if !jws.verify(&key) {
                return Err(EnvelopeError::BadSignature);
            }
        }
        Ok(())
    }

    /// Signs `payload` with each of `signers`, in order.
    pub fn sign(kind: Kind, payload: &[u8], signers: &[&Signer]) -> Vec<u8> {
        let typ = format!("grantbook-{kind}+jwt");
        let mut bytes = Vec::new();
        for signer in signers {
            let text = jws::sign(&typ, payload, signer);
            // what is longer than that is far past ENVELOPE_BYTES_MAX, and refused as such
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }
}

fn kind_of(typ: &str) -> Option<Kind> {
    Kind::parse(typ.strip_prefix("grantbook-")?.strip_suffix("+jwt")?)
}

/// The length-prefixed texts; at least one, at most [`SIGNATURES_MAX`].
fn split(mut bytes: &[u8]) -> Result<Vec<&str>, EnvelopeError> {
    let mut texts = Vec::new();
    while !bytes.is_empty() {
        if texts.len() == SIGNATURES_MAX {
            return Err(EnvelopeError::SignatureCount { got: SIGNATURES_MAX + 1 });
        }
        let (prefix, rest) = bytes.split_first_chunk::<4>().ok_or(EnvelopeError::Framing)?;
        let length = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| EnvelopeError::Framing)?;
        let (text, rest) = rest.split_at_checked(length).ok_or(EnvelopeError::Framing)?;
        texts.push(std::str::from_utf8(text).map_err(|_| EnvelopeError::Framing)?);
        bytes = rest;
    }
    if texts.is_empty() {
        return Err(EnvelopeError::SignatureCount { got: 0 });
    }
    Ok(texts)
}

impl<T> Claims<T> {
    /// Checks `aud`, `iat`, `exp` and `jti` against the tenant and the ledger's clock.
    pub fn check(&self, tenant: TenantId, now: UnixSeconds) -> Result<(), EnvelopeError> {
        if self.aud != tenant {
            return Err(EnvelopeError::WrongAudience);
        }
        if self.jti.issued_at() != self.iat {
            return Err(EnvelopeError::JtiTime);
        }
        let ahead = self.iat.0 > now.0.saturating_add(IAT_DISTANCE_MAX);
        match self.exp {
            Some(exp) if exp <= now => Err(EnvelopeError::Expired { now }),
            Some(_) if !ahead => Ok(()),
            None if self.iat.0.abs_diff(now.0) <= IAT_DISTANCE_MAX => Ok(()),
            _ => Err(EnvelopeError::StaleIat { now }),
        }
    }
}
