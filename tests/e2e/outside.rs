//! Readers that know nothing of Grantbook accept its log, and refuse it with one byte changed: Go's own transparency log
//! packages, and aics-tlog from PyPI. Their programs are in `tests/outside`.

mod proxy;
mod schemathesis;
mod symbolic;
mod wapiti;

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::replay::program::{Done, Place, Served, outside_tools, skip, workspace};
use crate::replay::purchases::{purchases, with_sample_id};
use proxy::{Change, Proxy};

/// Where Debian puts Go's packages.
const GO_PATH: &str = "/usr/share/gocode";

/// A program that reads a log: `command(address of /log, file of keys, file of an earlier checkpoint)`.
struct Reader {
    name: &'static str,
    /// `None` where its tool is not installed.
    command: fn(&str, &PathBuf, &PathBuf) -> Option<Command>,
}

const GO: Reader = Reader { name: "Go's x/mod/sumdb", command: go };
const AICS_TLOG: Reader = Reader { name: "aics-tlog", command: aics_tlog };

fn go(log: &str, keys: &PathBuf, old: &PathBuf) -> Option<Command> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = BUILT.get_or_init(build_go).as_ref()?;
    let mut command = Command::new(program);
    command.args(["-log", log, "-vkey"]).arg(keys).arg("-old").arg(old);
    Some(command)
}

fn build_go() -> Option<PathBuf> {
    let packages = PathBuf::from(GO_PATH).join("src/golang.org/x/mod/sumdb/tlog");
    if !packages.is_dir() || Command::new("go").arg("version").output().is_err() {
        return None;
    }
    let program = outside_tools().join("readlog");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(workspace().join("tests/outside/go"))
        .envs([("GO111MODULE", "off"), ("GOPATH", GO_PATH), ("GOTOOLCHAIN", "local"), ("GOFLAGS", "")])
        .env("GOCACHE", outside_tools().join("go-cache"))
        .output()
        .map(Done::of)
        .expect("go starts");
    built.ok();
    Some(program)
}

fn aics_tlog(log: &str, keys: &PathBuf, old: &PathBuf) -> Option<Command> {
    let python = outside_tools().join("python/bin/python");
    let there =
        Command::new(&python).args(["-c", "import aics_tlog"]).output().is_ok_and(|o| o.status.success());
    if !there {
        return None;
    }
    let mut command = Command::new(python);
    command.arg(workspace().join("tests/outside/python/read_log.py")).arg(log).arg(keys).arg(old);
    Some(command)
}

impl Reader {
    /// What it says of the log at `url`; `None` where it is not installed.
    fn read(&self, place: &Place, url: &str) -> Option<Done> {
        let mut command = (self.command)(&format!("{url}/log"), &place.path("vkey"), &place.path("old"))?;
        place.settle(&mut command);
        Some(Done::of(command.output().expect("the reader starts")))
    }
}

/// A served log of more than two full tiles, with an earlier checkpoint of it in the file `old` and its keys in `vkey`.
fn served_log(place: &Place, data: &str) -> Served {
    let served = place.serve(data);
    place.write("vkey", served.get("/log/vkey"));
    place.write("old", served.get("/log/checkpoint"));
    for _ in 0..3 {
        place.run(&format!("grant --sandbox={} --json", served.sandbox)).ok();
    }
    served
}

fn size_of(checkpoint: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(checkpoint);
    text.lines().nth(1).and_then(|line| line.parse().ok()).expect("a tree size")
}

/// Reads the log with `reader`, which must accept it. `None` where it is not installed.
fn reads(reader: &Reader, place: &Place, served: &Served) -> Option<Value> {
    let (old, new) = (std::fs::read(place.path("old")).expect("a checkpoint"), served.get("/log/checkpoint"));
    let (old, new) = (size_of(&old), size_of(&new));
    assert!(old > 600 && new > old, "{old} and {new} entries");
    let report = reader.read(place, &served.url)?.ok().json();
    let name = reader.name;
    assert_eq!(report["valid"], json!(true), "{name}: {report}");
    assert_eq!(report["tree_size"], json!(new), "{name}: {report}");
    assert_eq!(report["old_tree_size"], json!(old), "{name}: {report}");
    Some(report)
}

