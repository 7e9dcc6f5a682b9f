//! The due list: which data is to be deleted when, what was deleted, and what of it the ledger has not heard.
//!
//! It holds grants and ids of uses, and nothing of the customer. On disk it is a file of JSON lines, each synced before
//! the call returns. A crash leaves at most a last line that was cut short and that nobody was told of; it is dropped.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use grantbook_record::strict_json::{self, JsonError};
use grantbook_record::uses::UseId;
use grantbook_record::{Jti, UnixSeconds};
use serde::{Deserialize, Serialize};

use crate::whole_file;

/// Uses whose data is there, or whose deletion the ledger has not heard of.
pub const DUE_MAX: usize = 100_000;
/// Bytes of the file.
pub const DUE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Lines beyond twice those that count, at which the file is written anew.
const SLACK: usize = 1024;

/// Data that is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// The grant under which it was used.
    pub grant: Jti,
    /// The use's id.
    #[serde(rename = "use")]
    pub use_ref: UseId,
    /// Until when.
    pub by: UnixSeconds,
}

/// Data that was deleted: what a `data.deleted` record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    /// The grant under which it was used.
    pub grant: Jti,
    /// The use's id.
    #[serde(rename = "use")]
    pub use_ref: UseId,
    /// When it was deleted.
    pub at: UnixSeconds,
}

/// Why something is not noted.
#[derive(Debug, thiserror::Error)]
pub enum DueError {
    /// The file cannot be read or written.
    #[error("due list {}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line that departs from its schema.
    #[error("refused line {line} of the due list: {source}")]
    Json {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        source: JsonError,
    },
    /// No room.
    #[error("{DUE_MAX} uses in the due list, expected fewer: delete what is due, and report it")]
    Full,
    /// A use that is noted under another grant, or whose data was deleted already.
    #[error("the use is noted under another grant or its data is deleted, expected an id of its own")]
    Conflict,
    /// A use that is not noted.
    #[error("no such use in the due list")]
    Unknown,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Due(Due),
    Deleted(Deletion),
    Reported(Reported),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reported {
    #[serde(rename = "use")]
    use_ref: UseId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Due(Due),
    Deleted(Deletion),
}

/// The list of one gate; no two gates may have one file.
#[derive(Debug)]
pub struct DueList(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    uses: BTreeMap<UseId, State>,
    disk: Option<Disk>,
}

#[derive(Debug)]
struct Disk {
    path: PathBuf,
    /// Open at its end; `None` after a write that failed: what is there then is not known.
    file: Option<File>,
    lines: usize,
}

impl DueList {
    /// One that forgets when the process ends: for tests.
    pub fn in_memory() -> Self {
        Self(Mutex::new(Inner { uses: BTreeMap::new(), disk: None }))
    }

    /// One that remembers in a file, which is made where there is none.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DueError> {
        let path = path.into();
        let read = whole_file::read(&path, DUE_BYTES_MAX).map_err(|source| io_error(&path, source))?;
        let uses = replay(&read.unwrap_or_default())?;
        // written anew, so that a line that was cut short does not stand before the next one
        let mut disk = Disk { path, file: None, lines: 0 };
        disk.rewrite(&uses)?;
        Ok(Self(Mutex::new(Inner { uses, disk: Some(disk) })))
    }

    /// Notes that a use's data is to be deleted. The same use again keeps the earlier date.
    pub fn add(&self, due: &Due) -> Result<(), DueError> {
        let mut inner = self.lock();
        match inner.uses.get(&due.use_ref) {
            Some(State::Due(known)) if known.grant == due.grant && known.by <= due.by => return Ok(()),
            Some(State::Due(known)) if known.grant == due.grant => {}
            Some(_) => return Err(DueError::Conflict),
            None if inner.uses.len() >= DUE_MAX => return Err(DueError::Full),
            None => {}
        }
        inner.note(&Line::Due(due.clone()))
    }

    /// What is to be deleted at `now` or before, the first due first.
    pub fn due(&self, now: UnixSeconds) -> Vec<Due> {
        let inner = self.lock();
        let mut due: Vec<Due> =
            inner.uses.values().filter_map(State::due).filter(|due| due.by <= now).collect();
        due.sort_by_key(|due| due.by);
        due
    }

