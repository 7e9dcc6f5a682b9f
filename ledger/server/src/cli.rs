//! The command line. Each command is a file; all share two ways to a ledger ([`door`]), one form of output and one list
//! of exit statuses ([`failure`]).

mod acknowledgements;
mod agent;
mod audit;
mod backup;
mod bench;
mod check;
pub(crate) mod clock;
pub(crate) mod data;
mod demo;
mod door;
mod erase;
mod evidence;
pub(crate) mod failure;
pub(crate) mod files;
mod fsck;
mod grant;
mod key;
mod keygen;
mod keyring;
mod kit;
mod mandate;
mod map;
mod monitor;
pub(crate) mod output;
mod passphrase;
mod people;
mod policy;
pub(crate) mod progress;
mod prove;
mod published;
mod remote;
mod replay;
mod request;
mod sandbox;
mod scenario;
mod secret;
mod serve;
mod settle;
mod template;
mod tenant;
mod terms;
mod token;
mod transfer;
mod verify;
mod vocabulary;
mod witness;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{EXIT_NO, Failure};
use output::{Output, Verdict};

/// A consent ledger: customers sign grants, services ask before each use, anybody can verify the log.
///
/// Without a command the server starts with a sandbox and says what to try.
#[derive(Debug, Parser)]
#[command(
    name = "grantbook",
    version,
    after_help = "\
Exit status: 0 done or yes, 1 the answer is no (denied, invalid, refused), 2 bad input, 3 a fault of the system.
With --json the last line of standard output is one JSON object.

