//! Witnesses: what is published has a quorum, receipts become witnessed, and no second history of a log gets through,
//! whoever keeps the witness. The stories are told with two witnesses that nobody here wrote, and with ours.

pub(crate) mod others;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use grantbook_tlog::{Checkpoint, LogKeys, Policy};
use serde_json::{Value, json};

use crate::replay::program::{Done, Place, Served, outside_tools, skip, workspace};
use others::{Kind, Witness, wait};

/// A log whose keys are made, in `data`, with its witnesses running and `all` of them in the policy's quorum.
struct Stage {
    place: Place,
    keys: LogKeys,
    witnesses: Vec<Witness>,
}

impl Stage {
    fn new(kinds: &[Kind]) -> Self {
        let place = Place::new();
        let served = place.serve("data");
        let vkey = String::from_utf8(served.get("/log/vkey")).expect("text");
        drop(served);
        place.write("vkey", &vkey);
        let log = vkey.lines().next().expect("the log's key").to_owned();
        let witnesses: Vec<Witness> = (1..)
            .zip(kinds)
            .map(|(number, kind)| Witness::start(&place, *kind, &format!("w{number}"), &log))
            .collect();
        let names: Vec<&str> = witnesses.iter().map(|witness| witness.name.as_str()).collect();
        let lines: String = witnesses.iter().map(Witness::policy_line).collect();
        place.write("policy", format!("log {log}\n{lines}group all all {}\nquorum all\n", names.join(" ")));
        let stage = Self { place, keys: LogKeys::parse(&vkey).expect("keys"), witnesses };
        stage.configure(0);
        stage
    }

    fn configure(&self, fail_open_after_ms: u64) {
        let text = format!(
            "[witness]\npolicy = \"policy\"\ninterval_ms = 50\ntimeout_ms = 3000\nfail_open_after_ms = {fail_open_after_ms}\n"
        );
        self.place.write("witness.toml", text);
    }

    fn line(data: &str) -> String {
        format!("serve --config witness.toml --listen 127.0.0.1:0 --data-dir {data} --json")
    }

    fn serve(&self, data: &str) -> Served {
        Served::start(self.place.command(&Self::line(data)))
    }

    fn grant(&self, served: &Served) {
        self.place.run(&format!("grant --sandbox={} --json", served.sandbox)).ok();
    }

    /// Cosigners of the published checkpoint, and its size.
    fn published(&self, served: &Served) -> Option<(u64, Vec<String>, bool)> {
        let mut answer = ureq::get(format!("{}/log/checkpoint", served.url)).call().ok()?;
        let note = answer.body_mut().read_to_vec().expect("a body");
        let demands = grantbook_tlog::Demands {
            policy: Some(
                Policy::parse(&fs::read(self.place.path("policy")).expect("a file")).expect("a policy"),
            ),
            post_quantum: true,
        };
        let vouched = demands.verify(&self.keys, &note).expect("the log's signatures");
        let by = vouched.cosigned.by.into_iter().map(|(name, _)| name).collect();
        Some((vouched.checkpoint.size().0, by, vouched.cosigned.quorum))
    }

    /// Waits until all entries there are now are under a checkpoint of the quorum; gives its size.
    fn witnessed(&self, served: &Served) -> u64 {
        let metric = metric(served, "grantbook_tree_size");
        wait("the quorum", || {
            self.published(served).is_some_and(|(size, _, quorum)| quorum && size >= metric)
        });
        metric
    }
}

