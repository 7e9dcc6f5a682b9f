//! Named keys of the three kinds that sign checkpoints.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _};
use ml_dsa::{MlDsa44, Signer as _, Verifier as _};
use sha2::{Digest as _, Sha256};

use super::{NoteError, NoteSignature, UnixSeconds, check_key_name};
use crate::cosignature;

/// First four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key), big-endian. Displays as 8 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

/// What a key signs, by the signature type byte (signed-note, "Signature types").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignatureKind {
    /// 0x01: Ed25519 over the note's text.
    Ed25519,
    /// 0x04: Ed25519 over a time and the note's text (tlog-cosignature, `cosignature/v1`).
    Cosignature,
    /// 0x06: ML-DSA-44 over a time and the parts of a checkpoint (tlog-cosignature, `subtree/v1`).
    MlDsa44,
}

/// A public key with its name and kind. Displays and parses as a vkey, `<name>+<hex key id>+<base64 of type and key>`.
#[derive(Clone)]
pub struct VerifierKey {
    name: String,
    kind: SignatureKind,
    bytes: Vec<u8>,
    key: Public,
    id: KeyId,
}

/// The public bytes made ready to verify; an ML-DSA key unfolds to some 20 kB, so clones share it.
#[derive(Clone)]
enum Public {
    Ed25519(ed25519_dalek::VerifyingKey),
    MlDsa44(Arc<ml_dsa::VerifyingKey<MlDsa44>>),
}

/// A private key with its name and kind. `Debug` shows the public half only; the key is wiped on drop.
pub struct SigningKey {
    key: Private,
    public: VerifierKey,
}

enum Private {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    MlDsa44(Box<ml_dsa::SigningKey<MlDsa44>>),
}

impl SignatureKind {
    /// The type byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, NoteError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::Cosignature),
            0x06 => Ok(Self::MlDsa44),
            got => Err(NoteError::UnknownKind { got }),
        }
    }

    /// Bytes of a public key of this kind.
    pub fn public_key_bytes(self) -> usize {
        match self {
            Self::Ed25519 | Self::Cosignature => 32,
            Self::MlDsa44 => 1312,
        }
    }

    /// Whether a signature of this kind carries its time, as a witness's must.
    pub fn is_timed(self) -> bool {
        self != Self::Ed25519
    }
}

impl VerifierKey {
    /// A key from its public bytes. Ed25519 keys of small order are refused, as signatures by them prove nothing, and so are
    /// second spellings of a key.
    pub fn new(name: &str, kind: SignatureKind, public_key: &[u8]) -> Result<Self, NoteError> {
        check_key_name(name)?;
        let length = NoteError::PublicKeyLength { expected: kind.public_key_bytes(), got: public_key.len() };
        let key = match kind {
            SignatureKind::Ed25519 | SignatureKind::Cosignature => {
                let weak = || NoteError::WeakKey { name: name.to_owned() };
                let bytes = public_key.try_into().map_err(|_| length)?;
                let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| weak())?;
                // the library takes a y that is not reduced (RFC 8032, section 5.1.3), and keeps the bytes as they came
                let canonical = key.to_edwards().compress().to_bytes() == *bytes;
                if key.is_weak() || !canonical {
                    return Err(weak());
                }
                Public::Ed25519(key)
            }
            SignatureKind::MlDsa44 => {
                let bytes = public_key.try_into().map_err(|_| length)?;
                Public::MlDsa44(Arc::new(ml_dsa::VerifyingKey::decode(&bytes)))
            }
        };
        let [a, b, c, d, ..]: [u8; 32] = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', kind.byte()])
            .chain_update(public_key)
            .finalize()
            .into();
        let id = KeyId(u32::from_be_bytes([a, b, c, d]));
        Ok(Self { name: name.to_owned(), kind, bytes: public_key.to_vec(), key, id })
    }

    /// Parses a vkey without newline; one spelling only.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::VerifierKeyForm);
        };
        // type and key are 33 bytes, or 1313 for ML-DSA-44
        if !matches!(encoded.len(), 44 | 1752)
            || id.len() != 8
            || !id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(NoteError::VerifierKeyForm);
        }
        let id = u32::from_str_radix(id, 16).map_err(|_| NoteError::VerifierKeyForm)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| NoteError::VerifierKeyForm)?;
        let (kind, public_key) = bytes.split_first().ok_or(NoteError::VerifierKeyForm)?;
        let kind = SignatureKind::from_byte(*kind)?;
        if public_key.len() != kind.public_key_bytes() {
            return Err(NoteError::VerifierKeyForm);
        }
        let key = Self::new(name, kind, public_key)?;
        if key.id != KeyId(id) {
            return Err(NoteError::KeyId { expected: key.id, got: KeyId(id) });
        }
        Ok(key)
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    pub fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// The key's id.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// The public key's bytes: 32 of Ed25519 (RFC 8032), 1312 of ML-DSA-44 (FIPS 204).
    pub fn public_key(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a signature line carries this key's name and id.
    pub fn made(&self, signature: &NoteSignature) -> bool {
        self.name == signature.name() && self.id == signature.key_id()
    }

    /// Verifies a signature line over a note's text; a cosignature gives its time.
    pub fn verify(&self, text: &str, signature: &NoteSignature) -> Result<Option<UnixSeconds>, NoteError> {
        let invalid = || NoteError::Signature { name: self.name.clone(), id: self.id };
        if !self.made(signature) {
            return Err(NoteError::Missing { name: self.name.clone(), id: self.id });
        }
        let (time, bytes) = if self.kind.is_timed() {
            let (time, bytes) = signature.bytes().split_first_chunk::<8>().ok_or_else(invalid)?;
            (Some(UnixSeconds(u64::from_be_bytes(*time))), bytes)
        } else {
            (None, signature.bytes())
        };
        let message = cosignature::message(&self.name, self.kind, time, text)?;
        let valid = match &self.key {
            Public::Ed25519(key) => {
                let signature = Signature::from_slice(bytes).map_err(|_| invalid())?;
                key.verify_strict(&message, &signature).is_ok()
            }
            Public::MlDsa44(key) => {
                let signature = ml_dsa::Signature::try_from(bytes).map_err(|_| invalid())?;
                key.verify(&message, &signature).is_ok()
            }
        };
        if valid { Ok(time) } else { Err(invalid()) }
    }
}

