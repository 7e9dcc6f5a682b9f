//! What was recorded about one customer, and nothing of anybody else.

use grantbook_engine::{HistoryItem, Recorded};
use grantbook_record::{Event, Kind, SubjectId};

use crate::world::{World, facts};

#[test]
fn a_customers_history_is_the_customers_own() {
    let world = World::new();
    let (first, second) = (world.enrol("cs-1"), world.enrol("cs-2"));
    let given = world.grant(&first, "cs-1", |_| ());
    let other = world.grant(&second, "cs-2", |_| ());
    let Recorded::Permit { leaf_index: used, .. } =
        world.ledger.decide_and_record(world.tenant, &facts("cs-1"), None, Some(other.leaf_index)).unwrap()
    else {
        panic!("a permit was expected")
    };
    let withdrawn = world.withdraw(&first, "cs-1", given.id);
    let (one, two) = (SubjectId::parse("cs-1").unwrap(), SubjectId::parse("cs-2").unwrap());

    let history = world.ledger.history(world.tenant, &one, 100).unwrap();
    let kinds: Vec<Kind> = history
        .rows
        .iter()
        .map(|row| match &row.what {
            HistoryItem::Event(claims) => claims.event.kind(),
            HistoryItem::Use(row) => row.record.kind(),
        })
        .collect();
    assert_eq!(kinds, [Kind::GrantWithdrawn, Kind::UseRecorded, Kind::GrantGiven, Kind::KeyEnrolled]);
    assert_eq!(history.count, 4);
    assert!(history.rows.is_sorted_by(|later, earlier| later.leaf_index > earlier.leaf_index));
    assert!(history.rows.iter().all(|row| row.at.0 > 0));
    let two_at_most = world.ledger.history(world.tenant, &one, 2).unwrap();
    assert_eq!((two_at_most.rows.len(), two_at_most.count), (2, 4));
    assert_eq!(world.ledger.history(world.tenant, &two, 100).unwrap().rows.len(), 2);

    let about = |leaf, sub| world.ledger.is_about(world.tenant, sub, leaf).unwrap();
    for leaf in [given.leaf_index, used, withdrawn.leaf_index] {
        assert!(about(leaf, &one) && !about(leaf, &two), "{leaf:?}");
    }
    assert!(about(other.leaf_index, &two) && !about(other.leaf_index, &one));
    assert!(world.ledger.history(world.tenant, &SubjectId::parse("cs-3").unwrap(), 1).is_err());
}

#[test]
fn what_an_enterprise_has_published_is_found() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    world.grant(&customer, "cs-1", |_| ());
    let published = world.ledger.publications(world.tenant).unwrap();
    assert!(published.iter().any(|event| matches!(event, Event::TemplatePublished(_))));
    assert!(published.iter().any(|event| matches!(event, Event::NoticePublished(_))));
}
