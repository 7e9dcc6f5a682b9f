//! The command line's own clock and randomness; the libraries below take both as arguments.

use std::time::{SystemTime, UNIX_EPOCH};

use grantbook_record::Jti;
use grantbook_record::day::UnixMillis;
use rand_core::{OsRng, RngCore as _};

/// The machine's wall clock.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Bytes from the operating system.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// The id of an envelope made now.
pub(crate) fn new_jti() -> Jti {
    Jti::new(now(), random_bytes())
}
