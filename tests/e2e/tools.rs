//! The operator's tools on real folders: check, backup and restore, archives, evidence, migration.

use std::fs;

use crate::replay::program::{Done, Place, program, workspace};

/// A ledger in `data` with one enterprise; its customer alice-7 gave a grant that was used once. Gives tenant and grant.
pub(crate) fn enterprise(place: &Place) -> (String, String) {
    let scenario = workspace().join("ledger/server/src/cli/scenario");
    for name in ["template.json", "notice.en.json", "notice.zh-CN.json"] {
        fs::copy(scenario.join(name), place.path(name)).expect("a file of the scenario");
    }
    for key in ["acme", "alice"] {
        place.run(&format!("keygen --out {key}.key.json")).ok();
    }
    let made = "tenant create --name Acme --enterprise-key acme.key.json --data-dir data --json";
    let made = place.run(made).ok().json();
    let tenant = made["tenant"]["id"].as_str().expect("an id").to_owned();
    let at = format!("--tenant {tenant} --data-dir data");
    place
        .run(&format!(
            "template publish template.json --notice notice.en.json --notice notice.zh-CN.json \
             --enterprise-key acme.key.json --out published.json {at}"
        ))
        .ok();
    // the price has a space, which `run` has no word for
    let mut grant = place.command(&format!(
        "grant --key alice.key.json --sub alice-7 --published published.json --from 2025-07-01 --to 2025-09-30 \
         --without work_order --uses 5 --enterprise-key acme.key.json --save grant.json --json {at} --price"
    ));
    let given = Done::of(grant.arg("0.80 CNY").output().expect("the program starts")).ok().json();
    place
        .run(&format!(
            "check --sub alice-7 --recipient insurer --purpose insurance-underwriting --category fast-charging \
             --field date --from 2025-07-01 {at}"
        ))
        .ok();
    (tenant, given["grant"].as_str().expect("an id").to_owned())
}

fn vkey(place: &Place, data: &str) -> String {
    let served = place.serve(data);
    let name = format!("{data}.vkey");
    place.write(&name, served.get("/log/vkey"));
    name
}

#[test]
fn a_tenant_moves_to_another_ledger_and_back_out() {
    let place = Place::new();
    let (tenant, _) = enterprise(&place);
    place.run("withdraw --key alice.key.json --receipt grant.json --data-dir data").ok();
    // the server finds a withdrawal that nobody has acknowledged
    let vkey = vkey(&place, "data");
    let export = format!("export --tenant {tenant} --to acme.archive --data-dir data --json");
    let exported = place.run(&export).ok().json();
    assert_eq!((exported["records"].as_u64(), exported["erased"].as_u64()), (Some(8), Some(0)));
    assert!(place.run(&export).is(2).err.contains("is there already"));
    let one = format!("export --tenant {tenant} --subject alice-7 --to alice.archive --data-dir data --json");
    assert_eq!(place.run(&one).ok().json()["records"], 8);

    let verified = place.run(&format!("verify archive acme.archive --vkey {vkey} --json")).ok().json();
    assert_eq!((&verified["records"], &verified["keys_pinned"]), (&8.into(), &true.into()));
    assert!(place.run("verify archive acme.archive").ok().out.contains("compare them with /log/vkey"));
    // an outsider's tools can read it: every line is JSON, every record a receipt that verifies alone
    let archive = fs::read_to_string(place.path("acme.archive")).expect("text");
    let lines: Vec<serde_json::Value> =
        archive.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 10);

    let import = format!("import acme.archive --vkey {vkey} --data-dir new --json");
    let imported = place.run(&import).ok().json();
    assert_eq!((&imported["records"], &imported["duplicates"]), (&8.into(), &0.into()));
    assert_eq!(place.run(&import).ok().json()["duplicates"], 8);
    place.run("fsck --data-dir new").ok();
    place.run("verify log --data-dir new").ok();
    // the grant is withdrawn there too
    let check = "check --sub alice-7 --recipient insurer --purpose insurance-underwriting --category fast-charging \
                 --field date --from 2025-07-01 --data-dir new --json";
    assert_eq!(place.run(&format!("{check} --tenant {tenant}")).is(1).json()["reason"], "withdrawn");
    place.run(&format!("export --tenant {tenant} --to again.archive --data-dir new")).ok();
    let again = place.run("verify archive again.archive --json").ok().json();
    assert_eq!((&again["records"], &again["first_admitted_elsewhere"]), (&8.into(), &8.into()));

    // one changed letter of one record
    let changed = archive.replacen("\"blinding\":\"", "\"blinding\":\"A", 1);
    place.write("changed.archive", changed);
    let refused = place.run("verify archive changed.archive --json").is(1).json();
    assert!(refused["error"].as_str().expect("a reason").starts_with("record "), "{refused}");
    assert!(
        place
            .run(&format!("import changed.archive --vkey {vkey} --data-dir other"))
            .is(1)
            .err
            .contains("record ")
    );
    assert!(!place.path("other").exists());
    // of another log
    let other = place.run(&format!("import again.archive --vkey {vkey} --data-dir other")).is(1);
    assert!(other.err.contains("those that were pinned"), "{}", other.err);
}

