//! One question about many rows, each permit recorded: a run that is killed again and again records every row once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use grantbook_record::uses::{Outcome, UseRecord};
use grantbook_record::{DenialReason, GateId, PublicKey};
use grantbook_sdk::{BulkRun, Gate, GateConfig, SpoolConfig};
use serde_json::{Value, json};

use crate::replay::program::program;
use crate::world::{Customer, Enterprise, World, signer};

const BOUND: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(120);
const GATE: &str = "bulk-1";
/// Rows of each of four customers: several chunks.
const ROUNDS: usize = 2_500;
/// Of one of the customers.
const CAP: u64 = 700;
const KILLS: usize = 6;

struct Story {
    world: World,
    enterprise: Enterprise,
    customers: Vec<Customer>,
    folder: tempfile::TempDir,
}

impl Story {
    /// Two customers without limits, one with a cap, one without a grant; a gate whose key is in a file.
    async fn begin() -> Self {
        let world = World::open_with(BOUND, |config| config.lease_ttl_ms = 3_600_000).await;
        let enterprise = world.enterprise("shop").await;
        let mut customers = Vec::new();
        for name in ["anna", "ben", "carla", "dora"] {
            let customer = world.customer(&enterprise, name).await;
            let limits = if name == "carla" { json!({"uses": CAP}) } else { json!({}) };
            if name != "dora" {
                world.grant_with(&enterprise, &customer, |terms| terms["limits"] = limits).await;
            }
            customers.push(customer);
        }
        let story = Self { world, enterprise, customers, folder: tempfile::tempdir().expect("a folder") };
        let made =
            Command::new(program()).args(["keygen", "--out"]).arg(story.path("gate.key.json")).output();
        assert!(made.expect("runs").status.success());
        let mut key: Value =
            serde_json::from_slice(&fs::read(story.path("gate.key.json")).expect("a key")).expect("JSON");
        key.as_object_mut().expect("a JWK").remove("d");
        let key = PublicKey::parse_jwk(key.to_string().as_bytes()).expect("a public key");
        let gate = GateId::parse(GATE).expect("a name");
        story.world.ledger().register_gate(story.enterprise.id, &gate, key).expect("registered");
        let rows: Vec<&str> =
            (0..ROUNDS).flat_map(|_| &story.customers).map(|customer| customer.sub.as_str()).collect();
        fs::write(story.path("rows.csv"), format!("id\n{}\n", rows.join("\n"))).expect("a file");
        let facts = story.customers[0].facts();
        let keys = story.world.log_keys().await.to_string();
        fs::write(story.path("vkey"), keys).expect("a file");
        fs::write(story.path("facts.json"), json!(facts).to_string()).expect("a file");
        story
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self) -> Child {
        let mut command = Command::new(program());
        command.current_dir(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args("check --csv rows.csv --column id --out answers.csv --use facts.json".split(' '));
        command.args("--record --gate-key gate.key.json --spool spool --vkey vkey --json".split(' '));
        command.args(["--gate", GATE, "--token", &self.enterprise.service]);
        command.args(["--server", &format!("http://{}", self.world.address())]);
        command.spawn().expect("the program starts")
    }

    fn answered(&self) -> u64 {
        fs::metadata(self.path("answers.csv")).map_or(0, |file| file.len())
    }

    /// What is recorded of the gate.
    fn recorded(&self) -> Vec<UseRecord> {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.world.ledger().uses(self.enterprise.id, after, 1000).expect("uses");
            assert!(page.iter().all(|row| row.flag.is_none()), "no use breaks a rule");
            rows.extend(page.into_iter().map(|row| row.record));
            after = next;
            if after.is_none() {
                return rows;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_run_that_is_killed_records_every_row_once() {
    let story = Story::begin().await;
    let mut killed_at = BTreeSet::new();
    for kill in 0..KILLS {
        let (mut child, before) = (story.start(), story.answered());
        let begun = Instant::now();
        // at its work: sometimes right after its first new answers, sometimes later
        while story.answered() <= before && child.try_wait().expect("a child of ours").is_none() {
            assert!(begun.elapsed() < PATIENCE, "no answers");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(kill as u64 * 53 % 211)).await;
        // SIGKILL: no handler, no destructor, no flush
        child.kill().expect("a child of ours");
        let killed = tokio::task::block_in_place(|| child.wait_with_output()).expect("a child of ours");
        assert!(
            killed.status.code().is_none_or(|code| code == 0),
            "{}",
            String::from_utf8_lossy(&killed.stderr)
        );
        killed_at.insert(story.answered());
        if !story.path("answers.csv.asked").exists() {
            break;
        }
    }
    assert!(killed_at.len() > 2, "it was killed in its midst: {killed_at:?}");
    let begun = Instant::now();
    let last = tokio::task::block_in_place(|| story.start().wait_with_output()).expect("a child of ours");
    assert!(begun.elapsed() < PATIENCE);
    let said = String::from_utf8_lossy(&last.stdout).into_owned();
    let why = String::from_utf8_lossy(&last.stderr).into_owned();
    assert!(last.status.success() || why.contains("is there already"), "{said}{why}");

    let recorded = story.recorded();
    let mut by_id: BTreeMap<String, &UseRecord> = BTreeMap::new();
    for record in recorded.iter().filter(|record| matches!(record.outcome, Outcome::Permitted(_))) {
        let id = record.use_id.as_ref().expect("each use has an id").as_str().to_owned();
        assert!(by_id.insert(id.clone(), record).is_none(), "{id} is recorded twice");
    }
    let by_seq: BTreeMap<u64, &UseRecord> = by_id.values().map(|record| (record.seq, *record)).collect();
    let mut answers = csv_rows(&fs::read_to_string(story.path("answers.csv")).expect("answers"));
    assert_eq!(answers.remove(0), ["data_subject", "decision", "reason", "grant", "gate", "seq"]);
    assert_eq!(answers.len(), ROUNDS * 4);
    let mut permits: BTreeMap<&str, u64> = BTreeMap::new();
    for (row, answer) in answers.iter().enumerate() {
        let customer = &story.customers[row % 4];
        assert_eq!(answer[0], customer.sub.as_str());
        if answer[1] == "permit" {
            *permits.entry(customer.sub.as_str()).or_default() += 1;
            let record = by_seq[&answer[5].parse::<u64>().expect("a number")];
            let id = record.use_id.as_ref().expect("an id").as_str();
            assert!(id.ends_with(&format!("-{row}")), "row {row} names the use {id}");
            assert_eq!((&record.facts.data_subject, record.gate.as_str()), (&customer.sub, GATE));
        } else {
            assert!(["cap", "no_grant"].contains(&answer[2].as_str()), "row {row}: {answer:?}");
        }
    }
    let of = |at: usize| permits.get(story.customers[at].sub.as_str()).copied().unwrap_or_default();
    assert_eq!((of(0), of(1), of(3)), (ROUNDS as u64, ROUNDS as u64, 0));
    // what was leased to a process that was killed is free again, so the cap is used up to its last unit
    assert_eq!(of(2), CAP);
    assert_eq!(permits.values().sum::<u64>(), by_id.len() as u64, "a use that no row names");
    println!("{} kills at {killed_at:?}, {} uses; {}", killed_at.len(), by_id.len(), said.trim());
}

/// After a clean stop nothing on the gate's disk knows what it has recorded: only the ledger does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_goes_on_finds_its_uses_on_the_ledger() {
    let story = Story::begin().await;
    let [anna, ben, _, dora] = &story.customers[..] else { panic!("four customers") };
    let rows: Vec<_> = [anna, dora, ben, anna].map(|customer| customer.sub.clone()).to_vec();
    let connect = async || {
        let config = story.world.gate(&story.enterprise, story.world.address()).await;
        let config = config.named(GateId::parse("bulk-2").expect("a name"));
        let config = config.embedded(story.world.parties(&story.enterprise));
        let spool = SpoolConfig::new(story.path("spool-2"), signer("bulk-2"));
        Gate::connect(GateConfig { connect_within: PATIENCE, ..config.spooled(spool) }).await.expect("a gate")
    };
    let name = GateId::parse("bulk-2").expect("a name");
    story
        .world
        .ledger()
        .register_gate(story.enterprise.id, &name, *signer("bulk-2").public_key())
        .expect("registered");
    let facts = anna.facts();
    let run = |from| BulkRun { id: "run-7".to_owned(), from, durability: None };

    let gate = connect().await;
    let mut asked = gate.filter_recorded(run(None), &facts, &rows).await.expect("begun");
    let begun = asked.mark();
    let mut first = Vec::new();
    while let Some(row) = asked.next().await.expect("an answer") {
        first.push(row.answer.map(|used| used.use_ref).map_err(|denial| denial.reason));
    }
    assert_eq!(asked.mark().row, 4);
    assert!(first[1] == Err(DenialReason::NoGrant) && first[0] != first[3], "{first:?}");
    gate.flush(PATIENCE).await.expect("sent");
    drop(gate);

    // the answers were lost, and their mark with them
    let gate = connect().await;
    let mut asked = gate.filter_recorded(run(Some(begun)), &facts, &rows).await.expect("begun");
    let mut again = Vec::new();
    while let Some(row) = asked.next().await.expect("an answer") {
        again.push(row.answer.map(|used| used.use_ref).map_err(|denial| denial.reason));
    }
    assert_eq!(again, first);
    gate.flush(PATIENCE).await.expect("sent");
    assert_eq!(story.recorded().len(), 3);
}

fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let rows = io::BufRead::lines(text.as_bytes()).map(|line| line.expect("text"));
    rows.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}
