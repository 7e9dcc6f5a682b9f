//! The ledger's question and answer: OpenID AuthZEN Authorization API 1.0, evaluation endpoint. Members of an answer
//! that are not known here are ignored; what a permit needs is verified.

use std::collections::BTreeMap;

use grantbook_plan::decide::Detail;
use grantbook_record::day::DataPeriod;
use grantbook_record::receipt::{self, VerifiedContent};
use grantbook_record::scope::AttributeValue;
use grantbook_record::terms::{Level, Obligation};
use grantbook_record::uses::{Outcome, UseFacts, UseId};
use grantbook_record::{DenialReason, Jti, Receipt, SubjectId, TenantId, Term};
use grantbook_tlog::{LeafIndex, LogKeys};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::denial::{Denial, LinkFault, Source};
use crate::spool::UseRef;

/// Path of the evaluation endpoint.
pub(crate) const EVALUATION: &str = "/access/v1/evaluation";

/// A use as AuthZEN asks about it.
#[derive(Debug, Serialize)]
pub(crate) struct Evaluation<'a> {
    subject: Subject<'a>,
    resource: Resource<'a>,
    action: Action<'a>,
    context: Context<'a>,
}

#[derive(Debug, Serialize)]
struct Subject<'a> {
    r#type: &'static str,
    id: &'a Term,
}

#[derive(Debug, Serialize)]
struct Resource<'a> {
    r#type: &'static str,
    id: &'a SubjectId,
    properties: Properties<'a>,
}

#[derive(Debug, Serialize)]
struct Properties<'a> {
    categories: &'a [Term],
    fields: &'a [Term],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    rows: &'a BTreeMap<Term, AttributeValue>,
}

#[derive(Debug, Serialize)]
struct Action<'a> {
    name: &'a Term,
}

#[derive(Debug, Serialize)]
struct Context<'a> {
    recipient: &'a Term,
    purpose: &'a Term,
    data_period: &'a DataPeriod,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<Level>,
    #[serde(skip_serializing_if = "<[Term]>::is_empty")]
    onward: &'a [Term],
    use_id: &'a UseId,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<u64>,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn of(facts: &'a UseFacts, use_id: &'a UseId, at_least: Option<LeafIndex>) -> Self {
        Self {
            subject: Subject { r#type: "service", id: &facts.requester },
            resource: Resource {
                r#type: "customer_data",
                id: &facts.data_subject,
                properties: Properties {
                    categories: &facts.categories,
                    fields: &facts.fields,
                    rows: &facts.rows,
                },
            },
            action: Action { name: &facts.action },
            context: Context {
                recipient: &facts.recipient,
                purpose: &facts.purpose,
                data_period: &facts.data_period,
                level: facts.level,
                onward: &facts.onward,
                use_id,
                at_least: at_least.map(|leaf_index| leaf_index.0),
            },
        }
    }
}

/// The answer; implies no trust.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    decision: bool,
    #[serde(default)]
    context: Value,
}

/// A use that the ledger permitted and recorded, with its receipt verified.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) grant: Jti,
    pub(crate) leaf_index: LeafIndex,
    pub(crate) obligations: Vec<Obligation>,
    pub(crate) receipt: Box<Receipt>,
    pub(crate) use_ref: UseRef,
}

#[derive(Deserialize)]
struct Permitted {
    grant: Jti,
    leaf_index: u64,
    obligations: Value,
    receipt: Box<Receipt>,
}

#[derive(Deserialize)]
struct Denied {
    reason: DenialReason,
    #[serde(default)]
    grant: Option<Jti>,
}

impl Answer {
    /// Believes the answer as far as its receipt goes: of this tenant, about this very use, under the grant it names.
    pub(crate) fn verify(
        self,
        facts: &UseFacts,
        use_id: &UseId,
        tenant: TenantId,
        keys: &LogKeys,
    ) -> Result<Recorded, Denial> {
        let malformed = |expected| Denial::from(LinkFault::Answer { expected });
        if !self.decision {
            let detail: Option<Detail> =
                self.context.get("detail").and_then(|detail| Detail::deserialize(detail).ok());
            let Denied { reason, grant } = serde_json::from_value(self.context)
                .map_err(|_| malformed("a denial with a reason that is known"))?;
            return Err(Denial { reason, grant, detail, source: Source::Ledger });
        }
        let Permitted { grant, leaf_index, obligations, receipt } = serde_json::from_value(self.context)
            .map_err(|_| malformed("a permit with grant, leaf_index, obligations and receipt"))?;
        let obligations = serde_json::from_value(obligations).map_err(|_| Denial {
            reason: DenialReason::UnknownObligation,
            grant: Some(grant),
            detail: None,
            source: Source::Ledger,
        })?;
        let expected = Expected { facts, use_id, tenant, grant, leaf_index };
        let use_ref = verify_receipt(&receipt, keys, &expected)?;
        Ok(Recorded { grant, leaf_index: LeafIndex(leaf_index), obligations, receipt, use_ref })
    }
}

struct Expected<'a> {
    facts: &'a UseFacts,
    use_id: &'a UseId,
    tenant: TenantId,
    grant: Jti,
    leaf_index: u64,
}

fn verify_receipt(receipt: &Receipt, keys: &LogKeys, expected: &Expected<'_>) -> Result<UseRef, LinkFault> {
    let refused = |expected| Err(LinkFault::Receipt { expected });
    if receipt.v != receipt::VERSION {
        return refused("a version that is known");
    }
    let Ok(verified) = receipt.verify(keys) else {
        return refused("one that verifies against the pinned keys");
    };
    let VerifiedContent::Use { record, batch, .. } = verified.content else {
        return refused("that of a use");
    };
    if batch.aud != expected.tenant {
        return refused("that of a use by this tenant");
    }
    if verified.leaf_index.0 != expected.leaf_index {
        return refused("that of the entry which the answer names");
    }
    if record.facts != *expected.facts || record.use_id.as_ref() != Some(expected.use_id) {
        return refused("that of the use which was asked about");
    }
    match &record.outcome {
        Outcome::Permitted(permitted) if permitted.grant == expected.grant => {
            Ok(UseRef { gate: record.gate.clone(), seq: record.seq })
        }
        _ => refused("that of a use permitted under the grant which the answer names"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_fact_of_a_use_is_asked_about() {
        let facts = json!({
            "data_subject": "cs-00004", "requester": "pricing", "recipient": "insurer",
            "purpose": "insurance-underwriting", "action": "read", "categories": ["driving"], "fields": ["speed"],
            "data_period": {"from": "2025-07-01", "to": "2025-07-31"}, "rows": {"region": "north"}, "level": 2,
            "onward": ["printer"]
        });
        let facts: UseFacts = serde_json::from_value(facts).unwrap();
        let use_id = UseId::try_from("u-1".to_owned()).unwrap();
        let asked = json!(Evaluation::of(&facts, &use_id, Some(LeafIndex(7)))).to_string();
        for value in json!(facts).as_object().unwrap().values() {
            assert!(asked.contains(&value.to_string()), "{value} is not in {asked}");
        }
    }
}
