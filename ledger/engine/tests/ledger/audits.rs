//! Random audits: all that an honest ledger holds can be opened, and passes every check.

use grantbook_engine::{Clock, DrawnError, Recorded, WitnessedError};
use grantbook_plan::audit::{Auditor, Report};
use grantbook_record::audit::{Answer, Request};
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{
    Act, Channel, Claims, DataDeleted, Event, GrantAmended, GrantPaused, GrantResumed, OpenedAudit,
    RecordedUse,
};
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::terms::RetentionDays;
use grantbook_record::uses::{Denied, Outcome, Permitted, UseFacts, UseRecord, Voided, sign_batch};
use grantbook_record::{DenialReason, GateId, Jti, Kind, Salt, Signer};
use grantbook_tlog::Demands;

use crate::money;
use crate::world::{self, World};

fn gate() -> (GateId, Signer) {
    (GateId::parse("till-1").unwrap(), Signer::from_seed(&[77; 32]).unwrap())
}

/// A gate's records, recorded now; gives their flags.
fn send(world: &World, uses: &[(UseFacts, Outcome)]) -> Vec<Option<DenialReason>> {
    let (id, signer) = gate();
    world.ledger.register_gate(world.tenant, &id, *signer.public_key()).unwrap();
    let now = Clock::system().now();
    let first = world.ledger.gate_progress(world.tenant, &id).unwrap().next_seq;
    let record = |(seq, (facts, outcome)): (u64, &(UseFacts, Outcome))| {
        let record = UseRecord::new(id.clone(), seq, now.seconds(), facts.clone(), outcome.clone());
        (record, Salt(Bytes32::sha256(format!("{seq}").as_bytes())))
    };
    let records: Vec<_> = (first..).zip(uses).map(record).collect();
    let claims = Claims::new(world.tenant, Jti::new(now, [u8::try_from(first).unwrap(); 10]), ());
    let batch = serde_json::to_vec(&sign_batch(&claims, &records, &signer).unwrap()).unwrap();
    let appended = world.ledger.append_uses(world.tenant, &batch).unwrap();
    appended.iter().map(|used| used.flag).collect()
}

fn permitted(grant: Jti) -> Outcome {
    Outcome::Permitted(Permitted::committed(grant))
}

/// What the grant excludes.
fn outside(name: &str) -> UseFacts {
    UseFacts { fields: world::list(&["dollars"]), ..world::facts(name) }
}

fn used(world: &World, name: &str) {
    let recorded = world.ledger.decide_and_record(world.tenant, &world::facts(name), None, None).unwrap();
    assert!(matches!(recorded, Recorded::Permit { .. }));
}

/// A request for all entries.
fn request(world: &World) -> Request {
    let published = world.ledger.publishable().unwrap();
    let count = u32::try_from(published.size.0).unwrap();
    Request::new(&published.note, Bytes32([5; 32]), count).unwrap()
}

fn audit(world: &World) -> Report {
    let request = request(world);
    let mut auditor = Auditor::new(&request, world.ledger.log_keys(), &Demands::default()).unwrap();
    let drawn = world.ledger.open_drawn(&request).unwrap();
    assert_eq!(drawn.len(), auditor.drawn().len());
    for answer in drawn {
        auditor.take(&answer.unwrap().to_json());
    }
    auditor.finish()
}

/// Everything that a ledger records, by customers who stay, who leave and whose grants ended.
fn everything() -> World {
    let world = World::new();
    let (stays, leaves) = (world.enrol("stays"), world.enrol("leaves"));
    let keeps = |terms: &mut grantbook_record::Terms| terms.limits.retention_days = RetentionDays::new(30);
    let grant = world.grant(&stays, "stays", keeps);
    used(&world, "stays");
    let facts = || world::facts("stays");
    let denied = Denied { reason: DenialReason::Field, grant: Some(grant.id) };
    let flags = send(
        &world,
        &[
            (facts(), permitted(grant.id)),
            (outside("stays"), permitted(grant.id)),
            (outside("stays"), Outcome::Denied(denied)),
            (facts(), Outcome::Voided(Voided { grant: grant.id })),
            (world::facts("nobody"), permitted(Jti::new(Clock::system().now(), [1; 10]))),
        ],
    );
    assert_eq!(flags, [None, Some(DenialReason::Field), None, None, Some(DenialReason::NoGrant)]);
    let (sub, id) = (world::sub("stays"), grant.id);
    let mut terms = grant.claims.event.terms.clone();
    terms.limits.uses = None;
    let amended = GrantAmended { sub: sub.clone(), grant: id, terms, birth_day: None };
    world.append(Kind::GrantAmended, amended, &[&stays]).unwrap();
    used(&world, "stays");
    world.append(Kind::GrantPaused, GrantPaused { sub: sub.clone(), grant: id }, &[&stays]).unwrap();
    world.append(Kind::GrantResumed, GrantResumed { sub: sub.clone(), grant: id }, &[&stays]).unwrap();
    let (till, _) = gate();
    let through = RecordedUse { gate: till, seq: 0 };
    let at = UnixSeconds(Clock::system().now().seconds().0);
    world
        .append(
            Kind::DataDeleted,
            DataDeleted { sub: sub.clone(), grant: id, through, at },
            &[&world.enterprise],
        )
        .unwrap();
    world.ledger.withdraw_by_channel(world.tenant, &sub, id, Channel::Phone).unwrap();
    let ending = world.ledger.ending(world.tenant, &id).unwrap().unwrap();
    world.ledger.acknowledge(world.tenant, &ending, 1, Clock::system().now()).unwrap();
    // another enterprise's entry, and one for everybody
    let other =
        world.ledger.create_tenant("other", *Signer::from_seed(&[9; 32]).unwrap().public_key(), false);
    world.ledger.record_act(Act::TenantCreated, Some(other.unwrap().id)).unwrap();
    // one who leaves, with a use
    world.grant(&leaves, "leaves", |_| ());
    used(&world, "leaves");
    let gone = world.ledger.begin_erasure(world.tenant, &world::sub("leaves"), Channel::Mail).unwrap();
    world.ledger.purged(world.tenant, gone.id, gate().0).unwrap();
    world.ledger.finish_erasure(world.tenant, gone.id, &[gate().0]).unwrap();
    world
}

