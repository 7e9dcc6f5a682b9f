//! Gates in processes of their own that are stopped and go on, and whose clock is set; and a ledger whose clock is set.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use grantbook_record::{DenialReason, GateId, UnixSeconds};
use grantbook_sdk::Source;
use serde_json::json;

use super::{DEADLINE, LONG_BOUND, PATIENCE, Story, connect, once, permit, unpaid};
use crate::proxy::{Proxy, Weather};
use crate::replay::program::{profile_folder, skip, workspace};
use crate::world::signer;

const BOUND: Duration = Duration::from_secs(1);
const DAY: i64 = 86_400;
const GATE: &str = "till-1";

/// The example `till` with one gate, asked over and over, one question after another.
struct Till {
    child: Child,
    said: Receiver<String>,
}

impl Till {
    /// With `clock`, as a program whose wall clock that library sets by that file.
    async fn start(story: &Story, at: std::net::SocketAddr, clock: Option<(&Path, &Path)>) -> Self {
        let (id, key) = (GateId::parse(GATE).expect("a name"), signer(GATE));
        story.world.ledger().register_gate(story.enterprise.id, &id, *key.public_key()).expect("registered");
        let parties = story.world.parties(&story.enterprise);
        let file = story.folder.path().join("till.json");
        let till = json!({
            "server": format!("http://{at}"), "token": story.enterprise.service,
            "tenant": story.enterprise.id, "vkey": story.world.log_keys().await.to_string(),
            "enterprise": parties.enterprise, "operator": parties.operator,
            "gates": [{"name": id, "seed": *key.seed(), "dir": story.folder.path().join("spool")}],
            "max_bytes": 1 << 26, "bound_ms": BOUND.as_millis(),
            "facts": story.customer.facts(), "run": "run", "callers": 1,
        });
        std::fs::write(&file, till.to_string()).expect("a file of ours");
        let mut command = Command::new(profile_folder().join("examples/till"));
        if let Some((library, offset)) = clock {
            command.env("LD_PRELOAD", library).env("WALL_CLOCK", offset);
        }
        let command = command.arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("run `cargo build -p grantbook-sdk --examples`");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (send, said) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, said }
    }

    /// What it says until it says this, without it.
    fn until(&self, wanted: &str) -> Vec<String> {
        let (started, mut before) = (Instant::now(), Vec::new());
        loop {
            let line = self.said.recv_timeout(PATIENCE).expect("a gate that goes on");
            if line.starts_with(wanted) {
                return before;
            }
            assert!(started.elapsed() < PATIENCE, "no {wanted}, last {line}");
            before.push(line);
        }
    }

    /// What it says within this time.
    fn within(&self, time: Duration) -> Vec<String> {
        let (started, mut lines) = (Instant::now(), Vec::new());
        loop {
            match self.said.recv_timeout(time.saturating_sub(started.elapsed())) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Timeout) => return lines,
                Err(RecvTimeoutError::Disconnected) => panic!("the gate has ended: {lines:?}"),
            }
        }
    }

    /// `STOP` or `CONT`: no step of the program is made between them, while time since boot goes on, as in a suspend.
    fn signal(&self, signal: &str) {
        let kill = Command::new("kill").args(["-s", signal]).arg(self.child.id().to_string()).status();
        assert!(kill.expect("kill").success());
    }

    /// Has it drain its spool and end.
    fn end(mut self) {
        drop(self.child.stdin.take());
        self.until("drained");
        assert!(self.child.wait().expect("a child of ours").success());
    }
}

