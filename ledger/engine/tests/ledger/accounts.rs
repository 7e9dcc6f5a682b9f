//! Rows that no log leads to: all or nothing, through restarts, epochs and backups.

use grantbook_engine::store::Fault;
use grantbook_engine::{Ledger, LedgerConfig};

use crate::world::World;

fn put(ledger: &Ledger, rows: &[(&str, Option<&str>)]) {
    ledger
        .change_account_rows(|change| {
            for (name, row) in rows {
                match row {
                    Some(row) => change.put(name, row.as_bytes().to_vec()),
                    None => change.remove(name),
                }
            }
            Ok::<_, Fault>(())
        })
        .unwrap();
}

fn names(ledger: &Ledger, prefix: &str) -> Vec<String> {
    ledger.change_account_rows(|rows| Ok::<_, Fault>(rows.names(prefix))).unwrap()
}

#[test]
fn rows_outlive_restarts_epochs_and_backups() {
    let world = World::new();
    put(&world.ledger, &[("a/1", Some("one")), ("a/2", Some("two")), ("b/1", Some("three"))]);
    put(&world.ledger, &[("a/1", None), ("a/3", Some("four"))]);
    let check = |ledger: &Ledger| {
        assert_eq!(names(ledger, "a/"), ["a/2", "a/3"]);
        assert_eq!(ledger.account_row("b/1").as_deref(), Some(&b"three"[..]));
        assert_eq!(ledger.account_row("a/1"), None);
    };
    check(&world.ledger);
    let world = world.reopen(|_| ());
    check(&world.ledger);
    world.ledger.roll_epoch().unwrap();
    check(&world.ledger);
    put(&world.ledger, &[("c/1", Some("five"))]);
    let world = world.reopen(|_| ());
    check(&world.ledger);
    assert_eq!(names(&world.ledger, "c/"), ["c/1"]);
    let vault = world.folder.path().join("backup");
    grantbook_engine::backup(&world.config, &vault, None, &mut |_, _| ()).unwrap();
    put(&world.ledger, &[("c/2", Some("six"))]);
    let place = LedgerConfig {
        data_dir: world.folder.path().join("restored"),
        anchor: world.folder.path().join("restored.anchor"),
        ..world.config.clone()
    };
    grantbook_engine::restore(&vault, None, &place, world.ledger.log_keys(), false, &mut |_, _| ()).unwrap();
    let restored = Ledger::open(&place).unwrap();
    check(&restored);
    assert_eq!(names(&restored, "c/"), ["c/1"]);
}

#[test]
fn a_change_that_refuses_changes_nothing() {
    let world = World::new();
    put(&world.ledger, &[("a", Some("one"))]);
    let refused = world.ledger.change_account_rows(|rows| {
        rows.put("a", b"two".to_vec());
        assert_eq!(rows.get("a"), Some(&b"two"[..]), "a change sees itself");
        Err::<(), _>(Fault::Held { what: "no".to_owned() })
    });
    refused.unwrap_err();
    assert_eq!(world.ledger.account_row("a").as_deref(), Some(&b"one"[..]));
}

#[test]
fn what_is_forgotten_is_in_no_file_that_a_present_key_opens() {
    let world = World::new();
    put(&world.ledger, &[("a", Some("one")), ("b", Some(&"x".repeat(4096)))]);
    let file = world.config.data_dir.join("epochs/1/accounts.log");
    let long = std::fs::metadata(&file).unwrap().len();
    put(&world.ledger, &[("b", None)]);
    world.ledger.forget_account_rows().unwrap();
    assert!(std::fs::metadata(&file).unwrap().len() < long / 4);
    let world = world.reopen(|_| ());
    assert_eq!(names(&world.ledger, ""), ["a"]);
}

#[test]
fn a_torn_last_change_was_never_told_of() {
    let world = World::new();
    put(&world.ledger, &[("a", Some("one"))]);
    put(&world.ledger, &[("a", Some("two"))]);
    let world = world.reopen(|config| {
        let file = config.data_dir.join("epochs/1/accounts.log");
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() - 3]).unwrap();
    });
    assert_eq!(world.ledger.account_row("a").as_deref(), Some(&b"one"[..]));
    put(&world.ledger, &[("a", Some("three"))]);
    let world = world.reopen(|_| ());
    assert_eq!(world.ledger.account_row("a").as_deref(), Some(&b"three"[..]));
}
