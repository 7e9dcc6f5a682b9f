//! One question at each door, and what the doors say.

use std::time::Instant;

use grantbook_record::{DenialReason, Jti, SubjectId};
use grantbook_sdk::{CheckOptions, Decision, Detail, Gate, Obligation, Voided};

use super::stage::{PATIENCE, Played};

/// A way to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Door {
    /// A gate's replica, with its spool and leases.
    Embedded,
    /// A gate without a replica: the ledger, over HTTP.
    Remote,
    /// A gate's replica, about many customers.
    Bulk,
    /// The ledger, about a use that was recorded.
    Admission,
}

impl Door {
    pub(super) const ALL: [Self; 4] = [Self::Embedded, Self::Remote, Self::Bulk, Self::Admission];
}

/// The grant of a permit, or the reason of a denial and the grant that came closest.
pub(super) type Said = Result<Jti, (DenialReason, Option<Jti>)>;

/// Something that was said, and what more there is to compare.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spoken {
    pub(super) said: Said,
    pub(super) detail: Option<Detail>,
    pub(super) obligations: Vec<Obligation>,
}

impl Spoken {
    /// Whether it is a denial for this reason.
    pub(super) fn is(&self, reason: DenialReason) -> bool {
        self.said.is_err_and(|(said, _)| said == reason)
    }
}

/// Asks a gate for a permit, and gives it back where `gives_back`. One that is stale for a moment, because the machine is
/// busy, is asked again, unless that is what is to be seen.
pub(super) async fn check(
    gate: &Gate,
    played: &Played,
    options: &CheckOptions,
    may_be_stale: bool,
) -> Spoken {
    let started = Instant::now();
    loop {
        match gate.check_with(played.facts(), options).await {
            Ok(permit) => {
                let (said, obligations) = (Ok(permit.grant()), permit.obligations().to_vec());
                let in_spool = permit.leaf_index().is_none();
                // so that the next door finds as many uses as this one did
                let given_back = permit.void() == Voided::GivenBack;
                assert_eq!(given_back, in_spool, "{}", played.case.sub);
                return Spoken { said, detail: None, obligations };
            }
            Err(denial) if denial.reason == DenialReason::Stale && !may_be_stale => {
                assert!(started.elapsed() < PATIENCE, "stale for good");
            }
            Err(denial) => {
                let said = Err((denial.reason, denial.grant));
                return Spoken { said, detail: denial.detail, obligations: Vec::new() };
            }
        }
    }
}

/// Asks about a customer among others: what is said of each comes in order.
pub(super) fn filter(gate: &Gate, played: &Played, other: &SubjectId, may_be_stale: bool) -> Spoken {
    let nobody = SubjectId::parse("nobody").expect("a pseudonym");
    let asked = [other, &played.case.sub, &nobody];
    let started = Instant::now();
    loop {
        let answers: Vec<_> = gate.filter(played.facts(), asked).collect();
        assert!(answers.iter().map(|answer| answer.item).eq(asked));
        let spoken = match &answers[1].decision {
            Decision::Permit(permission) => {
                let obligations = permission.obligations.clone();
                Spoken { said: Ok(permission.grant), detail: None, obligations }
            }
            Decision::Denial(denial) => {
                let said = Err((denial.reason, denial.grant));
                Spoken { said, detail: denial.detail.clone(), obligations: Vec::new() }
            }
        };
        if may_be_stale || !spoken.is(DenialReason::Stale) {
            return spoken;
        }
        assert!(started.elapsed() < PATIENCE, "stale for good");
    }
}
