//! The keyring's own backup: one file under a passphrase, restored into an empty place, drilled without changing anything.
//!
//! It holds the permanent part and, of the epochs that the keyring has keys of (the present one, and during a roll one
//! more), keys, holds and erasures under way. So it opens data folders of those epochs only; and as long as it is kept,
//! so can what was erased in them.
//!
//! ```text
//! "grantbook-keyring-backup/v1\n" ‖ salt, 16 bytes ‖ sealed (crate::seal, with all before it as place):
//!   when it was taken u64 ‖ for each secret: name, secret (32-bit lengths before them)
//! ```
//!
//! The key is Argon2id of the passphrase with 64 MiB, 3 passes, 4 lanes (RFC 9106, section 4, second choice).

use std::collections::BTreeMap;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use grantbook_record::day::UnixSeconds;
use serde::Serialize;
use zeroize::Zeroizing;

use super::store::{self, SecretStore};
use super::{EpochKeys, Keyring, PERMANENT};
use crate::config::{KeyringKind, LedgerConfig};
use crate::error::OpenError;
use crate::published::{Owner, open_owners};
use crate::seal::SealKey;
use crate::state;
use crate::store::cursor::{Cursor, put_bytes};
use crate::store::raw::RawFiles;
use crate::store::{BUNDLE_WIDTH, Fault, durable, version};

const MAGIC: &[u8] = b"grantbook-keyring-backup/v1\n";
const SALT_BYTES: usize = 16;
/// Below it guessing is too cheap, whatever the hash costs.
const PASSPHRASE_BYTES_MIN: usize = 12;
/// Epochs of which a backup may hold keys.
const EPOCHS_MAX: usize = 2;
/// Findings that a drill names; further ones say the same.
const FINDINGS_MAX: usize = 20;

/// Why a keyring was not backed up, restored or drilled.
#[derive(Debug, thiserror::Error)]
pub enum KeyringBackupError {
    /// A passphrase that is too short.
    #[error("passphrase of {got} bytes, expected at least {PASSPHRASE_BYTES_MIN}")]
    Passphrase {
        /// Its bytes.
        got: usize,
    },
    /// No keyring backup, or one of another version.
    #[error("malformed keyring backup, expected a file that `keyring backup` wrote")]
    Form,
    /// Another passphrase, or changed bytes.
    #[error("the keyring backup does not open, expected its passphrase, and its bytes as they were written")]
    Sealed,
    /// There is no whole keyring to be backed up.
    #[error("{0} is missing, expected a keyring")]
    Missing(String),
    /// There is something already where it is to be restored.
    #[error("{0} is there already, expected a new or empty folder")]
    Occupied(String),
    /// There is nothing to drill with.
    #[error("{0} holds no ledger, expected a data folder")]
    NoData(String),
    /// The keyring, or the token that guards it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file that could not be read or written.
    #[error(transparent)]
    Store(#[from] Fault),
}

/// A key epoch of which a backup holds the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EpochOfBackup {
    /// Its number.
    pub number: u64,
    /// When it began.
    pub since: UnixSeconds,
}

/// What a drill found. Nothing was changed by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct KeyringDrill {
    /// The data folder's key epoch.
    pub epoch: u64,
    /// Batches of the journal whose owners opened.
    pub batches: u64,
    /// Bundles whose owners opened.
    pub bundles: u64,
    /// Data keys that opened.
    pub data_keys: u64,
    /// What does not open or fit, at most 20.
    pub findings: Vec<String>,
}

impl KeyringDrill {
    /// Whether the backup opens the data folder.
    pub fn opens(&self) -> bool {
        self.findings.is_empty()
    }

