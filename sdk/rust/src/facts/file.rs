//! A source that is a file: `{"version": 1, "facts": […]}`, each fact an object or, signed, a text.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use grantbook_plan::Fact;
use grantbook_record::{Term, strict_json};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::document::{Statement, Trust};
use super::{FactKey, FactSource, Fetch, SourceFault};
use crate::whole_file;

/// Bytes of a file of facts.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// A file that was changed less long ago may change again without its time of change showing it.
const SETTLED: Duration = Duration::from_secs(2);

const VERSION: u8 = 1;

/// Facts from a file, which is read again when it has changed.
#[derive(Debug, Clone)]
pub struct FileSource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Term,
    path: PathBuf,
    trust: Trust,
    loaded: Mutex<Option<Loaded>>,
}

#[derive(Debug)]
struct Loaded {
    stamp: (SystemTime, u64),
    facts: BTreeMap<FactKey, Entry>,
}

#[derive(Debug)]
enum Entry {
    Unsigned(Statement),
    /// Verified when it is asked for.
    Signed(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed<T> {
    version: u8,
    facts: Vec<T>,
}

impl FileSource {
    /// The source of this name, which must be that of its facts.
    pub fn new(name: Term, path: impl Into<PathBuf>, trust: Trust) -> Self {
        Self(Arc::new(Inner { name, path: path.into(), trust, loaded: Mutex::new(None) }))
    }
}

impl FactSource for FileSource {
    fn fetch<'a>(&'a self, wanted: &'a FactKey) -> Fetch<'a> {
        let (inner, wanted) = (Arc::clone(&self.0), wanted.clone());
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || inner.find(&wanted));
            read.await.map_err(|_| SourceFault::Panicked)?
        })
    }
}

impl Inner {
    fn find(&self, wanted: &FactKey) -> Result<Option<Fact>, SourceFault> {
        // what is there is always whole, so a panic elsewhere does no harm
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let (stamp, is_settled) = stamp(&self.path)?;
        if loaded.as_ref().is_none_or(|loaded| loaded.stamp != stamp) {
            *loaded = None;
            *loaded = Some(Loaded { stamp, facts: self.read()? });
        }
        let facts = loaded.as_ref().map(|loaded| &loaded.facts);
        let found = match facts.and_then(|facts| facts.get(wanted)) {
            None => Ok(None),
            Some(Entry::Unsigned(statement)) => statement.clone().of(wanted, &self.name).map(Some),
            Some(Entry::Signed(text)) => Statement::verify(text.as_bytes(), &self.trust)
                .and_then(|statement| statement.of(wanted, &self.name))
                .map(Some),
        };
        if !is_settled {
            *loaded = None;
        }
        found
    }

    fn read(&self) -> Result<BTreeMap<FactKey, Entry>, SourceFault> {
        let read =
            whole_file::read(&self.path, FILE_BYTES_MAX).map_err(|error| SourceFault::File(error.kind()))?;
        let json = read.ok_or(SourceFault::File(std::io::ErrorKind::NotFound))?;
        let mut facts = BTreeMap::new();
        let mut add = |statement: &Statement, entry| {
            let key = FactKey { fact: statement.fact.clone(), requester: statement.requester.clone() };
            if facts.insert(key, entry).is_none() { Ok(()) } else { Err(SourceFault::Repeated) }
        };
        match self.trust {
            Trust::Unsigned => {
                for statement in listed::<Statement>(&json)? {
                    add(&statement.clone(), Entry::Unsigned(statement))?;
                }
            }
            Trust::Signed(_) => {
                for text in listed::<String>(&json)? {
                    add(&Statement::parse_signed(&text)?, Entry::Signed(text))?;
                }
            }
        }
        Ok(facts)
    }
}

fn listed<T: DeserializeOwned>(json: &[u8]) -> Result<Vec<T>, SourceFault> {
    let Listed { version, facts } = strict_json::parse(json).map_err(SourceFault::Malformed)?;
    if version == VERSION { Ok(facts) } else { Err(SourceFault::Version { got: version }) }
}

/// When the file was changed and how long it is; and whether a change from now on would show in it.
fn stamp(path: &Path) -> Result<((SystemTime, u64), bool), SourceFault> {
    let fault = |error: std::io::Error| SourceFault::File(error.kind());
    let metadata = fs::metadata(path).map_err(fault)?;
    let modified = metadata.modified().map_err(fault)?;
    let is_settled = SystemTime::now().duration_since(modified).is_ok_and(|since| since >= SETTLED);
    Ok(((modified, metadata.len()), is_settled))
}
