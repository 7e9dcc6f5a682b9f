//! What is owed under grants: acknowledgements of their end, exactly one for each recipient, and deletions.

use grantbook_engine::{AppendError, Appended, Clock, Ending, Ledger, Recorded, fsck};
use grantbook_plan::Refusal;
use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{
    Acknowledger, Channel, Claims, DataDeleted, RecipientAcknowledged, RecordedUse,
};
use grantbook_record::terms::RetentionDays;
use grantbook_record::uses::{Denied, Outcome, Permitted, UseRecord, sign_batch};
use grantbook_record::{DenialReason, GateId, Jti, Kind, Salt, Signer};
use grantbook_tlog::LeafIndex;

use crate::world::{self, World};

const DAY: u64 = 86_400;

fn gate() -> (GateId, Signer) {
    (GateId::parse("till-1").unwrap(), Signer::from_seed(&[77; 32]).unwrap())
}

/// A gate's records of uses: by whom, under which grant (none: denied), passed on to whom. Gives the leaf indexes.
fn send(world: &World, uses: &[(&str, Option<Jti>, &[&str])]) -> Vec<LeafIndex> {
    let (id, signer) = gate();
    world.ledger.register_gate(world.tenant, &id, *signer.public_key()).unwrap();
    let now = Clock::system().now();
    let first = world.ledger.gate_progress(world.tenant, &id).unwrap().next_seq;
    let record = |(seq, (name, grant, onward)): (u64, &(&str, Option<Jti>, &[&str]))| {
        let outcome = match grant {
            Some(grant) => Outcome::Permitted(Permitted::committed(*grant)),
            None => Outcome::Denied(Denied { reason: DenialReason::NoGrant, grant: None }),
        };
        let mut facts = world::facts(name);
        facts.onward = world::list(onward);
        let record = UseRecord::new(id.clone(), seq, now.seconds(), facts, outcome);
        (record, Salt(Bytes32::sha256(format!("{seq}").as_bytes())))
    };
    let records: Vec<_> = (first..).zip(uses).map(record).collect();
    let claims = Claims::new(world.tenant, Jti::new(now, [u8::try_from(first).unwrap(); 10]), ());
    let batch = serde_json::to_vec(&sign_batch(&claims, &records, &signer).unwrap()).unwrap();
    let appended = world.ledger.append_uses(world.tenant, &batch).unwrap();
    appended.iter().map(|used| used.leaf_index).collect()
}

fn open(world: &World) -> Vec<Ending> {
    let (endings, next) = world.ledger.open_endings(world.tenant, None, 100).unwrap();
    assert_eq!(next, None);
    endings
}

fn by_recipient(
    world: &World,
    ending: &Ending,
    change: impl FnOnce(&mut RecipientAcknowledged),
) -> Result<Appended, AppendError> {
    let mut event = RecipientAcknowledged {
        sub: ending.sub.clone(),
        grant: ending.grant.id,
        ended: ending.event,
        recipient: world::term("broker"),
        by: Acknowledger::Recipient,
        at: Clock::system().now(),
    };
    change(&mut event);
    world.append(Kind::RecipientAcknowledged, event, &[&world.enterprise])
}

