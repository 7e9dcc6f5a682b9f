//! The list of faults, the page and the tests are of one mind.

use std::fs;

use grantbook_tests::{FAULTS, Part};

use crate::replay::program::workspace;

#[test]
fn every_fault_of_the_page_has_a_test_and_every_fault_is_on_the_page() {
    let page = fs::read_to_string(workspace().join("docs/faults.md")).expect("the page");
    let rows: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .filter(|name| *name != "fault")
        .collect();
    let expected: Vec<&str> = Part::ALL
        .iter()
        .flat_map(|(part, ..)| FAULTS.iter().filter(move |fault| fault.part == *part))
        .map(|fault| fault.name)
        .collect();
    assert_eq!(rows, expected, "run `cargo run -p grantbook-tests --bin faults-report`");
    assert!(!page.contains("not run"), "a fault was not tried before the page was made");
    for fault in FAULTS {
        let name = fault.test.rsplit("::").next().expect("a name");
        let sources = ["tests/sim/main.rs", "tests/e2e/crash.rs", "tests/e2e/faults/calls.rs"];
        let more = ["tests/e2e/faults/damage.rs", "tests/e2e/faults/stopping.rs"];
        let there = sources.iter().chain(&more).any(|source| {
            let text = fs::read_to_string(workspace().join(source)).expect("a source");
            text.contains(&format!("#[test]\nfn {name}()"))
        });
        assert!(there, "{}: no test {name}", fault.name);
    }
}
