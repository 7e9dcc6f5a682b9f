//! Secrets are told to nobody who reads logs: the whole story at the most talkative level, then every line searched.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect shall fail there and then"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use grantbook_record::{RecoveryCode, Signer};
use grantbook_sdk::Token;
use serde_json::Value;

const PSEUDONYM: &str = "alice-7-of-acme";
const HOLD: &str = "court-file-4711";

/// A folder, the server in it, and all that the programs said on standard error.
struct Place {
    folder: tempfile::TempDir,
    format: &'static str,
    said: String,
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grantbook"));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).env_remove("GRANTBOOK_TOKEN");
        command.env("GRANTBOOK_LOG__LEVEL", "trace").env("GRANTBOOK_LOG__FORMAT", self.format);
        command.args(line.split_whitespace());
        command
    }

    fn serve(&self) -> (Child, Value) {
        let errors = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut serve = self.command("serve --listen 127.0.0.1:0 --json");
        let mut child = serve.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        (child, serde_json::from_str(&first).unwrap())
    }

    /// Runs a command to its end, whatever that is; keeps what it said on standard error.
    fn run(&mut self, line: &str, token: Option<&str>) -> (i32, String) {
        let mut command = self.command(line);
        if let Some(token) = token {
            command.env("GRANTBOOK_TOKEN", token);
        }
        let done = command.output().unwrap();
        self.said.push_str(&String::from_utf8_lossy(&done.stderr));
        (done.status.code().unwrap(), String::from_utf8(done.stdout).unwrap())
    }
}

/// Tells the story; gives what was logged and what must not be in it.
fn story(format: &'static str) -> (String, Vec<String>) {
    let mut place = Place { folder: tempfile::tempdir().unwrap(), format, said: String::new() };
    let (mut child, said) = place.serve();
    let url = said["url"].as_str().unwrap().to_owned();
    let sandbox = place.read("grantbook-data.sandbox/sandbox.json");
    let token = sandbox["token"].as_str().unwrap().to_owned();
    let tenant = sandbox["tenant"].as_str().unwrap().to_owned();
    let at = format!("--sub {PSEUDONYM} --server {url} --tenant {tenant}");
    let keys = "--enterprise-key grantbook-data.sandbox/enterprise.key.json";
    let own = Some(token.as_str());
    for line in [
        "keygen --out phone.json".to_owned(),
        "keygen --out laptop.json".to_owned(),
        "grant --sandbox".to_owned(),
        "check --sandbox --save receipt.json".to_owned(),
        "verify receipt receipt.json --sandbox".to_owned(),
        "withdraw --sandbox".to_owned(),
        format!("key enrol --key phone.json {keys} --code-out code {at}"),
        format!("key recover --code code --new laptop.json --code-out next {at}"),
        format!("grant --key laptop.json {at} --terms grantbook-data.sandbox/terms.json"),
        format!("hold place --sub {PSEUDONYM} --reason {HOLD} --server {url}"),
        format!("hold lift --sub {PSEUDONYM} --server {url}"),
        format!("erase --sub {PSEUDONYM} --channel mail --server {url}"),
        "verify log --sandbox".to_owned(),
    ] {
        let (status, out) = place.run(&line, own);
        assert_eq!(status, 0, "{line}: {out}{}", place.said);
    }
    let (_, made) = place.run(&format!("token create --label t --role service --server {url} --json"), own);
    let made: Value = serde_json::from_str(made.lines().last().unwrap()).unwrap();
    let service = made["secret"].as_str().unwrap().to_owned();
    // refused requests are logged too
    let wrong = "gbk_wrong0123456789wrong";
    assert_eq!(place.run(&format!("token list --server {url}"), Some(&service)).0, 1);
    assert_eq!(place.run(&format!("token list --server {url}"), Some(wrong)).0, 1);
    assert_eq!(place.run(&format!("key enrol --key phone.json {keys} --code-out other {at}"), None).0, 0);
    assert_eq!(place.run(&format!("key enrol --key laptop.json {keys} --code-out third {at}"), None).0, 1);
    child.kill().unwrap();
    child.wait().unwrap();
    // a second start reads all of it again
    let (mut child, _) = place.serve();
    child.kill().unwrap();
    child.wait().unwrap();

    let mut secrets = vec![token, service, wrong.to_owned(), PSEUDONYM.to_owned(), HOLD.to_owned()];
    secrets.push(sandbox["sub"].as_str().unwrap().to_owned());
    for file in ["phone.json", "laptop.json", "grantbook-data.sandbox/enterprise.key.json"] {
        secrets.push(place.read(file)["d"].as_str().unwrap().to_owned());
    }
    for file in ["code", "next"] {
        let code = fs::read_to_string(place.path(file)).unwrap().trim().to_owned();
        RecoveryCode::parse(&code).unwrap();
        secrets.extend([code.replace('-', ""), code]);
    }
    let log = fs::read_to_string(place.path("log")).unwrap();
    (format!("{log}{}", place.said), secrets)
}

#[test]
fn no_log_of_the_whole_story_tells_a_secret() {
    for format in ["text", "json"] {
        let (log, secrets) = story(format);
        assert!(log.contains("/v1/erasures") && log.contains("401"), "the story was logged: {log}");
        assert!(secrets.iter().all(|secret| secret.len() >= 8));
        for secret in secrets {
            assert!(!log.contains(&secret), "{format}: {secret} in {log}");
        }
    }
}

#[test]
fn nothing_that_holds_a_secret_prints_it() {
    let seed = [0xA5; 32];
    let signer = Signer::from_seed(&seed).unwrap();
    let code = RecoveryCode::random(&mut rand_core::OsRng);
    let token = Token::new("gbk_0123456789");
    let printed = format!("{signer:?} {token:?} {token:#?} {code:?}");
    let written = code.reveal();
    for secret in ["0123456789", "165, 165", "a5a5", "A5A5", "paWl", &written[..9]] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}
