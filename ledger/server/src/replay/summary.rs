//! What a replay comes to: counts that the ledger gives, so that a second run says the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use grantbook_engine::Ledger;
use grantbook_plan::Status;
use grantbook_record::{DenialReason, TenantId};
use serde::Serialize;

use super::identity;
use super::input::{Checked, Customers};
use super::proposal;
use super::receipts::Receipts;
use crate::cli::failure::Failure;

/// Grants read at once.
const PAGE: usize = 500;
/// Characters of the longest bar.
const BAR: u64 = 32;

/// The sum of a replay.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    /// Customers of the file.
    customers: u64,
    /// Grants that the ledger holds for them.
    grants: u64,
    /// Those of them that their customers have withdrawn.
    withdrawals: u64,
    /// Uses that the gate has permitted.
    uses_permitted: u64,
    /// Uses that it has denied, by reason.
    uses_denied: BTreeMap<DenialReason, u64>,
    /// Uses that the ledger has marked as against the rules.
    flagged: u64,
    /// Receipts of permitted uses that verify.
    receipts_verified: u64,
    /// What all permitted uses pay, minor units.
    payout_minor_total: u64,
    /// Currency of the payouts.
    currency: &'static str,
    /// Well-formed rows of the file.
    rows: u64,
    /// Malformed rows that were passed over.
    skipped_rows: u64,
    /// Row, in the order of the replay, at which this run went on.
    resumed_at: u64,
    /// The tenant.
    tenant: TenantId,
    /// Entries of the log.
    tree_size: u64,
    /// Root of the log, base64.
    root: String,
    /// How long this run took.
    seconds: f64,
}

impl Summary {
    pub(super) fn of(
        ledger: &Ledger,
        tenant: TenantId,
        customers: &Customers,
        checked: &Checked,
        receipts: &Receipts<'_>,
        resumed_at: u64,
        took: Duration,
    ) -> Result<Self, Failure> {
        let (grants, withdrawals) = count_grants(ledger, tenant)?;
        let progress = ledger.gate_progress(tenant, &identity::gate_id()?)?;
        let mut uses_denied = progress.denied;
        for reason in [DenialReason::Withdrawn, DenialReason::Period, DenialReason::Cap] {
            uses_denied.entry(reason).or_default();
        }
        let (size, root) = ledger.size_root();
        Ok(Self {
            customers: customers.count,
            grants,
            withdrawals,
            uses_permitted: progress.permitted,
            uses_denied,
            flagged: progress.flagged,
            receipts_verified: receipts.verified,
            payout_minor_total: progress.payout_minor.get(proposal::currency().code()).copied().unwrap_or(0),
            currency: proposal::currency().code(),
            rows: checked.rows,
            skipped_rows: checked.skipped,
            resumed_at,
            tenant,
            tree_size: size.0,
            root: root.to_string(),
            seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
        })
    }

    /// For people: a table with bars.
    pub(crate) fn to_text(&self) -> String {
        let mut lines = vec![
            ("customers".to_owned(), self.customers),
            ("grants".to_owned(), self.grants),
            ("withdrawals".to_owned(), self.withdrawals),
            ("uses permitted".to_owned(), self.uses_permitted),
        ];
        lines.extend(self.uses_denied.iter().map(|(reason, count)| (format!("denied: {reason}"), *count)));
        lines.push(("receipts verified".to_owned(), self.receipts_verified));
        let most = lines.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        let mut text = String::new();
        for (name, count) in lines {
            // rounded up, so that what is there at all shows
            let bar = "█".repeat(usize::try_from((count * BAR).div_ceil(most)).unwrap_or(0));
            let _ = writeln!(text, "  {name:<20} {count:>9}  {bar}");
        }
        let (whole, rest) = (self.payout_minor_total / 100, self.payout_minor_total % 100);
        let _ = writeln!(text, "  {:<20} {whole:>9}.{rest:02} {}", "payouts", self.currency);
        for (name, count) in [("rows skipped", self.skipped_rows), ("flagged", self.flagged)] {
            if count > 0 {
                let _ = writeln!(text, "  {name:<20} {count:>9}");
            }
        }
        if self.resumed_at >= self.rows {
            let _ = writeln!(text, "  nothing was left to do");
        } else if self.resumed_at > 0 {
            let _ = writeln!(text, "  went on at row {} of {}", self.resumed_at, self.rows);
        }
        let _ = writeln!(text, "  {} entries, root {}, {:.1} s", self.tree_size, self.root, self.seconds);
        text
    }
}

fn count_grants(ledger: &Ledger, tenant: TenantId) -> Result<(u64, u64), Failure> {
    let (mut grants, mut withdrawn, mut after) = (0, 0, None);
    loop {
        let page = ledger.grants(tenant, after, PAGE)?;
        let Some(last) = page.last() else { return Ok((grants, withdrawn)) };
        after = Some(last.leaf_index);
        grants += page.len() as u64;
        withdrawn += page.iter().filter(|row| row.grant.status == Status::Withdrawn).count() as u64;
    }
}