fn refusal(appended: Result<Appended, AppendError>) -> Refusal {
    match appended {
        Err(AppendError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// With the log read back into an empty state, and nothing wrong.
fn lose_state(world: World) -> World {
    let world = world.reopen(|config| {
        let report = fsck(config, false, &mut |_, _| ()).unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        std::fs::remove_dir_all(config.data_dir.join("epochs/1/state")).unwrap();
    });
    let report = world.ledger.fsck(&mut |_, _| ());
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    world
}

#[test]
fn every_recipient_acknowledges_an_end_once() {
    let mut world = World::new();
    let mut heard = world.ledger.wait_endings();
    let ann = world.enrol("ann");
    let [grant, kept] = [0, 1].map(|_| world.grant(&ann, "ann", |_| ()));
    send(&world, &[("ann", Some(grant.id), &["broker", "recommender"]), ("ann", Some(kept.id), &[])]);
    assert!(open(&world).is_empty());
    assert!(world.ledger.ending(world.tenant, &grant.id).unwrap().is_none());
    assert!(!heard.has_changed().unwrap());
    let withdrawn = world.withdraw(&ann, "ann", grant.id);
    assert!(heard.has_changed().unwrap());
    heard.borrow_and_update();

    let [ending] = &open(&world)[..] else { panic!("one is open") };
    assert_eq!((ending.leaf_index, ending.grant.id), (withdrawn.leaf_index, grant.id));
    let frame = ending.duties.frame().unwrap();
    assert_eq!(frame.0 + 1, world.ledger.feed_end(world.tenant).unwrap().position.0);
    let at = UnixMillis(1_795_000_000_118);
    let by_gates = world.ledger.acknowledge(world.tenant, ending, 3, at).unwrap();
    let verified = by_gates.receipt.verify(world.ledger.log_keys()).unwrap();
    assert_eq!(verified.entry.kind, Kind::RecipientAcknowledged);
    assert_eq!(by_gates.receipt.link.target.leaf_index, withdrawn.leaf_index.0);
    let link = world.ledger.receipt(world.tenant, withdrawn.leaf_index).unwrap();
    let leaf_hash = link.verify(world.ledger.log_keys()).unwrap().leaf_hash;
    assert_eq!(by_gates.receipt.link.target.leaf_hash.0, leaf_hash.0);
    let said = world.ledger.acknowledgement(by_gates.leaf_index).unwrap();
    assert_eq!((said.by, said.at), (Acknowledger::Gates(3), at));

    // each part of it must be right
    let ending = ending.clone();
    let again = world.ledger.acknowledge(world.tenant, &ending, 3, at);
    assert_eq!(refusal(again), Refusal::AlreadyAcknowledged);
    let wrong = |change: fn(&mut RecipientAcknowledged)| refusal(by_recipient(&world, &ending, change));
    assert_eq!(wrong(|event| event.recipient = world::term("recommender")), Refusal::NotARecipient);
    assert_eq!(wrong(|event| event.recipient = world::term("nobody")), Refusal::NotARecipient);
    assert_eq!(wrong(|event| event.ended = event.grant), Refusal::NoSuchEnd);
    assert!(matches!(wrong(|event| event.by = Acknowledger::Gates(3)), Refusal::Signers { .. }));
    assert_eq!(
        refusal(by_recipient(&world, &ending, |event| event.grant = kept.id)),
        Refusal::NoSuchEnd,
        "it has not ended"
    );
    world = lose_state(world);
    let [still] = &open(&world)[..] else { panic!("the broker has not") };
    assert_eq!(still.duties, world.ledger.ending(world.tenant, &grant.id).unwrap().unwrap().duties);
    by_recipient(&world, &ending, |_| ()).unwrap();
    assert_eq!(refusal(by_recipient(&world, &ending, |_| ())), Refusal::AlreadyAcknowledged);
    assert!(open(&world).is_empty());

    // a use that comes late names one more
    send(&world, &[("ann", Some(grant.id), &["reseller", "broker"])]);
    let late = open(&world);
    assert_eq!(
        late[0].duties.recipients(&late[0].grant.terms).filter(|r| r.acknowledged.is_none()).count(),
        1
    );
    world = lose_state(world);
    assert_eq!(open(&world)[0].duties, late[0].duties);
    by_recipient(&world, &ending, |event| event.recipient = world::term("reseller")).unwrap();
    assert!(open(&world).is_empty());
    lose_state(world);
}

#[test]
fn ends_are_listed_in_pages_and_go_with_their_customers() {
    let mut world = World::new();
    for name in ["ann", "bob", "cyn"] {
        let customer = world.enrol(name);
        let grant = world.grant(&customer, name, |_| ());
        world.withdraw(&customer, name, grant.id);
    }
    let (page, next) = world.ledger.open_endings(world.tenant, None, 2).unwrap();
    let (rest, end) = world.ledger.open_endings(world.tenant, next, 2).unwrap();
    let names: Vec<&str> = page.iter().chain(&rest).map(|ending| ending.sub.as_str()).collect();
    assert_eq!((names, end), (vec!["ann", "bob", "cyn"], None));
    world.ledger.acknowledge(world.tenant, &page[1], 0, Clock::system().now()).unwrap();
    let pending = world.ledger.begin_erasure(world.tenant, &world::sub("ann"), Channel::Mail).unwrap();
    world.ledger.finish_erasure(world.tenant, pending.id, &[]).unwrap();
    assert_eq!(open(&world).len(), 1);
    // of both, the acknowledgement is shredded with the rest of the grant
    assert_eq!(world.ledger.shred_ended(UnixSeconds(u64::MAX)).unwrap(), 2);
    for _ in 0..2 {
        assert!(open(&world).is_empty());
        assert!(world.ledger.acknowledge(world.tenant, &rest[0], 0, Clock::system().now()).is_err());
        world = lose_state(world);
    }
}

fn deleted(world: &World, grant: Jti, gate: &str, seq: u64) -> Result<Appended, AppendError> {
    let through = RecordedUse { gate: GateId::parse(gate).unwrap(), seq };
    let event = DataDeleted { sub: world::sub("ann"), grant, through, at: Clock::system().now().seconds() };
    world.append(Kind::DataDeleted, event, &[&world.enterprise])
}

fn due(ledger: &Ledger, world: &World, before: u64) -> usize {
    let listed = ledger.deletions_due(world.tenant, UnixSeconds(before), None, 100).unwrap();
    assert_eq!(listed.1, None);
    listed.0.len()
}

#[test]
fn deletions_cover_the_uses_up_to_one() {
    let mut world = World::new();
    let ann = world.enrol("ann");
    let [grant, other] = [0, 1]
        .map(|_| world.grant(&ann, "ann", |terms| terms.limits.retention_days = RetentionDays::new(30)));
    let now = Clock::system().now().seconds().0;
    let due_at = now / DAY * DAY + 30 * DAY;
    assert_eq!(due(&world.ledger, &world, u64::MAX), 0);
    let Recorded::Permit { leaf_index: remote, .. } =
        world.ledger.decide_and_record(world.tenant, &world::facts("ann"), None, None).unwrap()
    else {
        panic!("a permit was expected")
    };
    let g = Some(grant.id);
    let leaves = send(&world, &[("ann", g, &[]), ("ann", None, &[]), ("ann", Some(other.id), &[])]);
    let last = send(&world, &[("ann", g, &[])])[0];
    assert_eq!(due(&world.ledger, &world, due_at), 0);
    assert_eq!(due(&world.ledger, &world, due_at + 1), 2);

    // no use, another grant's, a denial, somebody's who is none
    for (gate, seq) in [("till-1", 4), ("till-1", 2), ("till-1", 1), ("till-2", 0), ("till-1", u64::MAX)] {
        assert_eq!(refusal(deleted(&world, grant.id, gate, seq)), Refusal::NoSuchUse, "{gate} {seq}");
    }
    let done = deleted(&world, grant.id, "till-1", 0).unwrap();
    assert_eq!(done.receipt.link.target.leaf_index, leaves[0].0);
    done.receipt.verify(world.ledger.log_keys()).unwrap();
    assert_eq!(refusal(deleted(&world, grant.id, "till-1", 0)), Refusal::DeletedAlready);
    assert_eq!(
        refusal(deleted(&world, grant.id, "remote", 0)),
        Refusal::DeletedAlready,
        "that one was earlier"
    );
    assert!(remote < leaves[0]);
    let row = |world: &World| world.ledger.grant(world.tenant, &grant.id).unwrap();
    assert_eq!(row(&world).duties.deleted_through(), Some(leaves[0].0));
    assert_eq!(due(&world.ledger, &world, due_at + 1), 2, "the last use's data is kept");
    world = lose_state(world);
    assert_eq!(row(&world).duties.deleted_through(), Some(leaves[0].0));
    assert_eq!(deleted(&world, grant.id, "till-1", 3).unwrap().receipt.link.target.leaf_index, last.0);
    assert_eq!(due(&world.ledger, &world, due_at + 1), 1);

    let customer = DataDeleted {
        sub: world::sub("ann"),
        grant: other.id,
        through: RecordedUse { gate: GateId::parse("till-1").unwrap(), seq: 2 },
        at: UnixSeconds(now + 60),
    };
    let ahead = world.append(Kind::DataDeleted, customer.clone(), &[&world.enterprise]);
    assert_eq!(refusal(ahead), Refusal::DeletedAhead);
    let by_customer = world.append(Kind::DataDeleted, customer, &[&ann]);
    assert!(matches!(refusal(by_customer), Refusal::Signers { .. }));
    // the end of a grant ends no duty to delete
    world.withdraw(&ann, "ann", other.id);
    assert_eq!(due(&world.ledger, &world, due_at + 1), 1);
    deleted(&world, other.id, "till-1", 2).unwrap();
    assert_eq!(due(&world.ledger, &world, u64::MAX), 0);
    lose_state(world);
}