    fn finding(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

/// A keyring's secrets outside the keyring. Wiped when dropped.
#[derive(Clone)]
pub struct KeyringBackup {
    taken: UnixSeconds,
    secrets: BTreeMap<String, Zeroizing<Vec<u8>>>,
}

impl KeyringBackup {
    /// Reads the keyring; a ledger may be running on it.
    pub fn take(config: &LedgerConfig) -> Result<Self, KeyringBackupError> {
        let place = store::open(&config.keyring_dir, &config.keyring)?;
        let missing =
            |name: &str| KeyringBackupError::Missing(config.keyring_dir.join(name).display().to_string());
        let names = place.names()?;
        let mut epochs: Vec<u64> = names.iter().filter_map(|name| epoch_of(name, "epoch-", ".key")).collect();
        epochs.sort_unstable();
        let epochs = epochs.get(epochs.len().saturating_sub(EPOCHS_MAX)..).unwrap_or_default();
        let mut secrets = BTreeMap::new();
        for name in names.into_iter().filter(|name| is_kept(name, epochs)) {
            // an epoch may end meanwhile
            if let Some(secret) = place.read(&name)? {
                secrets.insert(name, secret);
            }
        }
        let backup = Self { taken: config.clock.now().seconds(), secrets };
        if !backup.secrets.contains_key(PERMANENT) {
            return Err(missing(PERMANENT));
        }
        if backup.epochs().is_empty() {
            return Err(missing("epoch-*.key"));
        }
        Ok(backup)
    }

    /// When it was taken.
    pub fn taken(&self) -> UnixSeconds {
        self.taken
    }

    /// The epochs that it holds keys of, by number.
    pub fn epochs(&self) -> Vec<EpochOfBackup> {
        let keys = self.secrets.iter().filter_map(|(name, secret)| {
            let EpochKeys { number, since, .. } =
                EpochKeys::parse(epoch_of(name, "epoch-", ".key")?, secret)?;
            Some(EpochOfBackup { number, since })
        });
        let mut epochs: Vec<_> = keys.collect();
        epochs.sort_unstable_by_key(|epoch| epoch.number);
        epochs
    }

    /// Its bytes under a passphrase.
    pub fn seal(&self, passphrase: &[u8]) -> Result<Vec<u8>, KeyringBackupError> {
        let salt = crate::random::bytes::<SALT_BYTES>();
        let head = [MAGIC, &salt].concat();
        let mut plain = Zeroizing::new(Vec::with_capacity(
            self.secrets.iter().map(|(name, secret)| name.len() + secret.len() + 8).sum::<usize>() + 8,
        ));
        plain.extend_from_slice(&self.taken.0.to_be_bytes());
        for (name, secret) in &self.secrets {
            put_bytes(&mut plain, name.as_bytes());
            put_bytes(&mut plain, secret);
        }
        let sealed = stretched(passphrase, &salt)?.seal(&plain, &head);
        Ok([head, sealed].concat())
    }

    /// Reads what [`Self::seal`] gave.
    pub fn open(bytes: &[u8], passphrase: &[u8]) -> Result<Self, KeyringBackupError> {
        let mut rest = Cursor(bytes.strip_prefix(MAGIC).ok_or(KeyringBackupError::Form)?);
        let salt = rest.array::<SALT_BYTES>().ok_or(KeyringBackupError::Form)?;
        let head = [MAGIC, &salt].concat();
        let plain = stretched(passphrase, &salt)?.open(rest.0, &head).map(Zeroizing::new);
        Self::parse(&plain.map_err(|_| KeyringBackupError::Sealed)?).ok_or(KeyringBackupError::Form)
    }

    fn parse(plain: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(plain);
        let mut backup = Self { taken: UnixSeconds(cursor.u64()?), secrets: BTreeMap::new() };
        while !cursor.is_empty() {
            let name = std::str::from_utf8(cursor.bytes()?).ok()?;
            let secret = Zeroizing::new(cursor.bytes()?.to_vec());
            // names become names of files
            let known = name == PERMANENT
                || epoch_of(name, "epoch-", ".key").or_else(|| epoch_of(name, "cases-", ".sealed")).is_some();
            if !known || backup.secrets.insert(name.to_owned(), secret).is_some() {
                return None;
            }
        }
        (backup.secrets.contains_key(PERMANENT) && !backup.epochs().is_empty()).then_some(backup)
    }

    /// Makes a keyring of it in a folder that must be new or empty; under another guard than before, if `kind` says so.
    pub fn restore(&self, folder: &Path, kind: &KeyringKind) -> Result<(), KeyringBackupError> {
        let occupied = |path: &Path| KeyringBackupError::Occupied(path.display().to_string());
        let listed = std::fs::read_dir(folder);
        if listed.is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
            return Err(occupied(folder));
        }
        // whole or not at all: a keyring without its epoch's key would look like a damaged one
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(".restoring");
        let beside = folder.with_file_name(name);
        if beside.exists() {
            return Err(occupied(&beside));
        }
        let place = store::open(&beside, kind)?;
        durable::create_dir(&beside)?;
        let written = self.secrets.iter().try_for_each(|(name, secret)| place.replace(name, secret));
        let moved = written.and_then(|()| {
            std::fs::rename(&beside, folder).map_err(durable::io("rename", &beside))?;
            durable::sync_dir(folder.parent().unwrap_or(Path::new(".")))
        });
        if moved.is_err() && beside.exists() {
            // what was written goes again, with its keys in a token; the fault itself says more than one of this
            for name in place.names().unwrap_or_default() {
                let _ = place.destroy(&name);
            }
            let _ = std::fs::remove_dir(&beside);
        }
        Ok(moved?)
    }

    /// Opens with this backup alone all that the data folder has sealed under its epoch's key: owners of every batch and
    /// bundle, every data key; and checks the last checkpoint's signatures. A ledger may be running on it.
    pub fn drill(&self, config: &LedgerConfig) -> Result<KeyringDrill, KeyringBackupError> {
        if !config.data_dir.is_dir() {
            return Err(KeyringBackupError::NoData(config.data_dir.display().to_string()));
        }
        version::check_present(&config.data_dir)?;
        let files = RawFiles::shared(&config.data_dir, &config.anchor);
        let mut drill = KeyringDrill { epoch: files.epoch(), ..KeyringDrill::default() };
        let keyring = match Keyring::open_on(Box::new(self.clone()), None, files.epoch(), self.taken) {
            Ok(keyring) => keyring,
            Err(OpenError::Keyring(why)) => {
                drill.finding(why);
                return Ok(drill);
            }
            Err(error) => return Err(error.into()),
        };
        if keyring.cases().is_err() {
            drill.finding("holds and erasures under way do not open".to_owned());
        }
        let epoch = keyring.epoch();
        let mut seen = Seen { keyring: &keyring, epoch: &epoch, drill };
        // torn frames are not looked at: a running server may be at the last one, and a check finds the others
        let journal = files.journal()?.whole;
        for batch in journal.iter().map(|frame| &frame.batch) {
            let opened = open_owners(&epoch.owners, b"batch", batch.first, &batch.owners, batch.items.len());
            if seen.tenants(&format!("batch at entry {}", batch.first), opened) {
                seen.drill.batches += 1;
            }
            batch.keys.iter().for_each(|(id, wrapped)| seen.key(*id, wrapped));
        }
        for frame in files.keys()?.whole {
            frame.batch.keys.iter().for_each(|(id, wrapped)| seen.key(*id, wrapped));
        }
        let width = usize::try_from(BUNDLE_WIDTH).unwrap_or(usize::MAX);
        for index in files.bundles("owners")?.known {
            let owners = files.owners(index)?;
            let opened = open_owners(&epoch.owners, b"bundle", index * BUNDLE_WIDTH, &owners, width);
            if seen.tenants(&format!("bundle {index}"), opened) {
                seen.drill.bundles += 1;
            }
        }
        let mut drill = seen.drill;
        let checkpoint = match journal.into_iter().last() {
            Some(frame) => Some(frame.batch.checkpoint),
            None => files.anchor()?,
        };
        match checkpoint.map(|text| keyring.log_keys.verify_checkpoint(text.as_bytes())) {
            Some(Ok(_)) => {}
            Some(Err(error)) => drill.finding(format!("the last checkpoint is not of this keyring: {error}")),
            None => drill.finding("there is no checkpoint to tell whose log it is".to_owned()),
        }
        if drill.batches == 0 && drill.bundles == 0 && drill.opens() {
            drill.finding("nothing is sealed in the data folder yet, so nothing can be proved".to_owned());
        }
        Ok(drill)
    }
}

/// A drill under way.
struct Seen<'a> {
    keyring: &'a Keyring,
    epoch: &'a EpochKeys,
    drill: KeyringDrill,
}