impl Drop for Till {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[track_caller]
fn no_permit(lines: &[String]) {
    assert!(!lines.is_empty(), "it says nothing");
    let permit = lines.iter().find(|line| line.starts_with("permit"));
    assert!(permit.is_none(), "{permit:?} of {} lines", lines.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_was_suspended_denies_until_it_has_a_young_head() {
    let story = Story::begin(BOUND).await;
    let proxy = Proxy::before(story.world.address()).await;
    let till = Till::start(&story, proxy.address, None).await;
    till.until("permit");
    // slept through: nothing came, nothing ended
    till.signal("STOP");
    proxy.set(Weather::AllHeld);
    std::thread::sleep(BOUND * 3 / 2);
    drop(till.within(Duration::ZERO));
    till.signal("CONT");
    // at most the answer that was on its way when it was stopped comes before
    let before = till.until("denied stale");
    assert!(before.iter().filter(|line| line.starts_with("permit")).count() <= 1, "{before:?}");
    no_permit(&till.within(BOUND / 2));
    proxy.set(Weather::Fair);
    till.until("permit");
    // and the customer withdrew meanwhile
    till.signal("STOP");
    std::thread::sleep(BOUND * 3 / 2);
    story.world.withdraw(&story.enterprise, &story.customer, &story.grant).await;
    let withdrawn = story.world.now().seconds();
    drop(till.within(Duration::ZERO));
    till.signal("CONT");
    let before = till.until("denied withdrawn");
    assert!(before.iter().filter(|line| line.starts_with("permit")).count() <= 1, "{before:?}");
    no_permit(&till.within(BOUND / 2));
    till.end();
    // by the ledger's time, which a record cannot choose, nothing was used afterwards
    let recorded = story.permitted(&story.customer);
    assert!(!recorded.is_empty() && recorded.iter().all(|record| record.at < withdrawn), "{withdrawn:?}");
}

/// The library that sets a program's clock, and a sight of it at work; `None` without a C compiler.
fn wall_clock(folder: &Path) -> Option<PathBuf> {
    let (source, library) =
        (workspace().join("tests/e2e/failures/wall_clock.c"), folder.join("wall_clock.so"));
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
    built.is_ok_and(|status| status.success()).then_some(library)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_whose_clock_is_set_goes_by_the_ledgers() {
    let story = Story::begin(BOUND).await;
    let (offset, set) = {
        let offset = story.folder.path().join("offset");
        let next = story.folder.path().join("offset.next");
        let to = offset.clone();
        (offset, move |seconds: i64| {
            std::fs::write(&next, seconds.to_string()).expect("a file of ours");
            std::fs::rename(&next, &to).expect("a file of ours");
        })
    };
    let Some(library) = wall_clock(story.folder.path()) else {
        return skip("a_gate_whose_clock_is_set_goes_by_the_ledgers", "there is no C compiler");
    };
    set(400 * DAY);
    let date =
        Command::new("date").arg("+%s").env("LD_PRELOAD", &library).env("WALL_CLOCK", &offset).output();
    let date: u64 = String::from_utf8_lossy(&date.expect("date").stdout).trim().parse().expect("seconds");
    assert!(date > story.world.now().seconds().0 + 399 * 86_400, "the library sets no clock: {date}");
    let began = story.world.now().seconds();
    set(0);
    let proxy = Proxy::before(story.world.address()).await;
    let till = Till::start(&story, proxy.address, Some((&library, &offset))).await;
    till.until("permit");
    // the grant is valid from yesterday on, for a year: by the gate's clock it has expired, and then not begun
    for days in [400, -400] {
        set(days * DAY);
        let lines = till.within(BOUND * 3 / 2);
        assert!(lines.iter().any(|line| line.starts_with("permit")), "{days}: {:?}", lines.last());
        let denied = lines.iter().find(|line| line.starts_with("denied") && *line != "denied stale");
        assert_eq!(denied, None, "{days}");
    }
    // and a head is no younger for it
    proxy.set(Weather::AllHeld);
    till.until("denied stale");
    set(-800 * DAY);
    no_permit(&till.within(BOUND / 2));
    set(0);
    no_permit(&till.within(BOUND / 2));
    proxy.set(Weather::Fair);
    till.until("permit");
    till.end();
    let ended = UnixSeconds(story.world.now().seconds().0 + 1);
    let recorded = story.permitted(&story.customer);
    assert!(!recorded.is_empty() && recorded.iter().all(|record| (began..=ended).contains(&record.at)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_whose_clock_is_set_is_followed_there_and_back() {
    let story = Story::begin(BOUND).await;
    let (bert, _) = story.another("bert", unpaid).await;
    let gate = connect(story.embedded(story.world.address()).await).await;
    let by_ledger = connect(story.remote(story.world.address()).await).await;
    for gate in [&gate, &by_ledger] {
        permit(gate, &bert.facts(), &once(), &[DenialReason::Stale]).await.commit();
    }
    story.world.set_ahead(Duration::from_secs(400 * 86_400));
    let started = Instant::now();
    for gate in [&gate, &by_ledger] {
        let denial = loop {
            match gate.check(&bert.facts()).await {
                Err(denial) if denial.reason != DenialReason::Stale => break denial,
                answer => drop(answer),
            }
            assert!(started.elapsed() < PATIENCE, "a grant of a year is valid after 400 days");
        };
        assert_eq!(denial.reason, DenialReason::Expired);
    }
    assert!(started.elapsed() < LONG_BOUND + DEADLINE);
    story.world.set_ahead(Duration::ZERO);
    for gate in [&gate, &by_ledger] {
        permit(gate, &bert.facts(), &once(), &[DenialReason::Stale, DenialReason::Expired]).await.commit();
    }
    let refused = gate.check(&story.world.customer(&story.enterprise, "carl").await.facts()).await;
    assert!(matches!(refused.expect_err("no grant").source, Source::Replica { .. }));
}
