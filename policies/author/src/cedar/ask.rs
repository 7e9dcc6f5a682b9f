//! The same question put to Cedar: the judge of the lowering.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request,
    RestrictedExpression as Expression, Schema,
};
use grantbook_plan::rules::{Attribute, OwnedValue, Values};
use serde_json::{Map, Value as Json, json};

use super::schema::entity_type;

/// What Cedar says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CedarAnswer {
    /// Whether it allows the use.
    pub allows: bool,
    /// Ids of the policies that decided.
    pub decided_by: Vec<String>,
    /// Ids of the policies that could not be evaluated, which Cedar leaves out.
    pub failed: Vec<String>,
}

impl CedarAnswer {
    /// Whether a plan should permit: Cedar allows, and every policy could be evaluated.
    pub fn permits(&self) -> bool {
        self.allows && self.failed.is_empty()
    }
}

/// Why a question could not be put.
#[derive(Debug, thiserror::Error)]
#[error("question to Cedar: {0}")]
pub struct AskError(String);

fn error(error: impl std::fmt::Display) -> AskError {
    AskError(error.to_string())
}

/// Asks Cedar whether these policies allow what has these attributes.
pub fn ask(policies: &PolicySet, schema: &Schema, values: &Values) -> Result<CedarAnswer, AskError> {
    let mut context = Map::new();
    let mut grant = Map::new();
    let mut age = None;
    let (mut principal, mut action) = (None, None);
    for (attribute, value) in values.iter() {
        match (attribute, value) {
            (Attribute::Requester, OwnedValue::Word(word)) => principal = Some(uid("Requester", word)?),
            (Attribute::Action, OwnedValue::Word(word)) => action = Some(uid("Action", word)?),
            (Attribute::Age, OwnedValue::Long(years)) => age = Some(*years),
            (attribute, value) => {
                let json = json_of(attribute, value);
                match attribute.name().strip_prefix("grant.") {
                    Some(name) => grant.insert(name.to_owned(), json),
                    None => context.insert(attribute.name().to_owned(), json),
                };
            }
        }
    }
    context.insert("grant".to_owned(), Json::Object(grant));
    let missing = || AskError("no requester or no action".to_owned());
    let (principal, action) = (principal.ok_or_else(missing)?, action.ok_or_else(missing)?);
    let resource = uid("Customer", "someone")?;
    let context = Context::from_json_value(Json::Object(context), Some((schema, &action))).map_err(error)?;
    let request = Request::new(principal, action, resource.clone(), context, Some(schema)).map_err(error)?;
    let attributes: HashMap<String, Expression> =
        age.map(|years| ("age".to_owned(), Expression::new_long(years))).into_iter().collect();
    let customer = Entity::new(resource, attributes, HashSet::new()).map_err(error)?;
    let entities = Entities::from_entities([customer], Some(schema)).map_err(error)?;
    let response = Authorizer::new().is_authorized(&request, policies, &entities);
    let diagnostics = response.diagnostics();
    Ok(CedarAnswer {
        allows: response.decision() == Decision::Allow,
        decided_by: diagnostics.reason().map(ToString::to_string).collect(),
        failed: diagnostics.errors().map(failed).collect(),
    })
}

fn failed(error: &AuthorizationError) -> String {
    match error {
        AuthorizationError::PolicyEvaluationError(error) => error.policy_id().to_string(),
    }
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, AskError> {
    EntityUid::from_json(json!({ "type": kind, "id": id })).map_err(error)
}

fn json_of(attribute: Attribute, value: &OwnedValue) -> Json {
    let word = |word: &str| match entity_type(attribute) {
        Some(kind) => json!({ "__entity": { "type": kind, "id": word } }),
        None => json!(word),
    };
    match value {
        OwnedValue::Bool(value) => json!(value),
        OwnedValue::Long(number) => json!(number),
        OwnedValue::Word(text) => word(text),
        OwnedValue::Words(words) => words.iter().map(|text| word(text)).collect(),
    }
}
