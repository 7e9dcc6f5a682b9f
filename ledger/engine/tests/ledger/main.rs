//! The ledger from its facade: what is acknowledged, refused, remembered and rebuilt.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod accounts;
mod acts;
mod assets;
mod audits;
mod backups;
mod cosignatures;
mod erase;
mod flips;
mod history;
mod keyring_backup;
mod late;
mod leases;
mod mandates;
mod money;
mod owed;
mod policy;
mod proofs;
mod shadow;
mod shred;
mod state_proofs;
#[cfg(feature = "pkcs11")]
mod token;
mod transfers;
mod vocabularies;
mod witnessed;
mod world;

use grantbook_engine::store::{FileStore, MemoryStore, conformance};
use grantbook_engine::{AppendError, Ledger, OpenError, Recorded};
use grantbook_plan::{Decision, Refusal};
use grantbook_record::event::{Channel, GrantPaused};
use grantbook_record::{DenialReason, EnvelopeError, Kind, Receipt, Signer};
use world::World;

#[test]
fn stores_conform() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FileStore::open(&folder.path().join("data"), &folder.path().join("anchor"), 1 << 20);
    conformance::check(open).unwrap();
    let memory = MemoryStore::default();
    conformance::check(|| Ok(memory.clone())).unwrap();
}

#[test]
fn a_grant_a_use_a_withdrawal() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    let facts = world::facts("cs-1");
    assert!(matches!(world.decide(&facts), Decision::Denial(d) if d.reason == DenialReason::NoGrant));
    let grant = world.grant(&customer, "cs-1", |_| ());
    let Recorded::Permit { receipt, leaf_index, permission, .. } =
        world.ledger.decide_and_record(world.tenant, &facts, None, Some(grant.leaf_index)).unwrap()
    else {
        panic!("a permit was expected")
    };
    assert_eq!(permission.payout.minor, 80);
    let verified = receipt.verify(world.ledger.log_keys()).unwrap();
    assert_eq!(verified.leaf_index, leaf_index);
    assert_eq!(verified.quantities[1].1, 80);
    let again = Receipt::parse(&world.ledger.receipt(world.tenant, leaf_index).unwrap().to_json()).unwrap();
    again.verify(world.ledger.log_keys()).unwrap();
    let withdrawn = world.withdraw(&customer, "cs-1", grant.id);
    assert!(!withdrawn.duplicate);
    withdrawn.receipt.verify(world.ledger.log_keys()).unwrap();
    assert!(matches!(world.decide(&facts), Decision::Denial(d) if d.reason == DenialReason::Withdrawn));
    assert!(world.ledger.fsck(&mut |_, _| ()).findings.is_empty());
}

#[test]
fn only_the_customers_enrolled_key_can_grant() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    let stranger = Signer::from_seed(&[9; 32]).unwrap();
    let size = world.ledger.size_root();
    let terms = world.terms();
    for signers in [
        vec![&stranger],
        vec![&world.enterprise],
        vec![&customer, &stranger],
        vec![&customer, &world.enterprise],
    ] {
        let envelope = world.sign(Kind::GrantGiven, world::given("cs-1", &terms), &signers);
        let refused = world.ledger.append(world.tenant, &envelope).unwrap_err();
        assert!(
            matches!(
                refused,
                AppendError::Envelope(EnvelopeError::UnknownSigner)
                    | AppendError::Refused(Refusal::Signers { .. })
            ),
            "{refused}"
        );
    }
    // another customer's key
    let other = world.enrol("cs-2");
    let size_with_other = world.ledger.size_root();
    assert_ne!(size, size_with_other);
    let envelope = world.sign(Kind::GrantGiven, world::given("cs-1", &terms), &[&other]);
    assert!(matches!(
        world.ledger.append(world.tenant, &envelope).unwrap_err(),
        AppendError::Envelope(EnvelopeError::UnknownSigner)
    ));
    assert_eq!(world.ledger.size_root(), size_with_other);
}

#[test]
fn the_same_envelope_again_gives_the_same_receipt_and_other_bytes_conflict() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    let grant = world.grant(&customer, "cs-1", |_| ());
    let size = world.ledger.size_root();
    let again = world.ledger.append(world.tenant, &grant.envelope).unwrap();
    assert!(again.duplicate);
    assert_eq!(again.leaf_index, grant.leaf_index);
    let mut claims = grant.claims.clone();
    claims.event.birth_day = Some(1);
    let other = grantbook_record::Envelope::sign(Kind::GrantGiven, &claims.to_json(), &[&customer]);
    assert!(matches!(world.ledger.append(world.tenant, &other).unwrap_err(), AppendError::JtiConflict));
    assert_eq!(world.ledger.size_root(), size);
}

