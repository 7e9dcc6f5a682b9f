//! `strace` of a server that appends: every file that holds acknowledged bytes is synced between its last write and the
//! first byte of the answer.

mod trace;

use std::fs;
use std::process::Command;

use crate::replay::program::{Place, Served, program, skip};
use trace::{Answer, CALLS, answers};

/// Every append writes to these.
const EACH: &[&str] = &["/data/epochs/1/journal/", "/data.anchor"];

/// Whether a path holds what is acknowledged. `state` holds nothing that cannot be rebuilt; `.tmp` files hold nothing
/// until they are renamed.
fn holds(path: &str) -> bool {
    let of_the_ledger =
        path.contains("/data/") || path.ends_with("/data.anchor") || path.contains("/data.keyring/");
    of_the_ledger && !path.contains("/data/epochs/1/state/") && !path.contains("/replay.tmp/")
}

#[test]
fn every_acknowledged_byte_is_synced_before_the_answer() {
    if Command::new("strace").arg("-V").output().is_err() {
        return skip("every_acknowledged_byte_is_synced_before_the_answer", "strace is not installed");
    }
    let place = Place::new();
    let file = place.path("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-yy", "-s", "64", "-e", &format!("trace={CALLS}"), "-o"]).arg(&file).arg(program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir"]).arg(place.path("data"));
    place.settle(&mut command);
    let served = Served::start(command);
    // one of each door: events by customer and enterprise, a use by the ledger's own gate, a withdrawal
    let sandbox = &served.sandbox;
    // a gate that may come back holds the acknowledgement up, so that nothing is appended while an answer goes out
    place.run("keygen --out till.key.json").ok();
    place.run(&format!("tenant gate till-1 --key till.key.json --sandbox={sandbox}")).ok();
    for line in ["grant", "check", "withdraw --no-wait"] {
        place.run(&format!("{line} --sandbox={sandbox} --json")).ok();
    }
    // strace ends with the program that it follows, and only then is the trace whole
    let so_far = fs::read_to_string(&file).expect("a trace");
    let process = so_far.split(' ').next().expect("the first thread's number");
    assert!(Command::new("kill").arg(process).status().expect("kill starts").success());
    served.wait();

    let trace = fs::read_to_string(&file).expect("a trace");
    let answers = answers(&trace, &holds, EACH);
    assert!(
        answers.len() >= 4,
        "{} appends, expected an enrolment, a grant, a use, a withdrawal",
        answers.len()
    );
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(*answer, Answer { unsynced: vec![], unwritten: vec![] }, "append {number}");
    }
}

/// The rule itself is put to the test: traces in which one thing is wrong.
#[test]
fn a_missing_or_early_sync_is_found() {
    const POST: &str =
        r#"7 recvfrom(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, "POST /v1/events HTTP/1.1\r\n"..., 8192) = 60"#;
    const ANSWER: &str =
        r#"7 writev(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base="HTTP/1.1 201 Created"..., 1) = 60"#;
    const WRITE: &str = r#"8 write(5</t/data/epochs/1/journal/0.log>, "GBJ1"..., 60) = 60"#;
    const SYNC: &str = "8 fdatasync(5</t/data/epochs/1/journal/0.log>) = 0";
    const WRITE_ANCHOR: &str = r#"8 write(6</t/data.anchor>, "origin"..., 4096) = 4096"#;
    const SYNC_ANCHOR: &str = "8 fdatasync(6</t/data.anchor>) = 0";
    const NEW: &str = r#"8 openat(AT_FDCWD</t>, "/t/data/epochs/1/journal/0.log", O_WRONLY|O_CREAT|O_EXCL, 0666) = 5</t/data/epochs/1/journal/0.log>"#;
    const SYNC_FOLDER: &str = "8 fsync(7</t/data/epochs/1/journal>) = 0";
    let check = |lines: &[&str], unsynced: &[&str], unwritten: &[&str]| {
        let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let expected = Answer { unsynced: owned(unsynced), unwritten: owned(unwritten) };
        assert_eq!(answers(&lines.join("\n"), &holds, EACH), vec![expected], "{lines:#?}");
    };
    let journal = "/t/data/epochs/1/journal/0.log";
    check(&[POST, WRITE, SYNC, WRITE_ANCHOR, SYNC_ANCHOR, ANSWER], &[], &[]);
    check(&[NEW, SYNC_FOLDER, POST, WRITE, SYNC, WRITE_ANCHOR, SYNC_ANCHOR, ANSWER], &[], &[]);
    // no sync, a sync before the last write, a sync that failed, an answer before the sync
    check(&[POST, WRITE, WRITE_ANCHOR, SYNC_ANCHOR, ANSWER], &[journal], &[]);
    check(&[POST, WRITE, SYNC, WRITE, WRITE_ANCHOR, SYNC_ANCHOR, ANSWER], &[journal], &[]);
    let failed = SYNC.replace("= 0", "= -1 EIO (Input/output error)");
    check(&[POST, WRITE, &failed, WRITE_ANCHOR, SYNC_ANCHOR, ANSWER], &[journal], &[]);
    check(&[POST, WRITE, SYNC, WRITE_ANCHOR, ANSWER, SYNC_ANCHOR], &["/t/data.anchor"], &[]);
    // a sync that had begun before the write, or had not ended at the answer
    let (begun, ended) =
        ("8 fdatasync(5</t/data/epochs/1/journal/0.log> <unfinished ...>", "8 <... fdatasync resumed>) = 0");
    let other_thread = WRITE.replacen('8', "4", 1);
    check(&[POST, WRITE, begun, &other_thread, ended, WRITE_ANCHOR, SYNC_ANCHOR, ANSWER], &[journal], &[]);
    check(&[POST, WRITE, WRITE_ANCHOR, SYNC_ANCHOR, begun, ANSWER, ended], &[journal], &[]);
    check(&[POST, WRITE, begun, ended, WRITE_ANCHOR, SYNC_ANCHOR, ANSWER], &[], &[]);
    // nothing was written for this answer; a new name whose folder was not synced
    check(&[WRITE, SYNC, WRITE_ANCHOR, SYNC_ANCHOR, POST, ANSWER], &[], EACH);
    check(&[NEW, POST, WRITE, SYNC, WRITE_ANCHOR, SYNC_ANCHOR, ANSWER], &["/t/data/epochs/1/journal"], &[]);
}
