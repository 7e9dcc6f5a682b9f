//! Versions of a vocabulary and mappings of systems' columns, as an enterprise publishes them.

use std::fs;

use super::Place;

#[test]
fn words_and_mappings_are_published_and_proposed() {
    let place = Place::new();
    let tenant = place.enterprise();
    let at = format!("--tenant {tenant} --data-dir data");
    let shown = place.run(&format!("vocabulary show {at} --json")).ok().json();
    assert_eq!((&shown["version"], shown["mappings"].as_array().unwrap().len()), (&1.into(), 0));
    let core = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/vocabulary/core-v1.json");
    let core = fs::read_to_string(core).unwrap();
    place.write("same.json", core.clone());
    place.run(&format!("vocabulary diff same.json {at}")).ok();
    place.write("next.json", core.replace("\"duration_min\"", "\"minutes\""));
    let diff = place.run(&format!("vocabulary diff next.json {at} --json")).is(1).json();
    assert_eq!(diff["changes"]["put"]["categories"].as_object().unwrap().len(), 1, "{diff}");
    place.run(&format!("vocabulary publish same.json --enterprise-key acme.key.json {at}")).is(2);
    place.run(&format!("vocabulary publish next.json --enterprise-key acme.key.json {at}")).ok();
    // a system's columns: nothing is mapped by proposing
    place.write("schema.sql", "CREATE TABLE charging (energy_kwh INT, mood TEXT);");
    let propose = format!("map propose --system csms --sql schema.sql {at} --json");
    let proposed = place.run(&propose).is(1).json();
    assert_eq!(proposed["denied"], 2);
    let mapping = proposed["columns"][0]["candidates"][0]["mapping"].clone();
    assert_eq!(mapping["field"], "energy_kwh");
    place.write("mappings.json", serde_json::json!({ "map": [mapping] }).to_string());
    place.run(&format!("map publish mappings.json --enterprise-key acme.key.json {at}")).ok();
    assert_eq!(place.run(&propose).is(1).json()["denied"], 1);
    let shown = place.run(&format!("vocabulary show {at} --json")).ok().json();
    assert_eq!((&shown["version"], shown["mappings"].as_array().unwrap().len()), (&3.into(), 1));
    place.run("map propose --system csms").is(2);
}
