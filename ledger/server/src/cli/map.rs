//! `map`: which columns of an enterprise's systems hold which fields of its vocabulary.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use grantbook_author::mapping::{self, Standing};
use grantbook_record::Term;
use grantbook_record::list::List;
use grantbook_record::vocabulary::{DroppedWords, Mapping, Source, VocabularyPublished, Words};
use serde::Deserialize;
use serde_json::json;

use super::door::DoorArgs;
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};
use super::vocabulary::{self, SigningArgs};

/// Subcommands of `map`.
#[derive(Debug, Subcommand)]
pub(crate) enum MapCommand {
    /// Read a system's columns and propose what each could be; nothing is mapped
    #[command(after_help = "Examples:
  grantbook map propose --system crm --csv customers.csv --table customers --sandbox
  grantbook map propose --system billing --sql schema.sql --sandbox
Exit status 1 where some column is not mapped: gates deny it until `map publish` has mapped it.")]
    Propose(ProposeArgs),
    /// Sign and publish mappings
    #[command(after_help = "Example:
  grantbook map publish mappings.json --enterprise-key acme.key.json --server https://ledger.example
The file is {\"map\": [...], \"unmap\": [...]}; `map propose --json` has mappings to choose from.")]
    Publish(PublishArgs),
}

/// Arguments of `map propose`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("schema").required(true).args(["csv", "json_schema", "sql"]))]
pub(crate) struct ProposeArgs {
    /// The system's name, such as crm
    #[arg(long)]
    system: Term,
    /// A CSV file with a header
    #[arg(long, value_name = "FILE", requires = "table")]
    csv: Option<PathBuf>,
    /// A JSON Schema of rows
    #[arg(long, value_name = "FILE", requires = "table")]
    json_schema: Option<PathBuf>,
    /// SQL statements that create tables
    #[arg(long, value_name = "FILE")]
    sql: Option<PathBuf>,
    /// The table's name
    #[arg(long)]
    table: Option<String>,
    #[command(flatten)]
    door: DoorArgs,
}

/// Arguments of `map publish`.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// The mappings, JSON
    file: PathBuf,
    #[command(flatten)]
    signing: SigningArgs,
}

/// The file of `map publish`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mappings {
    #[serde(default)]
    map: List<Mapping, 0, 256>,
    #[serde(default)]
    unmap: List<Source, 0, 256>,
}

pub(crate) fn run(command: &MapCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        MapCommand::Propose(args) => propose(args, output),
        MapCommand::Publish(args) => publish(args, output),
    }
}

fn propose(args: &ProposeArgs, output: Output) -> Result<Verdict, Failure> {
    let (system, table) = (&args.system, args.table.as_deref().unwrap_or_default());
    let columns = match (&args.csv, &args.json_schema, &args.sql) {
        (Some(file), ..) => mapping::from_csv(system, table, &files::read(file)?),
        (_, Some(file), _) => mapping::from_json_schema(system, table, &files::read(file)?),
        (.., Some(file)) => {
            let sql =
                String::from_utf8(files::read(file)?).map_err(|_| Failure::input("SQL that is not UTF-8"))?;
            mapping::from_sql(system, &sql)
        }
        (None, None, None) => return Err(Failure::input("expected --csv, --json-schema or --sql")),
    };
    let columns = columns.map_err(|error| Failure::Input(error.to_string()))?;
    let proposals = mapping::propose(&vocabulary::read(&args.door)?, &columns);
    let mut denied = 0;
    for proposal in &proposals {
        match &proposal.standing {
            Standing::Mapped(mapping) => {
                output.say(format!("{} is {}.{}", proposal.source, mapping.category, mapping.field));
            }
            Standing::Denied => {
                denied += 1;
                output.say(format!("{} is not mapped, and denied", proposal.source));
            }
        }
        for candidate in &proposal.candidates {
            let mapping::Candidate { mapping, score, reasons } = candidate;
            let reasons = reasons.join("; ");
            output.say(format!("  {score:3} {}.{}: {reasons}", mapping.category, mapping.field));
        }
    }
    output.result(&json!({ "denied": denied, "columns": proposals }));
    Ok(if denied == 0 { Verdict::Yes } else { Verdict::No })
}

fn publish(args: &PublishArgs, output: Output) -> Result<Verdict, Failure> {
    let Mappings { map, unmap } = files::read_json(&args.file)?;
    if map.is_empty() && unmap.is_empty() {
        return Err(Failure::input("no mappings in the file"));
    }
    let event = args.signing.publish(|vocabulary| {
        let version = vocabulary.latest().number().next();
        let (put, drop) = (Words::default(), DroppedWords::default());
        Ok(VocabularyPublished { version, put, drop, map, unmap })
    })?;
    output.say(format!("version {} of the vocabulary maps {} columns anew", event.version, event.map.len()));
    output.result(&event);
    Ok(Verdict::Yes)
}