impl Seen<'_> {
    /// Whether owners opened, and are of tenants that the keyring has.
    fn tenants(&mut self, what: &str, owners: Option<Vec<Owner>>) -> bool {
        let Some(owners) = owners else {
            self.drill.finding(format!("{what}: its owners do not open"));
            return false;
        };
        let unknown = owners.into_iter().find(|owner| self.keyring.tag_key(owner.tenant).is_none());
        if let Some(Owner { tenant, .. }) = unknown {
            self.drill.finding(format!("{what}: tenant {tenant} is not in the backup"));
        }
        unknown.is_none()
    }

    fn key(&mut self, id: u64, wrapped: &[u8]) {
        match state::unwrap(self.epoch, id, wrapped) {
            Some(_) => self.drill.data_keys += 1,
            None => self.drill.finding(format!("data key {id} does not open")),
        }
    }
}

/// A drill opens a keyring on the backup itself, which nothing may change.
impl SecretStore for KeyringBackup {
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        Ok(self.secrets.get(name).cloned())
    }

    fn replace(&self, name: &str, _secret: &[u8]) -> Result<(), Fault> {
        Err(unchangeable(name))
    }

    fn destroy(&self, name: &str) -> Result<(), Fault> {
        Err(unchangeable(name))
    }

    fn names(&self) -> Result<Vec<String>, Fault> {
        Ok(self.secrets.keys().cloned().collect())
    }
}

