//! What came of the faults of one test, kept as JSON lines.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

/// Of each fault: how often each result was seen, and what the operator was told.
#[derive(Debug, Default)]
pub struct Tally {
    test: String,
    faults: BTreeMap<String, (BTreeMap<String, u64>, String)>,
}

/// Where tallies are kept: `<target>/faults`.
pub fn folder() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    // <target>/<profile>/deps/<test>, or without deps for a program
    let profile = this.ancestors().find(|folder| folder.join("deps").is_dir());
    profile
        .and_then(|profile| profile.parent())
        .map_or_else(|| PathBuf::from("target"), PathBuf::from)
        .join("faults")
}

impl Tally {
    /// Nothing so far, of the test that is named so.
    pub fn new(test: &str) -> Self {
        Self { test: test.to_owned(), faults: BTreeMap::new() }
    }

    /// Counts a result; `told`: what the operator read, if anything.
    pub fn count(&mut self, fault: &str, result: &str, times: u64, told: &str) {
        let (results, words) = self.faults.entry(fault.to_owned()).or_default();
        *results.entry(result.to_owned()).or_default() += times;
        if !told.is_empty() {
            told.clone_into(words);
        }
    }

    /// Writes it in place of the last one of this test.
    pub fn write(&self) {
        let lines = self.faults.iter().map(|(fault, (results, told))| {
            let tried: u64 = results.values().sum();
            json!({"fault": fault, "tried": tried, "results": results, "told": told}).to_string() + "\n"
        });
        let written = std::fs::create_dir_all(folder()).and_then(|()| {
            std::fs::write(folder().join(format!("{}.jsonl", self.test)), lines.collect::<String>())
        });
        // the page is made by a command of its own, which says what it lacks
        drop(written);
    }
}

/// All tallies, by fault.
pub fn tallies() -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for file in std::fs::read_dir(folder()).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        for line in text.lines() {
            if let Ok(tally) = serde_json::from_str::<Value>(line)
                && let Some(fault) = tally.get("fault").and_then(Value::as_str)
            {
                all.insert(fault.to_owned(), tally.clone());
            }
        }
    }
    all
}
