//! The regulator kit: what an enterprise shows a regulator about a period, as tables without a pseudonym, beside the proof
//! bundles of its days. Specification: `docs/spec/regulator-kit.md`.
//!
//! [`Fold`] takes a tenant's events in and gives [`Tables`]; the [`manifest`] names and signs every file of the folder that
//! is handed over, and [`verify_kit`] checks such a folder. Not here: reading the ledger, and the page with which a browser
//! reads a kit (`sdk/verifier`).

mod csv;
mod details;
mod fairness;
mod figure;
mod fold;
mod html;
pub mod manifest;
mod tables;
mod verify;
mod words;

pub use details::{Contact, DETAILS_BYTES_MAX, Details, DetailsError, Place, Text};
pub use fairness::{FairDay, Outcome};
pub use figure::{FLOOR, Figure, Word};
pub use fold::{Fold, Taken};
pub use manifest::{KitFile, Manifest, ManifestError};
pub use tables::{
    Activity, LINE_BASIS_POINTS, Period, RecordOfProcessing, Requests, Step, Tables, TablesError, Withdrawals,
};
pub use verify::{Finding, KitReport, KitRules, ReadFile, verify_kit};

/// Version of the format.
pub const VERSION: u8 = 1;
/// The tables as JSON, from which the other forms are made.
pub const TABLES: &str = "kit.json";
/// The manifest.
pub const MANIFEST: &str = "manifest.jws";
/// Receipt of the public entry that names the manifest.
pub const ISSUED: &str = "issued.json";
/// The log's keys, on the operator's word.
pub const VKEY: &str = "vkey";
/// A checkpoint of the log.
pub const CHECKPOINT: &str = "checkpoint";
/// The page that reads a kit.
pub const READER: &str = "reader.html";

/// Name of a day's proof bundle in a kit.
pub fn bundle_name(day: &str) -> String {
    format!("proofs/{day}.bundle")
}

/// Name of the statement policy that a day was proved under.
pub fn policy_name(day: &str) -> String {
    format!("proofs/{day}.policy.json")
}

impl Tables {
    /// The files that are made of the tables alone, by name.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        use grantbook_record::terms::Language;
        vec![
            (TABLES, self.to_json()),
            ("record.csv", self.record_csv().into_bytes()),
            ("rates.csv", self.rates_csv().into_bytes()),
            ("fairness.csv", self.fairness_csv().into_bytes()),
            ("kit.en.html", self.to_html(Language::English).into_bytes()),
            ("kit.zh.html", self.to_html(Language::SimplifiedChinese).into_bytes()),
        ]
    }
}

#[cfg(test)]
mod tests;
