//! Pages for people: customers, enterprises, regulators, and whoever comes by.
//!
//! Pages work without JavaScript, in English and Simplified Chinese, in light and dark, from telephone to desktop. What is
//! *not* here: any access to the ledger. A page is a pure function from a [`view`] to HTML; the views come from whoever
//! implements [`backend::read::Reads`], so a page can show nothing that an API client could not see.

pub mod account;
mod assets;
pub mod backend;
pub mod chart;
pub mod failure;
mod figures;
#[cfg(feature = "gallery")]
pub mod gallery;
mod language;
mod moment;
pub mod narrowing;
pub mod news;
pub mod page;
pub mod passkey;
mod routes;
pub mod rules;
mod secret;
pub mod session;
pub mod signing;
pub mod view;
pub mod viewer;
pub mod wish;
mod words;

pub use language::Language;
pub use moment::Zone;
pub use routes::router;
pub use view::overview::Overview;
pub use words::{Said, Words};

#[cfg(all(test, feature = "gallery"))]
mod tests;