Examples:
  grantbook                  start the server with a sandbox
  grantbook demo             the whole story, in a temporary folder
  grantbook help grant       how to sign a grant"
)]
struct Cli {
    /// Give the result as one JSON object, the last line of standard output
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    tls: remote::TlsArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server
    #[command(after_help = "Example:
  grantbook serve --listen 127.0.0.1:8460 --data-dir ./ledger
  grantbook serve --fixture ledger/server/fixtures/authzen-certification.json
Every key of docs/reference/configuration.md can also be set in grantbook.toml or as GRANTBOOK_<KEY>.")]
    Serve(serve::ServeArgs),
    /// Tell the whole story in a temporary folder, with real keys, proofs and HTTP
    #[command(after_help = "Example:
  grantbook demo --json")]
    Demo,
    /// Manage enterprises and their gates
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Manage the tokens of an enterprise's services
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Make a signing key in a new file, readable by its owner only
    #[command(after_help = "Example:
  grantbook keygen --out alice.key.json")]
    Keygen(keygen::KeygenArgs),
    /// Enrol, add, rotate, revoke and recover a customer's keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Name who signs for a minor
    #[command(subcommand)]
    Guardian(people::GuardianCommand),
    /// Agree on who signs for an organisation
    #[command(subcommand)]
    Signatories(people::SignatoriesCommand),
    /// Show, compare and publish the words that grants are in
    #[command(subcommand)]
    Vocabulary(vocabulary::VocabularyCommand),
    /// Map the columns of the enterprise's systems to fields of its vocabulary
    #[command(subcommand)]
    Map(map::MapCommand),
    /// Check and publish templates
    #[command(subcommand)]
    Template(template::TemplateCommand),
    /// Sign a request that the company's page has prepared, where the company's key is
    #[command(after_help = "Example:
  grantbook request request.json --key acme.key.json --out request.jws
The page takes what this writes; so does POST /v1/events, as application/jose.")]
    Request(request::RequestArgs),
    /// Check and publish rules of law and of the house, written in Cedar
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Sign a grant as a customer, and append it
    #[command(after_help = "Examples:
  grantbook grant --sandbox
  grantbook grant --key alice.key.json --sub alice-7 --enterprise-key acme.key.json \\
    --published published.json --from 2025-07-01 --to 2025-09-30 --without work_order \\
    --uses 100 --price \"0.80 CNY\" --tenant UUID --server https://ledger.example --save grant.json
--enterprise-key is needed once: the enterprise vouches for the customer's first key.")]
    Grant(Box<grant::GrantArgs>),
    /// Withdraw a grant: as its customer, or as the operator who was told
    #[command(after_help = "Examples:
  grantbook withdraw --sandbox
  grantbook withdraw --key alice.key.json --receipt grant.json --server https://ledger.example")]
    Withdraw(grant::WithdrawArgs),
    /// Rules that a customer signs in advance: try, give, hand on, show and withdraw mandates
    #[command(subcommand)]
    Mandate(mandate::MandateCommand),
    /// Answer waiting requests as an agent, by the rules of its mandate
    #[command(after_help = "Example:
  grantbook agent --once --mandate JTI --sub alice-7 --key agent.key.json --server https://ledger.example
Accepts with a grant that the agent's key signs, declines, and leaves the rest to the customer.")]
    Agent(agent::AgentArgs),
    /// Show who has taken in that a grant has ended: gates, and recipients to whom data was passed on
    #[command(after_help = "Example:
  grantbook acknowledgements --sandbox")]
    Acknowledgements(acknowledgements::AcknowledgementsArgs),
    /// Ask whether a use is permitted; a permit records the use and gives its receipt
    #[command(after_help = "Examples:
  grantbook check --sandbox --save receipt.json
  grantbook check --sub alice-7 --recipient insurer --purpose insurance-underwriting \\
    --category fast-charging --field date --from 2025-07-01 --server https://ledger.example
  grantbook check --csv customers.csv --column id --out answers.csv --recipient insurer \\
    --purpose insurance-underwriting --category fast-charging --field date --from 2025-07-01 --server https://ledger.example
Exit status 1 if it is denied; with --csv 0 says that every customer was answered, and nothing is recorded without --record.
With --record --gate NAME --gate-key FILE --spool DIR uses are recorded as by that gate, many at a time.")]
    Check(Box<check::CheckArgs>),
    /// Replay real purchases: each row is a data use, permitted with a receipt or denied
    #[command(after_help = "Example:
  grantbook replay cdnow_sample.txt --format cdnow --data-dir ./replay --receipts ./receipts
  grantbook verify receipt ./receipts/*.json
Running it again goes on where it stopped, and changes nothing where it was done.")]
    Replay(replay::ReplayArgs),
    /// Settle what customers are due, show statements, order payments and take in what became of them
    #[command(after_help = "Examples:
  grantbook settle --tenant UUID --data-dir ./ledger
  grantbook settle --statement alice-7 --period 1 --server https://ledger.example
  grantbook settle --pay payments.xml --accounts accounts.csv --debtor \"Acme,6222021234567890123,102100099996\" \\
    --server https://ledger.example
  grantbook settle --import status.xml --server https://ledger.example
accounts.csv has the columns sub, name, country, account and bank; names and accounts never reach the ledger. A period
that is settled already, a file that is written already, a report that was read already: nothing is paid twice.")]
    Settle(Box<settle::SettleArgs>),
    /// Verify receipts, checkpoints or the whole log
    #[command(subcommand)]
    Verify(verify::VerifyCommand),
    /// Prove that an enterprise's days kept to a statement policy, one bundle for each day
    #[command(after_help = "Examples:
  grantbook prove --policy gdpr --tenant UUID --data-dir ./ledger
  grantbook prove --day 2026-03-02 --policy ours.json --except 4711:use-before-end --tenant UUID --data-dir ./ledger
  grantbook verify bundle ./ledger/proofs/UUID/*.bundle --vkey vkey --policy gdpr
Exit status 1 names the entries that do not comply and are not excepted. What was begun is taken up again. A bundle shows
who used how many grants, under pseudonyms: it is for the regulator alone.")]
    Prove(Box<prove::ProveArgs>),
    /// Write a regulator kit: record of processing, rates and proofs of a period, with a page that checks them
    #[command(after_help = "Example:
  grantbook kit --from 2026-03-01 --to 2026-03-31 --out kit --details details.json --tenant UUID --data-dir ./ledger
  grantbook verify kit kit --vkey vkey --policy gdpr
Counts of fewer than 20 customers are not shown. A kit has proof bundles, which show who used how many grants, under
pseudonyms: it is for the regulator alone.")]
    Kit(Box<kit::KitArgs>),
    /// Open entries at random to a regulator, and check what was opened
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Erase a customer: withdraw, have the gates forget, destroy the data key
    #[command(after_help = "Example:
  grantbook erase --sub alice-7 --channel mail --tenant UUID --data-dir ./ledger --save certificate.json
Entries, proofs and other receipts stay valid. What backups still hold opens until the key epoch has ended.")]
    Erase(erase::EraseArgs),
    /// Keep customers' records from being erased
    #[command(subcommand)]
    Hold(erase::HoldCommand),
    /// The key epoch: at its end, nothing opens any more that was erased in it
    #[command(subcommand)]
    Epoch(erase::EpochCommand),
    /// Back the keyring up, restore it, and drill that a backup opens the ledger
    #[command(subcommand)]
    Keyring(keyring::KeyringCommand),
    /// Read and hash again all that a ledger has stored
    #[command(after_help = "Example:
  grantbook fsck --data-dir ./ledger
Exit status 1 if something is wrong. Nothing is changed without --rebuild.")]
    Fsck(fsck::FsckArgs),
    /// Back up a data folder while a server may be writing to it, or verify a backup; the keyring is not in it
    #[command(after_help = "Examples:
  grantbook backup --to /mnt/backups --data-dir ./ledger
  grantbook backup --to /mnt/backups --data-dir ./ledger --keep 30
  grantbook backup --to /mnt/backups --verify --vkey vkey
Files that have not changed are not copied again.")]
    Backup(backup::BackupArgs),
    /// Bring a backup back: every file is hashed, and the entries must lead to the signed root
    #[command(after_help = "Example:
  grantbook restore --from /mnt/backups --data-dir ./ledger
Exit status 1 if the backup is damaged, or older than what the anchor vouches for.")]
    Restore(backup::RestoreArgs),
    /// Write a tenant's or one customer's record as an archive, or all about one grant for a court
    #[command(after_help = "Examples:
  grantbook export --tenant UUID --to acme.archive --data-dir ./ledger
  grantbook export --tenant UUID --subject alice-7 --to alice.archive --data-dir ./ledger
  grantbook export --tenant UUID --evidence GRANT --to grant.html --data-dir ./ledger
An archive verifies offline: grantbook verify archive acme.archive --vkey vkey")]
    Export(transfer::ExportArgs),
    /// Append the records of an archive, each with the proof of its first admission
    #[command(after_help = "Example:
  grantbook import acme.archive --vkey vkey --data-dir ./new-ledger
Importing again goes on where it stopped, and changes nothing where it was done.")]
    Import(transfer::ImportArgs),
    /// Bring a data folder to the format that this program reads
    #[command(after_help = "Example:
  grantbook migrate --data-dir ./ledger
A folder that has that format already is left as it is.")]
    Migrate(data::DataArgs),
    /// Cosign logs of others, each along one history only
    #[command(after_help = "Example, for a Grantbook server on this machine:
  grantbook witness --state ./witness --name witness.example/w1 \\
    --log \"$(curl -s http://127.0.0.1:8460/log/vkey | head -n 1)\"
It says which line the log's operator and its readers put into their policy, such as:
  witness w1 witness.example/w1+1f0e… http://127.0.0.1:7380
  quorum w1
and the operator names that file in the configuration: witness.policy = \"witnesses.policy\".")]
    Witness(witness::WitnessArgs),
    /// Follow a log, and raise an alarm when it shows two histories, goes back or falls silent
    #[command(after_help = "Examples:
  curl -s http://127.0.0.1:8460/log/vkey > vkey
  grantbook monitor --log http://127.0.0.1:8460 --vkey vkey --state ./seen
  grantbook monitor --log https://ledger.example --vkey vkey --policy witnesses.policy --once --json
Exit status 1 with an alarm: fork, rollback, silence, bad_signature or quorum. With --json its line holds both
checkpoints, which together prove what the log did.")]
    Monitor(monitor::MonitorArgs),
    /// Measure, beside the limits of this machine
    #[command(after_help = "Example:
  cargo build --release -p grantbook-bench && target/release/grantbook bench append --json")]
    Bench(bench::BenchArgs),
}

/// Runs the command that the process was started with.
pub(crate) fn main() -> ExitCode {
    let Cli { json, tls, command } = Cli::parse();
    let output = Output::new(json);
    let done = tls.heed().and_then(|()| match command {
        Some(Command::Bench(args)) => bench::run(&args, json),
        other => run(other, output).map(|verdict| match verdict {
            Verdict::Yes => ExitCode::SUCCESS,
            Verdict::No => ExitCode::from(EXIT_NO),
        }),
    });
    done.unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit_code()
    })
}

fn run(command: Option<Command>, output: Output) -> Result<Verdict, Failure> {
    match command {
        None => serve::run(&serve::ServeArgs::with_story(), output),
        Some(Command::Serve(args)) => serve::run(&args, output),
        Some(Command::Demo) => demo::run(output),
        Some(Command::Tenant(command)) => tenant::run(&command, output),
        Some(Command::Token(command)) => token::run(&command, output),
        Some(Command::Keygen(args)) => keygen::run(&args, output),
        Some(Command::Key(command)) => key::run(&command, output),
        Some(Command::Guardian(command)) => people::guardian(&command, output),
        Some(Command::Signatories(command)) => people::signatories(&command, output),
        Some(Command::Vocabulary(command)) => vocabulary::run(&command, output),
        Some(Command::Map(command)) => map::run(&command, output),
        Some(Command::Template(command)) => template::run(&command, output),
        Some(Command::Request(args)) => request::run(&args, output),
        Some(Command::Policy(command)) => policy::run(&command, output),
        Some(Command::Grant(args)) => grant::give(&args, output),
        Some(Command::Withdraw(args)) => grant::withdraw(&args, output),
        Some(Command::Mandate(command)) => mandate::run(&command, output),
        Some(Command::Agent(args)) => agent::run(&args, output),
        Some(Command::Acknowledgements(args)) => acknowledgements::show(&args, output),
        Some(Command::Check(args)) => check::run(&args, output),
        Some(Command::Replay(args)) => replay::run(&args, output),
        Some(Command::Settle(args)) => settle::run(&args, output),
        Some(Command::Verify(command)) => verify::run(&command, output),
        Some(Command::Prove(args)) => prove::run(&args, output),
        Some(Command::Kit(args)) => kit::run(&args, output),
        Some(Command::Audit(command)) => audit::run(&command, output),
        Some(Command::Erase(args)) => erase::run(&args, output),
        Some(Command::Hold(command)) => erase::hold(&command, output),
        Some(Command::Epoch(command)) => erase::epoch(&command, output),
        Some(Command::Keyring(command)) => keyring::run(&command, output),
        Some(Command::Fsck(args)) => fsck::run(&args, output),
        Some(Command::Witness(args)) => witness::run(&args, output),
        Some(Command::Monitor(args)) => monitor::run(&args, output),
        Some(Command::Backup(args)) => backup::back_up(&args, output),
        Some(Command::Restore(args)) => backup::restore(&args, output),
        Some(Command::Export(args)) => transfer::export(&args, output),
        Some(Command::Import(args)) => transfer::import(&args, output),
        Some(Command::Migrate(args)) => backup::migrate(&args, output),
        // handled by the caller, who passes the program's own exit status on
        Some(Command::Bench(_)) => Ok(Verdict::Yes),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
