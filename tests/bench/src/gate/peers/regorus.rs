//! regorus: Rego compiled for its virtual machine, which is its fastest way; grants are its data, by customer.

use std::fmt::Write as _;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Value};

use super::{Ask, END, NOW};
use crate::Failure;
use crate::gate::questions::granted_terms::{CATEGORY, EXCLUDED, PERIOD, PURPOSE};
use crate::gate::questions::{Question, RECIPIENTS, customer, day_number, recipient};

const ENTRY: &str = "data.gate.allow";

pub(super) fn ask(customers: usize, questions: &[Question]) -> Result<Ask<'static>, Failure> {
    let mut text = "package gate\nimport rego.v1\n\ndefault allow := false\n".to_owned();
    for number in 0..RECIPIENTS {
        writeln!(
            text,
            r#"
allow if {{
    input.recipient == "{}"
    input.action == "profile"
    grant := data.grants[input.customer]
    grant.recipient == input.recipient
    grant.purpose == input.purpose
    grant.categories[input.category]
    grant.from <= input.day
    input.day <= grant.to
    not grant.excluded[input.fields[0]]
    not grant.excluded[input.fields[1]]
    input.now < grant.end
}}"#,
            recipient(number)
        )?;
    }
    let mut engine = Engine::new();
    engine.add_policy("gate.rego".to_owned(), text)?;
    let compiled = engine.compile_with_entrypoint(&ENTRY.into())?;
    let program = Compiler::compile_from_policy(&compiled, &[ENTRY])?;
    let (from, to) = (day_number(PERIOD.0)?, day_number(PERIOD.1)?);
    let mut grants = Value::new_object();
    for number in 0..customers {
        let grant = serde_json::json!({
            "recipient": recipient(number), "purpose": PURPOSE, "categories": {CATEGORY: true},
            "excluded": {EXCLUDED: true}, "from": from, "to": to, "end": END,
        });
        grants.as_object_mut()?.insert(customer(number).into(), grant.into());
    }
    let mut data = Value::new_object();
    data.as_object_mut()?.insert("grants".into(), grants);
    let inputs = questions.iter().map(input).collect::<Result<Vec<_>, _>>()?;
    let mut machine = RegoVM::new();
    machine.load_program(program);
    machine.set_data(data)?;
    Ok(Box::new(move |at| {
        let Some(input) = inputs.get(at) else { return false };
        machine.set_input(input.clone());
        machine.execute().is_ok_and(|answer| answer == Value::Bool(true))
    }))
}

fn input(question: &Question) -> Result<Value, Failure> {
    Ok(serde_json::json!({
        "recipient": question.recipient, "action": "profile", "customer": question.customer, "purpose": PURPOSE,
        "category": CATEGORY, "fields": question.fields, "day": day_number(question.day)?, "now": NOW,
    })
    .into())
}
