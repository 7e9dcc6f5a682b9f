//! A fast CSPRNG per thread, seeded from the operating system.

use std::cell::RefCell;

use rand_chacha::ChaCha20Rng;
use rand_core::{OsRng, RngCore as _, SeedableRng as _};

thread_local! {
    static RNG: RefCell<ChaCha20Rng> = RefCell::new(ChaCha20Rng::from_rng(OsRng).unwrap_or_else(|_| {
        // without randomness nothing may be signed, salted or blinded
        tracing::error!("the operating system gives no randomness");
        std::process::abort()
    }));
}

/// Calls `f` with this thread's generator.
pub(crate) fn with<T>(f: impl FnOnce(&mut ChaCha20Rng) -> T) -> T {
    RNG.with_borrow_mut(f)
}

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    with(|rng| rng.fill_bytes(&mut bytes));
    bytes
}