fn unchangeable(name: &str) -> Fault {
    let source = std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem);
    Fault::Io { doing: "change", what: format!("{name} in a keyring backup"), source }
}

/// The number in `<before><number><after>`, written without needless zeros.
fn epoch_of(name: &str, before: &str, after: &str) -> Option<u64> {
    let digits = name.strip_prefix(before)?.strip_suffix(after)?;
    let number = digits.parse::<u64>().ok()?;
    (number.to_string() == digits).then_some(number)
}

fn is_kept(name: &str, epochs: &[u64]) -> bool {
    let epoch = epoch_of(name, "epoch-", ".key").or_else(|| epoch_of(name, "cases-", ".sealed"));
    name == PERMANENT || epoch.is_some_and(|epoch| epochs.contains(&epoch))
}

fn stretched(passphrase: &[u8], salt: &[u8; SALT_BYTES]) -> Result<SealKey, KeyringBackupError> {
    if passphrase.len() < PASSPHRASE_BYTES_MIN {
        return Err(KeyringBackupError::Passphrase { got: passphrase.len() });
    }
    let mut key = Zeroizing::new([0; 32]);
    let hash = |error: argon2::Error| Fault::Io {
        doing: "hash",
        what: "passphrase".to_owned(),
        source: std::io::Error::other(error.to_string()),
    };
    let parameters = Params::new(64 * 1024, 3, 4, Some(32)).map_err(hash)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(passphrase, salt, key.as_mut_slice())
        .map_err(hash)?;
    Ok(SealKey::from_bytes(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPHRASE: &[u8] = b"correct horse battery";

    fn backup() -> KeyringBackup {
        let secret = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        let secrets = BTreeMap::from([
            (PERMANENT.to_owned(), secret(b"{}")),
            ("epoch-7.key".to_owned(), secret(&[7; 40])),
            ("cases-7.sealed".to_owned(), secret(b"")),
        ]);
        KeyringBackup { taken: UnixSeconds(1_700_000_000), secrets }
    }

    #[test]
    fn opens_only_unchanged_and_under_its_passphrase() {
        let sealed = backup().seal(PASSPHRASE).unwrap();
        let opened = KeyringBackup::open(&sealed, PASSPHRASE).unwrap();
        assert_eq!((opened.taken, opened.secrets.len()), (UnixSeconds(1_700_000_000), 3));
        assert_eq!(opened.epochs()[0].number, 7);
        let error = |bytes: &[u8], passphrase: &[u8]| KeyringBackup::open(bytes, passphrase).err().unwrap();
        assert!(matches!(error(&sealed, b"correct horse batterz"), KeyringBackupError::Sealed));
        assert!(matches!(error(b"{}", PASSPHRASE), KeyringBackupError::Form));
        for at in [MAGIC.len(), MAGIC.len() + SALT_BYTES, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(matches!(error(&changed, PASSPHRASE), KeyringBackupError::Sealed), "byte {at}");
        }
        for passphrase in [b"".as_slice(), b"elevenbytes"] {
            assert!(matches!(backup().seal(passphrase), Err(KeyringBackupError::Passphrase { .. })));
            assert!(matches!(error(&sealed, passphrase), KeyringBackupError::Passphrase { .. }));
        }
    }

    #[test]
    fn only_names_of_a_keyring_become_files() {
        for name in ["../keyring.json", "epoch-07.key", "epoch-.key", "keyring.json.tmp", "cases-7.key"] {
            let mut plain = 7u64.to_be_bytes().to_vec();
            for (name, secret) in [(PERMANENT, [0; 40]), ("epoch-7.key", [0; 40]), (name, [0; 40])] {
                put_bytes(&mut plain, name.as_bytes());
                put_bytes(&mut plain, &secret);
            }
            assert!(KeyringBackup::parse(&plain).is_none(), "{name}");
        }
    }
}
