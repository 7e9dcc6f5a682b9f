//! A hundred gates, in many processes, share one cap. Some of them are killed and come back; the cap is never passed, and in
//! the end every unit is used, free, or stated as charged.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use grantbook_record::lease::{GrantLimit, Limit};
use grantbook_record::uses::{Outcome, UseRecord};
use grantbook_record::{GateId, Signer};
use rand_core::{OsRng, RngCore as _};
use serde_json::json;

use crate::replay::program::profile_folder;
use crate::world::{Customer, Enterprise, World, signer};

const BOUND: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(90);
const CAP: u64 = 1000;
/// Gates that share processes, by process, and gates with a process of their own, which are killed.
const SHARED: usize = 7;
const OF_EACH: usize = 12;
const KILLED: usize = 16;
const LEASE_TTL_MS: u64 = 4_000;
const LATE_AFTER_MS: u64 = 120_000;

/// A process with gates.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    said: Receiver<String>,
}

impl Process {
    fn start(folder: &Path, file: &str, till: &serde_json::Value) -> Self {
        let path = folder.join(file);
        fs::write(&path, till.to_string()).expect("a file of ours");
        let mut command = Command::new(profile_folder().join("examples/till"));
        let child = command.arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("run `cargo build -p grantbook-sdk --examples`");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (send, said) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { input: child.stdin.take(), child, said }
    }

    /// Waits until it has said something: its gates are at work.
    fn heard(&self, said: &mut Said) {
        said.take(&self.said.recv_timeout(PATIENCE).expect("a word"));
    }

    /// SIGKILL: no handler, no destructor, no flush.
    fn kill(mut self, said: &mut Said) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
        self.said.iter().for_each(|line| said.take(&line));
    }

    fn end(mut self, said: &mut Said) {
        drop(self.input.take());
        self.said.iter().for_each(|line| said.take(&line));
        assert!(self.child.wait().expect("a child of ours").success());
    }
}

/// What all of them have said.
#[derive(Default)]
struct Said {
    permits: u64,
    voided: u64,
    drained: usize,
    denied: BTreeMap<String, u64>,
}

impl Said {
    fn take(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["permit", ..] => self.permits += 1,
            ["voided", ..] => self.voided += 1,
            ["drained"] => self.drained += 1,
            ["denied", reason] => *self.denied.entry(reason.to_owned()).or_default() += 1,
            _ => {}
        }
    }
}

struct Fleet {
    world: World,
    enterprise: Enterprise,
    customer: Customer,
    folder: tempfile::TempDir,
}

impl Fleet {
    /// What a process with these gates is told.
    async fn till(&self, gates: &[usize], run: &str) -> serde_json::Value {
        let parties = self.world.parties(&self.enterprise);
        let gates: Vec<_> = gates
            .iter()
            .map(|number| {
                let dir = self.folder.path().join(format!("spool-{number}"));
                json!({"name": name(*number), "seed": *key(*number).seed(), "dir": dir})
            })
            .collect();
        json!({
            "server": format!("http://{}", self.world.address()), "token": self.enterprise.service,
            "tenant": self.enterprise.id, "vkey": self.world.log_keys().await.to_string(),
            "enterprise": parties.enterprise, "operator": parties.operator, "gates": gates,
            "max_bytes": 1 << 20, "bound_ms": BOUND.as_millis(), "facts": self.customer.facts(),
            "run": run, "callers": 1,
        })
    }

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

fn name(number: usize) -> GateId {
    GateId::parse(&format!("gate-{number}")).expect("a name")
}

fn key(number: usize) -> Signer {
    signer(&format!("gate-{number}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_gates_never_overspend_one_cap_and_every_unit_is_accounted_for() {
    let world = World::open_with(BOUND, |config| {
        config.lease_ttl_ms = LEASE_TTL_MS;
        config.late_after_ms = LATE_AFTER_MS;
        config.limits.tenant_feed_subscribers_max = 256;
        config.limits.feed_subscribers_max = 256;
        config.limits.tenant_requests_max = 256;
    })
    .await;
    let enterprise = world.enterprise("shop").await;
    let customer = world.customer(&enterprise, "anna").await;
    let grant =
        world.grant_with(&enterprise, &customer, |terms| terms["limits"] = json!({"uses": CAP})).await;
    let gates = SHARED * OF_EACH + KILLED;
    for number in 0..gates {
        let (id, key) = (name(number), key(number));
        world.ledger().register_gate(enterprise.id, &id, *key.public_key()).expect("registered");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fleet = Fleet { world, enterprise, customer, folder };
    let mut said = Said::default();

    // those to be killed come first, so that they hold units when they are
    let mut alone = Vec::new();
    for number in SHARED * OF_EACH..gates {
        let run = format!("alone-{number}");
        let till = fleet.till(&[number], &run).await;
        alone.push((number, Process::start(fleet.folder.path(), &run, &till)));
    }
    let mut shared = Vec::new();
    for process in 0..SHARED {
        let numbers: Vec<usize> = (process * OF_EACH..(process + 1) * OF_EACH).collect();
        let run = format!("shared-{process}");
        let till = fleet.till(&numbers, &run).await;
        shared.push(Process::start(fleet.folder.path(), &run, &till));
    }
    // in no order, each at its work
    while let Some(last) = alone.len().checked_sub(1) {
        let at = usize::try_from(OsRng.next_u32()).expect("a small number") % (last + 1);
        let (number, process) = alone.swap_remove(at);
        process.heard(&mut said);
        process.kill(&mut said);
        let run = format!("again-{number}");
        let till = fleet.till(&[number], &run).await;
        let process = Process::start(fleet.folder.path(), &run, &till);
        process.heard(&mut said);
        shared.push(process);
    }
    // leases run out, and what was given back is leased anew
    tokio::time::sleep(Duration::from_millis(2 * LEASE_TTL_MS)).await;
    for process in &shared {
        process.heard(&mut said);
    }
    for process in shared {
        process.end(&mut said);
    }
    assert_eq!(said.drained, gates, "every gate has drained its spool");

    let counts = |record: &UseRecord| matches!(record.outcome, Outcome::Permitted(_));
    let recorded = fleet.recorded();
    let uses = recorded.iter().filter(|record| counts(record)).count() as u64;
    assert!(said.permits - said.voided <= uses, "a permit without a record: {} of {uses}", said.permits);
    let count = || fleet.world.ledger().use_count(fleet.enterprise.id, &fleet.customer.sub, &grant.id).uses;
    assert_eq!(count(), uses);
    let limit = Limit::Grant(GrantLimit { sub: fleet.customer.sub.clone(), grant: grant.id });
    let charged = || fleet.world.ledger().charged(fleet.enterprise.id, &limit).expect("charged");
    assert!(uses + charged().outstanding + charged().written_off <= CAP, "{uses} and {:?}", charged());
    assert!(uses > 0, "{uses} of {CAP}, denied {:?}", said.denied);
    assert!(said.denied.contains_key("cap"), "{:?}", said.denied);

    // gates that were killed have given back what their spools accounted for; what they could not is never free again, as
    // it could have been used
    fleet.world.set_ahead(Duration::from_millis(LEASE_TTL_MS + 2 * LATE_AFTER_MS));
    fleet.world.grant(&fleet.enterprise, &fleet.customer).await;
    let after = charged();
    assert_eq!(after.outstanding, 0, "{after:?}");
    assert!(uses + after.written_off <= CAP, "{uses} and {after:?}");
    println!(
        "{gates} gates, {} permits, {} given back, {uses} uses of {CAP}, {} written off, denied {:?}",
        said.permits, said.voided, after.written_off, said.denied
    );
}
