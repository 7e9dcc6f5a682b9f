//! What a gate answers when something goes wrong: the rows of `docs/reference/failures.md` that no other test shows. Each
//! shows the denial with its reason, who gives it and after what time, and that the gate goes on where the table says so.

mod clocks;
mod outside_facts;
#[allow(dead_code, reason = "shared with the gate's own tests")]
#[path = "../../sdk/rust/tests/house/source.rs"]
mod source;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use grantbook_record::lease::{GrantLimit, Limit};
use grantbook_record::uses::{Outcome, UseFacts, UseRecord};
use grantbook_record::{Currency, DenialReason, GateId, MinorUnits};
use grantbook_sdk::obligations::{Means, notify::FileNotifier};
use grantbook_sdk::{
    CheckOptions, Denial, Detail, Durability, Gate, GateConfig, LinkFault, Permit, Source, SpoolConfig,
    Token, UseId, Voided,
};
use serde_json::{Value, json};

use crate::proxy::{Proxy, Weather};
use crate::world::{Customer, Enterprise, Grant, World, signer, term};

/// Long, so that what is asked about fails before the head is too old.
const LONG_BOUND: Duration = Duration::from_secs(30);
/// How long a question may take.
const DEADLINE: Duration = Duration::from_millis(500);
/// What a busy machine may take longer.
const SLACK: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(60);

/// One enterprise with one customer, whose grant permits [`Customer::facts`] as often as one likes and pays nothing.
struct Story {
    world: World,
    enterprise: Enterprise,
    customer: Customer,
    grant: Grant,
    folder: tempfile::TempDir,
}

