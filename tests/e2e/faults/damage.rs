//! Files that are damaged, missing or of another day, in the folder of a finished ledger.

use std::fs;
use std::path::Path;
use std::time::Duration;

use grantbook_tests::Tally;

use super::told;
use crate::crash::Ledger;
use crate::replay::program::Place;
use crate::replay::purchases::{counts, expected, purchases, with_sample_id};

const JOURNAL: &str = "data/epochs/1/journal/00000000000000000000.log";

/// What comes of a start and of a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Comes {
    /// It opens, and everything is there.
    Whole,
    /// It does not open; the message has this in it.
    Refused(&'static str),
    /// The check finds it, or it does not open.
    Found,
    /// It opens whole, or is refused or found: what matters is that it is never taken as it is.
    FoundOrWhole,
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("a file of the ledger");
    let length = bytes.len();
    bytes[at % length] ^= 0x10;
    fs::write(path, bytes).expect("a file of ours");
}

fn cut(path: &Path, by: u64) {
    let length = fs::metadata(path).expect("a file of the ledger").len();
    let file = fs::File::options().write(true).open(path).expect("a file of ours");
    file.set_len(length.saturating_sub(by)).expect("a file of ours");
}

fn middle(path: &Path) -> usize {
    usize::try_from(fs::metadata(path).expect("a file").len() / 2).expect("small")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder of ours");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(path, target).expect("a copy");
        }
    }
}

/// Every file below a folder, damaged.
fn each(folder: &Path, damage: &dyn Fn(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            each(&entry, damage);
        } else {
            damage(&entry);
        }
    }
}

type Damage = fn(&Place);

const CASES: &[(&str, Damage, Comes)] = &[
    (
        "bit flip within the journal",
        |p| flip(&p.path(JOURNAL), middle(&p.path(JOURNAL))),
        Comes::Refused("journal"),
    ),
    (
        "bit flip in the journal's last frame",
        |p| flip(&p.path(JOURNAL), middle(&p.path(JOURNAL)) * 2 - 40),
        Comes::Refused("rolled back"),
    ),
    ("journal cut short", |p| cut(&p.path(JOURNAL), 100), Comes::Refused("rolled back")),
    ("journal missing", |p| fs::remove_file(p.path(JOURNAL)).expect("a file"), Comes::Refused("journal")),
    ("journal empty", |p| cut(&p.path(JOURNAL), u64::MAX), Comes::Refused("journal")),
    ("bit flip in a bundle", |p| flip(&p.path("data/entries/000"), 5000), Comes::Found),
    ("bundle cut short", |p| cut(&p.path("data/entries/000"), 100), Comes::Found),
    ("bundle missing", |p| fs::remove_file(p.path("data/entries/000")).expect("a file"), Comes::FoundOrWhole),
    ("bit flip in a vault bundle", |p| flip(&p.path("data/vault/000"), 5000), Comes::Found),
    ("vault bundle cut short", |p| cut(&p.path("data/vault/000"), 100), Comes::Found),
    ("vault bundle missing", |p| fs::remove_file(p.path("data/vault/000")).expect("a file"), Comes::Found),
    ("bit flip in the owners of a bundle", |p| flip(&p.path("data/epochs/1/owners/000"), 50), Comes::Found),
    (
        "owners of a bundle missing",
        |p| fs::remove_file(p.path("data/epochs/1/owners/000")).expect("a file"),
        Comes::Found,
    ),
    ("bit flip in a tile", |p| flip(&p.path("data/tile/0/000"), 50), Comes::Found),
    ("tile cut short", |p| cut(&p.path("data/tile/0/000"), 32), Comes::Found),
    ("tile missing", |p| fs::remove_file(p.path("data/tile/0/000")).expect("a file"), Comes::Found),
    ("bit flip in one slot of the anchor", |p| flip(&p.path("data.anchor"), 20), Comes::Whole),
    (
        "bit flips in both slots of the anchor",
        |p| [20, 4116].into_iter().for_each(|at| flip(&p.path("data.anchor"), at)),
        Comes::Refused("data.anchor"),
    ),
    (
        "anchor missing",
        |p| fs::remove_file(p.path("data.anchor")).expect("a file"),
        Comes::Refused("anchor is missing"),
    ),
    ("anchor cut short", |p| cut(&p.path("data.anchor"), 5000), Comes::Refused("data.anchor")),
    (
        "keyring missing",
        |p| fs::remove_dir_all(p.path("data.keyring")).expect("a folder"),
        Comes::Refused("keyring.json is missing"),
    ),
    (
        "keyring cut short",
        |p| cut(&p.path("data.keyring/keyring.json"), 40),
        Comes::Refused("keyring.json is damaged"),
    ),
    (
        "data folder missing",
        |p| {
            fs::remove_dir_all(p.path("data")).expect("a folder");
        },
        Comes::Refused("rolled back"),
    ),
    ("state missing", |p| fs::remove_dir_all(p.path("data/epochs/1/state")).expect("a folder"), Comes::Whole),
    (
        "state cut short",
        |p| {
            each(&p.path("data/epochs/1/state"), &|file| {
                cut(file, fs::metadata(file).expect("a file").len() / 2);
            });
        },
        Comes::Whole,
    ),
    (
        "state filled with garbage",
        |p| {
            each(&p.path("data/epochs/1/state"), &|file| {
                let length = usize::try_from(fs::metadata(file).expect("a file").len()).expect("small");
                fs::write(file, vec![0xA5; length]).expect("a file");
            });
        },
        Comes::Whole,
    ),
    (
        "state is a file",
        |p| {
            fs::remove_dir_all(p.path("data/epochs/1/state")).expect("a folder");
            fs::write(p.path("data/epochs/1/state"), b"no folder").expect("a file");
        },
        Comes::Whole,
    ),
];