impl SigningKey {
    /// A key from its 32-byte seed: an Ed25519 private key (RFC 8032), or the seed of ML-DSA.KeyGen (FIPS 204).
    pub fn from_seed(name: &str, kind: SignatureKind, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let (key, public) = match kind {
            SignatureKind::Ed25519 | SignatureKind::Cosignature => {
                let key = ed25519_dalek::SigningKey::from_bytes(seed);
                let public = key.verifying_key().to_bytes().to_vec();
                (Private::Ed25519(Box::new(key)), public)
            }
            SignatureKind::MlDsa44 => {
                let key = ml_dsa::SigningKey::from_seed(&(*seed).into());
                let public = key.as_ref().encode().to_vec();
                (Private::MlDsa44(Box::new(key)), public)
            }
        };
        Ok(Self { key, public: VerifierKey::new(name, kind, &public)? })
    }

    /// The public half.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.public
    }

    /// Signs a note's text, with a key of kind [`SignatureKind::Ed25519`]. See [`cosignature::sign`] for the others.
    pub fn sign(&self, text: &str) -> Result<NoteSignature, NoteError> {
        if self.public.kind != SignatureKind::Ed25519 {
            return Err(NoteError::WrongKind { expected: SignatureKind::Ed25519, got: self.public.kind });
        }
        self.sign_message(None, text)
    }

    /// A time stands before the signature in the line.
    pub(crate) fn sign_message(
        &self,
        time: Option<UnixSeconds>,
        text: &str,
    ) -> Result<NoteSignature, NoteError> {
        let message = cosignature::message(&self.public.name, self.public.kind, time, text)?;
        let mut bytes = time.map_or(Vec::new(), |time| time.0.to_be_bytes().to_vec());
        match &self.key {
            Private::Ed25519(key) => bytes.extend(key.sign(&message).to_bytes()),
            Private::MlDsa44(key) => bytes.extend(key.sign(&message).encode()),
        }
        NoteSignature::new(&self.public.name, self.public.id, bytes)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Display for SignatureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.byte().fmt(f)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind.byte()];
        bytes.extend(&self.bytes);
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        Self::parse(text)
    }
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.kind, &self.bytes) == (&other.name, other.kind, &other.bytes)
    }
}

impl Eq for VerifierKey {}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({}+{} of type {})", self.name, self.id, self.kind)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}
