//! Signed notes (C2SP signed-note): a text, a blank line, and signature lines.

mod key;

pub use key::{KeyId, SignatureKind, SigningKey, VerifierKey};

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Largest note that is parsed or made: 64 KiB.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// Most signature lines of a note.
pub const MAX_SIGNATURES: usize = 100;

/// Longest key name in bytes: what a C2SP cosigned message can hold.
pub const MAX_KEY_NAME_BYTES: usize = 255;

/// Seconds since 1970-01-01 UTC, leap seconds not counted (POSIX).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub u64);

impl UnixSeconds {
    /// Latest time that a cosignature may carry: 2^63 − 1.
    pub const MAX: Self = Self(i64::MAX.cast_unsigned());
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is wrong with a note, a key, or a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The note is too long.
    #[error("a note has at most {MAX_NOTE_BYTES} bytes, got {got}")]
    TooLong {
        /// Bytes of the note.
        got: usize,
    },
    /// The note has too many signature lines.
    #[error("a note has at most {MAX_SIGNATURES} signature lines, got more")]
    TooManySignatures,
    /// The note is not UTF-8, or has a control character other than newline.
    #[error("a note is UTF-8 without control characters other than newline, got byte {offset}")]
    Character {
        /// Where the first wrong byte is.
        offset: usize,
    },
    /// The text is not a sequence of lines.
    #[error("the text of a note must end in a newline")]
    Text,
    /// No blank line with at least one signature line below it.
    #[error("expected a text, a blank line and signature lines that each end in a newline")]
    Layout,
    /// A line below the blank line is not a signature line.
    #[error("signature line {line} is not an em dash, a key name and the base64 of key id and signature")]
    SignatureLine {
        /// Number of the line, from 1.
        line: usize,
    },
    /// A key name is empty, too long, or has a space, a control character or a plus.
    #[error("a key name has 1 to {MAX_KEY_NAME_BYTES} bytes and no space, control character or plus")]
    KeyName,
    /// A verifier key is not `<name>+<hex key id>+<base64 of type and key>`.
    #[error(
        "expected a verifier key as name, key id in 8 hex digits, and base64 of type and key, joined by plus"
    )]
    VerifierKeyForm,
    /// The key id is not that of the name, type and key.
    #[error("the verifier key says key id {got}, its name and key have {expected}")]
    KeyId {
        /// Id computed from name, type and key.
        expected: KeyId,
        /// Id given.
        got: KeyId,
    },
    /// A signature type that is not supported.
    #[error(
        "expected signature type 1 (Ed25519), 4 (Ed25519 cosignature) or 6 (ML-DSA-44 cosignature), got {got}"
    )]
    UnknownKind {
        /// Type byte given.
        got: u8,
    },
    /// A public key has another length than its type's.
    #[error("a public key of this type has {expected} bytes, got {got}")]
    PublicKeyLength {
        /// Bytes that the type has.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// An ML-DSA-44 key signs checkpoints only.
    #[error("expected the text of a checkpoint, which is all that a key of type 6 signs")]
    NotCheckpoint,
    /// A key of another type is needed here.
    #[error("expected a key of type {expected}, got one of type {got}")]
    WrongKind {
        /// Type needed.
        expected: SignatureKind,
        /// Type of the key given.
        got: SignatureKind,
    },
    /// The public key is not a point of the curve, or of small order.
    #[error("the public key of {name} is no point of the curve or of small order")]
    WeakKey {
        /// The key's name.
        name: String,
    },
    /// A signature by a known key is not valid for the text.
    #[error("the signature by {name}+{id} is not valid")]
    Signature {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// A known key has signed more than once, so that it is open which signature counts.
    #[error("expected one signature by {name}+{id}, got several")]
    Repeated {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// A key that must have signed has not.
    #[error("expected a signature by {name}+{id}, got none")]
    Missing {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// A cosignature's time is out of range.
    #[error("a cosignature's time is at most 2^63 - 1 seconds, got {got}")]
    Time {
        /// Time given.
        got: UnixSeconds,
    },
}

/// One signature line, not yet verified. Displays as the line without its newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_id: KeyId,
    bytes: Vec<u8>,
}

/// A text with at least one signature line; nothing of it verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// A signature that verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedSignature<'a> {
    /// The key that signed.
    pub key: &'a VerifierKey,
    /// When, for a cosignature.
    pub time: Option<UnixSeconds>,
}

/// The result of [`Note::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedNote<'a> {
    /// The signed text, its last newline included.
    pub text: &'a str,
    /// Signatures by known keys, all valid, in the order of their lines.
    pub verified: Vec<VerifiedSignature<'a>>,
    /// Signature lines of unknown keys, in their order; they vouch for nothing.
    pub unverified: Vec<&'a NoteSignature>,
}