/// Reads the log with a byte changed here and there, which `reader` must refuse.
fn refuses(reader: &Reader, place: &Place, served: &Served, report: &Value) {
    let name = reader.name;
    let read = |url: &str| reader.read(place, url).expect("it is installed");
    // the proxy itself does no harm
    let honest = Proxy::start(&served.url, |_, _| false);
    assert_eq!(read(&honest.url).ok().json(), *report, "{name}");
    for (what, change) in CHANGES {
        let proxy = Proxy::start(&served.url, *change);
        let done = read(&proxy.url);
        assert!(proxy.changed() > 0, "{name}, {what}: the changed byte was not even asked for");
        let report = done.is(1).json();
        assert_eq!(report["valid"], json!(false), "{name}, {what}: {report}");
    }
}

/// One byte that is changed: what, and how.
const CHANGES: &[(&str, Change)] = &[
    ("root in the checkpoint", |path, body| {
        path == "/log/checkpoint" && flip(body, after(body, b'\n', 2) + 5)
    }),
    ("signature in the checkpoint", |path, body| {
        path == "/log/checkpoint"
            && flip(body, after(body, b'\n', 4) + after(&body[after(body, b'\n', 4)..], b' ', 2) + 20)
    }),
    ("entry in a full bundle", |path, body| path == "/log/tile/entries/000" && flip(body, body.len() / 2)),
    ("entry in the last bundle", |path, body| {
        path.starts_with("/log/tile/entries/") && path.contains(".p/") && flip(body, body.len() - 1)
    }),
    ("hash of a leaf", |path, body| path == "/log/tile/0/001" && flip(body, 77)),
    ("hash of a node", |path, body| path.starts_with("/log/tile/1/000") && flip(body, 33)),
];

/// Where the text after the `count`-th `byte` begins.
fn after(body: &[u8], byte: u8, count: usize) -> usize {
    body.iter().enumerate().filter(|(_, b)| **b == byte).nth(count - 1).expect("as many").0 + 1
}

/// Changes a byte; where it is a letter of base64 it stays one.
fn flip(body: &mut [u8], at: usize) -> bool {
    body[at] = match body[at] {
        letter @ b'a'..=b'z' => letter.to_ascii_uppercase(),
        letter @ b'A'..=b'Z' => letter.to_ascii_lowercase(),
        b'9' => b'0',
        digit @ b'0'..=b'8' => digit + 1,
        other => other ^ 1,
    };
    true
}

fn test(name: &str, reader: &Reader) {
    let place = Place::new();
    // asked first: without the reader there is no need of a log
    if (reader.command)("", &place.path("vkey"), &place.path("old")).is_none() {
        return skip(name, &format!("{} is not installed, ./check does so", reader.name));
    }
    let file = place.write("purchases.txt", with_sample_id(&purchases(150, 310, 5)));
    let command = place.command("replay --format cdnow --data-dir data --json").arg(file).output();
    Done::of(command.expect("the program starts")).ok();
    let served = served_log(&place, "data");
    let report = reads(reader, &place, &served).expect("it is installed");
    refuses(reader, &place, &served, &report);
}

/// All readers that are installed read the log of `data`.
pub(crate) fn read_by_all(place: &Place) {
    let served = served_log(place, "data");
    for reader in [GO, AICS_TLOG] {
        reads(&reader, place, &served);
    }
}

#[test]
fn go_verifies_every_entry_and_refuses_a_changed_byte() {
    test("go_verifies_every_entry_and_refuses_a_changed_byte", &GO);
}

#[test]
fn aics_tlog_verifies_the_log_and_refuses_a_changed_byte() {
    test("aics_tlog_verifies_the_log_and_refuses_a_changed_byte", &AICS_TLOG);
}

#[test]
fn an_audits_draw_is_that_of_a_reader_of_its_page_alone() {
    let root = workspace();
    let script = root.join("tests/outside/python/audit_draw.py");
    match Command::new("python3").arg(script).arg(root.join("tests/vectors/audit.json")).output() {
        Ok(output) => assert_eq!(Done::of(output).ok().json()["different"], json!([])),
        Err(error) => skip("an_audits_draw_is_that_of_a_reader_of_its_page_alone", &error.to_string()),
    }
}
