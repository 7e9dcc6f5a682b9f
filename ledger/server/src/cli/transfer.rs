//! `export`, `import` and `verify archive`: a tenant's or one customer's record as a file that verifies by itself.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use grantbook_engine::{ImportError, Ledger, ReadError};
use grantbook_plan::Vocabulary;
use grantbook_record::archive::{ArchiveError, Header, LINE_BYTES_MAX, Reader, VerifiedRecord};
use grantbook_record::event::Act;
use grantbook_record::{Jti, SubjectId, TenantId};
use grantbook_server::archive_page;
use grantbook_tlog::LogKeys;
use serde_json::json;

use super::data::DataArgs;
use super::evidence;
use super::failure::Failure;
use super::output::{Output, Verdict};
use super::{files, progress, verify};

/// Bytes of a page with an archive.
const PAGE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Arguments of `export`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).multiple(true).args(["to", "evidence"])))]
pub(crate) struct ExportArgs {
    /// The enterprise's id
    #[arg(long, value_name = "UUID")]
    tenant: TenantId,
    /// One customer's record alone, with the templates and notices that it refers to
    #[arg(long, allow_hyphen_values = true, value_name = "PSEUDONYM", conflicts_with = "evidence")]
    subject: Option<SubjectId>,
    /// All about one grant, in plain words, for a court: text, or HTML if the file ends in .html
    #[arg(long, value_name = "GRANT")]
    evidence: Option<Jti>,
    /// The file to be written; one customer's record becomes a page that checks itself if it ends in .html [default for --evidence: standard output]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The archive
    file: PathBuf,
    /// The two keys of the log that the archive is of, as /log/vkey gave them
    #[arg(long, value_name = "FILE")]
    vkey: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

/// Arguments of `verify archive`.
#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// The archive, or a page that the portal made of one
    file: PathBuf,
    /// The two keys of the log that the archive is of; without them those in the archive are taken, on its word
    #[arg(long, value_name = "FILE")]
    vkey: Option<PathBuf>,
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        Self::no(error)
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Archive(error) => error.into(),
            ImportError::Tenant(error) => Self::from(error).during("tenant"),
            ImportError::Refused { record, error } => Self::from(error).during(&format!("record {record}")),
        }
    }
}

/// A line that cannot be written, or an entry that cannot be read.
struct ExportFailure(Failure);

impl From<ReadError> for ExportFailure {
    fn from(error: ReadError) -> Self {
        Self(error.into())
    }
}

pub(crate) fn export(args: &ExportArgs, output: Output) -> Result<Verdict, Failure> {
    let ledger = args.data.open()?;
    if let Some(grant) = args.evidence {
        let done = evidence::run(&ledger, args.tenant, grant, args.to.as_deref(), output);
        ledger.close().map_err(Failure::fault)?;
        return done;
    }
    let to = args.to.as_deref().ok_or_else(|| Failure::input("expected --to FILE"))?;
    let folder = match to.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let named = |error: &dyn std::fmt::Display| Failure::Fault(format!("{}: {error}", to.display()));
    // readable by its owner only, and under its name only when it is whole
    let mut file =
        tempfile::Builder::new().prefix(".grantbook-").tempfile_in(folder).map_err(|e| named(&e))?;
    let bar = progress::bar("records", 0);
    let is_page = to.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"));
    if is_page && args.subject.is_none() {
        return Err(Failure::input("a page is of one customer, expected --subject"));
    }
    if let Some(subject) = &args.subject {
        ledger.sign_states_of(args.tenant, subject)?;
    }
    let mut lines = Vec::new();
    let exported = {
        let mut writer = BufWriter::new(file.as_file_mut());
        let mut write = |line: &[u8]| {
            if is_page {
                lines.push(line.to_vec());
                return Ok(());
            }
            writer.write_all(line).map_err(|error| ExportFailure(named(&error)))
        };
        let exported = ledger.export(args.tenant, args.subject.as_ref(), &mut write, &mut |done, of| {
            bar.set_length(of);
            bar.set_position(done);
        });
        exported.and_then(|exported| {
            if is_page {
                let page = page(&ledger, args.tenant, &lines).map_err(ExportFailure)?;
                writer.write_all(page.as_bytes()).map_err(|error| ExportFailure(named(&error)))?;
            }
            writer.flush().map_err(|error| ExportFailure(named(&error)))?;
            Ok(exported)
        })
    };
    bar.finish_and_clear();
    ledger.close().map_err(Failure::fault)?;
    let exported = exported.map_err(|ExportFailure(failure)| failure)?;
    file.as_file().sync_all().map_err(|error| named(&error))?;
    file.persist_noclobber(to).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::Input(format!("{}: is there already, expected a new file", to.display()))
        }
        _ => named(&error.error),
    })?;
    output.say(format!(
        "{} records ({} erased ones left out) in {}; `grantbook verify archive` checks it",
        exported.records,
        exported.erased,
        to.display()
    ));
    output.result(&json!({ "records": exported.records, "erased": exported.erased, "file": to }));
    Ok(Verdict::Yes)
}

/// The page of one customer's archive.
fn page(ledger: &Ledger, tenant: TenantId, lines: &[Vec<u8>]) -> Result<String, Failure> {
    let vocabulary = match ledger.tenant_state(tenant) {
        Ok(state) => state.vocabulary,
        Err(ReadError::NotFound) => Vocabulary::default(),
        Err(error) => return Err(error.into()),
    };
    Ok(archive_page::page(lines, ledger.log_keys(), &vocabulary)?)
}

