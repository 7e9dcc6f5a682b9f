//! The two passes over the file: one that checks every row before anything is written, one that orders them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use grantbook_record::DataDay;
use grantbook_record::encoding::Bytes32;
use sha2::{Digest as _, Sha256};

use super::cdnow::{LINE_BYTES_MAX, Line, Parser, Purchase, RowError};
use super::order::{Sorted, Sorter};
use crate::cli::failure::Failure;

/// Malformed rows that a message lists.
const LISTED_MAX: usize = 10;

/// What the first pass found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checked {
    /// Well-formed rows.
    pub(super) rows: u64,
    /// Malformed rows, passed over.
    pub(super) skipped: u64,
    /// SHA-256 of the file.
    pub(super) sha256: Bytes32,
}

/// Reads every row. Malformed ones refuse the file, with line numbers, unless `lenient`.
pub(super) fn check(path: &Path, lenient: bool) -> Result<Checked, Failure> {
    let (mut rows, mut skipped, mut listed) = (0, 0, Vec::new());
    let sha256 = each_row(path, |line, row| {
        match row {
            Ok(_) => rows += 1,
            Err(error) => {
                skipped += 1;
                if listed.len() < LISTED_MAX {
                    listed.push(format!("  line {line}: {error}"));
                }
            }
        }
        Ok(())
    })?;
    if skipped > 0 && !lenient {
        let more = skipped - listed.len() as u64;
        if more > 0 {
            listed.push(format!("  and {more} more"));
        }
        return Err(Failure::Input(format!(
            "{}: {skipped} malformed rows, nothing was written (--lenient skips and counts them)\n{}",
            path.display(),
            listed.join("\n")
        )));
    }
    if rows == 0 {
        return Err(Failure::Input(format!("{}: no purchases, expected at least one row", path.display())));
    }
    Ok(Checked { rows, skipped, sha256 })
}

/// The rows by date, and the customers by first appearance.
pub(super) struct Ordered {
    /// (day, line, customer) in rising order.
    rows: Sorted,
    /// The customers.
    pub(super) customers: Customers,
}

/// The customers' ids in a file of their own, eight bytes each, by first appearance.
#[derive(Debug, Clone)]
pub(super) struct Customers {
    path: PathBuf,
    /// How many.
    pub(super) count: u64,
}

impl Ordered {
    /// Orders the rows of a file that [`check`] has seen, with runs in `folder`.
    pub(super) fn read(path: &Path, checked: &Checked, folder: &Path) -> Result<Self, Failure> {
        let mut by_day = Sorter::new(folder);
        let mut by_customer = Sorter::new(folder);
        let sha256 = each_row(path, |line, row| {
            if let Ok(Purchase { customer, day }) = row {
                by_day.push([rising(day), line, customer, 0]).map_err(Failure::fault)?;
                by_customer.push([customer, line, 0, 0]).map_err(Failure::fault)?;
            }
            Ok(())
        })?;
        if sha256 != checked.sha256 {
            return Err(Failure::Input(format!("{}: changed while it was read", path.display())));
        }
        let customers = Customers::write(by_customer, folder).map_err(Failure::fault)?;
        Ok(Self { rows: by_day.finish().map_err(Failure::fault)?, customers })
    }
}

impl Iterator for Ordered {
    type Item = Result<Purchase, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.rows.next()?;
        Some(
            record
                .map_err(Failure::fault)
                .map(|[day, _, customer, _]| Purchase { customer, day: falling(day) }),
        )
    }
}

impl Customers {
    /// `by_customer` holds (customer, line): the first of each customer is the first appearance.
    fn write(by_customer: Sorter, folder: &Path) -> io::Result<Self> {
        let mut by_line = Sorter::new(folder);
        let mut last = None;
        for record in by_customer.finish()? {
            let [customer, line, ..] = record?;
            if last.replace(customer) != Some(customer) {
                by_line.push([line, customer, 0, 0])?;
            }
        }
        let path = folder.join("customers");
        let mut file = BufWriter::new(File::create(&path)?);
        let mut count = 0;
        for record in by_line.finish()? {
            let [_, customer, ..] = record?;
            file.write_all(&customer.to_be_bytes())?;
            count += 1;
        }
        file.flush()?;
        Ok(Self { path, count })
    }

    /// The ids, with each customer's number from 1.
    pub(super) fn ids(&self) -> Result<impl Iterator<Item = Result<(u64, u64), Failure>> + use<>, Failure> {
        let mut file = BufReader::new(File::open(&self.path).map_err(Failure::fault)?);
        Ok((1..=self.count).map(move |number| {
            let mut id = [0; 8];
            file.read_exact(&mut id).map_err(Failure::fault)?;
            Ok((number, u64::from_be_bytes(id)))
        }))
    }
}

/// Days before 1970 are negative; records are not.
fn rising(day: DataDay) -> u64 {
    u64::from(day.0.cast_unsigned() ^ (1 << 31))
}

fn falling(day: u64) -> DataDay {
    DataDay((u32::try_from(day).unwrap_or(u32::MAX) ^ (1 << 31)).cast_signed())
}

/// Visits each row with its line number, and gives the file's SHA-256.
fn each_row(
    path: &Path,
    mut visit: impl FnMut(u64, Result<Purchase, RowError>) -> Result<(), Failure>,
) -> Result<Bytes32, Failure> {
    let mut parser = Parser::default();
    let mut number = 0;
    each_line(path, |line| {
        number += 1;
        match parser.line(line) {
            Ok(Line::Blank | Line::Header) => Ok(()),
            Ok(Line::Row(purchase)) => visit(number, Ok(purchase)),
            Err(error) => visit(number, Err(error)),
        }
    })
}

fn each_line(path: &Path, mut visit: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<Bytes32, Failure> {
    let named = |error: io::Error| Failure::Input(format!("{}: {error}", path.display()));
    let mut reader = BufReader::new(File::open(path).map_err(named)?);
    let mut hash = Sha256::new();
    let mut line = Vec::new();
    loop {
        let buffer = reader.fill_buf().map_err(named)?;
        if buffer.is_empty() {
            break;
        }
        let part = buffer.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        hash.update(part);
        // of a line that is too long, just enough is kept for that to show
        let room = (LINE_BYTES_MAX + 1).saturating_sub(line.len());
        line.extend(part.iter().take(room));
        let (length, ended) = (part.len(), part.ends_with(b"\n"));
        reader.consume(length);
        if ended {
            visit(&line)?;
            line.clear();
        }
    }
    if !line.is_empty() {
        visit(&line)?;
    }
    Ok(Bytes32(hash.finalize().into()))
}

#[cfg(test)]
mod tests;
