//! Erasure and the rolling of key epochs: what must be gone is gone from every byte, what must stay verifies.

use std::path::Path;

use grantbook_compliance::{Commitment, verify_opening};
use grantbook_engine::{AppendError, EraseError, Ledger, OpenError, ReadError, Recorded};
use grantbook_plan::Decision;
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::Salt;
use grantbook_record::event::{Channel, Claims, SubjectErased};
use grantbook_record::feed::{About, FeedPosition};
use grantbook_record::receipt::Content;
use grantbook_record::terms::Compensation;
use grantbook_record::uses::{Outcome, Permitted, UseRecord, sign_batch};
use grantbook_record::{Currency, DenialReason, Entry, GateId, Jti, Kind, Price, Receipt, Signer, Terms};
use grantbook_tlog::tile::{BundleCoord, parse_bundle};
use grantbook_tlog::verify_consistency;

use crate::world::{self, Grant, World};

/// Enough customers that files, journal and state all take part.
const CUSTOMERS: usize = 150;
const ERASED: &str = "cs-42";

struct Shop {
    world: World,
    grants: Vec<(Signer, Grant)>,
    receipts: Vec<Receipt>,
}

/// Every customer enrols, grants and is used once.
fn shop() -> Shop {
    let world = World::new();
    let mut grants = Vec::new();
    let mut receipts = Vec::new();
    for number in 0..CUSTOMERS {
        let name = format!("cs-{number}");
        let customer = world.enrol(&name);
        grants.push((world.grant(&customer, &name, |_| ()), customer));
    }
    for number in 0..CUSTOMERS {
        let facts = world::facts(&format!("cs-{number}"));
        match world.ledger.decide_and_record(world.tenant, &facts, None, None).unwrap() {
            Recorded::Permit { receipt, .. } => receipts.push(*receipt),
            Recorded::Denial(denial) => panic!("{denial}"),
        }
    }
    let grants = grants.into_iter().map(|(grant, customer)| (customer, grant)).collect();
    Shop { world, grants, receipts }
}

fn erase(world: &World) -> Receipt {
    let sub = world::sub(ERASED);
    let pending = world.ledger.begin_erasure(world.tenant, &sub, Channel::Mail).unwrap();
    assert_eq!(world.ledger.begin_erasure(world.tenant, &sub, Channel::Mail).unwrap(), pending);
    world.ledger.finish_erasure(world.tenant, pending.id, &[]).unwrap().receipt
}

fn check(world: &World, shop_grants: &[(Signer, Grant)], receipts: &[Receipt]) {
    let ledger = &world.ledger;
    for receipt in receipts {
        receipt.verify(ledger.log_keys()).unwrap();
    }
    assert_eq!(ledger.grants(world.tenant, None, 1000).unwrap().len(), CUSTOMERS - 1);
    for (number, (_, grant)) in shop_grants.iter().enumerate() {
        let name = format!("cs-{number}");
        let again = ledger.receipt(world.tenant, grant.leaf_index);
        let decision = world.decide(&world::facts(&name));
        if name == ERASED {
            assert!(matches!(again, Err(ReadError::Erased)), "{again:?}");
            assert!(matches!(decision, Decision::Denial(d) if d.reason == DenialReason::NoGrant));
            assert!(ledger.customer(world.tenant, &world::sub(&name)).is_none());
        } else {
            again.unwrap().verify(ledger.log_keys()).unwrap();
            assert!(matches!(decision, Decision::Permit(_)), "{name}");
            assert_eq!(ledger.use_count(world.tenant, &world::sub(&name), &grant.id).uses, 1);
        }
    }
    let end = ledger.feed_end(world.tenant).unwrap().position;
    let frames = ledger.feed(world.tenant, FeedPosition(0), 10_000).unwrap();
    assert_eq!(frames.len() as u64, end.0);
    // enrolment, grant and withdrawal
    assert_eq!(frames.iter().filter(|frame| frame.about == About::Erased).count(), 3);
    for frame in &frames {
        frame.receipt.verify_logged(ledger.log_keys()).unwrap();
    }
    let report = ledger.fsck(&mut |_, _| ());
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(report.erased, 4);
}

