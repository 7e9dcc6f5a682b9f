//! Where the keyring's secrets lie, by name: files of their own, or whatever guards them better.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use grantbook_record::encoding::Bytes32;
use zeroize::Zeroizing;

use crate::config::KeyringKind;
use crate::error::OpenError;
use crate::store::{Fault, durable};

/// A place for secrets. What was written is durable on return; what was destroyed cannot be read from it any more.
pub trait SecretStore: Send + Sync {
    /// A secret; `None` where there is none of that name.
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Fault>;
    /// Puts a secret in the place of the one before, whole or not at all.
    fn replace(&self, name: &str, secret: &[u8]) -> Result<(), Fault>;
    /// Makes a secret unreadable for good.
    fn destroy(&self, name: &str) -> Result<(), Fault>;
    /// The names of all secrets.
    fn names(&self) -> Result<Vec<String>, Fault>;
}

/// The place that `kind` asks for, in `folder`.
pub(crate) fn open(folder: &Path, kind: &KeyringKind) -> Result<Box<dyn SecretStore>, OpenError> {
    match kind {
        KeyringKind::Files => Ok(Box::new(SecretFiles::new(folder))),
        #[cfg(feature = "pkcs11")]
        KeyringKind::Pkcs11(token) => Ok(Box::new(super::pkcs11::TokenSecrets::open(folder, token)?)),
        #[cfg(not(feature = "pkcs11"))]
        KeyringKind::Pkcs11(_) => Err(OpenError::Keyring(
            "a PKCS#11 token is configured, expected a build with the feature pkcs11".to_owned(),
        )),
    }
}

/// A file for each secret, readable by its owner only, with the SHA-256 of what is before it as last line.
pub(crate) struct SecretFiles(PathBuf);

/// What a file begins with whose content is sealed under a key in a token.
pub(super) const IN_TOKEN: &[u8] = b"grantbook-token/v1\n";

/// How the name of a file ends that a crash has left half written.
#[cfg(feature = "pkcs11")]
pub(super) const HALF_WRITTEN: &str = ".tmp";

/// Before the checksum, in hexadecimal.
const CHECKSUM: &[u8] = b"\nsha256 ";

impl SecretFiles {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// A file's content, sealed or not.
    pub(super) fn content(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        let path = self.0.join(name);
        let Some(mut bytes) = durable::read(&path)?.map(Zeroizing::new) else { return Ok(None) };
        let line = checksum_line(&[]).len();
        let at = bytes.len().checked_sub(line);
        if at
            .and_then(|at| bytes.split_at_checked(at))
            .is_none_or(|(secret, last)| last != checksum_line(secret))
        {
            return Err(self.damaged(name, "its last line is not the SHA-256 of what is before it"));
        }
        bytes.truncate(at.unwrap_or_default());
        Ok(Some(bytes))
    }

    /// Whether a crash has left a file that was being destroyed.
    #[cfg(feature = "pkcs11")]
    pub(super) fn is_overwritten(&self, name: &str) -> Result<bool, Fault> {
        let bytes = durable::read(&self.0.join(name))?.map(Zeroizing::new);
        Ok(bytes.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0)))
    }

    pub(super) fn damaged(&self, name: &str, why: &str) -> Fault {
        Fault::Damaged { what: self.0.join(name).display().to_string(), why: why.to_owned() }
    }
}

impl SecretStore for SecretFiles {
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        let content = self.content(name)?;
        if content.as_ref().is_some_and(|content| content.starts_with(IN_TOKEN)) {
            let why = "it is sealed under a key in a PKCS#11 token, expected that token to be configured";
            return Err(self.damaged(name, why));
        }
        Ok(content)
    }

    fn replace(&self, name: &str, secret: &[u8]) -> Result<(), Fault> {
        let bytes = Zeroizing::new([secret, &checksum_line(secret)].concat());
        durable::replace(&self.0.join(name), &bytes)
    }

    /// Overwritten before it is removed; what a disk keeps of overwritten blocks is beyond reach from here.
    fn destroy(&self, name: &str) -> Result<(), Fault> {
        let path = self.0.join(name);
        let length = fs::metadata(&path).map_err(durable::io("read", &path))?.len();
        let mut file = File::options().write(true).open(&path).map_err(durable::io("open", &path))?;
        let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
        file.write_all(&zeros).and_then(|()| file.sync_all()).map_err(durable::io("overwrite", &path))?;
        fs::remove_file(&path).map_err(durable::io("remove", &path))?;
        durable::sync_dir(&self.0)
    }

    fn names(&self) -> Result<Vec<String>, Fault> {
        if !self.0.is_dir() {
            return Ok(Vec::new());
        }
        let list = durable::io("list", &self.0);
        let entries: Result<Vec<_>, _> = fs::read_dir(&self.0).and_then(Iterator::collect).map_err(list);
        let names = entries?.into_iter().map(|entry: fs::DirEntry| entry.file_name().into_string());
        Ok(names.filter_map(Result::ok).collect())
    }
}

fn checksum_line(secret: &[u8]) -> Vec<u8> {
    let Bytes32(digest) = Bytes32::sha256(secret);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect();
    [CHECKSUM, hex.as_bytes(), b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_back_or_called_damaged_or_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = SecretFiles::new(folder.path());
        assert!(store.read("epoch").unwrap().is_none());
        for secret in [b"".as_slice(), b"\n", b"32 bytes of a key, or some JSON"] {
            store.replace("epoch", secret).unwrap();
            assert_eq!(store.read("epoch").unwrap().unwrap().as_slice(), secret);
        }
        let path = folder.path().join("epoch");
        let written = fs::read(&path).unwrap();
        for at in 0..written.len() {
            let mut changed = written.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(store.read("epoch").is_err(), "byte {at}");
            fs::write(&path, &written[..at]).unwrap();
            assert!(store.read("epoch").is_err(), "cut at {at}");
        }
        assert_eq!(store.names().unwrap(), ["epoch"]);
        store.destroy("epoch").unwrap();
        assert!(store.read("epoch").unwrap().is_none() && store.names().unwrap().is_empty());
    }
}
