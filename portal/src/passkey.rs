//! Challenges for passkeys: made without keeping anything, good once, for a few minutes, for one purpose.
//!
//! | row | holds |
//! |---|---|
//! | `used/` challenge | until when it must be remembered |

use grantbook_record::UnixSeconds;
use grantbook_record::encoding::{Bytes32, to_base64url};
use subtle::ConstantTimeEq as _;

use crate::account::{put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;
use crate::secret::{mac, random};

/// How long a challenge is good, in seconds.
const GOOD_SECONDS: u64 = 300;

/// What a passkey is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To be made.
    Register,
    /// To log in.
    LogIn,
    /// To show once more that its owner is there.
    StepUp,
}

impl Purpose {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Register => b"register",
            Self::LogIn => b"log-in",
            Self::StepUp => b"step-up",
        }
    }
}

/// 4 bytes of the time, 12 random ones, and 16 of a MAC over both, the purpose and what it is bound to.
pub fn challenge(key: &[u8; 32], purpose: Purpose, binding: &str, now: UnixSeconds) -> Bytes32 {
    // seconds since 2020 fit 32 bits until 2156
    let mut head = [0; 16];
    let (time, fresh) = head.split_at_mut(4);
    time.copy_from_slice(&now.since_2020().0.to_be_bytes());
    fresh.copy_from_slice(&random::<12>());
    Bytes32(sealed(key, purpose, binding, &head))
}

/// Takes a challenge that came back: ours, for this purpose, young enough, and for the first time.
pub fn take(
    rows: &mut dyn Rows,
    key: &[u8; 32],
    purpose: Purpose,
    binding: &str,
    challenge: &Bytes32,
    now: UnixSeconds,
) -> Result<(), Failure> {
    let stale = Failure::Gone("a challenge that was just asked for");
    let Some(head) = challenge.0.first_chunk::<16>() else { return Err(stale) };
    if !bool::from(sealed(key, purpose, binding, head).ct_eq(&challenge.0)) {
        return Err(stale);
    }
    let [a, b, c, d, ..] = *head;
    let made = u64::from(u32::from_be_bytes([a, b, c, d]));
    let age = u64::from(now.since_2020().0).checked_sub(made);
    let name = format!("used/{}", to_base64url(&challenge.0));
    if age.is_none_or(|age| age > GOOD_SECONDS) || rows.get(&name).is_some() {
        return Err(stale);
    }
    put(rows, &name, &UnixSeconds(now.0.saturating_add(2 * GOOD_SECONDS)));
    Ok(())
}

/// Forgets challenges that are too old to be good.
pub fn sweep(rows: &mut dyn Rows, now: UnixSeconds) -> Result<(), Failure> {
    for name in rows.names("used/") {
        if row::<UnixSeconds>(rows, &name)?.is_some_and(|until| until < now) {
            rows.remove(&name);
        }
    }
    Ok(())
}

fn sealed(key: &[u8; 32], purpose: Purpose, binding: &str, head: &[u8; 16]) -> [u8; 32] {
    let full = mac(key, &[b"challenge", purpose.name(), binding.as_bytes(), head]);
    let mut challenge = [0; 32];
    let (first, second) = challenge.split_at_mut(16);
    first.copy_from_slice(head);
    second.copy_from_slice(full.first_chunk::<16>().unwrap_or(&[0; 16]));
    challenge
}

#[cfg(test)]
mod tests;