#[test]
fn an_erased_customer_is_gone_and_everything_else_still_verifies() {
    let Shop { mut world, grants, receipts } = shop();
    let erased = erase(&world);
    erased.verify(world.ledger.log_keys()).unwrap();
    check(&world, &grants, &receipts);
    // with the log read back into an empty state, before and after the roll
    let lose_state = |world: World, epoch: u64| {
        world.reopen(|config| {
            std::fs::remove_dir_all(config.data_dir.join(format!("epochs/{epoch}/state"))).unwrap();
        })
    };
    world = lose_state(world, 1);
    check(&world, &grants, &receipts);
    let (size, root) = world.ledger.size_root();
    assert_eq!(world.ledger.roll_epoch().unwrap().epoch.number, 2);
    // the roll itself goes on record, and nothing else changes
    let (size_now, root_now) = world.ledger.size_root();
    assert_eq!(size_now.0, size.0 + 1);
    let proof = world.ledger.consistency(size, size_now).unwrap();
    verify_consistency(size, &root, size_now, &root_now, &proof).unwrap();
    check(&world, &grants, &receipts);
    world = lose_state(world, 2);
    check(&world, &grants, &receipts);
    // the pseudonym may come again, and is somebody new
    let customer = world.enrol(ERASED);
    world.grant(&customer, ERASED, |_| ());
    assert!(matches!(world.decide(&world::facts(ERASED)), Decision::Permit(_)));
    for epoch in [2, 3] {
        world = lose_state(world, epoch);
        assert!(matches!(world.decide(&world::facts(ERASED)), Decision::Permit(_)));
        if epoch == 2 {
            world.ledger.roll_epoch().unwrap();
        }
    }
}

/// The sum of the commitments to payouts in these entries.
fn committed(ledger: &Ledger, leaves: &[u64]) -> Commitment {
    let payout = |leaf: &u64| {
        let coord = BundleCoord::in_tree(leaf / 256, ledger.size_root().0).unwrap();
        let bundle = ledger.bundle(&coord).unwrap().unwrap();
        let entry = parse_bundle(&bundle, coord.width()).unwrap()[usize::try_from(leaf % 256).unwrap()];
        Entry::parse(entry).unwrap().commitments[1]
    };
    leaves.iter().map(payout).reduce(|one, other| one.plus(&other).unwrap()).unwrap()
}

#[test]
fn what_erased_customers_were_paid_stays_as_a_sum_that_opens_the_logs_commitments() {
    let mut world = World::new();
    let price = |terms: &mut Terms| {
        terms.limits.uses = None;
        let price = Price { currency: Currency::parse("CNY").unwrap(), minor: 80 };
        terms.compensation = Compensation::PerUse(price);
    };
    for name in ["cs-1", "cs-2", "cs-3"] {
        let customer = world.enrol(name);
        world.grant(&customer, name, price);
    }
    let mut leaves = Vec::new();
    // beyond one bundle, so that some of it is kept and some is not
    for (name, times) in [("cs-1", 150), ("cs-3", 100), ("cs-2", 7), ("cs-1", 3)] {
        for _ in 0..times {
            match world.ledger.decide_and_record(world.tenant, &world::facts(name), None, None).unwrap() {
                Recorded::Permit { leaf_index, .. } if name != "cs-3" => leaves.push(leaf_index.0),
                Recorded::Permit { .. } => {}
                Recorded::Denial(denial) => panic!("{denial}"),
            }
        }
    }
    assert_eq!(world.ledger.closed_sums(world.tenant).unwrap(), []);
    for (name, payouts) in [("cs-1", 153), ("cs-2", 160)] {
        let pending = world.ledger.begin_erasure(world.tenant, &world::sub(name), Channel::Mail).unwrap();
        world.ledger.finish_erasure(world.tenant, pending.id, &[]).unwrap();
        let sums = world.ledger.closed_sums(world.tenant).unwrap();
        assert_eq!(sums.iter().map(|sum| sum.payouts).sum::<u64>(), payouts);
    }
    let sums = world.ledger.closed_sums(world.tenant).unwrap();
    // the same after the state was lost, before and after the roll
    for epoch in [1, 2] {
        world = world.reopen(|config| {
            std::fs::remove_dir_all(config.data_dir.join(format!("epochs/{epoch}/state"))).unwrap();
        });
        assert_eq!(world.ledger.closed_sums(world.tenant).unwrap(), sums);
        world.ledger.roll_epoch().unwrap();
    }
    assert_eq!(world.ledger.closed_sums(world.tenant).unwrap(), sums);
    let report = world.ledger.fsck(&mut |_, _| ());
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let opening = sums.iter().map(|sum| sum.opening.clone()).reduce(|one, other| one.plus(&other).unwrap());
    let opening = opening.unwrap();
    assert_eq!(opening.value, 160 * 80);
    verify_opening(&committed(&world.ledger, &leaves), &opening).unwrap();
}

