//! The two tables of a check in bulk: customers in, answers out.
//!
//! The table of answers grows row by row, in the order of the customers. Beside it lies a note of what was asked, so that
//! a run that was cut off is continued only by the same question about the same customers. Where uses are recorded, the
//! note also says which run it is and how far its answers are kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use grantbook_plan::Decision;
use grantbook_record::encoding::Bytes32;
use grantbook_record::uses::UseFacts;
use grantbook_record::{DenialReason, GateId, Jti, SubjectId};
use grantbook_sdk::{BulkMark, UseRef};
use rand_core::{OsRng, RngCore as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::cli::failure::Failure;
use crate::cli::files;

/// Malformed rows that a message lists.
const LISTED_MAX: usize = 10;
const HEADER: [&str; 6] = ["data_subject", "decision", "reason", "grant", "gate", "seq"];
/// Without the last two where nothing is recorded: they name the use, and its receipt.
const UNRECORDED: usize = 4;
/// What is added to the answers' name for the note.
const NOTE: &str = ".asked";

/// What was asked, of whom.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    customers_sha256: Bytes32,
    column: String,
    question: UseFacts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
}

/// A run that records, and how far its answers are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gate: Option<GateId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<BulkMark>,
    /// Bytes of the answers before the mark.
    bytes: u64,
}

impl Run {
    pub(super) fn new(gate: Option<GateId>) -> Result<Self, Failure> {
        let mut random = [0; 16];
        OsRng.try_fill_bytes(&mut random).map_err(Failure::fault)?;
        let id = format!("bulk-{:032x}", u128::from_be_bytes(random));
        Ok(Self { id, gate, mark: None, bytes: 0 })
    }
}

impl Note {
    pub(super) fn new(customers: &Customers, column: &str, question: UseFacts, run: Option<Run>) -> Self {
        Self { customers_sha256: customers.sha256, column: column.to_owned(), question, run }
    }

    /// Whether a run of `begun` may be gone on with for `self`.
    fn asks_the_same(&self, begun: &Self) -> bool {
        let gate = |note: &Self| note.run.as_ref().map(|run| run.gate.clone());
        (self.customers_sha256, &self.column, &self.question, gate(self))
            == (begun.customers_sha256, &begun.column, &begun.question, gate(begun))
    }
}

/// One answer.
pub(super) struct Row<'a> {
    pub(super) sub: &'a SubjectId,
    pub(super) grant: Option<Jti>,
    /// Of a denial.
    pub(super) reason: Option<DenialReason>,
    /// Of a permit, where uses are recorded.
    pub(super) used: Option<&'a UseRef>,
}

impl<'a> Row<'a> {
    pub(super) fn of(sub: &'a SubjectId, decision: &Decision) -> Self {
        let (grant, reason) = match decision {
            Decision::Permit(permission) => (Some(permission.grant), None),
            Decision::Denial(denial) => (denial.grant, Some(denial.reason)),
        };
        Self { sub, grant, reason, used: None }
    }
}

/// A table of customers, read through once and found well-formed.
pub(super) struct Customers {
    path: PathBuf,
    column: usize,
    pub(super) rows: u64,
    pub(super) first: SubjectId,
    sha256: Bytes32,
}

