//! Replays a file of real purchases as data uses: every customer signs a grant, every row is a use that the gate
//! decides, permits with a receipt or denies.
//!
//! The gate here is a real one: it decides as `grantbook-plan` does, signs its records in batches, and resumes where the
//! ledger has acknowledged it. Nothing that grows with the file stays in memory.

pub(crate) mod cdnow;
mod gate;
mod identity;
mod input;
mod life;
mod offer;
mod order;
mod proposal;
mod receipts;
mod run;
mod scenario;
#[cfg(test)]
mod shadow;
mod shop;
mod summary;
mod time;

pub(crate) use run::{Options, run};
pub(crate) use scenario::Scenario;
