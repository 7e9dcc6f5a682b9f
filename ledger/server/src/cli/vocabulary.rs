//! `vocabulary`: the words that an enterprise's grants are in, version by version.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use grantbook_author::{versions, words};
use grantbook_plan::Vocabulary;
use grantbook_plan::vocabulary::Version;
use grantbook_record::terms::Language;
use grantbook_record::vocabulary::VocabularyPublished;
use grantbook_record::{Kind, TenantId, VocabularyVersion};
use serde::Deserialize;
use serde_json::json;

use super::door::{Door, DoorArgs};
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};
use super::published::append;

/// Subcommands of `vocabulary`.
#[derive(Debug, Subcommand)]
pub(crate) enum VocabularyCommand {
    /// List the words of a version
    #[command(after_help = "Example:
  grantbook vocabulary show --sandbox")]
    Show(ShowArgs),
    /// Show what a file would change of the latest version
    #[command(after_help = "Example:
  grantbook vocabulary diff words.json --sandbox
The file has all words, as policies/vocabulary/core-v1.json. Exit status 1 where it would change something.")]
    Diff(FileArgs),
    /// Sign and publish a file's words as the next version
    #[command(after_help = "Example:
  grantbook vocabulary publish words.json --enterprise-key acme.key.json --server https://ledger.example
Grants that were given keep the words of their version.")]
    Publish(PublishArgs),
}

/// Arguments of `vocabulary show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The version [default: the latest]
    #[arg(long)]
    version: Option<u32>,
    /// In Chinese
    #[arg(long)]
    chinese: bool,
    #[command(flatten)]
    door: DoorArgs,
}

/// Arguments of `vocabulary diff`.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// All words of a version, JSON
    file: PathBuf,
    #[command(flatten)]
    door: DoorArgs,
}

/// Arguments of `vocabulary publish`.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// All words of a version, JSON
    file: PathBuf,
    #[command(flatten)]
    signing: SigningArgs,
}

/// Who publishes, and where.
#[derive(Debug, Args)]
pub(crate) struct SigningArgs {
    /// The enterprise's key file [default with --sandbox: the sandbox's]
    #[arg(long, value_name = "FILE")]
    enterprise_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) door: DoorArgs,
}

#[derive(Deserialize)]
struct Publications {
    published: Vec<VocabularyPublished>,
}

/// The vocabulary that files make, each with what was published of one version.
pub(super) fn of_files(published: &[PathBuf]) -> Result<Vocabulary, Failure> {
    let mut vocabulary = Vocabulary::default();
    for file in published {
        let wrong = |error| Failure::Input(format!("{}: {error}", file.display()));
        vocabulary.publish(&files::read_json(file)?).map_err(wrong)?;
    }
    Ok(vocabulary)
}

impl Door {
    /// The enterprise's vocabulary.
    pub(crate) fn vocabulary(&self, tenant: TenantId) -> Result<Vocabulary, Failure> {
        match self {
            Self::Local(ledger) => Ok(ledger.tenant_state(tenant)?.vocabulary),
            Self::Remote(remote) => {
                let Publications { published } = remote.get_json("/v1/vocabulary")?;
                Vocabulary::try_from(published).map_err(Failure::fault)
            }
        }
    }
}

impl SigningArgs {
    /// Signs and appends what `make` makes of the latest version.
    pub(crate) fn publish(
        &self,
        make: impl FnOnce(&Vocabulary) -> Result<VocabularyPublished, Failure>,
    ) -> Result<VocabularyPublished, Failure> {
        let key = match (&self.enterprise_key, self.door.sandbox()?) {
            (Some(file), _) => file.clone(),
            (None, Some(sandbox)) => sandbox.enterprise_key(),
            (None, None) => return Err(Failure::input("expected --enterprise-key FILE")),
        };
        let enterprise = files::read_key(&key)?;
        let door = self.door.open(false)?;
        let published = self.door.tenant(&door).and_then(|tenant| {
            let vocabulary = door.vocabulary(tenant)?;
            let event = make(&vocabulary)?;
            // the ledger would say the same, in fewer words
            vocabulary.next(&event).map_err(|error| Failure::Input(error.to_string()))?;
            append(&door, tenant, Kind::VocabularyPublished, &event, &[&enterprise])?;
            Ok(event)
        });
        door.close()?;
        published
    }
}

