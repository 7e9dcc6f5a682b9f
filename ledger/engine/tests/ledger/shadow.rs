//! Rules in shadow: they change nothing, and what they would have changed is what they change once they are promoted.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantbook_engine::{AppendError, Clock, Ledger, LedgerConfig, Recorded};
use grantbook_plan::rules::PolicyPlan;
use grantbook_plan::simulation::{Judged, Verdict, Window};
use grantbook_plan::tenant::Candidate;
use grantbook_plan::{Decision, Refusal};
use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Claims, PolicyPublished, Promotion, Shadow, Stage};
use grantbook_record::uses::{Denied, Outcome, Permitted, UseFacts, UseRecord, sign_batch};
use grantbook_record::{DenialReason, Envelope, GateId, Jti, Kind, Salt, Signer, TenantId, Terms};
use serde_json::{Value, json};

use crate::world::{self, World};

/// A clock that the test sets, in milliseconds.
#[derive(Clone)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(Clock::system().now().0 / 1000 * 1000)))
    }

    fn clock(&self) -> Clock {
        let hands = self.clone();
        Clock::new(move || UnixMillis(hands.0.load(Ordering::SeqCst)))
    }

    fn go_on(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

fn world_with(hands: &Hands) -> World {
    let folder = tempfile::tempdir().unwrap();
    let config = LedgerConfig { clock: hands.clock(), ..LedgerConfig::new(folder.path().join("data")) };
    World::with(folder, config)
}

/// Everything that a grant permits, but not to this requester.
fn plan_without(requester: &str) -> Value {
    let text = json!({"en": "ask", "zh-CN": "请求"});
    json!({"version": 1, "rules": [
        {"id": "agreed", "effect": "permit", "text": text, "when": {"bool": true}},
        {"id": format!("no-{requester}"), "effect": "forbid", "text": text,
            "when": {"equal": [{"attribute": "requester"}, {"word": requester}]}},
    ]})
}

fn shadow(hours: u16) -> Stage {
    Stage::Shadow(Shadow { hours: NonZeroU16::new(hours).unwrap() })
}

fn event(from: UnixSeconds, plan: Value, stage: Option<Stage>) -> PolicyPublished {
    PolicyPublished { version: 1, from, sources: Bytes32([1; 32]), plan, stage }
}

fn asked(customer: &str, requester: &str) -> UseFacts {
    UseFacts { requester: world::term(requester), ..world::facts(customer) }
}

#[test]
fn rules_in_shadow_change_nothing_until_they_are_promoted() {
    let hands = Hands::new();
    let mut world = world_with(&hands);
    let customer = world.enrol("ann");
    world.grant(&customer, "ann", |_| ());
    let plan = plan_without("web-shop");
    let start = world.config.clock.now().seconds();
    let publish = |world: &World, from, plan: &Value, stage| {
        world
            .append(Kind::PolicyPublished, event(from, plan.clone(), stage), &[&world.enterprise])
            .map(|_| ())
    };
    let now = |world: &World| world.config.clock.now().seconds();
    publish(&world, start, &plan, Some(shadow(2))).unwrap();
    let use_it = |world: &World| {
        world.ledger.decide_and_record(world.tenant, &asked("ann", "web-shop"), None, None).unwrap()
    };
    assert!(matches!(world.decide(&asked("ann", "web-shop")), Decision::Permit(_)));
    assert!(matches!(use_it(&world), Recorded::Permit { .. }));

    world = world.reopen(|_| ());
    let (candidate, simulated) = world.ledger.shadow(world.tenant).unwrap().unwrap();
    let parsed = PolicyPlan::from_value(&plan).unwrap();
    let until = UnixSeconds(start.0 + 2 * 3600);
    assert_eq!(candidate, Candidate { from: start, until, sources: Bytes32([1; 32]), plan: parsed });
    assert_eq!((simulated.in_force, simulated.report.would_deny.uses), (None, 1));
    assert!(world.ledger.tenant_state(world.tenant).unwrap().policy.is_none());

    // one second too early, and by a clock that is ahead
    let promoted = |early: Option<&str>| Some(Stage::Promoted(Promotion { early: early.map(world::term) }));
    hands.go_on(2 * 3600 - 1);
    for from in [now(&world), UnixSeconds(until.0 + 3600)] {
        let refused = publish(&world, from, &plan, promoted(None)).unwrap_err();
        assert!(matches!(refused, AppendError::Refused(Refusal::StillInShadow { .. })), "{refused}");
    }
    hands.go_on(1);
    publish(&world, now(&world), &plan, promoted(None)).unwrap();
    assert!(matches!(use_it(&world), Recorded::Denial(denial) if denial.reason == DenialReason::Policy));
    let state = world.ledger.tenant_state(world.tenant).unwrap();
    assert_eq!((state.policy.unwrap().version, state.candidate), (1, None));
    assert!(world.ledger.shadow(world.tenant).unwrap().is_none());
    assert!(world.ledger.fsck(&mut |_, _| ()).findings.is_empty());
}

#[test]
fn only_what_was_in_shadow_is_promoted_or_dropped() {
    let world = World::new();
    let from = world.config.clock.now().seconds();
    let (plan, other) = (plan_without("web-shop"), plan_without("till"));
    let publish =
        |event: PolicyPublished| world.append(Kind::PolicyPublished, event, &[&world.enterprise]).map(|_| ());
    let refused = |event| match publish(event) {
        Err(AppendError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    };
    let early = || Some(Stage::Promoted(Promotion { early: Some(world::term("incident")) }));
    let is_other = |refusal| matches!(refusal, Refusal::OtherCandidate { .. });
    assert_eq!(refused(event(from, plan.clone(), early())), Refusal::NoCandidate);
    assert_eq!(refused(event(from, Value::Null, Some(Stage::Dropped))), Refusal::NoCandidate);
    assert!(matches!(refused(event(from, Value::Null, Some(shadow(1)))), Refusal::Plan(_)));

    publish(event(from, plan.clone(), Some(shadow(72)))).unwrap();
    assert!(is_other(refused(event(from, other.clone(), early()))));
    let sources = Bytes32([2; 32]);
    assert!(is_other(refused(PolicyPublished { sources, ..event(from, plan.clone(), early()) })));
    assert!(is_other(refused(event(from, plan.clone(), Some(Stage::Dropped)))));
    let late = PolicyPublished { version: 2, ..event(from, plan.clone(), early()) };
    assert_eq!(refused(late), Refusal::Version { expected: 1 });

    // others may come into force meanwhile; what is in shadow stays there
    publish(event(from, other.clone(), None)).unwrap();
    let second = |plan: &Value, stage| PolicyPublished { version: 2, ..event(from, plan.clone(), stage) };
    let candidate = || world.ledger.tenant_state(world.tenant).unwrap().candidate;
    assert!(candidate().is_some());
    publish(second(&Value::Null, Some(Stage::Dropped))).unwrap();
    assert!(candidate().is_none());
    assert_eq!(world.ledger.tenant_state(world.tenant).unwrap().policy.unwrap().version, 1);

    publish(second(&other, Some(shadow(1)))).unwrap();
    publish(second(&plan, Some(shadow(1)))).unwrap();
    assert!(is_other(refused(second(&other, early()))));
    publish(second(&plan, early())).unwrap();
    let state = world.ledger.tenant_state(world.tenant).unwrap();
    assert_eq!(state.policy.unwrap().plan, PolicyPlan::from_value(&plan).unwrap());
    assert_eq!(state.candidate, None);
}

/// A gate that decides as the ledger stands and records what it says, denials too.
struct Till<'l> {
    ledger: &'l Ledger,
    tenant: TenantId,
    id: GateId,
    signer: Signer,
}

impl<'l> Till<'l> {
    fn new(ledger: &'l Ledger, tenant: TenantId) -> Self {
        let (id, signer) = (GateId::parse("till").unwrap(), Signer::from_seed(&[77; 32]).unwrap());
        ledger.register_gate(tenant, &id, *signer.public_key()).unwrap();
        Self { ledger, tenant, id, signer }
    }

    fn ask(&self, facts: &UseFacts, at: UnixMillis) -> (u64, Verdict) {
        let Self { ledger, tenant, id, signer } = self;
        let seq = ledger.gate_progress(*tenant, id).unwrap().next_seq;
        let verdict = Verdict::from(ledger.decide(*tenant, facts, None));
        let outcome = match &verdict {
            Verdict::Permitted { grant } => Outcome::Permitted(Permitted::committed(*grant)),
            Verdict::Denied { reason, .. } => Outcome::Denied(Denied { reason: *reason, grant: None }),
        };
        let record = UseRecord::new(id.clone(), seq, at.seconds(), facts.clone(), outcome);
        let claims = Claims::new(*tenant, Jti::new(at, [u8::try_from(seq).unwrap(); 10]), ());
        let records = [(record, Salt(Bytes32::sha256(&seq.to_be_bytes())))];
        let batch = serde_json::to_vec(&sign_batch(&claims, &records, signer).unwrap()).unwrap();
        assert_eq!(ledger.append_uses(*tenant, &batch).unwrap()[0].flag, None);
        (seq, verdict)
    }
}

/// Uses `from` to `to` of the same story: four customers, three requesters, some seconds between each.
fn live(
    ledger: &Ledger,
    tenant: TenantId,
    hands: &Hands,
    part: std::ops::Range<usize>,
) -> BTreeMap<u64, Verdict> {
    let till = Till::new(ledger, tenant);
    let ask = |n: usize| {
        let customer = ["ann", "bob", "cy", "di"][(n * 7 + n / 5) % 4];
        hands.go_on([0, 2, 5, 21][(n * 5 + n / 3) % 4]);
        till.ask(&asked(customer, ["web-shop", "till", "app"][n % 3]), hands.clock().now())
    };
    part.map(ask).collect()
}

fn simulated(ledger: &Ledger, tenant: TenantId, plan: &PolicyPlan, window: Window) -> BTreeMap<u64, Judged> {
    let mut judged = BTreeMap::new();
    ledger
        .simulate(tenant, plan, window, &mut |_, record, one| {
            judged.insert(record.seq, one.clone());
        })
        .unwrap();
    judged
}

/// Half of a story, then the candidate: in shadow at one ledger, in force at its copy; then the other half at both.
#[test]
fn what_the_shadow_says_is_what_promotion_does() {
    let hands = Hands::new();
    let world = world_with(&hands);
    let limits = |uses: u32| json!({"uses": uses, "rate": {"uses": 2, "seconds": 40}});
    for (name, uses) in [("ann", 12), ("bob", 9), ("cy", 30), ("di", 14)] {
        let customer = world.enrol(name);
        let limit = |terms: &mut Terms| terms.limits = serde_json::from_value(limits(uses)).unwrap();
        world.grant(&customer, name, limit);
        // a second one, in whose stead the first permits as long as it can
        world.grant(&customer, name, |terms| {
            terms.limits = serde_json::from_value(json!({"uses": 2})).unwrap();
        });
    }
    live(&world.ledger, world.tenant, &hands, 0..40);
    hands.go_on(1);
    let World { folder: first, ledger, tenant, enterprise, .. } = world;
    ledger.close().unwrap();
    drop(ledger);
    let second = tempfile::tempdir().unwrap();
    world::copy_folder(first.path(), second.path());
    let hands_there = Hands(Arc::new(AtomicU64::new(hands.clock().now().0)));
    let open = |folder: &std::path::Path, hands: &Hands| {
        let config = LedgerConfig { clock: hands.clock(), ..LedgerConfig::new(folder.join("data")) };
        Ledger::open(&config).unwrap()
    };
    let here = open(first.path(), &hands);
    let there = open(second.path(), &hands_there);
    let (plan, from) = (plan_without("till"), hands.clock().now().seconds());
    for (ledger, stage) in [(&here, Some(shadow(1))), (&there, None)] {
        let jti = Jti::new(hands.clock().now(), [99; 10]);
        let payload = Claims::new(tenant, jti, event(from, plan.clone(), stage)).to_json();
        let envelope = Envelope::sign(Kind::PolicyPublished, &payload, &[&enterprise]);
        ledger.append(tenant, &envelope).unwrap();
    }
    let as_before = live(&here, tenant, &hands, 40..120);
    let promoted = live(&there, tenant, &hands_there, 40..120);

    let plan = PolicyPlan::from_value(&plan).unwrap();
    let (candidate, shadowed) = here.shadow(tenant).unwrap().unwrap();
    let window = Window { since: from, until: candidate.until };
    let judged = simulated(&here, tenant, &plan, window);
    let now: BTreeMap<u64, Verdict> = judged.iter().map(|(seq, one)| (*seq, one.now.clone())).collect();
    let then: BTreeMap<u64, Verdict> = judged.iter().map(|(seq, one)| (*seq, one.then.clone())).collect();
    assert_eq!(now, as_before);
    assert_eq!(then, promoted);
    let differing = as_before.iter().filter(|(seq, said)| promoted.get(seq) != Some(said)).count() as u64;
    let report = &shadowed.report;
    assert_eq!(report.differences.iter().map(|one| one.sum.uses).sum::<u64>(), differing);
    assert!(report.would_deny.uses > 5 && report.would_permit.uses > 5, "{report:?}");
    for reason in [DenialReason::Cap, DenialReason::Rate] {
        let of = |(here, there): (&Verdict, &Verdict)| {
            matches!(here, Verdict::Denied { reason: denied, .. } if *denied == reason)
                && there.grant().is_some()
        };
        assert!(as_before.values().zip(promoted.values()).any(of), "{reason} makes room");
    }
    // the promoted rules differ from themselves in nothing, and explain all that was done under them
    let judged = simulated(&there, tenant, &plan, window);
    assert!(judged.iter().all(|(seq, one)| one.now == one.then && promoted.get(seq) == Some(&one.then)));
    here.close().unwrap();
    there.close().unwrap();
}
