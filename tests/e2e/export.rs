//! What a customer takes along: an archive as a page that checks itself from a disk, and refuses copies that were changed; and
//! consent records that other programs read.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::browser_pages::has_browser;
use crate::replay::program::{Place, outside_tools, skip, workspace};
use crate::tools::enterprise;

/// A page of alice-7's archive: a grant, a use and its withdrawal. Gives the place and the grant.
fn exported() -> (Place, String) {
    let place = Place::new();
    let (tenant, grant) = enterprise(&place);
    place.run("withdraw --key alice.key.json --receipt grant.json --data-dir data").ok();
    let export = format!("export --tenant {tenant} --subject alice-7 --to alice.html --data-dir data --json");
    assert_eq!(place.run(&export).ok().json()["records"], 7);
    let whole = format!("export --tenant {tenant} --to all.html --data-dir data");
    assert!(place.run(&whole).is(2).err.contains("a page is of one customer"));
    (place, grant)
}

fn element<'a>(page: &'a str, begins: &str) -> &'a str {
    let (_, after) = page.split_once(begins).expect("the element");
    after.split_once("</script>").expect("its end").0
}

const SUMMARY: &str = "id=\"summary\">";
const ARCHIVE: &str = "id=\"archive\">";

/// Copies of the page, each changed in one way, and what the command line says is wrong with it.
fn changed(page: &str) -> Vec<(&'static str, String, &'static str)> {
    let archive = element(page, ARCHIVE);
    let middle = archive.len() / 2;
    let other = if archive.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let flipped = format!("{}{other}{}", &archive[..middle], &archive[middle + 1..]);
    vec![
        ("flipped", page.replace(archive, &flipped), ""),
        ("summary", page.replacen("\"status\":\"withdrawn\"", "\"status\":\"active\"", 1), "summary: state"),
        ("record", page.replacen("dpv:ConsentWithdrawn", "dpv:ConsentGiven", 1), "summary: consent record"),
        (
            "receipt",
            page.replacen("\"jurisdiction\":\"", "\"jurisdiction\":\"X", 1),
            "summary: consent receipt",
        ),
    ]
}

#[test]
fn the_command_line_reads_the_page_and_refuses_changed_ones() {
    let (place, _) = exported();
    let vkey = {
        let served = place.serve("data");
        place.write("vkey", served.get("/log/vkey"));
        "vkey"
    };
    let verify = |file: &str| place.run(&format!("verify archive {file} --vkey {vkey} --json"));
    let verified = verify("alice.html").ok().json();
    for (member, expected) in
        [("records", 7.into()), ("states_proved", true.into()), ("page_is_own", true.into())]
    {
        assert_eq!(verified[member], Value::clone(&expected), "{member}: {verified}");
    }
    let page = fs::read_to_string(place.path("alice.html")).expect("text");
    for (name, changed, says) in changed(&page) {
        assert_ne!(changed, page, "{name}");
        place.write("changed.html", changed);
        let refused = verify("changed.html").is(1).json();
        assert!(refused["error"].as_str().expect("a reason").contains(says), "{name}: {refused}");
    }
    place.write("around.html", page.replace("<title>", "<title>x"));
    assert_eq!(verify("around.html").ok().json()["page_is_own"], false);
    // the same records without the page around them
    let archive = grantbook_record::encoding::from_base64url(element(&page, ARCHIVE)).expect("base64url");
    place.write("alice.archive", archive);
    assert_eq!(verify("alice.archive").ok().json()["states_proved"], true);
}

#[test]
fn the_page_checks_itself_from_a_disk_without_a_network() {
    if !has_browser("an archive's page in a browser") {
        return;
    }
    let (place, _) = exported();
    let page = fs::read_to_string(place.path("alice.html")).expect("text");
    let mut script = Command::new("node");
    script.arg(workspace().join("tests/browser/export.mjs")).arg(place.path("alice.html"));
    let mut copies = Vec::new();
    for (name, changed, _) in changed(&page) {
        // what the page computes by itself it does not take from the summary
        if name != "receipt" && name != "record" {
            script.arg(place.write(&format!("{name}.html"), changed));
            copies.push(name);
        }
    }
    let run = script.output().expect("node starts");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("good: Everything holds 7 records") && lines[0].ends_with("[withdrawn]"),
        "{said}"
    );
    assert!(lines[0].contains("none that changed a consent is missing"), "{said}");
    assert!(lines[1].starts_with("good: 全部成立"), "{said}");
    for (at, name) in copies.iter().enumerate() {
        assert!(lines[2 + 2 * at].starts_with("bad: Do not trust this file"), "{name}: {said}");
    }
}

#[test]
fn consent_records_are_what_their_standards_say() {
    let (place, grant) = exported();
    let page = fs::read_to_string(place.path("alice.html")).expect("text");
    let summary: Value = serde_json::from_str(element(&page, SUMMARY)).expect("JSON");
    let consent = &summary["consents"][0];
    assert_eq!(consent["grant"], grant);
    place.write("iso27560.jsonld", consent["iso27560"].to_string());
    place.write("kantara.json", consent["kantara"].to_string());
    let python = outside_tools().join("python/bin/python");
    let there = Command::new(&python).args(["-c", "import pyld, rdflib, jsonschema"]).status();
    if !there.is_ok_and(|status| status.success()) {
        return skip(
            "consent records as others read them",
            "there is no Python with pyld, rdflib and jsonschema",
        );
    }
    let script = workspace().join("tests/outside/python/consent_records.py");
    let read = |files: [&std::path::Path; 2]| {
        let run = Command::new(&python).arg(&script).args(files).output().expect("python starts");
        (
            run.status.success(),
            String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr),
        )
    };
    let (iso, kantara) = (place.path("iso27560.jsonld"), place.path("kantara.json"));
    let (good, said) = read([&iso, &kantara]);
    assert!(good && said.contains("dpv:ConsentWithdrawn"), "{said}");
    // the script can tell
    let wrong =
        place.write("wrong.jsonld", consent["iso27560"].to_string().replace("dpv:hasPurpose", "dpv:hasAim"));
    assert!(!read([&wrong, &kantara]).0);
    let dropped =
        place.write("dropped.jsonld", consent["iso27560"].to_string().replace("dct:valid", "valid"));
    assert!(!read([&dropped, &kantara]).0);
    let none =
        place.write("none.json", consent["kantara"].to_string().replace("consentTimestamp", "timestamp"));
    assert!(!read([&iso, &none]).0);
}
