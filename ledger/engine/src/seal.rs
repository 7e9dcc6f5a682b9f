//! Sealing: XChaCha20-Poly1305 with a random 24-byte nonce before the ciphertext.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, ZeroizeOnDrop};

const NONCE_BYTES: usize = 24;

/// A key that seals. Wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct SealKey([u8; 32]);

/// Sealed bytes that do not open: another key, another place, or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open")]
pub(crate) struct SealError;

impl SealKey {
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn random() -> Self {
        Self(crate::random::bytes())
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals `plain` for the one place that `place` names.
    pub(crate) fn seal(&self, plain: &[u8], place: &[u8]) -> Vec<u8> {
        let nonce = crate::random::bytes::<NONCE_BYTES>();
        let cipher = XChaCha20Poly1305::new((&self.0).into());
        let payload = Payload { msg: plain, aad: place };
        // fails for messages of 256 GiB only
        let sealed = cipher.encrypt(XNonce::from_slice(&nonce), payload).unwrap_or_default();
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what was sealed for `place`.
    pub(crate) fn open(&self, sealed: &[u8], place: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(SealError)?;
        let cipher = XChaCha20Poly1305::new((&self.0).into());
        cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: place }).map_err(|_| SealError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_unchanged_and_in_its_place() {
        let key = SealKey::random();
        let sealed = key.seal(b"records", b"place");
        assert_eq!(key.open(&sealed, b"place").unwrap(), b"records");
        assert!(key.open(&sealed, b"other").is_err());
        assert!(SealKey::random().open(&sealed, b"place").is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(&changed, b"place").is_err(), "byte {at}");
            assert!(key.open(&sealed[..at], b"place").is_err(), "cut at {at}");
        }
    }
}