#[test]
fn the_evidence_of_a_grant_says_all_and_its_steps_work() {
    let place = Place::new();
    let (tenant, grant) = enterprise(&place);
    let evidence = format!("export --tenant {tenant} --evidence {grant} --data-dir data");
    let text = place.run(&evidence).ok().out;
    for expected in [
        "insurer",
        "0.80 CNY for each use",
        "at most 5 times",
        "from 2025-07-01 to 2025-09-30",
        "work_order",
        "In English",
        "We pass the fast-charging records",
        "the enterprise vouched that it is the customer's",
        "Signed by the customer (key ",
        "Nothing changed it",
        "grantbook verify receipt",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    place.run("withdraw --key alice.key.json --receipt grant.json --data-dir data").ok();
    place.run(&format!("{evidence} --to case.html")).ok();
    let html = fs::read_to_string(place.path("case.html")).expect("a page");
    assert!(html.starts_with("<!doctype html>") && html.contains("the customer withdrew it"), "{html}");
    assert!(!html.contains("http:") && !html.contains("<script"), "{html}");
    // the steps as they are printed, through a shell
    let mut steps = html.split("<pre>").map(|part| part.split("</pre>").next().unwrap_or_default());
    let step = steps.find(|step| step.starts_with("grantbook verify receipt")).expect("the first step");
    let mut shell = std::process::Command::new("sh");
    let line = step.replacen("grantbook", &program().display().to_string(), 1);
    place.settle(&mut shell);
    let done = Done::of(shell.args(["-c", &line]).output().expect("a shell")).ok();
    // enrolment, template, notice, grant, use, withdrawal
    assert_eq!(done.out.matches(": valid, ").count(), 6, "{}", done.out);
    let nobody = "01900000-0000-7000-8000-000000000000";
    place.run(&format!("export --tenant {tenant} --evidence {nobody} --data-dir data")).is(1);
    place.run(&format!("export --tenant {tenant} --data-dir data")).is(2);
}

#[test]
fn a_backup_of_a_server_comes_back_and_an_old_one_is_refused() {
    let place = Place::new();
    enterprise(&place);
    let served = place.serve("data");
    let sandbox = format!("--sandbox={}", served.sandbox);
    place.run(&format!("grant {sandbox}")).ok();
    let backup = "backup --to backups --data-dir data --json";
    let first = place.run(backup).ok().json();
    assert_eq!(first["generation"], 1);
    assert_eq!(place.run(backup).ok().json()["copied_files"], 0);
    place.run(&format!("check {sandbox}")).ok();
    let later = place.run(backup).ok().json();
    assert!(later["tree_size"].as_u64() > first["tree_size"].as_u64(), "{later}");
    place.write("vkey", served.get("/log/vkey"));
    drop(served);
    let verified = place.run("backup --to backups --verify --vkey vkey --json").ok().json();
    assert_eq!((&verified["generation"], &verified["tree_size"]), (&3.into(), &later["tree_size"]));

    // the latest comes back to where it was
    fs::remove_dir_all(place.path("data")).expect("a folder");
    let old = place.run("restore --from backups --generation 1 --data-dir data").is(1);
    assert!(old.err.contains("would be lost") && old.err.contains("--accept-loss"), "{}", old.err);
    assert!(!place.path("data").exists());
    let restored = place.run("restore --from backups --data-dir data --json").ok().json();
    assert_eq!((&restored["lost"], &restored["anchored"]), (&0.into(), &true.into()));
    place.run("fsck --data-dir data").ok();
    place.run("verify log --data-dir data").ok();
    assert!(place.run("restore --from backups --data-dir data").is(2).err.contains("is there already"));

    // an old one, put there by hand, does not start; given up aloud, it does
    fs::remove_dir_all(place.path("data")).expect("a folder");
    let aloud = place.run("restore --from backups --generation 1 --data-dir data --accept-loss").ok();
    assert!(aloud.err.contains("ACKNOWLEDGED ENTRIES ARE GIVEN UP"), "{}", aloud.err);
    let checked = place.run("fsck --data-dir data").ok();
    assert!(checked.out.contains("losses.log"), "{}", checked.out);
    let lost = place.path(&format!("data.anchor.lost-{}", later["tree_size"]));
    fs::copy(&lost, place.path("data.anchor")).expect("the anchor as it was");
    let refused = place.run("verify log --data-dir data").is(3);
    assert!(refused.err.contains("rolled back"), "{}", refused.err);
    // a changed byte of every file
    for folder in fs::read_dir(place.path("backups/objects")).expect("objects") {
        for object in fs::read_dir(folder.expect("a folder").path()).expect("objects") {
            let object = object.expect("an object").path();
            let mut bytes = fs::read(&object).expect("bytes");
            bytes[0] ^= 1;
            fs::write(&object, bytes).expect("bytes");
        }
    }
    place.run("backup --to backups --verify --data-dir data").is(1);
    place.run("restore --from backups --data-dir elsewhere --keyring-dir data.keyring").is(1);
    place.run("restore --from nowhere --data-dir elsewhere --vkey vkey").is(2);
}

#[test]
fn a_folder_from_before_versions_is_migrated_once() {
    let place = Place::new();
    enterprise(&place);
    let root = place.run("fsck --data-dir data --json").ok().json()["root"].clone();
    fs::remove_file(place.path("data/version")).expect("a version");
    // what is sealed under the epoch's key lay in the folder itself
    for part in ["journal", "state"] {
        fs::rename(place.path("data/epochs/1").join(part), place.path("data").join(part)).expect("moved");
    }
    fs::remove_dir_all(place.path("data/epochs")).expect("removed");
    for line in ["verify log --data-dir data", "serve --listen 127.0.0.1:0 --data-dir data"] {
        let refused = place.run(line).is(3);
        assert!(refused.err.contains("grantbook migrate"), "{}", refused.err);
    }
    let found = place.run("fsck --data-dir data").is(1);
    assert!(found.out.contains("grantbook migrate"), "{}", found.out);
    let done = place.run("migrate --data-dir data --json").ok().json();
    assert_eq!((&done["from"], &done["to"]), (&0.into(), &1.into()));
    assert_eq!(place.run("migrate --data-dir data --json").ok().json()["from"], 1);
    assert_eq!(place.run("fsck --data-dir data --json").ok().json()["root"], root);
    place.run("migrate --data-dir absent").is(2);
}

#[test]
fn fsck_names_what_is_wrong_and_rebuilds_what_it_may() {
    let place = Place::new();
    enterprise(&place);
    let state = place.path("data/epochs/1/state");
    fs::remove_dir_all(&state).expect("a state");
    let note = place.run("fsck --data-dir data").ok();
    assert!(note.out.contains("note: state: it is missing"), "{}", note.out);
    place.run("verify log --data-dir data").ok();
    let journal = fs::read_dir(place.path("data/epochs/1/journal"))
        .expect("a journal")
        .next()
        .expect("a file")
        .expect("one");
    let mut bytes = fs::read(journal.path()).expect("bytes");
    let good = bytes.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(journal.path(), &bytes).expect("bytes");
    for rebuild in ["", " --rebuild"] {
        let found = place.run(&format!("fsck --data-dir data{rebuild} --json")).is(1).json();
        let named = found["findings"].to_string();
        assert!(named.contains("frame at byte") && named.contains("torn"), "{named}");
        assert_eq!(found["rebuilt"].as_array().map(Vec::len), Some(0));
    }
    assert_eq!(fs::read(journal.path()).expect("bytes"), bytes);
    fs::write(journal.path(), good).expect("bytes");
    place.run("fsck --data-dir data").ok();
}
