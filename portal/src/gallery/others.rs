//! Screens for everybody.

use super::{NOW, Shown, Who, shown};
use crate::page::faults::{Fault, fault};
use crate::page::{Page, Place, customer, overview, regulator};
use crate::view::overview::Overview;
use crate::view::regulator::LogState;

pub(super) const SHOWN: &[Shown] = &[
    shown("overview", "sandbox", Place::Overview, Who::Visitor, |page| {
        overview::overview(page, &front(true))
    }),
    shown("overview", "plain", Place::Overview, Who::Visitor, |page| {
        overview::overview(&Page { sandbox: false, ..page.clone() }, &front(false))
    }),
    shown("tour", "regulator", Place::Log, Who::Visitor, |page| {
        let path = "/regulator?tour=regulator-1".to_owned();
        regulator::log(&Page { path, ..page.clone() }, &log(true), "https://log.example")
    }),
    shown("log", "witnessed", Place::Log, Who::Visitor, |page| {
        regulator::log(page, &log(true), "https://log.example")
    }),
    shown("log", "alone", Place::Log, Who::Visitor, |page| {
        regulator::log(page, &log(false), "https://log.example")
    }),
    shown("bundle", "plain", Place::Bundle, Who::Visitor, regulator::bundle),
    shown("receipt", "file", Place::Receipt, Who::Visitor, |page| customer::receipt(page, None)),
    shown("fault", "sign-in", Place::Elsewhere, Who::Visitor, |page| fault(page, Fault::SignIn)),
    shown("fault", "company-sign-in", Place::Desk, Who::Visitor, |page| fault(page, Fault::CompanySignIn)),
    shown("fault", "not-a-company", Place::Desk, Who::Customer, |page| fault(page, Fault::NotYours)),
    shown("fault", "not-found", Place::Elsewhere, Who::Visitor, |page| fault(page, Fault::NotFound)),
];

fn front(sandbox: bool) -> Overview {
    Overview {
        origin: "log.example/grantbook".to_owned(),
        tree_size: 12_042,
        root: "MpIghwdLQvu/Ojo2cjqyeCX9m62x4pvd68P+qD6ewE0=".to_owned(),
        sandbox,
        doors: sandbox.then(|| "http://localhost:8460".to_owned()),
        base_url: "https://log.example".to_owned(),
    }
}

fn log(witnessed: bool) -> LogState {
    let Overview { origin, tree_size: size, root, .. } = front(true);
    let names = if witnessed {
        [("witness.example/north", true), ("witness.example/south", true), ("witness.example/east", false)]
            .as_slice()
    } else {
        &[]
    };
    LogState {
        complaints: super::complaints::COUNTS,
        origin,
        size,
        root,
        signed_at: Some(NOW),
        witnesses: names.iter().map(|(name, signed)| ((*name).to_owned(), *signed)).collect(),
    }
}