/// Hashes what passes.
struct Hashing<R> {
    from: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.hash.update(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

fn named(path: &Path) -> impl Fn(&dyn std::fmt::Display) -> Failure {
    move |error| Failure::Input(format!("{}: {error}", path.display()))
}

fn fault(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::Fault(format!("{}: {error}", path.display()))
}

impl Customers {
    /// Reads every row, so that a malformed one refuses the file before anything is asked.
    pub(super) fn read(path: &Path, column: &str) -> Result<Self, Failure> {
        let refuse = named(path);
        let file = File::open(path).map_err(|error| refuse(&error))?;
        let mut reader = csv::Reader::from_reader(Hashing { from: file, hash: Sha256::new() });
        let header = reader.headers().map_err(|error| refuse(&error))?;
        let mut columns = header.iter().enumerate().filter(|(_, name)| *name == column);
        let at = columns.next().map(|(at, _)| at);
        let at = at.ok_or_else(|| refuse(&format!("no column `{column}`, expected one of that name")))?;
        if columns.next().is_some() {
            return Err(refuse(&format!("two columns `{column}`, expected one of that name")));
        }
        let (mut rows, mut first, mut wrong, mut listed) = (0_u64, None, 0_u64, Vec::new());
        let mut row = csv::StringRecord::new();
        while reader.read_record(&mut row).map_err(|error| refuse(&error))? {
            rows += 1;
            match SubjectId::parse(row.get(at).unwrap_or_default()) {
                Ok(sub) => {
                    first.get_or_insert(sub);
                }
                Err(error) => {
                    wrong += 1;
                    if listed.len() < LISTED_MAX {
                        let line = row.position().map_or(0, csv::Position::line);
                        listed.push(format!("\n  line {line}: {error}"));
                    }
                }
            }
        }
        if wrong > 0 {
            return Err(refuse(&format!("{wrong} malformed rows, nothing was asked{}", listed.concat())));
        }
        let first = first.ok_or_else(|| refuse(&"no customers, expected at least one row"))?;
        // the reader stops at the last row; what it has not taken from the file is nothing
        let Hashing { mut from, hash } = reader.into_inner();
        if from.read(&mut [0]).map_err(|error| refuse(&error))? > 0 {
            return Err(refuse(&"changed while it was read"));
        }
        let sha256 = Bytes32(hash.finalize().into());
        Ok(Self { path: path.to_owned(), column: at, rows, first, sha256 })
    }

    /// The customers in their order.
    pub(super) fn read_again(&self) -> Result<impl Iterator<Item = Result<SubjectId, Failure>>, Failure> {
        let (path, column) = (self.path.clone(), self.column);
        let file = File::open(&path).map_err(|error| named(&path)(&error))?;
        let rows = csv::Reader::from_reader(BufReader::new(file)).into_records();
        Ok(rows.map(move |row| {
            let row = row.map_err(|error| named(&path)(&error))?;
            SubjectId::parse(row.get(column).unwrap_or_default()).map_err(|error| named(&path)(&error))
        }))
    }
}

/// The table of answers.
pub(super) struct Answers {
    path: PathBuf,
    note: PathBuf,
    noted: Note,
    writer: csv::Writer<BufWriter<File>>,
    pub(super) permitted: u64,
    /// Rows that are there.
    pub(super) rows: u64,
}

impl Answers {
    /// Begins a table, or goes on with one that was begun by the same question; `customers` then stand after those who
    /// are answered.
    pub(super) fn open(
        path: &Path,
        mut note: Note,
        customers: &mut impl Iterator<Item = Result<SubjectId, Failure>>,
    ) -> Result<Self, Failure> {
        let noted = files::beside(path, NOTE);
        let refuse = named(path);
        if noted.exists() {
            let begun: Note = files::read_json(&noted)?;
            if !note.asks_the_same(&begun) {
                return Err(refuse(
                    &"begun by another question, or about other customers, expected the same",
                ));
            }
            note = begun;
        } else if path.exists() {
            return Err(refuse(&"is there already, expected a new file"));
        } else {
            files::write_new(&noted, &serde_json::to_vec(&note).map_err(Failure::fault)?)?;
        }
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(fault(path))?;
        let (mut rows, mut permitted) = (0, 0);
        let whole = whole_rows(&file).map_err(fault(path))?;
        // of a run that records, rows after its mark are found again by their uses
        let whole = note.run.as_ref().map_or(whole, |run| run.bytes.min(whole));
        let header =
            HEADER.get(..if note.run.is_some() { HEADER.len() } else { UNRECORDED }).unwrap_or(&HEADER);
        // a row that was cut off is asked again
        file.set_len(whole).map_err(fault(path))?;
        if whole > 0 {
            let mut reader = csv::Reader::from_path(path).map_err(|error| refuse(&error))?;
            if reader.headers().map_err(|error| refuse(&error))? != header {
                return Err(refuse(&"has another header, expected the answers of an earlier run"));
            }
            for row in reader.records() {
                let row = row.map_err(|error| refuse(&error))?;
                let customer = customers.next().transpose()?;
                if customer.as_ref().map(SubjectId::as_str) != row.get(0) {
                    return Err(refuse(&"answers about other customers, expected those of an earlier run"));
                }
                rows += 1;
                permitted += u64::from(row.get(1) == Some("permit"));
            }
        }
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(BufWriter::new(file));
        if whole == 0 {
            writer.write_record(header).map_err(|error| refuse(&error))?;
        }
        if note.run.as_ref().and_then(|run| run.mark).is_some_and(|mark| mark.row != rows) {
            return Err(refuse(&"has other rows than were kept, expected the answers of an earlier run"));
        }
        Ok(Self { path: path.to_owned(), note: noted, noted: note, writer, permitted, rows })
    }

    /// Names the run that records, and says from where it goes on.
    pub(super) fn run(&self) -> (String, Option<BulkMark>) {
        self.noted.run.as_ref().map(|run| (run.id.clone(), run.mark)).unwrap_or_default()
    }

    /// Keeps all rows before the mark, and then the mark. A crash in between leaves the mark before it.
    pub(super) fn keep(&mut self, mark: BulkMark) -> Result<(), Failure> {
        self.flush()?;
        let file = File::open(&self.path).map_err(fault(&self.path))?;
        file.sync_all().map_err(fault(&self.path))?;
        let bytes = file.metadata().map_err(fault(&self.path))?.len();
        if let Some(run) = &mut self.noted.run {
            (run.mark, run.bytes) = (Some(mark), bytes);
        }
        files::replace(&self.note, &serde_json::to_vec(&self.noted).map_err(Failure::fault)?)
    }

    pub(super) fn write(&mut self, row: &Row<'_>) -> Result<(), Failure> {
        let Row { sub, grant, reason, used } = row;
        let grant = grant.map(|grant| grant.to_string()).unwrap_or_default();
        let answer = if reason.is_some() { "deny" } else { "permit" };
        let (gate, seq) = used.map(|used| (used.gate.as_str(), used.seq.to_string())).unwrap_or_default();
        let fields = [sub.as_str(), answer, reason.map_or("", |reason| reason.code()), &grant, gate, &seq];
        let columns = if self.noted.run.is_some() { fields.len() } else { UNRECORDED };
        self.writer
            .write_record(fields.get(..columns).unwrap_or(&fields))
            .map_err(|error| Failure::Fault(format!("{}: {error}", self.path.display())))?;
        self.rows += 1;
        self.permitted += u64::from(reason.is_none());
        Ok(())
    }

    /// Writes out what is there, so that it need not be asked again.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(fault(&self.path))
    }

    /// The table is whole: on the disk, and with no note beside it.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.flush()?;
        let file = File::open(&self.path).map_err(fault(&self.path))?;
        file.sync_all().map_err(fault(&self.path))?;
        fs::remove_file(&self.note).map_err(fault(&self.note))
    }
}

/// Bytes up to the end of the last whole row. Answers hold no line feeds.
fn whole_rows(mut file: &File) -> io::Result<u64> {
    let (mut whole, mut read_so_far, mut chunk) = (0, 0_u64, vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(whole);
        }
        if let Some(at) = chunk.get(..read).unwrap_or_default().iter().rposition(|byte| *byte == b'\n') {
            whole = read_so_far + at as u64 + 1;
        }
        read_so_far += read as u64;
    }
}
