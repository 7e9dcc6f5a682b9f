//! A witness: its keys, and the last checkpoint of each log, which is on disk before it is cosigned.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use grantbook_record::encoding::Bytes32;
use grantbook_tlog::note::UnixSeconds;
use grantbook_tlog::{
    AddCheckpoint, Checkpoint, Refusal, SignatureKind, SigningKey, TreeSize, VerifierKey, cosignature,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::cli::clock;
use crate::cli::failure::Failure;
use crate::cli::files;

/// What a request came to.
pub(super) enum Outcome {
    /// Signature lines.
    Cosigned(String),
    /// The size of the last checkpoint that it cosigned.
    Knows(TreeSize),
    /// HTTP status and why.
    Refused(u16, String),
}

/// A witness with its state in a folder that no other process uses.
pub(super) struct Witness {
    folder: PathBuf,
    classic: SigningKey,
    post_quantum: SigningKey,
    /// By origin.
    logs: BTreeMap<String, Vec<VerifierKey>>,
    /// By origin. Locked from the check of a request to its answer, so that nothing comes in between.
    latest: Mutex<BTreeMap<String, Checkpoint>>,
    /// Held, and locked, as long as the witness lives.
    _lock: File,
}

/// The file `witness.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    v: u8,
    name: String,
    seed: Bytes32,
    post_quantum_seed: Bytes32,
}

impl Witness {
    /// Opens the folder, or makes one with fresh keys for `name`.
    pub(super) fn open(folder: &Path, name: Option<&str>, logs: &[VerifierKey]) -> Result<Self, Failure> {
        files::make_folder(&folder.join("logs"))?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock"));
        let lock = lock.map_err(Failure::fault)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::Fault(format!("{} is held by another process", folder.display())));
            }
            Err(TryLockError::Error(error)) => return Err(Failure::fault(error)),
        }
        let identity = identity(&folder.join("witness.json"), name)?;
        let key = |kind, seed: &Bytes32| {
            SigningKey::from_seed(&identity.name, kind, &seed.0).map_err(Failure::input)
        };
        let classic = key(SignatureKind::Cosignature, &identity.seed)?;
        let post_quantum = key(SignatureKind::MlDsa44, &identity.post_quantum_seed)?;
        let mut known: BTreeMap<String, Vec<VerifierKey>> = BTreeMap::new();
        for log in logs {
            if log.kind() == SignatureKind::Cosignature {
                return Err(Failure::input("expected the key of a log, of type 1 or 6, got a cosigner's"));
            }
            known.entry(log.name().to_owned()).or_default().push(log.clone());
        }
        let mut latest = BTreeMap::new();
        for origin in known.keys() {
            let path = path_of(folder, origin);
            if path.exists() {
                let damaged = |why: &dyn std::fmt::Display| {
                    Failure::Fault(format!("{} is damaged: {why}", path.display()))
                };
                let (checkpoint, _) =
                    Checkpoint::parse_note(&files::read(&path)?).map_err(|error| damaged(&error))?;
                if checkpoint.origin() != origin {
                    return Err(damaged(&"it is of another log"));
                }
                latest.insert(origin.clone(), checkpoint);
            }
        }
        let (folder, latest) = (folder.to_owned(), Mutex::new(latest));
        Ok(Self { folder, classic, post_quantum, logs: known, latest, _lock: lock })
    }

    /// Its keys: Ed25519, and ML-DSA-44.
    pub(super) fn keys(&self) -> [&VerifierKey; 2] {
        [self.classic.verifier_key(), self.post_quantum.verifier_key()]
    }

    /// The logs that it cosigns.
    pub(super) fn origins(&self) -> Vec<&String> {
        self.logs.keys().collect()
    }

    /// Judges a request's body, and cosigns.
    pub(super) fn add(&self, body: &[u8]) -> Outcome {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(error) => return Outcome::Refused(400, error.to_string()),
        };
        let origin = request.checkpoint().origin();
        let keys = self.logs.get(origin).map_or(&[][..], Vec::as_slice);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match request.judge(keys, latest.get(origin)) {
            Ok(()) => {}
            Err(Refusal::Conflict { known }) => return Outcome::Knows(known),
            Err(refusal) => return Outcome::Refused(refusal.status(), refusal.to_string()),
        }
        // a crash from here on leaves a checkpoint that was perhaps never cosigned, never the reverse
        let path = path_of(&self.folder, origin);
        if let Err(failure) = files::replace(&path, request.note().to_string().as_bytes()) {
            return Outcome::Refused(500, failure.to_string());
        }
        latest.insert(origin.to_owned(), request.checkpoint().clone());
        let time = UnixSeconds(clock::now().seconds().0);
        let lines = [&self.classic, &self.post_quantum]
            .map(|key| cosignature::sign(key, time, request.note().text()).map(|line| format!("{line}\n")));
        match lines.into_iter().collect::<Result<String, _>>() {
            Ok(lines) => Outcome::Cosigned(lines),
            Err(error) => Outcome::Refused(500, error.to_string()),
        }
    }
}

