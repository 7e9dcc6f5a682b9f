//! A server whose append may or may not be durable ends by itself.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use grantbook_tests::Tally;
use serde_json::Value;

use crate::replay::program::{Done, Place, program, skip};

const JOURNAL: &str = "data/epochs/1/journal/00000000000000000000.log";

#[test]
fn an_uncertain_commit_ends_the_server_with_status_3() {
    if Command::new("strace").arg("-V").output().is_err() {
        return skip("an_uncertain_commit_ends_the_server_with_status_3", "strace is not installed");
    }
    let place = Place::new();
    let served = place.serve("data");
    let sandbox = served.sandbox.clone();
    place.run(&format!("grant --sandbox={sandbox} --json")).ok();
    drop(served);

    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(place.path(JOURNAL));
    command.args(["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=1"]).arg(program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir", "data"]);
    place.settle(&mut command);
    let errors = fs::File::create(place.path("errors")).expect("a file");
    let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().expect("strace starts");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line of the server");
    let said: Value = serde_json::from_str(&line).expect("the server says where it is");
    let url = said["url"].as_str().expect("a url");

    // who waits is told that it is not known, not that it failed
    let asked = place.run(&format!("check --sandbox={sandbox} --json"));
    assert_eq!(asked.status, Some(3), "{asked:?}");
    assert!(asked.err.contains("stopped"), "{asked:?}");
    let until = Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        if Instant::now() > until {
            // strace ends with the program that it follows
            drop(Command::new("kill").arg(child.id().to_string()).status());
            panic!("the server goes on");
        }
        thread::sleep(Duration::from_millis(20));
    };
    let errors = fs::read_to_string(place.path("errors")).expect("what it said");
    assert_eq!(status.code(), Some(3), "{errors}");
    let last = errors.lines().rev().find(|line| line.starts_with("grantbook: ")).unwrap_or_default();
    assert!(last.contains("sync") && last.contains(JOURNAL) && last.contains("start again"), "{errors}");
    assert!(ureq::get(format!("{url}/readyz")).call().is_err(), "nobody answers any more");

    // a new start reads back what is there, and the same question is answered
    let served = place.serve("data");
    let sandbox = served.sandbox.clone();
    place.run(&format!("check --sandbox={sandbox} --json")).ok();
    drop(served);
    let Done { status, .. } = place.run("fsck --data-dir data --json");
    assert_eq!(status, Some(0));
    let mut tally = Tally::new("stopping");
    let result = "answers 503 `stopped`, ends with status 3; the next start goes on";
    let told = last.replace(&format!("{}/", place.path("x").with_file_name("").display()), "");
    tally.count("sync of a server's journal fails", result, 1, &told.replace("//", "/"));
    tally.write();
}