pub(crate) fn import(args: &ImportArgs, output: Output) -> Result<Verdict, Failure> {
    let keys = verify::read_vkey(&args.vkey)?;
    // nothing is appended of an archive that does not verify to its end
    read(&args.file, Some(&keys), &mut |_, _| Ok(()))?;
    let ledger = args.data.open_or_make()?;
    let imported = (|| {
        let mut tenant = None;
        let mut duplicates = 0_u64;
        let header = read(&args.file, Some(&keys), &mut |reader, record| {
            let tenant = match tenant {
                Some(tenant) => tenant,
                None => *tenant.insert(ledger.adopt(reader)?),
            };
            duplicates += u64::from(ledger.import(tenant, record)?);
            Ok(())
        })?;
        if duplicates < header.records {
            ledger.record_act(Act::TenantImported, tenant)?;
        }
        Ok::<_, Failure>((header, duplicates))
    })();
    ledger.close().map_err(Failure::fault)?;
    let (header, duplicates) = imported?;
    let records = header.records;
    output.say(format!(
        "{records} records of {} ({}), {duplicates} of them were here already",
        header.tenant.name, header.tenant.id
    ));
    output.result(&json!({ "tenant": header.tenant.id, "records": records, "duplicates": duplicates }));
    Ok(Verdict::Yes)
}

/// What verifying an archive, or a page with one, came to.
struct Verified {
    header: Header,
    /// Records that another log admitted first.
    earlier: u64,
    /// Of a page: whether everything around its archive is what this program writes.
    page: Option<bool>,
}

fn verified(args: &ArchiveArgs, keys: Option<&LogKeys>) -> Result<Verified, Failure> {
    let named = |error: std::io::Error| Failure::Input(format!("{}: {error}", args.file.display()));
    let mut begins = [0; 64];
    let count =
        std::io::Read::read(&mut File::open(&args.file).map_err(named)?, &mut begins).map_err(named)?;
    if archive_page::is_page(begins.get(..count).unwrap_or_default()) {
        let parts =
            archive_page::parse(&files::read_large(&args.file, PAGE_BYTES_MAX)?).map_err(Failure::no)?;
        let header = archive_page::verify(&parts, keys).map_err(Failure::no)?.header().clone();
        return Ok(Verified { header, earlier: 0, page: Some(parts.own) });
    }
    let mut earlier = 0_u64;
    let header = read(&args.file, keys, &mut |reader, record| {
        earlier += u64::from(record.first.vkey != reader.header().vkey);
        Ok(())
    })?;
    Ok(Verified { header, earlier, page: None })
}

pub(crate) fn verify_archive(args: &ArchiveArgs, output: Output) -> Result<Verdict, Failure> {
    let keys = args.vkey.as_deref().map(verify::read_vkey).transpose()?;
    let Verified { header, earlier, page } = match verified(args, keys.as_ref()) {
        Err(Failure::No(why)) => {
            output.say(format!("{}: INVALID, {why}", args.file.display()));
            output.result(&json!({ "valid": false, "error": why }));
            return Ok(Verdict::No);
        }
        verified => verified?,
    };
    let origin = header.vkey.split('+').next().unwrap_or_default();
    let of = header.subject.as_ref().map_or("the tenant", |_| "one customer of the tenant");
    output.say(format!(
        "{}: valid, {} records of {of} {} ({}), log {origin}, {earlier} first admitted elsewhere",
        args.file.display(),
        header.records,
        header.tenant.name,
        header.tenant.id,
    ));
    if let Some(below) = header.complete_below {
        output.say(match &header.states {
            Some(_) => format!(
                "what the operator has signed of the grants is what the records come to; that none is missing below entry \
                 {below}, it has signed as well"
            ),
            None => format!(
                "that no record is missing below entry {below}, the operator has signed; what the grants came to, it has not \
                 signed since their last change"
            ),
        });
    }
    if page == Some(false) {
        output
            .say("the page around the archive is not this program's: do not believe what it shows by itself");
    }
    if keys.is_none() {
        output.say(
            "the log's keys are those in the archive: compare them with /log/vkey, or name them with --vkey",
        );
    }
    output.result(&json!({
        "valid": true,
        "origin": origin,
        "tenant": header.tenant.id,
        "records": header.records,
        "first_admitted_elsewhere": earlier,
        "keys_pinned": keys.is_some(),
        "complete_below": header.complete_below,
        "states_proved": header.states.is_some(),
        "page_is_own": page,
    }));
    Ok(Verdict::Yes)
}

/// Reads an archive, each record verified before `take` gets it.
fn read(
    path: &Path,
    pinned: Option<&LogKeys>,
    take: &mut dyn FnMut(&Reader, &VerifiedRecord) -> Result<(), Failure>,
) -> Result<Header, Failure> {
    let named = |error: &dyn std::fmt::Display| Failure::Input(format!("{}: {error}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(|error| named(&error))?);
    let mut next = || -> Result<Option<Vec<u8>>, Failure> {
        let mut line = Vec::new();
        let mut limited = std::io::Read::take(&mut file, LINE_BYTES_MAX as u64 + 1);
        limited.read_until(b'\n', &mut line).map_err(|error| named(&error))?;
        Ok((!line.is_empty()).then_some(line))
    };
    let first = next()?.ok_or_else(|| named(&"empty, expected an archive"))?;
    let mut reader = Reader::begin(&first, pinned)?;
    let bar = progress::bar("records", reader.header().records);
    while let Some(line) = next()? {
        if let Some(record) = reader.line(&line)? {
            take(&reader, &record)?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(reader.finish()?)
}
