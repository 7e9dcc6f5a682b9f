//! The keyring under keys in a PKCS#11 token: SoftHSM, with OpenSC's tool to look into it from outside.
//!
//! SoftHSM takes its place from the environment of the process, so each test runs itself again in one of its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use grantbook_engine::{KeyringBackup, KeyringKind, Ledger, LedgerConfig, OpenError, Pkcs11Token};
use grantbook_plan::Decision;
use grantbook_record::event::Channel;

use crate::keyring_backup::sealed_and_opened;
use crate::world::{self, World};

const MODULES: &[&str] =
    &["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"];
const PIN: &str = "9876";
/// Set in the process that a test runs itself again in: the folder of its tokens.
const FOLDER: &str = "GRANTBOOK_TEST_TOKENS";

struct Tokens {
    folder: PathBuf,
    module: PathBuf,
}

/// Runs `test`, whose name is given, with two tokens; says so where there is no SoftHSM.
fn with_tokens(name: &str, test: impl FnOnce(&Tokens)) {
    let module = MODULES.iter().map(PathBuf::from).find(|path| path.exists());
    let there =
        |tool: &str| Command::new(tool).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let Some(module) = module.filter(|_| there("softhsm2-util").is_ok() && there("pkcs11-tool").is_ok())
    else {
        // past the test runner, which keeps the output of tests that pass
        let _ = writeln!(std::io::stderr(), "skipped: {name}: no softhsm2 and opensc here");
        return;
    };
    if let Some(folder) = std::env::var_os(FOLDER) {
        return test(&Tokens { folder: folder.into(), module });
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("tokens")).unwrap();
    let settings = format!("directories.tokendir = {}\nlog.level = ERROR\n", path.join("tokens").display());
    std::fs::write(path.join("softhsm2.conf"), settings).unwrap();
    std::fs::write(path.join("pin"), format!("{PIN}\n")).unwrap();
    let of_token = |program: &Path| {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", path.join("softhsm2.conf")).env(FOLDER, path);
        command
    };
    for label in ["grantbook", "spare"] {
        let made = of_token(Path::new("softhsm2-util"))
            .args(["--init-token", "--free", "--label", label, "--so-pin", "1234", "--pin", PIN])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    let done = of_token(&std::env::current_exe().unwrap())
        .args(["--exact", &format!("token::{name}"), "--nocapture"])
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && out.contains("1 passed"),
        "{out}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

impl Tokens {
    fn token(&self, label: &str) -> Pkcs11Token {
        Pkcs11Token {
            module: self.module.clone(),
            label: label.to_owned(),
            pin_file: Some(self.folder.join("pin")),
        }
    }

    fn world(&self) -> World {
        let folder = tempfile::tempdir().unwrap();
        let mut config = LedgerConfig::new(folder.path().join("data"));
        config.keyring = KeyringKind::Pkcs11(self.token("grantbook"));
        World::with(folder, config)
    }

    /// What OpenSC's tool says of the keys in a token.
    fn listed(&self, label: &str) -> String {
        let listed = Command::new("pkcs11-tool")
            .args(["--token-label", label, "--login", "--pin", PIN, "--list-objects", "--type", "secrkey"])
            .arg("--module")
            .arg(&self.module)
            .output()
            .unwrap();
        assert!(listed.status.success(), "{listed:?}");
        String::from_utf8(listed.stdout).unwrap()
    }

    /// Labels of all keys in a token.
    fn labels(&self, label: &str) -> Vec<String> {
        let listed = self.listed(label);
        let lines = listed.lines().filter_map(|line| line.trim().strip_prefix("label:"));
        let mut labels: Vec<_> = lines.map(|label| label.trim().to_owned()).collect();
        labels.sort();
        labels
    }
}

fn refusal(config: &LedgerConfig) -> String {
    match Ledger::open(config) {
        Err(error @ (OpenError::Keyring(_) | OpenError::Store(_))) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it opened"),
    }
}

#[test]
fn an_epochs_key_dies_in_the_token_and_every_copy_of_its_file_with_it() {
    with_tokens("an_epochs_key_dies_in_the_token_and_every_copy_of_its_file_with_it", |tokens| {
        let mut world = tokens.world();
        for name in ["cs-1", "cs-2"] {
            let customer = world.enrol(name);
            world.grant(&customer, name, |_| ());
        }
        assert_eq!(tokens.labels("grantbook"), ["grantbook/epoch-1.key", "grantbook/keyring.json"]);
        let access = tokens.listed("grantbook");
        let sensitive = access.lines().filter(|line| line.contains("sensitive")).count();
        assert!(sensitive == 2 && !access.contains("  extractable"), "{access}");

        let (old_keyring, old_data) = (world.folder.path().join("old"), world.folder.path().join("old-data"));
        world = world.reopen(|config| {
            world::copy_folder(&config.keyring_dir, &old_keyring);
            world::copy_folder(&config.data_dir, &old_data);
        });
        let sub = world::sub("cs-1");
        let pending = world.ledger.begin_erasure(world.tenant, &sub, Channel::Mail).unwrap();
        world.ledger.finish_erasure(world.tenant, pending.id, &[]).unwrap();
        assert_eq!(world.ledger.roll_epoch().unwrap().epoch.number, 2);
        assert_eq!(
            tokens.labels("grantbook"),
            ["grantbook/cases-2.sealed", "grantbook/epoch-2.key", "grantbook/keyring.json"]
        );
        // with what crashes leave: a file half destroyed, and one half written under the key of the present one
        world = world.reopen(|config| {
            std::fs::write(config.keyring_dir.join("epoch-1.key"), [0; 200]).unwrap();
            let cases = config.keyring_dir.join("cases-2.sealed");
            std::fs::copy(&cases, config.keyring_dir.join("cases-2.sealed.tmp")).unwrap();
        });
        assert_eq!(tokens.labels("grantbook").len(), 3);
        assert_eq!(std::fs::read_dir(&world.config.keyring_dir).unwrap().count(), 3);
        assert!(world.ledger.legal_holds().unwrap().is_empty());
        assert!(matches!(world.decide(&world::facts("cs-2")), Decision::Permit(_)));
        assert!(matches!(world.decide(&world::facts("cs-1")), Decision::Denial(_)));
        assert!(world.ledger.fsck(&mut |_, _| ()).findings.is_empty());

        world.ledger.close().unwrap();
        let World { folder, config, ledger, .. } = world;
        drop(ledger);
        // a copy of both folders of that time, with the token as it is now
        let old = LedgerConfig { data_dir: old_data, keyring_dir: old_keyring, ..config.clone() };
        let why = refusal(&old);
        assert!(why.contains("epoch-1.key") && why.contains("not in the token grantbook"), "{why}");
        // and the present keyring without its token
        let why = refusal(&LedgerConfig { keyring: KeyringKind::Files, ..config.clone() });
        assert!(why.contains("sealed under a key in a PKCS#11 token"), "{why}");
        let why =
            refusal(&LedgerConfig { keyring: KeyringKind::Pkcs11(tokens.token("spare")), ..config.clone() });
        assert!(why.contains("not in the token spare"), "{why}");
        // none of these attempts has changed anything
        Ledger::open(&config).unwrap().close().unwrap();
        drop(folder);
    });
}

#[test]
fn a_token_that_cannot_be_used_is_named_and_nothing_is_made() {
    with_tokens("a_token_that_cannot_be_used_is_named_and_nothing_is_made", |tokens| {
        let folder = tempfile::tempdir().unwrap();
        let plain = LedgerConfig::new(folder.path().join("plain"));
        Ledger::open(&plain).unwrap().close().unwrap();
        let wrong_pin = folder.path().join("wrong-pin");
        std::fs::write(&wrong_pin, "0000\n").unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        let good = || tokens.token("grantbook");
        let absent = PathBuf::from("absent");
        for (token, expected) in [
            (Pkcs11Token { module: absent.clone(), ..good() }, "PKCS#11 library absent"),
            (Pkcs11Token { label: "another".to_owned(), ..good() }, "0 tokens"),
            (Pkcs11Token { pin_file: Some(wrong_pin), ..good() }, "the PIN is wrong"),
            (Pkcs11Token { pin_file: Some(empty), ..good() }, "it is empty"),
            (Pkcs11Token { pin_file: Some(absent), ..good() }, "absent"),
            (Pkcs11Token { pin_file: None, ..good() }, "GRANTBOOK_PKCS11_PIN"),
        ] {
            let mut config = LedgerConfig::new(folder.path().join("new"));
            config.keyring = KeyringKind::Pkcs11(token);
            let why = refusal(&config);
            assert!(why.contains(expected), "expected {expected:?} in {why}");
            assert!(!config.keyring_dir.exists(), "{expected}");
        }
        // a keyring of plain files is not taken over, nor made anew
        let config = LedgerConfig { keyring: KeyringKind::Pkcs11(good()), ..plain.clone() };
        let why = refusal(&config);
        assert!(why.contains("restored into one"), "{why}");
        assert!(tokens.labels("grantbook").is_empty());
        Ledger::open(&plain).unwrap().close().unwrap();
    });
}

#[test]
fn a_keyring_moves_between_files_and_tokens_by_its_backup() {
    with_tokens("a_keyring_moves_between_files_and_tokens_by_its_backup", |tokens| {
        let mut world = tokens.world();
        let customer = world.enrol("cs-1");
        world.grant(&customer, "cs-1", |_| ());
        let root = world.ledger.size_root();
        let backup: KeyringBackup = sealed_and_opened(&world.config);
        for (kind, count) in [(KeyringKind::Files, 0), (KeyringKind::Pkcs11(tokens.token("spare")), 2)] {
            world.config.keyring = kind.clone();
            world = world.reopen(|config| {
                std::fs::remove_dir_all(&config.keyring_dir).unwrap();
                backup.restore(&config.keyring_dir, &kind).unwrap();
            });
            assert_eq!(world.ledger.size_root(), root);
            assert!(matches!(world.decide(&world::facts("cs-1")), Decision::Permit(_)));
            assert_eq!(tokens.labels("spare").len(), count);
        }
        // a failed restore leaves nothing, neither a folder nor keys
        let full = world.folder.path().join("full");
        world::copy_folder(&world.config.keyring_dir, &full);
        backup.restore(&full, &world.config.keyring).unwrap_err();
        assert_eq!(tokens.labels("spare").len(), 2);
    });
}
