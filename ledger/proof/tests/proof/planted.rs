//! Entries that do not comply. What a prover that cheats can do about them is tested beside the prover.

use std::collections::BTreeSet;

use grantbook_proof::prove::{ProverError, SecretSums};
use grantbook_proof::{Chain, Statement};

use crate::story;
use crate::world::{FIRST_DAY, World};

#[test]
fn an_entry_that_does_not_comply_is_named_wherever_it_stands() {
    for statement in Statement::ALL {
        let mut last = 0;
        for at in 0..3 {
            let mut world = World::new();
            story::day(&mut world, 3, Some((*statement, at)));
            let violations = world.violations(FIRST_DAY);
            assert!(!violations.is_empty(), "{statement} in round {at}");
            assert!(violations.iter().all(|found| found.statement == *statement), "{violations:?}");
            assert!(violations.iter().all(|found| found.leaf > last), "{violations:?}");
            last = violations.last().unwrap().leaf;
        }
    }
}

#[test]
fn what_is_excepted_is_opened_and_counted() {
    let mut world = World::new();
    let with_exceptions: Vec<Statement> =
        Statement::ALL.iter().copied().filter(|statement| *statement != Statement::ValuesInRange).collect();
    story::round(&mut world, 0, &with_exceptions);
    let exceptions: BTreeSet<_> =
        world.violations(FIRST_DAY).iter().map(|found| (found.leaf, found.statement)).collect();
    let made = world.prove(FIRST_DAY, &Chain::new(), &SecretSums::default(), &exceptions).unwrap();
    for statement in &made.report.statements {
        let excepted = exceptions.iter().filter(|(_, excepted)| *excepted == statement.statement).count();
        assert_eq!(statement.exceptions, excepted as u64, "{}", statement.statement);
        assert_eq!(excepted > 0, with_exceptions.contains(&statement.statement), "{}", statement.statement);
    }
    assert_eq!(made.report.exceptions.len(), exceptions.len());
    for (exception, (leaf, statement)) in made.report.exceptions.iter().zip(&exceptions) {
        let values: Vec<u64> = world.openings[leaf].iter().map(|opening| opening.value).collect();
        assert_eq!((exception.leaf, exception.statement, &exception.values), (*leaf, *statement, &values));
    }
    assert!(made.report.to_string().contains("Excepted"));
}

#[test]
fn exceptions_that_may_not_be_made_are_refused() {
    let mut world = World::new();
    story::day(&mut world, 1, None);
    let size = world.size();
    for (leaf, statement) in [
        // not the tenant's, not there, not about the entry
        (7, Statement::TimeOfDay),
        (size, Statement::TimeOfDay),
        (5, Statement::TimeOfDay),
        (5, Statement::UseWithinValidity),
        // of a use that names a grant
        (6, Statement::UseHasGrant),
        (6, Statement::ValuesInRange),
    ] {
        let exceptions = BTreeSet::from([(leaf, statement)]);
        let made = world.prove(FIRST_DAY, &Chain::new(), &SecretSums::default(), &exceptions);
        assert!(matches!(made, Err(ProverError::Day(_))), "{leaf} {statement}");
    }
}
