//! The check of a folder that is not open: it finds every single flipped bit, whether or not the folder still opens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use grantbook_engine::store::{FileStore, Store as _};
use grantbook_engine::{FsckReport, Ledger, LedgerConfig, fsck};

use crate::world::{self, World};

/// Flips over all files but those of the state.
const FLIPS: usize = 500;
/// Of whom every tenth gives a grant that is used once.
const CUSTOMERS: u64 = 430;
/// Copies on which flips are tried side by side.
const COPIES: usize = 2;
/// Flips in the state's files.
const STATE_FLIPS: usize = 40;

/// Where a part of the data folder lies: what is sealed under the epoch's key lies with the epoch.
fn place(config: &LedgerConfig, part: &str) -> PathBuf {
    let sealed = ["journal", "owners", "keys.log", "leases.log", "state"].contains(&part);
    config.data_dir.join(if sealed { "epochs/1" } else { "" }).join(part)
}

/// A closed ledger with two bundles, entries that are in the journal alone, and keys that the journal does not have.
fn closed() -> (tempfile::TempDir, LedgerConfig) {
    let world = World::new();
    for number in 0..CUSTOMERS {
        let sub = format!("cs-{number}");
        let customer = world.enrol(&sub);
        if number % 10 == 0 {
            let grant = world.grant(&customer, &sub, |_| ());
            let facts = world::facts(&sub);
            world.ledger.decide_and_record(world.tenant, &facts, None, None).unwrap();
            if number % 20 == 0 {
                world.withdraw(&customer, &sub, grant.id);
            }
        }
    }
    for number in 0..3 {
        crate::leases::lease(&world, &format!("cs-{}", 10 + 20 * number));
    }
    world.ledger.close().unwrap();
    let World { folder, config, ledger, .. } = world;
    drop(ledger);
    let store = FileStore::open(&config.data_dir, &config.anchor, 1 << 20).unwrap();
    let mut keys = Vec::new();
    store
        .batches(&mut |batch| {
            keys.extend(batch.keys);
            Ok(())
        })
        .unwrap();
    store.put_keys(&keys).unwrap();
    drop(store);
    trim(&place(&config, "journal"));
    (folder, config)
}

/// Leaves of the journal what is in no bundle, as trimming does once a file of it is full.
fn trim(journal: &Path) {
    const KEPT: u64 = 2 * 256;
    let mut paths = Vec::new();
    files(journal, &mut paths);
    let bytes: Vec<u8> = paths.iter().flat_map(|path| std::fs::read(path).unwrap()).collect();
    let (mut rest, mut left) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        // magic, length, checksum; the payload begins with the first leaf index
        let length = usize::try_from(u32::from_be_bytes(rest[4..8].try_into().unwrap())).unwrap();
        let (frame, behind) = rest.split_at(12 + length);
        if u64::from_be_bytes(frame[12..20].try_into().unwrap()) >= KEPT {
            left.extend_from_slice(frame);
        }
        rest = behind;
    }
    for path in &paths {
        std::fs::remove_file(path).unwrap();
    }
    std::fs::write(journal.join(format!("{KEPT:020}.log")), left).unwrap();
}

fn checked(config: &LedgerConfig) -> FsckReport {
    fsck(config, false, &mut |_, _| ()).unwrap()
}

/// A sequence that looks random and is the same at every run.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if std::fs::metadata(&path).unwrap().len() > 0 {
            into.push(path);
        }
    }
    into.sort();
}

fn flip(path: &Path, sequence: &mut Sequence, within: std::ops::Range<usize>) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let mut changed = bytes.clone();
    changed[within.start + sequence.below(within.len())] ^= 1 << sequence.below(8);
    std::fs::write(path, changed).unwrap();
    bytes
}

#[test]
fn fsck_finds_every_flipped_bit() {
    let (folder, config) = closed();
    let clean = checked(&config);
    assert!(clean.findings.is_empty() && clean.notes.is_empty(), "{clean:?}");
    assert!(
        clean.entries > 512 && clean.tiles == 2 && clean.keys == 1 + CUSTOMERS + CUSTOMERS / 10,
        "{clean:?}"
    );
    assert!(clean.rows > 900, "{clean:?}");

    std::thread::scope(|scope| {
        for copy in 0..COPIES {
            let config = copied(folder.path(), &config, copy);
            scope.spawn(move || flip_and_check(&config, copy));
        }
    });
}

/// A copy of the whole ledger, keys and anchor included.
fn copied(folder: &Path, config: &LedgerConfig, number: usize) -> LedgerConfig {
    let copy = LedgerConfig {
        data_dir: folder.join(format!("copy-{number}")),
        keyring_dir: folder.join(format!("copy-{number}.keyring")),
        anchor: folder.join(format!("copy-{number}.anchor")),
        ..config.clone()
    };
    world::copy_folder(&config.data_dir, &copy.data_dir);
    world::copy_folder(&config.keyring_dir, &copy.keyring_dir);
    std::fs::copy(&config.anchor, &copy.anchor).unwrap();
    std::fs::copy(mark(config), mark(&copy)).unwrap();
    copy
}

/// How far the leases had come.
fn mark(config: &LedgerConfig) -> PathBuf {
    config.anchor.with_extension("anchor.leases")
}

