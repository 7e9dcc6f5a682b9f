//! The Grantbook server: HTTP over the ledger, and its configuration.
//!
//! What is *not* here: anything that decides, orders or stores. Handlers turn requests into calls of
//! [`grantbook_engine::Ledger`] and its answers into responses; [`http::problem`] is the one place that maps errors to
//! HTTP. Reference: `docs/reference/http.md`, `docs/reference/configuration.md`.

pub mod archive_page;
pub mod config;
pub mod consents;
pub mod fixture;
pub mod http;
pub mod kit;
pub mod logging;
mod mailing;
mod one_file;
mod portal;
pub mod profiles;
pub mod proofs;
pub mod settle;
pub mod story;
mod witnessing;

pub use config::{ConfigError, ENVELOPES_DAYS, Flags, MailConfig, MailTls, ServerConfig};
pub use fixture::{Fixture, FixtureError};
pub use http::{ServeError, Server, serve};
pub use mailing::MailError;
pub use witnessing::WitnessingError;
