//! System calls that fail, by `strace -e inject`, and a full disk.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use grantbook_tests::Tally;

use super::told;
use crate::crash::Ledger;
use crate::replay::program::{Done, Place, skip};
use crate::replay::purchases::{counts, expected, purchases, with_sample_id};

const JOURNAL: &str = "data/epochs/1/journal/00000000000000000000.log";
const LONG: Duration = Duration::from_secs(600);

/// A fault, the call that fails, on which file if on a certain one, how, and at which of its calls.
struct Case {
    name: &'static str,
    call: &'static str,
    file: Option<&'static str>,
    error: &'static str,
    at: &'static [u32],
}

const fn case(
    name: &'static str,
    call: &'static str,
    file: Option<&'static str>,
    error: &'static str,
    at: &'static [u32],
) -> Case {
    Case { name, call, file, error, at }
}

const CASES: &[Case] = &[
    case("write to the journal fails", "write", Some(JOURNAL), "EIO", &[1, 9]),
    case("journal: no space left", "write", Some(JOURNAL), "ENOSPC", &[4]),
    case("sync of the journal fails", "fdatasync", Some(JOURNAL), "EIO", &[1, 6]),
    case("write to the anchor fails", "write", Some("data.anchor"), "EIO", &[1, 5]),
    case("sync of the anchor fails", "fdatasync", Some("data.anchor"), "EIO", &[3]),
    case("rename fails", "rename", None, "EIO", &[1, 2, 3, 5, 6, 8]),
    case("sync of a folder or file fails", "fsync", None, "EIO", &[1, 3, 5, 8, 11]),
    case("sync of a new file fails", "fdatasync", Some("data/vault/000.tmp"), "EIO", &[1]),
    case("a new file cannot be opened", "openat", Some("data/entries/000.tmp"), "EMFILE", &[1]),
    case("write to a new file fails", "write", Some("data/tile/0/000.tmp"), "ENOSPC", &[1]),
    case("a folder cannot be made", "mkdir", None, "ENOSPC", &[1, 3, 5, 7]),
    case("write to the state fails", "pwrite64", None, "EIO", &[1, 3]),
    case("a torn journal cannot be cut", "ftruncate", Some(JOURNAL), "EIO", &[1]),
];

/// The same command under `strace`, which makes one call fail.
fn injected(command: &Command, case: &Case, at: u32, place: &Place) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null"]);
    if let Some(file) = case.file {
        // by the name that is opened, and by the file that is written
        traced.args(["-P", file]).arg("-P").arg(place.path(file));
    }
    traced.args(["-e", &format!("trace={}", case.call)]);
    traced.args(["-e", &format!("inject={}:error={}:when={at}", case.call, case.error)]);
    traced.arg(command.get_program()).args(command.get_args());
    place.settle(&mut traced);
    traced
}

/// Whatever came before, the ledger is whole, and a run without faults finishes it.
fn finish(ledger: &mut Ledger, wanted: &serde_json::Value, what: &str) {
    let done = ledger.run(LONG).expect("it ends by itself").ok();
    assert_eq!(counts(&done.json()), *wanted, "{what}");
    ledger.check();
    ledger.place.run("fsck --data-dir data --json").ok();
}

#[test]
fn a_failing_system_call_loses_nothing_acknowledged() {
    if Command::new("strace").arg("-V").output().is_err() {
        return skip("a_failing_system_call_loses_nothing_acknowledged", "strace is not installed");
    }
    let rows = purchases(30, 500, 9);
    let (text, wanted) = (with_sample_id(&rows), expected(&rows));
    let mut tally = Tally::new("calls");
    for case in CASES {
        let mut struck = 0;
        for at in case.at {
            let mut ledger = Ledger::new(&text);
            if case.call == "ftruncate" {
                tear(&mut ledger);
            }
            let command = ledger.command();
            let mut command = injected(&command, case, *at, &ledger.place);
            let done = Done::of(command.stdin(Stdio::null()).output().expect("strace starts"));
            let what = format!("{} at {at}: {done:?}", case.name);
            let said = told(&done, &ledger.place.path("x").with_file_name(""));
            match done.status {
                // fewer such calls than that were made, or one that nothing rests on
                Some(0) => tally.count(case.name, "goes on", 1, ""),
                Some(3) => {
                    struck += 1;
                    let error = if case.error == "EIO" { "Input/output error" } else { "" };
                    assert!(said.starts_with("grantbook: ") && said.contains(error), "{what}");
                    tally.count(case.name, "ends with status 3; nothing lost", 1, &said);
                }
                _ => panic!("{what}"),
            }
            finish(&mut ledger, &wanted, &what);
        }
        assert!(struck > 0 || case.call == "pwrite64", "{}: never struck", case.name);
    }
    tally.write();
}

/// Kills a run within its rows, and leaves half a frame behind the journal's last one.
fn tear(ledger: &mut Ledger) {
    let journal = ledger.place.path(JOURNAL);
    let mut life = Duration::from_millis(150);
    while fs::metadata(&journal).map_or(0, |file| file.len()) < 20_000 {
        assert!(ledger.run(life).is_none(), "it ended before it was killed");
        life += Duration::from_millis(20);
    }
    let mut bytes = fs::read(&journal).expect("a journal");
    bytes.extend_from_slice(b"GBJ1\0\0\x10\0 half a frame");
    fs::write(&journal, bytes).expect("a file of ours");
}

/// A small disk of its own, unmounted with the value.
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn new(place: PathBuf, options: &str) -> Option<Self> {
        fs::create_dir_all(&place).expect("a folder of ours");
        let mounted = mount(&["-t", "tmpfs", "-o", options, "tmpfs"], &place);
        mounted.then_some(Self(place))
    }
}

pub(crate) fn mount(arguments: &[&str], place: &PathBuf) -> bool {
    let done = Command::new("mount").args(arguments).arg(place).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_loses_nothing_acknowledged() {
    let rows = purchases(30, 700, 3);
    let (text, wanted) = (with_sample_id(&rows), expected(&rows));
    let mut tally = Tally::new("full");
    for kib in [300, 700, 1000, 1200] {
        let mut ledger = Ledger::new(&text);
        let data = ledger.place.path("data");
        let Some(disk) = Mount::new(data.clone(), &format!("size={kib}k,mode=700")) else {
            return skip("a_full_disk_loses_nothing_acknowledged", "mounting takes root");
        };
        let done = ledger.run(LONG).expect("it ends by itself");
        let said = told(&done, &data.with_file_name(""));
        match done.status {
            Some(3) => tally.count(
                "the disk is full, writes cut short",
                "ends with status 3; nothing lost",
                1,
                &said,
            ),
            Some(0) => tally.count("the disk is full, writes cut short", "was large enough", 1, ""),
            _ => panic!("{kib}: {done:?}"),
        }
        // the journal says so by its number, sled by the word that goes with it
        let is_full = said.contains("os error 28") || said.contains("StorageFull");
        assert!(kib > 700 || is_full, "{kib}: {done:?}");
        assert!(mount(&["-o", "remount,size=200m"], &data), "a larger disk");
        finish(&mut ledger, &wanted, &format!("{kib}"));
        drop(disk);
    }
    tally.write();
}
