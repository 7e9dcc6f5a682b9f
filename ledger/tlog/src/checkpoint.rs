//! Checkpoints (C2SP tlog-checkpoint): a signed note whose text is origin, tree size and root hash.
//!
//! Narrower than the specification: there are no extension lines, and the origin is the name of the log's key.

use std::fmt;

use crate::decimal::parse_decimal;
use crate::note::{
    Note, NoteError, NoteSignature, SignatureKind, SigningKey, UnixSeconds, VerifierKey, check_key_name,
};
use crate::{Hash, TreeSize, cosignature, empty_root};

/// What the name of the clock's key adds to the origin.
pub const CLOCK_SUFFIX: &str = "/clock";

/// What is wrong with a checkpoint or the keys of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around the checkpoint, or a key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not the three lines of a checkpoint.
    #[error("a checkpoint's text has the lines origin, tree size and root hash, got {got} lines")]
    Lines {
        /// Lines found.
        got: usize,
    },
    /// The origin cannot be the name of a key.
    #[error("the origin must be a key name: 1 to 255 bytes, no space, control character or plus")]
    Origin,
    /// The tree size is not a number below 2^64 without leading zeros.
    #[error("the tree size must be a decimal number below 2^64 without leading zeros")]
    Size,
    /// The root hash is not the base64 of 32 bytes.
    #[error("the root hash must be the standard base64 of 32 bytes")]
    Root,
    /// A tree without leaves has one possible root.
    #[error("a tree of size 0 has the root {}, got {got}", empty_root())]
    EmptyTreeRoot {
        /// The root given.
        got: Hash,
    },
    /// The checkpoint is another log's.
    #[error("expected origin {expected}, got {got}")]
    OtherOrigin {
        /// The origin asked for.
        expected: String,
        /// The checkpoint's origin.
        got: String,
    },
    /// The key does not bear the name that its use asks for.
    #[error("expected a key named {expected}, got {got}")]
    KeyName {
        /// The name asked for.
        expected: String,
        /// The key's name.
        got: String,
    },
    /// The keys of a log are two or three lines.
    #[error("expected two or three lines: the log's verifier key, the clock's, and its ML-DSA-44 key")]
    LogKeys,
    /// The reader demands the post-quantum signature, and there is none by a key that it knows.
    #[error("expected an ML-DSA-44 signature by the log's key of type 6 as well, got none")]
    PostQuantum,
    /// A policy that names logs does not name this one.
    #[error("the policy names other logs than {origin} with its key")]
    OtherLog {
        /// The log's origin.
        origin: String,
    },
}

/// A tree head: which log, how many leaves, which root. Displays as the note's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: TreeSize,
    root: Hash,
}

impl Checkpoint {
    /// `origin` is the name of the log's key, a URL without scheme such as `log.example/consent`.
    pub fn new(origin: &str, size: TreeSize, root: Hash) -> Result<Self, CheckpointError> {
        check_key_name(origin).map_err(|_| CheckpointError::Origin)?;
        if size.0 == 0 && root != empty_root() {
            return Err(CheckpointError::EmptyTreeRoot { got: root });
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Parses a note's text: exactly three lines.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) =
            (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines { got: text.lines().count() });
        };
        let size = parse_decimal(size).map(TreeSize).ok_or(CheckpointError::Size)?;
        Self::new(origin, size, root.parse().map_err(|_| CheckpointError::Root)?)
    }

    /// Parses a signed checkpoint without verifying any signature.
    pub fn parse_note(bytes: &[u8]) -> Result<(Self, Note), CheckpointError> {
        let note = Note::parse(bytes)?;
        Ok((Self::parse(note.text())?, note))
    }

    /// The log's identity.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Leaves in the tree.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The tree's root hash.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Signs with the log's key, whose name is the origin.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, CheckpointError> {
        check_name(key.verifier_key(), &self.origin)?;
        let text = self.to_string();
        let signature = key.sign(&text)?;
        Ok(Note::new(&text, signature)?)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

/// Verifies that a signed checkpoint is of the log `origin` and signed by its key.
pub fn verify_checkpoint(
    note: &[u8],
    origin: &str,
    key: &VerifierKey,
) -> Result<Checkpoint, CheckpointError> {
    let (checkpoint, note) = Checkpoint::parse_note(note)?;
    verify_parsed(&checkpoint, &note, origin, key)?;
    Ok(checkpoint)
}

/// Verifies a parsed checkpoint's origin and the log's signature; gives the other signature lines.
pub(crate) fn verify_parsed(
    checkpoint: &Checkpoint,
    note: &Note,
    origin: &str,
    key: &VerifierKey,
) -> Result<Vec<NoteSignature>, CheckpointError> {
    if checkpoint.origin != origin {
        return Err(CheckpointError::OtherOrigin {
            expected: origin.to_owned(),
            got: checkpoint.origin.clone(),
        });
    }
    check_name(key, origin)?;
    check_kind(key, SignatureKind::Ed25519)?;
    let verified = note.verify(std::slice::from_ref(key))?;
    Ok(verified.unverified.into_iter().cloned().collect())
}

/// The keys that a log is known by: `<origin>` signs its checkpoints, `<origin>/clock` cosigns each with its time, and
/// a second key named `<origin>`, of ML-DSA-44, signs those that are published. Displays and parses as a line of
/// verifier key each, in this order; the last may be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKeys {
    log: VerifierKey,
    clock: VerifierKey,
    post_quantum: Option<VerifierKey>,
}

