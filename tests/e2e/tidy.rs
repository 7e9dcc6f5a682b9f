//! Habits of this repository, held as a test: how files look, what they may name, and that what is written down is there.

use std::fs;
use std::path::{Path, PathBuf};

use grantbook_record::DenialReason;

use crate::replay::program::workspace;

/// Lines that a source file may have.
const LINES_MAX: usize = 600;
/// Made by tools, or by people who are not asked for style.
const FOREIGN: &[&str] =
    &["target", ".git", "node_modules", "__pycache__", "corpus", "artifacts", "seeds", "golden", "vectors"];
/// What no file may name: a machine's own folders. In parts, so that this file may be searched too.
const MACHINE_PATHS: &[&[&str]] =
    &[&["/wo", "rk/"], &["/ho", "me/"], &["/ro", "ot/"], &["/Us", "ers/"], &["C:", "\\"]];
/// Names that say nothing of what a module holds.
const VAGUE_MODULES: &[&str] = &["utils", "util", "helpers", "common", "types", "misc"];

struct File {
    path: PathBuf,
    /// From the workspace.
    name: String,
    text: String,
}

/// All text of the repository, in the order of its names.
fn files() -> Vec<File> {
    let root = workspace();
    let mut files = Vec::new();
    walk(&root, &root, &mut files);
    files.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(files.len() > 100, "{} files, expected the whole workspace", files.len());
    files
}

fn walk(root: &Path, folder: &Path, into: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            // what stands beside a data folder of `cargo run` is not ours either
            if !FOREIGN.contains(&name.as_str()) && !name.starts_with("grantbook-data") {
                walk(root, &path, into);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            if !["Cargo.lock", "LICENSE"].iter().any(|foreign| name.ends_with(foreign)) {
                into.push(File { path, name, text });
            }
        }
    }
}

impl File {
    fn is(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|e| e == extension)
    }
}

#[track_caller]
fn none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n{}", findings.join("\n"));
}

/// Every line of every file that `bad` speaks of.
fn lines(of: impl Fn(&File) -> bool, bad: impl Fn(&str) -> bool) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files().into_iter().filter(of) {
        for (number, line) in (1..).zip(file.text.lines()) {
            if bad(line) {
                findings.push(format!("{}:{number}: {line}", file.name));
            }
        }
    }
    findings
}