impl Story {
    async fn begin(bound: Duration) -> Self {
        let world = World::open(bound).await;
        let enterprise = world.enterprise("shop").await;
        let customer = world.customer(&enterprise, "anna").await;
        let grant = world.grant_with(&enterprise, &customer, unpaid).await;
        Self { world, enterprise, customer, grant, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Another customer, with a grant of these terms.
    async fn another(&self, name: &str, change: impl FnOnce(&mut Value)) -> (Customer, Grant) {
        let customer = self.world.customer(&self.enterprise, name).await;
        let grant = self.world.grant_with(&self.enterprise, &customer, change).await;
        (customer, grant)
    }

    async fn remote(&self, at: std::net::SocketAddr) -> GateConfig {
        GateConfig { deadline: DEADLINE, ..self.world.gate(&self.enterprise, at).await }
    }

    async fn embedded(&self, at: std::net::SocketAddr) -> GateConfig {
        self.remote(at).await.embedded(self.world.parties(&self.enterprise))
    }

    /// An embedded gate of this name with a spool of its own.
    async fn spooled(&self, name: &str, at: std::net::SocketAddr) -> GateConfig {
        let (id, key) = (GateId::parse(name).expect("a name"), signer(name));
        self.world.ledger().register_gate(self.enterprise.id, &id, *key.public_key()).expect("registered");
        self.embedded(at).await.named(id).spooled(SpoolConfig::new(self.folder.path().join(name), key))
    }

    /// What the ledger has of uses of this customer's data that were permitted.
    fn permitted(&self, customer: &Customer) -> Vec<UseRecord> {
        let (rows, _) = self.world.ledger().uses(self.enterprise.id, None, 1000).expect("uses");
        let of_customer = rows.into_iter().map(|row| row.record);
        of_customer
            .filter(|record| record.facts.data_subject == customer.sub)
            .filter(|record| matches!(record.outcome, Outcome::Permitted(_)))
            .collect()
    }
}

fn unpaid(terms: &mut Value) {
    terms["compensation"] = json!("none");
}

/// Unpaid, with a cap.
fn capped(uses: u32) -> impl FnOnce(&mut Value) {
    move |terms| {
        unpaid(terms);
        terms["limits"] = json!({"uses": uses});
    }
}

async fn connect(config: GateConfig) -> Gate {
    Gate::connect(GateConfig { connect_within: PATIENCE, ..config }).await.expect("a gate")
}

fn words<T: serde::de::DeserializeOwned>(words: &[&str]) -> T {
    serde_json::from_value(json!(words)).expect("a list")
}

fn once() -> CheckOptions {
    CheckOptions::default()
}

fn use_id(text: &str) -> CheckOptions {
    CheckOptions { use_id: Some(UseId::try_from(text.to_owned()).expect("an id")), ..once() }
}

/// Asks until there is a permit, as long as the gate gives none of these reasons and no other.
async fn permit(gate: &Gate, facts: &UseFacts, options: &CheckOptions, meanwhile: &[DenialReason]) -> Permit {
    let started = Instant::now();
    loop {
        match gate.check_with(facts, options).await {
            Ok(permit) => return permit,
            Err(denial) => {
                assert!(meanwhile.contains(&denial.reason) && started.elapsed() < PATIENCE, "{denial:?}");
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A denial, and how long it took.
async fn denial(gate: &Gate, facts: &UseFacts, options: &CheckOptions) -> (Denial, Duration) {
    let started = Instant::now();
    let denial = gate.check_with(facts, options).await.expect_err("denied");
    (denial, started.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_gate_without_an_answer_denies_within_its_deadline_and_asks_again() {
    let story = Story::begin(LONG_BOUND).await;
    let proxy = Proxy::before(story.world.address()).await;
    let gate = connect(story.remote(proxy.address).await).await;
    for (number, weather) in [Weather::Cut, Weather::AllHeld].into_iter().enumerate() {
        let order = use_id(&format!("order-{number}"));
        proxy.set(weather);
        let (denial, took) = denial(&gate, &story.customer.facts(), &order).await;
        assert_eq!(denial.reason, DenialReason::Stale, "{weather:?}");
        let no_answer =
            matches!(denial.source, Source::Link(LinkFault::Deadline { deadline }) if deadline == DEADLINE);
        assert!(no_answer && took >= DEADLINE && took < DEADLINE + SLACK, "{weather:?}: {denial:?} {took:?}");
        proxy.set(Weather::Fair);
        let permit = permit(&gate, &story.customer.facts(), &order, &[DenialReason::Stale]).await;
        assert_eq!(permit.grant(), story.grant.id);
        // that of which no answer came and the same again are one use
        assert_eq!(story.permitted(&story.customer).len(), number + 1, "{weather:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_leases_limited_uses_are_unleased_and_others_go_on() {
    const CAP: u32 = 5;
    let story = Story::begin(LONG_BOUND).await;
    let (limited, grant) = story.another("bert", capped(CAP)).await;
    let (paid, _) = story.another("carl", |_| ()).await;
    let proxy = Proxy::before(story.world.address()).await;
    let gate = connect(story.spooled("till-1", proxy.address).await).await;
    for weather in [Weather::AllHeld, Weather::Cut] {
        proxy.set(weather);
        for customer in [&limited, &paid] {
            let (denial, took) = denial(&gate, &customer.facts(), &once()).await;
            let by = (denial.reason, denial.source);
            assert_eq!(by, (DenialReason::Unleased, Source::Gate), "{weather:?}");
            assert!(took < DEADLINE + SLACK, "{weather:?}: {took:?}");
        }
        // what needs no unit does not need the ledger, as long as the head is young
        gate.check(&story.customer.facts()).await.expect("not limited").commit();
    }
    proxy.set(Weather::Fair);
    let used = permit(&gate, &limited.facts(), &once(), &[DenialReason::Unleased, DenialReason::Cap]).await;
    assert_eq!(used.grant(), grant.id);
    used.commit();
    gate.flush(PATIENCE).await.expect("sent");
    assert_eq!(story.permitted(&limited).len(), 1);
    // units whose lease the gate was never told of are charged until it has run out
    let limit = Limit::Grant(GrantLimit { sub: limited.sub.clone(), grant: grant.id });
    let charged = story.world.ledger().charged(story.enterprise.id, &limit).expect("charged");
    assert!(1 + charged.outstanding + charged.written_off <= u64::from(CAP), "{charged:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_gates_that_race_for_the_last_unit_one_is_denied() {
    let story = Story::begin(LONG_BOUND).await;
    let gates = [
        connect(story.spooled("till-1", story.world.address()).await).await,
        connect(story.spooled("till-2", story.world.address()).await).await,
    ];
    for durability in [Durability::Disk, Durability::Process, Durability::Ledger] {
        let (customer, grant) =
            story.another(&format!("last-{durability:?}").to_lowercase(), capped(1)).await;
        let facts = customer.facts();
        let options = CheckOptions { durability: Some(durability), ..once() };
        let ask = async |gate: &Gate| {
            let started = Instant::now();
            loop {
                match gate.check_with(&facts, &options).await {
                    // the grant was given just now
                    Err(denial) if denial.reason == DenialReason::NoGrant && started.elapsed() < PATIENCE => {
                    }
                    answer => break answer,
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let (one, other) = tokio::join!(ask(&gates[0]), ask(&gates[1]));
        let (winner, permit, loser, denial) = match (one, other) {
            (Ok(permit), Err(denial)) => (&gates[0], permit, &gates[1], denial),
            (Err(denial), Ok(permit)) => (&gates[1], permit, &gates[0], denial),
            both => panic!("{durability:?}: {both:?}"),
        };
        assert_eq!((denial.reason, denial.grant), (DenialReason::Cap, Some(grant.id)), "{durability:?}");
        if durability == Durability::Disk {
            // not used after all: the unit goes back, and the other gate may have it
            assert_eq!(permit.void(), Voided::GivenBack);
            winner.flush(PATIENCE).await.expect("sent");
            let second = self::permit(loser, &facts, &options, &[DenialReason::Cap]).await;
            second.commit();
        } else {
            permit.commit();
        }
        for gate in &gates {
            gate.flush(PATIENCE).await.expect("sent");
            let denial = gate.check_with(&facts, &options).await.expect_err("used up");
            assert_eq!(denial.reason, DenialReason::Cap, "{durability:?}");
        }
        assert_eq!(story.permitted(&customer).len(), 1, "{durability:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_used_up_denies_until_there_is_more() {
    const WINDOW: Duration = Duration::from_secs(300);
    // short, so that the gate soon knows that the window is over
    let story = Story::begin(Duration::from_secs(2)).await;
    let limits = |limits: Value| {
        move |terms: &mut Value| {
            unpaid(terms);
            terms["limits"] = limits;
        }
    };
    let rate = json!({"rate": {"uses": 1, "seconds": WINDOW.as_secs()}});
    let (rated, _) = story.another("bert", limits(rate)).await;
    let (paid, _) = story.another("carl", |_| ()).await;
    let budget = |minor| {
        let (ledger, tenant) = (story.world.ledger().clone(), story.enterprise.id);
        let currency = Currency::parse("CNY").expect("a currency");
        let set = move || ledger.set_budget(tenant, term("web-shop"), currency, MinorUnits(minor));
        async move { tokio::task::spawn_blocking(set).await.expect("no panic").expect("a budget") }
    };
    budget(80).await;
    let gate = connect(story.spooled("till-1", story.world.address()).await).await;
    for (customer, reason) in [(&rated, DenialReason::Rate), (&paid, DenialReason::Budget)] {
        permit(&gate, &customer.facts(), &once(), &[DenialReason::Stale]).await.commit();
        let started = Instant::now();
        let denial = loop {
            match gate.check(&customer.facts()).await {
                Err(denial) if denial.reason == DenialReason::Stale && started.elapsed() < PATIENCE => {}
                answer => break answer.expect_err("used up"),
            }
        };
        assert_eq!(denial.reason, reason);
        assert!(denial.grant.is_some());
    }
    budget(160).await;
    permit(&gate, &paid.facts(), &once(), &[DenialReason::Stale, DenialReason::Budget]).await.commit();
    story.world.set_ahead(WINDOW + Duration::from_secs(1));
    permit(&gate, &rated.facts(), &once(), &[DenialReason::Stale, DenialReason::Rate]).await.commit();
    gate.flush(PATIENCE).await.expect("sent");
    assert_eq!((story.permitted(&rated).len(), story.permitted(&paid).len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_spool_denies_until_it_has_drained() {
    let story = Story::begin(LONG_BOUND).await;
    let mut config = story.spooled("till-1", story.world.address()).await;
    let spool = config.spool.as_mut().expect("a spool");
    spool.max_bytes = 16 * 1024;
    let gate = connect(config).await;
    let facts = story.customer.facts();
    // nothing leaves before what is open
    let open = gate.check(&facts).await.expect("room");
    let mut permits = 1;
    let denial = loop {
        match gate.check(&facts).await {
            Ok(permit) => drop(permit.commit()),
            Err(denial) => break denial,
        }
        permits += 1;
        assert!(permits < 1000, "16 KiB take everything");
    };
    assert_eq!((denial.reason, denial.source), (DenialReason::SpoolFull, Source::Gate));
    assert!(gate.spool().expect("a spool").is_full);
    open.commit();
    gate.flush(PATIENCE).await.expect("sent");
    gate.check(&facts).await.expect("room again").commit();
    gate.flush(PATIENCE).await.expect("sent");
    let recorded = story.permitted(&story.customer);
    assert_eq!(recorded.len(), permits + 1);
    assert!((0..).zip(&recorded).all(|(seq, record)| record.seq == seq), "no gaps");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_word_denies_at_every_door() {
    let story = Story::begin(LONG_BOUND).await;
    let at = story.world.address();
    let configs = [story.remote(at).await, story.embedded(at).await, story.spooled("till-1", at).await];
    let facts = story.customer.facts();
    let unknown = [
        ("purpose", UseFacts { purpose: term("palmistry"), ..facts.clone() }),
        ("category", UseFacts { categories: words(&["dreams"]), ..facts.clone() }),
        ("field", UseFacts { fields: words(&["aura"]), ..facts.clone() }),
        ("action", UseFacts { action: term("conjure"), ..facts.clone() }),
    ];
    for (config, remote) in configs.into_iter().zip([true, false, false]) {
        let gate = connect(config).await;
        for (part, facts) in &unknown {
            let denial = gate.check(facts).await.expect_err("an unknown word");
            assert_eq!(denial.reason, DenialReason::UnknownTerm, "{part}");
            assert_eq!(matches!(denial.source, Source::Ledger), remote, "{denial:?}");
            assert_eq!(matches!(denial.source, Source::Replica { .. }), !remote, "{denial:?}");
            assert!(matches!(denial.detail, Some(Detail::Term { .. })), "{denial:?}");
        }
        permit(&gate, &facts, &once(), &[DenialReason::Stale]).await.commit();
        gate.flush(PATIENCE).await.expect("sent");
    }
    assert_eq!(story.permitted(&story.customer).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_gate_cannot_carry_out_is_denied_at_every_door() {
    let story = Story::begin(LONG_BOUND).await;
    let (customer, grant) = story
        .another("bert", |terms| {
            unpaid(terms);
            terms["obligations"] = json!([{"notify": {"party": "data-protection-officer"}}]);
        })
        .await;
    let at = story.world.address();
    let notices = story.folder.path().join("notices");
    let without = Arc::new(Means::default());
    let with = Arc::new(Means { notifier: Some(notifier(&notices)), ..Means::default() });
    for door in 0..3 {
        let config = async |name: &str| match door {
            0 => story.remote(at).await,
            1 => story.embedded(at).await,
            _ => story.spooled(name, at).await,
        };
        let gate = connect(GateConfig { means: Some(Arc::clone(&without)), ..config("till-1").await }).await;
        let denial = gate.check(&customer.facts()).await.expect_err("nobody passes notices on");
        let by = (denial.reason, denial.grant, denial.source);
        assert_eq!(by, (DenialReason::UnknownObligation, Some(grant.id), Source::Gate), "door {door}");
        // others are not concerned
        permit(&gate, &story.customer.facts(), &once(), &[DenialReason::Stale]).await.commit();
        let gate = connect(GateConfig { means: Some(Arc::clone(&with)), ..config("till-2").await }).await;
        let permit = permit(&gate, &customer.facts(), &once(), &[DenialReason::Stale]).await;
        assert_eq!(permit.obligations().len(), 1);
    }
}

fn notifier(file: &Path) -> Arc<FileNotifier> {
    Arc::new(FileNotifier::open(file).expect("a file of ours"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_evaluated_is_denied_and_not_tried_again() {
    let story = Story::begin(LONG_BOUND).await;
    let at = story.world.address();
    let facts = story.customer.facts();
    let other = UseFacts { fields: words(&["date"]), ..facts.clone() };
    let status = |got| Source::Link(LinkFault::Status { got });
    // a token that nobody gave out
    let config = story.remote(at).await;
    let gate = connect(GateConfig { token: Token::new("gbk_nobody"), ..config.clone() }).await;
    let (refused, took) = denial(&gate, &facts, &once()).await;
    assert_eq!((refused.reason, refused.source), (DenialReason::EvaluationError, status(401)));
    assert!(took < DEADLINE + SLACK, "{took:?}");
    // another use under the id of one that is recorded
    for (config, source) in [(config, status(409)), (story.spooled("till-1", at).await, Source::Gate)] {
        let gate = connect(config).await;
        permit(&gate, &facts, &use_id("order-1"), &[DenialReason::Stale]).await.commit();
        let (refused, _) = denial(&gate, &other, &use_id("order-1")).await;
        assert_eq!((refused.reason, refused.source), (DenialReason::EvaluationError, source));
        permit(&gate, &other, &use_id("order-2"), &[DenialReason::Stale]).await.commit();
        gate.flush(PATIENCE).await.expect("sent");
    }
    assert_eq!(story.permitted(&story.customer).len(), 4);
}
