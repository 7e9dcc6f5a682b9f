//! `policies/statements`: the statements in plain words are those of the specification, their algebra decides their cases,
//! and every profile is a statement policy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use grantbook_proof::statement::Algebra;
use grantbook_proof::{Statement, StatementPolicy};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    v: u8,
    code: u8,
    id: String,
    title: Said,
    says: Said,
    #[serde(default)]
    threshold: Option<Threshold>,
    #[serde(default)]
    terms: Vec<Term>,
    #[serde(default)]
    traps: Vec<String>,
    #[serde(default)]
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    en: String,
    zh: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Threshold {
    member: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Term {
    #[serde(default)]
    zero: bool,
    #[serde(default)]
    bits: Option<u32>,
    of: BTreeMap<String, Vec<Factor>>,
}

#[derive(Deserialize)]
#[serde(try_from = "Value")]
enum Factor {
    Number(i128),
    Named(String),
}

impl TryFrom<Value> for Factor {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(name) => Ok(Self::Named(name)),
            Value::Number(number) => {
                number.as_i128().map(Self::Number).ok_or_else(|| format!("no integer: {number}"))
            }
            other => Err(format!("expected a number or a name, got {other}")),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    values: BTreeMap<String, i128>,
    complies: bool,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/statements")
}

fn json_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let json = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
    json.map(|file| (file.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&file).unwrap()))
        .collect()
}

fn pages() -> Vec<Page> {
    let parse = |(name, bytes): (String, Vec<u8>)| {
        let page: Page = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(page.id, name);
        page
    };
    json_in(&folder()).into_iter().map(parse).collect()
}

impl Term {
    fn complies(&self, values: &BTreeMap<String, i128>) -> bool {
        let value = |name: &String| *values.get(name).unwrap_or_else(|| panic!("no value of {name}"));
        let factor = |factor: &Factor| match factor {
            Factor::Number(number) => *number,
            Factor::Named(name) => value(name),
        };
        let parts = self.of.iter().map(|(name, by)| value(name) * by.iter().map(factor).product::<i128>());
        let sum: i128 = parts.sum();
        match self.bits {
            Some(bits) => (0..1_i128 << bits).contains(&sum),
            None => sum == 0,
        }
    }
}

#[test]
fn every_statement_of_the_specification_is_said_in_plain_words() {
    let pages = pages();
    let said: BTreeSet<(u8, &str)> = pages.iter().map(|page| (page.code, page.id.as_str())).collect();
    let known: BTreeSet<(u8, &str)> =
        Statement::ALL.iter().map(|statement| (statement.number(), statement.name())).collect();
    assert_eq!(said, known);
    for page in &pages {
        assert_eq!(page.v, 1, "{}", page.id);
        for text in [&page.title.en, &page.title.zh, &page.says.en, &page.says.zh] {
            assert!(!text.trim().is_empty(), "{}", page.id);
        }
        assert!(!page.traps.is_empty(), "{}", page.id);
        let statement = Statement::from_number(page.code).unwrap();
        for term in &page.terms {
            let algebra = match (term.zero, term.bits) {
                (true, None) => Algebra::Zero,
                (false, Some(32)) => Algebra::Range32,
                (false, Some(64)) => Algebra::Range64,
                other => panic!("{}: {other:?}", page.id),
            };
            assert_eq!(algebra, statement.algebra(), "{}", page.id);
        }
        assert_eq!(page.terms.is_empty(), statement.algebra() == Algebra::Counted, "{}", page.id);
    }
}

#[test]
fn the_algebra_decides_every_case() {
    for page in pages().iter().filter(|page| !page.terms.is_empty()) {
        for expected in [true, false] {
            assert!(
                page.cases.iter().any(|case| case.complies == expected),
                "{} always: {expected}",
                page.id
            );
        }
        for case in &page.cases {
            let complies = page.terms.iter().all(|term| term.complies(&case.values));
            assert_eq!(complies, case.complies, "{}: {}", page.id, case.name);
        }
    }
}

#[test]
fn thresholds_are_members_of_a_policy() {
    let mut members = BTreeSet::new();
    for (name, bytes) in json_in(&folder().join("profiles")) {
        let policy = StatementPolicy::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(policy.id, name);
        let json: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
        members.extend(json.into_keys());
    }
    for page in pages() {
        if let Some(Threshold { member }) = page.threshold {
            assert!(members.contains(&member), "{}: no profile has {member}", page.id);
        }
    }
}
