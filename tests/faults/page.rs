//! The page that lists each fault, how often it was tried, and what came of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::list::{FAULTS, Part};

const HEAD: &str = "\
# Faults

What was made to fail, how often, and what came of it. This page is made by a run of the tests:

```console
$ GRANTBOOK_SIM_SEEDS=10000 cargo test -p grantbook-tests --test sim
$ GRANTBOOK_KILLS=1000 cargo test -p grantbook-tests --test e2e crash::
$ cargo test -p grantbook-tests --test e2e faults::
$ cargo run -p grantbook-tests --bin faults-report
```

In no case may anything acknowledged be lost, or a published checkpoint be of another history: each test fails if it is.
An append that was under way when a fault struck may or may not stand; sending it again gives its receipt in both cases.
A fault that leaves open what is durable ends the process with status 3, and the next start reads back what is there.
";

/// The page's text for these tallies.
pub fn page(tallies: &BTreeMap<String, Value>) -> String {
    let mut text = HEAD.to_owned();
    for (part, title, words) in Part::ALL {
        let _ = write!(
            text,
            "\n## {title}\n\n{words}\n\n| fault | tried | what came of it | test |\n|---|---|---|---|\n"
        );
        for fault in FAULTS.iter().filter(|fault| fault.part == part) {
            let tally = tallies.get(fault.name);
            let tried = tally.and_then(|tally| tally["tried"].as_u64()).unwrap_or_default();
            let results = tally.and_then(|tally| tally["results"].as_object());
            let results = results.map(|results| {
                let one = results.len() == 1;
                let each = results
                    .iter()
                    .map(|(result, count)| if one { result.clone() } else { format!("{result} ({count})") });
                each.collect::<Vec<_>>().join("; ")
            });
            let told = tally.and_then(|tally| tally["told"].as_str()).filter(|told| !told.is_empty());
            let told = told.map(|told| format!(". Told: `{told}`")).unwrap_or_default();
            let results = results.unwrap_or_else(|| "not run".to_owned());
            let _ = writeln!(text, "| {} | {tried} | {results}{told} | `{}` |", fault.name, fault.test);
        }
    }
    text
}
