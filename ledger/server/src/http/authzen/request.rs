//! From AuthZEN's members to the facts of a use.
//!
//! Two kinds of failure are kept apart: a body that is no evaluation request is a problem (400); a well-formed request
//! that says too little, or uses other words, is a question that can only be denied.

use std::collections::BTreeMap;

use grantbook_record::list::List;
use grantbook_record::provenance::Provenance;
use grantbook_record::scope::AttributeValue;
use grantbook_record::uses::{UseFacts, UseId};
use grantbook_record::{DenialReason, SubjectId, Term, strict_json};
use grantbook_tlog::LeafIndex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::members::{self, Malformed, Members, object, required, text};
use super::settings::Settings;

/// An evaluation request. Members that are not listed are ignored.
#[derive(Debug, Clone, ToSchema)]
#[schema(example = json!(example()))]
pub(in crate::http) struct EvaluationRequest {
    /// Who asks: the service or member of the enterprise.
    pub(super) subject: Subject,
    /// What is done with the data.
    pub(super) action: Action,
    /// Whose data, and which.
    pub(super) resource: Resource,
    /// `recipient`, `purpose`, `data_period` {`from`, `to`}, `level`, `onward`, `use_id`, `at_least`, `provenance`.
    #[schema(value_type = Option<Object>, nullable = false)]
    pub(super) context: Members,
}

/// Who asks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http) struct Subject {
    /// `service` or `member`, or a word of the tenant's settings.
    pub(super) r#type: String,
    /// A term, or a word of the tenant's settings.
    pub(super) id: String,
    /// What the tenant's settings ask for.
    #[serde(skip_serializing_if = "Members::is_empty")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub(super) properties: Members,
}

/// What is done with the data.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http) struct Action {
    /// A term of the vocabulary, or a word of the tenant's settings.
    pub(super) name: String,
    /// What the tenant's settings ask for.
    #[serde(skip_serializing_if = "Members::is_empty")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub(super) properties: Members,
}

/// Whose data, and which.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http) struct Resource {
    /// `customer_data`, or a word of the tenant's settings.
    pub(super) r#type: String,
    /// The data subject.
    pub(super) id: String,
    /// `categories`, `fields`, `rows`, and what the tenant's settings ask for.
    #[serde(skip_serializing_if = "Members::is_empty")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub(super) properties: Members,
}

/// A request about a use of the sandbox's example, for the interface document.
pub(super) fn example() -> Value {
    json!({
        "subject": {"type": "service", "id": "pricing"},
        "action": {"name": "profile"},
        "resource": {"type": "customer_data", "id": "sandbox-customer",
            "properties": {"categories": ["fast-charging"], "fields": ["date", "energy_kwh"]}},
        "context": {"recipient": "insurer", "purpose": "insurance-underwriting",
            "data_period": {"from": "2025-07-01", "to": "2025-09-30"}}
    })
}

impl Subject {
    pub(super) fn read(mut members: Members) -> Result<Self, Malformed> {
        Ok(Self {
            r#type: required(text(&mut members, "subject.type")?, "subject.type")?,
            id: required(text(&mut members, "subject.id")?, "subject.id")?,
            properties: object(&mut members, "subject.properties")?.unwrap_or_default(),
        })
    }
}

impl Action {
    pub(super) fn read(mut members: Members) -> Result<Self, Malformed> {
        Ok(Self {
            name: required(text(&mut members, "action.name")?, "action.name")?,
            properties: object(&mut members, "action.properties")?.unwrap_or_default(),
        })
    }
}

impl Resource {
    pub(super) fn read(mut members: Members) -> Result<Self, Malformed> {
        Ok(Self {
            r#type: required(text(&mut members, "resource.type")?, "resource.type")?,
            id: required(text(&mut members, "resource.id")?, "resource.id")?,
            properties: object(&mut members, "resource.properties")?.unwrap_or_default(),
        })
    }
}

