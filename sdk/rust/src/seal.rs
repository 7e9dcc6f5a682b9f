//! Sealing of what lies on the gate's disk, replica and spool alike: XChaCha20-Poly1305 under the key of an epoch with a
//! random 24-byte nonce before the ciphertext, bound to whose it is and where it stands.

use chacha20poly1305::aead::{AeadInPlace as _, KeyInit as _};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use grantbook_record::encoding::Bytes32;

pub(crate) const NONCE_BYTES: usize = 24;
pub(crate) const TAG_BYTES: usize = 16;

/// Sealed bytes that do not open: of another key, gate, tenant, log or place, or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open, expected them as this gate wrote them under this key")]
pub struct SealError;

/// The key of an epoch, in memory only, and whose bytes it seals.
#[derive(Clone)]
pub(crate) struct Seal {
    cipher: XChaCha20Poly1305,
    epoch: u64,
    owner: Bytes32,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seal").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl Seal {
    /// `owner` in parts: what was sealed for other parts does not open.
    pub(crate) fn new(key: &[u8; 32], epoch: u64, owner: &[&[u8]]) -> Self {
        let mut whose = epoch.to_be_bytes().to_vec();
        for part in owner {
            whose.extend((part.len() as u64).to_be_bytes());
            whose.extend(*part);
        }
        Self { cipher: XChaCha20Poly1305::new(key.into()), epoch, owner: Bytes32::sha256(&whose) }
    }

    /// Whose end ends it.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    fn bound(&self, place: &[u8]) -> Vec<u8> {
        [self.owner.0.as_slice(), place].concat()
    }

    /// Seals all of `buffer` from `from` on, in place: there the nonce begins, and the tag ends it. `buffer` has room
    /// for the nonce, of any content, before what is sealed.
    pub(crate) fn seal(&self, buffer: &mut Vec<u8>, from: usize, nonce: &[u8; NONCE_BYTES], place: &[u8]) {
        let begins = from.saturating_add(NONCE_BYTES).min(buffer.len());
        let (room, plain) = buffer.split_at_mut(begins);
        if let Some(room) = room.get_mut(from..).filter(|room| room.len() == NONCE_BYTES) {
            room.copy_from_slice(nonce);
        }
        // fails for 256 GiB only, and then what is read back does not open
        let tag = self.cipher.encrypt_in_place_detached(XNonce::from_slice(nonce), &self.bound(place), plain);
        buffer.extend_from_slice(&tag.unwrap_or_default());
    }

    /// Opens in place; gives what was sealed.
    pub(crate) fn open<'a>(&self, sealed: &'a mut [u8], place: &[u8]) -> Result<&'a [u8], SealError> {
        let (nonce, sealed) = sealed.split_at_mut_checked(NONCE_BYTES).ok_or(SealError)?;
        let length = sealed.len().checked_sub(TAG_BYTES).ok_or(SealError)?;
        let (plain, tag) = sealed.split_at_mut_checked(length).ok_or(SealError)?;
        let (nonce, tag) = (XNonce::from_slice(nonce), Tag::from_slice(tag));
        let opened = self.cipher.decrypt_in_place_detached(nonce, &self.bound(place), plain, tag);
        opened.map(|()| &*plain).map_err(|_| SealError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_unchanged_and_in_its_place() {
        let seal = |byte, epoch, owner: &[&[u8]]| Seal::new(&[byte; 32], epoch, owner);
        let mut sealed = [[0; NONCE_BYTES].as_slice(), b"records"].concat();
        seal(1, 1, &[b"till", b"shop"]).seal(&mut sealed, 0, &[7; NONCE_BYTES], b"place");
        let opens = |with: &Seal, sealed: &[u8], place: &[u8]| {
            with.open(&mut sealed.to_vec(), place).map(<[u8]>::to_vec).ok()
        };
        let own = seal(1, 1, &[b"till", b"shop"]);
        assert_eq!(opens(&own, &sealed, b"place").as_deref(), Some(b"records".as_slice()));
        assert!(opens(&own, &sealed, b"other").is_none());
        for other in [
            seal(2, 1, &[b"till", b"shop"]),
            seal(1, 2, &[b"till", b"shop"]),
            seal(1, 1, &[b"tills", b"hop"]),
            seal(1, 1, &[b"till"]),
        ] {
            assert!(opens(&other, &sealed, b"place").is_none(), "{other:?}");
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(opens(&own, &changed, b"place").is_none(), "byte {at}");
            assert!(opens(&own, &sealed[..at], b"place").is_none(), "cut at {at}");
        }
    }
}
