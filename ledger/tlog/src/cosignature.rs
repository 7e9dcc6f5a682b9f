//! Timestamped Ed25519 cosignatures of checkpoints (C2SP tlog-cosignature, `cosignature/v1`, signature type 0x04).

use crate::note::{Note, NoteError, NoteSignature, SignatureKind, SigningKey, UnixSeconds, VerifierKey};

/// What a cosignature signs: two lines of its own, then the note's text.
pub(crate) fn message(time: UnixSeconds, text: &str) -> Result<String, NoteError> {
    if time > UnixSeconds::MAX {
        return Err(NoteError::Time { got: time });
    }
    Ok(format!("cosignature/v1\ntime {time}\n{text}"))
}

/// Cosigns a checkpoint's text at `time`, which the caller takes from its clock; add the result to the note.
pub fn sign(key: &SigningKey, time: UnixSeconds, text: &str) -> Result<NoteSignature, NoteError> {
    key.sign_message(SignatureKind::Cosignature, &time.0.to_be_bytes(), &message(time, text)?)
}

/// Verifies that `key` has cosigned the note, once, and gives the time at which it did so.
pub fn verify(key: &VerifierKey, note: &Note) -> Result<UnixSeconds, NoteError> {
    let wrong_kind = NoteError::WrongKind { expected: SignatureKind::Cosignature, got: key.kind() };
    let verified = note.verify(std::slice::from_ref(key))?;
    verified.by(key)?.time.ok_or(wrong_kind)
}