#[test]
fn a_pseudonym_that_comes_again_before_the_roll_is_somebody_new() {
    let Shop { mut world, .. } = shop();
    erase(&world);
    let customer = world.enrol(ERASED);
    let grant = world.grant(&customer, ERASED, |_| ());
    for _ in 0..2 {
        let listed = world.ledger.customer(world.tenant, &world::sub(ERASED)).unwrap();
        assert_eq!((listed.keys.len(), listed.grants.len(), listed.grants[0].id), (1, 1, grant.id));
        assert!(matches!(world.decide(&world::facts(ERASED)), Decision::Permit(_)));
        world = world.reopen(|config| {
            std::fs::remove_dir_all(config.data_dir.join("epochs/1/state")).unwrap();
        });
    }
}

#[test]
fn who_is_erased_twice_stays_erased_when_the_log_is_read_back() {
    let mut world = World::new();
    let mut lives = Vec::new();
    for _ in 0..3 {
        let customer = world.enrol(ERASED);
        lives.push(world.grant(&customer, ERASED, |_| ()));
        if lives.len() < 3 {
            erase(&world);
        }
    }
    for _ in 0..2 {
        for (life, grant) in lives.iter().enumerate() {
            let read = world.ledger.receipt(world.tenant, grant.leaf_index);
            assert_eq!(matches!(read, Err(ReadError::Erased)), life < 2, "{life}: {read:?}");
        }
        world = world.reopen(|config| {
            std::fs::remove_dir_all(config.data_dir.join("epochs/1/state")).unwrap();
        });
    }
}

#[test]
fn a_batch_that_is_sent_again_after_an_erasure_is_acknowledged() {
    let world = World::new();
    let customer = world.enrol(ERASED);
    let grant = world.grant(&customer, ERASED, |_| ());
    let gate = Signer::from_seed(&[77; 32]).unwrap();
    let id = GateId::parse("till-1").unwrap();
    world.ledger.register_gate(world.tenant, &id, *gate.public_key()).unwrap();
    let now = grantbook_engine::Clock::system().now();
    let record = UseRecord::new(
        id,
        0,
        now.seconds(),
        world::facts(ERASED),
        Outcome::Permitted(Permitted::committed(grant.id)),
    );
    let claims = Claims::new(world.tenant, Jti::new(now, [7; 10]), ());
    let batch = sign_batch(&claims, &[(record, Salt(Bytes32([9; 32])))], &gate).unwrap();
    let batch = serde_json::to_vec(&batch).unwrap();
    let first = world.ledger.append_uses(world.tenant, &batch).unwrap().remove(0);
    erase(&world);
    for _ in 0..2 {
        // a gate that has missed the answer must not send it for ever
        let again = world.ledger.append_uses(world.tenant, &batch).unwrap().remove(0);
        assert!(again.duplicate && again.leaf_index == first.leaf_index);
        assert_eq!(again.receipt.content, Content::Erased);
        again.receipt.verify_logged(world.ledger.log_keys()).unwrap();
        world.ledger.roll_epoch().unwrap();
    }
}

