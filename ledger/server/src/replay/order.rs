//! A stable external sort: rows come back by date, customers by first appearance, in memory that does not grow.
//!
//! Records are four integers compared from left to right. What does not fit one run is sorted, spilled to a file of a
//! folder that the caller gives, and merged while reading.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// What is sorted: four integers, compared from left to right.
pub(crate) type Record = [u64; 4];

/// Records sorted in memory at once: 8 MiB.
const RUN_RECORDS: usize = 1 << 18;
/// Files merged at once; more of them are first merged into one.
const RUNS_MAX: usize = 64;

const RECORD_BYTES: usize = 32;

/// Takes records in any order.
#[derive(Debug)]
pub(crate) struct Sorter {
    folder: PathBuf,
    run_records: usize,
    run: Vec<Record>,
    spilled: Vec<File>,
}

impl Sorter {
    /// Spills into unnamed files in `folder`, which must exist.
    pub(crate) fn new(folder: &Path) -> Self {
        Self::with_run(folder, RUN_RECORDS)
    }

    fn with_run(folder: &Path, run_records: usize) -> Self {
        Self { folder: folder.to_owned(), run_records, run: Vec::new(), spilled: Vec::new() }
    }

    /// Takes one record.
    pub(crate) fn push(&mut self, record: Record) -> io::Result<()> {
        self.run.push(record);
        if self.run.len() < self.run_records {
            return Ok(());
        }
        self.run.sort_unstable();
        let run = std::mem::take(&mut self.run);
        let file = self.spill(run.iter().copied().map(Ok))?;
        self.spilled.push(file);
        if self.spilled.len() >= RUNS_MAX {
            let merged = Sorted::merge(std::mem::take(&mut self.spilled), Vec::new())?;
            self.spilled = vec![self.spill(merged)?];
        }
        Ok(())
    }

    /// Gives the records back in order.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        self.run.sort_unstable();
        Sorted::merge(self.spilled, self.run)
    }

    fn spill(&self, records: impl Iterator<Item = io::Result<Record>>) -> io::Result<File> {
        let mut file = BufWriter::new(tempfile::tempfile_in(&self.folder)?);
        for record in records {
            for part in record? {
                file.write_all(&part.to_be_bytes())?;
            }
        }
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(file)
    }
}

/// Records in rising order.
#[derive(Debug)]
pub(crate) struct Sorted {
    sources: Vec<Source>,
    /// The next record of each source that has one.
    heads: BinaryHeap<Reverse<(Record, usize)>>,
}

#[derive(Debug)]
enum Source {
    Memory(std::vec::IntoIter<Record>),
    File(BufReader<File>),
}

impl Source {
    fn next(&mut self) -> io::Result<Option<Record>> {
        let file = match self {
            Self::Memory(records) => return Ok(records.next()),
            Self::File(file) => file,
        };
        let mut bytes = [0; RECORD_BYTES];
        match file.read_exact(&mut bytes) {
            // runs are whole records, so the file ends between two of them
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let (parts, _) = bytes.as_chunks::<8>();
        let mut record = [0; 4];
        for (part, bytes) in record.iter_mut().zip(parts) {
            *part = u64::from_be_bytes(*bytes);
        }
        Ok(Some(record))
    }
}

impl Sorted {
    fn merge(files: Vec<File>, memory: Vec<Record>) -> io::Result<Self> {
        let mut sources: Vec<Source> =
            files.into_iter().map(|file| Source::File(BufReader::new(file))).collect();
        sources.push(Source::Memory(memory.into_iter()));
        let mut heads = BinaryHeap::with_capacity(sources.len());
        for (at, source) in sources.iter_mut().enumerate() {
            if let Some(record) = source.next()? {
                heads.push(Reverse((record, at)));
            }
        }
        Ok(Self { sources, heads })
    }

    fn step(&mut self) -> io::Result<Option<Record>> {
        let Some(Reverse((record, at))) = self.heads.pop() else {
            return Ok(None);
        };
        if let Some(source) = self.sources.get_mut(at)
            && let Some(next) = source.next()?
        {
            self.heads.push(Reverse((next, at)));
        }
        Ok(Some(record))
    }
}

impl Iterator for Sorted {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

#[cfg(test)]
mod tests;
