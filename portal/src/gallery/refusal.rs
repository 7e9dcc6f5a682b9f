//! The enterprise's screen of refusals.

use super::customer::{ago, yuan};
use super::terms;
use super::{Flavour, Shown, Who, shown};
use crate::page::{Place, refusal};
use crate::view::refusal::{Refusal, Unless};

use Flavour::{Hostile, Long, Plain};

pub(super) const SHOWN: &[Shown] = &[
    shown("refusals", "full", Place::Requests, Who::Company, |page| {
        refusal::refusals(page, &refusals(Plain))
    }),
    shown("refusals", "long", Place::Requests, Who::Company, |page| refusal::refusals(page, &refusals(Long))),
    shown("refusals", "hostile", Place::Requests, Who::Company, |page| {
        refusal::refusals(page, &refusals(Hostile))
    }),
    shown("refusals", "empty", Place::Requests, Who::Company, |page| refusal::refusals(page, &[])),
];

fn refusals(flavour: Flavour) -> Vec<Refusal> {
    let quote = terms::quote(flavour);
    let data: Vec<_> = quote.data().into_iter().cloned().collect();
    let without = data.iter().take(1).cloned().collect();
    let asked = Some((quote.recipient.clone(), quote.purpose.clone(), data));
    let request = "0199b2a4-7c00-7000-8000-00000000000b".to_owned();
    let unless = Unless {
        without,
        days_max: Some(90),
        kept_days_max: Some(7),
        uses_max: Some(5),
        price_min: Some(yuan(120)),
    };
    vec![
        Refusal { at: ago(0, 900), request: request.clone(), asked: asked.clone(), unless: Some(unless) },
        Refusal { at: ago(3, 10), request: request.clone(), asked, unless: None },
        Refusal { at: ago(40, 0), request, asked: None, unless: None },
    ]
}