fn flip_and_check(config: &LedgerConfig, copy: usize) {
    let mut kinds: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    for kind in ["journal", "entries", "vault", "owners", "tile"] {
        files(&place(config, kind), kinds.entry(kind).or_default());
    }
    for log in ["keys.log", "leases.log"] {
        kinds.insert(log, vec![place(config, log)]);
    }
    files(&config.keyring_dir, kinds.entry("keyring").or_default());
    let mut sequence = Sequence(20 + copy as u64);
    for number in (copy..FLIPS).step_by(COPIES) {
        let (kind, files) = kinds.iter().nth(number / COPIES % kinds.len()).unwrap();
        let path = &files[sequence.below(files.len())];
        let length = std::fs::read(path).unwrap().len();
        let bytes = flip(path, &mut sequence, 0..length);
        let found = checked(config).findings;
        let name = path.file_name().unwrap().to_str().unwrap();
        // what the keyring no longer opens or vouches for is named by its own file
        let named = |finding: &String| *kind == "keyring" || finding.contains(name) && finding.contains(kind);
        assert!(found.iter().any(named), "flip {number} in {}: {found:?}", path.display());
        std::fs::write(path, bytes).unwrap();
    }
    assert!(checked(config).findings.is_empty());
}

#[test]
fn a_flipped_bit_of_the_state_is_found_or_changes_no_read() {
    let (folder, config) = closed();
    let mut state = Vec::new();
    files(&place(&config, "state"), &mut state);
    let mut sequence = Sequence(7);
    let mut found = 0;
    for number in 0..STATE_FLIPS {
        let path = &state[sequence.below(state.len())];
        let length = std::fs::read(path).unwrap().len();
        // the end of sled's files is preallocated zeros
        let used = std::fs::read(path).unwrap().iter().rposition(|byte| *byte != 0).unwrap_or(length - 1) + 1;
        let bytes = flip(path, &mut sequence, 0..used);
        let report = checked(&config);
        if report.findings.is_empty() {
            let copy = copied(folder.path(), &config, number);
            let ledger = Ledger::open(&copy).unwrap();
            let tenant = ledger.tenants()[0].id;
            assert_eq!(ledger.grants(tenant, None, 1000).unwrap().len(), 43);
            ledger.close().unwrap();
            drop(ledger);
            assert!(checked(&copy).findings.is_empty());
        } else {
            assert!(report.findings.iter().all(|finding| finding.starts_with("state")), "{report:?}");
            found += 1;
        }
        std::fs::write(path, bytes).unwrap();
    }
    assert!(found > 0);
}

#[test]
fn what_can_be_made_anew_is_and_nothing_else_changes() {
    let (_folder, config) = closed();
    let mut all = Vec::new();
    for part in ["entries", "vault", "owners", "journal"] {
        files(&place(&config, part), &mut all);
    }
    let before: Vec<_> = all.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let tile = config.data_dir.join("tile/0/001");
    let good = std::fs::read(&tile).unwrap();
    std::fs::remove_file(&tile).unwrap();
    std::fs::write(config.data_dir.join("tile/0/000"), b"nonsense").unwrap();
    let report = fsck(&config, true, &mut |_, _| ()).unwrap();
    assert_eq!(report.rebuilt, ["tile/0/000", "tile/0/001"]);
    assert!(report.findings.is_empty(), "{report:?}");
    assert_eq!(std::fs::read(&tile).unwrap(), good);

    // a row that the log does not lead to
    let store = FileStore::open(&config.data_dir, &config.anchor, 1 << 20).unwrap();
    let (key, _) = store.rows(b"j", None, 1).unwrap().remove(0);
    let position = store.position().unwrap();
    store.apply(vec![(key.clone(), None), (b"jx".to_vec(), Some(vec![1]))], position).unwrap();
    store.flush_state().unwrap();
    drop(store);
    let report = checked(&config);
    assert_eq!(report.findings.len(), 2, "{report:?}");
    assert!(report.findings.iter().all(|finding| finding.starts_with("state, row j")));
    let report = fsck(&config, true, &mut |_, _| ()).unwrap();
    assert_eq!(report.rebuilt, ["state"]);
    assert!(report.findings.is_empty(), "{report:?}");
    let after: Vec<_> = all.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(before == after);

    // what is wrong with entries cannot be made anew
    std::fs::write(config.data_dir.join("entries/000"), b"nonsense").unwrap();
    let report = fsck(&config, true, &mut |_, _| ()).unwrap();
    assert!(report.rebuilt.is_empty() && !report.findings.is_empty(), "{report:?}");
}

#[test]
fn a_folder_that_does_not_open_is_checked_all_the_same() {
    let (_folder, config) = closed();
    std::fs::remove_file(config.data_dir.join("vault/001")).unwrap();
    std::fs::remove_dir_all(place(&config, "state")).unwrap();
    let mut journal = Vec::new();
    files(&place(&config, "journal"), &mut journal);
    let bytes = std::fs::read(&journal[0]).unwrap();
    std::fs::write(&journal[0], &bytes[..bytes.len() - 10]).unwrap();
    let found = checked(&config).findings;
    for name in ["vault/001: it is missing", "frame at byte", "the anchor vouches for"] {
        assert!(found.iter().any(|finding| finding.contains(name)), "{name}: {found:?}");
    }
    assert!(Ledger::open(&config).is_err());
    std::fs::remove_dir_all(&config.keyring_dir).unwrap();
    let found = checked(&config).findings;
    assert!(found.iter().any(|finding| finding.contains("the keyring is missing")), "{found:?}");
    assert!(!config.keyring_dir.exists());
}