#[test]
fn caps_hold_with_many_askers_at_once() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    world.grant(&customer, "cs-1", |terms| terms.limits.uses = grantbook_record::terms::UseCap::new(50));
    let facts = world::facts("cs-1");
    let permits: usize = std::thread::scope(|scope| {
        let ask = || {
            (0..20)
                .filter(|_| {
                    let answer = world.ledger.decide_and_record(world.tenant, &facts, None, None).unwrap();
                    matches!(answer, Recorded::Permit { .. })
                })
                .count()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(permits, 50);
    assert!(matches!(world.decide(&facts), Decision::Denial(d) if d.reason == DenialReason::Cap));
}

#[test]
fn a_use_id_is_one_use() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    world.grant(&customer, "cs-1", |terms| terms.limits.uses = grantbook_record::terms::UseCap::new(1));
    let facts = world::facts("cs-1");
    let id = || Some(grantbook_record::uses::UseId::try_from("order-1".to_owned()).unwrap());
    let mut leaves = Vec::new();
    for _ in 0..3 {
        match world.ledger.decide_and_record(world.tenant, &facts, id(), None).unwrap() {
            Recorded::Permit { leaf_index, .. } => leaves.push(leaf_index),
            Recorded::Denial(denial) => panic!("{denial}"),
        }
    }
    leaves.dedup();
    assert_eq!(leaves.len(), 1);
    let mut other = facts;
    other.fields = world::list(&["date"]);
    let conflict = world.ledger.decide_and_record(world.tenant, &other, id(), None);
    assert!(matches!(conflict, Err(AppendError::UseIdConflict)));
}

#[test]
fn pausing_and_a_withdrawal_by_telephone() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    let grant = world.grant(&customer, "cs-1", |_| ());
    let sub = world::sub("cs-1");
    world.append(Kind::GrantPaused, GrantPaused { sub: sub.clone(), grant: grant.id }, &[&customer]).unwrap();
    let facts = world::facts("cs-1");
    assert!(matches!(world.decide(&facts), Decision::Denial(d) if d.reason == DenialReason::Paused));
    let twice =
        world.append(Kind::GrantPaused, GrantPaused { sub: sub.clone(), grant: grant.id }, &[&customer]);
    assert!(matches!(twice, Err(AppendError::Refused(Refusal::GrantStatus { .. }))));
    let receipt =
        world.ledger.withdraw_by_channel(world.tenant, &sub, grant.id, Channel::Phone).unwrap().receipt;
    receipt.verify(world.ledger.log_keys()).unwrap();
    assert!(matches!(world.decide(&facts), Decision::Denial(d) if d.reason == DenialReason::Withdrawn));
}

#[test]
fn a_restart_finds_everything_and_a_lost_state_is_made_anew() {
    let mut world = World::new();
    let mut grants = Vec::new();
    // more than two bundles, so that files, journal and state all take part
    for number in 0..230 {
        let sub = format!("cs-{number}");
        let customer = world.enrol(&sub);
        grants.push((sub.clone(), world.grant(&customer, &sub, |_| ()), customer));
    }
    for (sub, _, _) in grants.iter().take(100) {
        world.ledger.decide_and_record(world.tenant, &world::facts(sub), None, None).unwrap();
    }
    let (sub, grant, customer) = &grants[7];
    world.withdraw(customer, sub, grant.id);
    let (root, feed) = (world.ledger.size_root(), world.ledger.feed_end(world.tenant).unwrap());
    let listed = world.ledger.grants(world.tenant, None, 1000).unwrap().len();
    assert_eq!(listed, 230);
    for lose_state in [false, true] {
        world = world.reopen(|config| {
            if lose_state {
                std::fs::remove_dir_all(config.data_dir.join("epochs/1/state")).unwrap();
            }
        });
        assert_eq!(world.ledger.size_root(), root);
        assert_eq!(world.ledger.feed_end(world.tenant).unwrap(), feed);
        assert_eq!(world.ledger.grants(world.tenant, None, 1000).unwrap().len(), 230);
        assert!(
            matches!(world.decide(&world::facts("cs-7")), Decision::Denial(d) if d.reason == DenialReason::Withdrawn)
        );
        assert!(matches!(world.decide(&world::facts("cs-8")), Decision::Permit(_)));
        let sub = world::sub("cs-8");
        assert_eq!(world.ledger.use_count(world.tenant, &sub, &grants[8].1.id).uses, 1);
        let receipt = world.ledger.receipt(world.tenant, grants[8].1.leaf_index).unwrap();
        receipt.verify(world.ledger.log_keys()).unwrap();
        let findings = world.ledger.fsck(&mut |_, _| ()).findings;
        assert!(findings.is_empty(), "{findings:?}");
    }
}

#[test]
fn a_rolled_back_folder_or_a_missing_anchor_refuses_to_start() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    world.ledger.close().unwrap();
    let copy = world.folder.path().join("copy");
    world::copy_folder(&world.config.data_dir, &copy);
    let world = world.reopen(|_| ());
    world.grant(&customer, "cs-1", |_| ());
    let World { folder, config, ledger, .. } = world;
    ledger.close().unwrap();
    drop(ledger);
    std::fs::remove_dir_all(&config.data_dir).unwrap();
    std::fs::rename(&copy, &config.data_dir).unwrap();
    assert!(matches!(Ledger::open(&config), Err(OpenError::RolledBack { .. })));
    std::fs::remove_file(&config.anchor).unwrap();
    assert!(matches!(Ledger::open(&config), Err(OpenError::Root(_))));
    drop(folder);
}

#[test]
fn one_process_holds_a_ledger() {
    let world = World::new();
    assert!(matches!(Ledger::open(&world.config), Err(OpenError::Held(_))));
}