impl NoteSignature {
    /// `bytes` is what follows the key id in the line, at least one byte; its meaning depends on the key.
    pub fn new(name: &str, key_id: KeyId, bytes: Vec<u8>) -> Result<Self, NoteError> {
        check_key_name(name)?;
        if bytes.is_empty() {
            return Err(NoteError::SignatureLine { line: 1 });
        }
        Ok(Self { name: name.to_owned(), key_id, bytes })
    }

    /// Parses one signature line, without its newline.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        Self::parse_line(line).ok_or(NoteError::SignatureLine { line: 1 })
    }

    fn parse_line(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
        let decoded = STANDARD.decode(signature).ok()?;
        let (id, bytes) = decoded.split_first_chunk::<4>()?;
        Self::new(name, KeyId(u32::from_be_bytes(*id)), bytes.to_vec()).ok()
    }

    /// The key name in the line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id in the line.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The signature without the key id.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.key_id.0.to_be_bytes().to_vec();
        bytes.extend(&self.bytes);
        write!(f, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}

impl Note {
    /// A note of `text`, which ends in a newline, and a first signature.
    pub fn new(text: &str, signature: NoteSignature) -> Result<Self, NoteError> {
        check_characters(text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::Text);
        }
        let mut note = Self { text: text.to_owned(), signatures: Vec::new() };
        note.add(signature)?;
        Ok(note)
    }

    /// Adds a signature line below the others.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        let got = self.to_string().len();
        if got > MAX_NOTE_BYTES {
            self.signatures.pop();
            return Err(NoteError::TooLong { got });
        }
        Ok(())
    }

    /// Parses a note; formatting it gives the same bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong { got: bytes.len() });
        }
        let note =
            str::from_utf8(bytes).map_err(|error| NoteError::Character { offset: error.valid_up_to() })?;
        check_characters(note)?;
        // the last blank line ends the text, which may have blank lines of its own
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Layout)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Layout)?;
        let mut signatures = Vec::new();
        for (position, line) in lines.split('\n').enumerate() {
            if position >= MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(
                NoteSignature::parse_line(line).ok_or(NoteError::SignatureLine { line: position + 1 })?,
            );
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// The text, its last newline included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines in their order, none of them verified; at least one.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Verifies every signature line whose name and key id are those of a known key.
    ///
    /// One wrong or repeated signature of a known key refuses the whole note, and so does the lack of any signature by
    /// a known key.
    pub fn verify<'a>(&'a self, keys: &'a [VerifierKey]) -> Result<VerifiedNote<'a>, NoteError> {
        let mut verified: Vec<VerifiedSignature<'a>> = Vec::new();
        let mut unverified = Vec::new();
        for signature in &self.signatures {
            let Some(key) = keys.iter().find(|key| key.made(signature)) else {
                unverified.push(signature);
                continue;
            };
            if verified.iter().any(|earlier| earlier.key.made(signature)) {
                return Err(NoteError::Repeated { name: signature.name.clone(), id: signature.key_id });
            }
            let time = key.verify(&self.text, signature)?;
            verified.push(VerifiedSignature { key, time });
        }
        match (verified.is_empty(), keys.first(), self.signatures.first()) {
            (true, Some(key), _) => Err(NoteError::Missing { name: key.name().to_owned(), id: key.key_id() }),
            (true, None, Some(line)) => Err(NoteError::Missing { name: line.name.clone(), id: line.key_id }),
            _ => Ok(VerifiedNote { text: &self.text, verified, unverified }),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl VerifiedNote<'_> {
    /// The verified signature by that key, which must be among those the note was verified with.
    pub fn by(&self, key: &VerifierKey) -> Result<VerifiedSignature<'_>, NoteError> {
        self.verified
            .iter()
            .find(|signature| signature.key == key)
            .copied()
            .ok_or_else(|| NoteError::Missing { name: key.name().to_owned(), id: key.key_id() })
    }
}

/// Refuses control characters other than newline (signed-note, "Format").
fn check_characters(text: &str) -> Result<(), NoteError> {
    match text.bytes().position(|byte| byte < 0x20 && byte != b'\n') {
        Some(offset) => Err(NoteError::Character { offset }),
        None => Ok(()),
    }
}

/// Names are non-empty and have no Unicode spaces or plus (signed-note, "Format").
pub(crate) fn check_key_name(name: &str) -> Result<(), NoteError> {
    let allowed = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    if (1..=MAX_KEY_NAME_BYTES).contains(&name.len()) && name.chars().all(allowed) {
        Ok(())
    } else {
        Err(NoteError::KeyName)
    }
}
