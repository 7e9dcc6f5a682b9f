//! Vectors: transparency-dev's for proofs, and our own frozen ones for checkpoints, proof files, keys and paths.

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use grantbook_tlog::tile::{BundleCoord, TileCoord};
use grantbook_tlog::{
    Hash, LeafIndex, LogKeys, NoteSignature, TlogProof, TreeSize, VerifierKey, verify_consistency,
    verify_inclusion,
};
use serde_json::Value;

/// The vectors inside the sources of the dev-dependency `sigstore-merkle`, which cargo has unpacked to build it.
fn shipped_vectors() -> PathBuf {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .expect("neither CARGO_HOME nor a home folder is set");
    let sources = cargo_home.join("registry/src");
    let crates = fs::read_dir(&sources)
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|registry| fs::read_dir(registry.path()));
    crates
        .flatten()
        .flatten()
        .map(|unpacked| unpacked.path())
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("sigstore-merkle-0.15."))
        })
        .map(|path| path.join("test-data/merkle/testdata"))
        .find(|path| path.is_dir())
        .unwrap_or_else(|| {
            panic!("no sigstore-merkle-0.15.*/test-data below {}: run `cargo fetch`", sources.display())
        })
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            files.extend(json_files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> Value {
    serde_json::from_str(
        &fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    )
    .unwrap()
}

fn hash(value: &Value) -> Option<Hash> {
    value.as_str().unwrap().parse().ok()
}

/// `null` stands for no hashes.
fn hashes(value: &Value) -> Option<Vec<Hash>> {
    value.as_array().into_iter().flatten().map(hash).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn shipped_inclusion_vectors() {
    let files = json_files(&shipped_vectors().join("inclusion"));
    assert_eq!(files.len(), 98);
    for path in files {
        let case = read(&path);
        // hashes of other lengths are among the errors wanted
        let holds = (|| {
            let (leaf, root, proof) =
                (hash(&case["leafHash"])?, hash(&case["root"])?, hashes(&case["proof"])?);
            let (index, size) = (LeafIndex(number(&case["leafIdx"])), TreeSize(number(&case["treeSize"])));
            verify_inclusion(&leaf, index, size, &proof, &root).ok()
        })();
        assert_eq!(holds.is_none(), case["wantErr"].as_bool().unwrap(), "{}", path.display());
    }
}

#[test]
fn shipped_consistency_vectors() {
    let files = json_files(&shipped_vectors().join("consistency"));
    assert_eq!(files.len(), 97);
    for path in files {
        let case = read(&path);
        let holds = (|| {
            let (old, new, proof) = (hash(&case["root1"])?, hash(&case["root2"])?, hashes(&case["proof"])?);
            let (old_size, new_size) = (TreeSize(number(&case["size1"])), TreeSize(number(&case["size2"])));
            verify_consistency(old_size, &old, new_size, &new, &proof).ok()
        })();
        // two cases want equal roots of 12 bytes to be consistent, which no tree has
        let short_roots = ["one", "zero"].iter().any(|size| {
            path.ends_with(format!("sizes-are-equal-and-proof-is-not-empty-where-both-sizes-are-{size}.json"))
        });
        assert_eq!(holds.is_none(), short_roots || case["wantErr"].as_bool().unwrap(), "{}", path.display());
    }
}

/// Runs one list of our vectors; `run` gives what a valid case must yield.
fn frozen<E: Debug>(list: &str, run: impl Fn(&Value, &Value) -> Result<Value, E>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/checkpoint.json");
    let vectors = read(&path);
    let cases = vectors[list].as_array().unwrap();
    let valid = cases.iter().filter(|case| case["error"].is_null()).count();
    assert!(valid > 0 && valid * 2 <= cases.len(), "{list}: {valid} of {} valid", cases.len());
    for case in cases {
        let name = &case["name"];
        match (run(case, &vectors["keys"]), case["error"].as_str()) {
            (Ok(got), None) => assert_eq!(got, case["yields"], "{list}: {name}"),
            (Err(error), Some(expected)) => {
                let got = format!("{error:?}");
                assert!(got.starts_with(expected), "{list}: {name}: expected {expected}, got {got}");
            }
            (got, expected) => panic!("{list}: {name}: expected error {expected:?}, got {got:?}"),
        }
    }
}

fn log_keys(keys: &Value) -> LogKeys {
    LogKeys::parse(&format!("{}\n{}\n", keys["log"].as_str().unwrap(), keys["clock"].as_str().unwrap()))
        .unwrap()
}

#[test]
fn frozen_checkpoints() {
    frozen("checkpoints", |case, keys| {
        log_keys(keys).verify_checkpoint(case["note"].as_str().unwrap().as_bytes()).map(|timed| {
            serde_json::json!({
                "size": timed.checkpoint.size().0,
                "root": timed.checkpoint.root().to_string(),
                "time": timed.time.0,
                "others": timed.others.iter().map(NoteSignature::name).collect::<Vec<_>>(),
            })
        })
    });
}

#[test]
fn frozen_proof_files() {
    frozen("proof_files", |case, keys| {
        let keys = log_keys(keys);
        let leaf = hash(&case["leaf"]).unwrap();
        let proof = TlogProof::parse(case["file"].as_str().unwrap().as_bytes())?;
        proof.verify(&leaf, keys.log(), keys.origin()).map(|verified| {
            serde_json::json!({
                "index": proof.index().0,
                "size": verified.checkpoint.size().0,
                "extra": proof.extra().map(|extra| String::from_utf8_lossy(extra)),
                "others": verified.others.iter().map(NoteSignature::name).collect::<Vec<_>>(),
            })
        })
    });
}

#[test]
fn frozen_verifier_keys() {
    frozen("verifier_keys", |case, _| {
        VerifierKey::parse(case["vkey"].as_str().unwrap()).map(|key| {
            serde_json::json!({ "name": key.name(), "id": key.key_id().to_string(), "type": key.kind().byte() })
        })
    });
}

#[test]
fn frozen_tile_paths() {
    frozen("tile_paths", |case, _| {
        let path = case["path"].as_str().unwrap();
        if path.starts_with("tile/entries/") {
            BundleCoord::parse(path).map(|bundle| {
                assert_eq!(bundle.path(), path);
                serde_json::json!({ "index": bundle.index(), "width": bundle.width() })
            })
        } else {
            TileCoord::parse(path).map(|tile| {
                assert_eq!(tile.path(), path);
                serde_json::json!({ "level": tile.level(), "index": tile.index(), "width": tile.width() })
            })
        }
    });
}

/// The examples of the specification page are frozen vectors.
#[test]
fn the_specification_shows_frozen_vectors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/spec/checkpoint.md")).unwrap();
    let vectors = read(&root.join("tests/vectors/checkpoint.json"));
    let example = |kind: &str| {
        let (_, rest) = page.split_once(&format!("```{kind}\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    let shown = |list: &str, field: &str, text: &str| {
        vectors[list].as_array().unwrap().iter().any(|case| case["error"].is_null() && case[field] == text)
    };
    assert!(shown("checkpoints", "note", example("checkpoint")));
    assert!(shown("proof_files", "file", example("proof")));
    assert_eq!(example("vkey"), log_keys(&vectors["keys"]).to_string());
}
