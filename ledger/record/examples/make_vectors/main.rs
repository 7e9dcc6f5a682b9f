//! Writes the frozen vectors `tests/vectors/*.json` of this crate's formats, the seeds `fuzz/seeds` of fuzzing, and
//! refreshes the examples in the formats' pages `docs/spec/*.md`. Run it only after a change of a format, and read the difference that it makes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a tool for developers stops with a trace"
)]

mod cases;
mod cases_of_archives;
mod cases_of_assets;
mod cases_of_attachments;
mod cases_of_audits;
mod cases_of_events;
mod cases_of_leases;
mod cases_of_mandates;
mod cases_of_state_proofs;
mod cases_of_the_log;
#[path = "../../tests/record/ledger.rs"]
mod ledger;
#[path = "../../tests/record/map.rs"]
mod map;
#[path = "../../tests/record/pages.rs"]
mod pages;
#[path = "../../tests/record/passkey.rs"]
mod passkey;
#[path = "../../tests/record/run.rs"]
#[allow(dead_code, reason = "the tests also look at the names of errors")]
mod run;
#[path = "../../tests/record/seeds.rs"]
mod seeds;
#[path = "../../tests/record/story.rs"]
mod story;

use serde_json::{Value, json};

use run::{FORMATS, Setup, run};

fn main() {
    let keys: Vec<Value> = [story::customer(), story::second_key(), story::enterprise(), story::gate()]
        .iter()
        .map(|signer| serde_json::to_value(signer.public_key()).unwrap())
        .collect();
    let setup = json!({
        "tenant": story::tenant().to_string(),
        "now": story::NOW.0,
        "log_keys": ledger::log_keys().to_string(),
        "keys": keys,
    });
    let known = Setup::read(&setup);
    for format in FORMATS {
        let cases: Vec<Value> = cases::of(format)
            .into_iter()
            .map(|(name, input)| {
                let expect =
                    run(format, &known, &input).map_or_else(|refused| refused.text, |()| "ok".to_owned());
                json!({ "name": name, "input": input, "expect": expect })
            })
            .collect();
        let valid = cases.iter().filter(|case| case["expect"] == "ok").count();
        println!("{format}: {valid} valid, {} invalid", cases.len() - valid);
        for case in &cases {
            println!("  {} -> {}", case["name"].as_str().unwrap(), case["expect"].as_str().unwrap());
        }
        let mut file = json!({
            "about": format!(
                "Frozen vectors of docs/spec/{format}.md. A case is ok or refused with the error in expect. Keys are \
                 made of seeds: customer 32 x 0x01, the customer's second key 0x02, enterprise 0x03, gate 0x04, log \
                 0x11, clock 0x22; tenant's tag key 0x33."
            ),
            "setup": setup,
            "cases": cases,
        });
        if format == "entry" {
            file["derived"] = cases_of_the_log::derived();
        }
        if format == "feed" {
            file["chains"] = cases_of_the_log::chains();
        }
        let path = pages::root().join(format!("tests/vectors/{format}.json"));
        std::fs::write(path, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
        pages::refresh(format);
    }
    pages::refresh("vocabulary");
    pages::refresh("mandate");
    for (target, _) in grantbook_fuzz_parsers::TARGETS {
        let folder = pages::root().join("fuzz/seeds").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        for (at, seed) in seeds::seeds(target).into_iter().enumerate() {
            std::fs::write(folder.join(at.to_string()), seed).unwrap();
        }
    }
}
