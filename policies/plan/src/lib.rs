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
pub mod columns;
pub mod compact;
pub mod complaint;
pub mod consents;
pub mod cosigners;
pub mod cover;
pub mod customer;
pub mod decide;
pub mod duties;
pub mod guardian;
pub mod house;
pub mod mandate;
pub mod nagging;
pub mod narrower;
pub mod notice;
pub mod owners;
pub mod protections;
pub mod rules;
#[cfg(test)]
mod samples;
pub mod signatories;
pub mod simulation;
pub mod tenant;
pub mod vocabulary;

pub use admission::{Parties, Refusal};
pub use assets::{AssetState, Holding};
pub use columns::ColumnWords;
pub use customer::{Admitted, CustomerState, EntryRef, GrantState, Status};
pub use decide::{Basis, Decision, Denial, Permission, UseCount, decide, judge_grant, judge_terms};
pub use duties::Duties;
pub use house::{Fact, HouseRules};
pub use mandate::MandateState;
pub use owners::OwnedSource;
pub use protections::Protections;
pub use rules::PolicyPlan;
pub use tenant::TenantState;
pub use vocabulary::Vocabulary;
