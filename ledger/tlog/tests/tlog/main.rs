//! The crate against its oracles, its vectors and its invariants.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod invariants;
mod notes;
mod oracles;
mod tree;
mod vectors;
mod witnesses;
