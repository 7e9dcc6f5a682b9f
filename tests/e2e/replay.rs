//! `grantbook replay`: the main job, on small files of both layouts and, where it is there, on the real sample.

pub(crate) mod program;
pub(crate) mod purchases;
mod whole_life;

use std::fs;
use std::path::{Path, PathBuf};

use grantbook_record::{Kind, Receipt};
use grantbook_tlog::LogKeys;
use serde_json::{Value, json};

use crate::outside;
use program::{Done, Place, skip, workspace};
use purchases::{WITHDRAWALS, counts, expected, with_header, with_sample_id};

/// Files that one command verifies.
const VERIFIED_AT_ONCE: usize = 512;

pub(crate) fn replay(place: &Place, file: &Path, more: &str) -> Done {
    let mut command = place.command("replay --format cdnow --data-dir data --json");
    command.args(more.split_whitespace()).arg(file);
    Done::of(command.output().expect("the program starts"))
}

pub(crate) fn receipts(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("a folder of receipts");
    let paths = files.map(|file| file.expect("an entry").path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    paths
}

/// `grantbook verify receipt` on many files: how many of them are not valid.
pub(crate) fn count_invalid(place: &Place, files: &[PathBuf]) -> usize {
    let share = |files: &[PathBuf]| {
        let mut command = place.command("verify receipt --json");
        let done = Done::of(command.args(files).output().expect("the program starts"));
        let result = done.json();
        let receipts = result["receipts"].as_array().expect("an answer for each").clone();
        assert_eq!(receipts.len(), files.len());
        let invalid = receipts.iter().filter(|one| one["valid"] == json!(false)).count();
        done.is(i32::from(invalid > 0));
        invalid
    };
    files.chunks(VERIFIED_AT_ONCE).map(share).sum()
}

/// Replays twice; gives the summary and the receipts of the first run, which are as many as permitted uses.
fn replay_twice(place: &Place, file: &Path, expected: &Value) -> (Value, Vec<PathBuf>) {
    let first = replay(place, file, "--receipts receipts").ok().json();
    assert_eq!(counts(&first), *expected);
    assert_eq!(first["flagged"], json!(0));
    assert_eq!(first["resumed_at"], json!(0));
    let receipts = receipts(&place.path("receipts"));
    assert_eq!(json!(receipts.len()), expected["uses_permitted"]);
    assert_eq!(count_invalid(place, &receipts), 0);

    let second = replay(place, file, "").ok().json();
    assert_eq!(counts(&second), *expected);
    assert_eq!(second["resumed_at"], expected["rows"]);
    for same in ["tree_size", "root", "tenant"] {
        assert_eq!(second[same], first[same], "{same}");
    }
    (first, receipts)
}

/// What `expected` counts is in the log, and nothing else but what the shop publishes: two notices and a template.
fn entries(expected: &Value) -> u64 {
    let of = |name: &str| expected[name].as_u64().expect("a count");
    3 + of("customers") + of("grants") + of("withdrawals") + of("rows")
}

#[test]
fn both_layouts_come_to_the_counts_of_a_few_lines() {
    let purchases = purchases::purchases(45, 400, 1);
    let expected = expected(&purchases);
    for denied in ["withdrawn", "period", "cap"] {
        assert!(expected["uses_denied"][denied].as_u64().expect("a count") > 5, "{expected}");
    }
    for text in [with_sample_id(&purchases), with_header(&purchases)] {
        let place = Place::new();
        let file = place.write("purchases.txt", text);
        let (summary, _) = replay_twice(&place, &file, &expected);
        assert_eq!(summary["tree_size"], json!(entries(&expected)));
        place.run("fsck --data-dir data --json").ok();
        place.run("verify log --data-dir data --json").ok();
    }
}

#[test]
fn without_a_row_of_the_day_nobody_withdraws() {
    let purchases = purchases::purchases(14, 30, 2);
    let purchases: Vec<_> = purchases.into_iter().filter(|purchase| purchase.day < WITHDRAWALS).collect();
    let expected = expected(&purchases);
    assert_eq!(expected["withdrawals"], json!(0));
    let place = Place::new();
    let file = place.write("purchases.txt", with_sample_id(&purchases));
    assert_eq!(counts(&replay(&place, &file, "").ok().json()), expected);
}

#[test]
fn malformed_rows_stop_it_with_their_line_numbers() {
    let purchases = purchases::purchases(10, 20, 3);
    let mut lines: Vec<String> = with_sample_id(&purchases).lines().map(str::to_owned).collect();
    lines.insert(4, " 00004 0001 19970229  2   29.33".to_owned());
    lines.insert(9, " 00004 0001 19970101  two   29.33".to_owned());
    lines.insert(10, String::new());
    lines.push(" 00004 0001 19970101".to_owned());
    let place = Place::new();
    let file = place.write("purchases.txt", lines.join("\n"));

    let refused = replay(&place, &file, "").is(2);
    for line in ["line 5", "line 10", &format!("line {}", lines.len())] {
        assert!(refused.err.contains(&format!("{line}:")), "{line}: {}", refused.err);
    }
    assert!(refused.err.contains("3 malformed rows"), "{}", refused.err);
    assert!(!refused.err.contains("00004"), "a message repeats nothing of a row: {}", refused.err);
    assert!(!place.path("data").exists(), "nothing was written");

    let summary = replay(&place, &file, "--lenient").ok().json();
    assert_eq!(summary["skipped_rows"], json!(3));
    assert_eq!(counts(&summary), expected(&purchases));
}

#[test]
fn files_that_hold_no_purchases_are_bad_input() {
    let place = Place::new();
    for (name, bytes) in [("empty", ""), ("blank", "\n\n"), ("header", "id,date,quantity,dollars\n")] {
        let file = place.write(name, bytes);
        replay(&place, &file, "").is(2);
    }
    replay(&place, &place.path("missing"), "").is(2);
    assert!(!place.path("data").exists(), "nothing was written");
}

#[test]
fn a_receipt_is_rejected_with_any_one_byte_changed() {
    let place = Place::new();
    let file = place.write("purchases.txt", " 00004 0001 19970101  2   29.33\n");
    replay(&place, &file, "--receipts receipts").ok();
    let receipts = receipts(&place.path("receipts"));
    let [path] = receipts.as_slice() else { panic!("one receipt expected, got {receipts:?}") };
    let json = fs::read(path).expect("a receipt");
    let keys = fs::read_to_string(place.path("receipts/vkey")).expect("the log's keys");
    let keys = LogKeys::parse(&keys).expect("the log's keys");
    let verified = Receipt::parse(&json).and_then(|receipt| receipt.verify(&keys)).expect("valid");
    assert_eq!(verified.entry.kind, Kind::UseRecorded);

    let folder = place.path("changed");
    fs::create_dir(&folder).expect("a folder");
    fs::copy(place.path("receipts/vkey"), folder.join("vkey")).expect("the log's keys");
    let mut changed = Vec::new();
    for (at, byte) in json.iter().enumerate() {
        // one bit, and another character that text may have in this place
        let printable = if byte.is_ascii_digit() { (byte - b'0' + 1) % 10 + b'0' } else { byte ^ 0x20 };
        for (name, other) in [("bit", byte ^ 1), ("character", printable)] {
            let mut bytes = json.clone();
            bytes[at] = other;
            let path = folder.join(format!("{at}.{name}.json"));
            fs::write(&path, bytes).expect("a changed receipt");
            changed.push(path);
        }
    }
    assert_eq!(count_invalid(&place, &changed), changed.len());
    assert_eq!(count_invalid(&place, &receipts), 0);
}

/// The real sample; without it the test is skipped, and that is said.
pub(crate) fn workspace_sample(test: &str) -> Option<PathBuf> {
    let sample = workspace().join("../shared/data/cdnow_sample.txt");
    if sample.is_file() {
        return Some(sample);
    }
    skip(test, "the sample is not beside the workspace");
    None
}

/// 6,919 purchases of 2,357 customers of a record shop. The counts were found before this program was written.
fn sample_counts() -> Value {
    json!({
        "customers": 2357,
        "grants": 2357,
        "withdrawals": 336,
        "uses_permitted": 4635,
        "uses_denied": { "withdrawn": 399, "period": 1677, "cap": 208 },
        "receipts_verified": 4635,
        "payout_minor_total": 370_800,
        "rows": 6919,
    })
}

#[test]
fn the_real_sample_comes_to_its_known_counts() {
    let Some(sample) = workspace_sample("the_real_sample_comes_to_its_known_counts") else { return };
    let expected = sample_counts();
    let place = Place::new();
    let (summary, _) = replay_twice(&place, &sample, &expected);
    assert_eq!(summary["tree_size"], json!(entries(&expected)));
    outside::read_by_all(&place);
}
