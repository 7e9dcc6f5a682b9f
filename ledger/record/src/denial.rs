//! Why a use is denied. The order of the variants is the order of precedence.

use serde::{Deserialize, Serialize};

macro_rules! denials {
    ($($variant:ident = $code:literal, $what:literal, $remedy:literal;)*) => {
        /// A reason for a denial; earlier variants come before later ones where several hold for one grant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum DenialReason {
            $(#[doc = $what] $variant,)*
        }

        impl DenialReason {
            /// Every reason, in order of precedence.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable code, as in records and answers.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What is the case, as a sentence without its full stop.
            pub fn what(self) -> &'static str {
                match self { $(Self::$variant => $what,)* }
            }

            /// What would mend it.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }
    };
}

denials! {
    UnknownTerm = "unknown_term", "the use names a term that the vocabulary does not have",
        "use the vocabulary's terms, or publish a mapping for the new one";
    Stale = "stale", "the replica has no head young enough",
        "restore the gate's connection to the ledger";
    Behind = "behind", "the replica has not reached the position that the caller demands",
        "wait until the feed has arrived, then ask again";
    Blocked = "blocked", "an entry of a kind or version unknown to this reader is about this customer",
        "update the gate";
    Suspended = "suspended", "the requester is suspended after failed verifications",
        "mend what failed, then release the requester at the gate";
    NoGrant = "no_grant", "no grant of this customer names this recipient, purpose and category",
        "ask the customer for a grant";
    Withdrawn = "withdrawn", "the customer has withdrawn the grant",
        "stop; only a new grant by the customer permits it again";
    Revoked = "revoked", "the grant was revoked",
        "ask who revoked it; only a new grant permits it again";
    Superseded = "superseded", "a later grant by the customer took the place of this one",
        "act under the later grant";
    Paused = "paused", "the customer has paused the grant",
        "wait until the customer resumes it";
    NotStarted = "not_started", "the grant is not valid yet",
        "wait for the start of its validity";
    Expired = "expired", "the grant is valid no more",
        "ask the customer for a new grant";
    NoGuardian = "no_guardian", "the customer is a minor and no guardian has signed the grant",
        "ask a guardian to sign the grant";
    Unconfirmed = "unconfirmed", "the customer has come of age and has not confirmed what a guardian granted",
        "ask the customer to sign the grant's terms";
    Period = "period", "the data arose outside the granted period",
        "restrict the use to the granted period, or ask for an amendment";
    Field = "field", "the use names a field that is not granted or is excluded",
        "leave the field out, or ask for an amendment";
    Filter = "filter", "the use covers rows that are not granted or are excluded",
        "restrict the rows as the grant does, or ask for an amendment";
    Level = "level", "the use personalises further than the grant allows",
        "use a lower level, or ask for an amendment";
    Onward = "onward", "the data is passed on and the grant has no consent to that",
        "keep the data, or ask for the consent";
    PolicyError = "policy_error", "a rule of law or of the house could not be evaluated",
        "supply what the rule reads, or have the rule mended";
    Policy = "policy", "a rule of law or of the house forbids the use, or none permits it",
        "do what the rule demands, or have the rule changed";
    Cap = "cap", "all uses that the grant allows are used up",
        "ask the customer for more uses";
    Rate = "rate", "the uses that the grant allows within this time are used up",
        "wait until the time has passed";
    Budget = "budget", "the project's budget does not pay for the use",
        "ask whoever sets the budget for more";
    UnknownObligation = "unknown_obligation", "the grant carries an obligation that this gate cannot carry out",
        "update the gate";
    FactMissing = "fact_missing", "a fact that the decision needs could not be had in time",
        "restore the source of the fact";
    FactStale = "fact_stale", "a fact that the decision needs is too old",
        "restore the source of the fact";
    Certificate = "certificate", "the requester's certificate is not valid",
        "renew the certificate";
    MaskingLevel = "masking_level", "the data is masked less than the team's access policy demands",
        "mask the data further, or change the access policy";
    Unleased = "unleased", "no unit of a limit could be had from the ledger in time",
        "restore the gate's connection to the ledger";
    SpoolFull = "spool_full", "the use cannot be recorded, so it is not permitted",
        "give the gate's spool room, or restore its connection to the ledger";
    Late = "late", "the use arrived after the time by which it had to be recorded",
        "drain the gate's spool sooner";
    EvaluationError = "evaluation_error", "the decision could not be evaluated",
        "report the fault; nothing is permitted until it is mended";
}

impl std::fmt::Display for DenialReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_json_says() {
        for reason in DenialReason::ALL {
            assert_eq!(serde_json::to_string(reason).unwrap(), format!("{:?}", reason.code()));
        }
        assert!(DenialReason::Withdrawn < DenialReason::Period && DenialReason::Period < DenialReason::Cap);
    }
}