/// What the gate is asked.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) facts: UseFacts,
    pub(super) use_id: Option<UseId>,
    pub(super) at_least: Option<LeafIndex>,
    pub(super) provenance: Option<Box<Provenance>>,
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
    /// Reads a body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Malformed> {
        Self::read(members::read(body)?)
    }

    pub(super) fn read(mut members: Members) -> Result<Self, Malformed> {
        Ok(Self {
            subject: Subject::read(required(object(&mut members, "subject")?, "subject")?)?,
            action: Action::read(required(object(&mut members, "action")?, "action")?)?,
            resource: Resource::read(required(object(&mut members, "resource")?, "resource")?)?,
            context: object(&mut members, "context")?.unwrap_or_default(),
        })
    }

    /// The question, unless a member is absent (`fact_missing`) or not of our words (`unknown_term`). What the request
    /// says itself goes before what the tenant's settings say.
    pub(super) fn question(self, settings: &Settings) -> Result<Question, Unanswerable> {
        let meaning = settings.meaning(&self.subject, &self.action, &self.resource);
        let Self { subject, action, resource, mut context } = self;
        if !matches!(subject.r#type.as_str(), "service" | "member")
            && !settings.has_subject_type(&subject.r#type)
        {
            return Err(unknown("subject.type"));
        }
        if resource.r#type != "customer_data" && !settings.has_resource_type(&resource.r#type) {
            return Err(unknown("resource.type"));
        }
        if meaning.has_malformed_row {
            return Err(unknown("resource.properties"));
        }
        let mut properties = resource.properties;
        let rows: Option<BTreeMap<Term, AttributeValue>> =
            optional(&mut properties, "resource.properties.rows")?;
        let mut rows = rows.unwrap_or_default();
        for (attribute, value) in meaning.rows {
            rows.entry(attribute).or_insert(value);
        }
        let term = |text: &str, meant: Option<Term>, member| match meant {
            Some(term) => Ok(term),
            None => Term::parse(text).map_err(|_| unknown(member)),
        };
        let facts = UseFacts {
            data_subject: SubjectId::parse(&resource.id).map_err(|_| unknown("resource.id"))?,
            requester: term(&subject.id, meaning.requester, "subject.id")?,
            recipient: said_or_meant(&mut context, "context.recipient", meaning.recipient)?,
            purpose: said_or_meant(&mut context, "context.purpose", meaning.purpose)?,
            action: term(&action.name, meaning.action, "action.name")?,
            categories: said_or_meant(&mut properties, "resource.properties.categories", meaning.categories)?,
            fields: said_or_meant(&mut properties, "resource.properties.fields", meaning.fields)?,
            data_period: said_or_meant(&mut context, "context.data_period", meaning.data_period)?,
            rows,
            level: optional(&mut context, "context.level")?.or(meaning.level),
            onward: optional::<List<Term, 0, 8>>(&mut context, "context.onward")?
                .or(meaning.onward)
                .unwrap_or_default(),
        };
        Ok(Question {
            facts,
            use_id: optional(&mut context, "context.use_id")?,
            at_least: optional(&mut context, "context.at_least")?.map(LeafIndex),
            provenance: optional(&mut context, "context.provenance")?.map(Box::new),
        })
    }
}

/// A member of `properties` or `context`, if it is there.
fn optional<T: DeserializeOwned>(
    members: &mut Members,
    member: &'static str,
) -> Result<Option<T>, Unanswerable> {
    let name = member.rsplit('.').next().unwrap_or(member);
    match members.remove(name) {
        None => Ok(None),
        // read as our own formats are: an object is no array
        Some(value) => strict_json::from_value(value).map(Some).map_err(|_| unknown(member)),
    }
}

/// What the request says, or else what the settings mean.
fn said_or_meant<T: DeserializeOwned>(
    members: &mut Members,
    member: &'static str,
    meant: Option<T>,
) -> Result<T, Unanswerable> {
    let said = optional(members, member)?.or(meant);
    said.ok_or(Unanswerable { reason: DenialReason::FactMissing, member })
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
                "data_period": {"from": "1997-01-01", "to": "1997-01-31"}, "level": 2, "onward": ["printer"], "use_id": "u-1", "at_least": 7,
                "provenance": {"model": "ranker", "version": "3.1", "input_sha256": "A".repeat(43),
                    "review": "none"}}
        })
    }

    #[test]
    fn a_full_request_becomes_the_facts() {
        let request = EvaluationRequest::parse(valid().to_string().as_bytes()).unwrap();
        let question = request.question(&Settings::default()).unwrap();
        let Question { facts, use_id, at_least, provenance } = question;
        assert_eq!(facts.data_subject.as_str(), "cs-00004");
        assert_eq!(facts.requester.as_str(), "recommender");
        assert_eq!(facts.fields.len(), 2);
        assert_eq!(use_id.unwrap().as_str(), "u-1");
        assert_eq!(at_least, Some(LeafIndex(7)));
        assert_eq!(facts.level.map(u64::from), Some(2));
        assert_eq!(facts.onward.len(), 1);
        assert_eq!(provenance.unwrap().model.as_str(), "ranker");
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
            ("/context/level", json!(5), unknown, "context.level"),
            ("/context/onward", json!("printer"), unknown, "context.onward"),
            ("/context/provenance", json!({"model": "ranker"}), unknown, "context.provenance"),
        ] {
            let mut body = valid();
            // a member that was absent is put there, the rest replaced
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap()[name] = value;
            let request = EvaluationRequest::parse(body.to_string().as_bytes()).unwrap();
            assert_eq!(
                request.question(&Settings::default()).unwrap_err(),
                Unanswerable { reason: expected, member },
                "{pointer}"
            );
        }
    }
}
