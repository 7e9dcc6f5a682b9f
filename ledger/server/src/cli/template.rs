//! `template`: what an enterprise asks for, checked while it is written and then published.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use grantbook_author::{Problem, Problems, validate_notice, validate_template, validate_terms};
use grantbook_record::Terms;
use grantbook_record::event::{NoticePublished, TemplatePublished};
use serde_json::json;

use super::door::DoorArgs;
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};
use super::published::publish;
use super::vocabulary;

/// Subcommands of `template`.
#[derive(Debug, Subcommand)]
pub(crate) enum TemplateCommand {
    /// Find all that is wrong with a template, and with terms under it
    #[command(after_help = "Example:
  grantbook template check template.json --terms terms.json
Exit status 1 where something is wrong. docs/spec/event.md describes the files.")]
    Check(CheckArgs),
    /// Sign and publish a template with its notices
    #[command(after_help = "Example:
  grantbook template publish template.json --notice notice.en.json --notice notice.zh-CN.json \\
    --enterprise-key acme.key.json --server https://ledger.example --out published.json
The file that it writes is what `grantbook grant --published` takes.")]
    Publish(Box<PublishArgs>),
}

/// Arguments of `template check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The template, JSON
    file: PathBuf,
    /// What was published of the vocabulary, JSON, version by version; may be given several times
    #[arg(long, value_name = "FILE")]
    vocabulary: Vec<PathBuf>,
    /// Terms under it, JSON
    #[arg(long, value_name = "FILE")]
    terms: Option<PathBuf>,
}

/// Arguments of `template publish`.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// The template, JSON
    file: PathBuf,
    /// A notice, JSON; may be given several times
    #[arg(long, value_name = "FILE")]
    notice: Vec<PathBuf>,
    /// The enterprise's key file [default with --sandbox: the sandbox's]
    #[arg(long, value_name = "FILE")]
    enterprise_key: Option<PathBuf>,
    /// The approver's key file, where the enterprise has named an approver
    #[arg(long, value_name = "FILE")]
    approver_key: Option<PathBuf>,
    /// File to write for `grant --published`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    door: DoorArgs,
}

pub(crate) fn run(command: &TemplateCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        TemplateCommand::Check(args) => check(args, output),
        TemplateCommand::Publish(args) => send(args, output),
    }
}

fn check(args: &CheckArgs, output: Output) -> Result<Verdict, Failure> {
    let template: TemplatePublished = files::read_json(&args.file)?;
    let terms: Option<Terms> = args.terms.as_deref().map(files::read_json).transpose()?;
    let vocabulary = vocabulary::of_files(&args.vocabulary)?;
    let mut problems = found(validate_template(&template, &vocabulary), "template");
    if let Some(terms) = &terms {
        let checked = validate_terms(terms, Some(&template.bounds), &vocabulary);
        problems.extend(found(checked, "terms"));
    }
    for problem in &problems {
        output.say(format!("{}: {}", problem.at, problem.what));
    }
    if problems.is_empty() {
        output.say("nothing is wrong");
    }
    output.result(&json!({ "valid": problems.is_empty(), "problems": problems }));
    Ok(if problems.is_empty() { Verdict::Yes } else { Verdict::No })
}

/// The problems, each with the draft it is in.
fn found(checked: Result<(), Problems>, draft: &str) -> Vec<Problem> {
    let Err(problems) = checked else { return Vec::new() };
    let within =
        |problem: &Problem| Problem { at: format!("{draft}.{}", problem.at), what: problem.what.clone() };
    problems.list().iter().map(within).collect()
}

fn send(args: &PublishArgs, output: Output) -> Result<Verdict, Failure> {
    let template: TemplatePublished = files::read_json(&args.file)?;
    let notices = args.notice.iter().map(|file| files::read_json::<NoticePublished>(file));
    let notices = notices.collect::<Result<Vec<_>, _>>()?;
    let key = match (&args.enterprise_key, args.door.sandbox()?) {
        (Some(file), _) => file.clone(),
        (None, Some(sandbox)) => sandbox.enterprise_key(),
        (None, None) => return Err(Failure::input("expected --enterprise-key FILE")),
    };
    let enterprise = files::read_key(&key)?;
    let approver = args.approver_key.as_deref().map(files::read_key).transpose()?;
    let door = args.door.open(false)?;
    let tenant = args.door.tenant(&door)?;
    let published = door.vocabulary(tenant).and_then(|vocabulary| {
        validate_template(&template, &vocabulary)
            .map_err(|problems| Failure::Input(format!("{}:\n{problems}", args.file.display())))?;
        for (notice, file) in notices.iter().zip(&args.notice) {
            validate_notice(notice, None, &vocabulary)
                .map_err(|problems| Failure::Input(format!("{}:\n{problems}", file.display())))?;
        }
        Ok(publish(&door, tenant, template, notices, &enterprise, approver.as_ref())?)
    });
    door.close()?;
    let published = published?;
    if let Some(file) = &args.out {
        files::replace(file, &serde_json::to_vec_pretty(&published).unwrap_or_default())?;
    }
    output.say(format!(
        "{} version {} is published, with {} notices",
        published.template.id,
        published.template.version,
        published.notices.len()
    ));
    output.result(&published);
    Ok(Verdict::Yes)
}