fn metric(served: &Served, name: &str) -> u64 {
    let text = String::from_utf8(served.get("/metrics")).expect("text");
    let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

/// The receipt of an entry, asked for again.
fn receipt(place: &Place, served: &Served, leaf: u64, file: &str) {
    let sandbox: Value = serde_json::from_slice(
        &fs::read(Path::new(&place.path(&served.sandbox)).join("sandbox.json")).expect("it"),
    )
    .expect("JSON");
    let token = sandbox["token"].as_str().expect("a token");
    let mut answer = ureq::get(format!("{}/v1/receipts/{leaf}", served.url))
        .header("authorization", format!("Bearer {token}"))
        .call()
        .expect("a receipt");
    place.write(file, answer.body_mut().read_to_vec().expect("a body"));
}

fn trust(place: &Place, file: &str, flags: &str) -> String {
    let done = place.run(&format!("verify receipt {file} --vkey vkey {flags} --json")).ok().json();
    done["receipts"][0]["trust"].as_str().expect("a word").to_owned()
}

/// Signed at once, witnessed soon; closed without a quorum, open only where that is configured, and counted.
fn receipts_become_witnessed(kinds: [Kind; 2]) {
    let mut stage = Stage::new(&kinds);
    let served = stage.serve("data");
    stage.grant(&served);
    let done =
        stage.place.run(&format!("check --sandbox={} --save receipt.json --json", served.sandbox)).ok();
    let leaf = done.json()["leaf_index"].as_u64().expect("a leaf index");
    assert_eq!(trust(&stage.place, "receipt.json", "--policy policy"), "signed");
    stage.place.run("verify receipt receipt.json --vkey vkey --policy policy --witnessed").is(1);

    let size = stage.witnessed(&served);
    receipt(&stage.place, &served, leaf, "receipt.json");
    assert_eq!(trust(&stage.place, "receipt.json", "--policy policy --witnessed"), "witnessed");
    assert_eq!(
        trust(&stage.place, "receipt.json", "--policy policy --post-quantum-from 2020-01-01"),
        "witnessed"
    );
    assert_eq!(trust(&stage.place, "receipt.json", ""), "signed");
    let url = served.url.clone();
    let log = format!("--log {url} --vkey vkey --policy policy");
    let verify = format!("verify log {log} --witnessed --post-quantum-from 2020-01-01 --json");
    assert_eq!(stage.place.run(&verify).ok().json()["time_by"], "witnesses");
    let verify = format!("verify log --log {url} --vkey vkey --json");
    assert_eq!(stage.place.run(&verify).ok().json()["time_by"], "operator's clock");
    stage.place.run(&format!("monitor {log} --state seen --once")).ok();

    // one is down: what was witnessed stays, what comes is signed, and nothing without a quorum is published
    stage.witnesses[0].stop();
    stage.grant(&served);
    let name = stage.witnesses[1].name.clone();
    let label = format!("grantbook_witness_answers_total{{witness=\"{name}\",outcome=\"cosigned\"}}");
    let answers = || String::from_utf8(served.get("/metrics")).expect("text").matches(&label).count();
    wait("the other's answer", || answers() > 0);
    std::thread::sleep(Duration::from_millis(700));
    let (published, by, _) = stage.published(&served).expect("the last one");
    assert_eq!((published, by.len()), (size, 2), "published without its quorum");
    assert_eq!(metric(&served, "grantbook_unwitnessed_checkpoints_total"), 0);
    receipt(&stage.place, &served, size, "new.json");
    assert_eq!(trust(&stage.place, "new.json", "--policy policy"), "signed");
    receipt(&stage.place, &served, leaf, "old.json");
    assert_eq!(trust(&stage.place, "old.json", "--policy policy"), "witnessed");
    // a restart without the witness comes up with what was witnessed
    drop(served);
    let served = stage.serve("data");
    assert_eq!(stage.published(&served).expect("the last one").0, size);
    // back again, it catches up
    stage.witnesses[0].restart(&stage.place);
    assert!(stage.witnessed(&served) > size);
    drop(served);

    stage.witnesses[0].stop();
    stage.configure(300);
    let served = stage.serve("data");
    stage.grant(&served);
    let grown = metric(&served, "grantbook_tree_size");
    wait("the checkpoint without a quorum", || {
        stage.published(&served).is_some_and(|(size, _, quorum)| size == grown && !quorum)
    });
    assert!(metric(&served, "grantbook_unwitnessed_checkpoints_total") >= 1);
    let log = format!("--log {} --vkey vkey --policy policy", served.url);
    let alarm = stage.place.run(&format!("monitor {log} --state seen --once --json")).is(1).json();
    assert_eq!(alarm["alarm"], json!("quorum"), "{alarm}");
}

fn needs(test: &str, kinds: &[Kind]) -> bool {
    let missing: Vec<&str> = kinds.iter().filter(|kind| !kind.is_there()).map(|kind| kind.name()).collect();
    if !missing.is_empty() {
        skip(test, &format!("{} is not installed, ./check does so", missing.join(" and ")));
    }
    missing.is_empty()
}

#[test]
fn witnesses_of_others_make_receipts_witnessed() {
    let kinds = [Kind::Aics, Kind::Lite];
    if needs("witnesses_of_others_make_receipts_witnessed", &kinds) {
        receipts_become_witnessed(kinds);
    }
}

#[test]
fn our_witnesses_make_receipts_witnessed() {
    receipts_become_witnessed([Kind::Ours, Kind::Ours]);
}

/// Copies a ledger: data, keys, anchor and sandbox.
fn copy_ledger(place: &Place, from: &str, to: &str) {
    fn copy(from: &Path, to: &Path) {
        if from.is_dir() {
            fs::create_dir_all(to).expect("a folder");
            for entry in fs::read_dir(from).expect("a folder") {
                let entry = entry.expect("an entry");
                copy(&entry.path(), &to.join(entry.file_name()));
            }
        } else {
            fs::copy(from, to).expect("a file");
        }
    }
    for suffix in ["", ".keyring", ".anchor", ".sandbox"] {
        let to = place.path(&format!("{to}{suffix}"));
        let _ = fs::remove_dir_all(&to);
        copy(&place.path(&format!("{from}{suffix}")), &to);
    }
}

/// What a server says that does not start. One that starts all the same must not keep the test waiting.
fn refused(place: &Place, data: &str) -> Done {
    let mut command = place.command(&Stage::line(data));
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let begun = Instant::now();
    while child.try_wait().expect("a child of ours").is_none() {
        if begun.elapsed() > Duration::from_secs(20) {
            let _ = child.kill();
            panic!("the server started");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Done::of(child.wait_with_output().expect("its output")).is(3)
}

/// The whole ledger is set back, its anchor too: only outsiders can know.
fn no_second_history(kind: Kind) {
    let name = kind.name();
    let mut stage = Stage::new(&[kind]);
    let served = stage.serve("data");
    stage.grant(&served);
    stage.witnessed(&served);
    drop(served);
    copy_ledger(&stage.place, "data", "old");

    let served = stage.serve("data");
    for _ in 0..2 {
        stage.grant(&served);
    }
    let size = stage.witnessed(&served);
    stage.place.write("true", served.get("/log/checkpoint"));
    stage.place.run(&format!("monitor --log {} --vkey vkey --state seen --once", served.url)).ok();
    drop(served);

    // rolled back: the witness knows more
    stage.witnesses[0].stop();
    stage.witnesses[0].restart(&stage.place);
    let place = &stage.place;
    let said = refused(place, "old");
    assert!(said.err.contains("rolled back") && said.err.contains("w1"), "{name}: {}", said.err);

    // a second history under the same keys, as long as the true one, and then longer
    let fork = place.serve("old");
    let tree_size = || metric(&fork, "grantbook_tree_size");
    while tree_size() < size {
        stage.grant(&fork);
    }
    assert_eq!(tree_size(), size, "the same steps");
    for longer in [false, true] {
        if longer {
            stage.grant(&fork);
        }
        let forked = fork.get("/log/checkpoint");
        place.write("forked", &forked);
        let (checkpoint, note) = Checkpoint::parse_note(&forked).expect("a checkpoint");
        // the witness is asked with what it says it knows, and with nothing
        let (status, content_type, body) = stage.witnesses[0].ask(&format!("old 0\n\n{note}"));
        assert_eq!((status, body.as_str()), (409, format!("{size}\n").as_str()), "{name}");
        assert_eq!(content_type, "text/x.tlog.size", "{name}");
        let (status, ..) = stage.witnesses[0].ask(&format!("old {size}\n\n{note}"));
        let expected: &[u16] = if checkpoint.size().0 == size { &[409, 422] } else { &[422] };
        assert!(expected.contains(&status), "{name}: {status}");

        let alarm = place.run(&format!("monitor --log {} --vkey vkey --state seen --once --json", fork.url));
        let alarm = alarm.is(1).json();
        assert_eq!(alarm["alarm"], json!("fork"), "{name}: {alarm}");
        let texts = [&alarm["old"], &alarm["new"]].map(|text| text.as_str().expect("a checkpoint"));
        assert_eq!(texts[1].as_bytes(), forked, "{name}: the proof is the checkpoint itself");
        let refused = place.run(&format!("verify checkpoints true forked --log {} --vkey vkey", fork.url));
        refused.is(1);
        place.run(&format!("verify log --log {} --vkey vkey --policy policy --witnessed", fork.url)).is(1);
    }
    drop(fork);
    let said = refused(place, "old");
    assert!(said.err.contains("another history"), "{name}: {}", said.err);
}

#[test]
fn no_witness_lets_a_second_history_through() {
    for kind in [Kind::Ours, Kind::Aics, Kind::Lite] {
        if needs("no_witness_lets_a_second_history_through", &[kind]) {
            no_second_history(kind);
        }
    }
}

/// A log that goes back, falls silent or is not signed by its keys.
#[test]
fn the_monitor_sees_rollback_silence_and_strangers() {
    let place = Place::new();
    let served = place.serve("data");
    place.write("vkey", served.get("/log/vkey"));
    drop(served);
    copy_ledger(&place, "data", "old");
    let served = place.serve("data");
    place.run(&format!("grant --sandbox={} --json", served.sandbox)).ok();
    let look = |url: &str, flags: &str| {
        place.run(&format!("monitor --log {url} --vkey vkey --state seen --once --json {flags}"))
    };
    let seen = look(&served.url, "").ok().json();
    assert!(seen["tree_size"].as_u64().expect("a size") > 3, "{seen}");
    let url = served.url.clone();
    drop(served);
    assert!(look(&url, "").is(3).err.contains("no answer"));
    std::thread::sleep(Duration::from_millis(2100));
    assert_eq!(look(&url, "--silence 1s").is(1).json()["alarm"], json!("silence"));

    let old = place.serve("old");
    let alarm = look(&old.url, "").is(1).json();
    assert_eq!(alarm["alarm"], json!("rollback"), "{alarm}");
    assert!(fs::read_to_string(place.path("seen/alarm.json")).expect("kept").contains("rollback"));
    drop(old);
    let stranger = place.serve("stranger");
    assert_eq!(look(&stranger.url, "").is(1).json()["alarm"], json!("bad_signature"));
}

/// The ML-DSA-44 line holds for a program that shares no code with ours, and not with the tree changed.
#[test]
fn pyca_verifies_the_post_quantum_line() {
    let python = outside_tools().join("python/bin/python");
    let import = "from cryptography.hazmat.primitives.asymmetric import mldsa";
    if !Command::new(&python).args(["-c", import]).output().is_ok_and(|done| done.status.success()) {
        return skip("pyca_verifies_the_post_quantum_line", "aics-witness is not installed, ./check does so");
    }
    let place = Place::new();
    let served = place.serve("data");
    place.write("vkey", served.get("/log/vkey"));
    let note = String::from_utf8(served.get("/log/checkpoint")).expect("text");
    let verify = |note: &str| {
        let mut command = Command::new(&python);
        command.arg(workspace().join("tests/outside/python/post_quantum.py"));
        command.arg(place.path("vkey")).arg(place.write("checkpoint", note));
        place.settle(&mut command);
        Done::of(command.output().expect("Python starts"))
    };
    let (checkpoint, _) = Checkpoint::parse_note(note.as_bytes()).expect("a checkpoint");
    let size = checkpoint.size().0;
    assert_eq!(verify(&note).ok().json()["tree_size"], json!(size));
    let larger = note.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1);
    assert_eq!(verify(&larger).is(1).json()["valid"], json!(false));
    let last = note.trim_end().rfind('\n').expect("lines") + 1;
    assert_eq!(verify(&note[..last]).is(1).json()["valid"], json!(false));
}
