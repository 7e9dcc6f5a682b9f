//! The openings that a day's terms are made of, by commitment.

use std::collections::{BTreeSet, HashMap};

use grantbook_compliance::{Commitment, Opening, commit};

use super::{ProverError, Secrets, checked};
use crate::policy::StatementPolicy;
use crate::statement::Statement;
use crate::terms::Day;

/// Openings that were checked. They are wiped when dropped.
pub(crate) struct Openings(HashMap<Commitment, Opening>);

impl Openings {
    /// Those of the day's entries, and of earlier ones that the day's statements can be about.
    pub(crate) fn new(
        day: &Day,
        policy: &StatementPolicy,
        secrets: &impl Secrets,
    ) -> Result<Self, ProverError> {
        let ends_are_asked = Statement::UnacknowledgedYoung.is_asked(policy);
        let mut openings = Self(HashMap::new());
        for own in &day.own {
            openings.load(own.leaf, &own.entry.commitments, secrets)?;
        }
        let used = day.walked.uses.iter().filter_map(|used| Some(used.under?.0));
        let in_use: BTreeSet<u64> =
            used.chain(day.walked.accrued.iter().map(|accrued| accrued.grant)).collect();
        for (given, grant) in &day.chain.grants {
            let is_used = in_use.contains(given);
            let due = || grant.kept.iter().filter(|(_, kept)| kept.is_due(day.header.day));
            let asked = |leaf: u64| is_used || due().any(|(_, kept)| grant.is_at(kept.version, leaf));
            for version in &grant.versions {
                if asked(version.leaf) {
                    openings.load(version.leaf, version.commitments(), secrets)?;
                }
            }
            for pause in grant.pauses.iter().filter(|_| is_used) {
                openings.load(pause.leaf, &[pause.time], secrets)?;
                if let Some(resumed) = &pause.resumed {
                    openings.load(resumed.leaf, &[resumed.time], secrets)?;
                }
            }
            if let Some(end) =
                grant.end.as_ref().filter(|end| is_used || (ends_are_asked && !end.acknowledged))
            {
                openings.load(end.leaf, &[end.time], secrets)?;
            }
            for (leaf, kept) in due() {
                openings.load(*leaf, &[kept.time], secrets)?;
            }
        }
        // what the day's deletions and acknowledgements took off the chain
        for (leaf, deleted) in &day.walked.deleted {
            openings.load(*leaf, &[deleted.use_time], secrets)?;
            openings.load(deleted.version.leaf, deleted.version.commitments(), secrets)?;
        }
        for acknowledged in &day.walked.acknowledged {
            openings.load(acknowledged.end, &[acknowledged.ended], secrets)?;
        }
        Ok(openings)
    }

    pub(crate) fn get(&self, commitment: &Commitment) -> Option<&Opening> {
        self.0.get(commitment)
    }

    /// Takes in the opening of a sum.
    pub(crate) fn add(&mut self, opening: &Opening) {
        self.0.insert(commit(opening), opening.clone());
    }

    fn load(
        &mut self,
        leaf: u64,
        commitments: &[Commitment],
        secrets: &impl Secrets,
    ) -> Result<(), ProverError> {
        if commitments.iter().all(|commitment| self.0.contains_key(commitment)) {
            return Ok(());
        }
        let openings = checked(leaf, commitments, secrets)?;
        self.0.extend(commitments.iter().copied().zip(openings));
        Ok(())
    }
}