#[test]
fn all_of_an_honest_ledger_passes_an_audit() {
    let world = everything();
    let report = audit(&world);
    assert_eq!(report.findings, [], "{report}");
    // enrolment, grant, use and withdrawal of who has left
    assert_eq!((report.erased, report.without_terms, report.flagged), (4, 0, 2), "{report}");
    assert_eq!(report.opened + report.erased, report.tree_size);
    for kind in ["use.denied", "use.voided", "data.deleted", "recipient.acknowledged", "operator.acted"] {
        assert!(report.kinds.contains_key(kind), "{kind}: {report}");
    }
    // once the envelopes of ended grants are shredded, their uses are opened without terms
    world.ledger.shred_ended(UnixSeconds(u64::MAX)).unwrap();
    let report = audit(&world);
    assert_eq!(report.findings, [], "{report}");
    assert!(report.without_terms > 0 && report.erased > 4, "{report}");
}

#[test]
fn what_is_settled_passes_an_audit() {
    let world = World::new();
    for (name, compensation) in [("ann", money::SHARE), ("bob", money::PER_USE)] {
        money::customer(&world, name, compensation);
        money::use_of(&world, name, 2);
    }
    let (cyn, grant) = money::customer(&world, "cyn", money::PER_GRANT);
    // what is due for the first terms accrues for their group, though others are in force
    let mut terms = grant.claims.event.terms;
    terms.compensation = serde_json::from_str(r#"{"benefit":{"what":"better-rate"}}"#).unwrap();
    let amended = GrantAmended { sub: world::sub("cyn"), grant: grant.id, terms, birth_day: None };
    world.append(Kind::GrantAmended, amended, &[&cyn]).unwrap();
    money::declare(&world, 1, 1, 30_005).unwrap();
    assert_eq!(money::settle(&world).len(), 3);
    let report = audit(&world);
    assert_eq!(report.findings, [], "{report}");
    assert_eq!((report.kinds["payout.accrued"], report.kinds["settlement.posted"]), (2, 3), "{report}");
}

#[test]
fn a_use_outside_its_terms_is_flagged_also_where_the_gate_could_not_know_of_the_end() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    let grant = world.grant(&customer, "cs-1", |_| ());
    world.withdraw(&customer, "cs-1", grant.id);
    let uses = [(world::facts("cs-1"), permitted(grant.id)), (outside("cs-1"), permitted(grant.id))];
    assert_eq!(send(&world, &uses), [None, Some(DenialReason::Field)]);
    let report = audit(&world);
    assert_eq!(report.findings, [], "{report}");
}

#[test]
fn everybody_reads_that_entries_were_opened() {
    let world = everything();
    let request = request(&world);
    let drawn = world.ledger.open_drawn(&request).unwrap();
    let receipt = world.ledger.public_receipt(drawn.act()).unwrap();
    let verified = receipt.verify(world.ledger.log_keys()).unwrap();
    let VerifiedContent::Event { claims, .. } = verified.content else { panic!("an event") };
    let Event::OperatorActed(acted) = claims.event else { panic!("an act") };
    let opened = OpenedAudit { request: request.sha256(), entries: request.count() };
    assert_eq!((acted.act, acted.about), (Act::AuditOpened(opened), None));
    // the lines of others are left out of the proofs
    let answers: Vec<Answer> = drawn.map(Result::unwrap).collect();
    assert!(answers[0].receipt.matches("— ").count() == 2, "{}", answers[0].receipt);
    assert!(request.checkpoint().matches("— ").count() == 3, "{}", request.checkpoint());
}

#[test]
fn what_is_not_of_this_history_is_not_answered() {
    let (world, other) = (everything(), World::new());
    let size = world.ledger.size_root();
    // the other's keys are its own, so that its checkpoint is not even signed by this log
    let refused = world.ledger.open_drawn(&request(&other)).err().unwrap();
    assert!(matches!(refused, DrawnError::Checkpoint(WitnessedError::Checkpoint(_))), "{refused}");
    assert_eq!(world.ledger.size_root(), size, "and nothing is on the log");
}
