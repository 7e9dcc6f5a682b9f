//! What all proofs have in common: version u8 · kind u8 · a body whose length the statement fixes.

use crate::error::VerifyError;

/// Version of the layout of every kind.
pub(crate) const VERSION: u8 = 1;

/// Checks length, version and kind; returns what follows them.
pub(crate) fn parse_header(proof: &[u8], kind: u8, expected: usize) -> Result<&[u8], VerifyError> {
    let length = VerifyError::Length { expected, got: proof.len() };
    let [version, got_kind, rest @ ..] = proof else {
        return Err(length);
    };
    if *version != VERSION {
        return Err(VerifyError::Version { expected: VERSION, got: *version });
    }
    if *got_kind != kind {
        return Err(VerifyError::Kind { expected: kind, got: *got_kind });
    }
    if proof.len() != expected {
        return Err(length);
    }
    Ok(rest)
}
