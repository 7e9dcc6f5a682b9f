//! The product from outside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says where"
)]

mod browser_desk;
mod browser_devices;
mod browser_keys;
mod browser_life;
mod browser_pages;
mod browser_rules;
mod browser_several;
mod bulk;
mod client;
mod conformance;
mod crash;
mod doors;
mod durability;
mod erasure;
mod export;
mod failures;
mod faults;
mod fleet;
mod gate;
mod isolation;
mod outside;
mod proxy;
mod public_log;
mod readme;
mod replay;
mod settlement;
mod spool;
mod tidy;
mod tools;
mod witness;
mod world;
