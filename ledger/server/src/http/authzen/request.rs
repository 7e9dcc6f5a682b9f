//! From AuthZEN's members to the facts of a use.
//!
//! Two kinds of failure are kept apart: a body that is no evaluation request is a problem (400); a well-formed request
//! that says too little, or uses other words, is a question that can only be denied.

use grantbook_record::day::DataPeriod;
use grantbook_record::uses::{UseFacts, UseId};
use grantbook_record::{DenialReason, SubjectId, Term};
use grantbook_tlog::LeafIndex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An evaluation request. Members that are not listed are ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::http) struct EvaluationRequest {
    /// Who asks: the service or member of the enterprise.
    subject: Subject,
    /// What is done with the data.
    action: Action,
    /// Whose data, and which.
    resource: Resource,
    /// `recipient`, `purpose`, `data_period` {`from`, `to`}, `use_id`, `at_least`.
    #[serde(default)]
    #[schema(value_type = Object)]
    context: Map<String, Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct Subject {
    /// `service` or `member`.
    r#type: String,
    /// A term.
    id: String,
    #[serde(default, rename = "properties")]
    #[schema(value_type = Object)]
    _properties: Map<String, Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct Action {
    /// A term of the vocabulary.
    name: String,
    #[serde(default, rename = "properties")]
    #[schema(value_type = Object)]
    _properties: Map<String, Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
struct Resource {
    /// `customer_data`.
    r#type: String,
    /// The data subject.
    id: String,
    /// `categories`, `fields`, `rows`.
    #[serde(default)]
    #[schema(value_type = Object)]
    properties: Map<String, Value>,
}

/// What the gate is asked.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) facts: UseFacts,
    pub(super) use_id: Option<UseId>,
    pub(super) at_least: Option<LeafIndex>,
}

/// A question that can only be denied.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unanswerable {
    pub(super) reason: DenialReason,
    pub(super) member: &'static str,
}

fn unknown(member: &'static str) -> Unanswerable {
    Unanswerable { reason: DenialReason::UnknownTerm, member }
}

impl EvaluationRequest {
    /// The question, unless a member is absent (`fact_missing`) or not of our words (`unknown_term`).
    pub(super) fn question(self) -> Result<Question, Unanswerable> {
        let Self { subject, action, resource, mut context } = self;
        if !matches!(subject.r#type.as_str(), "service" | "member") {
            return Err(unknown("subject.type"));
        }
        if resource.r#type != "customer_data" {
            return Err(unknown("resource.type"));
        }
        let mut properties = resource.properties;
        let facts = UseFacts {
            data_subject: SubjectId::parse(&resource.id).map_err(|_| unknown("resource.id"))?,
            requester: Term::parse(&subject.id).map_err(|_| unknown("subject.id"))?,
            recipient: required(&mut context, "recipient", "context.recipient")?,
            purpose: required(&mut context, "purpose", "context.purpose")?,
            action: Term::parse(&action.name).map_err(|_| unknown("action.name"))?,
            categories: required(&mut properties, "categories", "resource.properties.categories")?,
            fields: required(&mut properties, "fields", "resource.properties.fields")?,
            data_period: required::<DataPeriod>(&mut context, "data_period", "context.data_period")?,
            rows: optional(&mut properties, "rows", "resource.properties.rows")?.unwrap_or_default(),
            level: None,
            onward: grantbook_record::list::List::default(),
        };
        Ok(Question {
            facts,
            use_id: optional(&mut context, "use_id", "context.use_id")?,
            at_least: optional(&mut context, "at_least", "context.at_least")?.map(LeafIndex),
        })
    }
}

fn optional<T: DeserializeOwned>(
    members: &mut Map<String, Value>,
    name: &str,
    member: &'static str,
) -> Result<Option<T>, Unanswerable> {
    match members.remove(name) {
        None => Ok(None),
        Some(value) => serde_json::from_value(value).map(Some).map_err(|_| unknown(member)),
    }
}

fn required<T: DeserializeOwned>(
    members: &mut Map<String, Value>,
    name: &str,
    member: &'static str,
) -> Result<T, Unanswerable> {
    optional(members, name, member)?.ok_or(Unanswerable { reason: DenialReason::FactMissing, member })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn valid() -> Value {
        json!({
            "subject": {"type": "service", "id": "recommender"},
            "action": {"name": "read"},
            "resource": {"type": "customer_data", "id": "cs-00004",
                "properties": {"categories": ["purchases"], "fields": ["date", "quantity"]}},
            "context": {"recipient": "partner-shop", "purpose": "service-personalisation",
                "data_period": {"from": "1997-01-01", "to": "1997-01-31"}, "use_id": "u-1", "at_least": 7}
        })
    }

    #[test]
    fn a_full_request_becomes_the_facts() {
        let request: EvaluationRequest = serde_json::from_value(valid()).unwrap();
        let Question { facts, use_id, at_least } = request.question().unwrap();
        assert_eq!(facts.data_subject.as_str(), "cs-00004");
        assert_eq!(facts.requester.as_str(), "recommender");
        assert_eq!(facts.fields.len(), 2);
        assert_eq!(use_id.unwrap().as_str(), "u-1");
        assert_eq!(at_least, Some(LeafIndex(7)));
    }

    #[test]
    fn what_is_absent_or_unknown_names_its_member() {
        let missing = DenialReason::FactMissing;
        let unknown = DenialReason::UnknownTerm;
        for (pointer, value, expected, member) in [
            ("/subject/type", json!("user"), unknown, "subject.type"),
            ("/subject/id", json!("alice@example.com"), unknown, "subject.id"),
            ("/action/name", json!("can read"), unknown, "action.name"),
            ("/resource/type", json!("book"), unknown, "resource.type"),
            ("/resource/id", json!(""), unknown, "resource.id"),
            ("/resource/properties", json!({}), missing, "resource.properties.categories"),
            ("/resource/properties/categories", json!([]), unknown, "resource.properties.categories"),
            ("/resource/properties/fields", json!("date"), unknown, "resource.properties.fields"),
            ("/resource/properties/rows", json!([]), unknown, "resource.properties.rows"),
            ("/context", json!({}), missing, "context.recipient"),
            ("/context/purpose", json!(7), unknown, "context.purpose"),
            (
                "/context/data_period",
                json!({"from": "1997-02-01", "to": "1997-01-01"}),
                unknown,
                "context.data_period",
            ),
            ("/context/use_id", json!("with space"), unknown, "context.use_id"),
            ("/context/at_least", json!("7"), unknown, "context.at_least"),
        ] {
            let mut body = valid();
            // a member that was absent is put there, the rest replaced
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap()[name] = value;
            let request: EvaluationRequest = serde_json::from_value(body).unwrap();
            assert_eq!(
                request.question().unwrap_err(),
                Unanswerable { reason: expected, member },
                "{pointer}"
            );
        }
    }
}
