//! Complaints, as the customer and the enterprise see them.

use grantbook_engine::{ComplaintRow, Ledger, ReadError};
use grantbook_portal::view::company::{ComplaintCounts, WaitingComplaint, WaitingComplaints};
use grantbook_portal::view::customer::{Complaint, Complaints};
use grantbook_portal::viewer::Membership;
use grantbook_record::TenantId;

use super::customer::company;

/// Complaints on an enterprise's page, and in an answer of the API: those that are due first.
pub(crate) const SHOWN_MAX: usize = 100;

/// All of a customer's, the latest first.
pub(super) fn made(ledger: &Ledger, of: &[Membership]) -> Result<Complaints, ReadError> {
    let mut complaints = Complaints::default();
    for place in of {
        let company = company(ledger, place.tenant);
        for ComplaintRow { complaint, .. } in ledger.complaints_of(place.tenant, &place.subject)? {
            complaints.made.push(Complaint {
                company: company.clone(),
                text: complaint.text.as_str().to_owned(),
                at: complaint.made,
                due: complaint.due,
                answer: complaint.answer.map(|answer| answer.text.as_str().to_owned()),
            });
        }
        complaints.companies.push((place.tenant.to_string(), company));
    }
    complaints.made.sort_by_key(|complaint| std::cmp::Reverse(complaint.at));
    Ok(complaints)
}

/// Those that wait for an enterprise.
pub(super) fn waiting(ledger: &Ledger, tenant: TenantId) -> Result<WaitingComplaints, ReadError> {
    let rows = ledger.open_complaints(tenant, SHOWN_MAX)?.into_iter();
    let waiting = rows.map(|ComplaintRow { id, sub, complaint }| WaitingComplaint {
        id: id.to_string(),
        customer: sub.as_str().to_owned(),
        text: complaint.text.as_str().to_owned(),
        at: complaint.made,
        due: complaint.due,
    });
    Ok(WaitingComplaints { waiting: waiting.collect(), counts: counts(ledger, tenant)? })
}

fn counts(ledger: &Ledger, tenant: TenantId) -> Result<ComplaintCounts, ReadError> {
    let grantbook_engine::ComplaintCounts { in_time, late, open, overdue, erased } =
        ledger.complaint_counts(tenant)?;
    Ok(ComplaintCounts { in_time, late, open, overdue, erased })
}

/// How all enterprises together deal with them: of one alone a small number could tell who complained.
pub(super) fn of_all(ledger: &Ledger) -> Result<ComplaintCounts, ReadError> {
    let mut all = ComplaintCounts::default();
    for tenant in ledger.tenants() {
        let ComplaintCounts { in_time, late, open, overdue, erased } = counts(ledger, tenant.id)?;
        for (sum, more) in [
            (&mut all.in_time, in_time),
            (&mut all.late, late),
            (&mut all.open, open),
            (&mut all.overdue, overdue),
            (&mut all.erased, erased),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
    Ok(all)
}
