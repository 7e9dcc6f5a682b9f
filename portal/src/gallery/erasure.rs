//! Screens of having everything erased.

use super::customer::{ago, ahead, connection, yuan};
use super::terms::{self, Named};
use super::{Flavour, NOW, Shown, Who, shown};
use crate::page::{Place, erasure};
use crate::view::Wording;
use crate::view::customer::Standing;
use crate::view::erasure::{ErasureReport, ErasureReview, ErasureState};

use Flavour::{Hostile, Long, Plain};
use grantbook_record::day::UnixSeconds;

pub(super) const SHOWN: &[Shown] = &[
    shown("erase", "full", Place::Account, Who::Customer, |page| erasure::review(page, &review(Plain))),
    shown("erase", "long", Place::Account, Who::Customer, |page| erasure::review(page, &review(Long))),
    shown("erase", "hostile", Place::Account, Who::Customer, |page| erasure::review(page, &review(Hostile))),
    shown("erase", "empty", Place::Account, Who::Customer, |page| {
        let (open, owed) = (Vec::new(), Vec::new());
        erasure::review(page, &ErasureReview { records: 1, open, owed, ..review(Plain) })
    }),
    shown("erase", "held", Place::Account, Who::Customer, |page| {
        erasure::review(page, &ErasureReview { held: true, ..review(Plain) })
    }),
    shown("erased", "gates", Place::Account, Who::Customer, |page| {
        erasure::report(page, &report(company(Plain), ErasureState::Waiting { gates: 2, until: ahead(1) }))
    }),
    shown("erased", "proofs", Place::Account, Who::Customer, |page| {
        erasure::report(page, &report(company(Plain), ErasureState::Waiting { gates: 0, until: ahead(1) }))
    }),
    shown("erased", "done", Place::Account, Who::Customer, |page| {
        erasure::report(page, &report(company(Plain), DONE))
    }),
    shown("erased", "hostile", Place::Account, Who::Customer, |page| {
        erasure::report(page, &report(company(Hostile), DONE))
    }),
    shown("erased", "nothing", Place::Account, Who::Customer, |page| {
        erasure::report(page, &report(company(Plain), ErasureState::Nothing))
    }),
];

pub(super) const DONE: ErasureState = ErasureState::Done {
    at: UnixSeconds(NOW.0 - 40),
    leaf_index: 218,
    backups_until: Some(UnixSeconds(NOW.0 + 19 * 86_400)),
};

fn company(flavour: Flavour) -> Wording {
    Named(flavour).word("Meridian Motors", "子午汽车")
}

fn review(flavour: Flavour) -> ErasureReview {
    ErasureReview {
        tenant: "meridian".to_owned(),
        company: company(flavour),
        records: 214,
        open: vec![
            connection(&terms::quote(flavour), Standing::Active, 12),
            connection(&terms::benefit(flavour), Standing::Active, 0),
        ],
        owed: vec![yuan(1_280)],
        within_seconds: 5,
        waits_hours: 24,
        backups_until: ahead(19),
        held: false,
    }
}

pub(super) fn report(company: Wording, state: ErasureState) -> ErasureReport {
    ErasureReport { tenant: "meridian".to_owned(), company, asked: ago(0, 70), state }
}
