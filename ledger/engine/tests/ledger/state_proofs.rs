//! What a customer's grants came to, proved under the roots that are on the log.

use grantbook_engine::ReadError;
use grantbook_record::event::{Channel, Claims, StateRoot};
use grantbook_record::state_proof::{GrantStatus, StateProof, VerifiedState};
use grantbook_record::{Envelope, Jti, Kind};
use grantbook_tlog::LeafIndex;

use crate::world::{self, World};

fn verified(world: &World, proof: &StateProof) -> VerifiedState {
    let parsed = StateProof::parse(&proof.to_json()).unwrap();
    let verified = parsed.verify(world.ledger.log_keys()).unwrap();
    assert_eq!(verified.signed_by, world.ledger.operator_key());
    assert_eq!(verified.tenant, world.tenant);
    verified
}

fn statuses(world: &World, name: &str) -> Option<Vec<(GrantStatus, u64)>> {
    let proof = world.ledger.state_proof(world.tenant, &world::sub(name)).unwrap();
    let states = verified(world, &proof).states?;
    Some(states.grants().iter().map(|grant| (grant.status, grant.since)).collect())
}

fn not_yet(world: &World, name: &str) -> bool {
    matches!(world.ledger.state_proof(world.tenant, &world::sub(name)), Err(ReadError::NotYet))
}

/// The same whatever was lost or rolled, with every stored row as the log leads to it.
fn through(mut world: World, check: &dyn Fn(&World)) -> World {
    for epoch in 1..3 {
        check(&world);
        let report = world.ledger.fsck(&mut |_, _| ());
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        world = world.reopen(|config| {
            std::fs::remove_dir_all(config.data_dir.join(format!("epochs/{epoch}/state"))).unwrap();
        });
        // what was folded again is in the tree with the next root, if that is another one
        world.ledger.record_state_root().unwrap();
        check(&world);
        if epoch == 1 {
            world.ledger.roll_epoch().unwrap();
        }
    }
    world
}

#[test]
fn a_root_proves_what_is_active_withdrawn_and_never_granted() {
    let world = World::new();
    let (ledger, tenant) = (&world.ledger, world.tenant);
    let [anna, bert, _] = ["anna", "bert", "carl"].map(|name| world.enrol(name));
    assert!(matches!(ledger.state_proof(tenant, &world::sub("nobody")), Err(ReadError::NotFound)));
    assert!(not_yet(&world, "anna"), "there is no root yet");
    assert_eq!(ledger.record_state_root().unwrap(), None, "nothing to prove");
    let annas = world.grant(&anna, "anna", |_| ());
    let berts = world.grant(&bert, "bert", |_| ());
    let LeafIndex(first) = ledger.record_state_root().unwrap().unwrap();
    assert_eq!(ledger.record_state_root().unwrap(), None, "it is on the log already");
    assert_eq!(statuses(&world, "anna"), Some(vec![(GrantStatus::Active, annas.leaf_index.0)]));
    assert_eq!(statuses(&world, "carl"), None);
    let before = ledger.state_proof(tenant, &world::sub("bert")).unwrap();
    assert_eq!(verified(&world, &before).size.0, first);

    let withdrawn = ledger.withdraw_by_channel(tenant, &world::sub("bert"), berts.id, Channel::Mail).unwrap();
    assert!(not_yet(&world, "bert"));
    assert_eq!(statuses(&world, "anna"), Some(vec![(GrantStatus::Active, annas.leaf_index.0)]));
    let LeafIndex(second) = ledger.record_state_root().unwrap().unwrap();
    assert!(second > withdrawn.leaf_index.0);
    // the older proof holds: it says what was
    assert_eq!(verified(&world, &before).states.unwrap().grants()[0].status, GrantStatus::Active);
    through(world, &|world| {
        let ended = (GrantStatus::Withdrawn, withdrawn.leaf_index.0);
        assert_eq!(statuses(world, "bert"), Some(vec![ended]));
        assert_eq!(statuses(world, "anna"), Some(vec![(GrantStatus::Active, annas.leaf_index.0)]));
        assert_eq!(statuses(world, "carl"), None);
    });
}

#[test]
fn erased_customers_leave_the_map_and_the_next_root_proves_the_others() {
    let world = World::new();
    let signers = ["anna", "bert"].map(|name| (name, world.enrol(name)));
    for (name, signer) in &signers {
        world.grant(signer, name, |_| ());
    }
    world.ledger.record_state_root().unwrap().unwrap();
    assert!(!world.ledger.is_state_root_due().unwrap());
    let kept = world.ledger.state_proof(world.tenant, &world::sub("bert")).unwrap();
    let pending = world.ledger.begin_erasure(world.tenant, &world::sub("bert"), Channel::Mail).unwrap();
    world.ledger.finish_erasure(world.tenant, pending.id, &[]).unwrap();
    assert!(world.ledger.is_state_root_due().unwrap());
    assert!(not_yet(&world, "anna"));
    world.ledger.record_state_root().unwrap().unwrap();
    through(world, &|world| {
        assert!(statuses(world, "anna").is_some());
        let gone = world.ledger.state_proof(world.tenant, &world::sub("bert"));
        assert!(matches!(gone, Err(ReadError::NotFound)));
        // who kept a proof has it
        verified(world, &kept);
    });
}

#[test]
fn nobody_appends_a_root_but_the_ledger() {
    let world = World::new();
    let event = StateRoot { size: 1, root: grantbook_record::encoding::Bytes32([7; 32]) };
    world.append(Kind::StateRoot, event, &[&world.enterprise]).unwrap_err();
    let now = grantbook_engine::Clock::system().now();
    let claims = Claims::new(world.ledger.log_id(), Jti::new(now, [3; 10]), event);
    let envelope = Envelope::sign(Kind::StateRoot, &claims.to_json(), &[&world.enterprise]);
    world.ledger.append(world.ledger.log_id(), &envelope).unwrap_err();
}
