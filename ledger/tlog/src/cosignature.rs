//! Timestamped cosignatures of checkpoints (C2SP tlog-cosignature): by Ed25519 (`cosignature/v1`, signature type 0x04)
//! and by ML-DSA-44 (`subtree/v1`, type 0x06).

use crate::Checkpoint;
use crate::note::{Note, NoteError, NoteSignature, SignatureKind, SigningKey, UnixSeconds, VerifierKey};

/// What a key signs for a note's text. Only the ML-DSA-44 message names the signer.
pub(crate) fn message(
    name: &str,
    kind: SignatureKind,
    time: Option<UnixSeconds>,
    text: &str,
) -> Result<Vec<u8>, NoteError> {
    let time = time.unwrap_or(UnixSeconds(0));
    if time > UnixSeconds::MAX {
        return Err(NoteError::Time { got: time });
    }
    Ok(match kind {
        SignatureKind::Ed25519 => text.as_bytes().to_vec(),
        SignatureKind::Cosignature => format!("cosignature/v1\ntime {time}\n{text}").into_bytes(),
        SignatureKind::MlDsa44 => {
            let checkpoint = Checkpoint::parse(text).map_err(|_| NoteError::NotCheckpoint)?;
            cosigned_message(name, time, &checkpoint)?
        }
    })
}

/// The structure `cosigned_message` of a whole tree: its subtree begins at leaf 0.
fn cosigned_message(name: &str, time: UnixSeconds, checkpoint: &Checkpoint) -> Result<Vec<u8>, NoteError> {
    let mut message = b"subtree/v1\n\0".to_vec();
    let text = |message: &mut Vec<u8>, text: &str| {
        // key names and origins have at most 255 bytes
        message.push(u8::try_from(text.len()).map_err(|_| NoteError::KeyName)?);
        message.extend(text.as_bytes());
        Ok::<_, NoteError>(())
    };
    text(&mut message, name)?;
    message.extend(time.0.to_be_bytes());
    text(&mut message, checkpoint.origin())?;
    message.extend(0_u64.to_be_bytes());
    message.extend(checkpoint.size().0.to_be_bytes());
    message.extend(checkpoint.root().as_bytes());
    Ok(message)
}

/// Cosigns a checkpoint's text at `time`, which the caller takes from its clock; add the result to the note.
pub fn sign(key: &SigningKey, time: UnixSeconds, text: &str) -> Result<NoteSignature, NoteError> {
    check_timed(key.verifier_key())?;
    key.sign_message(Some(time), text)
}

/// Verifies that `key` has cosigned the note, once, and gives the time at which it did so.
pub fn verify(key: &VerifierKey, note: &Note) -> Result<UnixSeconds, NoteError> {
    check_timed(key)?;
    let wrong_kind = NoteError::WrongKind { expected: SignatureKind::Cosignature, got: key.kind() };
    let verified = note.verify(std::slice::from_ref(key))?;
    verified.by(key)?.time.ok_or(wrong_kind)
}

fn check_timed(key: &VerifierKey) -> Result<(), NoteError> {
    if key.kind().is_timed() {
        Ok(())
    } else {
        Err(NoteError::WrongKind { expected: SignatureKind::Cosignature, got: key.kind() })
    }
}
