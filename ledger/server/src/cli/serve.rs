//! `serve`, and what the program does without a subcommand.

use std::path::{Path, PathBuf};

use clap::Args;
use grantbook_engine::Ledger;
use grantbook_server::fixture::Loaded;
use grantbook_server::{
    ConfigError, Fixture, FixtureError, Flags, ServeError, Server, ServerConfig, logging,
};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::clock;
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};
use super::sandbox::{DEFAULT_FOLDER, Sandbox};

/// The folder, in the sandbox's, of a fixture's keys.
const FIXTURE_KEYS: &str = "fixture";

/// Arguments of `serve`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    /// Configuration file [default: grantbook.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Templates, notices, grants and AuthZEN settings that the sandbox is to have
    #[arg(long, value_name = "FILE")]
    fixture: Option<PathBuf>,
    /// Tell the sandbox's story at the first start: a car maker, an insurer and customers to look at
    #[arg(long)]
    story: bool,
    #[command(flatten)]
    flags: Flags,
}

impl ServeArgs {
    /// What the program does without a command.
    pub(crate) fn with_story() -> Self {
        Self { story: true, ..Self::default() }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::input(error)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::fault(error)
    }
}

pub(crate) fn run(args: &ServeArgs, output: Output) -> Result<Verdict, Failure> {
    let config = ServerConfig::load(args.config.as_deref(), &args.flags)?;
    let fixture = args.fixture.as_deref().map(read_fixture).transpose()?;
    if fixture.is_some() && !config.sandbox {
        return Err(Failure::input("a fixture without a sandbox, expected sandbox = true"));
    }
    logging::init(&config.log).map_err(Failure::input)?;
    let ledger = Ledger::open(&config.ledger())?;
    let runtime = Runtime::new().map_err(Failure::fault)?;
    let (data_dir, in_sandbox) = (config.data_dir.clone(), config.sandbox);
    let server = runtime.block_on(Server::bind(ledger.clone(), config))?;
    let url = server.base_url().to_owned();
    let pages = server.pages_url().to_owned();
    let sandbox = in_sandbox.then(|| Sandbox::prepare(&ledger, &data_dir, &url)).transpose()?;
    if args.story && sandbox.is_some() {
        // whoever sets up a sandbox of their own may have rules that the story breaks: then there is none
        if let Err(error) = grantbook_server::story::tell(&ledger) {
            Output::warn(format!("the sandbox has no story: {error}"));
        }
    }
    let folder = sandbox.is_some().then(|| Sandbox::folder_of(&data_dir));
    let mut result =
        serde_json::Map::from_iter([("url".to_owned(), json!(url)), ("sandbox".to_owned(), json!(folder))]);
    match &folder {
        Some(folder) => output.say(welcome(&url, &pages, folder)),
        None => output.say(format!("Grantbook is at {url}; Ctrl-C stops it")),
    }
    if let (Some(fixture), Some(folder)) = (&fixture, &folder) {
        let loaded = load(fixture, &ledger, &server, folder)?;
        output.say(format!(
            "The sandbox has {} grants of {} customers of the fixture, {} events of them new. Their keys are in {}.",
            loaded.grants.len(),
            loaded.customers.len(),
            loaded.appended,
            folder.join(FIXTURE_KEYS).display()
        ));
        let said = json!({ "grants": loaded.grants, "appended": loaded.appended });
        result.extend([("fixture".to_owned(), said)]);
    }
    output.result(&json!(result));
    runtime.block_on(server.run(stopped()))?;
    Ok(Verdict::Yes)
}

fn read_fixture(file: &Path) -> Result<Fixture, Failure> {
    let named = |error: FixtureError| Failure::Input(format!("{}: {error}", file.display()));
    Fixture::parse(&files::read(file)?).map_err(named)
}

/// Loads a fixture, and writes its customers' keys beside those of the sandbox.
fn load(fixture: &Fixture, ledger: &Ledger, server: &Server, folder: &Path) -> Result<Loaded, Failure> {
    let loaded = fixture.load(ledger, clock::new_jti).map_err(|error| match error {
        FixtureError::Read(_) => Failure::fault(error),
        _ => Failure::input(error),
    })?;
    server.set_authzen(loaded.tenant, fixture.authzen().clone());
    let keys = folder.join(FIXTURE_KEYS);
    files::make_folder(&keys)?;
    for (sub, key) in &loaded.customers {
        files::replace(&keys.join(format!("{sub}.key.json")), &files::key_json(key))?;
    }
    Ok(loaded)
}

/// Until Ctrl-C or the word of a supervisor.
pub(crate) async fn stopped() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// What to open and what to try.
fn welcome(url: &str, pages: &str, folder: &Path) -> String {
    let program = program();
    let sandbox = if folder == Path::new(DEFAULT_FOLDER) {
        "--sandbox".to_owned()
    } else {
        format!("--sandbox={}", quoted(&folder.display().to_string()))
    };
    format!(
        "
Grantbook is running, with a sandbox to try it in.

  open  {pages}/   be a customer, the car maker or the regulator
        {url}/openapi.json   the API
        {url}/log/checkpoint   the log, for anybody

  try, in another terminal in this folder:

  1. a customer signs a grant
     {program} grant {sandbox}

  2. a service asks before it uses the data; its receipt verifies offline
     {program} check {sandbox} --save receipt.json && {program} verify receipt receipt.json {sandbox}

  3. the customer withdraws; the very next check is denied
     {program} withdraw {sandbox}; {program} check {sandbox}

The keys of the sandbox are in {}. Ctrl-C stops the server.
",
        folder.display()
    )
}

/// This program as it can be called from the current folder.
fn program() -> String {
    let Ok(program) = std::env::current_exe() else { return "grantbook".to_owned() };
    let here = std::env::current_dir().unwrap_or_default();
    let short = program.strip_prefix(&here).unwrap_or(&program);
    quoted(&short.display().to_string())
}

/// For a shell, where it needs to be.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
