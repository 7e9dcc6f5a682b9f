//! Cases of a policy: a use that it lets go on, and the one change that makes it deny.

use std::collections::BTreeMap;

use grantbook_plan::rules::{Attribute, Broken, OwnedValue, Source, Values, ValuesError};
use grantbook_record::Term;
use grantbook_record::strict_json::{self, JsonError};
use serde::{Deserialize, Serialize};

use super::{AskError, Lowered, ask};

/// Bytes of a file of cases.
pub const CASES_BYTES_MAX: usize = 64 * 1024;

/// A permitted use and its change, for one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleCase {
    /// The rule that denies after the change.
    pub rule: Term,
    /// What the permitted use shows.
    pub permitted: String,
    /// In what it differs from the base that all cases share.
    #[serde(default)]
    pub with: BTreeMap<Attribute, OwnedValue>,
    /// What the change shows.
    pub denied: String,
    /// The change.
    pub change: Change,
}

/// A change of one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Which.
    pub attribute: Attribute,
    /// Its value after the change; absent: an optional attribute is taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<OwnedValue>,
}

/// What is wrong with a case.
#[derive(Debug, thiserror::Error)]
pub enum CaseFault {
    /// Larger than [`CASES_BYTES_MAX`].
    #[error("cases of {got} bytes, expected at most {CASES_BYTES_MAX}")]
    TooLarge {
        /// Their bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused cases: {0}")]
    Json(#[source] JsonError),
    /// The attributes are none of a decision.
    #[error("case of {rule}: {error}")]
    Values {
        /// Its rule.
        rule: Term,
        /// What is wrong.
        error: ValuesError,
    },
    /// Cedar does not take the question.
    #[error("case of {rule}: {error}")]
    Ask {
        /// Its rule.
        rule: Term,
        /// What is wrong.
        error: AskError,
    },
    /// The rule is none of the policies.
    #[error("case of {rule}, which is none of the policies")]
    NoSuchRule {
        /// Its rule.
        rule: Term,
    },
    /// The change changes nothing, or more than one word of a set.
    #[error("case of {rule}: expected a change of one value, or of one word of a set")]
    NotMinimal {
        /// Its rule.
        rule: Term,
    },
    /// It came out otherwise.
    #[error("case of {rule}: {use_} was {got}, expected {expected}")]
    Otherwise {
        /// Its rule.
        rule: Term,
        /// What the use shows.
        use_: String,
        /// What was expected.
        expected: String,
        /// What came.
        got: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCases {
    cases: Vec<RuleCase>,
}

/// The use and grant that all cases share: `policies/base.json`.
pub fn base() -> Result<Values, JsonError> {
    strict_json::parse(include_bytes!("../../../base.json"))
}

/// Parses a file of cases.
pub fn parse(json: &[u8]) -> Result<Vec<RuleCase>, CaseFault> {
    if json.len() > CASES_BYTES_MAX {
        return Err(CaseFault::TooLarge { got: json.len() });
    }
    let RawCases { cases } = strict_json::parse(json).map_err(CaseFault::Json)?;
    Ok(cases)
}

/// Tries a case on the plan and on Cedar.
pub fn check(case: &RuleCase, base: &Values, lowered: &Lowered) -> Result<(), CaseFault> {
    let rule = || case.rule.clone();
    let values = |error| CaseFault::Values { rule: rule(), error };
    if !lowered.plan.rules().iter().any(|known| known.id == case.rule) {
        return Err(CaseFault::NoSuchRule { rule: rule() });
    }
    let mut permitted = base.clone();
    for (attribute, value) in &case.with {
        permitted = permitted.with(*attribute, Some(value.clone())).map_err(values)?;
    }
    let Change { attribute, to } = &case.change;
    let denied = permitted.with(*attribute, to.clone()).map_err(values)?;
    if !is_minimal(permitted.read(*attribute).map(OwnedValue::from).as_ref(), to.as_ref()) {
        return Err(CaseFault::NotMinimal { rule: rule() });
    }
    let expect = |use_: &str, asked: &Values, expected: &str| {
        let otherwise = |got: String| {
            Err(CaseFault::Otherwise {
                rule: rule(),
                use_: use_.to_owned(),
                expected: expected.to_owned(),
                got,
            })
        };
        let got = match lowered.plan.judge(asked) {
            Ok(()) => "permitted".to_owned(),
            Err(Broken::Forbidden(by)) => format!("denied by {}", by.id),
            Err(Broken::NotPermitted) => "permitted by no rule".to_owned(),
            Err(Broken::Failed(by, error)) => format!("denied since {} failed ({error})", by.id),
        };
        if got != expected {
            return otherwise(got);
        }
        let by_cedar = ask(&lowered.policies, &lowered.schema, asked)
            .map_err(|error| CaseFault::Ask { rule: rule(), error })?;
        if by_cedar.permits() != (expected == "permitted") {
            return otherwise(format!(
                "{} by Cedar",
                if by_cedar.permits() { "permitted" } else { "denied" }
            ));
        }
        Ok(())
    };
    expect(&case.permitted, &permitted, "permitted")?;
    let permits = lowered
        .plan
        .rules()
        .iter()
        .any(|known| known.id == case.rule && known.effect == grantbook_plan::rules::Effect::Permit);
    let denial = if permits { "permitted by no rule".to_owned() } else { format!("denied by {}", case.rule) };
    expect(&case.denied, &denied, &denial)
}

/// One value, or one word of a set.
fn is_minimal(before: Option<&OwnedValue>, after: Option<&OwnedValue>) -> bool {
    match (before, after) {
        (Some(OwnedValue::Words(before)), Some(OwnedValue::Words(after))) => {
            before.symmetric_difference(after).count() == 1
                || (before.len() == 1 && after.len() == 1 && before != after)
        }
        (before, after) => before != after,
    }
}