#[test]
fn a_damaged_folder_is_made_good_or_found_out() {
    let rows = purchases(30, 700, 5);
    let (text, wanted) = (with_sample_id(&rows), expected(&rows));
    let mut whole = Ledger::new(&text);
    assert_eq!(counts(&whole.run(Duration::from_secs(600)).expect("it ends").ok().json()), wanted);
    let root = whole.place.path("x").with_file_name("");
    let mut tally = Tally::new("damage");
    let mut wrong = Vec::new();
    for (name, damage, comes) in CASES {
        let place = Place::new();
        copy(&root, &place.path("x").with_file_name(""));
        damage(&place);
        let line = "replay purchases.txt --format cdnow --data-dir data --json --receipts again";
        let started = place.run(line);
        let opened = started.status == Some(0) && counts(&started.json()) == wanted;
        let checked = place.run("fsck --data-dir data --json");
        let clean = checked.status == Some(0);
        let folder = place.path("x").with_file_name("");
        let mut said = told(&started, &folder);
        if said.is_empty() && !clean {
            let finding = checked.json()["findings"][0].as_str().unwrap_or_default().to_owned();
            said = finding.replace(&format!("{}/", folder.display()), "");
        }
        let (right, result) = match comes {
            Comes::Whole => (opened && clean, "starts; everything is there"),
            Comes::Refused(words) => {
                (started.status == Some(3) && said.contains(words), "the start refuses, with status 3")
            }
            Comes::Found if started.status == Some(3) => (true, "the start refuses, with status 3"),
            Comes::Found => (!clean, "starts; `fsck` finds it"),
            Comes::FoundOrWhole if opened && clean => (true, "starts; made again from the journal"),
            Comes::FoundOrWhole => (started.status == Some(3) || !clean, "found"),
        };
        if !right {
            wrong.push(format!("{name}: {comes:?}\n{started:?}\n{checked:?}"));
        }
        tally.count(name, result, 1, if *comes == Comes::Whole { "" } else { &said });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    tally.write();
}

/// An old copy of the data folder, put in place of the present one.
#[test]
fn a_rolled_back_folder_refuses_to_start() {
    let rows = purchases(20, 300, 6);
    let text = with_sample_id(&rows);
    let mut ledger = Ledger::new(&text);
    let mut life = Duration::from_millis(150);
    while fs::metadata(ledger.place.path(JOURNAL)).map_or(0, |file| file.len()) < 10_000 {
        assert!(ledger.run(life).is_none(), "it ended before it was killed");
        life += Duration::from_millis(20);
    }
    let old = ledger.place.path("old");
    copy(&ledger.place.path("data"), &old);
    ledger.run(Duration::from_secs(600)).expect("it ends").ok();
    fs::remove_dir_all(ledger.place.path("data")).expect("a folder");
    fs::rename(&old, ledger.place.path("data")).expect("a folder");
    let done = ledger.run(Duration::from_secs(600)).expect("it ends").is(3);
    let said = told(&done, &ledger.place.path("x").with_file_name(""));
    assert!(said.contains("rolled back"), "{done:?}");
    let mut tally = Tally::new("rolled-back");
    tally.count("folder rolled back", "the start refuses, with status 3", 1, &said);
    tally.write();
}
