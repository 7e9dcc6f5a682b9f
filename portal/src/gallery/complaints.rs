//! Screens of complaints: the customer's and the enterprise's.

use super::customer::{ago, ahead};
use super::terms::{HOSTILE, Named};
use super::{Flavour, Shown, Who, shown};
use crate::page::{Place, company, customer};
use crate::view::company::{ComplaintCounts, WaitingComplaint, WaitingComplaints};
use crate::view::customer::{Complaint, Complaints};

use Flavour::{Hostile, Long, Plain};

pub(super) const SHOWN: &[Shown] = &[
    shown("complaints", "full", Place::Account, Who::Customer, |page| {
        customer::complaints(page, &made(Plain))
    }),
    shown("complaints", "long", Place::Account, Who::Customer, |page| {
        customer::complaints(page, &made(Long))
    }),
    shown("complaints", "hostile", Place::Account, Who::Customer, |page| {
        customer::complaints(page, &made(Hostile))
    }),
    shown("complaints", "first", Place::Account, Who::Customer, |page| {
        customer::complaints(page, &Complaints { made: Vec::new(), ..made(Plain) })
    }),
    shown("complaints", "empty", Place::Account, Who::Customer, |page| {
        customer::complaints(page, &Complaints::default())
    }),
    shown("company-complaints", "full", Place::CompanyComplaints, Who::Company, |page| {
        company::complaints(page, &waiting(Plain))
    }),
    shown("company-complaints", "long", Place::CompanyComplaints, Who::Company, |page| {
        company::complaints(page, &waiting(Long))
    }),
    shown("company-complaints", "hostile", Place::CompanyComplaints, Who::Company, |page| {
        company::complaints(page, &waiting(Hostile))
    }),
    shown("company-complaints", "empty", Place::CompanyComplaints, Who::Company, |page| {
        company::complaints(page, &WaitingComplaints::default())
    }),
];

pub(super) const COUNTS: ComplaintCounts =
    ComplaintCounts { in_time: 41, late: 2, open: 1, overdue: 1, erased: 3 };

fn text(flavour: Flavour, plain: &str) -> String {
    match flavour {
        Plain => plain.to_owned(),
        Long => [plain; 40].join(" "),
        Hostile => HOSTILE.to_owned(),
    }
}

fn made(flavour: Flavour) -> Complaints {
    let company = Named(flavour).word("Harbour Insurance", "海港保险");
    let complaint = |says: &str, at, due, answer: Option<&str>| Complaint {
        company: company.clone(),
        text: text(flavour, says),
        at,
        due,
        answer: answer.map(|says| text(flavour, says)),
    };
    Complaints {
        made: vec![
            complaint("They read my charging records after I had stopped it.", ago(3, 0), ahead(12), None),
            complaint("Nobody has told me who gets the battery's report.", ago(33, 0), ago(3, 0), None),
            complaint(
                "The price was not the one that I had agreed to.",
                ago(40, 0),
                ago(10, 0),
                Some("You were paid for two uses too few. We have corrected it."),
            ),
        ],
        companies: vec![("harbour".to_owned(), company.clone())],
    }
}

fn waiting(flavour: Flavour) -> WaitingComplaints {
    let complaint = |id: &str, says: &str, at, due| WaitingComplaint {
        id: id.to_owned(),
        customer: "sandbox-customer-4".to_owned(),
        text: text(flavour, says),
        at,
        due,
    };
    WaitingComplaints {
        waiting: vec![
            complaint("first", "Nobody has told me who gets the battery's report.", ago(33, 0), ago(3, 0)),
            complaint(
                "second",
                "They read my charging records after I had stopped it.",
                ago(3, 0),
                ahead(12),
            ),
        ],
        counts: COUNTS,
    }
}