#[test]
fn after_the_roll_no_key_that_is_left_opens_anything_of_the_erased() {
    let Shop { world, .. } = shop();
    let backup = world.folder.path().join("backup");
    world.ledger.close().unwrap();
    world::copy_folder(&world.config.data_dir, &backup);
    let world = world.reopen(|_| ());
    erase(&world);
    world.ledger.roll_epoch().unwrap();
    let World { folder, config, ledger, .. } = world;
    ledger.close().unwrap();
    drop(ledger);
    let names = |path: &Path| -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&config.data_dir.join("epochs")), ["2"]);
    assert_eq!(names(&config.keyring_dir), ["cases-2.sealed", "epoch-2.key", "keyring.json"]);
    // the older backup cannot be opened with what is left of the keyring, and nothing is destroyed by the attempt
    let present = config.data_dir.clone();
    std::fs::rename(&present, folder.path().join("present")).unwrap();
    std::fs::rename(&backup, &present).unwrap();
    assert!(matches!(Ledger::open(&config), Err(OpenError::Keyring(why)) if why.contains("epoch-1.key")));
    std::fs::remove_dir_all(&present).unwrap();
    std::fs::rename(folder.path().join("present"), &present).unwrap();
    Ledger::open(&config).unwrap();
}

#[test]
fn a_hold_and_gates_that_remember_keep_a_customer_from_being_erased() {
    let world = World::new();
    let (ledger, tenant, sub) = (&world.ledger, world.tenant, world::sub(ERASED));
    assert!(matches!(ledger.begin_erasure(tenant, &sub, Channel::Mail), Err(EraseError::UnknownCustomer)));
    let customer = world.enrol(ERASED);
    let grant = world.grant(&customer, ERASED, |_| ());
    ledger.place_hold(tenant, &sub, "file 12 of 2026").unwrap();
    assert!(matches!(ledger.place_hold(tenant, &sub, "twice"), Err(EraseError::Hold(_))));
    assert!(matches!(ledger.begin_erasure(tenant, &sub, Channel::Mail), Err(EraseError::Held)));
    assert!(matches!(world.decide(&world::facts(ERASED)), Decision::Permit(_)), "nothing was withdrawn");
    ledger.roll_epoch().unwrap();
    assert_eq!(ledger.legal_holds().unwrap()[0].reason, "file 12 of 2026");
    ledger.lift_hold(tenant, &sub).unwrap();
    assert!(matches!(ledger.lift_hold(tenant, &sub), Err(EraseError::Hold(_))));

    let pending = ledger.begin_erasure(tenant, &sub, Channel::Mail).unwrap();
    assert!(
        matches!(world.decide(&world::facts(ERASED)), Decision::Denial(d) if d.reason == DenialReason::Withdrawn)
    );
    let gates = ["till-1", "till-2"].map(|name| GateId::parse(name).unwrap());
    ledger.purged(tenant, pending.id, gates[0].clone()).unwrap();
    let waiting = ledger.finish_erasure(tenant, pending.id, &gates);
    assert!(matches!(waiting, Err(EraseError::Waiting(gates)) if gates.len() == 1));
    // a hold that comes while gates are asked counts too
    ledger.place_hold(tenant, &sub, "file 13 of 2026").unwrap();
    ledger.purged(tenant, pending.id, gates[1].clone()).unwrap();
    let held = ledger.finish_erasure(tenant, pending.id, &gates);
    assert!(matches!(held, Err(EraseError::Append(AppendError::NotErasable { .. }))), "{held:?}");
    ledger.lift_hold(tenant, &sub).unwrap();
    // and so does a grant
    world.grant(&customer, ERASED, |_| ());
    assert!(matches!(
        ledger.finish_erasure(tenant, pending.id, &gates),
        Err(EraseError::Append(AppendError::NotErasable { .. }))
    ));
    let again = ledger.begin_erasure(tenant, &sub, Channel::Mail).unwrap();
    ledger.finish_erasure(tenant, again.id, &gates).unwrap();
    assert!(matches!(ledger.finish_erasure(tenant, again.id, &gates), Err(EraseError::UnknownErasure)));
    assert!(matches!(ledger.receipt(tenant, grant.leaf_index), Err(ReadError::Erased)));
    assert!(ledger.erasures(tenant).unwrap().is_empty());
}

#[test]
fn only_the_operator_erases_and_only_customers_of_the_tenant() {
    let world = World::new();
    let customer = world.enrol(ERASED);
    for data_key in 0..5 {
        for signer in [&customer, &world.enterprise] {
            let refused =
                world.append(Kind::SubjectErased, SubjectErased { data_key, given: None }, &[signer]);
            assert!(refused.is_err());
        }
    }
    assert!(world.ledger.customer(world.tenant, &world::sub(ERASED)).is_some());
}
