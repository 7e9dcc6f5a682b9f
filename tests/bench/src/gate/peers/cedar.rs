//! cedar-policy: a policy for each recipient; customers are entities with what they granted as attributes.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request,
    RestrictedExpression as Value,
};

use super::{Ask, END, NOW};
use crate::Failure;
use crate::gate::questions::granted_terms::{CATEGORY, EXCLUDED, PERIOD, PURPOSE};
use crate::gate::questions::{Question, RECIPIENTS, customer, day_number, recipient};

pub(super) fn ask(customers: usize, questions: &[Question]) -> Result<Ask<'static>, Failure> {
    let mut text = String::new();
    for number in 0..RECIPIENTS {
        writeln!(
            text,
            r#"permit (principal == Recipient::"{}", action == Action::"profile", resource)
            when {{
                resource has recipient && resource.recipient == principal && resource.purpose == context.purpose &&
                resource.categories.contains(context.category) && resource.from <= context.day &&
                context.day <= resource.to && !resource.excluded.containsAny(context.fields) &&
                context.now < resource.end
            }};"#,
            recipient(number)
        )?;
    }
    let policies: PolicySet = text.parse()?;
    let granted = |number| -> Result<Entity, Failure> {
        let attributes = [
            ("recipient", Value::new_entity_uid(uid("Recipient", &recipient(number))?)),
            ("purpose", Value::new_string(PURPOSE.to_owned())),
            ("categories", Value::new_set([Value::new_string(CATEGORY.to_owned())])),
            ("excluded", Value::new_set([Value::new_string(EXCLUDED.to_owned())])),
            ("from", Value::new_long(day_number(PERIOD.0)?)),
            ("to", Value::new_long(day_number(PERIOD.1)?)),
            ("end", Value::new_long(END)),
        ];
        let attributes: HashMap<_, _> = attributes.map(|(name, value)| (name.to_owned(), value)).into();
        Ok(Entity::new(uid("Customer", &customer(number))?, attributes, HashSet::new())?)
    };
    let entities: Vec<Entity> = (0..customers).map(granted).collect::<Result<_, _>>()?;
    let entities = Entities::from_entities(entities, None)?;
    let requests = questions.iter().map(request).collect::<Result<Vec<_>, _>>()?;
    let authorizer = Authorizer::new();
    Ok(Box::new(move |at| {
        requests.get(at).is_some_and(|request| {
            authorizer.is_authorized(request, &policies, &entities).decision() == Decision::Allow
        })
    }))
}

fn request(question: &Question) -> Result<Request, Failure> {
    let context = Context::from_json_value(
        serde_json::json!({
            "purpose": PURPOSE, "category": CATEGORY, "fields": question.fields,
            "day": day_number(question.day)?, "now": NOW,
        }),
        None,
    )?;
    let (principal, resource) =
        (uid("Recipient", &question.recipient)?, uid("Customer", &question.customer)?);
    Ok(Request::new(principal, uid("Action", "profile")?, resource, context, None)?)
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, Failure> {
    Ok(EntityUid::from_type_name_and_id(kind.parse()?, id.parse()?))
}
