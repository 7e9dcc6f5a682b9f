//! `serve`, and what the program does without a subcommand.

use std::path::{Path, PathBuf};

use clap::Args;
use grantbook_engine::Ledger;
use grantbook_server::{ConfigError, Flags, ServeError, Server, ServerConfig, logging};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use super::output::{Output, Verdict};
use super::sandbox::{DEFAULT_FOLDER, Sandbox};

/// Arguments of `serve`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    /// Configuration file [default: grantbook.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
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
    logging::init(&config.log).map_err(Failure::input)?;
    let ledger = Ledger::open(&config.ledger())?;
    let runtime = Runtime::new().map_err(Failure::fault)?;
    let (data_dir, in_sandbox) = (config.data_dir.clone(), config.sandbox);
    let server = runtime.block_on(Server::bind(ledger.clone(), config))?;
    let url = server.base_url().to_owned();
    let sandbox = in_sandbox.then(|| Sandbox::prepare(&ledger, &data_dir, &url)).transpose()?;
    let folder = sandbox.is_some().then(|| Sandbox::folder_of(&data_dir));
    match &folder {
        Some(folder) => output.say(welcome(&url, folder)),
        None => output.say(format!("Grantbook is at {url}; Ctrl-C stops it")),
    }
    output.result(&json!({ "url": url, "sandbox": folder }));
    runtime.block_on(server.run(stopped()))?;
    Ok(Verdict::Yes)
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
fn welcome(url: &str, folder: &Path) -> String {
    let program = program();
    let sandbox = if folder == Path::new(DEFAULT_FOLDER) {
        "--sandbox".to_owned()
    } else {
        format!("--sandbox={}", quoted(&folder.display().to_string()))
    };
    format!(
        "
Grantbook is running, with a sandbox to try it in.

  open  {url}/
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
