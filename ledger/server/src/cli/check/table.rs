//! The two tables of a check in bulk: customers in, answers out.
//!
//! The table of answers grows row by row, in the order of the customers. Beside it lies a note of what was asked, so that
//! a run that was cut off is continued only by the same question about the same customers.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use grantbook_plan::Decision;
use grantbook_record::SubjectId;
use grantbook_record::encoding::Bytes32;
use grantbook_record::uses::UseFacts;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::cli::failure::Failure;
use crate::cli::files;

/// Malformed rows that a message lists.
const LISTED_MAX: usize = 10;
const HEADER: [&str; 4] = ["data_subject", "decision", "reason", "grant"];
/// What is added to the answers' name for the note.
const NOTE: &str = ".asked";

/// What was asked, of whom.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    customers_sha256: Bytes32,
    column: String,
    question: UseFacts,
}

impl Note {
    pub(super) fn new(customers: &Customers, column: &str, question: UseFacts) -> Self {
        Self { customers_sha256: customers.sha256, column: column.to_owned(), question }
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
        note: &Note,
        customers: &mut impl Iterator<Item = Result<SubjectId, Failure>>,
    ) -> Result<Self, Failure> {
        let noted = files::beside(path, NOTE);
        let refuse = named(path);
        if noted.exists() {
            if files::read_json::<Note>(&noted)? != *note {
                return Err(refuse(
                    &"begun by another question, or about other customers, expected the same",
                ));
            }
        } else if path.exists() {
            return Err(refuse(&"is there already, expected a new file"));
        } else {
            files::write_new(&noted, &serde_json::to_vec(note).map_err(Failure::fault)?)?;
        }
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(fault(path))?;
        let (mut rows, mut permitted) = (0, 0);
        let whole = whole_rows(&file).map_err(fault(path))?;
        // a row that was cut off is asked again
        file.set_len(whole).map_err(fault(path))?;
        if whole > 0 {
            let mut reader = csv::Reader::from_path(path).map_err(|error| refuse(&error))?;
            if reader.headers().map_err(|error| refuse(&error))? != HEADER.as_slice() {
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
            writer.write_record(HEADER).map_err(|error| refuse(&error))?;
        }
        Ok(Self { path: path.to_owned(), note: noted, writer, permitted, rows })
    }

    pub(super) fn write(&mut self, sub: &SubjectId, decision: &Decision) -> Result<(), Failure> {
        let (answer, reason, grant) = match decision {
            Decision::Permit(permission) => ("permit", "", Some(permission.grant)),
            Decision::Denial(denial) => ("deny", denial.reason.code(), denial.grant),
        };
        let grant = grant.map(|grant| grant.to_string()).unwrap_or_default();
        let row = [sub.as_str(), answer, reason, &grant];
        self.writer
            .write_record(row)
            .map_err(|error| Failure::Fault(format!("{}: {error}", self.path.display())))?;
        self.rows += 1;
        self.permitted += u64::from(matches!(decision, Decision::Permit(_)));
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
