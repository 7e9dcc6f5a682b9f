//! The keyring's backup: restored it is the keyring again, drilled it changes nothing, and an old one opens nothing new.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use grantbook_engine::{
    KeyringBackup, KeyringBackupError, KeyringDrill, KeyringKind, Ledger, LedgerConfig, OpenError,
};
use grantbook_plan::Decision;
use grantbook_record::event::Channel;

use crate::world::{self, World};

pub(crate) const PASSPHRASE: &[u8] = b"a passphrase for tests";

/// A ledger with one customer more than a bundle has room for their entries.
fn shop() -> World {
    let world = World::new();
    for number in 0..130 {
        let name = format!("cs-{number}");
        let customer = world.enrol(&name);
        world.grant(&customer, &name, |_| ());
    }
    world
}

pub(crate) fn sealed_and_opened(config: &LedgerConfig) -> KeyringBackup {
    let sealed = KeyringBackup::take(config).unwrap().seal(PASSPHRASE).unwrap();
    KeyringBackup::open(&sealed, PASSPHRASE).unwrap()
}

fn content(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            into.insert(path.clone(), Vec::new());
            content(&path, into);
        } else {
            into.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
}

/// Drills, and sees that nothing was changed by it.
#[track_caller]
fn drill(world: &World, backup: &KeyringBackup) -> KeyringDrill {
    let all = || {
        let mut files = BTreeMap::new();
        content(world.folder.path(), &mut files);
        files
    };
    let before = all();
    let drill = backup.drill(&world.config).unwrap();
    assert!(before == all(), "a drill changed a file");
    drill
}

#[test]
fn a_restored_keyring_opens_the_ledger_and_a_drill_says_so_before() {
    let mut world = shop();
    let sub = world::sub("cs-7");
    world.ledger.place_hold(world.tenant, &sub, "file 12 of 2026").unwrap();
    let backup = sealed_and_opened(&world.config);
    assert_eq!(backup.epochs().iter().map(|epoch| epoch.number).collect::<Vec<_>>(), [1]);
    // beside the running ledger, and with the journal's entries in bundles too
    world.ledger.close().unwrap();
    world = world.reopen(|_| ());
    let found = drill(&world, &backup);
    assert!(found.opens() && found.batches > 0 && found.bundles == 1, "{found:?}");
    assert!(found.data_keys >= 131, "{found:?}");

    let before = world.ledger.size_root();
    world = world.reopen(|config| {
        std::fs::remove_dir_all(&config.keyring_dir).unwrap();
        backup.restore(&config.keyring_dir, &KeyringKind::Files).unwrap();
        let again = backup.restore(&config.keyring_dir, &KeyringKind::Files);
        assert!(matches!(again, Err(KeyringBackupError::Occupied(_))), "{again:?}");
    });
    assert_eq!(world.ledger.size_root(), before);
    assert!(matches!(world.decide(&world::facts("cs-7")), Decision::Permit(_)));
    assert_eq!(world.ledger.legal_holds().unwrap()[0].sub, sub, "holds are in the backup");
    assert!(world.ledger.fsck(&mut |_, _| ()).findings.is_empty());
}

#[test]
fn a_backup_of_an_ended_epoch_opens_nothing_of_the_present_one() {
    let mut world = shop();
    let backup = sealed_and_opened(&world.config);
    let data = world.folder.path().join("data-of-epoch-1");
    world = world.reopen(|config| world::copy_folder(&config.data_dir, &data));
    let sub = world::sub("cs-7");
    let pending = world.ledger.begin_erasure(world.tenant, &sub, Channel::Mail).unwrap();
    world.ledger.finish_erasure(world.tenant, pending.id, &[]).unwrap();
    for epoch in [2, 3] {
        assert_eq!(world.ledger.roll_epoch().unwrap().epoch.number, epoch);
        world = world.reopen(|_| ());
        let found = drill(&world, &backup);
        assert_eq!((found.epoch, found.batches, found.bundles, found.data_keys), (epoch, 0, 0, 0));
        assert!(found.findings[0].contains("epoch-"), "{found:?}");
    }
    // nor does a start with it
    let old = world.folder.path().join("old.keyring");
    backup.restore(&old, &KeyringKind::Files).unwrap();
    let World { folder: _folder, config, ledger, .. } = world;
    ledger.close().unwrap();
    drop(ledger);
    let config = LedgerConfig { keyring_dir: old, ..config };
    assert!(
        matches!(Ledger::open(&config), Err(OpenError::Keyring(why)) if why.contains("epoch-3.key is missing"))
    );
    // what must be known: with a data backup of its time it still opens who was erased since
    assert!(backup.drill(&LedgerConfig { data_dir: data, ..config }).unwrap().opens());
}

#[test]
fn a_drill_misses_what_the_backup_has_not() {
    let world = shop();
    let other = World::new();
    let foreign = sealed_and_opened(&other.config);
    assert!(!drill(&world, &foreign).opens());
    // a tenant who came after the backup
    let backup = sealed_and_opened(&world.config);
    let key = *world.enterprise.public_key();
    let tenant = world.ledger.create_tenant("late", key, false).unwrap().id;
    assert!(drill(&world, &backup).opens(), "nothing of theirs is stored yet");
    let notice = grantbook_record::event::NoticePublished {
        id: world::term("notice"),
        version: 1,
        language: grantbook_record::terms::Language::English,
        text: "late".to_owned(),
        contents: None,
    };
    let mut late = world;
    late.tenant = tenant;
    late.append(grantbook_record::Kind::NoticePublished, notice, &[&late.enterprise]).unwrap();
    let found = drill(&late, &backup);
    assert!(found.findings.iter().any(|finding| finding.contains("tenant 1")), "{found:?}");
    assert!(drill(&late, &sealed_and_opened(&late.config)).opens());
    // no ledger, no keyring
    let nowhere = LedgerConfig::new(late.folder.path().join("nowhere"));
    assert!(matches!(backup.drill(&nowhere), Err(KeyringBackupError::NoData(_))));
    assert!(matches!(KeyringBackup::take(&nowhere), Err(KeyringBackupError::Missing(_))));
}
