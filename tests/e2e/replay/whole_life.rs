//! `grantbook replay --whole-life`: every statement of compliance proofs is about entries of the sample, what is settled is
//! paid to the unit, and both verifiers accept the days, also once a customer was erased.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};

use super::program::{Done, Place, skip, workspace};
use super::purchases::{self, Purchase, counts, expected, with_sample_id};
use super::{replay, workspace_sample};
use crate::settlement::{accounts, customers, minor, pay, settle, validate};

const POLICY: &str = "policies/statements/profiles/sandbox.json";
/// Statements about sums: what counts is how many entries are in them.
const OF_SUMS: [&str; 3] = ["pool-adds-up", "fair-pay", "share-of-revenue"];

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// The bundles of all days, each as an argument.
fn bundles(place: &Place, tenant: &str, days: &Value) -> Vec<String> {
    let files = list(days).iter().map(|day| {
        let day = day.as_str().expect("a day");
        format!("data/proofs/{tenant}/{day}.bundle")
    });
    let files: Vec<String> = files.collect();
    assert!(files.iter().all(|file| place.path(file).is_file()), "{files:?}");
    files
}

/// The reports of both verifiers, which are the same.
fn verified(place: &Place, bundles: &[String]) -> Vec<Value> {
    let mut command = place.command("verify bundle --policy sandbox --vkey receipts/vkey --json");
    let done = Done::of(command.args(bundles).output().expect("the program starts")).ok();
    let reports = list(&done.json()["reports"]).to_vec();
    assert_eq!(reports.len(), bundles.len());

    if !Command::new("node").arg("--version").output().is_ok_and(|done| done.status.success()) {
        skip("the second verifier of whole lives", "there is no node");
        return reports;
    }
    let mut second = Command::new("node");
    place.settle(&mut second);
    second.arg(workspace().join("sdk/verifier/bin/verify-bundle.js"));
    second.args(["--json", "--keys", "receipts/vkey", "--policy"]).arg(workspace().join(POLICY));
    let done = Done::of(second.args(bundles).output().expect("node starts")).ok();
    let others: Vec<Value> = done.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(others.len(), reports.len());
    for (mut report, mut other) in reports.iter().cloned().zip(others) {
        // the second verifier knows no post-quantum signatures
        for one in [&mut report, &mut other] {
            one["vouched"]["post_quantum"] = json!(null);
        }
        assert_eq!(other, report, "the two verifiers say different things");
    }
    reports
}

/// How many entries each statement is about, over all days.
fn entries(reports: &[Value]) -> BTreeMap<String, u64> {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for statement in reports.iter().flat_map(|report| list(&report["statements"])) {
        let name = statement["statement"].as_str().expect("a name");
        assert_eq!((&statement["asked"], &statement["exceptions"]), (&json!(true), &json!(0)), "{name}");
        let about = if OF_SUMS.contains(&name) { "summed" } else { "entries" };
        *all.entry(name.to_owned()).or_default() += minor(&statement[about]);
    }
    all
}

