//! What the tests of faults tell each other: which faults there are, and what came of them.
//!
//! Each test writes a tally to `target/faults`; `cargo run -p grantbook-tests --bin faults-report` makes
//! `docs/faults.md` of them.

#[path = "../faults/list.rs"]
mod list;
#[path = "../faults/page.rs"]
mod page;
#[path = "../faults/tally.rs"]
mod tally;

pub use list::{FAULTS, Fault, Part};
pub use page::page;
pub use tally::{Tally, folder, tallies};
