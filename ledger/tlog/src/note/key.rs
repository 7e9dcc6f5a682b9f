//! Named Ed25519 keys of the two kinds that sign checkpoints.

use std::fmt;
use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
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
}

/// A public key with its name and kind. Displays and parses as a vkey, `<name>+<hex key id>+<base64 of type and key>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: SignatureKind,
    key: VerifyingKey,
    id: KeyId,
}

/// A private key with its name and kind. `Debug` shows the public half only; the seed is wiped on drop.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    public: VerifierKey,
}

impl SignatureKind {
    /// The type byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, NoteError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::Cosignature),
            got => Err(NoteError::UnknownKind { got }),
        }
    }
}

impl VerifierKey {
    /// A key from its 32 public bytes. Keys of small order are refused: signatures by them prove nothing.
    pub fn new(name: &str, kind: SignatureKind, public_key: &[u8; 32]) -> Result<Self, NoteError> {
        check_key_name(name)?;
        let weak = || NoteError::WeakKey { name: name.to_owned() };
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| weak())?;
        if key.is_weak() {
            return Err(weak());
        }
        Ok(Self::of(name, kind, key))
    }

    fn of(name: &str, kind: SignatureKind, key: VerifyingKey) -> Self {
        let [a, b, c, d, ..]: [u8; 32] = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', kind.byte()])
            .chain_update(key.as_bytes())
            .finalize()
            .into();
        Self { name: name.to_owned(), kind, key, id: KeyId(u32::from_be_bytes([a, b, c, d])) }
    }

    /// Parses a vkey without newline; one spelling only.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::VerifierKeyForm);
        };
        // type and key are 33 bytes, 44 characters
        if encoded.len() != 44 || id.len() != 8 || !id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(NoteError::VerifierKeyForm);
        }
        let id = u32::from_str_radix(id, 16).map_err(|_| NoteError::VerifierKeyForm)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| NoteError::VerifierKeyForm)?;
        let (kind, public_key) = bytes.split_first().ok_or(NoteError::VerifierKeyForm)?;
        let public_key = public_key.try_into().map_err(|_| NoteError::VerifierKeyForm)?;
        let key = Self::new(name, SignatureKind::from_byte(*kind)?, public_key)?;
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

    /// The 32 bytes of the Ed25519 public key (RFC 8032).
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
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
        let (time, message, bytes) = match self.kind {
            SignatureKind::Ed25519 => (None, text.to_owned(), signature.bytes()),
            SignatureKind::Cosignature => {
                let (time, bytes) = signature.bytes().split_first_chunk::<8>().ok_or_else(invalid)?;
                let time = UnixSeconds(u64::from_be_bytes(*time));
                (Some(time), cosignature::message(time, text)?, bytes)
            }
        };
        let signature = Signature::from_slice(bytes).map_err(|_| invalid())?;
        self.key.verify_strict(message.as_bytes(), &signature).map_err(|_| invalid())?;
        Ok(time)
    }
}

impl SigningKey {
    /// A key from its 32-byte Ed25519 seed (RFC 8032 private key).
    pub fn from_seed(name: &str, kind: SignatureKind, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifierKey::new(name, kind, key.verifying_key().as_bytes())?;
        Ok(Self { key, public })
    }

    /// The public half.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.public
    }

    /// Signs a note's text, with a key of kind [`SignatureKind::Ed25519`]. See [`cosignature::sign`] for the other.
    pub fn sign(&self, text: &str) -> Result<NoteSignature, NoteError> {
        self.sign_message(SignatureKind::Ed25519, &[], text)
    }

    /// `prefix` goes before the signature in the line.
    pub(crate) fn sign_message(
        &self,
        kind: SignatureKind,
        prefix: &[u8],
        message: &str,
    ) -> Result<NoteSignature, NoteError> {
        if self.public.kind != kind {
            return Err(NoteError::WrongKind { expected: kind, got: self.public.kind });
        }
        let signature = self.key.sign(message.as_bytes()).to_bytes();
        NoteSignature::new(&self.public.name, self.public.id, [prefix, &signature].concat())
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
        bytes.extend(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        Self::parse(text)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}
