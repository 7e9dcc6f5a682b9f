//! A gate that records uses on its own disk and is killed, filled up, refused its syncs, and left behind by key epochs:
//! every permit that it gave is on the ledger, once.

mod erased;
mod left_behind;
mod opened;
mod said;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use grantbook_engine::Erasure;
use grantbook_record::event::Channel;
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::uses::{Completion, Outcome, UseFacts, UseRecord};
use grantbook_record::{DenialReason, GateId, Signer};
use grantbook_sdk::{
    CheckOptions, ConnectError, Durability, Gate, GateConfig, Permit, Source, SpoolConfig, SpoolError, UseId,
    UseRef, Voided,
};
use serde_json::json;

use crate::client::{Call, JSON};
use crate::faults::calls::{Mount, mount};
use crate::replay::program::{profile_folder, skip};
use crate::world::{Customer, Enterprise, World, signer};
use said::Said;

const BOUND: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);
const GATE: &str = "till-1";
/// In the ordinary run; `GRANTBOOK_KILLS=1000` for the long one.
const KILLS: u32 = 12;

/// An enterprise with one customer, a grant without limits, and a gate of its own.
struct Story {
    world: World,
    enterprise: Enterprise,
    customer: Customer,
    folder: tempfile::TempDir,
}

impl Story {
    async fn begin() -> Self {
        let world = World::open(BOUND).await;
        let enterprise = world.enterprise("shop").await;
        let customer = world.customer(&enterprise, "anna").await;
        world.grant(&enterprise, &customer).await;
        let id = GateId::parse(GATE).expect("a name");
        world.ledger().register_gate(enterprise.id, &id, *key().public_key()).expect("registered");
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { world, enterprise, customer, folder }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    async fn config(&self) -> GateConfig {
        let config = self.world.gate(&self.enterprise, self.world.address()).await;
        let name = GateId::parse(GATE).expect("a name");
        let spool = SpoolConfig::new(self.dir(), key());
        let config = config.named(name).embedded(self.world.parties(&self.enterprise)).spooled(spool);
        let config = config.with_state(self.folder.path().join("state"));
        GateConfig { connect_within: PATIENCE, ..config }
    }

    async fn gate(&self) -> Gate {
        Gate::connect(self.config().await).await.expect("a gate")
    }

    fn facts(&self) -> UseFacts {
        self.customer.facts()
    }

    /// Everything that the ledger has of the gate, in order.
    fn recorded(&self) -> Vec<UseRecord> {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.world.ledger().uses(self.enterprise.id, after, 1000).expect("uses");
            rows.extend(page.into_iter().map(|row| row.record).filter(|record| record.gate.as_str() == GATE));
            after = next;
            if after.is_none() {
                return rows;
            }
        }
    }

    /// The program of the example `till` as it is to be run now.
    async fn till(&self, run: u32, max_bytes: u64) -> Command {
        self.till_of(run, max_bytes, Durability::Disk).await
    }

    async fn till_of(&self, run: u32, max_bytes: u64, durability: Durability) -> Command {
        let program = profile_folder().join("examples/till");
        assert!(
            program.is_file(),
            "{}: not built, run `cargo build -p grantbook-sdk --examples`",
            program.display()
        );
        let parties = self.world.parties(&self.enterprise);
        let file = self.folder.path().join(format!("till-{run}.json"));
        let till = json!({
            "server": format!("http://{}", self.world.address()), "token": self.enterprise.service,
            "tenant": self.enterprise.id, "vkey": self.world.log_keys().await.to_string(),
            "enterprise": parties.enterprise, "operator": parties.operator,
            "gates": [{"name": GATE, "seed": *key().seed(), "dir": self.dir()}],
            "max_bytes": max_bytes, "bound_ms": BOUND.as_millis(),
            "facts": self.facts(), "run": format!("run-{run}"), "callers": 8,
            "process": durability == Durability::Process,
        });
        fs::write(&file, till.to_string()).expect("a file of ours");
        let mut command = Command::new(program);
        command.arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }
}

fn key() -> Signer {
    signer("till")
}

