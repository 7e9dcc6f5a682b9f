//! The program as people and scripts meet it: exit status, messages, and that a refusal changes nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect shall fail there and then"
)]

mod audits;
mod bulk;
mod fixture;
mod kit;
mod lost_devices;
mod mandates;
mod people;
mod policies;
mod prove;
mod public;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_grantbook");
const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/scenario");

struct Place(tempfile::TempDir);

/// What a command came to.
struct Done {
    status: i32,
    out: String,
    err: String,
}

impl Done {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code().expect("not ended by a signal"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The last line of standard output.
    fn json(&self) -> Value {
        serde_json::from_str(self.out.lines().last().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }

    #[track_caller]
    fn ok(self) -> Self {
        self.is(0)
    }

    #[track_caller]
    fn is(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(self.0.path()).env_remove("GRANTBOOK_TOKEN").stdin(Stdio::null());
        command.args(line.split_whitespace().map(|word| word.replace('~', " ")));
        command
    }

    /// Runs a command; `~` stands for a space within a word.
    fn run(&self, line: &str) -> Done {
        Done::of(self.command(line).output().unwrap())
    }

    /// Every file and its bytes.
    fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn walk(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    into.insert(path.clone(), Vec::new());
                    walk(&path, into);
                } else {
                    into.insert(path.clone(), fs::read(&path).unwrap());
                }
            }
        }
        let mut content = BTreeMap::new();
        walk(self.0.path(), &mut content);
        content
    }

    fn scenario(&self, name: &str) -> PathBuf {
        self.write(name, fs::read(format!("{SCENARIO}/{name}")).unwrap())
    }

    /// A ledger with one enterprise, its template published, and a customer's key; gives the tenant.
    fn enterprise(&self) -> String {
        for name in ["template.json", "notice.en.json", "notice.zh-CN.json"] {
            self.scenario(name);
        }
        self.run("keygen --out acme.key.json").ok();
        self.run("keygen --out alice.key.json").ok();
        let made =
            self.run("tenant create --name Acme --enterprise-key acme.key.json --data-dir data --json").ok();
        let tenant = made.json()["tenant"]["id"].as_str().unwrap().to_owned();
        self.run(&format!(
            "template publish template.json --notice notice.en.json --notice notice.zh-CN.json \
             --enterprise-key acme.key.json --tenant {tenant} --data-dir data --out published.json"
        ))
        .ok();
        tenant
    }
}

const CHECK: &str = "check --sub alice-7 --recipient insurer --purpose insurance-underwriting \
                     --category fast-charging --field date --from 2025-07-01 --data-dir data";