#[test]
fn source_files_can_be_read_in_one_sitting() {
    let long = |file: File| {
        let count = file.text.lines().count();
        (file.is("rs") && count > LINES_MAX).then(|| format!("{}: {count} lines", file.name))
    };
    none("too long", &files().into_iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn no_tabs_and_no_white_space_at_the_end() {
    // in a patch a line of context that is empty is a space
    let ours = |file: &File| !file.is("go") && !file.is("patch") && !file.is("svg");
    none("tabs", &lines(ours, |line| line.contains('\t')));
    none(
        "white space at the end",
        &lines(|file| !file.is("patch"), |line| line.ends_with([' ', '\t', '\r'])),
    );
    let unended = |file: File| (!file.text.is_empty() && !file.text.ends_with('\n')).then_some(file.name);
    none("no newline at the end", &files().into_iter().filter_map(unended).collect::<Vec<_>>());
}

#[test]
fn nothing_names_a_machine_of_ours() {
    let paths: Vec<String> = MACHINE_PATHS.iter().map(|parts| parts.concat()).collect();
    none(
        "paths of one machine",
        &lines(|_| true, |line| paths.iter().any(|path| line.contains(path.as_str()))),
    );
}

#[test]
fn modules_are_named_after_what_they_hold() {
    let vague = |file: File| {
        let stem = file.path.file_stem()?.to_str()?.to_owned();
        (file.is("rs") && VAGUE_MODULES.contains(&stem.as_str())).then_some(file.name)
    };
    none("vague names", &files().into_iter().filter_map(vague).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X:"].concat()];
    let word = |line: &str, mark: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != ':').any(|word| word == mark)
    };
    none("left for later", &lines(|_| true, |line| marks.iter().any(|mark| word(line, mark))));
}

#[test]
fn each_page_of_a_format_begins_with_an_example() {
    let wanting = |file: File| {
        let preamble = file.text.split("\n## ").next().unwrap_or_default();
        let example = preamble.lines().any(|line| line.starts_with("```") || line.starts_with("    "));
        (file.name.starts_with("docs/spec/") && file.is("md") && !example).then_some(file.name)
    };
    none("no example before the first section", &files().into_iter().filter_map(wanting).collect::<Vec<_>>());
}

#[test]
fn each_dependency_is_there_for_a_reason() {
    let mut findings = Vec::new();
    for file in
        files().into_iter().filter(|file| file.path.file_name().is_some_and(|name| name == "Cargo.toml"))
    {
        let (mut dependencies, mut before) = (false, "");
        for line in file.text.lines() {
            if line.starts_with('[') {
                dependencies = line.trim_end_matches(']').ends_with("dependencies");
            }
            let taken =
                line.contains(" = ") && !line.contains("path = ") && !line.contains("workspace = true");
            if dependencies && taken && !line.contains("# ") && !before.starts_with("# ") {
                findings.push(format!("{}: {line}", file.name));
            }
            before = line;
        }
    }
    none("no word why", &findings);
}

#[test]
fn continuous_integration_runs_the_one_test_command() {
    let run = fs::read_to_string(workspace().join(".ci/run")).expect(".ci/run");
    let commands: Vec<_> = run.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(commands, [r#"exec "$(dirname "$0")/../check""#]);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut findings = Vec::new();
    for file in files().into_iter().filter(|file| file.is("md")) {
        // what follows `](` up to `)` is a link's target
        for part in file.text.split("](").skip(1) {
            let target = part.split([')', '#', ' ']).next().unwrap_or_default();
            let page = file.path.parent().expect("a folder").join(target);
            if !target.is_empty()
                && !target.contains("://")
                && !target.starts_with("mailto:")
                && !page.exists()
            {
                findings.push(format!("{}: {target}", file.name));
            }
        }
    }
    none("links to nothing", &findings);
}

#[test]
fn tests_that_the_threat_model_names_exist() {
    let root = workspace();
    let page = fs::read_to_string(root.join("docs/threat-model.md")).expect("docs/threat-model.md");
    let sources: Vec<String> =
        files().into_iter().filter(|file| file.is("rs")).map(|file| file.text).collect();
    // a test's name is a sentence; keys of the configuration are shorter
    let is_test = |word: &&str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        word.chars().all(plain) && word.matches('_').count() >= 3
    };
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 50, "{} tests, expected one for most of what is stopped", named.len());
    let absent = |name: &&&str| !sources.iter().any(|text| declared(text, name).is_some());
    let findings: Vec<String> = named.iter().filter(absent).map(ToString::to_string).collect();
    none("no such tests", &findings);
}

/// The text of a test of this name from its name to its end, if it is declared here.
fn declared<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let attribute = |before: &str| {
        let last = before.lines().next_back().unwrap_or_default().trim();
        last.starts_with("#[") && last.contains("test")
    };
    let declaration = format!("fn {name}(");
    let mut found = text.match_indices(&declaration).filter(|(at, _)| {
        let before = text[..*at].trim_end();
        attribute(before.strip_suffix("async").unwrap_or(before).trim_end())
    });
    let (at, _) = found.next()?;
    text[at..].split("\n}\n").next()
}

#[test]
fn each_failure_has_a_test_that_shows_its_denial() {
    let page = fs::read_to_string(workspace().join("docs/reference/failures.md")).expect("the page");
    let sources: Vec<String> =
        files().into_iter().filter(|file| file.is("rs")).map(|file| file.text).collect();
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let (mut rows, mut findings) = (0, Vec::new());
    for row in page.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let ["", what, answer, within, recovers, seen, tests, ""] = cells[..] else {
            panic!("expected 6 cells: {row}")
        };
        // a heading within the table
        if tests.is_empty() {
            continue;
        }
        rows += 1;
        if [within, recovers, seen].contains(&"") {
            findings.push(format!("{what}: an empty cell"));
        }
        let mut shown = String::new();
        for test in quoted(tests) {
            match sources.iter().find_map(|text| declared(text, &test)) {
                Some(body) => shown.push_str(body),
                None => findings.push(format!("{what}: no test {test}")),
            }
        }
        let codes = quoted(answer);
        for reason in DenialReason::ALL.iter().filter(|reason| codes.contains(&reason.code().to_owned())) {
            if !shown.contains(&format!("::{reason:?}")) && !shown.contains(&format!("denied {reason}")) {
                findings.push(format!("{what}: no test shows {reason}"));
            }
        }
    }
    assert!(rows > 30, "{rows} rows, expected all that can go wrong");
    none("failures without their tests", &findings);
}
