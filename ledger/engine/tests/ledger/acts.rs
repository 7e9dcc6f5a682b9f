//! What the operator does is on the log, everybody can read it, and nothing else is read that way.

use grantbook_engine::{AppendError, ReadError};
use grantbook_record::day::UnixMillis;
use grantbook_record::event::{
    Act, Claims, Event, Evidence, KeyEnrolled, OperatorActed, RolledEpoch, about_tenant,
};
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::{Entry, Envelope, EnvelopeError, Jti, Kind, Receipt, TagKey, TenantId};
use grantbook_tlog::LeafIndex;

use crate::world::{World, sub};

fn act_of(receipt: &Receipt, world: &World) -> (Claims<Event>, OperatorActed) {
    let verified = receipt.verify(world.ledger.log_keys()).unwrap();
    let VerifiedContent::Event { claims, keys } = verified.content else { panic!("an event") };
    assert_eq!(keys, [world.ledger.operator_key()]);
    let Event::OperatorActed(acted) = claims.event.clone() else { panic!("{claims:?}") };
    (*claims, acted)
}

#[test]
fn an_act_is_read_by_everybody_and_tells_an_enterprise_that_it_was_about_it() {
    let mut world = World::new();
    let kept = world.ledger.size_root().0.0;
    let hold = world.ledger.record_act(Act::HoldPlaced, Some(world.tenant)).unwrap();
    world.ledger.roll_epoch().unwrap();
    for lost_state in [false, true] {
        let (claims, acted) = act_of(&world.ledger.public_receipt(hold.leaf_index).unwrap(), &world);
        assert_eq!(claims.aud, TenantId::of_log(world.ledger.origin()));
        assert_eq!(acted.act, Act::HoldPlaced);
        assert_eq!(acted.about, Some(about_tenant(&claims.jti, world.tenant)));
        let rolled = world.ledger.public_receipt(LeafIndex(hold.leaf_index.0 + 1)).unwrap();
        let (_, rolled) = act_of(&rolled, &world);
        assert_eq!(rolled, OperatorActed { act: Act::EpochRolled(RolledEpoch { epoch: 2 }), about: None });
        // neither the one way nor the other leads to anything else
        for leaf in (0..kept).map(LeafIndex) {
            assert!(matches!(world.ledger.public_receipt(leaf), Err(ReadError::NotFound)));
        }
        assert!(matches!(world.ledger.receipt(world.tenant, hold.leaf_index), Err(ReadError::NotFound)));
        let report = world.ledger.fsck(&mut |_, _| ());
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        if !lost_state {
            world = world
                .reopen(|config| std::fs::remove_dir_all(config.data_dir.join("epochs/2/state")).unwrap());
        }
    }
}

#[test]
fn anybody_finds_public_entries_by_their_tags() {
    let world = World::new();
    let LeafIndex(leaf) = world.ledger.record_act(Act::TenantCreated, None).unwrap().leaf_index;
    let receipt = world.ledger.public_receipt(LeafIndex(leaf)).unwrap();
    let entry = Entry::parse(&receipt.entry.0).unwrap();
    let origin = world.ledger.origin();
    assert_eq!(entry.tag, TagKey::of_log(origin).day_key(entry.day).tag(origin, LeafIndex(leaf)));
}

#[test]
fn only_the_log_itself_has_public_events_and_it_has_no_others() {
    let world = World::new();
    let before = world.ledger.size_root();
    let acted = || OperatorActed { act: Act::TenantCreated, about: None };
    let refused = world.append(Kind::OperatorActed, acted(), &[&world.enterprise]).unwrap_err();
    assert!(matches!(refused, AppendError::Envelope(EnvelopeError::WrongAudience)), "{refused}");

    let log = world.ledger.log_id();
    let jti = || Jti::new(UnixMillis(grantbook_engine::Clock::system().now().0), [9; 10]);
    let envelope = Envelope::sign(
        Kind::OperatorActed,
        &Claims::new(log, jti(), acted()).to_json(),
        &[&world.enterprise],
    );
    let refused = world.ledger.append(log, &envelope).unwrap_err();
    assert!(matches!(refused, AppendError::Envelope(EnvelopeError::UnknownSigner)), "{refused}");
    let signer = &world.enterprise;
    let event = KeyEnrolled {
        sub: sub("cs-1"),
        key: *signer.public_key(),
        evidence: Evidence::OperatorsWord,
        recovery: None,
    };
    let envelope = Envelope::sign(Kind::KeyEnrolled, &Claims::new(log, jti(), event).to_json(), &[signer]);
    let refused = world.ledger.append(log, &envelope).unwrap_err();
    assert!(matches!(refused, AppendError::Envelope(EnvelopeError::WrongAudience)), "{refused}");
    assert_eq!(world.ledger.size_root(), before);
}
