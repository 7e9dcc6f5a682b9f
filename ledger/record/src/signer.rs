//! The private half: a key that signs envelopes, batches and heads.

use ed25519_dalek::{Signer as _, SigningKey};

use crate::jwk::{PublicKey, Thumbprint};

/// An Ed25519 signing key. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    thumbprint: Thumbprint,
    public: PublicKey,
}

impl Signer {
    /// From the 32-byte seed of RFC 8032. `None` with negligible probability: a seed whose public key is weak.
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        let key = SigningKey::from_bytes(seed);
        let public = PublicKey::from_bytes(key.verifying_key().as_bytes()).ok()?;
        Some(Self { key, thumbprint: public.thumbprint(), public })
    }

    /// Its public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The `kid` of what it signs.
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// Signs `message` (RFC 8032, deterministic).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// The seed, to be kept in a key file.
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.key.to_bytes())
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.thumbprint)
    }
}
