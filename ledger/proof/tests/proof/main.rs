//! Synthetic days of real entries: what complies verifies, what does not is named, excepted or refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_docs_in_private_items,
    reason = "tests"
)]

mod days;
mod mutations;
mod planted;
mod story;
mod world;