pub(crate) fn run(command: &VocabularyCommand, output: Output) -> Result<Verdict, Failure> {
    match command {
        VocabularyCommand::Show(args) => show(args, output),
        VocabularyCommand::Diff(args) => diff(args, output),
        VocabularyCommand::Publish(args) => publish(args, output),
    }
}

/// The vocabulary behind a door.
pub(crate) fn read(args: &DoorArgs) -> Result<Vocabulary, Failure> {
    let door = args.open(false)?;
    let vocabulary = args.tenant(&door).and_then(|tenant| door.vocabulary(tenant));
    door.close()?;
    vocabulary
}

fn show(args: &ShowArgs, output: Output) -> Result<Verdict, Failure> {
    let vocabulary = read(&args.door)?;
    let version = match args.version {
        None => Some(vocabulary.latest()),
        Some(number) => VocabularyVersion::new(number).and_then(|number| vocabulary.version(number)),
    };
    let version = version.ok_or_else(|| Failure::input("no such version was published"))?;
    let language = if args.chinese { Language::SimplifiedChinese } else { Language::English };
    let words = words::list(version, language);
    output.say(format!("version {}", version.number()));
    for word in &words {
        let category = word.category.map(|category| format!("{category}.")).unwrap_or_default();
        output.say(format!("  {:9} {category}{}: {}", word.kind.name(), word.term, word.label));
    }
    let mappings: Vec<_> = version.mappings().values().collect();
    for mapping in &mappings {
        output.say(format!("  column    {} is {}.{}", mapping.source, mapping.category, mapping.field));
    }
    output.result(&json!({ "version": version.number(), "words": words, "mappings": mappings }));
    Ok(Verdict::Yes)
}

fn wanted(file: &Path) -> Result<Version, Failure> {
    let wrong = |error| Failure::Input(format!("{}: {error}", file.display()));
    Version::parse(&files::read(file)?).map_err(wrong)
}

fn changed(vocabulary: &Vocabulary, wanted: &Version) -> Result<VocabularyPublished, Failure> {
    versions::changes(vocabulary.latest(), wanted.words())
        .ok_or_else(|| Failure::input("drops more than 256 words of a kind, expected fewer at a time"))
}

fn diff(args: &FileArgs, output: Output) -> Result<Verdict, Failure> {
    let wanted = wanted(&args.file)?;
    let vocabulary = read(&args.door)?;
    let event = changed(&vocabulary, &wanted)?;
    let same = wanted.words() == vocabulary.latest().words();
    say_changes(&event, output);
    output.result(&json!({ "same": same, "changes": event }));
    Ok(if same { Verdict::Yes } else { Verdict::No })
}

fn publish(args: &PublishArgs, output: Output) -> Result<Verdict, Failure> {
    let wanted = wanted(&args.file)?;
    let event = args.signing.publish(|vocabulary| {
        if wanted.words() == vocabulary.latest().words() {
            return Err(Failure::input("changes nothing of the latest version"));
        }
        changed(vocabulary, &wanted)
    })?;
    say_changes(&event, output);
    output.say(format!("version {} is published", event.version));
    output.result(&event);
    Ok(Verdict::Yes)
}

fn say_changes(event: &VocabularyPublished, output: Output) {
    let VocabularyPublished { put, drop, .. } = event;
    for (what, put, dropped) in [
        ("purpose", put.purposes.keys().collect::<Vec<_>>(), &*drop.purposes),
        ("category", put.categories.keys().collect(), &*drop.categories),
        ("action", put.actions.keys().collect(), &*drop.actions),
        ("recipient", put.recipients.keys().collect(), &*drop.recipients),
        ("measure", put.measures.keys().collect(), &*drop.measures),
    ] {
        for term in put {
            output.say(format!("+ {what} {term}"));
        }
        for term in dropped {
            output.say(format!("- {what} {term}"));
        }
    }
}
