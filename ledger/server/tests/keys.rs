//! The keyring's backup from the command line, and the page on keys: its commands work as they stand there.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it does not expect shall fail there and then"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_grantbook");
const PURCHASES: &str = "4 1 19970101 1 1.00\n4 1 19970118 2 29.73\n18 2 19970104 1 14.96\n";

/// A folder with the ledger of a small replay.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("purchases.txt"), PURCHASES).unwrap();
    fs::write(place.path().join("secret"), "a passphrase for tests\n").unwrap();
    run(place.path(), "replay purchases.txt --format cdnow --data-dir ledger", 0);
    place
}

fn command(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_remove("GRANTBOOK_TOKEN").stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn run(folder: &Path, line: &str, status: i32) -> String {
    let output = command(folder, PROGRAM).args(line.split_whitespace()).output().unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(status), "{line}: {text}");
    text
}

#[test]
fn a_keyring_backup_answers_by_its_exit_status_and_writes_over_nothing() {
    let place = place();
    let at = place.path();
    let short = at.join("short");
    for text in ["", "\n", "elevenbytes\n"] {
        fs::write(&short, text).unwrap();
        let refused = run(at, "keyring backup --data-dir ledger --to b --passphrase-file short", 2);
        assert!(refused.contains("expected at least 12"), "{refused}");
        assert!(!at.join("b").exists());
    }
    run(at, "keyring backup --data-dir absent --to b --passphrase-file secret", 2);
    run(at, "keyring backup --data-dir ledger --to b --passphrase-file secret", 0);
    let before = fs::read(at.join("b")).unwrap();
    run(at, "keyring backup --data-dir ledger --to b --passphrase-file secret", 2);
    assert_eq!(fs::read(at.join("b")).unwrap(), before);

    let drill = "keyring drill --from b --data-dir ledger --passphrase-file";
    let opened = run(at, &format!("{drill} secret --json"), 0);
    assert!(opened.contains(r#""opens":true"#) && opened.contains(r#""destroy":false"#), "{opened}");
    fs::write(at.join("other"), "another passphrase\n").unwrap();
    run(at, &format!("{drill} other"), 1);
    run(at, "keyring drill --from purchases.txt --data-dir ledger --passphrase-file secret", 2);
    run(at, "keyring drill --from b --data-dir absent --passphrase-file secret", 2);
    run(at, "keyring restore --from b --keyring-dir ledger.keyring --passphrase-file secret", 2);

    for name in ["backup", "restore", "drill"] {
        assert!(run(at, &format!("keyring {name} --help"), 0).contains("Example:\n  grantbook keyring"));
    }
    #[cfg(not(feature = "pkcs11"))]
    {
        let refused = run(at, "fsck --data-dir ledger --pkcs11-module m --pkcs11-token t", 3);
        assert!(refused.contains("expected a build with the feature pkcs11"), "{refused}");
    }
    run(at, "fsck --data-dir ledger --pkcs11-module m", 2);

    // two epochs later it opens nothing, and is only a danger
    for (epoch, destroy) in [(2, "false"), (3, "true")] {
        run(at, "epoch roll --data-dir ledger", 0);
        let closed = run(at, &format!("{drill} secret --json"), 1);
        assert!(closed.contains(&format!(r#""destroy":{destroy}"#)), "{closed}");
        assert!(closed.contains(&format!("epoch-{epoch}.key is missing")), "{closed}");
    }
    let warned = run(at, &format!("{drill} secret"), 1);
    assert!(warned.contains("Destroy this backup"), "{warned}");
}

/// Lines of the page that begin with a prompt, as one script.
#[cfg(feature = "pkcs11")]
fn script() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/keys.md");
    let page = fs::read_to_string(page).unwrap();
    let commands: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert!(commands.len() > 15, "{commands:#?}");
    format!("set -eu\n{}\n", commands.join("\n"))
}

#[cfg(feature = "pkcs11")]
#[test]
fn the_commands_of_the_page_on_keys_work_one_after_another() {
    use std::io::Write as _;
    let there = |tool| command(Path::new("."), tool).arg("--help").output().is_ok();
    if !there("softhsm2-util") || !there("pkcs11-tool") || !Path::new("/usr/lib/softhsm").exists() {
        // past the test runner, which keeps the output of tests that pass
        let _ = writeln!(std::io::stderr(), "skipped: the page on keys: no softhsm2 and opensc here");
        return;
    }
    let place = place();
    let folder = Path::new(PROGRAM).parent().unwrap().display();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let script = script();
    let output = command(place.path(), "sh").env("PATH", path).args(["-c", &script]).output().unwrap();
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for expected in [
        "it opens the data folder",
        "restored.keyring: restored, with key epoch 1",
        "it does not open the data folder",
        "exit status 1",
        "token.keyring: restored, with key epoch 2",
        "grantbook/epoch-3.key",
        "grantbook/keyring.json",
    ] {
        assert!(said.contains(expected), "expected {expected:?} in {said}");
    }
    assert!(!said.contains("grantbook/epoch-2.key"), "{said}");
}
