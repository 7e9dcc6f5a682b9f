//! The command itself; what it does to a database and a ledger is tested over HTTP by the server.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::process::{Command, Output};

fn run(arguments: &[&std::ffi::OsStr]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_grantbook-connector")).args(arguments).output().unwrap()
}

#[test]
fn a_key_is_made_once_and_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = std::env::temp_dir().join(format!("grantbook-connector-{}", std::process::id()));
    let made = run(&["keygen".as_ref(), file.as_ref()]);
    assert!(made.status.success());
    let public: grantbook_record::PublicKey = serde_json::from_slice(&made.stdout).unwrap();
    let private = std::fs::read_to_string(&file).unwrap();
    assert!(!String::from_utf8(made.stdout).unwrap().contains(private.trim()));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let seed = grantbook_record::encoding::array_from_base64url(private.trim()).unwrap();
    assert_eq!(*grantbook_record::Signer::from_seed(&seed).unwrap().public_key(), public);
    let again = run(&["keygen".as_ref(), file.as_ref()]);
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), private);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_configuration_that_is_not_there_or_not_known_ends_it() {
    assert_eq!(run(&["run".as_ref(), "no-such-file.toml".as_ref()]).status.code(), Some(2));
}
