//! wapiti from PyPI attacks the pages of a sandbox as a visitor, a customer and an enterprise, and finds nothing that is not
//! known and meant. What it is kept from: doors and log-outs, which end the session that it crawls with, and erasing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::replay::program::{Done, Place, Served, outside_tools, skip};

/// What is tried first. Not `ssrf`, which needs an endpoint on the Internet, nor `ssl`: the sandbox has none.
const ATTACKS: &str = "xss,permanentxss,exec,file,redirect,csrf,crlf";
/// What is looked at on every page that is crawled.
const LOOKED_AT: &str = "csp,cookieflags,http_headers";
/// What is tried on the same pages in a second run that keeps no cookie it is given: it compares answers, and would take the other
/// language, which another of its requests has chosen meanwhile, for what its guess has done.
const COMPARING: &str = "sql,timesql";
/// Seconds for crawling, and for each module.
const CRAWL_SECONDS: &str = "30";
const MODULE_SECONDS: &str = "12";

const KEPT_FROM: [&str; 6] = [
    "/sandbox/*",
    "/account/log-out",
    "/company/sign-out",
    "/my/account/data/*/erase",
    // files without a form or a query
    "/assets/*",
    "/log/*",
];

/// Who crawls, from where, by which door, and how many pages of their own they must have seen.
struct Role {
    name: &'static str,
    start: &'static str,
    door: Option<&'static str>,
    own_pages: usize,
}

const ROLES: [Role; 3] = [
    Role { name: "visitor", start: "/regulator", door: None, own_pages: 3 },
    Role { name: "customer", start: "/my", door: Some("/sandbox/customer"), own_pages: 18 },
    Role { name: "company", start: "/company", door: Some("/sandbox/company"), own_pages: 7 },
];

/// A finding that is by design: how what wapiti says begins, likewise its address, and why it is none.
struct Meant {
    says: &'static str,
    path: &'static str,
    why: &'static str,
}

const MEANT: [Meant; 3] = [
    Meant {
        says: "CSRF token 'token' is not properly checked in backend",
        path: "/company/sign-in",
        why: "the field is the enterprise's own secret, not a token of the form; other sites are refused by their origin",
    },
    Meant {
        says: "HttpOnly flag is not set on the cookie 'lang' set at ",
        path: "",
        why: "the language is no secret, and the signing page's script reads it",
    },
    Meant {
        says: "Secure flag is not set on the cookie: 'lang' set at ",
        path: "",
        why: "the language is no secret, and is remembered over plain HTTP too",
    },
];

/// Why a finding is none.
fn meant(finding: &Value) -> Option<&'static str> {
    let text = |name: &str| finding[name].as_str().unwrap_or_default();
    // wapiti looks for other names than `form_token`; that it is checked shows `pages::every_page_and_form` of the server
    if text("info") == "Lack of anti CSRF token" && text("curl_command").contains("form_token=") {
        return Some("the form has its token, under a name that wapiti does not know");
    }
    let known = |meant: &&Meant| text("info").starts_with(meant.says) && text("path").starts_with(meant.path);
    MEANT.iter().find(known).map(|meant| meant.why)
}

/// What came of a role's scan: findings that are not meant, and the paths that were answered by 200.
struct Scan {
    findings: Vec<String>,
    pages: BTreeSet<String>,
}

impl Scan {
    fn of(report: &Value) -> Self {
        let mut findings = Vec::new();
        for group in ["vulnerabilities", "anomalies"] {
            for found in report[group].as_object().expect(group).values() {
                for finding in found.as_array().expect("findings") {
                    let [module, method, path, info] = ["module", "method", "path", "info"]
                        .map(|name| finding[name].as_str().unwrap_or_default());
                    let line = format!("{module}: {method} {path}: {info}");
                    match meant(finding) {
                        Some(why) => println!("meant: {line}: {why}"),
                        None => findings.push(format!("{line}\n{}", finding["http_request"])),
                    }
                }
            }
        }
        let crawled = report["infos"]["crawled_pages"].as_array().expect("the pages");
        let pages = crawled.iter().filter(|page| page["response"]["status_code"] == 200).map(|page| {
            let url = page["request"]["url"].as_str().expect("an address");
            let path = url.splitn(4, '/').nth(3).unwrap_or_default();
            format!("/{}", path.split('?').next().unwrap_or_default())
        });
        Self { findings, pages: pages.collect() }
    }
}

fn wapiti() -> PathBuf {
    outside_tools().join("wapiti/bin/wapiti")
}