/// The raw bytes of every file.
fn raw(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    files.flat_map(|file| fs::read(file).expect("a file")).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Asks until the gate is fresh and has room.
async fn permit(gate: &Gate, facts: &UseFacts, options: &CheckOptions) -> Permit {
    let started = Instant::now();
    loop {
        match gate.check_with(facts, options).await {
            Ok(permit) => return permit,
            Err(denial) if denial.reason == DenialReason::Stale && started.elapsed() < PATIENCE => {}
            Err(denial) => panic!("{denial:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn kills() -> u32 {
    std::env::var("GRANTBOOK_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_killed_again_and_again_leaves_every_permit_on_the_ledger_once() {
    let story = Story::begin().await;
    let mut said = Said::default();
    let kills = kills();
    for run in 0..kills {
        let mut child = story.till(run, 1 << 26).await.spawn().expect("the example starts");
        let life = Duration::from_millis(u64::from(run * 37 % 300));
        said = tokio::task::spawn_blocking(move || {
            said.listen(&mut child, Some(life));
            said
        })
        .await
        .expect("no panic");
    }
    let before = said.permits.len();
    assert!(before > 100, "{before} permits in {kills} runs");
    let mut child = story.till(kills, 1 << 26).await.spawn().expect("the example starts");
    drop(child.stdin.take());
    let (said, drained) = tokio::task::spawn_blocking(move || {
        let drained = said.listen(&mut child, None);
        (said, drained)
    })
    .await
    .expect("no panic");
    assert!(drained);
    let recorded = story.recorded();
    said.check(&recorded);
    assert!(recorded.len() >= said.permits.len());
    assert!(fs::read_dir(story.dir()).expect("a folder").count() <= 1, "nothing but the lock is left");
    println!("{} permits, {} records, {:?}", said.permits.len(), recorded.len(), said.denied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_nothing_is_permitted_and_with_room_permits_resume() {
    let mut story = Story::begin().await;
    fs::create_dir_all(story.dir()).expect("a folder");
    let Some(disk) = Mount::new(story.dir(), "size=512k,mode=700") else {
        return skip(
            "on_a_full_disk_nothing_is_permitted_and_with_room_permits_resume",
            "mounting takes root",
        );
    };
    let gate = story.gate().await;
    let once = CheckOptions::default();
    permit(&gate, &story.facts(), &once).await.commit();
    // somebody else takes all that is left
    let ballast = story.dir().join("ballast");
    let mut bytes = 600 * 1024;
    while bytes > 0 && fs::write(&ballast, vec![7; bytes]).is_err() {
        bytes -= 4096;
    }
    let started = Instant::now();
    let denial = loop {
        match gate.check(&story.facts()).await {
            Err(denial) if denial.reason != DenialReason::Stale => break denial,
            answer => drop(answer),
        }
        assert!(started.elapsed() < PATIENCE, "a disk without room takes everything");
    };
    assert_eq!((denial.reason, denial.source), (DenialReason::SpoolFull, Source::Gate));
    assert!(gate.spool().expect("a spool").is_full);
    // what was recorded before reaches the ledger all the same
    gate.flush(PATIENCE).await.expect("sent");
    assert!(mount(&["-o", "remount,size=64m"], &story.dir()), "a larger disk");
    let started = Instant::now();
    let resumed = loop {
        match gate.check(&story.facts()).await {
            Ok(permit) => break permit.commit(),
            Err(_) => assert!(started.elapsed() < PATIENCE, "permits do not resume"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    gate.flush(PATIENCE).await.expect("sent");
    let recorded = story.recorded();
    assert_eq!(recorded.last().map(|record| record.seq), Some(resumed.seq));
    assert!((0..).zip(&recorded).all(|(seq, record)| record.seq == seq), "no gaps");
    drop(gate);
    drop(disk);
    story.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn syncs_that_fail_refuse_permits_and_lose_none() {
    if Command::new("strace").arg("-V").output().is_err() {
        return skip("syncs_that_fail_refuse_permits_and_lose_none", "strace is not installed");
    }
    for (call, error, when) in
        [("fdatasync", "EIO", "5+3"), ("write", "ENOSPC", "40+40"), ("rename", "EIO", "2+2")]
    {
        let story = Story::begin().await;
        let till = story.till(0, 1 << 26).await;
        let mut traced = Command::new("strace");
        traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        // of the many files that are written to, those of the spool
        for number in 1..400 {
            let segment = story.dir().join(format!("{number:020}"));
            traced
                .arg("-P")
                .arg(segment.with_extension("tmp"))
                .arg("-P")
                .arg(segment.with_extension("segment"));
        }
        traced.args(["-e", &format!("inject={call}:error={error}:when={when}")]);
        traced.arg(till.get_program()).args(till.get_args()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = traced.spawn().expect("strace starts");
        let stdin = child.stdin.take();
        let said = tokio::task::spawn_blocking(move || {
            let mut said = Said::default();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(3));
                drop(stdin);
            });
            assert!(said.listen(&mut child, None), "{call} {error}: not drained");
            said
        })
        .await
        .expect("no panic");
        said.check(&story.recorded());
        println!("{call} {error}: {} permits, {:?}", said.permits.len(), said.denied);
        assert!(said.permits.len() > 10, "{call} {error}: {} permits", said.permits.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permit_says_what_became_of_it_and_its_receipt_comes_back() {
    let story = Story::begin().await;
    let gate = story.gate().await;
    let keys = story.world.log_keys().await;
    let facts = story.facts();
    let id = |text: &str| CheckOptions {
        use_id: Some(UseId::try_from(text.to_owned()).expect("an id")),
        ..CheckOptions::default()
    };
    let committed = permit(&gate, &facts, &id("a")).await;
    assert!(committed.receipt().is_none() && committed.leaf_index().is_none() && committed.is_live());
    assert_eq!(committed.obligations(), []);
    // the same use again, as long as the gate remembers it, and not with other facts
    let again = permit(&gate, &facts, &id("a")).await;
    assert_eq!(again.use_ref(), committed.use_ref());
    let other = UseFacts { action: crate::world::term("share"), ..facts.clone() };
    let conflict = gate.check_with(&other, &id("a")).await.expect_err("another use");
    assert!(
        matches!(conflict.reason, DenialReason::EvaluationError | DenialReason::UnknownTerm),
        "{conflict:?}"
    );
    let committed = committed.commit();
    // who asked twice and says nothing the second time has said it
    drop(again);
    let voided = permit(&gate, &facts, &id("b")).await;
    let voided_ref = voided.use_ref().clone();
    assert_eq!(voided.void(), Voided::GivenBack);
    let after = permit(&gate, &facts, &id("b")).await.commit();
    assert_ne!(after, voided_ref, "what was given back is not the same use");
    let dropped = permit(&gate, &facts, &CheckOptions::default()).await;
    let dropped_ref = dropped.use_ref().clone();
    drop(dropped);
    let enqueued = CheckOptions { durability: Some(Durability::Process), ..CheckOptions::default() };
    let enqueued = permit(&gate, &facts, &enqueued).await.commit();
    let by_ledger = CheckOptions { durability: Some(Durability::Ledger), ..CheckOptions::default() };
    let by_ledger = permit(&gate, &facts, &by_ledger).await;
    assert!(by_ledger.receipt().is_some());
    let by_ledger_ref = by_ledger.use_ref().clone();
    assert_eq!(by_ledger.void(), Voided::Charged);

    for (use_ref, expected) in [
        (&committed, "committed"),
        (&voided_ref, "voided"),
        (&after, "committed"),
        (&dropped_ref, "unknown"),
        (&enqueued, "committed"),
        (&by_ledger_ref, "committed"),
    ] {
        // at hand, and then from the ledger
        for _ in 0..2 {
            let receipt = gate.receipt(use_ref).await.expect("a receipt");
            let verified = receipt.verify(&keys).expect("valid");
            let VerifiedContent::Use { record, .. } = verified.content else { panic!("not of a use") };
            let UseRef { gate, seq } = use_ref;
            assert_eq!((&record.gate, record.seq, &record.facts), (gate, *seq, &facts));
            let outcome = match record.outcome {
                Outcome::Permitted(permitted) if permitted.completion == Completion::Unknown => "unknown",
                Outcome::Permitted(_) => "committed",
                Outcome::Voided(_) => "voided",
                Outcome::Denied(_) => "denied",
            };
            assert_eq!(outcome, expected, "{use_ref:?}");
        }
    }
    assert_eq!(story.recorded().len(), 5);
    assert!(story.recorded().iter().all(|record| record.position.is_some()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limited_grants_draw_on_leases_open_permits_run_out_and_denials_are_recorded_if_wanted() {
    let story = Story::begin().await;
    let limited = story.world.customer(&story.enterprise, "bert").await;
    story.world.grant_with(&story.enterprise, &limited, |terms| terms["limits"] = json!({"uses": 1})).await;
    let gate =
        Gate::connect(GateConfig { record_denials: true, ..story.config().await }).await.expect("a gate");
    // what is given back may be drawn again, what was used may not
    let once = permit(&gate, &limited.facts(), &CheckOptions::default()).await;
    assert_eq!(once.void(), Voided::GivenBack);
    permit(&gate, &limited.facts(), &CheckOptions::default()).await.commit();
    let denial = gate.check(&limited.facts()).await.expect_err("used up");
    assert_eq!(denial.reason, DenialReason::Cap);
    // one that nobody completes holds up what comes after it until it runs out, and no longer
    let open = permit(&gate, &story.facts(), &CheckOptions::default()).await;
    let later = permit(&gate, &story.facts(), &CheckOptions::default()).await.commit();
    gate.flush(PATIENCE).await.expect("sent");
    assert!(!open.is_live());
    assert_eq!(open.void(), Voided::Charged);
    let recorded = story.recorded();
    let unknown = |record: &UseRecord| matches!(&record.outcome, Outcome::Permitted(p) if p.completion == Completion::Unknown);
    assert!(recorded.iter().filter(|record| unknown(record)).count() == 1);
    assert!(recorded.iter().any(|record| record.seq == later.seq));
    let denied = recorded.iter().filter(|record| matches!(record.outcome, Outcome::Denied(_))).count();
    assert!(denied >= 1);
    // without a spool there is nothing to record on
    let config = GateConfig { spool: None, state: None, ..story.config().await };
    let spoolless = Gate::connect(config).await.expect("a gate");
    let disk = CheckOptions { durability: Some(Durability::Disk), ..CheckOptions::default() };
    assert_eq!(
        spoolless.check_with(&story.facts(), &disk).await.expect_err("no spool").reason,
        DenialReason::SpoolFull
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_gate_has_the_folder_and_the_name() {
    let story = Story::begin().await;
    let gate = story.gate().await;
    let second = Gate::connect(story.config().await).await;
    assert!(matches!(second, Err(ConnectError::Spool(SpoolError::Held { .. }))), "{second:?}");
    permit(&gate, &story.facts(), &CheckOptions::default()).await.commit();
    gate.flush(PATIENCE).await.expect("sent");
    drop(gate);
    // the folder is lost: the ledger knows how far its gate had come
    fs::remove_dir_all(story.dir()).expect("removed");
    let gate = story.gate().await;
    let next = permit(&gate, &story.facts(), &CheckOptions::default()).await.commit();
    assert_eq!(next.seq, 1);
    gate.flush(PATIENCE).await.expect("sent");
    // and another gate that goes by its name in another folder records nothing that way
    let mut config = story.config().await;
    config.spool = Some(SpoolConfig::new(story.folder.path().join("other"), key()));
    config.state = None;
    let other = Gate::connect(config).await.expect("a gate");
    permit(&gate, &story.facts(), &CheckOptions::default()).await.commit();
    gate.flush(PATIENCE).await.expect("sent");
    permit(&other, &story.facts(), &CheckOptions::default()).await.commit();
    let started = Instant::now();
    while other.check(&story.facts()).await.map_err(|denial| denial.reason).err()
        != Some(DenialReason::SpoolFull)
    {
        assert!(started.elapsed() < PATIENCE, "it goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(story.recorded().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_epoch_that_begins_seals_the_spool_anew() {
    let story = Story::begin().await;
    let gate = story.gate().await;
    // held back, so that the spool has something in it
    let open = permit(&gate, &story.facts(), &CheckOptions::default()).await;
    let sealed_for = || {
        let mut files: Vec<_> =
            fs::read_dir(story.dir()).expect("a folder").map(|e| e.expect("an entry").path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "segment"));
        let newest = files.into_iter().max().expect("a segment");
        // it may be replaced just now
        fs::read(newest).ok().and_then(|bytes| Some(u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?)))
    };
    assert_eq!(sealed_for(), Some(1));
    let name = GateId::parse(GATE).expect("a name");
    let before = story.world.ledger().gate_key(story.enterprise.id, &name).expect("a key");
    let ledger = story.world.ledger().clone();
    tokio::task::spawn_blocking(move || ledger.roll_epoch()).await.expect("no panic").expect("rolled");
    let after = story.world.ledger().gate_key(story.enterprise.id, &name).expect("a key");
    assert!(before.0 + 1 == after.0 && before.1 != after.1);
    let started = Instant::now();
    while sealed_for() != Some(2) {
        assert!(started.elapsed() < PATIENCE, "the spool stays sealed for the old epoch");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    open.commit();
    gate.flush(PATIENCE).await.expect("sent");
    assert_eq!(story.recorded().len(), 1);
    // a gate that was away then lost nothing if it had sent everything
    drop(gate);
    let ledger = story.world.ledger().clone();
    tokio::task::spawn_blocking(move || ledger.roll_epoch()).await.expect("no panic").expect("rolled");
    permit(&story.gate().await, &story.facts(), &CheckOptions::default()).await.commit();
    // only the gate's own tenant, and only registered gates, have a key
    let ask = |token: &str, gate: &str| {
        Call::post("/v1/gate-keys", JSON, json!({"gate": gate}).to_string()).token(Some(token))
    };
    let own = story.world.send(ask(&story.enterprise.service, GATE)).await.expect(200).json();
    assert_eq!(own["epoch"], 3);
    story.world.send(ask(&story.enterprise.service, "till-2")).await.expect(404);
    let other = story.world.enterprise("club").await;
    story.world.send(ask(&other.service, GATE)).await.expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_customer_is_sent_and_gone_from_the_spool() {
    let story = Story::begin().await;
    let sub = story.customer.sub.clone();
    let other = story.world.customer(&story.enterprise, "bert").await;
    story.world.grant(&story.enterprise, &other).await;
    let gate = story.gate().await;
    // the customer's record waits behind one that is open
    let open = permit(&gate, &other.facts(), &CheckOptions::default()).await;
    let used = permit(&gate, &story.facts(), &CheckOptions::default()).await.commit();
    assert!(!holds(&raw(&story.dir()), sub.as_str()), "nothing in the spool can be read");
    let ledger = story.world.ledger().clone();
    let (tenant, whom) = (story.enterprise.id, sub.clone());
    let begin = move || ledger.begin_erasure(tenant, &whom, Channel::Mail);
    tokio::task::spawn_blocking(begin).await.expect("no panic").expect("begun");
    // the way of an administrator, who asks until it is done; which also tells the gates
    let ask = || {
        let body = json!({"sub": sub, "channel": "mail"}).to_string();
        Call::post("/v1/erasures", JSON, body).token(Some(&story.enterprise.admin))
    };
    let first = story.world.send(ask()).await.json();
    assert_eq!(first["waiting_for"], json!([GATE]), "the gate has a record that is not sent");
    let id = first["erasure"].as_u64().expect("a number");
    open.commit();
    let started = Instant::now();
    loop {
        let erasure = story.world.ledger().erasure(story.enterprise.id, id).expect("an erasure");
        match erasure {
            Erasure::Pending(pending) if !pending.purged.is_empty() => break,
            Erasure::Pending(_) => {}
            Erasure::Done(_) => break,
        }
        assert!(started.elapsed() < PATIENCE, "the gate does not say that it has forgotten");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // the record had reached the ledger before
    let progress = story.world.ledger().gate_progress(story.enterprise.id, &used.gate).expect("progress");
    assert!(progress.next_seq > used.seq);
    assert_eq!(gate.spool().expect("a spool").records, 0);
    let denial = gate.check(&story.facts()).await.expect_err("forgotten");
    assert!(matches!(denial.reason, DenialReason::NoGrant | DenialReason::Stale), "{denial:?}");
}
