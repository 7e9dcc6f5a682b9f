//! Opens what a gate has on disk with the epoch's key, by the format and not by the gate's own code, and looks for bytes.

use std::path::Path;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use grantbook_record::encoding::Bytes32;
use grantbook_sdk::Pins;

use super::book::Book;

pub(crate) const KEY: [u8; 32] = [42; 32];
pub(crate) const EPOCH: u64 = 7;
pub(crate) const GATE: &str = "gate-1";

fn owner(epoch: u64) -> Bytes32 {
    let Pins { tenant, log_keys, parties } = Book::new().pins();
    let keys = log_keys.to_string();
    let parts = [
        b"replica".as_slice(),
        tenant.as_bytes(),
        &parties.enterprise.0.0,
        &parties.operator.0.0,
        GATE.as_bytes(),
        keys.as_bytes(),
    ];
    let mut owner = epoch.to_be_bytes().to_vec();
    for part in parts {
        owner.extend((part.len() as u64).to_be_bytes());
        owner.extend(part);
    }
    Bytes32::sha256(&owner)
}

fn open(key: &[u8; 32], owner: &Bytes32, sealed: &[u8], place: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(24)?;
    let aad = [owner.0.as_slice(), place].concat();
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &aad }).ok()
}

/// All that can be opened in the folder: the snapshot, and every record that was ever written and is still there.
pub(crate) fn opened(folder: &Path, key: &[u8; 32], epoch: u64) -> Vec<Vec<u8>> {
    let (mut all, owner) = (Vec::new(), owner(epoch));
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        let name = file.file_name().into_string().unwrap();
        if name.starts_with("snapshot") {
            let (head, sealed) = bytes.split_at(b"grantbook-snapshot/v2\n".len() + 8);
            all.extend(open(key, &owner, sealed, head));
        }
        if name.starts_with("cold-") {
            let label = b"grantbook-cold/v1\n";
            let id = &bytes[label.len()..label.len() + 16];
            // wherever a record may begin, so that one whose head was wiped is found too
            for place in label.len() + 16..bytes.len().saturating_sub(12) {
                let length = u32::from_be_bytes(bytes[place..place + 4].try_into().unwrap()) as usize;
                let previous = &bytes[place + 4..place + 12];
                let Some(sealed) = bytes.get(place + 12..place + 12 + length) else { continue };
                let bound = [label.as_slice(), id, &(place as u64).to_be_bytes(), previous].concat();
                all.extend(open(key, &owner, sealed, &bound));
            }
        }
    }
    all
}

/// Whether any of it has these bytes.
pub(crate) fn has(all: &[Vec<u8>], bytes: &[u8]) -> bool {
    all.iter().any(|plain| plain.windows(bytes.len()).any(|window| window == bytes))
}