/// Replays, settles, proves, verifies, erases, verifies again and pays; gives how many entries each statement is about.
fn live(place: &Place, file: &std::path::Path, rows: &Value) -> BTreeMap<String, u64> {
    let first = replay(place, file, "--whole-life --receipts receipts").ok().json();
    let life = &first["life"];
    let mut counted = counts(&first);
    let grants = minor(&rows["grants"]) + minor(&life["grants_beyond"]);
    assert_eq!(std::mem::replace(&mut counted["grants"], rows["grants"].clone()), json!(grants));
    assert_eq!(counted, *rows);
    assert_eq!(first["flagged"], json!(0));
    let settled = &life["settled"];
    let permitted = minor(&rows["uses_permitted"]);
    assert_eq!(minor(&settled["per_use_minor"]), permitted * 80);
    assert_eq!(minor(&settled["share_minor"]) * 20, minor(&settled["revenue_minor"]), "five percent");
    assert_eq!(minor(&settled["per_grant_minor"]) % 300, 0);
    for happened in ["amendments", "pauses", "revocations", "acknowledgements", "deletions"] {
        assert!(minor(&life[happened]) > 0, "{happened}: {life}");
    }
    let tenant = first["tenant"].as_str().expect("an id").to_owned();

    // again, nothing happens and nothing is due
    let second = replay(place, file, "--whole-life").ok().json();
    for same in ["tree_size", "root", "tenant", "life", "uses_permitted", "receipts_verified"] {
        assert_eq!(second[same], first[same], "{same}");
    }
    assert_eq!(settle(place, &tenant, "").ok().json(), json!({ "accruals": 0 }));
    let log = place.run("verify log --data-dir data --json").ok().json();
    assert_eq!(log["tree_size"], first["tree_size"]);
    replay(place, file, "").is(2);

    // erasure waits for the proofs of all days
    let days = &life["days"];
    let prove = |rest: &str| {
        place.run(&format!("prove --policy sandbox --tenant {tenant} --data-dir data --json {rest}"))
    };
    prove(&format!("--day {}", days[0].as_str().expect("a day"))).ok();
    let closed = life["closed_customer"].as_str().expect("somebody of whom nothing is open");
    let erase = || {
        place.run(&format!(
            "erase --sub {closed} --channel mail --forgotten-by replay --forgotten-by replay-beyond \
             --tenant {tenant} --data-dir data --json"
        ))
    };
    let waits = erase().is(1).json();
    assert!(
        waits["waiting_for_proofs"].as_str().is_some_and(|why| why.contains("in no proof yet")),
        "{waits}"
    );
    let proved = prove("").ok().json();
    assert_eq!(list(&proved["days"]).len(), list(days).len() - 1);
    let bundles = bundles(place, &tenant, days);
    let reports = verified(place, &bundles);

    let owed = settle(place, &tenant, &format!("--statement {closed} --period 1")).ok().json();
    let of_closed = minor(&owed["totals"][0]["minor"]);
    let everybody = customers(place);
    erase().ok();
    assert_eq!(verified(place, &bundles), reports, "of an erased customer");
    place.run("verify log --data-dir data --json").ok();

    // everybody else is paid what is owed to them
    let others: BTreeSet<String> = everybody.into_iter().filter(|sub| sub != closed).collect();
    accounts(place, &others);
    let paid = pay(place, &tenant, "first.xml", "0.01 CNY");
    let orders: Vec<&Value> = list(&paid["payouts"]).iter().map(|one| &one["order"]).collect();
    assert_eq!(orders.len(), others.len());
    let sum = |name: &str| orders.iter().map(|order| minor(&order[name])).sum::<u64>();
    let pools = ["per_use_minor", "per_grant_minor", "share_minor"].map(|name| minor(&settled[name]));
    assert_eq!(sum("gross_minor") + of_closed, pools.iter().sum::<u64>());
    validate(place, "first.xml", orders.len(), sum("gross_minor") - sum("withheld_minor"));
    assert_eq!(pay(place, &tenant, "again.xml", "0.01 CNY")["payments"], json!(0));
    place.run("fsck --data-dir data").ok();
    entries(&reports)
}

#[test]
fn a_small_life_is_proved_settled_and_paid() {
    let mut bought = purchases::purchases(48, 330, 31);
    // so that everybody is paid something
    let customers: BTreeSet<u32> = bought.iter().map(|purchase| purchase.customer).collect();
    bought.extend(customers.into_iter().map(|customer| Purchase { customer, day: 19_970_102 }));
    let place = Place::new();
    let file = place.write("purchases.txt", with_sample_id(&bought));
    let entries = live(&place, &file, &expected(&bought));
    assert_eq!(entries.len(), 17);
    assert!(entries.values().all(|count| *count > 0), "{entries:?}");
}

/// 6,919 purchases, of which 4,635 are permitted: 3,708.00 CNY.
#[test]
fn every_statement_is_about_300_entries_of_the_real_sample() {
    let Some(sample) = workspace_sample("every_statement_is_about_300_entries_of_the_real_sample") else {
        return;
    };
    let place = Place::new();
    let entries = live(&place, &sample, &super::sample_counts());
    assert_eq!(entries.len(), 17);
    assert!(entries.values().all(|count| *count >= 300), "{entries:?}");
}
