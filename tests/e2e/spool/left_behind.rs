//! What a killed gate gives back when it returns: all that its spool accounts for, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use grantbook_engine::leases::Charged;
use grantbook_record::lease::{GrantLimit, Limit};
use grantbook_record::uses::Outcome;
use grantbook_record::{GateId, Jti};
use grantbook_sdk::Durability;
use serde_json::json;

use super::said::divides;
use super::{BOUND, GATE, PATIENCE, Said, Story, key};
use crate::world::World;

/// Far more than the test takes: nothing comes back by itself.
const LEASE_TTL_MS: u64 = 3_600_000;
const CAP: u64 = 100_000;

struct Capped {
    story: Story,
    grant: Jti,
}

impl Capped {
    async fn begin() -> Self {
        let world = World::open_with(BOUND, |config| config.lease_ttl_ms = LEASE_TTL_MS).await;
        let enterprise = world.enterprise("shop").await;
        let customer = world.customer(&enterprise, "anna").await;
        let limits = json!({"uses": CAP});
        let grant = world.grant_with(&enterprise, &customer, |terms| terms["limits"] = limits).await.id;
        let id = GateId::parse(GATE).expect("a name");
        world.ledger().register_gate(enterprise.id, &id, *key().public_key()).expect("registered");
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { story: Story { world, enterprise, customer, folder }, grant }
    }

    fn charged(&self) -> Charged {
        let limit = Limit::Grant(GrantLimit { sub: self.story.customer.sub.clone(), grant: self.grant });
        self.story.world.ledger().charged(self.story.enterprise.id, &limit).expect("charged")
    }

    fn uses(&self) -> u64 {
        let Story { world, enterprise, customer, .. } = &self.story;
        world.ledger().use_count(enterprise.id, &customer.sub, &self.grant).uses
    }

    /// The gate runs, and is killed at its work.
    async fn killed(&self, run: u32, durability: Durability) -> Said {
        let mut child =
            self.story.till_of(run, 1 << 26, durability).await.spawn().expect("the example starts");
        tokio::task::spawn_blocking(move || {
            let mut said = Said::default();
            said.listen(&mut child, Some(Duration::from_millis(150)));
            said
        })
        .await
        .expect("no panic")
    }

    /// The gate runs until it has drained its spool and given back what it held.
    async fn drained(&self, run: u32, mut said: Said) -> Said {
        let mut child = self.story.till(run, 1 << 26).await.spawn().expect("the example starts");
        drop(child.stdin.take());
        tokio::task::spawn_blocking(move || {
            assert!(said.listen(&mut child, None), "not drained");
            said
        })
        .await
        .expect("no panic")
    }

    /// Every recorded use counts once, and none breaks the cap.
    fn check(&self, said: &Said) {
        let recorded = self.story.recorded();
        said.check(&recorded);
        let used = recorded.iter().filter(|record| matches!(record.outcome, Outcome::Permitted(_)));
        assert_eq!(self.uses(), used.count() as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_of_a_killed_gate_are_free_at_once_but_for_the_used_ones() {
    let capped = Capped::begin().await;
    let mut said = Said::default();
    for run in 0..3 {
        let Said { permits, endings, .. } = capped.killed(run, Durability::Disk).await;
        said.permits.extend(permits);
        said.endings.extend(endings);
        assert!(capped.charged().outstanding > 0, "it held units when it was killed");
    }
    assert!(said.permits.len() > 30, "{} permits", said.permits.len());
    let begun = Instant::now();
    let said = capped.drained(3, said).await;
    // records were in the spool that drew on what the gate held: these units come back once the ledger has them
    while capped.charged() != Charged::default() {
        assert!(begun.elapsed() < PATIENCE, "{:?}", capped.charged());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    capped.check(&said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_of_which_the_spool_knows_nothing_stay_charged() {
    let capped = Capped::begin().await;
    // permits may have been given whose records never reached the disk
    let mut said = Said::default();
    for run in 0..4 {
        let Said { permits, endings, .. } = capped.killed(run, Durability::Process).await;
        said.permits.extend(permits);
        said.endings.extend(endings);
    }
    assert!(said.permits.len() > 30, "{} permits", said.permits.len());
    let said = capped.drained(4, said).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let recorded = capped.story.recorded();
    let known: BTreeSet<&str> =
        recorded.iter().filter_map(|record| Some(record.use_id.as_ref()?.as_str())).collect();
    let given_back = |name: &str| name.rsplit('-').next().is_some_and(|number| divides(number, 1));
    let lost = said.permits.keys().filter(|name| !given_back(name) && !known.contains(name.as_str())).count();
    // what was given back and drawn again counts as used where the gate was killed before the disk knew: its unit is charged
    let uncertain = recorded.iter().filter(|record| {
        let used = matches!(record.outcome, Outcome::Permitted(_));
        used && record.use_id.as_ref().is_some_and(|name| given_back(name.as_str()))
    });
    let (lost, uncertain) = (lost as u64, uncertain.count() as u64);
    let after = capped.charged().outstanding;
    assert!(
        lost <= after + uncertain,
        "{lost} permits without a record, {after} charged, {uncertain} uncertain"
    );
    println!(
        "{} permits, {lost} without a record, {after} units stay charged, {uncertain} uncertain",
        said.permits.len()
    );

    // and of a spool that is gone nobody knows what it held, after any number of starts
    let capped = Capped::begin().await;
    drop(capped.killed(0, Durability::Disk).await);
    let Some(held) = Some(capped.charged().outstanding).filter(|held| *held > 0) else {
        panic!("it held units when it was killed");
    };
    fs::remove_dir_all(capped.story.dir()).expect("a folder");
    for run in 1..3 {
        drop(capped.killed(run, Durability::Disk).await);
    }
    drop(capped.drained(3, Said::default()).await);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(capped.charged().outstanding > 0, "of {held}");
}
