//! The gate against a real server, in fair weather and behind a proxy that holds its bytes back: what is permitted has
//! a receipt, and nothing is permitted once the bound has passed.
//!
//! Every promise here is of the form "never later than", so that a slow machine makes these tests slower, not red:
//! what must happen at last has [`PATIENCE`], what must not happen is looked for in every sample.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use grantbook_record::receipt::VerifiedContent;
use grantbook_record::uses::{Outcome, UseFacts};
use grantbook_record::{DenialReason, Kind, Receipt};
use grantbook_sdk::{BootTime, CheckOptions, Decision, Gate, GateConfig, LeafIndex, Permit, Source};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::client::{Call, JSON};
use crate::proxy::{Proxy, Weather};
use crate::world::{Customer, Enterprise, Grant, World, facts};

const BOUND: Duration = Duration::from_secs(1);
/// Between two looks at the replica.
const SAMPLE_EVERY: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(60);

/// One enterprise with one customer, whose grant permits [`Customer::facts`].
struct Story {
    world: World,
    enterprise: Enterprise,
    customer: Customer,
    grant: Grant,
}

impl Story {
    async fn begin() -> Self {
        let world = World::open(BOUND).await;
        let enterprise = world.enterprise("shop").await;
        let customer = world.customer(&enterprise, "anna").await;
        let grant = world.grant(&enterprise, &customer).await;
        Self { world, enterprise, customer, grant }
    }

    async fn remote(&self) -> Gate {
        connect(self.world.gate(&self.enterprise, self.world.address()).await).await
    }

    async fn embedded(&self, at: std::net::SocketAddr) -> Gate {
        let config = self.world.gate(&self.enterprise, at).await;
        connect(config.embedded(self.world.parties(&self.enterprise))).await
    }

    async fn behind_proxy(&self) -> (Gate, Proxy) {
        let proxy = Proxy::before(self.world.address()).await;
        (self.embedded(proxy.address).await, proxy)
    }

    async fn withdraw(&self) -> LeafIndex {
        self.world.withdraw(&self.enterprise, &self.customer, &self.grant).await
    }

    fn facts(&self) -> UseFacts {
        self.customer.facts()
    }
}

async fn connect(config: GateConfig) -> Gate {
    Gate::connect(GateConfig { connect_within: PATIENCE, ..config }).await.expect("a gate")
}

/// Asks until the answer is what is expected.
async fn eventually(gate: &Gate, facts: &UseFacts, what: &str, expected: impl Fn(&Decision) -> bool) {
    let started = Instant::now();
    loop {
        let decision = gate.decide(facts);
        if expected(&decision) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{what}: {decision:?}");
        tokio::time::sleep(SAMPLE_EVERY).await;
    }
}

fn permitted(decision: &Decision) -> bool {
    matches!(decision, Decision::Permit(_))
}

fn denied_as(reason: DenialReason) -> impl Fn(&Decision) -> bool {
    move |decision| matches!(decision, Decision::Denial(denial) if denial.reason == reason)
}

/// A permit; denials by a gate that is not fresh just then are asked again.
async fn permit(gate: &Gate, facts: &UseFacts) -> Permit {
    let started = Instant::now();
    loop {
        match gate.check(facts).await {
            Ok(permit) => return permit,
            Err(denial) if denial.reason == DenialReason::Stale && started.elapsed() < PATIENCE => {}
            Err(denial) => panic!("{denial:?}"),
        }
    }
}

/// Asks a gate all the time, in both ways there are.
struct Watch {
    ended: Arc<AtomicBool>,
    decisions: std::thread::JoinHandle<Vec<BootTime>>,
    checks: JoinHandle<Vec<BootTime>>,
}

impl Watch {
    fn start(gate: &Gate, facts: &UseFacts) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (gate_, facts_, ended_) = (gate.clone(), facts.clone(), Arc::clone(&ended));
        let decisions = std::thread::spawn(move || {
            let mut permits = Vec::new();
            while !ended_.load(Ordering::SeqCst) {
                let asked = BootTime::now();
                if permitted(&gate_.decide(&facts_)) {
                    permits.push(asked);
                }
                std::thread::sleep(SAMPLE_EVERY);
            }
            permits
        });
        let (gate, facts, ended_) = (gate.clone(), facts.clone(), Arc::clone(&ended));
        let checks = tokio::spawn(async move {
            let mut permits = Vec::new();
            while !ended_.load(Ordering::SeqCst) {
                let asked = BootTime::now();
                if gate.check(&facts).await.is_ok() {
                    permits.push(asked);
                }
                tokio::time::sleep(SAMPLE_EVERY * 5).await;
            }
            permits
        });
        Self { ended, decisions, checks }
    }

    /// When the questions were asked that were answered by a permit: the replica's own, and the whole gate's.
    async fn end(self) -> (Vec<BootTime>, Vec<BootTime>) {
        self.ended.store(true, Ordering::SeqCst);
        let decisions = tokio::task::spawn_blocking(|| self.decisions.join()).await.expect("a task");
        (decisions.expect("no panic"), self.checks.await.expect("no panic"))
    }
}

