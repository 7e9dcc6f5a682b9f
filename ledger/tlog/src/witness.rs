//! Witnesses (C2SP tlog-witness): what a log asks of them, how they judge it, and what they answer. No HTTP here.

use std::fmt;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::decimal::parse_decimal;
use crate::note::{MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError, NoteSignature, VerifierKey};
use crate::{Hash, TreeSize, VerifyError, verify_consistency};

/// Most hashes of the consistency proof in a request.
pub const MAX_PROOF_LINES: usize = 63;

/// Largest request: the longest note, the longest proof, and the line of the old size.
pub const MAX_REQUEST_BYTES: usize = MAX_NOTE_BYTES + 4 * 1024;

/// Content type of the answer 409, whose body is the size that the witness knows.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// What is wrong with a request's form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Too long.
    #[error("a request has at most {MAX_REQUEST_BYTES} bytes, got {got}")]
    TooLong {
        /// Bytes of the request.
        got: usize,
    },
    /// Not UTF-8.
    #[error("a request is UTF-8, got byte {offset}")]
    Utf8 {
        /// Where the first wrong byte is.
        offset: usize,
    },
    /// The first line is not that of the old size.
    #[error("the first line must be old and a decimal number below 2^64 without leading zeros")]
    Old,
    /// A line of the proof is not a hash.
    #[error("proof line {line} must be the standard base64 of 32 bytes")]
    HashLine {
        /// Number of the line, from 1.
        line: usize,
    },
    /// More hashes than any consistency proof has.
    #[error("a consistency proof has at most {MAX_PROOF_LINES} lines, got more")]
    TooManyHashes,
    /// No blank line before the checkpoint.
    #[error("expected a blank line and a checkpoint after the consistency proof")]
    Layout,
    /// The checkpoint is malformed.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
}

/// The body of a request to cosign: a checkpoint and the proof that it continues an older tree. Well-formed, nothing
/// verified. Displays as the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: TreeSize,
    proof: Vec<Hash>,
    checkpoint: Checkpoint,
    note: Note,
}

/// Why a witness does not cosign. The order is that of the checks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No key of that log is configured.
    #[error("unknown log")]
    UnknownLog,
    /// No valid signature by a key of the log.
    #[error("the checkpoint is not signed by a key of the log that is known here")]
    Unsigned,
    /// The old tree is larger than the new one.
    #[error("the old size is larger than the checkpoint's")]
    OldSize,
    /// The witness knows another size, or another root at this size.
    #[error("the latest checkpoint cosigned here has size {known}")]
    Conflict {
        /// Size of the latest checkpoint that it cosigned.
        known: TreeSize,
    },
    /// The proof does not hold.
    #[error("consistency proof: {0}")]
    Inconsistent(VerifyError),
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::UnknownLog => 404,
            Self::Unsigned => 403,
            Self::OldSize => 400,
            Self::Conflict { .. } => 409,
            Self::Inconsistent(_) => 422,
        }
    }
}

impl AddCheckpoint {
    /// `note` is the signed checkpoint.
    pub fn new(old: TreeSize, proof: Vec<Hash>, note: Note) -> Result<Self, RequestError> {
        if proof.len() > MAX_PROOF_LINES {
            return Err(RequestError::TooManyHashes);
        }
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self { old, proof, checkpoint, note })
    }

    /// Parses a request's body; formatting it gives the same bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > MAX_REQUEST_BYTES {
            return Err(RequestError::TooLong { got: bytes.len() });
        }
        let text =
            str::from_utf8(bytes).map_err(|error| RequestError::Utf8 { offset: error.valid_up_to() })?;
        // the first blank line ends the proof; the checkpoint has one of its own
        let (head, note) = text.split_once("\n\n").ok_or(RequestError::Layout)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(parse_decimal);
        let old = TreeSize(old.ok_or(RequestError::Old)?);
        let mut proof = Vec::new();
        for (line, hash) in (1..).zip(lines) {
            if line > MAX_PROOF_LINES {
                return Err(RequestError::TooManyHashes);
            }
            proof.push(hash.parse().map_err(|_| RequestError::HashLine { line })?);
        }
        Self::new(old, proof, Note::parse(note.as_bytes()).map_err(CheckpointError::from)?)
    }

    /// The tree head that is to be cosigned.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The signed checkpoint.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Judges the request as a witness: `keys` are the log's that it trusts (none for a log that it does not know),
    /// `latest` is the checkpoint of that log which it cosigned last. It must store the new one before it cosigns, and
    /// nobody may come in between.
    pub fn judge(&self, keys: &[VerifierKey], latest: Option<&Checkpoint>) -> Result<(), Refusal> {
        if keys.is_empty() || keys.iter().any(|key| key.name() != self.checkpoint.origin()) {
            return Err(Refusal::UnknownLog);
        }
        self.note.verify(keys).map_err(|_| Refusal::Unsigned)?;
        let (size, root) = (self.checkpoint.size(), self.checkpoint.root());
        if self.old > size {
            return Err(Refusal::OldSize);
        }
        let (known, known_root) =
            latest.map_or((TreeSize(0), crate::empty_root()), |latest| (latest.size(), latest.root()));
        if self.old != known || (known == size && known_root != root) {
            return Err(Refusal::Conflict { known });
        }
        verify_consistency(known, &known_root, size, &root, &self.proof).map_err(Refusal::Inconsistent)
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.note)
    }
}

/// What a witness answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: signature lines, none of them verified; at least one.
    Cosigned(Vec<NoteSignature>),
    /// 409 with the size that it knows.
    Knows(TreeSize),
    /// 422, or 409 without a size: what it knows does not continue in what it was asked to cosign.
    Inconsistent,
    /// Another status, or a body that is not of the status's form.
    Refused(u16),
}

impl Answer {
    /// Reads an answer; a body that departs from its form makes it [`Answer::Refused`].
    pub fn read(status: u16, body: &[u8]) -> Self {
        match status {
            200 => parse_lines(body).map_or(Self::Refused(status), Self::Cosigned),
            409 if body.is_empty() => Self::Inconsistent,
            409 => {
                let size = str::from_utf8(body).ok().and_then(|text| text.strip_suffix('\n'));
                size.and_then(parse_decimal).map_or(Self::Refused(status), |size| Self::Knows(TreeSize(size)))
            }
            422 => Self::Inconsistent,
            _ => Self::Refused(status),
        }
    }
}

/// Parses one or more signature lines that each end in a newline.
pub fn parse_lines(body: &[u8]) -> Result<Vec<NoteSignature>, NoteError> {
    if body.len() > MAX_NOTE_BYTES {
        return Err(NoteError::TooLong { got: body.len() });
    }
    let text = str::from_utf8(body).map_err(|error| NoteError::Character { offset: error.valid_up_to() })?;
    let lines = text.strip_suffix('\n').ok_or(NoteError::Layout)?.split('\n');
    if lines.clone().count() > MAX_SIGNATURES {
        return Err(NoteError::TooManySignatures);
    }
    lines.map(NoteSignature::parse).collect()
}
