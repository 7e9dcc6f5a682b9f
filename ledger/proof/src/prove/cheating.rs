//! A prover that leaves its checks out, and what becomes of its bundles.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

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

/// Bundles of the first day in which terms that do not hold are cheated about.
pub(crate) struct Cheated {
    /// Others are proved in their place.
    pub(crate) swapped: Vec<u8>,
    /// They are left out of what is proved.
    omitted: Vec<u8>,
}

/// Makes them, with no check left in.
pub(crate) fn cheat(world: &World) -> Cheated {
    world.with_input(FIRST_DAY, &BTreeSet::new(), |input| {
        let chain = Chain::new();
        let prover = Prover::derive(input, &chain, &SecretSums::default(), world).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let values = prover.derivation.claims(Statement::ValuesInRange);
        let other = (values.terms[0].clone(), prover.open(&values).unwrap()[0].clone());
        let mut made = Cheated { swapped: prover.preamble.clone(), omitted: prover.preamble.clone() };
        for job in prover.jobs() {
            let claims = prover.derivation.claims(job.statement);
            let opened = prover.open(&claims).unwrap();
            let holds = |opened: &OpenedTerm| match job.statement.algebra() {
                Algebra::Range32 => u32::try_from(opened.value).is_ok(),
                Algebra::Range64 => u64::try_from(opened.value).is_ok(),
                Algebra::Zero => opened.value == 0,
                Algebra::Counted => true,
            };
            let mut prove = |pairs: Vec<(Term, OpenedTerm)>| {
                let (terms, opened): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
                let claims = Claims { leaves: Vec::new(), terms };
                let proof = match statement_of(prover.context(job.statement), job.statement, &claims) {
                    Some(Proved::Range(statement)) => range::prove(&statement, &opened, &mut rng),
                    Some(Proved::Zero(statement)) => zero::prove(&statement, &opened, &mut rng),
                    None => panic!("counted statements are no jobs"),
                };
                // of nothing there is no proof
                proof.unwrap_or_default()
            };
            let pairs: Vec<_> = claims.terms.into_iter().zip(opened).collect();
            let good: Vec<_> = pairs.iter().filter(|pair| holds(&pair.1)).cloned().collect();
            let stand_in = good.first().unwrap_or(&other);
            let swapped = pairs.iter().map(|pair| if holds(&pair.1) { pair } else { stand_in }.clone());
            let swapped = prove(swapped.collect());
            let omitted = if good.len() == pairs.len() { swapped.clone() } else { prove(good) };
            made.swapped.extend(swapped);
            made.omitted.extend(omitted);
        }
        for bundle in [&mut made.swapped, &mut made.omitted] {
            world.close(FIRST_DAY).write(bundle);
        }
        made
    })
}

fn verify(bundle: &[u8]) -> Result<Report, ProofError> {
    verify_bundle(bundle, &keys(), &Demands::default(), &policy(), &mut Chain::new())
}

#[test]
fn no_bundle_that_hides_an_entry_verifies() {
    // first, in the middle and last: each statement at one place, where there is time at all
    let is_long = std::env::var_os("GRANTBOOK_LONG").is_some();
    let places = |statement: Statement| {
        let one = u64::from(statement.number() % 3);
        if is_long { 0..3 } else { one..one + 1 }
    };
    let everywhere = Statement::ALL.iter().flat_map(|one| places(*one).map(move |at| (one, at)));
    for (statement, at) in everywhere {
        let mut world = World::new();
        story::day(&mut world, 3, Some((*statement, at)));
        let made = cheat(&world);
        let refused = verify(&made.swapped).unwrap_err();
        let named = match (&refused, *statement) {
            (ProofError::Exception { statement, .. }, Statement::UseHasGrant)
            | (ProofError::Statement { statement, .. }, _) => statement,
            (other, _) => panic!("{statement}: {other}"),
        };
        assert_eq!(named, statement, "{refused}");
        // proofs of fewer terms are shorter, or do not hold
        verify(&made.omitted).unwrap_err();
    }
}
