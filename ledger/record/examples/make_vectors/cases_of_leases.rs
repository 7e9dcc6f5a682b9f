//! Cases of releases of leases.

use grantbook_record::jws;
use grantbook_record::lease::{RELEASE_TYP, sign_release};
use serde_json::{Value, json};

use crate::cases::{Case, with};
use crate::story::{enterprise, gate, release};

pub(crate) fn releases() -> Vec<Case> {
    let input = |release: &str| json!({ "release": release });
    let good = sign_release(&release(), &gate());
    let payload = String::from_utf8(release().to_json()).unwrap();
    let signed = |payload: &str| input(&jws::sign(RELEASE_TYP, payload.as_bytes(), &gate()));
    let mut cases: Vec<Case> = vec![
        ("two leases".to_owned(), input(&good)),
        ("signed with another spelling".to_owned(), signed(&with(&payload, "{", " {\n"))),
        ("by another key than kid names".to_owned(), {
            let (head, _) = good.rsplit_once('.').unwrap();
            let other = sign_release(&release(), &enterprise());
            let (_, signature) = other.rsplit_once('.').unwrap();
            input(&format!("{head}.{signature}"))
        }),
        ("no JWS".to_owned(), input("release")),
        ("another typ".to_owned(), {
            input(&jws::sign("grantbook-use.batch+jwt", payload.as_bytes(), &gate()))
        }),
    ];
    let mut add = |name: &str, from: &str, to: &str| {
        cases.push((name.to_owned(), signed(&with(&payload, from, to))));
    };
    add("version 2", "\"v\":1", "\"v\":2");
    add("unknown member", "\"gate\"", "\"x\":1,\"gate\"");
    add("a gate's name of other characters", "underwriting-1", "underwriting 1");
    add("no spent", ",\"spent\":3", "");
    add("a negative spent", "\"spent\":3", "\"spent\":-3");
    add("a lease that is no UUIDv7", "01a1ee56", "x1a1ee56");
    let mut none: Value = serde_json::from_str(&payload).unwrap();
    none["event"]["releases"] = json!([]);
    cases.push(("no lease".to_owned(), signed(&none.to_string())));
    cases
}
