//! The enterprise's own rules at one gate: facts from outside, and who is stopped because they failed.

use std::sync::Arc;

use grantbook_plan::decide::Denial as Decided;
use grantbook_record::list::List;
use grantbook_record::uses::{ReliedFact, UseFacts};
use grantbook_record::{DenialReason, Price, Term, UnixSeconds};

use crate::breaker::{Breaker, BreakerError};
use crate::facts::Facts;

/// House rules with the sources of their facts, and the breaker that stops a requester after two failures in a row.
#[derive(Clone)]
pub struct House {
    facts: Facts,
    breaker: Arc<Breaker>,
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}

impl House {
    /// From rules with their sources, and a breaker that may know of earlier failures.
    pub fn new(facts: Facts, breaker: Arc<Breaker>) -> Self {
        Self { facts, breaker }
    }

    /// Whether a requester is stopped until somebody releases it.
    pub fn is_suspended(&self, requester: &Term) -> bool {
        self.breaker.is_suspended(requester)
    }

    /// Lets a requester ask again; false if it was not stopped.
    pub fn release(&self, requester: &Term) -> Result<bool, BreakerError> {
        self.breaker.release(requester)
    }

    /// Judges a use that pays `payout` by facts as they are now, and takes note of how that ended.
    pub(crate) async fn judge(
        &self,
        facts: &UseFacts,
        payout: Price,
        now: UnixSeconds,
    ) -> Result<List<ReliedFact, 0, 8>, Decided> {
        let supplied = self.facts.gather(facts, now).await;
        let judged = self.facts.rules().judge(facts, payout, &supplied, now);
        let noted = match &judged {
            Ok(relied) if relied.is_empty() => Ok(()),
            Ok(_) => self.breaker.verified(&facts.requester),
            Err(denial) => self.breaker.denied(&facts.requester, denial.reason, now).map(|_| ()),
        };
        // what cannot be counted cannot be relied on to stop anybody
        if noted.is_err() && judged.is_ok() {
            return Err(Decided::of(DenialReason::EvaluationError));
        }
        judged
    }
}