#[test]
fn bad_input_is_refused_with_its_status_and_changes_nothing() {
    let place = Place::new();
    place.write("text", "no JSON\n");
    place.write("object", "{}");
    place.write("jwk", r#"{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}"#);
    place.write("large", vec![b' '; 5 * 1024 * 1024]);
    place.write("good.txt", "4 1 19970101 1 1.00\n");
    place.write("bad.txt", "4 1 19970101 1 1.00\n4 1 19970132 1 1.00\n4 1 x\n");
    place.write("empty.txt", "");
    place.scenario("template.json");
    place.scenario("terms.json");
    place.run("keygen --out key").ok();
    let uuid = "00000000-0000-4000-8000-000000000000";
    let jti = "01900000-0000-7000-8000-000000000000";
    let cases: &[(&str, i32, &str)] = &[
        ("nonsense", 2, "unrecognized subcommand"),
        ("--json", 2, "configuration"),
        ("serve --listen nowhere", 2, "invalid value"),
        ("serve --config absent.toml", 2, "absent.toml"),
        ("serve --config text", 2, "configuration"),
        ("demo now", 2, "unexpected argument"),
        ("keygen", 2, "--out"),
        ("keygen --out key", 2, "is there already"),
        ("keygen --out absent/key", 3, "absent"),
        ("tenant create --name A --enterprise-key key", 2, "expected --data-dir"),
        ("tenant create --name A --enterprise-key absent --data-dir new", 2, "no such file"),
        ("tenant create --name A --enterprise-key text --data-dir new", 2, "expected a JWK"),
        ("tenant list --data-dir absent", 2, "no such folder"),
        ("tenant list", 2, "expected --data-dir"),
        ("tenant show", 2, "expected --server"),
        ("tenant show --sandbox", 2, "no sandbox here"),
        ("tenant gate a/b --key key --data-dir absent", 2, "malformed gate"),
        ("tenant gate g --key absent --data-dir absent", 2, "no such file"),
        ("token create --data-dir absent", 2, "--label"),
        ("token create --label x --role king --data-dir absent", 2, "invalid value 'king'"),
        ("token create --label x --data-dir absent", 2, "no such folder"),
        ("token list --server ftp://x", 2, "expected http://"),
        ("token list --server http://127.0.0.1:9 --token é", 2, "malformed token"),
        ("token revoke ../x --server http://127.0.0.1:9", 2, "malformed token id"),
        ("token list --server http://127.0.0.1:9 --token t", 3, "no answer from the server"),
        ("template check absent", 2, "no such file"),
        ("template check text", 2, "text: expected"),
        ("template check object", 2, "missing field"),
        ("template check large", 2, "more than 4194304 bytes"),
        ("template check template.json --terms terms.json", 2, "missing field"),
        ("template publish template.json --server http://127.0.0.1:9", 2, "expected --enterprise-key"),
        ("template publish object --enterprise-key key --server http://127.0.0.1:9", 2, "missing field"),
        ("grant --server http://127.0.0.1:9", 2, "expected --key"),
        ("grant --key jwk --sub a --terms terms.json --server http://127.0.0.1:9", 2, "malformed key file"),
        ("grant --key key --server http://127.0.0.1:9", 2, "expected --sub"),
        ("grant --key key --sub a~b --server http://127.0.0.1:9", 2, "malformed data subject"),
        ("grant --key key --sub a --server http://127.0.0.1:9", 2, "expected --terms FILE or --published"),
        ("grant --key key --sub a --terms terms.json --server http://127.0.0.1:9", 2, "missing field"),
        ("grant --key key --sub a --uses 3", 2, "--published"),
        ("grant --key key --sub a --published object --price 1", 2, "expected an amount and a currency"),
        ("grant --key key --sub a --published object --data-dir absent", 2, "missing field"),
        ("withdraw --key key --data-dir absent", 2, "expected --receipt FILE, or --sub"),
        ("withdraw --key key --receipt object --data-dir absent", 2, "missing field"),
        ("withdraw --key key --sub a --grant x --data-dir absent", 2, "malformed jti"),
        ("withdraw --channel phone", 2, "--data-dir"),
        ("check --data-dir absent", 2, "expected --use FILE"),
        ("check --use object --data-dir absent", 2, "missing field"),
        ("check --sub a --data-dir absent", 2, "expected --from"),
        ("check --sub a --from 1997-02-29 --data-dir absent", 2, "expected a day"),
        ("check --use object --use-id ü --data-dir absent", 2, "malformed use id"),
        ("replay good.txt --data-dir new", 2, "--format"),
        ("replay good.txt --format csv --data-dir new", 2, "invalid value 'csv'"),
        ("replay good.txt --format cdnow", 2, "expected --data-dir"),
        ("replay absent --format cdnow --data-dir new", 2, "absent"),
        ("replay empty.txt --format cdnow --data-dir new", 2, "no purchases"),
        ("replay bad.txt --format cdnow --data-dir new", 2, "line 2: malformed date"),
        ("verify receipt", 2, "<FILE>"),
        ("verify receipt object", 2, "for the log's keys"),
        ("verify receipt object --vkey text", 2, "text"),
        ("verify receipt absent --vkey absent", 2, "no such file"),
        ("verify checkpoints text text", 2, "expected one of --log URL"),
        ("verify log", 2, "expected one of --log URL"),
        ("verify log --data-dir absent", 2, "no such folder"),
        ("verify log --log http://127.0.0.1:9", 3, "no answer from the server"),
        ("fsck", 2, "expected --data-dir"),
        ("fsck --data-dir absent", 2, "no such folder"),
    ];
    place.write("grantbook.toml", "nonsense = 1\n");
    let before = place.content();
    let in_process = format!("check --use object --data-dir absent --tenant {uuid} --use-id {jti}");
    for (line, status, message) in cases.iter().copied().chain([(in_process.as_str(), 2, "missing field")]) {
        let done = place.run(line);
        assert_eq!(done.status, status, "{line}: {} {}", done.out, done.err);
        assert!(done.err.contains(message), "{line}: expected {message:?} in {}", done.err);
        assert!(!done.err.contains("panicked"), "{line}: {}", done.err);
        assert_eq!(place.content(), before, "{line} changed something");
    }
    // for machines, a failure is a result too
    let failure = place.run("replay bad.txt --format cdnow --data-dir new --json").is(2).json();
    assert_eq!(failure["status"], 2);
    assert!(failure["error"].as_str().unwrap().contains("2 malformed rows"), "{failure}");
}

#[test]
fn every_command_teaches_by_example() {
    let place = Place::new();
    let groups = ["tenant create", "tenant list", "tenant show", "tenant gate", "token create", "token list"];
    let more = ["token revoke", "template check", "template publish", "verify receipt", "verify checkpoints"];
    let single =
        ["serve", "demo", "keygen", "grant", "withdraw", "check", "replay", "verify log", "fsck", "bench"];
    let keys = [
        "key enrol",
        "key add",
        "key rotate",
        "key revoke",
        "key recover",
        "guardian name",
        "signatories agree",
    ];
    let stored = ["backup", "restore", "migrate", "export", "import", "verify archive", "verify state"];
    for command in groups.iter().chain(&more).chain(&single).chain(&keys).chain(&stored) {
        let help = place.run(&format!("{command} --help")).ok();
        assert!(help.out.contains("Example") && help.out.contains("grantbook"), "{command}: {}", help.out);
    }
    let help = place.run("--help").ok();
    assert!(help.out.contains("Exit status: 0"), "{}", help.out);
}

#[test]
fn bench_says_what_is_missing_beside_it() {
    let place = Place::new();
    // by another process: what is forked meanwhile would hold a file open that is written here, which then does not run
    assert!(
        Command::new("cp")
            .args([PROGRAM.as_ref(), place.path("grantbook").as_path()])
            .status()
            .unwrap()
            .success()
    );
    let done =
        Done::of(Command::new(place.path("grantbook")).args(["bench", "append"]).output().unwrap()).is(3);
    assert!(done.err.contains("cargo build --release -p grantbook-bench"), "{}", done.err);
}

#[test]
fn key_files_are_private_and_never_replaced() {
    let place = Place::new();
    let made = place.run("keygen --out key --json").ok().json();
    assert_eq!(fs::metadata(place.path("key")).unwrap().permissions().mode() & 0o777, 0o600);
    let jwk: Value = serde_json::from_slice(&fs::read(place.path("key")).unwrap()).unwrap();
    assert_eq!(jwk.as_object().unwrap().len(), 4);
    assert_eq!(jwk["x"], made["public_key"]["x"]);
    let before = place.content();
    place.run("keygen --out key").is(2);
    assert_eq!(place.content(), before);
}

#[test]
fn a_grant_in_process_from_template_to_withdrawal() {
    let place = Place::new();
    let tenant = place.enterprise();
    let grant = format!(
        "grant --key alice.key.json --sub alice-7 --published published.json --from 2025-07-01 --to 2025-09-30 \
         --without work_order --uses 2 --price 0.80~CNY --tenant {tenant} --data-dir data --save grant.json"
    );
    // without the enterprise's word the key is nobody's
    let refused = place.run(&grant).is(1);
    assert!(refused.err.contains("unknown"), "{}", refused.err);
    let given = place.run(&format!("{grant} --enterprise-key acme.key.json --json")).ok().json();
    assert_eq!(given["enrolled"], true);

    let check = format!("{CHECK} --tenant {tenant}");
    let permit = place.run(&format!("{check} --save use.json --json")).ok().json();
    assert_eq!(permit["decision"], true);
    assert_eq!(permit["grant"], given["grant"]);
    for (changed, reason) in [
        ("--field work_order", "field"),
        ("--purpose marketing --sub", "no_grant"),
        ("--from 2025-10-01 --sub", "period"),
    ] {
        let line = match changed.strip_suffix(" --sub") {
            // the last word of a flag that may be given once
            Some(changed) => {
                let (flag, value) = changed.split_once(' ').unwrap();
                let old = check.split(flag).nth(1).unwrap().split_whitespace().next().unwrap();
                check.replace(&format!("{flag} {old}"), &format!("{flag} {value}"))
            }
            None => format!("{check} {changed}"),
        };
        let denial = place.run(&format!("{line} --json")).is(1).json();
        assert_eq!(denial["reason"], reason, "{line}");
    }
    place.run(&check).ok();
    assert_eq!(place.run(&format!("{check} --json")).is(1).json()["reason"], "cap");

    place.run("verify receipt grant.json use.json --data-dir data").ok();
    // another customer's key cannot withdraw it
    place.run("keygen --out mallory.key.json").ok();
    place.run("withdraw --key mallory.key.json --receipt grant.json --data-dir data").is(1);
    place.run("withdraw --key alice.key.json --receipt grant.json --data-dir data").ok();
    assert_eq!(place.run(&format!("{check} --json")).is(1).json()["reason"], "withdrawn");
    let again = place.run("withdraw --key alice.key.json --receipt grant.json --data-dir data").is(1);
    assert!(again.err.contains("grant has ended"), "{}", again.err);

    // a second grant, withdrawn by telephone
    let second = place.run(&format!("{grant} --json")).ok().json();
    assert_eq!(second["enrolled"], false);
    place.run("withdraw --channel phone --receipt grant.json --data-dir data").ok();
    let log = place.run("verify log --data-dir data --json").ok().json();
    let fsck = place.run("fsck --data-dir data --json").ok().json();
    assert_eq!(
        (&fsck["clean"], &fsck["entries"], &fsck["root"]),
        (&Value::Bool(true), &log["tree_size"], &log["root"])
    );
}

#[test]
fn tokens_and_gates_are_managed_in_process() {
    let place = Place::new();
    let tenant = place.enterprise();
    let at = format!("--tenant {tenant} --data-dir data");
    let made = place.run(&format!("token create --label pricing {at} --json")).ok().json();
    assert!(made["secret"].as_str().unwrap().starts_with("gbk_"));
    let id = made["token"]["id"].as_str().unwrap();
    let listed = place.run(&format!("token list {at} --json")).ok();
    assert!(listed.out.contains(id) && !listed.out.contains("gbk_"));
    place.run(&format!("token revoke {id} {at}")).ok();
    place.run(&format!("token revoke {id} {at}")).is(1);
    place.run("token list --tenant 00000000-0000-4000-8000-000000000000 --data-dir data").is(1);
    place.run(&format!("tenant gate till-1 --key alice.key.json {at}")).ok();
    place.run(&format!("tenant gate till-1 --key acme.key.json {at}")).is(2);
    let tenants = place.run("tenant list --data-dir data --json").ok().json();
    assert_eq!(tenants["tenants"][0]["gates"][0]["id"], "till-1");
    // the published template's version is taken, and a template beyond the vocabulary is told in full
    place.run(&format!("template publish template.json --enterprise-key acme.key.json {at}")).is(1);
    let template = fs::read_to_string(place.path("template.json")).unwrap();
    place.write(
        "wrong.json",
        template.replace("insurance-underwriting", "spying").replace("fast-charging\"", "moods\""),
    );
    let wrong = place.run("template check wrong.json --json").is(1).json();
    assert_eq!(wrong["problems"].as_array().unwrap().len(), 2, "{wrong}");
    place.run("template check template.json").ok();
}

/// Customers 1 to 15 by first appearance, of whom 7 and 14 withdraw; customer 1 has 12 purchases within the period.
fn purchases(header: bool) -> String {
    let row = |id: u32, day: &str| {
        let sample = if header { String::new() } else { format!("{id:04} ") };
        format!(" {id:05} {sample}{day}  1   10.00\r\n")
    };
    let mut text = if header { "id date quantity dollars\n".to_owned() } else { String::new() };
    for id in 1..=15 {
        text += &row(id, "19970105");
    }
    for day in 1..=11 {
        text += &row(1, &format!("199702{day:02}"));
    }
    for id in [7, 14, 2] {
        text += &row(id, "19970629");
        text += &row(id, "19970630");
        text += &row(id, "19971001");
    }
    text
}

fn without_time(mut summary: Value) -> Value {
    let members = summary.as_object_mut().unwrap();
    assert!(members.remove("seconds").unwrap().is_f64());
    members.remove("resumed_at");
    summary
}

#[test]
fn a_replay_counts_resumes_and_doubles_nothing() {
    let place = Place::new();
    place.write("a.txt", purchases(false));
    place.write("b.txt", purchases(true));
    let run = |line: &str| place.run(line).ok().json();
    let first = run("replay a.txt --format cdnow --data-dir a --receipts receipts --json");
    for (member, expected) in [
        ("customers", 15),
        ("grants", 15),
        ("withdrawals", 2),
        ("uses_permitted", 28),
        ("receipts_verified", 28),
        ("payout_minor_total", 28 * 80),
        ("flagged", 0),
        ("rows", 35),
        ("skipped_rows", 0),
        ("resumed_at", 0),
        // two notices, a template, a key and a grant each, two withdrawals, all uses
        ("tree_size", 3 + 30 + 2 + 35),
    ] {
        assert_eq!(first[member], expected, "{member}: {first}");
    }
    assert_eq!(first["uses_denied"], serde_json::json!({ "withdrawn": 4, "period": 1, "cap": 2 }));
    let second = run("replay a.txt --format cdnow --data-dir a --receipts again --json");
    assert_eq!(second["resumed_at"], 35);
    assert_eq!(without_time(first.clone()), without_time(second));

    // the other layout is the same story
    let other = run("replay b.txt --format cdnow --data-dir b --json");
    for member in ["customers", "withdrawals", "uses_permitted", "uses_denied", "tree_size"] {
        assert_eq!(other[member], first[member], "{member}");
    }
    // one folder, one file
    let refused = place.run("replay b.txt --format cdnow --data-dir a").is(2);
    assert!(refused.err.contains("another file"), "{}", refused.err);

    // malformed rows are passed over where that is asked for
    place.write("c.txt", format!("{}nonsense\n4 4 19970199 1 1\n", purchases(false)));
    let lenient = run("replay c.txt --format cdnow --data-dir c --lenient --json");
    assert_eq!((&lenient["rows"], &lenient["skipped_rows"]), (&Value::from(35), &Value::from(2)));
    assert_eq!(lenient["uses_denied"], first["uses_denied"]);

    for folder in ["receipts", "again"] {
        let files: Vec<String> = fs::read_dir(place.path(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "vkey")
            .map(|name| format!("{folder}/{name}"))
            .collect();
        assert_eq!(files.len(), 28);
        let verified = place.run(&format!("verify receipt {} --json", files.join(" "))).ok().json();
        assert_eq!(verified["invalid"], 0);
    }
    place.run("fsck --data-dir a").ok();
    place.run("verify log --data-dir a").ok();
    assert!(!place.path("a/replay.tmp").exists());
}

#[test]
fn a_receipt_with_a_changed_byte_is_invalid() {
    let place = Place::new();
    place.write("a.txt", "4 1 19970101 1 1.00\n");
    place.run("replay a.txt --format cdnow --data-dir a --receipts r").ok();
    let file =
        fs::read_dir(place.path("r")).unwrap().map(|e| e.unwrap().path()).find(|p| p.extension().is_some());
    let good = fs::read(file.unwrap()).unwrap();
    fs::create_dir(place.path("bad")).unwrap();
    fs::copy(place.path("r/vkey"), place.path("bad/vkey")).unwrap();
    let mut files = Vec::new();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 7);
        let name = format!("bad/{at}");
        place.write(&name, bytes);
        files.push(name);
    }
    let verified = place.run(&format!("verify receipt {} --json", files.join(" "))).is(1).json();
    let valid: Vec<&Value> =
        verified["receipts"].as_array().unwrap().iter().filter(|result| result["valid"] == true).collect();
    assert!(valid.is_empty(), "{valid:?}");
    assert_eq!(verified["invalid"], good.len());
}

