//! Backups of a running ledger, their way back, and what is refused.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use grantbook_engine::{
    BackupError, Ledger, LedgerConfig, OpenError, RestoreReport, backup, fsck, generations, migrate, restore,
    verify_backup,
};
use grantbook_record::SubjectId;
use grantbook_record::event::{AcceptedLoss, Act, Event, OperatorActed};
use grantbook_record::receipt::VerifiedContent;
use grantbook_tlog::LeafIndex;

use crate::world::World;

fn nothing(_: u64, _: u64) {}

/// Where a backup goes back to: a folder of its own, with the keyring of the original.
fn target(world: &World, name: &str) -> LedgerConfig {
    LedgerConfig {
        data_dir: world.folder.path().join(name),
        anchor: world.folder.path().join(format!("{name}.anchor")),
        ..world.config.clone()
    }
}

fn bring_back(world: &World, from: &Path, to: &LedgerConfig) -> Result<RestoreReport, BackupError> {
    restore(from, None, to, world.ledger.log_keys(), false, &mut nothing)
}

fn fill(world: &World, from: usize, to: usize) {
    for number in from..to {
        let sub = format!("cs-{number}");
        let customer = world.enrol(&sub);
        world.grant(&customer, &sub, |_| ());
    }
}

fn objects(folder: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(folder.join("objects")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn a_backup_of_a_running_ledger_opens_at_whatever_moment_it_was_taken() {
    let world = World::new();
    let to = world.folder.path().join("backups");
    let stop = AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0.. {
                fill(&world, number, number + 1);
                if stop.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        let mut taken = Vec::new();
        while taken.last().is_none_or(|size| *size < 700) {
            let report = backup(&world.config, &to, None, &mut nothing).unwrap();
            assert_eq!(report.generation, taken.len() as u64 + 1);
            taken.push(report.tree_size);
        }
        stop.store(true, Ordering::SeqCst);
        writer.join().unwrap();
        taken
    });
    assert!(taken.windows(2).all(|pair| pair[0] <= pair[1]));
    assert_eq!(generations(&to).unwrap().len(), taken.len());
    // the first, the last and some between
    for at in (0..taken.len()).step_by(taken.len().div_ceil(8)).chain([taken.len() - 1]) {
        let number = at as u64 + 1;
        let place = target(&world, &format!("restored-{number}"));
        let keys = world.ledger.log_keys();
        let report = restore(&to, Some(number), &place, keys, false, &mut nothing).unwrap();
        assert_eq!((report.tree_size, report.lost, report.anchored), (taken[at], 0, false));
        let ledger = Ledger::open(&place).unwrap();
        assert_eq!(ledger.size_root().0.0, taken[at]);
        ledger.close().unwrap();
        drop(ledger);
        let report = fsck(&place, false, &mut nothing).unwrap();
        assert!(report.findings.is_empty(), "{report:?}");
    }
}

#[test]
fn a_backup_in_whose_midst_a_key_epoch_begins_is_of_one_epoch() {
    for customers in [140, 300] {
        let world = World::new();
        fill(&world, 0, customers);
        let world = world.reopen(|_| ());
        let ledger = &world.ledger;
        let to = world.folder.path().join("backups");
        // after each of the bundles, and so before the keys
        let mut calls = 0;
        let report = backup(&world.config, &to, None, &mut |_, _| {
            if calls < 3 {
                calls += 1;
                ledger.roll_epoch().unwrap();
            }
        });
        let report = report.unwrap();
        assert!(calls > 2 && report.generation == 1 && ledger.epoch().number == 4);
        let place = target(&world, "restored");
        bring_back(&world, &to, &place).unwrap();
        let restored = Ledger::open(&place).unwrap();
        assert_eq!(restored.epoch(), ledger.epoch());
        let listed = |ledger: &Ledger| format!("{:?}", ledger.grants(world.tenant, None, 1000).unwrap());
        assert_eq!(listed(&restored), listed(ledger));
        restored.close().unwrap();
        drop(restored);
        let report = fsck(&place, false, &mut nothing).unwrap();
        assert!(report.findings.is_empty(), "{report:?}");
        // and if they never end
        let mut roll = |_, _| assert!(ledger.roll_epoch().is_ok());
        assert!(matches!(backup(&world.config, &to, None, &mut roll), Err(BackupError::Busy)));
        assert_eq!(generations(&to).unwrap(), [1]);
    }
}

#[test]
fn the_next_generation_copies_what_is_new_and_pruning_drops_what_nobody_needs() {
    let world = World::new();
    fill(&world, 0, 260);
    let world = world.reopen(|_| ());
    let to = world.folder.path().join("backups");
    let first = backup(&world.config, &to, None, &mut nothing).unwrap();
    assert_eq!(first.copied_files, first.files);
    let again = backup(&world.config, &to, None, &mut nothing).unwrap();
    assert_eq!((again.generation, again.copied_files, again.copied_bytes), (2, 0, 0));
    fill(&world, 260, 262);
    let third = backup(&world.config, &to, None, &mut nothing).unwrap();
    // the journal's last file, and the owners of the last bundle where the start has sealed them once more
    let new = usize::try_from(third.copied_files).unwrap();
    assert!((1..=2).contains(&new), "{new}");
    let before = objects(&to).len();
    let fourth = backup(&world.config, &to, Some(1), &mut nothing).unwrap();
    assert_eq!(generations(&to).unwrap(), [4]);
    assert_eq!(objects(&to).len(), before - new);
    let keys = world.ledger.log_keys();
    let verified = verify_backup(&to, None, keys, &mut nothing).unwrap();
    assert_eq!((verified.generation, verified.tree_size), (4, fourth.tree_size));
    let place = target(&world, "restored");
    bring_back(&world, &to, &place).unwrap();
    let restored = Ledger::open(&place).unwrap();
    assert_eq!(restored.size_root(), world.ledger.size_root());
    let listed = |ledger: &Ledger| format!("{:?}", ledger.grants(world.tenant, None, 1000).unwrap());
    assert_eq!(listed(&restored), listed(&world.ledger));
    let sub = SubjectId::parse("cs-7").unwrap();
    assert_eq!(
        restored.customer(world.tenant, &sub).unwrap(),
        world.ledger.customer(world.tenant, &sub).unwrap()
    );
    assert!(matches!(bring_back(&world, &to, &place), Err(BackupError::Occupied(_))));
}

#[test]
fn a_changed_backup_is_refused_and_nothing_is_put_in_place() {
    let world = World::new();
    fill(&world, 0, 140);
    let world = world.reopen(|_| ());
    let to = world.folder.path().join("backups");
    backup(&world.config, &to, None, &mut nothing).unwrap();
    let place = target(&world, "restored");
    let manifest = std::fs::read_dir(to.join("generations")).unwrap().next().unwrap().unwrap().path();
    for path in objects(&to).into_iter().chain([manifest]) {
        let bytes = std::fs::read(&path).unwrap();
        let mut changed = bytes.clone();
        changed[bytes.len() / 2] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let keys = world.ledger.log_keys();
        assert!(verify_backup(&to, None, keys, &mut nothing).is_err(), "{}", path.display());
        assert!(matches!(bring_back(&world, &to, &place), Err(BackupError::Wrong { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(bring_back(&world, &to, &place).is_err());
        std::fs::write(&path, bytes).unwrap();
        assert!(!place.data_dir.exists() && !place.anchor.exists());
    }
    // signed by other keys
    let other = World::new();
    let keys = other.ledger.log_keys();
    assert!(restore(&to, None, &place, keys, false, &mut nothing).is_err());
    bring_back(&world, &to, &place).unwrap();
}

#[test]
fn an_old_backup_needs_a_loud_word() {
    let world = World::new();
    fill(&world, 0, 2);
    let to = world.folder.path().join("backups");
    let old = backup(&world.config, &to, None, &mut nothing).unwrap();
    fill(&world, 2, 4);
    let keys = world.ledger.log_keys().clone();
    let size = world.ledger.size_root().0.0;
    world.ledger.close().unwrap();
    let World { folder: _folder, config, ledger, .. } = world;
    drop(ledger);
    std::fs::remove_dir_all(&config.data_dir).unwrap();
    let refused = restore(&to, None, &config, &keys, false, &mut nothing).unwrap_err();
    assert!(
        matches!(refused, BackupError::Loss { restored, anchored } if (restored, anchored) == (old.tree_size, size))
    );
    assert!(!config.data_dir.exists());
    let report = restore(&to, None, &config, &keys, true, &mut nothing).unwrap();
    assert_eq!(report.lost, size - old.tree_size);
    let losses = std::fs::read_to_string(config.data_dir.join("losses.log")).unwrap();
    let loss: serde_json::Value = serde_json::from_str(&losses).unwrap();
    assert_eq!(loss["entries_lost"], report.lost);
    // both signed checkpoints, so that nobody can deny which history was given up
    for checkpoint in ["restored", "given_up"] {
        keys.verify_checkpoint(loss[checkpoint].as_str().unwrap().as_bytes()).unwrap();
    }
    let kept = config.anchor.with_file_name(format!("data.anchor.lost-{size}"));
    assert!(kept.exists());
    let ledger = Ledger::open(&config).unwrap();
    // everybody can read of it, said once
    assert_eq!(ledger.size_root().0.0, old.tree_size + 1);
    let act = Act::LossAccepted(AcceptedLoss { restored: old.tree_size, given_up: size });
    let said = ledger.public_receipt(LeafIndex(old.tree_size)).unwrap().verify(&keys).unwrap();
    assert!(
        matches!(&said.content, VerifiedContent::Event { claims, .. }
            if claims.event == Event::OperatorActed(OperatorActed { act, about: None })),
        "{said:?}"
    );
    ledger.close().unwrap();
    drop(ledger);
    let ledger = Ledger::open(&config).unwrap();
    assert_eq!(ledger.size_root().0.0, old.tree_size + 1);
    ledger.close().unwrap();
    drop(ledger);
    let report = fsck(&config, false, &mut nothing).unwrap();
    assert!(report.findings.is_empty() && report.notes.len() == 1, "{report:?}");
    // the next backup keeps the word
    let next = backup(&config, &to, None, &mut nothing).unwrap();
    let place = LedgerConfig { data_dir: config.data_dir.with_file_name("again"), ..config };
    restore(&to, Some(next.generation), &place, &keys, false, &mut nothing).unwrap();
    assert_eq!(std::fs::read_to_string(place.data_dir.join("losses.log")).unwrap(), losses);
}

#[test]
fn a_folder_of_another_version_is_opened_only_after_it_was_migrated() {
    let world = World::new();
    fill(&world, 0, 2);
    let root = world.ledger.size_root();
    world.ledger.close().unwrap();
    let World { folder: _folder, config, ledger, .. } = world;
    drop(ledger);
    let version = config.data_dir.join("version");
    std::fs::remove_file(&version).unwrap();
    let refused = Ledger::open(&config).err().unwrap();
    assert!(
        matches!(refused, OpenError::Store(_)) && refused.to_string().contains("grantbook migrate"),
        "{refused}"
    );
    assert!(!version.exists());
    let found = fsck(&config, false, &mut nothing).unwrap().findings;
    assert!(found.len() == 1 && found[0].contains("grantbook migrate"), "{found:?}");
    let done = migrate(&config).unwrap();
    assert_eq!((done.from, done.to, done.steps.len()), (0, 1, 1));
    assert_eq!(migrate(&config).unwrap().steps.len(), 0);
    let ledger = Ledger::open(&config).unwrap();
    assert_eq!(ledger.size_root(), root);
    assert!(matches!(migrate(&config), Err(OpenError::Held(_))));
    ledger.close().unwrap();
    drop(ledger);
    for (text, word) in [("grantbook data 2\n", "later program"), ("grantbook data\n", "expected one line")] {
        std::fs::write(&version, text).unwrap();
        assert!(Ledger::open(&config).err().unwrap().to_string().contains(word));
        assert!(migrate(&config).unwrap_err().to_string().contains(word));
    }
    std::fs::remove_dir_all(&config.data_dir).unwrap();
    std::fs::create_dir(&config.data_dir).unwrap();
    assert!(migrate(&config).is_err());
}
