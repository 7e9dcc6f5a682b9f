//! Sealing of what a replica keeps in files: XChaCha20-Poly1305 under the epoch's key, bound to whose it is and where
//! it stands.

use chacha20poly1305::aead::{AeadInPlace as _, KeyInit as _};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use grantbook_record::GateId;
use grantbook_record::encoding::Bytes32;

use super::Pins;

pub(super) const NONCE_BYTES: usize = 24;
pub(super) const TAG_BYTES: usize = 16;

/// Sealed bytes that do not open: of another key, gate, tenant, log or place, or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open, expected them as this gate wrote them under this key")]
pub struct SealError;

/// The key of an epoch, and whose state it seals.
#[derive(Clone)]
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
    epoch: u64,
    /// SHA-256 over tenant, epoch, gate, and all else that is pinned: what was believed under other pins is not.
    owner: Bytes32,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seal").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl Seal {
    pub(super) fn new(key: &[u8; 32], epoch: u64, pins: &Pins, gate: &GateId) -> Self {
        let Pins { tenant, log_keys, parties } = pins;
        let keys = log_keys.to_string();
        // all but the last of fixed length, or ended by a byte that no gate's name has
        let owner = [
            tenant.as_bytes().as_slice(),
            &epoch.to_be_bytes(),
            &parties.enterprise.0.0,
            &parties.operator.0.0,
            gate.as_str().as_bytes(),
            &[0],
            keys.as_bytes(),
        ];
        let owner = Bytes32::sha256(&owner.concat());
        Self { cipher: XChaCha20Poly1305::new(key.into()), epoch, owner }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    fn bound(&self, place: &[u8]) -> Vec<u8> {
        [self.owner.0.as_slice(), place].concat()
    }

    /// Seals all of `buffer` from `from` on, in place: there the nonce begins, and the tag ends it. `buffer` has room
    /// for the nonce, of any content, before what is sealed.
    pub(super) fn seal(&self, buffer: &mut Vec<u8>, from: usize, nonce: &[u8; NONCE_BYTES], place: &[u8]) {
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
    pub(super) fn open<'a>(&self, sealed: &'a mut [u8], place: &[u8]) -> Result<&'a [u8], SealError> {
        let (nonce, sealed) = sealed.split_at_mut_checked(NONCE_BYTES).ok_or(SealError)?;
        let length = sealed.len().checked_sub(TAG_BYTES).ok_or(SealError)?;
        let (plain, tag) = sealed.split_at_mut_checked(length).ok_or(SealError)?;
        let (nonce, tag) = (XNonce::from_slice(nonce), Tag::from_slice(tag));
        let opened = self.cipher.decrypt_in_place_detached(nonce, &self.bound(place), plain, tag);
        opened.map(|()| &*plain).map_err(|_| SealError)
    }
}
