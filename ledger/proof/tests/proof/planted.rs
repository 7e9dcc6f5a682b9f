//! Entries that do not comply.

use std::collections::BTreeSet;

use grantbook_proof::prove::{ProverError, SecretSums};
use grantbook_proof::{Chain, Statement};

use crate::story;
use crate::world::{FIRST_DAY, World};

#[test]
fn an_entry_that_does_not_comply_is_named_and_can_be_excepted() {
    for statement in Statement::ALL {
        for at in 0..3 {
            let mut world = World::new();
            story::day(&mut world, 3, Some((*statement, at)));
            let prove = |exceptions: &BTreeSet<_>| {
                world.prove(FIRST_DAY, &Chain::new(), &SecretSums::default(), exceptions)
            };
            let violations = match prove(&BTreeSet::new()) {
                Err(ProverError::Violations(violations)) => violations,
                other => panic!("{statement} in round {at}: {other:?}"),
            };
            assert!(violations.iter().all(|found| found.statement == *statement), "{violations:?}");
            let exceptions = violations.iter().map(|found| (found.leaf, found.statement)).collect();
            if *statement == Statement::ValuesInRange {
                assert!(prove(&exceptions).is_err());
                continue;
            }
            if at != 1 {
                continue;
            }
            let report = prove(&exceptions).unwrap().report;
            let counted = report.statements[usize::from(statement.number())].exceptions;
            assert_eq!(counted, exceptions.len() as u64, "{statement}");
            assert_eq!(report.exceptions.len(), exceptions.len());
        }
    }
}
