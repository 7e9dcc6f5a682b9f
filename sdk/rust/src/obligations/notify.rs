//! Telling somebody of a use.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use grantbook_record::uses::UseId;
use grantbook_record::{Jti, Term, UnixSeconds};
use serde::Serialize;

use super::Context;

/// What somebody is told. No word of the data or its subject: the grant names the customer to whoever may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Whom to tell.
    pub party: Term,
    /// The grant under which the data is used.
    pub grant: Jti,
    /// The use's id.
    #[serde(rename = "use")]
    pub use_ref: UseId,
    /// Who uses it.
    pub requester: Term,
    /// Who receives it.
    pub recipient: Term,
    /// What for.
    pub purpose: Term,
    /// What is done with it.
    pub action: Term,
    /// When.
    pub at: UnixSeconds,
}

/// Somebody could not be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{party} was not told of the use: {cause}")]
pub struct NotifyError {
    /// Whom.
    pub party: Term,
    /// Why; no personal data.
    pub cause: String,
}

/// Somebody who passes notices on. A use may be told of twice where it is tried twice; its id says so.
pub trait Notifier: Send + Sync {
    /// Passes a notice on, or has it durable. On an error the data is not used.
    fn notify(&self, notice: &Notice) -> Result<(), NotifyError>;
}

/// A notifier that writes notices to a file, one JSON object a line, each synced.
#[derive(Debug)]
pub struct FileNotifier(Mutex<Lines>);

#[derive(Debug)]
struct Lines {
    file: File,
    /// The last line may be cut short.
    torn: bool,
}

impl FileNotifier {
    /// Opens the file, and makes it where there is none.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        // a crash may have cut the last line short, too
        let torn = file.metadata()?.len() > 0;
        Ok(Self(Mutex::new(Lines { file, torn })))
    }
}

impl Notifier for FileNotifier {
    fn notify(&self, notice: &Notice) -> Result<(), NotifyError> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // an empty line does no harm, a notice glued to half of another one would
        let mut line = if lines.torn { vec![b'\n'] } else { Vec::new() };
        // no fallible serialisers
        line.extend(serde_json::to_vec(notice).unwrap_or_default());
        line.push(b'\n');
        let written = lines.file.write_all(&line).and_then(|()| lines.file.sync_data());
        lines.torn = written.is_err();
        written.map_err(|error| NotifyError { party: notice.party.clone(), cause: error.to_string() })
    }
}

impl Notice {
    pub(super) fn of(party: &Term, context: &Context<'_>) -> Self {
        let Context { facts, grant, use_ref, at, .. } = *context;
        Self {
            party: party.clone(),
            grant,
            use_ref: use_ref.clone(),
            requester: facts.requester.clone(),
            recipient: facts.recipient.clone(),
            purpose: facts.purpose.clone(),
            action: facts.action.clone(),
            at,
        }
    }
}