/// A checkpoint that both keys of its log have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedCheckpoint {
    /// The tree head.
    pub checkpoint: Checkpoint,
    /// When the clock's key cosigned it.
    pub time: UnixSeconds,
    /// Whether the log's ML-DSA-44 key has signed it as well.
    pub post_quantum: bool,
    /// The remaining signature lines (witnesses'), none of them verified.
    pub others: Vec<NoteSignature>,
}

impl LogKeys {
    /// The log's key (type 0x01) and the clock's (type 0x04, named as the log's with [`CLOCK_SUFFIX`]).
    pub fn new(log: VerifierKey, clock: VerifierKey) -> Result<Self, CheckpointError> {
        check_kind(&log, SignatureKind::Ed25519)?;
        check_kind(&clock, SignatureKind::Cosignature)?;
        check_name(&clock, &format!("{}{CLOCK_SUFFIX}", log.name()))?;
        Ok(Self { log, clock, post_quantum: None })
    }

    /// Adds the log's key of type 0x06, which is named as its other one.
    pub fn with_post_quantum(self, key: VerifierKey) -> Result<Self, CheckpointError> {
        check_kind(&key, SignatureKind::MlDsa44)?;
        check_name(&key, self.origin())?;
        Ok(Self { post_quantum: Some(key), ..self })
    }

    /// Parses two or three lines of verifier keys.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::LogKeys)?;
        let mut lines = lines.split('\n');
        let (Some(log), Some(clock), post_quantum, None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::LogKeys);
        };
        let keys = Self::new(VerifierKey::parse(log)?, VerifierKey::parse(clock)?)?;
        match post_quantum {
            Some(key) => keys.with_post_quantum(VerifierKey::parse(key)?),
            None => Ok(keys),
        }
    }

    /// Whether these are the keys that a reader pinned, who may have done so before the log had its third.
    pub fn are_those_pinned(&self, pinned: &Self) -> bool {
        let third = pinned.post_quantum.is_none() || pinned.post_quantum == self.post_quantum;
        (&self.log, &self.clock) == (&pinned.log, &pinned.clock) && third
    }

    /// The log's identity, which is the name of its key.
    pub fn origin(&self) -> &str {
        self.log.name()
    }

    /// The key that signs checkpoints.
    pub fn log(&self) -> &VerifierKey {
        &self.log
    }

    /// The key that cosigns checkpoints with their time.
    pub fn clock(&self) -> &VerifierKey {
        &self.clock
    }

    /// The key that signs published checkpoints against quantum computers.
    pub fn post_quantum(&self) -> Option<&VerifierKey> {
        self.post_quantum.as_ref()
    }

    /// Verifies that a checkpoint is of this log and signed by its log and clock keys; a line by its ML-DSA-44 key may
    /// be absent, but must hold.
    pub fn verify_checkpoint(&self, note: &[u8]) -> Result<TimedCheckpoint, CheckpointError> {
        let (checkpoint, note) = Checkpoint::parse_note(note)?;
        let mut others = verify_parsed(&checkpoint, &note, self.origin(), &self.log)?;
        let time = cosignature::verify(&self.clock, &note)?;
        others.retain(|line| !self.clock.made(line));
        let known = self.post_quantum.as_ref().filter(|key| others.iter().any(|line| key.made(line)));
        if let Some(key) = known {
            cosignature::verify(key, &note)?;
            others.retain(|line| !key.made(line));
        }
        Ok(TimedCheckpoint { checkpoint, time, post_quantum: known.is_some(), others })
    }
}

impl fmt::Display for LogKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.log, self.clock)?;
        self.post_quantum.iter().try_for_each(|key| writeln!(f, "{key}"))
    }
}

fn check_name(key: &VerifierKey, expected: &str) -> Result<(), CheckpointError> {
    if key.name() == expected {
        Ok(())
    } else {
        Err(CheckpointError::KeyName { expected: expected.to_owned(), got: key.name().to_owned() })
    }
}

fn check_kind(key: &VerifierKey, expected: SignatureKind) -> Result<(), NoteError> {
    if key.kind() == expected { Ok(()) } else { Err(NoteError::WrongKind { expected, got: key.kind() }) }
}
