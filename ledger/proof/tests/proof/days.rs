//! Days that comply, alone and in a chain.

use std::collections::BTreeSet;

use grantbook_proof::prove::SecretSums;
use grantbook_proof::{Chain, verify_bundle};
use grantbook_tlog::Demands;

use crate::story;
use crate::world::{FIRST_DAY, World, keys, policy};

#[test]
fn a_day_that_complies_verifies() {
    let mut world = World::new();
    story::day(&mut world, 3, None);
    let made = world.prove(FIRST_DAY, &Chain::new(), &SecretSums::default(), &BTreeSet::new()).unwrap();
    let mut chain = Chain::new();
    let report = verify_bundle(&made.bundle, &keys(), &Demands::default(), &policy(), &mut chain).unwrap();
    assert_eq!(report, made.report);
    assert_eq!(chain.to_json(), made.chain.to_json());
    for statement in &report.statements {
        assert!(statement.asked, "{:?}", statement.statement);
        assert!(statement.entries >= 3, "{:?}", statement.statement);
        assert_eq!(statement.exceptions, 0);
    }
}
