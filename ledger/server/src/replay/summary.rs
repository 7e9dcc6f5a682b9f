//! What a replay comes to: counts that the ledger gives, so that a second run says the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use grantbook_engine::Ledger;
use grantbook_plan::Status;
use grantbook_record::{DenialReason, TenantId};
use serde::Serialize;

use super::identity::GateName;
use super::input::{Checked, Customers};
use super::life::Tally;
use super::offer;
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
    /// What happened besides, in a whole life.
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<LifeSummary>,
}

/// A whole life, and its uses beyond the rows.
#[derive(Debug, Clone, Serialize)]
struct LifeSummary {
    #[serde(flatten)]
    tally: Tally,
    uses_beyond_permitted: u64,
    uses_beyond_denied: BTreeMap<DenialReason, u64>,
}

/// One run.
pub(super) struct Run<'a> {
    pub(super) customers: &'a Customers,
    pub(super) checked: &'a Checked,
    pub(super) receipts: &'a Receipts<'a>,
    /// Row at which it went on.
    pub(super) resumed_at: u64,
    pub(super) took: Duration,
}

impl Summary {
    pub(super) fn of(
        ledger: &Ledger,
        tenant: TenantId,
        run: &Run<'_>,
        tally: Option<Tally>,
    ) -> Result<Self, Failure> {
        let Run { customers, checked, receipts, resumed_at, took } = *run;
        let (grants, withdrawals) = count_grants(ledger, tenant)?;
        let progress = ledger.gate_progress(tenant, &GateName::Purchases.id()?)?;
        let beyond = ledger.gate_progress(tenant, &GateName::Beyond.id()?)?;
        let life = tally.map(|tally| LifeSummary {
            tally,
            uses_beyond_permitted: beyond.permitted,
            uses_beyond_denied: beyond.denied,
        });
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
            payout_minor_total: progress.payout_minor.get(offer::currency().code()).copied().unwrap_or(0),
            currency: offer::currency().code(),
            rows: checked.rows,
            skipped_rows: checked.skipped,
            resumed_at,
            tenant,
            tree_size: size.0,
            root: root.to_string(),
            seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
            life,
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
        let mut money = vec![("payouts", self.payout_minor_total)];
        if let Some(LifeSummary { tally, uses_beyond_permitted, .. }) = &self.life {
            let Tally { grants_beyond, amendments, pauses, revocations, acknowledgements, deletions, .. } =
                *tally;
            for (name, count) in [
                ("grants beyond", grants_beyond),
                ("uses beyond", *uses_beyond_permitted),
                ("amendments", amendments),
                ("pauses", pauses),
                ("revocations", revocations),
                ("acknowledgements", acknowledgements),
                ("deletions", deletions),
            ] {
                let _ = writeln!(text, "  {name:<20} {count:>9}");
            }
            let settled = &tally.settled;
            money.extend([
                ("settled per use", settled.per_use_minor),
                ("settled per grant", settled.per_grant_minor),
                ("settled as shares", settled.share_minor),
            ]);
        }
        for (name, minor) in money {
            let _ = writeln!(text, "  {name:<20} {:>9}.{:02} {}", minor / 100, minor % 100, self.currency);
        }
        if let Some(LifeSummary { tally: Tally { days, closed_customer, .. }, .. }) = &self.life {
            let _ = writeln!(text, "  on {}", days.join(", "));
            if let Some(sub) = closed_customer {
                let _ = writeln!(text, "  nothing is open any more of customer {sub}");
            }
        }
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
