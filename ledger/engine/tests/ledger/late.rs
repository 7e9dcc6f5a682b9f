//! Uses that happened before an amendment and arrive after it.

use grantbook_engine::Clock;
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Claims, GrantAmended};
use grantbook_record::terms::Compensation;
use grantbook_record::uses::{Outcome, Permitted, UseRecord, sign_batch};
use grantbook_record::{GateId, Jti, Kind, Salt, Signer};

use crate::world::{self, World};

/// A gate's record of a permitted use at a time. Gives the leaf that it links to, its group and what it pays.
fn send(world: &World, grant: Jti, at: UnixSeconds) -> (u64, u16, u64) {
    let (id, signer) = (GateId::parse("till-1").unwrap(), Signer::from_seed(&[77; 32]).unwrap());
    world.ledger.register_gate(world.tenant, &id, *signer.public_key()).unwrap();
    let seq = world.ledger.gate_progress(world.tenant, &id).unwrap().next_seq;
    let outcome = Outcome::Permitted(Permitted::committed(grant));
    let record = UseRecord::new(id, seq, at, world::facts("ann"), outcome);
    let now = Clock::system().now();
    let claims = Claims::new(world.tenant, Jti::new(now, [u8::try_from(seq).unwrap(); 10]), ());
    let records = [(record, Salt(Bytes32::sha256(&seq.to_be_bytes())))];
    let batch = serde_json::to_vec(&sign_batch(&claims, &records, &signer).unwrap()).unwrap();
    let appended = world.ledger.append_uses(world.tenant, &batch).unwrap().remove(0);
    assert_eq!(appended.flag, None);
    let receipt = world.ledger.receipt(world.tenant, appended.leaf_index).unwrap();
    (receipt.link.target.leaf_index, receipt.link.group, receipt.openings[1].value)
}

#[test]
fn a_late_use_is_of_the_terms_of_its_time() {
    let mut world = World::new();
    let ann = world.enrol("ann");
    let grant = world.grant(&ann, "ann", |_| ());
    let before = UnixSeconds(Clock::system().now().seconds().0 - 2);
    let mut leaves = vec![grant.leaf_index.0];
    for minor in [90, 100] {
        let mut terms = world.terms();
        let json = serde_json::json!({"per_use": {"currency": "CNY", "minor": minor}});
        terms.compensation = serde_json::from_value::<Compensation>(json).unwrap();
        let amended = GrantAmended { sub: world::sub("ann"), grant: grant.id, terms, birth_day: None };
        leaves.push(world.append(Kind::GrantAmended, amended, &[&ann]).unwrap().leaf_index.0);
    }
    let check = |world: &World| {
        assert_eq!(send(world, grant.id, before), (leaves[0], 1, 80));
        assert_eq!(send(world, grant.id, Clock::system().now().seconds()), (leaves[2], 1, 100));
        let report = world.ledger.fsck(&mut |_, _| ());
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    };
    check(&world);
    world = world.reopen(|_| ());
    check(&world);
}
