//! The cases as a file, for readers in other languages.

use std::path::Path;

use grantbook_plan::Status;
use serde_json::{Value, json};

use super::cases::{Case, Worlds, cases};
use super::slow::Answer;

const FILE: &str = "vectors/conformance.json";
/// Members of the terms that decide nothing, and are the same in all of them.
const COMMON: &[&str] = &["controller", "compensation", "notice", "template"];
const ABOUT: &str = "Conformance cases of docs/spec/denials.md, under the built-in vocabulary of version 1, random and always the \
    same. All terms have the members of `common` beside their own. Grants stand by rising leaf index, with the times of the uses under them; `starts` and `ended` are first seconds in \
    force and no longer in force, absent where they are those of the terms. `answer` has the position of the grant that \
    permits, or the reason and the position of the grant that came closest. `in_bulk`, where it differs, is the answer of who \
    does not look at uses. Times in Unix seconds.";

fn answer(answer: Answer) -> Value {
    match answer {
        Ok(grant) => json!({"permit": grant}),
        Err((reason, None)) => json!({"reason": reason}),
        Err((reason, Some(closest))) => json!({"reason": reason, "closest": closest}),
    }
}

fn vector(case: &Case) -> Value {
    let grants = case.world.grants.iter().map(|grant| {
        let mut json = json!({"terms": grant.terms, "uses": grant.past});
        json["terms"].as_object_mut().unwrap().retain(|name, _| !COMMON.contains(&name.as_str()));
        if grant.status != Status::Active {
            json["status"] = json!(grant.status);
        }
        for (name, time) in [("starts", grant.amended_at), ("ended", grant.ended_at)] {
            if let Some(time) = time {
                json[name] = json!(time);
            }
        }
        json
    });
    let grants: Vec<Value> = grants.collect();
    let answers = (answer(case.answer), answer(case.uncounted));
    let mut json =
        json!({"grants": grants, "now": case.world.now, "use": case.world.facts, "answer": answers.0});
    if answers.0 != answers.1 {
        json["in_bulk"] = answers.1;
    }
    json
}

#[test]
fn the_published_cases_are_these() {
    let cases = cases(&mut Worlds::new());
    let lines: Vec<String> = cases.iter().map(|case| vector(case).to_string()).collect();
    let about = json!(ABOUT);
    let mut common = json!(cases.iter().flat_map(|case| &case.world.grants).next().unwrap().terms);
    common.as_object_mut().unwrap().retain(|name, _| COMMON.contains(&name.as_str()));
    let text =
        format!("{{\n\"about\": {about},\n\"common\": {common},\n\"cases\": [\n{}\n]}}\n", lines.join(",\n"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("GRANTBOOK_GOLDEN").is_some() {
        std::fs::write(&file, &text).expect("a file");
    }
    let published = std::fs::read_to_string(&file).expect("the file");
    assert!(published == text, "{FILE} is not what the generator gives; GRANTBOOK_GOLDEN=write writes it");
}
