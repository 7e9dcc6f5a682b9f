//! The native decision plan: what a customer's signed events add up to, and whether a use is permitted by them.
//!
//! Pure: all that both the ledger and the gate see. Time is an argument; nothing is read or written. What is *not*
//! here: signatures (`grantbook-record`), the order of entries (`grantbook-engine`), policy authoring
//! (`grantbook-author`).
//!
//! The same fold serves admission and replicas: [`customer::CustomerState`] and [`tenant::TenantState`] take in events
//! one by one; [`admission`] says which events may come next; [`decide()`] answers the gate's question.

pub mod admission;
pub mod assets;
pub mod audit;
pub mod compact;
pub mod cover;
pub mod customer;
pub mod decide;
pub mod duties;
pub mod house;
pub mod narrower;
#[cfg(test)]
mod samples;
pub mod tenant;
pub mod vocabulary;

pub use admission::{Parties, Refusal};
pub use assets::{AssetState, Holding};
pub use customer::{Admitted, CustomerState, EntryRef, GrantState, Status};
pub use decide::{Decision, Denial, Permission, UseCount, decide, judge_grant, judge_terms};
pub use duties::Duties;
pub use house::{Fact, HouseRules};
pub use tenant::TenantState;
pub use vocabulary::Vocabulary;
