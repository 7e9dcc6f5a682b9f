//! Sealing what lies on the gate's disk: XChaCha20-Poly1305 with a random 24-byte nonce before the ciphertext.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::denial::LinkFault;
use crate::gate::random;

const NONCE_BYTES: usize = 24;

/// A key epoch's key of this gate, in memory only.
pub(crate) struct SealingKey {
    epoch: u64,
    key: Zeroizing<[u8; 32]>,
}

impl SealingKey {
    pub(crate) fn new(epoch: u64, key: Zeroizing<[u8; 32]>) -> Self {
        Self { epoch, key }
    }

    /// Whose end ends it.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Seals `plain` for the one place that `place` names.
    pub(crate) fn seal(&self, plain: &[u8], place: &[u8]) -> Result<Vec<u8>, LinkFault> {
        let nonce = random::<NONCE_BYTES>()?;
        let cipher = XChaCha20Poly1305::new((&*self.key).into());
        // fails for messages of 256 GiB only
        let sealed = cipher.encrypt(XNonce::from_slice(&nonce), Payload { msg: plain, aad: place });
        Ok([nonce.as_slice(), &sealed.unwrap_or_default()].concat())
    }

    /// Opens what was sealed for `place`; `None` for another key, another place, or changed bytes.
    pub(crate) fn open(&self, sealed: &[u8], place: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let cipher = XChaCha20Poly1305::new((&*self.key).into());
        cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: place }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_unchanged_and_in_its_place() {
        let key = |byte| SealingKey::new(1, Zeroizing::new([byte; 32]));
        let sealed = key(1).seal(b"records", b"place").unwrap();
        assert_eq!(key(1).open(&sealed, b"place").as_deref(), Some(b"records".as_slice()));
        assert!(key(1).open(&sealed, b"other").is_none());
        assert!(key(2).open(&sealed, b"place").is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key(1).open(&changed, b"place").is_none(), "byte {at}");
            assert!(key(1).open(&sealed[..at], b"place").is_none(), "cut at {at}");
        }
    }
}
