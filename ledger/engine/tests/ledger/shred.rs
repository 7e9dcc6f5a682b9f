//! Shredding ended grants: their envelopes are gone, their entries and everybody else's records are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantbook_engine::{Clock, FsckReport, Ledger, LedgerConfig, ReadError, Recorded, fsck};
use grantbook_plan::Decision;
use grantbook_record::archive::Reader;
use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::event::{Channel, GrantAmended, GrantPaused, GrantResumed};
use grantbook_record::feed::{About, FeedPosition};
use grantbook_record::receipt::Content;
use grantbook_record::terms::Validity;
use grantbook_record::{DenialReason, GateId, Kind, Receipt, Signer};

use crate::world::{self, Grant, World};

/// Later than any grant ends: whether one has ended is then for the sequencer alone to say.
const ALL: UnixSeconds = UnixSeconds(u64::MAX);

struct Book {
    world: World,
    receipts: Vec<Receipt>,
    /// Shredded when all that have ended are.
    ended: Vec<(&'static str, Grant)>,
    /// Events about those, beside the `grant.given`.
    later_events: u64,
    kept: Vec<(&'static str, Grant)>,
}

fn used(world: &World, name: &str) -> Receipt {
    match world.ledger.decide_and_record(world.tenant, &world::facts(name), None, None).unwrap() {
        Recorded::Permit { receipt, .. } => *receipt,
        Recorded::Denial(denial) => panic!("{denial}"),
    }
}

fn book() -> Book {
    let mut world = World::new();
    let (mut receipts, mut ended, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let customers: Vec<Signer> = ["again", "used", "twice", "there", "held", "leaving", "replaced"]
        .map(|name| world.enrol(name))
        .into();
    let [again, used_, twice, there, held, leaving, replaced] = customers.as_slice() else { unreachable!() };

    // given again: the second grant stays
    let first = world.grant(again, "again", |_| ());
    world.withdraw(again, "again", first.id);
    ended.push(("again", first));
    kept.push(("again", world.grant(again, "again", |_| ())));
    // used, amended, paused and resumed before it ended
    let grant = world.grant(used_, "used", |_| ());
    receipts.push(used(&world, "used"));
    let on = |grant: &Grant| (world::sub("used"), grant.id);
    let (sub, id) = on(&grant);
    let mut terms = grant.claims.event.terms.clone();
    terms.validity = Validity::new(terms.validity.start(), UnixSeconds(terms.validity.end().0 - 60)).unwrap();
    let amended = GrantAmended { sub: sub.clone(), grant: id, terms, birth_day: None };
    world.append(Kind::GrantAmended, amended, &[used_]).unwrap();
    receipts.push(used(&world, "used"));
    world.append(Kind::GrantPaused, GrantPaused { sub: sub.clone(), grant: id }, &[used_]).unwrap();
    world.append(Kind::GrantResumed, GrantResumed { sub: sub.clone(), grant: id }, &[used_]).unwrap();
    world.ledger.withdraw_by_channel(world.tenant, &sub, id, Channel::Phone).unwrap();
    ended.push(("used", grant));
    // one took the other's place, then ended too
    let first = world.grant(twice, "twice", |_| ());
    let second = world.grant(twice, "twice", |terms| terms.supersedes = Some(first.id));
    world.withdraw(twice, "twice", second.id);
    ended.extend([("twice", first), ("twice", second)]);
    // one took the other's place and is in force
    let first = world.grant(replaced, "replaced", |_| ());
    kept.push(("replaced", world.grant(replaced, "replaced", |terms| terms.supersedes = Some(first.id))));
    ended.push(("replaced", first));
    kept.push(("there", world.grant(there, "there", |_| ())));
    // a later epoch, so that some of it is folded from the rows that the epoch began with
    world.ledger.roll_epoch().unwrap();
    for (name, customer) in [("held", held), ("leaving", leaving)] {
        let grant = world.grant(customer, name, |_| ());
        world.withdraw(customer, name, grant.id);
        kept.push((name, grant));
    }
    let fresh = world.enrol("fresh");
    let grant = world.grant(&fresh, "fresh", |_| ());
    receipts.push(used(&world, "fresh"));
    world.withdraw(&fresh, "fresh", grant.id);
    ended.push(("fresh", grant));
    world.ledger.place_hold(world.tenant, &world::sub("held"), "file 12 of 2026").unwrap();
    let gate = Signer::from_seed(&[77; 32]).unwrap();
    let till = GateId::parse("till-1").unwrap();
    world.ledger.register_gate(world.tenant, &till, *gate.public_key()).unwrap();
    world.ledger.begin_erasure(world.tenant, &world::sub("leaving"), Channel::Mail).unwrap();
    for (_, grant) in ended.iter().chain(&kept) {
        receipts.push(world.ledger.receipt(world.tenant, grant.leaf_index).unwrap());
    }
    world = checked(world, 0).0;
    Book { world, receipts, ended, later_events: 7, kept }
}

/// The files as they are: rows must be what the log leads to.
fn checked(world: World, erased: u64) -> (World, FsckReport) {
    let mut report = None;
    let world = world.reopen(|config| report = Some(fsck(config, false, &mut |_, _| ()).unwrap()));
    let report = report.unwrap();
    assert!(report.findings.is_empty() && report.notes.is_empty(), "{report:?}");
    assert!(report.rows > 0);
    assert_eq!(report.erased, erased, "{report:?}");
    (world, report)
}

fn lose_state(world: World) -> World {
    world.reopen(|config| {
        let epochs: Vec<_> = std::fs::read_dir(config.data_dir.join("epochs")).unwrap().collect();
        let [Ok(epoch)] = epochs.as_slice() else { panic!("{epochs:?}") };
        std::fs::remove_dir_all(epoch.path().join("state")).unwrap();
    })
}

fn check(book: &Book) {
    let Book { world, receipts, ended, later_events, kept } = book;
    let (ledger, tenant) = (&world.ledger, world.tenant);
    for receipt in receipts {
        receipt.verify(ledger.log_keys()).unwrap();
    }
    for (name, grant) in ended {
        assert!(matches!(ledger.receipt(tenant, grant.leaf_index), Err(ReadError::Erased)), "{name}");
        // what was signed once does not come back
        let again = ledger.append(tenant, &grant.envelope).unwrap();
        assert!(again.duplicate && again.receipt.content == Content::Erased, "{name}: {again:?}");
        let customer = ledger.customer(tenant, &world::sub(name)).unwrap();
        assert!(customer.grant(&grant.id).is_none() && customer.keys.len() == 1, "{name}");
        assert_eq!(ledger.use_count(tenant, &world::sub(name), &grant.id).uses, 0, "{name}");
    }
    for name in ["used", "twice", "fresh"] {
        let decision = world.decide(&world::facts(name));
        assert!(matches!(decision, Decision::Denial(d) if d.reason == DenialReason::NoGrant), "{name}");
    }
    for name in ["again", "there", "replaced"] {
        assert!(matches!(world.decide(&world::facts(name)), Decision::Permit(_)), "{name}");
    }
    for (name, grant) in kept {
        ledger.receipt(tenant, grant.leaf_index).unwrap().verify(ledger.log_keys()).unwrap();
        assert!(ledger.customer(tenant, &world::sub(name)).unwrap().grant(&grant.id).is_some(), "{name}");
    }
    assert_eq!(ledger.grants(tenant, None, 100).unwrap().len(), kept.len());
    // uses are the customer's, not the grant's
    assert_eq!(ledger.uses(tenant, None, 100).unwrap().0.len(), 3);
    let frames = ledger.feed(tenant, FeedPosition(0), 1000).unwrap();
    assert_eq!(frames.len() as u64, ledger.feed_end(tenant).unwrap().position.0);
    let erased = frames.iter().filter(|frame| frame.about == About::Erased).count() as u64;
    assert_eq!(erased, ended.len() as u64 + later_events);
    for frame in &frames {
        frame.receipt.verify_logged(ledger.log_keys()).unwrap();
    }
    assert_eq!(ledger.shred_ended(ALL).unwrap(), 0);
}

#[test]
fn shredded_grants_are_gone_and_everything_else_still_verifies() {
    let mut book = book();
    let shredded = book.ended.len() as u64;
    // nothing that was in force a moment ago
    assert_eq!(book.world.ledger.shred_ended(UnixSeconds(1)).unwrap(), 0);
    assert_eq!(book.world.ledger.shred_ended(ALL).unwrap(), shredded);
    check(&book);
    let gone = shredded + book.later_events;
    let through = |mut book: Book, change: &dyn Fn(World) -> World| {
        book.world = change(book.world);
        check(&book);
        book
    };
    book = through(book, &|world| checked(world, 0).0);
    book = through(book, &lose_state);
    book = through(book, &|world| checked(world, 0).0);
    book.world.ledger.roll_epoch().unwrap();
    check(&book);
    book = through(book, &|world| {
        let (world, report) = checked(world, gone);
        // the log's, the enterprise's, each customer's and each grant's that is left
        assert_eq!(report.keys, 2 + 8 + 5, "{report:?}");
        world
    });
    book = through(book, &lose_state);
    book = through(book, &|world| checked(world, gone).0);
    // a hold that is lifted no longer keeps anything
    let sub = world::sub("held");
    book.world.ledger.lift_hold(book.world.tenant, &sub).unwrap();
    assert_eq!(book.world.ledger.shred_ended(ALL).unwrap(), 1);
}

#[test]
fn an_erased_customers_grant_keys_go_with_theirs() {
    let mut world = World::new();
    let customer = world.enrol("cs-1");
    let first = world.grant(&customer, "cs-1", |_| ());
    let second = world.grant(&customer, "cs-1", |_| ());
    world.withdraw(&customer, "cs-1", first.id);
    assert_eq!(world.ledger.shred_ended(ALL).unwrap(), 1);
    let pending = world.ledger.begin_erasure(world.tenant, &world::sub("cs-1"), Channel::Mail).unwrap();
    world.ledger.finish_erasure(world.tenant, pending.id, &[]).unwrap();
    for roll in [false, true] {
        for grant in [&first, &second] {
            let again = world.ledger.receipt(world.tenant, grant.leaf_index);
            assert!(matches!(again, Err(ReadError::Erased)), "{again:?}");
        }
        if !roll {
            world = lose_state(checked(world, 0).0);
            world.ledger.roll_epoch().unwrap();
        }
    }
    // enrolment, two grants, two withdrawals
    let (_, report) = checked(world, 5);
    assert_eq!(report.keys, 2, "the log's and the enterprise's alone: {report:?}");
}

#[test]
fn a_grant_ends_with_its_validity_too() {
    let folder = tempfile::tempdir().unwrap();
    let ahead = Arc::new(AtomicU64::new(0));
    let mut config = LedgerConfig::new(folder.path().join("data"));
    let seconds = Arc::clone(&ahead);
    config.clock =
        Clock::new(move || UnixMillis(Clock::system().now().0 + seconds.load(Ordering::Relaxed) * 1000));
    let world = World::with(folder, config);
    let customer = world.enrol("cs-1");
    let grant = world.grant(&customer, "cs-1", |_| ());
    let end = grant.claims.event.terms.validity.end();
    assert_eq!(world.ledger.shred_ended(ALL).unwrap(), 0, "in force");
    ahead.store(400 * 86_400, Ordering::Relaxed);
    assert_eq!(world.ledger.shred_ended(end).unwrap(), 0, "not before its end");
    assert_eq!(world.ledger.shred_ended(UnixSeconds(end.0 + 1)).unwrap(), 1);
    assert!(matches!(world.ledger.receipt(world.tenant, grant.leaf_index), Err(ReadError::Erased)));
}

#[test]
fn what_is_left_of_a_customer_moves_to_another_ledger() {
    let Book { world, .. } = book();
    world.ledger.shred_ended(ALL).unwrap();
    let mut lines = Vec::new();
    let sub = world::sub("replaced");
    let mut write = |line: &[u8]| {
        lines.push(line.to_vec());
        Ok::<_, ReadError>(())
    };
    let archived = world.ledger.export(world.tenant, Some(&sub), &mut write, &mut |_, _| ()).unwrap();
    // template, notice, enrolment and the later grant
    assert_eq!(archived.records, 4);
    let mut config = LedgerConfig::new(world.folder.path().join("second"));
    config.origin = Some("second.example/log".to_owned());
    let second = Ledger::open(&config).unwrap();
    let mut reader = Reader::begin(&lines[0], Some(world.ledger.log_keys())).unwrap();
    let tenant = second.adopt(&reader).unwrap();
    for line in &lines[1..] {
        if let Some(record) = reader.line(line).unwrap() {
            second.import(tenant, &record).unwrap();
        }
    }
    reader.finish().unwrap();
    assert!(matches!(second.decide(tenant, &world::facts("replaced"), None), Decision::Permit(_)));
}
