//! Random secrets, and the hashes under which they are kept: nobody who reads the store can present one.

use grantbook_record::encoding::{Bytes32, array_from_base64url, to_base64url};
use hmac::{Hmac, Mac as _};
use rand_core::{OsRng, RngCore as _};
use sha2::Sha256;

/// 256 random bits that their holder alone knows.
#[derive(Clone, PartialEq, Eq, zeroize::ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A fresh one.
    pub fn random() -> Self {
        Self(random())
    }

    /// Reads 43 characters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        array_from_base64url(text).map(Self)
    }

    /// As its holder carries it.
    pub fn reveal(&self) -> String {
        to_base64url(&self.0)
    }

    /// The name under which it is kept. Of 256 random bits, a fast hash tells nothing.
    pub fn name(&self) -> String {
        to_base64url(&Bytes32::sha256(&self.0).0)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Random bytes of the operating system, which gives them or ends the process.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// HMAC-SHA-256 over the parts, each with its length before it.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length, so making it from 32 bytes cannot fail
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return random() };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::backend::write::Rows;

    /// Rows as a change sees them.
    #[derive(Default)]
    pub(crate) struct Memory(BTreeMap<String, Vec<u8>>);

    impl Rows for Memory {
        fn get(&self, name: &str) -> Option<Vec<u8>> {
            self.0.get(name).cloned()
        }

        fn names(&self, prefix: &str) -> Vec<String> {
            self.0.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
        }

        fn put(&mut self, name: &str, value: Vec<u8>) {
            self.0.insert(name.to_owned(), value);
        }

        fn remove(&mut self, name: &str) {
            self.0.remove(name);
        }
    }

    #[test]
    fn the_parts_of_a_mac_do_not_run_together() {
        let key = [1; 32];
        assert_ne!(mac(&key, &[b"ab", b"c"]), mac(&key, &[b"a", b"bc"]));
        assert_ne!(mac(&key, &[b"ab", b""]), mac(&key, &[b"ab"]));
    }

    #[test]
    fn a_secret_shows_itself_to_its_holder_alone() {
        let secret = Secret::random();
        assert_eq!(Secret::parse(&secret.reveal()), Some(secret.clone()));
        assert_ne!(secret.name(), secret.reveal());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(Secret::parse("short"), None);
    }
}
