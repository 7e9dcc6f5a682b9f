//! The next rules of law and of the house: into force, into shadow, or out of it.

use grantbook_record::Thumbprint;
use grantbook_record::event::{PolicyPublished, Promotion, Stage};

use super::{Context, Refusal, by_enterprise};
use crate::rules::PolicyPlan;

/// The shadow ends by the enterprise's clock, which the event states: gates do not know the second of admission. That it
/// is not ahead of the ledger's, the ledger alone asks.
pub(super) fn check_policy(
    event: &PolicyPublished,
    signers: &[Thumbprint],
    context: &Context<'_>,
) -> Result<(), Refusal> {
    by_enterprise(signers, context)?;
    let last = context.tenant.policy.as_ref().map_or(0, |policy| policy.version);
    let expected = last.saturating_add(1);
    if event.version != expected {
        return Err(Refusal::Version { expected });
    }
    let other = |expected| Refusal::OtherCandidate { expected };
    let candidate = || {
        let candidate = context.tenant.candidate.as_ref().ok_or(Refusal::NoCandidate)?;
        if event.sources == candidate.sources { Ok(candidate) } else { Err(other("its sources")) }
    };
    match &event.stage {
        None | Some(Stage::Shadow(_)) => PolicyPlan::from_value(&event.plan).map(|_| ())?,
        Some(Stage::Promoted(Promotion { early })) => {
            let candidate = candidate()?;
            if PolicyPlan::from_value(&event.plan)? != candidate.plan {
                return Err(other("its plan"));
            }
            if early.is_none() && event.from < candidate.until {
                return Err(Refusal::StillInShadow { until: candidate.until });
            }
        }
        Some(Stage::Dropped) => {
            candidate()?;
            if !event.plan.is_null() {
                return Err(other("to be dropped without its plan"));
            }
        }
    }
    Ok(())
}