fn path_of(folder: &Path, origin: &str) -> PathBuf {
    let digest = Bytes32::sha256(origin.as_bytes()).0;
    let name: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    folder.join("logs").join(name.concat())
}

/// The witness's name and seeds, made on the first start.
fn identity(path: &Path, name: Option<&str>) -> Result<Identity, Failure> {
    if path.exists() {
        let stored = Zeroizing::new(files::read(path)?);
        let identity: Identity = serde_json::from_slice(&stored)
            .map_err(|error| Failure::Fault(format!("{} is damaged: {error}", path.display())))?;
        if name.is_some_and(|name| name != identity.name) {
            return Err(Failure::Input(format!(
                "the name is {}, fixed when its keys were made",
                identity.name
            )));
        }
        return Ok(identity);
    }
    let name = name.ok_or_else(|| Failure::input("expected --name NAME, the first time"))?;
    let identity = Identity {
        v: 1,
        name: name.to_owned(),
        seed: Bytes32(clock::random_bytes()),
        post_quantum_seed: Bytes32(clock::random_bytes()),
    };
    // a name that no key can bear is refused before it is kept
    SigningKey::from_seed(name, SignatureKind::Cosignature, &identity.seed.0).map_err(Failure::input)?;
    let json = Zeroizing::new(serde_json::to_vec_pretty(&identity).unwrap_or_default());
    files::write_new(path, &json)?;
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use grantbook_tlog::{Hash, leaf_hash, node_hash};

    use super::*;

    fn log_key() -> SigningKey {
        SigningKey::from_seed("log.test/a", SignatureKind::Ed25519, &[1; 32]).unwrap()
    }

    fn open(folder: &Path) -> Witness {
        Witness::open(folder, Some("witness.test/w"), &[log_key().verifier_key().clone()]).unwrap()
    }

    /// Asks for a tree of one leaf, or of two with the proof from the first.
    fn body(old: u64, first: &str, second: Option<&str>) -> Vec<u8> {
        let leaf = |text: &str| leaf_hash(text.as_bytes());
        let (size, root) =
            second.map_or((1, leaf(first)), |second| (2, node_hash(&leaf(first), &leaf(second))));
        let proof: Vec<Hash> = second.filter(|_| old == 1).map(leaf).into_iter().collect();
        let note = Checkpoint::new("log.test/a", TreeSize(size), root).unwrap().sign(&log_key()).unwrap();
        AddCheckpoint::new(TreeSize(old), proof, note).unwrap().to_string().into_bytes()
    }

    fn cosigns(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Cosigned(lines) if lines.lines().count() == 2)
    }

    #[test]
    fn what_cannot_be_kept_is_not_cosigned() {
        let folder = tempfile::tempdir().unwrap();
        let witness = open(folder.path());
        std::fs::remove_dir(folder.path().join("logs")).unwrap();
        let outcome = witness.add(&body(0, "a", None));
        assert!(matches!(outcome, Outcome::Refused(500, _)));
        // nor is it remembered: another history may still be the first
        std::fs::create_dir(folder.path().join("logs")).unwrap();
        assert!(cosigns(&witness.add(&body(0, "b", None))));
    }

    #[test]
    fn what_was_cosigned_is_remembered_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let witness = open(folder.path());
        let keys = witness.keys().map(VerifierKey::clone);
        assert!(cosigns(&witness.add(&body(0, "a", None))));
        let held = Witness::open(folder.path(), None, &[log_key().verifier_key().clone()]);
        assert_eq!(held.err().unwrap().status(), 3, "one process at a time");
        drop(witness);
        let witness = open(folder.path());
        assert_eq!(witness.keys().map(VerifierKey::clone), keys);
        assert!(matches!(witness.add(&body(0, "a", Some("c"))), Outcome::Knows(TreeSize(1))));
        assert!(matches!(witness.add(&body(1, "b", None)), Outcome::Knows(TreeSize(1))));
        assert!(matches!(witness.add(&body(1, "b", Some("c"))), Outcome::Refused(422, _)));
        assert!(cosigns(&witness.add(&body(1, "a", Some("c")))));
        assert!(matches!(witness.add(b"old 1\n"), Outcome::Refused(400, _)));
        drop(witness);
        let renamed = Witness::open(folder.path(), Some("witness.test/other"), &[]);
        assert_eq!(renamed.err().unwrap().status(), 2);
        let other = SigningKey::from_seed("log.test/b", SignatureKind::Ed25519, &[2; 32]).unwrap();
        let witness = Witness::open(folder.path(), None, &[other.verifier_key().clone()]).unwrap();
        assert!(matches!(witness.add(&body(2, "a", Some("c"))), Outcome::Refused(404, _)));
    }
}