/// The cookie of a session that a sandbox's door gives.
fn cookie(origin: &str, door: &str) -> String {
    let agent: ureq::Agent = ureq::Agent::config_builder().max_redirects(0).build().into();
    let answer = agent.post(format!("{origin}{door}")).header("origin", origin).send_empty().expect(door);
    let cookie = answer.headers()["set-cookie"].to_str().expect("text");
    cookie.split(';').next().expect("a cookie").to_owned()
}

fn status(url: &str, cookie: &str) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    agent.get(url).header("cookie", cookie).call().expect("an answer").status().as_u16()
}

/// Runs modules as a role, on the pages that an earlier run has crawled where there was one.
fn run(place: &Place, origin: &str, role: &Role, cookie: &str, modules: &str, more: &[&str]) -> Scan {
    let report = place.path(&format!("{}.json", role.name));
    let mut command = Command::new(wapiti());
    place.settle(&mut command);
    command.args(["-u", &format!("{origin}{}", role.start), "--scope", "domain", "-m", modules]);
    command.args(["-d", "4", "--max-scan-time", CRAWL_SECONDS, "--max-attack-time", MODULE_SECONDS]);
    command.args(["--tasks", "4", "--no-bugreport", "-v", "1", "-f", "json", "-dr", "2", "-o"]).arg(&report);
    for (option, name) in [("--store-session", "session"), ("--store-config", "config")] {
        command.arg(option).arg(place.path(&format!("{}.{name}", role.name)));
    }
    // what a browser says of the portal's own pages: without it every form is refused
    command.args(["-H", "Sec-Fetch-Site: same-origin"]).args(more);
    if !cookie.is_empty() {
        command.args(["-C", cookie]);
    }
    for path in KEPT_FROM {
        command.args(["-x", &format!("{origin}{path}")]);
    }
    let done = Done::of(command.output().expect("wapiti starts")).ok();
    for module in modules.split(',').filter(|module| !LOOKED_AT.contains(module)) {
        let launched = done.out.contains(&format!("Launching module {module}"));
        assert!(launched, "{module} did not run: {}", done.out);
    }
    let report = std::fs::read(&report).unwrap_or_else(|_| panic!("no report: {}{}", done.out, done.err));
    Scan::of(&serde_json::from_slice(&report).expect("JSON"))
}

fn scan(place: &Place, origin: &str, role: &Role) -> Scan {
    let cookie = role.door.map_or_else(String::new, |door| cookie(origin, door));
    let mut scan = run(place, origin, role, &cookie, &format!("{ATTACKS},{LOOKED_AT}"), &[]);
    let again = ["--skip-crawl", "--drop-set-cookie"];
    let compared = run(place, origin, role, &cookie, COMPARING, &again);
    assert_eq!(compared.pages, scan.pages, "{}: the same pages", role.name);
    scan.findings.extend(compared.findings);
    if !cookie.is_empty() {
        let own = format!("{origin}{}", role.start);
        assert_eq!(status(&own, &cookie), 200, "{}: the session ended on the way", role.name);
    }
    scan
}

#[test]
fn wapiti_finds_nothing_as_any_role() {
    if !Command::new(wapiti()).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return skip("wapiti_finds_nothing_as_any_role", "wapiti is not installed, ./check does so");
    }
    let place = Place::new();
    let served = Served::start(place.command("serve --story --listen 127.0.0.1:0 --data-dir data --json"));
    let origin = served.url.replace("127.0.0.1", "localhost");
    let scans: Vec<Scan> = thread::scope(|scope| {
        let (place, origin) = (&place, &origin);
        let running: Vec<_> =
            ROLES.iter().map(|role| scope.spawn(move || scan(place, origin, role))).collect();
        running.into_iter().map(|scan| scan.join().expect("a scan")).collect()
    });
    let mut findings = Vec::new();
    for (role, scan) in ROLES.iter().zip(&scans) {
        let own = scan.pages.iter().filter(|path| path.starts_with(role.start)).count();
        println!("{}: {} pages, {own} below {}: {:#?}", role.name, scan.pages.len(), role.start, scan.pages);
        assert!(own >= role.own_pages, "{}: {own} of {} pages: {:?}", role.name, role.own_pages, scan.pages);
        findings.extend(scan.findings.iter().map(|finding| format!("{}: {finding}", role.name)));
    }
    assert!(findings.is_empty(), "{}", findings.join("\n\n"));
    // a customer's pages are nobody else's
    for role in [&scans[0], &scans[2]] {
        assert!(!role.pages.iter().any(|path| path.starts_with("/my")), "{:?}", role.pages);
    }
}
