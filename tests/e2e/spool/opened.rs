//! Opens what a gate has on its disk with the epoch's key, by the formats and not by the gate's own code.

use std::path::Path;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use grantbook_record::encoding::Bytes32;
use grantbook_sdk::Pins;

use super::GATE;
use super::erased::bytes_below;

const SNAPSHOT: &[u8] = b"grantbook-snapshot/v2\n";
const COLD: &[u8] = b"grantbook-cold/v1\n";
const SEGMENT_HEADER: usize = 28;
const FRAME_HEADER: usize = 24;

/// One key, and whose files it opens.
pub(super) struct Opener {
    key: [u8; 32],
    replica: Bytes32,
    spool: Bytes32,
}

fn owner(epoch: u64, parts: &[&[u8]]) -> Bytes32 {
    let mut owner = epoch.to_be_bytes().to_vec();
    for part in parts {
        owner.extend((part.len() as u64).to_be_bytes());
        owner.extend(*part);
    }
    Bytes32::sha256(&owner)
}

impl Opener {
    pub(super) fn new((epoch, key): (u64, [u8; 32]), pins: &Pins) -> Self {
        let Pins { tenant, log_keys, parties } = pins;
        let keys = log_keys.to_string();
        let (enterprise, operator) = (&parties.enterprise.0.0, &parties.operator.0.0);
        let parts: [&[u8]; 6] =
            [b"replica", tenant.as_bytes(), enterprise, operator, GATE.as_bytes(), keys.as_bytes()];
        let spool = owner(epoch, &[b"spool", tenant.as_bytes(), GATE.as_bytes()]);
        Self { key, replica: owner(epoch, &parts), spool }
    }

    fn open(&self, owner: Bytes32, sealed: &[u8], place: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(24)?;
        let aad = [owner.0.as_slice(), place].concat();
        let cipher = XChaCha20Poly1305::new((&self.key).into());
        cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &aad }).ok()
    }

    /// All that opens in a folder: a snapshot, records of customers, frames of a spool.
    pub(super) fn all_in(&self, folder: &Path) -> Vec<u8> {
        let mut all = Vec::new();
        for (path, bytes) in bytes_below(folder) {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            if name.starts_with("snapshot") {
                let (head, sealed) = bytes.split_at(SNAPSHOT.len() + 8);
                all.extend(self.open(self.replica, sealed, head).unwrap_or_default());
            } else if name.starts_with("cold-") {
                all.extend(self.records(&bytes));
            } else if name.ends_with(".segment") {
                all.extend(self.frames(&bytes));
            }
        }
        all
    }

    fn records(&self, bytes: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        let head = COLD.len() + 16;
        // wherever a record may begin, so that one whose head was wiped is found too
        for place in head..bytes.len().saturating_sub(12) {
            let length = u32::from_be_bytes(bytes[place..place + 4].try_into().expect("four")) as usize;
            let Some(sealed) = bytes.get(place + 12..place + 12 + length) else { continue };
            let at = (place as u64).to_be_bytes();
            let bound = [&bytes[..head], &at, &bytes[place + 4..place + 12]].concat();
            all.extend(self.open(self.replica, sealed, &bound).unwrap_or_default());
        }
        all
    }

    fn frames(&self, bytes: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        let mut chain = Bytes32::sha256(&[b"grantbook-spool/v1", &bytes[..SEGMENT_HEADER]].concat());
        let mut at = SEGMENT_HEADER;
        while let Some(header) = bytes.get(at..at + FRAME_HEADER) {
            let length = u32::from_be_bytes(header[4..8].try_into().expect("four")) as usize;
            let Some(frame) = bytes.get(at..at + FRAME_HEADER + length) else { break };
            let place = [chain.0.as_slice(), &header[..16]].concat();
            all.extend(self.open(self.spool, &frame[FRAME_HEADER..], &place).unwrap_or_default());
            chain = Bytes32::sha256(&[[0x53].as_slice(), &chain.0, frame].concat());
            at += frame.len();
        }
        all
    }
}
