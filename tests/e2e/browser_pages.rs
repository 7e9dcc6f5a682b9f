//! Every screen of the portal in a real browser: the gallery, driven and judged by `tests/browser/pages.mjs`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use crate::replay::program::{Place, outside_tools, skip, workspace};

/// Whether there is a browser, and what drives it; otherwise says that the test is skipped.
pub(crate) fn has_browser(test: &str) -> bool {
    let starts = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let tools = outside_tools().join("browser/node_modules");
    let there = ["playwright-core", "axe-core"].iter().all(|package| tools.join(package).is_dir());
    let has = starts("chromium") && starts("node") && there;
    if !has {
        skip(test, "there is no Chromium, or no Node with playwright-core and axe-core to drive it");
    }
    has
}

/// Runs the script over the gallery; what it found wrong, if anything.
fn judged(arguments: &[&str]) -> Result<String, String> {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let listener = runtime.block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    runtime.spawn(async move { axum::serve(listener, grantbook_portal::gallery::router()).await });
    let script = workspace().join("tests/browser/pages.mjs");
    let run = Command::new("node").arg(script).arg(address).args(arguments).output().expect("node starts");
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    if run.status.success() { Ok(said) } else { Err(said) }
}

#[test]
fn every_screen_is_accessible_light_and_still_in_both_languages_and_themes() {
    if !has_browser("every screen in a browser") {
        return;
    }
    let said = judged(&[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(said.contains("0 faults"), "{said}");
}

#[test]
fn answers_are_of_the_same_size() {
    if !has_browser("answers of the same size") {
        return;
    }
    for screens in ["--only=request/plain", "--only=stop/plain"] {
        judged(&[screens]).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}

#[test]
fn a_regulator_checks_the_log_and_a_receipt_in_a_browser() {
    if !has_browser("the regulator's pages in a browser") {
        return;
    }
    let place = Place::new();
    let served = place.serve("data");
    let sandbox = format!("--sandbox={}", served.sandbox);
    place.run(&format!("grant {sandbox}")).ok();
    let receipt = std::path::Path::new(&served.sandbox).join("grant.receipt.json");
    let receipt =
        place.write("grant.json", std::fs::read(place.path("").join(receipt)).expect("its receipt"));
    let mut browser = Command::new("node")
        .arg(workspace().join("tests/browser/regulator.mjs"))
        .arg(&served.url)
        .arg(receipt)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let mut asks = browser.stdin.take().expect("piped");
    let mut says = BufReader::new(browser.stdout.take().expect("piped")).lines();
    let mut next = || says.next().and_then(Result::ok).unwrap_or_default();

    let first = next();
    assert!(first.starts_with("good: Your first visit"), "{first}");
    place.run(&format!("check {sandbox}")).ok();
    place.run(&format!("withdraw {sandbox} --no-wait")).ok();
    writeln!(asks, "more").expect("it reads");
    let second = next();
    assert!(second.starts_with("good: The log goes on from the state that you saw last"), "{second}");
    let receipt = next();
    assert!(
        receipt.starts_with("good: Everything holds") && receipt.contains("The entry is in the log"),
        "{receipt}"
    );
    assert!(receipt.contains("cap = "), "the hidden figures are shown: {receipt}");
    let changed = next();
    assert!(changed.starts_with("bad: "), "{changed}");

    place.run(&format!("grant {sandbox}")).ok();
    writeln!(asks, "end").expect("it reads");
    let forked = next();
    assert!(forked.starts_with("bad: This log contradicts what you saw last"), "{forked}");
    let rest: Vec<_> = says.map_while(Result::ok).collect();
    assert!(browser.wait().expect("a child").success(), "{rest:?}");
}