/// None of these lies within a stretch of time, of which the end may be open.
#[track_caller]
fn none_within(permits: &[BootTime], what: &str, from: BootTime, to: Option<BootTime>) {
    let late: Vec<_> = permits.iter().filter(|at| **at >= from && to.is_none_or(|to| **at < to)).collect();
    let first = late.first().map(|at| at.since(from));
    assert!(late.is_empty(), "{what}: {} permits, the first {first:?} too late", late.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permit_through_either_door_has_a_receipt_that_verifies_offline() {
    let mut story = Story::begin().await;
    let other = World::open(BOUND).await.log_keys().await;
    let keys = story.world.log_keys().await;
    let mut receipts = Vec::new();
    for gate in [story.remote().await, story.embedded(story.world.address()).await] {
        let permit = permit(&gate, &story.facts()).await;
        assert_eq!(permit.grant(), story.grant.id);
        let leaf_index = permit.leaf_index().expect("recorded by the ledger");
        let path = format!("/v1/receipts/{}", leaf_index.0);
        let served = story.world.get(&path, &story.enterprise.service).await.expect(200);
        Receipt::parse(&served.body).expect("a receipt").verify(&keys).expect("valid");
        receipts.push((leaf_index, permit.receipt().expect("recorded by the ledger").to_json()));
    }
    story.world.stop().await;
    for (leaf_index, json) in receipts {
        let receipt = Receipt::parse(&json).expect("a receipt");
        let verified = receipt.verify(&keys).expect("valid");
        assert_eq!(verified.leaf_index, leaf_index);
        let VerifiedContent::Use { record, batch, .. } = verified.content else { panic!("not of a use") };
        assert_eq!((&record.facts, batch.aud), (&story.facts(), story.enterprise.id));
        assert!(matches!(record.outcome, Outcome::Permitted(permitted) if permitted.grant == story.grant.id));
        receipt.verify(&other).expect_err("signed by another log's keys");
    }
}

/// What obligations are carried out by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_door_knows_the_enterprises_own_words() {
    let story = Story::begin().await;
    let gates = [story.remote().await, story.embedded(story.world.address()).await];
    let label = json!({"en": "Toys", "zh-CN": "玩具", "iri": "https://w3id.org/dpv#PersonalData"});
    let field = json!({"en": "For which age", "zh-CN": "适用年龄"});
    let next = json!({"version": 2, "put": {"categories": {"toys": {"label": label, "fields": {"for_age": field}}}}});
    let Enterprise { signer, .. } = &story.enterprise;
    story.world.record(&story.enterprise, Kind::VocabularyPublished, next, &[signer]).await;
    for gate in gates {
        let started = Instant::now();
        while !gate.vocabulary().await.expect("words").has_field_in_some_category("for_age") {
            assert!(started.elapsed() < PATIENCE);
            tokio::time::sleep(SAMPLE_EVERY).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_withdrawal_the_very_next_check_by_the_server_denies() {
    let story = Story::begin().await;
    let gate = story.remote().await;
    for number in 0..10 {
        let customer = story.world.customer(&story.enterprise, &format!("c{number}")).await;
        let grant = story.world.grant(&story.enterprise, &customer).await;
        let _ = permit(&gate, &customer.facts()).await;
        // others go on asking while it is withdrawn
        let watches: Vec<_> = (0..2).map(|_| Watch::start(&gate, &customer.facts())).collect();
        story.world.withdraw(&story.enterprise, &customer, &grant).await;
        let withdrawn = BootTime::now();
        let denial = gate.check(&customer.facts()).await.expect_err("withdrawn");
        assert_eq!(
            (denial.reason, denial.grant, denial.source),
            (DenialReason::Withdrawn, Some(grant.id), Source::Ledger)
        );
        for watch in watches {
            none_within(&watch.end().await.1, "checks by the server", withdrawn, None);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_takes_a_withdrawal_in_within_the_bound() {
    let story = Story::begin().await;
    let gate = story.embedded(story.world.address()).await;
    eventually(&gate, &story.facts(), "a permit", permitted).await;
    let watch = Watch::start(&gate, &story.facts());
    story.withdraw().await;
    let withdrawn = BootTime::now();
    eventually(&gate, &story.facts(), "the withdrawal", denied_as(DenialReason::Withdrawn)).await;
    tokio::time::sleep(BOUND * 2).await;
    let (decisions, checks) = watch.end().await;
    none_within(&decisions, "the replica", withdrawn.after(BOUND), None);
    // whole checks are recorded by the ledger, which knows at once
    none_within(&checks, "the gate", withdrawn, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_cut_off_goes_stale_at_the_bound_and_resumes() {
    let story = Story::begin().await;
    for weather in [Weather::Cut, Weather::AllHeld] {
        let (gate, proxy) = story.behind_proxy().await;
        let before = permit(&gate, &story.facts()).await;
        let position = gate.position();
        let watch = Watch::start(&gate, &story.facts());
        proxy.set(weather);
        let cut = BootTime::now();
        tokio::time::sleep(BOUND * 2).await;
        assert!(!before.is_live(), "{weather:?}: a permit outlives its head");
        assert!(denied_as(DenialReason::Stale)(&gate.decide(&story.facts())), "{weather:?}");
        let denial = gate.check(&story.facts()).await.expect_err("stale");
        assert_eq!(denial.reason, DenialReason::Stale, "{weather:?}");
        assert!(
            matches!(denial.source, Source::Replica { head_age: Some(age) } if age >= BOUND),
            "{denial:?}"
        );
        let mended = BootTime::now();
        proxy.set(Weather::Fair);
        let _ = permit(&gate, &story.facts()).await;
        assert_eq!(gate.position(), position, "{weather:?}: it goes on where it was");
        let (decisions, checks) = watch.end().await;
        none_within(&decisions, "the replica", cut.after(BOUND), Some(mended));
        none_within(&checks, "the gate", cut.after(BOUND), Some(mended));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_the_gate_goes_stale_and_resumes_with_the_next_one() {
    let mut story = Story::begin().await;
    let (gate, proxy) = story.behind_proxy().await;
    let _ = permit(&gate, &story.facts()).await;
    let watch = Watch::start(&gate, &story.facts());
    story.world.stop().await;
    let gone = BootTime::now();
    eventually(&gate, &story.facts(), "stale", denied_as(DenialReason::Stale)).await;
    tokio::time::sleep(BOUND).await;
    let back = BootTime::now();
    story.world.start().await;
    proxy.lead_to(story.world.address());
    let _ = permit(&gate, &story.facts()).await;
    let (decisions, checks) = watch.end().await;
    none_within(&decisions, "the replica", gone.after(BOUND), Some(back));
    none_within(&checks, "the gate", gone.after(BOUND), Some(back));
    // what happened before the server stopped and what happens after it are one feed
    story.withdraw().await;
    eventually(&gate, &story.facts(), "the withdrawal", denied_as(DenialReason::Withdrawn)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_held_back_while_heads_pass_denies_after_the_bound() {
    feed_lost_while_heads_pass(Weather::FeedHeld, DenialReason::Stale).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_cut_off_while_heads_pass_denies_after_the_bound() {
    feed_lost_while_heads_pass(Weather::FeedCut, DenialReason::Stale).await;
}

async fn feed_lost_while_heads_pass(weather: Weather, reason: DenialReason) {
    let story = Story::begin().await;
    let (gate, proxy) = story.behind_proxy().await;
    eventually(&gate, &story.facts(), "a permit", permitted).await;
    proxy.set(weather);
    tokio::time::sleep(BOUND * 2).await;
    // heads do pass: with nothing new in the feed they keep the replica fresh
    eventually(&gate, &story.facts(), "a permit", permitted).await;
    let watch = Watch::start(&gate, &story.facts());
    story.withdraw().await;
    let withdrawn = BootTime::now();
    tokio::time::sleep(BOUND * 2).await;
    // younger heads say that there is a frame which is not here
    assert!(denied_as(reason)(&gate.decide(&story.facts())));
    proxy.set(Weather::Fair);
    eventually(&gate, &story.facts(), "the withdrawal", denied_as(DenialReason::Withdrawn)).await;
    let (decisions, checks) = watch.end().await;
    none_within(&decisions, "the replica", withdrawn.after(BOUND), None);
    none_within(&checks, "the gate", withdrawn, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_were_held_back_are_old_when_they_come() {
    let story = Story::begin().await;
    let (gate, proxy) = story.behind_proxy().await;
    eventually(&gate, &story.facts(), "a permit", permitted).await;
    proxy.set(Weather::AllHeld);
    // long enough for a question, so that a head from before the withdrawal is on its way
    tokio::time::sleep(BOUND * 2 / 5).await;
    let watch = Watch::start(&gate, &story.facts());
    story.withdraw().await;
    let withdrawn = BootTime::now();
    // first it comes while its question still waits, then later ones come long after
    for held in [BOUND * 2 / 5, BOUND, BOUND] {
        tokio::time::sleep(held).await;
        proxy.set(Weather::FeedHeld);
        tokio::time::sleep(BOUND / 10).await;
        proxy.set(Weather::AllHeld);
    }
    assert!(denied_as(DenialReason::Stale)(&gate.decide(&story.facts())));
    proxy.set(Weather::Fair);
    eventually(&gate, &story.facts(), "the withdrawal", denied_as(DenialReason::Withdrawn)).await;
    let (decisions, checks) = watch.end().await;
    none_within(&decisions, "the replica", withdrawn.after(BOUND), None);
    none_within(&checks, "the gate", withdrawn, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demanded_position_is_reached_or_denied() {
    let story = Story::begin().await;
    let gates = [story.remote().await, story.embedded(story.world.address()).await];
    let resting_on = |leaf_index| CheckOptions { at_least: Some(leaf_index), ..CheckOptions::default() };
    for (gate, by_replica) in gates.iter().zip([false, true]) {
        let nobody_has = resting_on(LeafIndex(1_000_000));
        let denial = gate.check_with(&story.facts(), &nobody_has).await.expect_err("ahead of the log");
        // an embedded gate may be stale for a moment, but never permits, and never needs to ask
        assert!(matches!(denial.reason, DenialReason::Behind | DenialReason::Stale), "{denial:?}");
        assert_eq!(matches!(denial.source, Source::Replica { .. }), by_replica, "{denial:?}");
    }
    for number in 0..10 {
        let customer = story.world.customer(&story.enterprise, &format!("c{number}")).await;
        let grant = story.world.grant(&story.enterprise, &customer).await;
        for gate in &gates {
            let started = Instant::now();
            let permit = loop {
                match gate.check_with(&customer.facts(), &resting_on(grant.leaf_index)).await {
                    Ok(permit) => break permit,
                    Err(denial) => assert!(
                        matches!(denial.reason, DenialReason::Behind | DenialReason::Stale)
                            && started.elapsed() < PATIENCE,
                        "{denial:?}"
                    ),
                }
                tokio::time::sleep(SAMPLE_EVERY).await;
            };
            assert_eq!(permit.grant(), grant.id);
        }
        let withdrawal = story.world.withdraw(&story.enterprise, &customer, &grant).await;
        for gate in &gates {
            let denial =
                gate.check_with(&customer.facts(), &resting_on(withdrawal)).await.expect_err("withdrawn");
            assert!(
                matches!(denial.reason, DenialReason::Withdrawn | DenialReason::Behind | DenialReason::Stale),
                "{denial:?}"
            );
        }
    }
}

/// How often the ledger has recorded a permitted use of this customer's data.
async fn recorded(story: &Story, customer: &Customer) -> usize {
    let (mut count, mut path) = (0, "/v1/uses".to_owned());
    loop {
        let page = story.world.get(&path, &story.enterprise.service).await.expect(200).json();
        let uses = page["uses"].as_array().expect("rows");
        count += uses
            .iter()
            .filter(|row| row["record"]["facts"]["data_subject"] == json!(customer.sub))
            .filter(|row| row["record"]["outcome"].get("permitted").is_some())
            .inspect(|row| assert!(row.get("flag").is_none_or(Value::is_null), "{row}"))
            .count();
        match page["next"].as_str() {
            Some(cursor) => path = format!("/v1/uses?cursor={cursor}"),
            None => return count,
        }
    }
}

/// Asks `times` times from each of four tasks; gives the number of permits.
async fn hammer(gate: &Gate, facts: &UseFacts, times: usize) -> usize {
    let ask = || {
        let (gate, facts) = (gate.clone(), facts.clone());
        tokio::spawn(async move {
            let mut permits = 0;
            for _ in 0..times {
                match gate.check(&facts).await {
                    Ok(_) => permits += 1,
                    Err(denial) => {
                        assert!(
                            matches!(denial.reason, DenialReason::Cap | DenialReason::Stale),
                            "{denial:?}"
                        );
                    }
                }
            }
            permits
        })
    };
    let tasks: Vec<_> = (0..4).map(|_| ask()).collect();
    let mut permits = 0;
    for task in tasks {
        permits += task.await.expect("no panic");
    }
    permits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gates_at_once_never_overspend_a_cap() {
    const CAP: usize = 50;
    let story = Story::begin().await;
    let customer = story.world.customer(&story.enterprise, "bert").await;
    story
        .world
        .grant_with(&story.enterprise, &customer, |terms| terms["limits"] = json!({"uses": CAP}))
        .await;
    let facts = facts(&customer.sub);
    // one of them loses answers, and asks again under the same use id
    let (embedded, proxy) = story.behind_proxy().await;
    let remote = story.remote().await;
    eventually(&embedded, &facts, "the grant", permitted).await;
    let flapping = tokio::spawn(async move {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(60)).await;
            proxy.set(Weather::Cut);
            tokio::time::sleep(Duration::from_millis(20)).await;
            proxy.set(Weather::Fair);
        }
        proxy
    });
    let (one, other) = tokio::join!(hammer(&embedded, &facts, 10), hammer(&remote, &facts, 10));
    let _proxy = flapping.await.expect("no panic");
    let spent = recorded(&story, &customer).await;
    assert!(one + other <= spent && spent <= CAP, "{one} + {other} permits, {spent} recorded, of {CAP}");
    // what is left is spent, and not one more
    hammer(&remote, &facts, CAP).await;
    assert_eq!(recorded(&story, &customer).await, CAP);
    assert_eq!(remote.check(&facts).await.expect_err("used up").reason, DenialReason::Cap);
}

#[tokio::test]
async fn an_erased_customer_is_forgotten_by_every_gate_and_new_ones_follow_the_feed() {
    let Story { world, enterprise, customer, .. } = Story::begin().await;
    let other = world.customer(&enterprise, "bea").await;
    world.grant(&enterprise, &other).await;
    let embedded = async |name: &str| {
        let config = world.gate(&enterprise, world.address()).await;
        let name = grantbook_record::GateId::parse(name).unwrap();
        connect(config.embedded(world.parties(&enterprise)).named(name)).await
    };
    let gates = [embedded("till-1").await, embedded("till-2").await];
    for gate in &gates {
        eventually(gate, &customer.facts(), "fed", permitted).await;
    }
    // the ledger's own thread waits for both gates, so this returns once they have forgotten the customer
    let ledger = world.ledger().clone();
    let (tenant, sub) = (enterprise.id, customer.sub.clone());
    let ask = json!({"sub": sub, "channel": "mail"}).to_string();
    let call = Call::post("/v1/erasures", JSON, ask).token(Some(&enterprise.admin));
    // 200 where both gates were quicker than the answer
    let answer = world.send(call).await;
    assert!(matches!(answer.status, 200 | 202), "{}", answer.status);
    let begun: Value = answer.json();
    let started = Instant::now();
    let path = format!("/v1/erasures/{}", begun["erasure"]);
    let done = loop {
        let view: Value = world.get(&path, &enterprise.admin).await.expect(200).json();
        if view["leaf_index"].is_u64() {
            break view;
        }
        assert!(started.elapsed() < PATIENCE, "{view}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let receipt: Receipt = serde_json::from_value(done["receipt"].clone()).unwrap();
    receipt.verify(ledger.log_keys()).unwrap();
    assert!(ledger.customer(tenant, &customer.sub).is_none());
    for gate in &gates {
        let forgotten = denied_as(DenialReason::NoGrant);
        eventually(gate, &customer.facts(), "forgotten", forgotten).await;
        eventually(gate, &other.facts(), "others stay", permitted).await;
    }
    // a gate that begins now passes over what is erased, and believes it for the operator's signature on the log
    let late = embedded("till-3").await;
    eventually(&late, &other.facts(), "fed later", permitted).await;
    assert!(denied_as(DenialReason::NoGrant)(&late.decide(&customer.facts())));
}
