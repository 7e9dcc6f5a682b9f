//! What an audit comes to.

use std::collections::BTreeMap;

use grantbook_record::audit::Request;
use grantbook_record::encoding::Bytes32;
use grantbook_record::receipt::Trust;
use grantbook_tlog::{LeafIndex, VouchedCheckpoint};
use serde::Serialize;

use super::{Fault, Said};

/// What was checked when something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The answer is an answer.
    Form,
    /// Each drawn entry is answered once, in the order of the draw, and no other.
    Order,
    /// A drawn entry is answered.
    Missing,
    /// The receipt verifies in the regulator's own tree: place, kind, class, digest, signatures, commitments.
    Receipt,
    /// The tag is of the day key.
    Tag,
    /// One day and enterprise have one day key.
    DayKey,
    /// What is public is the log's.
    Owner,
    /// The kind is one that can be erased.
    Erased,
    /// The committed time.
    Time,
    /// The link names what the entry is about.
    Link,
    /// The terms.
    Terms,
    /// The mandate under which an agent signed.
    Mandate,
    /// The payout is the price.
    Payout,
    /// The facts of a use are within its terms.
    Use,
    /// The group stands for the same everywhere.
    Group,
}

/// An answer that fails a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The entry; absent where the answer does not even name one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf_index: Option<u64>,
    /// Which check.
    pub check: Check,
    /// What is wrong; no personal data.
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.leaf_index {
            Some(index) => write!(f, "entry {index}: ")?,
            None => f.write_str("an answer: ")?,
        }
        f.write_str(&self.what)
    }
}

/// What was drawn, opened and found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The log.
    pub origin: String,
    /// Its entries under the regulator's checkpoint.
    pub tree_size: u64,
    /// Root of that tree, base64.
    pub root: String,
    /// `witnessed`, or only `signed`.
    pub trust: &'static str,
    /// The regulator's dice.
    pub nonce: Bytes32,
    /// SHA-256 of the request, which the operator's act on the log names.
    pub request_sha256: Bytes32,
    /// Entries drawn.
    pub drawn: usize,
    /// Entries opened and without a finding.
    pub opened: u64,
    /// Of these, recorded uses that the ledger had flagged: they broke a rule and are shown as having done so.
    pub flagged: u64,
    /// Entries opened whose terms are erased: of them nothing is counted.
    pub without_terms: u64,
    /// Entries of which nothing is left to be opened.
    pub erased: u64,
    /// Opened entries by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// What is wrong, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// With a confidence of 95 %, fewer of a million entries are false in a way that the checks find, those aside that are
    /// erased. Absent with findings, and where nothing was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_per_million_below: Option<u32>,
}

impl Report {
    pub(super) fn new(request: &Request, vouched: &VouchedCheckpoint, drawn: usize) -> Self {
        let checkpoint = &vouched.checkpoint;
        let witnessed = vouched.cosigned.quorum && !vouched.cosigned.by.is_empty();
        Self {
            origin: checkpoint.origin().to_owned(),
            tree_size: checkpoint.size().0,
            root: checkpoint.root().to_string(),
            trust: if witnessed { Trust::Witnessed } else { Trust::Signed }.name(),
            nonce: *request.nonce(),
            request_sha256: request.sha256(),
            drawn,
            opened: 0,
            flagged: 0,
            without_terms: 0,
            erased: 0,
            kinds: BTreeMap::new(),
            findings: Vec::new(),
            false_per_million_below: None,
        }
    }

    /// Whether something was opened and nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.opened > 0
    }

    pub(super) fn find(&mut self, index: Option<LeafIndex>, Fault { check, what }: Fault) {
        self.findings.push(Finding { leaf_index: index.map(|index| index.0), check, what });
    }

    pub(super) fn count(&mut self, said: &Said) {
        match said {
            Said::All(kind, flagged) => {
                self.opened += 1;
                self.flagged += u64::from(*flagged);
                *self.kinds.entry(kind.name()).or_default() += 1;
            }
            Said::WithoutTerms => self.without_terms += 1,
            Said::Nothing => self.erased += 1,
        }
    }

    pub(super) fn conclude(&mut self) {
        self.false_per_million_below = self.is_clean().then(|| false_per_million_below(self.opened));
    }
}

/// 1 − 0.05^(1/n) in millionths, rounded up.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "n is at most 100,000 and the share lies between 0 and 1"
)]
fn false_per_million_below(opened: u64) -> u32 {
    let share = 1.0 - 0.05_f64.powf(1.0 / opened as f64);
    (share * 1e6).ceil() as u32
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { origin, tree_size, trust, drawn, opened, .. } = self;
        writeln!(f, "Audit of {origin}: {drawn} entries drawn of {tree_size}, under a {trust} checkpoint.")?;
        writeln!(
            f,
            "Opened and in order: {opened}, {} of them uses that the ledger had flagged.",
            self.flagged
        )?;
        for (kind, count) in &self.kinds {
            writeln!(f, "  {count:>7}  {kind}")?;
        }
        if self.erased + self.without_terms > 0 {
            let (erased, without_terms) = (self.erased, self.without_terms);
            writeln!(f, "Erased, so that they say nothing: {erased}; with erased terms: {without_terms}.")?;
        }
        if self.findings.is_empty() {
            writeln!(f, "Findings: none.")?;
        } else {
            writeln!(f, "Findings: {}.", self.findings.len())?;
            for finding in &self.findings {
                writeln!(f, "  {finding}")?;
            }
        }
        match self.false_per_million_below {
            Some(below) => writeln!(
                f,
                "With 95 % confidence fewer than {}.{:04} % of the log's entries are false in a way that these checks find, \
                 those aside that are erased.",
                below / 10_000,
                below % 10_000
            )?,
            None => writeln!(f, "Nothing follows about the other entries.")?,
        }
        write!(
            f,
            "Not found by any audit: uses that were never recorded. Not checked here: whether the keys that signed are the \
             customers', and whether a flag is right."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_follows_from_the_number_opened() {
        for (opened, below) in
            [(1, 950_000), (2, 776_394), (59, 49_508), (300, 9_937), (3_000, 999), (100_000, 30)]
        {
            assert_eq!(false_per_million_below(opened), below, "{opened}");
        }
    }
}
