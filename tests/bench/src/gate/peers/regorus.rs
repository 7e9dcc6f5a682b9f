//! regorus: Rego compiled for its virtual machine, which is its fastest way, with the input made beforehand.

use std::fmt::Write as _;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Value};

use super::{Ask, recipient};
use crate::Failure;

const ENTRY: &str = "data.gate.allow";

pub(super) fn ask(rules: usize) -> Result<Ask, Failure> {
    let mut text = "package gate\nimport rego.v1\n\ndefault allow := false\n".to_owned();
    for number in 1..=rules {
        writeln!(
            text,
            r#"
allow if {{
    input.recipient == "{}"
    input.action == "profile"
    input.customer == "cs-1"
    input.purpose == "service-personalisation"
    input.category == "purchases"
    input.from >= 19970101
    input.to <= 19970930
    not "dollars" in input.fields
    input.now < 4102444800
}}"#,
            recipient(number, rules)
        )?;
    }
    let mut engine = Engine::new();
    engine.add_policy("gate.rego".to_owned(), text)?;
    let compiled = engine.compile_with_entrypoint(&ENTRY.into())?;
    let program = Compiler::compile_from_policy(&compiled, &[ENTRY])?;
    let input = Value::from_json_str(
        &serde_json::json!({
            "recipient": "recommender", "action": "profile", "customer": "cs-1",
            "purpose": "service-personalisation", "category": "purchases", "fields": ["date", "quantity"],
            "from": 19_970_201, "to": 19_970_201, "now": 1_800_000_000,
        })
        .to_string(),
    )?;
    let mut machine = RegoVM::new();
    machine.load_program(program);
    Ok(Box::new(move || {
        machine.set_input(input.clone());
        machine.execute().is_ok_and(|answer| answer == Value::Bool(true))
    }))
}
