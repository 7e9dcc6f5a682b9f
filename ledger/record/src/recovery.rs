//! Recovery codes: what a customer writes down at enrolment, and the key that it gives at each enterprise.
//!
//! Specification: `docs/spec/event.md`, section "Recovery".

use hkdf::Hkdf;
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::id::TenantId;
use crate::signer::Signer;

/// Random bytes of a code.
const SECRET_BYTES: usize = 19;
/// Symbols of a code: 152 random bits and 8 of a checksum, 5 bits each.
const SYMBOLS: usize = 32;
/// Crockford's base 32: no I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SALT: &[u8] = b"grantbook-recovery/v1";

/// A text that is no recovery code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Too few symbols, too many, or one that codes do not have.
    #[error("malformed recovery code, expected 32 letters and digits in groups of four")]
    Malformed,
    /// The checksum says that a symbol was mistaken for another.
    #[error("mistyped recovery code, expected the very one that was written down")]
    Mistyped,
}

/// A recovery code. Wiped when dropped; shown only where it is printed on purpose.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RecoveryCode([u8; SECRET_BYTES]);

impl RecoveryCode {
    /// A fresh code of 152 random bits.
    pub fn random(rng: &mut (impl CryptoRng + RngCore)) -> Self {
        let mut secret = [0; SECRET_BYTES];
        rng.fill_bytes(&mut secret);
        Self(secret)
    }

    /// Reads a code; case, spaces and hyphens do not matter, and letters that look like digits stand for these.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let mut symbols = Zeroizing::new(Vec::with_capacity(SYMBOLS));
        for c in text.chars().filter(|c| !matches!(c, '-' | ' ')).take(SYMBOLS + 1) {
            let c = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let value = ALPHABET.iter().position(|symbol| char::from(*symbol) == c);
            symbols.push(u8::try_from(value.ok_or(CodeError::Malformed)?).unwrap_or(0));
        }
        if symbols.len() != SYMBOLS {
            return Err(CodeError::Malformed);
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES + 1));
        let (groups, _) = symbols.as_chunks::<8>();
        for group in groups {
            let bits = group.iter().fold(0_u64, |bits, symbol| bits << 5 | u64::from(*symbol));
            // eight symbols are five bytes
            bytes.extend(bits.to_be_bytes().into_iter().skip(3));
        }
        let (secret, checksum) = bytes.split_first_chunk().ok_or(CodeError::Malformed)?;
        let code = Self(*secret);
        if checksum == [code.checksum()] { Ok(code) } else { Err(CodeError::Mistyped) }
    }

    /// The code as it is written down: eight groups of four.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(self.0.to_vec());
        bytes.push(self.checksum());
        let mut text = Zeroizing::new(String::with_capacity(SYMBOLS + 7));
        let (groups, _) = bytes.as_chunks::<5>();
        for group in groups {
            let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for symbol in 0..8_u32 {
                if text.len() % 5 == 4 {
                    text.push('-');
                }
                let value = usize::try_from(bits >> (35 - 5 * symbol) & 31).unwrap_or(0);
                text.push(ALPHABET.get(value).map_or('0', |symbol| char::from(*symbol)));
            }
        }
        text
    }

    /// The recovery key at one enterprise; no two enterprises see the same one. `None` with negligible probability.
    pub fn signer(&self, tenant: TenantId) -> Option<Signer> {
        let mut seed = Zeroizing::new([0; 32]);
        // 32 bytes are within what HKDF gives
        let _ = Hkdf::<Sha256>::new(Some(SALT), &self.0).expand(tenant.as_bytes(), seed.as_mut_slice());
        Signer::from_seed(&seed)
    }

    fn checksum(&self) -> u8 {
        let [first, ..] = <[u8; 32]>::from(Sha256::digest(self.0));
        first
    }
}

impl std::fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> RecoveryCode {
        RecoveryCode(std::array::from_fn(|at| u8::try_from(at * 13).unwrap()))
    }

    #[test]
    fn a_code_reads_back_however_it_is_typed() {
        let written = code().reveal();
        assert_eq!(written.len(), 39);
        for typed in [written.to_lowercase(), written.replace('-', " "), written.replace('0', "o")] {
            assert_eq!(RecoveryCode::parse(&typed).unwrap().0, code().0);
        }
    }

    #[test]
    fn a_mistyped_code_is_told_from_another() {
        let written = code().reveal();
        for (typed, error) in [
            ("", CodeError::Malformed),
            (&written[..38], CodeError::Malformed),
            (&format!("{}0", *written), CodeError::Malformed),
            (&written.replacen('0', "U", 1), CodeError::Malformed),
            (&written.replacen('0', "1", 1), CodeError::Mistyped),
        ] {
            assert_eq!(RecoveryCode::parse(typed).unwrap_err(), error, "{typed}");
        }
    }

    #[test]
    fn each_enterprise_sees_a_key_of_its_own() {
        let at = |tenant: u8| code().signer(TenantId::from_bytes([tenant; 16])).unwrap().thumbprint();
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
    }
}
