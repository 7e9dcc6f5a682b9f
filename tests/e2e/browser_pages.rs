//! Every screen of the portal in a real browser: the gallery, driven and judged by `tests/browser/pages.mjs`.

use std::net::Ipv4Addr;
use std::process::Command;

use crate::replay::program::workspace;

/// Whether there is a browser, and what drives it.
fn has_browser() -> bool {
    let starts = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), Into::into);
    let tools = target.join("outside/browser/node_modules");
    let there = ["playwright-core", "axe-core"].iter().all(|package| tools.join(package).is_dir());
    starts("chromium") && starts("node") && there
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
    if !has_browser() {
        eprintln!("skipped: there is no Chromium, or no Node with playwright-core and axe-core to drive it");
        return;
    }
    let said = judged(&[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(said.contains("0 faults"), "{said}");
}

#[test]
fn answers_are_of_the_same_size() {
    if !has_browser() {
        eprintln!("skipped: there is no Chromium, or no Node with playwright-core and axe-core to drive it");
        return;
    }
    for screens in ["--only=request/plain", "--only=stop/plain"] {
        judged(&[screens]).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}
