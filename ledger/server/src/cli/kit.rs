//! `kit`: the folder that an enterprise hands to a regulator about a period.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use grantbook_engine::{KitError, KitRequest, ProofShelf, parse_date};
use grantbook_proof::kit::{DETAILS_BYTES_MAX, Details, ISSUED, MANIFEST, Manifest, Period, bundle_name};
use grantbook_record::Day;
use grantbook_record::encoding::Bytes32;
use grantbook_server::kit::{KitFileView, KitView, reader_page};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::door::{Door, DoorArgs};
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};

/// Arguments of `kit`.
#[derive(Debug, Args)]
pub(crate) struct KitArgs {
    /// The first day (UTC, such as 2026-03-01)
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Day,
    /// The last day, which must be over; 366 days at most
    #[arg(long, value_name = "DAY", value_parser = day)]
    to: Day,
    /// New folder for the kit
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Names, contact details and countries, which no ledger knows: a JSON file, docs/spec/regulator-kit.md
    #[arg(long, value_name = "FILE")]
    details: Option<PathBuf>,
    #[command(flatten)]
    door: DoorArgs,
}

pub(crate) fn day(text: &str) -> Result<Day, String> {
    parse_date(text).ok_or_else(|| "expected a day such as 2026-03-02".to_owned())
}

pub(crate) fn period(from: Day, to: Day) -> Result<Period, Failure> {
    Period::new(from, to).ok_or_else(|| {
        Failure::input("malformed period, expected a last day from the first one on, 366 days at most")
    })
}

impl From<KitError> for Failure {
    fn from(error: KitError) -> Self {
        match error {
            KitError::Read(error) => error.into(),
            KitError::Append(error) => error.into(),
            KitError::Store(error) => Self::fault(error),
            other => Self::no(other),
        }
    }
}

pub(crate) fn run(args: &KitArgs, output: Output) -> Result<Verdict, Failure> {
    let period = period(args.from, args.to)?;
    let details = args.details.as_deref().map(read_details).transpose()?;
    if args.out.exists() {
        let there = format!("{}: is there already, expected a new folder", args.out.display());
        return Err(Failure::Input(there));
    }
    let door = args.door.open(false)?;
    let made = make(args, &door, period, details.as_ref());
    door.close()?;
    let kit = made?;
    output.say(format!(
        "{} files in {}, on record at entry {}",
        kit.files.len() + kit.bundles.len() + 2,
        args.out.display(),
        kit.leaf_index
    ));
    if kit.bundles.is_empty() {
        output.say("No day up to the last one is proved: the kit has no proof bundle");
    }
    output.say("It has the bundles of the enterprise's days: it is for the regulator alone");
    output.result(&json!({
        "kit": args.out,
        "leaf_index": kit.leaf_index,
        "manifest_sha256": Bytes32::sha256(kit.manifest.as_bytes()),
        "proved_days": kit.bundles,
    }));
    Ok(Verdict::Yes)
}

/// The file's text, and what it says.
fn read_details(file: &Path) -> Result<(String, Details), Failure> {
    let named = |why: &dyn std::fmt::Display| Failure::Input(format!("{}: {why}", file.display()));
    let bytes = files::read_large(file, DETAILS_BYTES_MAX as u64)?;
    let details = Details::parse(&bytes).map_err(|error| named(&error))?;
    Ok((String::from_utf8(bytes).map_err(|error| named(&error))?, details))
}

fn make(
    args: &KitArgs,
    door: &Door,
    period: Period,
    details: Option<&(String, Details)>,
) -> Result<KitView, Failure> {
    let tenant = args.door.tenant(door)?;
    let data = args.door.data.data_dir.as_deref().unwrap_or_else(|| Path::new(""));
    let shelf = ProofShelf::new(&data.join("proofs"), tenant);
    let kit: KitView = match door {
        Door::Local(ledger) => {
            let details = details.map(|(_, details)| details.clone());
            ledger.kit(&shelf, &KitRequest { tenant, period, details, reader: reader_page() })?.into()
        }
        Door::Remote(remote) => {
            let mut request = json!(period);
            if let (Some((text, _)), Some(members)) = (details, request.as_object_mut()) {
                members.insert("details".to_owned(), json!(text));
            }
            remote.post_json("/v1/kits", &request)?
        }
    };
    let manifest = Manifest::parse(&kit.manifest).map_err(Failure::fault)?.manifest;
    // its names are checked, so that no server can write elsewhere
    let is_listed = |name: &str| manifest.files.iter().any(|file| file.name == name);
    files::make_folder(&args.out.join("proofs"))?;
    for KitFileView { name, text } in kit.files.iter().filter(|file| is_listed(&file.name)) {
        files::write_new(&args.out.join(name), text.as_bytes())?;
    }
    for day in kit.bundles.iter().filter(|day| is_listed(&bundle_name(day))) {
        let from: Box<dyn Read> = match door {
            Door::Local(_) => {
                let day = parse_date(day).ok_or_else(|| Failure::fault("a day that is none"))?;
                Box::new(File::open(shelf.bundle_file(day)).map_err(Failure::fault)?)
            }
            Door::Remote(remote) => Box::new(remote.get_streaming(&format!("/v1/proofs/{day}"))?),
        };
        let name = bundle_name(day);
        let digest = copy(from, &args.out.join(&name))?;
        if !manifest.files.iter().any(|file| file.name == name && file.sha256 == digest) {
            return Err(Failure::fault(format!("{name} is not what the manifest says")));
        }
    }
    files::write_new(&args.out.join(ISSUED), kit.issued.as_bytes())?;
    files::write_new(&args.out.join(MANIFEST), kit.manifest.as_bytes())?;
    Ok(kit)
}

/// Writes a new file of what is read; gives its digest.
fn copy(mut from: impl Read, to: &Path) -> Result<Bytes32, Failure> {
    files::write_new_by(to, |out| {
        let mut hashing = Hashing { out, hash: Sha256::new() };
        io::copy(&mut from, &mut hashing).map_err(Failure::fault)?;
        Ok(Bytes32(hashing.hash.finalize().into()))
    })
}

struct Hashing<'a> {
    out: &'a mut dyn io::Write,
    hash: Sha256,
}

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
