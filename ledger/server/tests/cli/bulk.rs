//! `check --csv`: many customers, one question.

use std::fs;

use serde_json::Value;

use super::Place;

const QUESTION: &str = "--recipient insurer --purpose insurance-underwriting --category fast-charging \
                        --field date --from 2025-07-01 --data-dir data";

/// A ledger with a grant of alice-7; gives the end of the command line, and the grant.
fn granted(place: &Place) -> (String, String) {
    let tenant = place.enterprise();
    let given = place
        .run(&format!(
            "grant --key alice.key.json --sub alice-7 --published published.json --from 2025-07-01 \
             --to 2025-09-30 --without work_order --tenant {tenant} --data-dir data --save grant.json \
             --enterprise-key acme.key.json --json"
        ))
        .ok()
        .json();
    (format!("{QUESTION} --tenant {tenant}"), given["grant"].as_str().unwrap().to_owned())
}

#[test]
fn every_customer_of_a_table_is_answered_once() {
    let place = Place::new();
    let (question, grant) = granted(&place);
    place.write("customers.csv", "id,name\nalice-7,\"Doe, Alice\"\nbob,Bob\nalice-7,again\n");
    let check = format!("check --csv customers.csv --column id --out answers.csv {question}");
    let done = place.run(&format!("{check} --json")).ok().json();
    assert_eq!((&done["rows"], &done["permitted"], &done["asked"]), (&3.into(), &2.into(), &3.into()));
    let expected = format!(
        "data_subject,decision,reason,grant\nalice-7,permit,,{grant}\nbob,deny,no_grant,\nalice-7,permit,,{grant}\n"
    );
    assert_eq!(fs::read_to_string(place.path("answers.csv")).unwrap(), expected);
    assert!(!place.path("answers.csv.asked").exists());
    // nothing was recorded: the answer to a use is another one than "used up"
    let again = place.run(&check).is(2);
    assert!(again.err.contains("is there already"), "{}", again.err);
}

#[test]
fn a_table_that_was_begun_is_continued_by_the_same_question_only() {
    let place = Place::new();
    let (question, grant) = granted(&place);
    let table = "id\nalice-7\nbob\ncarl\nalice-7\n";
    place.write("customers.csv", table);
    let check =
        |more: &str| format!("check --csv customers.csv --column id --out answers.csv {question} {more}");
    // begun, and then there is no ledger
    let absent = question.replace("--data-dir data", "--data-dir absent");
    place.run(&format!("check --csv customers.csv --column id --out answers.csv {absent}")).is(2);
    assert!(place.path("answers.csv.asked").exists());
    // an answer that nobody would give shows that its row is not asked again; the next one was cut off
    let begun = "data_subject,decision,reason,grant\nalice-7,deny,paused,\nbob,de";
    place.write("answers.csv", begun);

    for (line, customers, why) in [
        (check(""), "id\nalice-7\nbob\ncarl\nalice-8\n", "about other customers"),
        (check("--action profile"), table, "another question"),
        (check("").replace("--column id", "--column name"), table, "no column"),
        (check(""), "id\nalice-7\nnot a customer\n", "line 3: malformed data subject"),
        (check(""), "id,id\na,b\n", "two columns"),
        (check(""), "id,name\nalice-7\n", "CSV error"),
        (check(""), "id\n", "no customers"),
    ] {
        place.write("customers.csv", customers);
        let refused = place.run(&line).is(2);
        assert!(refused.err.contains(why), "{why}: {}", refused.err);
        assert_eq!(fs::read_to_string(place.path("answers.csv")).unwrap(), begun, "{why}");
    }

    place.write("customers.csv", table);
    let done = place.run(&check("--json")).ok().json();
    assert_eq!((&done["rows"], &done["asked"], &done["permitted"]), (&4.into(), &3.into(), &1.into()));
    let expected = format!(
        "data_subject,decision,reason,grant\nalice-7,deny,paused,\nbob,deny,no_grant,\ncarl,deny,no_grant,\n\
         alice-7,permit,,{grant}\n"
    );
    assert_eq!(fs::read_to_string(place.path("answers.csv")).unwrap(), expected);
}

#[test]
fn a_recorded_run_that_is_cut_off_records_no_row_twice() {
    let place = Place::new();
    let (question, grant) = granted(&place);
    place.write("customers.csv", "id\nalice-7\nbob\nalice-7\n");
    let check = |question: &str| {
        format!("check --record --csv customers.csv --column id --out answers.csv {question}")
    };
    // begun, and then there is no ledger: what a crash leaves before the first row
    place.run(&check(&question.replace("--data-dir data", "--data-dir absent"))).is(2);
    let note = fs::read(place.path("answers.csv.asked")).unwrap();
    place.run(&check(&question).replace("--record ", "")).is(2);
    let done = place.run(&format!("{} --json", check(&question))).ok().json();
    assert_eq!((&done["rows"], &done["permitted"]), (&3.into(), &2.into()));
    let answers = fs::read_to_string(place.path("answers.csv")).unwrap();
    let rows: Vec<&str> = answers.lines().collect();
    assert_eq!(rows[0], "data_subject,decision,reason,grant,gate,seq");
    assert!(rows[1].starts_with(&format!("alice-7,permit,,{grant},remote,")), "{answers}");
    assert_eq!(rows[2], "bob,deny,no_grant,,,");
    assert_ne!(rows[1], rows[3], "each row is a use of its own");
    // the same run again, as if its answers had been lost: the same uses
    fs::remove_file(place.path("answers.csv")).unwrap();
    place.write("answers.csv.asked", &note);
    place.run(&check(&question)).ok();
    assert_eq!(fs::read_to_string(place.path("answers.csv")).unwrap(), answers);
}

/// Over HTTP a gate in the command's own process is fed by the server.
pub(super) fn a_gate_of_the_sandbox_answers(place: &Place) {
    let sandbox = fs::read(place.path("grantbook-data.sandbox/use.json")).unwrap();
    let sandbox: Value = serde_json::from_slice(&sandbox).unwrap();
    let customer = sandbox["data_subject"].as_str().unwrap();
    place.write("customers.csv", format!("data_subject\nnobody\n{customer}\n"));
    let check = "check --csv customers.csv --out answers.csv --sandbox --json";
    let vkey = "--vkey grantbook-data.sandbox/vkey";
    let done = place.run(&format!("{check} {vkey}")).ok().json();
    assert_eq!((&done["rows"], &done["permitted"]), (&2.into(), &1.into()));
    let answers = fs::read_to_string(place.path("answers.csv")).unwrap();
    assert!(answers.contains("nobody,deny,no_grant,\n"), "{answers}");
    assert!(answers.contains(&format!("{customer},permit,,")), "{answers}");
}
