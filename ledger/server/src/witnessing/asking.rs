//! One exchange with one witness, over blocking HTTP.

use std::time::Duration;

use grantbook_engine::{Ledger, PublishedCheckpoint};
use grantbook_tlog::policy::PolicyWitness;
use grantbook_tlog::witness::MAX_REQUEST_BYTES;
use grantbook_tlog::{AddCheckpoint, Answer, Note, NoteSignature, TreeSize};
use ureq::Agent;

/// Requests until a witness and we agree on the size that it knows: others may feed it too.
const ATTEMPTS: u8 = 3;

/// Why a witness did not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// No answer.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// It answered, but neither cosigned nor said which size it knows.
    #[error("it answered {0}")]
    Refused(u16),
    /// What it sent is no cosignature by its key.
    #[error("its answer holds no valid cosignature by its key")]
    BadSignature,
    /// The ledger could not say what the witness must be shown.
    #[error("{0}")]
    Own(String),
    /// It has cosigned a larger tree of this log than the ledger holds.
    #[error("it has cosigned {known} entries of this log, the ledger holds {held}")]
    Ahead {
        /// Size that it knows.
        known: u64,
        /// Entries of the ledger.
        held: u64,
    },
    /// It has cosigned another history of this log.
    #[error("it has cosigned another history of this log, of {known} entries")]
    Forked {
        /// Size that it knows.
        known: u64,
    },
}

impl Failure {
    /// Whether it shows that this ledger is not what it was: rolled back, or a second history.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Ahead { .. } | Self::Forked { .. })
    }

    /// A word for metrics.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Refused(_) => "refused",
            Self::BadSignature => "bad_signature",
            Self::Own(_) => "own_fault",
            Self::Ahead { .. } => "ahead",
            Self::Forked { .. } => "forked",
        }
    }
}

/// A client that gives up after `timeout`.
pub(super) fn agent(timeout: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(timeout))
        .user_agent(concat!("grantbook/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// Asks a witness to cosign. `known` is the size that it is believed to know, and is corrected as it answers.
pub(super) fn ask(
    agent: &Agent,
    ledger: &Ledger,
    witness: &PolicyWitness,
    known: &mut TreeSize,
    checkpoint: &PublishedCheckpoint,
) -> Result<NoteSignature, Failure> {
    let own = |error: &dyn std::fmt::Display| Failure::Own(error.to_string());
    let note = Note::parse(checkpoint.note.as_bytes()).map_err(|error| own(&error))?;
    for _ in 0..ATTEMPTS {
        if *known > checkpoint.size {
            let (held, _) = ledger.size_root();
            if *known > held {
                let ahead = Failure::Ahead { known: known.0, held: held.0 };
                // the next time it is asked afresh: it may have been mended
                *known = TreeSize(0);
                return Err(ahead);
            }
            return Err(Failure::Refused(409));
        }
        let proof = ledger.consistency(*known, checkpoint.size).map_err(|error| own(&error))?;
        let request = AddCheckpoint::new(*known, proof, note.clone()).map_err(|error| own(&error))?;
        match post(agent, witness, &request)? {
            Answer::Cosigned(lines) => {
                *known = checkpoint.size;
                let own = lines.into_iter().find(|line| witness.key.made(line));
                let line = own.ok_or(Failure::BadSignature)?;
                witness.key.verify(note.text(), &line).map_err(|_| Failure::BadSignature)?;
                return Ok(line);
            }
            // the size agreed, so the root did not
            Answer::Knows(size) if size == *known && size == checkpoint.size => {
                return Err(Failure::Forked { known: size.0 });
            }
            Answer::Knows(size) if size == *known => return Err(Failure::Refused(409)),
            Answer::Knows(size) => *known = size,
            // who has seen nothing cannot have seen another history
            Answer::Inconsistent if known.0 == 0 => return Err(Failure::Refused(422)),
            Answer::Inconsistent => return Err(Failure::Forked { known: known.0 }),
            Answer::Refused(status) => return Err(Failure::Refused(status)),
        }
    }
    Err(Failure::Refused(409))
}

fn post(agent: &Agent, witness: &PolicyWitness, request: &AddCheckpoint) -> Result<Answer, Failure> {
    let unreachable = |error: ureq::Error| Failure::Unreachable(error.to_string());
    let url = format!("{}/add-checkpoint", witness.url.as_deref().unwrap_or_default().trim_end_matches('/'));
    let sent = agent.post(url).content_type("text/plain; charset=utf-8").send(request.to_string().as_bytes());
    let mut response = sent.map_err(unreachable)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MAX_REQUEST_BYTES as u64).read_to_vec();
    Ok(Answer::read(status, &body.map_err(unreachable)?))
}