    /// When the next data is due.
    pub fn next(&self) -> Option<UnixSeconds> {
        self.lock().uses.values().filter_map(State::due).map(|due| due.by).min()
    }

    /// Notes that the data of a use was deleted at `at`. Said again, it is as it was said first.
    pub fn mark_deleted(&self, use_ref: &UseId, at: UnixSeconds) -> Result<Deletion, DueError> {
        let mut inner = self.lock();
        let deletion = match inner.uses.get(use_ref) {
            None => return Err(DueError::Unknown),
            Some(State::Deleted(deletion)) => return Ok(deletion.clone()),
            Some(State::Due(due)) => Deletion { grant: due.grant, use_ref: use_ref.clone(), at },
        };
        inner.note(&Line::Deleted(deletion.clone()))?;
        Ok(deletion)
    }

    /// Deletions of which the ledger has not heard, by rising id.
    pub fn unreported(&self) -> Vec<Deletion> {
        self.lock().uses.values().filter_map(State::deletion).collect()
    }

    /// Notes that the ledger has a deletion on record: the use is forgotten here.
    pub fn mark_reported(&self, use_ref: &UseId) -> Result<(), DueError> {
        let mut inner = self.lock();
        match inner.uses.get(use_ref) {
            Some(State::Deleted(_)) => inner.note(&Line::Reported(Reported { use_ref: use_ref.clone() })),
            _ => Err(DueError::Unknown),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // the table changes by one insertion or removal, after the file, so a panic leaves nothing half done
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn due(&self) -> Option<Due> {
        if let Self::Due(due) = self { Some(due.clone()) } else { None }
    }

    fn deletion(&self) -> Option<Deletion> {
        if let Self::Deleted(deletion) = self { Some(deletion.clone()) } else { None }
    }
}

impl Inner {
    /// On disk first.
    fn note(&mut self, line: &Line) -> Result<(), DueError> {
        if let Some(disk) = &mut self.disk {
            disk.append(line, &self.uses)?;
        }
        apply(&mut self.uses, line);
        Ok(())
    }
}

impl Disk {
    fn append(&mut self, line: &Line, uses: &BTreeMap<UseId, State>) -> Result<(), DueError> {
        if self.file.is_none() || self.lines > 2 * uses.len() + SLACK {
            self.rewrite(uses)?;
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = file.write_all(&json_line(line)).and_then(|()| file.sync_data());
        if let Err(source) = written {
            self.file = None;
            return Err(io_error(&self.path, source));
        }
        self.lines += 1;
        Ok(())
    }

    fn rewrite(&mut self, uses: &BTreeMap<UseId, State>) -> Result<(), DueError> {
        let lines = uses.values().map(|state| match state {
            State::Due(due) => Line::Due(due.clone()),
            State::Deleted(deletion) => Line::Deleted(deletion.clone()),
        });
        let bytes: Vec<u8> = lines.flat_map(|line| json_line(&line)).collect();
        let open = || OpenOptions::new().append(true).open(&self.path);
        let file = whole_file::replace(&self.path, &bytes).and_then(|()| open());
        self.file = Some(file.map_err(|source| io_error(&self.path, source))?);
        self.lines = uses.len();
        Ok(())
    }
}

fn json_line(line: &Line) -> Vec<u8> {
    // no fallible serialisers
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// What the lines add up to. One that stands for nothing known changes nothing.
fn apply(uses: &mut BTreeMap<UseId, State>, line: &Line) {
    match line {
        Line::Due(due) => uses.insert(due.use_ref.clone(), State::Due(due.clone())),
        Line::Deleted(deletion) => uses.insert(deletion.use_ref.clone(), State::Deleted(deletion.clone())),
        Line::Reported(reported) => uses.remove(&reported.use_ref),
    };
}

fn replay(bytes: &[u8]) -> Result<BTreeMap<UseId, State>, DueError> {
    let mut uses = BTreeMap::new();
    let mut lines = bytes.split(|byte| *byte == b'\n');
    // what stands behind the last end of a line was never whole
    let _ = lines.next_back();
    for (number, line) in (1..).zip(lines) {
        let line = strict_json::parse(line).map_err(|source| DueError::Json { line: number, source })?;
        apply(&mut uses, &line);
    }
    Ok(uses)
}

fn io_error(file: &Path, source: io::Error) -> DueError {
    DueError::Io { file: file.to_owned(), source }
}
