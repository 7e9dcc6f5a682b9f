//! A prover that leaves its checks out, and what becomes of its bundles.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use grantbook_compliance::{OpenedTerm, Term};
use grantbook_tlog::Demands;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::prove::{Prover, SecretSums};
use crate::statement::{Algebra, Statement};
use crate::terms::Claims;
use crate::verify::{Proved, statement_of};
use crate::world::{FIRST_DAY, World, keys, policy};
use crate::{Chain, ProofError, Report, story, verify_bundle};
use grantbook_compliance::{range, zero};

/// What a prover does about terms that it cannot prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cheat {
    /// Proves others in their place.
    Swap,
    /// Leaves them out.
    Omit,
}

/// A bundle of the first day in which terms that do not hold are cheated about.
pub(crate) fn cheat(world: &World, how: Cheat) -> Vec<u8> {
    let none = BTreeSet::new();
    world.with_input(FIRST_DAY, &none, |input| {
        let chain = Chain::new();
        let prover = Prover::derive(input, &chain, &SecretSums::default(), world).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let values = prover.derivation.claims(Statement::ValuesInRange);
        let other = (values.terms[0].clone(), prover.open(&values).unwrap()[0].clone());
        let mut proofs = BTreeMap::new();
        for job in prover.jobs() {
            let claims = prover.derivation.claims(job.statement);
            let opened = prover.open(&claims).unwrap();
            let holds = |opened: &OpenedTerm| match job.statement.algebra() {
                Algebra::Range32 => u32::try_from(opened.value).is_ok(),
                Algebra::Range64 => u64::try_from(opened.value).is_ok(),
                Algebra::Zero => opened.value == 0,
                Algebra::Counted => true,
            };
            let mut pairs: Vec<(Term, OpenedTerm)> = claims.terms.into_iter().zip(opened).collect();
            let good = pairs.iter().find(|pair| holds(&pair.1)).unwrap_or(&other).clone();
            match how {
                Cheat::Swap => {
                    pairs.iter_mut().filter(|pair| !holds(&pair.1)).for_each(|pair| *pair = good.clone());
                }
                Cheat::Omit => pairs.retain(|pair| holds(&pair.1)),
            }
            let (terms, opened): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let claims = Claims { leaves: Vec::new(), terms };
            let proof = match statement_of(prover.context(job.statement), job.statement, &claims) {
                Some(Proved::Range(statement)) => range::prove(&statement, &opened, &mut rng),
                Some(Proved::Zero(statement)) => zero::prove(&statement, &opened, &mut rng),
                None => panic!("counted statements are no jobs"),
            };
            // of nothing there is no proof
            proofs.insert(job.statement, proof.unwrap_or_default());
        }
        let mut bundle = prover.preamble.clone();
        proofs.values().for_each(|proof| bundle.extend(proof));
        world.close(FIRST_DAY).write(&mut bundle);
        bundle
    })
}

fn verify(bundle: &[u8]) -> Result<Report, ProofError> {
    verify_bundle(bundle, &keys(), &Demands::default(), &policy(), &mut Chain::new())
}

#[test]
fn no_bundle_that_hides_an_entry_verifies() {
    for statement in Statement::ALL {
        let mut world = World::new();
        story::day(&mut world, 1, Some((*statement, 0)));
        let refused = verify(&cheat(&world, Cheat::Swap)).unwrap_err();
        let named = match (&refused, *statement) {
            (ProofError::Exception { statement, .. }, Statement::UseHasGrant) => statement,
            (ProofError::Statement { statement, .. }, _) => statement,
            (other, _) => panic!("{statement}: {other}"),
        };
        assert_eq!(named, statement, "{refused}");
        // proofs of fewer terms are shorter, or do not hold
        verify(&cheat(&world, Cheat::Omit)).unwrap_err();
    }
}
