//! The policies of `policies/house` and `policies/law`.

use std::fs;
use std::path::Path;

use grantbook_author::cedar::cases::check;
use grantbook_author::cedar::folder::PolicyFolder;
use grantbook_author::cedar::{Profile, Row, law_page, schema_text};
use grantbook_plan::Vocabulary;

use super::{base, folders, lowered, policies};

const LAWS: [&str; 4] = ["law/data-act", "law/dpdp", "law/gdpr", "law/pipl"];

/// With `GRANTBOOK_GOLDEN=write` the file is written instead.
fn is_golden(path: &Path, made: &str) {
    if std::env::var_os("GRANTBOOK_GOLDEN").is_some_and(|value| value == "write") {
        fs::write(path, made).unwrap();
    }
    assert_eq!(
        fs::read_to_string(path).unwrap(),
        made,
        "{}: run with GRANTBOOK_GOLDEN=write",
        path.display()
    );
}

#[test]
fn the_schema_is_that_of_the_builtin_vocabulary() {
    is_golden(&policies().join("schema.cedarschema"), &schema_text(Vocabulary::builtin()));
}

/// A law is tried with the one rule that permits, since law only forbids. The cases of that rule are tried with the
/// house's, since beside a law the law denies first.
fn with_permission(law: &str) -> Vec<PolicyFolder> {
    let mut agreed = folders("house/agreed");
    for folder in &mut agreed {
        folder.cases.clear();
    }
    [agreed, folders(law)].concat()
}

#[test]
fn every_case_comes_out_as_written_on_cedar_and_on_the_plan() {
    let base = base();
    let mut tried = 0;
    let sets = LAWS.map(with_permission).into_iter().chain([folders("house")]);
    for set in sets {
        let lowered = lowered(&set);
        for case in set.iter().flat_map(|folder| &folder.cases) {
            check(case, &base, &lowered).unwrap_or_else(|fault| panic!("{fault}"));
            tried += 1;
        }
    }
    assert!(tried > 35, "{tried} cases");
}

#[test]
fn every_policy_says_in_plain_words_what_it_demands() {
    for set in LAWS.map(folders).into_iter().chain([folders("house")]) {
        for folder in &set {
            assert!(!folder.cases.is_empty(), "{} has no case", folder.path.display());
            let readme = fs::read_to_string(folder.path.join("README.md")).unwrap();
            for rule in lowered(std::slice::from_ref(folder)).plan.rules() {
                assert!(readme.contains(&rule.text.en), "{}: {}", folder.path.display(), rule.text.en);
                assert!(readme.contains(&rule.text.zh_cn), "{}: {}", folder.path.display(), rule.text.zh_cn);
            }
        }
    }
}

#[test]
fn the_page_of_law_is_that_of_the_cases() {
    let root = policies().canonicalize().unwrap();
    let profiles = LAWS.map(|law| {
        let readme = fs::read_to_string(root.join(law).join("README.md")).unwrap();
        let rows = folders(law).into_iter().flat_map(|folder| {
            let lowered = lowered(std::slice::from_ref(&folder));
            let path = folder.path.canonicalize().unwrap();
            let place = format!("policies/{}", path.strip_prefix(&root).unwrap().display());
            let rows = lowered.plan.rules().iter().map(|rule| {
                let cases = folder.cases.iter().filter(|case| case.rule == rule.id);
                Row {
                    article: lowered.articles[&rule.id].clone(),
                    rule: rule.id.to_string(),
                    folder: place.clone(),
                    demands: rule.text.en.clone(),
                    cases: cases.map(|case| (case.permitted.clone(), case.denied.clone())).collect(),
                }
            });
            rows.collect::<Vec<_>>()
        });
        let rows: Vec<Row> = rows.collect();
        for row in &rows {
            assert!(!row.cases.is_empty(), "{} has no case", row.rule);
        }
        let title = readme.lines().next().unwrap().trim_start_matches("# ").to_owned();
        Profile { title, folder: format!("policies/{law}"), rows }
    });
    is_golden(&root.join("../docs/law.md"), &law_page(&profiles));
}
