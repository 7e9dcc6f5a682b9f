//! Columns of an enterprise's systems, and which fields of the vocabulary they could be.
//!
//! [`schema`] reads the columns from headers of CSV files, JSON Schemas and `CREATE TABLE` statements; [`mod@propose`]
//! compares them with the vocabulary. Nothing is ever mapped here: a proposal becomes a mapping when somebody puts it into
//! a publication and signs that. Until then a column is denied at every gate.

pub mod propose;
pub mod schema;

pub use propose::{Candidate, Proposal, Standing, propose};
pub use schema::{Column, ColumnType, ImportError, from_csv, from_json_schema, from_sql};

#[cfg(test)]
mod tests;