/// A server that is stopped when the test is done with it.
struct Serving(Child);

impl Serving {
    fn start(place: &Place, line: &str) -> (Self, Value) {
        let mut child = place.command(line).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        (Self(child), serde_json::from_str(&first).unwrap())
    }

    fn stop(mut self) -> i32 {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.0.wait().unwrap().code().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[test]
fn the_sandbox_works_as_it_is_printed() {
    let place = Place::new();
    let (serving, said) = Serving::start(&place, "serve --listen 127.0.0.1:0 --json");
    let url = said["url"].as_str().unwrap().to_owned();
    assert_eq!(said["sandbox"], "grantbook-data.sandbox");
    let mode = fs::metadata(place.path("grantbook-data.sandbox")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // the folder is held
    let held = place.run("fsck --data-dir grantbook-data").is(3);
    assert!(held.err.contains("another process"), "{}", held.err);

    let log = format!("--log {url}");
    place.run("check --sandbox").is(1);
    let given = place.run("grant --sandbox --json").ok().json();
    place.run("check --sandbox --save receipt.json").ok();
    place.run("verify receipt receipt.json --sandbox").ok();
    place.run(&format!("verify receipt receipt.json {log}")).ok();
    let vkey = "grantbook-data.sandbox/vkey";
    place.run(&format!("verify receipt receipt.json --vkey {vkey}")).ok();

    let checkpoint = |name: &str| {
        let host = url.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        write!(stream, "GET /log/checkpoint HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        place.write(name, answer.split_once("\r\n\r\n").unwrap().1);
    };
    checkpoint("old");
    bulk::a_gate_of_the_sandbox_answers(&place);
    let withdrawn = place.run("withdraw --sandbox --json").ok().json();
    assert_eq!(withdrawn["grant"], given["grant"]);
    let denied = place.run("check --sandbox --json").is(1).json();
    assert_eq!(denied["reason"], "withdrawn");
    checkpoint("new");
    place.run("verify checkpoints old new --sandbox").ok();
    place.run("verify checkpoints old old --sandbox").ok();
    place.run("verify checkpoints new old --sandbox").is(1);
    place.run(&format!("verify checkpoints old new {log} --vkey {vkey}")).ok();
    let verified = place.run("verify log --sandbox --json").ok().json();
    assert_eq!(verified["valid"], true);

    let token = place.run("token create --label t --role service --sandbox --json").ok().json();
    place.run("token list --sandbox").ok();
    place.run("tenant show --sandbox").ok();
    place.run("keygen --out gate.key").ok();
    place.run("tenant gate till-1 --key gate.key --sandbox").ok();
    // a service's token does not manage tokens, and a wrong one does nothing
    let secret = token["secret"].as_str().unwrap();
    place.run(&format!("token list --server {url} --token {secret}")).is(1);
    place.run(&format!("token list --server {url} --token gbk_wrong")).is(1);
    place.run(&format!("token revoke {} --sandbox", token["token"]["id"].as_str().unwrap())).ok();
    assert_eq!(serving.stop(), 0);

    // another start: the same sandbox, the same log
    let (serving, _) = Serving::start(&place, "serve --listen 127.0.0.1:0 --json");
    let regranted = place.run("grant --sandbox --json").ok().json();
    assert_eq!(regranted["enrolled"], false);
    place.run("check --sandbox").ok();
    place.run("verify receipt receipt.json --sandbox").ok();
    assert_eq!(serving.stop(), 0);
    place.run("fsck --data-dir grantbook-data").ok();
}

#[test]
fn the_demo_tells_its_story() {
    let place = Place::new();
    let told = place.run("demo --json").ok().json();
    let steps = told["steps"].as_array().unwrap();
    assert!(steps.len() >= 10, "{told}");
    assert_eq!(steps.last().unwrap()["facts"]["valid"], true);
    assert!(place.content().is_empty(), "it leaves nothing in the current folder");
    assert!(place.run("demo").ok().out.contains("Done in"));
}
