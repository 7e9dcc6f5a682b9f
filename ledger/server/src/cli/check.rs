//! `check`: the gate's question, asked once, or about every customer of a table.

mod bulk;
mod recorded;
mod table;

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use grantbook_record::list::List;
use grantbook_record::uses::{UseFacts, UseId};
use grantbook_record::{DataDay, DataPeriod, GateId, SubjectId, Term};
use serde_json::json;

use super::door::{Answer, Door, DoorArgs, check_local, check_remote};
use super::failure::Failure;
use super::files;
use super::grant::write_receipt;
use super::output::{Output, Verdict};

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whose").args(["sub", "csv"]))]
pub(crate) struct CheckArgs {
    /// The use, JSON (docs/spec/use-batch.md) [default with --sandbox: the sandbox's]
    #[arg(long = "use", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Whose data
    #[arg(long, allow_hyphen_values = true, value_name = "ID", conflicts_with = "file")]
    sub: Option<SubjectId>,
    /// Ask about every customer of a CSV file with a header: which of them may I use this for? Records nothing without
    /// --record
    #[arg(long, value_name = "FILE", requires = "out", conflicts_with_all = ["use_id", "save"])]
    csv: Option<PathBuf>,
    /// The column with the customers
    #[arg(long, value_name = "NAME", default_value = "data_subject")]
    column: String,
    /// CSV file for the answers; one that was begun is continued
    #[arg(long, value_name = "FILE", requires = "csv")]
    out: Option<PathBuf>,
    /// Record a use for each row whose answer is yes; caps, rates and budgets count
    #[arg(long, requires = "csv")]
    record: bool,
    /// Record as this gate, in its spool; without it the ledger records row by row
    #[arg(long, value_name = "NAME", requires_all = ["record", "gate_key", "spool"])]
    gate: Option<GateId>,
    /// The gate's key file
    #[arg(long, value_name = "FILE", requires = "gate")]
    gate_key: Option<PathBuf>,
    /// The folder of the gate's spool
    #[arg(long, value_name = "DIR", requires = "gate")]
    spool: Option<PathBuf>,
    /// The log's keys, as /log/vkey gave them by a way that is trusted [default: the server's word]
    #[arg(long, value_name = "FILE", requires = "csv")]
    vkey: Option<PathBuf>,
    /// Which service asks
    #[arg(long, default_value = "cli")]
    requester: Term,
    /// Who receives the data
    #[arg(long, requires = "whose")]
    recipient: Option<Term>,
    /// What for
    #[arg(long, requires = "whose")]
    purpose: Option<Term>,
    /// What is done with it
    #[arg(long, default_value = "read")]
    action: Term,
    /// A category of the data; may be given several times
    #[arg(long, requires = "whose")]
    category: Vec<Term>,
    /// A field of the data; may be given several times
    #[arg(long, requires = "whose")]
    field: Vec<Term>,
    /// First day on which the data arose, YYYY-MM-DD
    #[arg(long, requires = "whose")]
    from: Option<String>,
    /// Last day on which the data arose [default: the first]
    #[arg(long, requires = "from")]
    to: Option<String>,
    /// Your own id of the use: asking again with it is the same use
    #[arg(long, value_name = "ID", value_parser = use_id)]
    use_id: Option<UseId>,
    /// File to write the receipt to
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    door: DoorArgs,
}

fn use_id(text: &str) -> Result<UseId, &'static str> {
    UseId::try_from(text.to_owned())
}

pub(crate) fn run(args: &CheckArgs, output: Output) -> Result<Verdict, Failure> {
    if let (Some(csv), Some(out)) = (&args.csv, &args.out) {
        return bulk::run(args, csv, out, output);
    }
    let facts = args.facts(args.sub.as_ref())?;
    let door = args.door.open(false)?;
    // a token says which tenant it is; without a server it must be named
    let answer = match &door {
        Door::Remote(remote) => check_remote(remote, &facts, args.use_id.as_ref()),
        Door::Local(ledger) => args
            .door
            .tenant(&door)
            .and_then(|tenant| check_local(ledger, tenant, &facts, args.use_id.clone())),
    };
    door.close()?;
    match answer? {
        Answer::Permit { grant, leaf_index, obligations, receipt } => {
            write_receipt(args.save.as_deref(), &receipt)?;
            output.say(format!("permitted under grant {grant}; the use is entry {leaf_index} of the log"));
            for obligation in &obligations {
                output.say(format!("obligation: {}", json!(obligation)));
            }
            if let Some(file) = &args.save {
                output.say(format!("receipt: {}", file.display()));
            }
            output.result(&json!({
                "decision": true,
                "grant": grant,
                "leaf_index": leaf_index,
                "obligations": obligations,
                "receipt": receipt,
            }));
            Ok(Verdict::Yes)
        }
        Answer::Denial(denial) => {
            output.say(format!("denied: {} ({})", denial.what, denial.reason));
            denial.fact().into_iter().for_each(|fact| output.say(fact));
            output.say(format!("remedy: {}", denial.remedy));
            output.result(&json!({
                "decision": false,
                "reason": denial.reason,
                "what": denial.what,
                "remedy": denial.remedy,
                "grant": denial.grant,
                "detail": denial.detail,
            }));
            Ok(Verdict::No)
        }
    }
}

impl CheckArgs {
    /// The use of `sub`'s data; of somebody's where it is read from a file.
    fn facts(&self, sub: Option<&SubjectId>) -> Result<UseFacts, Failure> {
        if let Some(file) = &self.file {
            return files::read_json(file);
        }
        let is_described = self.sub.is_some() || self.recipient.is_some() || self.from.is_some();
        let Some(sub) = sub.filter(|_| is_described) else {
            let sandbox = self.door.sandbox()?;
            let sandbox =
                sandbox.ok_or_else(|| Failure::input("expected --use FILE, or --sub ID with the rest"))?;
            return files::read_json(&sandbox.use_file());
        };
        let missing = |flag: &str| Failure::Input(format!("expected {flag}"));
        let day = |text: &str| DataDay::parse(text).ok_or_else(|| missing("a day as YYYY-MM-DD"));
        let from = day(self.from.as_deref().ok_or_else(|| missing("--from YYYY-MM-DD"))?)?;
        let to = self.to.as_deref().map_or(Ok(from), day)?;
        Ok(UseFacts {
            data_subject: sub.clone(),
            requester: self.requester.clone(),
            recipient: self.recipient.clone().ok_or_else(|| missing("--recipient TERM"))?,
            purpose: self.purpose.clone().ok_or_else(|| missing("--purpose TERM"))?,
            action: self.action.clone(),
            categories: List::new(self.category.clone()).ok_or_else(|| missing("1 to 16 --category TERM"))?,
            fields: List::new(self.field.clone()).ok_or_else(|| missing("1 to 64 --field TERM"))?,
            data_period: DataPeriod::new(from, to).ok_or_else(|| missing("--from not after --to"))?,
            rows: std::collections::BTreeMap::new(),
            level: None,
            onward: grantbook_record::list::List::default(),
        })
    }
}
