//! The compact plan decides as the full state does, to the last detail, after whatever has happened to it.

use std::sync::LazyLock;

use grantbook_plan::compact::{CompactPlan, CustomerKey, Record};
use grantbook_plan::{CustomerState, Decision, Vocabulary, decide};
use proptest::prelude::*;

use crate::folded::{self, id};
use crate::world::{World, world};
use crate::{config, worlds};

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(folded::vocabulary);

fn put(plan: &mut CompactPlan, key: u128, record: &Record, records: &mut Vec<Vec<u8>>) {
    plan.put(CustomerKey::from(key), record, |bytes| {
        records.push(bytes.to_vec());
        Ok::<u64, ()>(records.len() as u64 - 1)
    })
    .unwrap();
}

fn compact(plan: &CompactPlan, key: u128, world: &World) -> Option<Decision> {
    let known = plan.known(CustomerKey::from(key))?;
    Some(known.decide(&*VOCABULARY, |grant| world.count(grant), &world.facts, world.now))
}

fn full(customer: &CustomerState, world: &World) -> Decision {
    decide(&*VOCABULARY, Some(customer), |grant| world.count(grant), &world.facts, world.now)
}

proptest! {
    #![proptest_config(config(worlds()))]

    #[test]
    fn the_compact_plan_decides_as_the_full_state_does(
        world in world(),
        other in world(),
        keys in (any::<u128>(), any::<u64>()),
        earlier in any::<prop::sample::Index>(),
        blocked in any::<u8>(),
    ) {
        // neighbours in the table, and no further grants to begin with
        let (key, neighbour) = (keys.0, keys.0 ^ u128::from(keys.1 | 1));
        let customer = world.customer();
        let blocked_grants = (0..world.grants.len()).filter(|at| blocked & 1 << at != 0).map(id).collect();
        let record = Record { state: customer.clone(), blocked: false, blocked_grants };
        let mut before = record.clone();
        before.state.grants.truncate(earlier.index(world.grants.len() + 1));

        let (mut plan, mut records) = (CompactPlan::default(), Vec::new());
        put(&mut plan, key, &before, &mut records);
        prop_assert_eq!(compact(&plan, key, &world), Some(full(&before.state, &world)));
        put(&mut plan, neighbour, &Record { state: other.customer(), ..Record::default() }, &mut records);
        put(&mut plan, key, &record, &mut records);
        prop_assert_eq!(compact(&plan, key, &world), Some(full(&customer, &world)));
        prop_assert_eq!(compact(&plan, neighbour, &other), Some(full(&other.customer(), &other)));

        // as it would be after a restart
        let mut plan = CompactPlan::from_bytes(&plan.to_bytes()).unwrap();
        prop_assert_eq!(compact(&plan, key, &world), Some(full(&customer, &world)));
        let known = plan.known(CustomerKey::from(key)).unwrap();
        let kept = plan.record(&records[usize::try_from(known.place()).unwrap()]).unwrap();
        prop_assert_eq!(&kept, &record);
        for grant in &customer.grants {
            let marked = record.blocked_grants.contains(&grant.id);
            prop_assert_eq!(known.is_blocked_grant(&grant.id), marked);
            let alone = CustomerState { grants: vec![grant.clone()], ..CustomerState::default() };
            let under = known.decide_under(
                &grant.id,
                &*VOCABULARY,
                |grant| world.count(grant),
                &world.facts,
                world.now,
            );
            prop_assert_eq!(under, Some(full(&alone, &world)));
        }

        // and with the other gone
        prop_assert!(plan.remove(CustomerKey::from(neighbour)).is_some());
        prop_assert_eq!(compact(&plan, neighbour, &other), None);
        prop_assert_eq!(compact(&plan, key, &world), Some(full(&customer, &world)));
        prop_assert!(plan.remove(CustomerKey::from(key)).is_some());
        prop_assert_eq!((plan.customers(), plan.terms()), (0, 0));
    }
}
