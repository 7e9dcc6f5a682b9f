//! Enterprises' screens.

use grantbook_record::DenialReason;

use super::customer::{ago, ahead, connection, request, yuan};
use super::terms::{self, HOSTILE, Named};
use super::{Flavour, Shown, Who, shown};
use crate::page::{Place, company, customer};
use crate::view::company::{Desk, Gate, Held, Period, TemplateCard, UseLine, WaitingRequest};
use crate::view::customer::Standing;
use crate::view::draft::{Choice, Draft, DraftForm, Fault, Part, PreparedRequest, Preview};

use Flavour::{Hostile, Long, Plain};

pub(super) const SHOWN: &[Shown] = &[
    shown("company-sign-in", "plain", Place::SignIn, Who::Visitor, |page| company::sign_in(page, false)),
    shown("company-sign-in", "refused", Place::SignIn, Who::Visitor, |page| company::sign_in(page, true)),
    shown("company", "full", Place::Desk, Who::Company, |page| company::desk(page, &desk(Plain))),
    shown("company", "hostile", Place::Desk, Who::Company, |page| company::desk(page, &desk(Hostile))),
    shown("company", "empty", Place::Desk, Who::Company, |page| company::desk(page, &empty())),
    shown("requests", "full", Place::Requests, Who::Company, |page| {
        company::requests(page, &desk(Plain), None)
    }),
    shown("requests", "made", Place::Requests, Who::Company, |page| {
        company::requests(page, &desk(Plain), Some(1_204))
    }),
    shown("requests", "empty", Place::Requests, Who::Company, |page| company::requests(page, &empty(), None)),
    shown("preview", "plain", Place::Requests, Who::Company, |page| {
        customer::request_preview(page, &preview(Plain, Vec::new(), None))
    }),
    shown("preview", "faults", Place::Requests, Who::Company, |page| {
        customer::request_preview(page, &preview(Long, vec![Fault::Customer, Fault::Price], None))
    }),
    shown("preview", "refused", Place::Requests, Who::Company, |page| {
        let refusal = "asked too soon after a refusal, expected 90 days between".to_owned();
        customer::request_preview(page, &preview(Hostile, Vec::new(), Some(refusal)))
    }),
    shown("prepared", "plain", Place::Requests, Who::Company, |page| {
        company::prepared(page, &prepared(false), "https://log.example")
    }),
    shown("prepared", "refused", Place::Requests, Who::Company, |page| {
        company::prepared(page, &prepared(true), "https://log.example")
    }),
    shown("grants", "full", Place::Grants, Who::Company, |page| company::grants(page, &desk(Plain))),
    shown("grants", "long", Place::Grants, Who::Company, |page| company::grants(page, &desk(Long))),
    shown("grants", "empty", Place::Grants, Who::Company, |page| company::grants(page, &empty())),
    shown("uses", "full", Place::Uses, Who::Company, |page| company::uses(page, &desk(Plain))),
    shown("uses", "empty", Place::Uses, Who::Company, |page| company::uses(page, &empty())),
    shown("gates", "full", Place::Gates, Who::Company, |page| company::gates(page, &desk(Plain))),
    shown("gates", "empty", Place::Gates, Who::Company, |page| company::gates(page, &empty())),
    shown("settlement", "full", Place::Settlement, Who::Company, |page| {
        company::settlement(page, &desk(Plain))
    }),
    shown("settlement", "empty", Place::Settlement, Who::Company, |page| company::settlement(page, &empty())),
];

fn empty() -> Desk {
    Desk { name: "Meridian Motors".to_owned(), sandbox: true, ..Desk::default() }
}

fn prepared(refused: bool) -> PreparedRequest {
    PreparedRequest {
        id: "prepared".to_owned(),
        customer: "sandbox-customer-4".to_owned(),
        payload: r#"{"v":1,"aud":"…","jti":"…","iat":1759905000,"sub":"sandbox-customer-4","terms":{}}"#
            .to_owned(),
        refused,
    }
}

fn preview(flavour: Flavour, faults: Vec<Fault>, refusal: Option<String>) -> Preview {
    let named = Named(flavour);
    let choice = |value: &str, english, chinese| Choice {
        value: value.to_owned(),
        name: named.word(english, chinese),
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let typed = [
        pair("template", "charging-quote"),
        pair("customer", "sandbox-customer-4"),
        pair("from", "2025-07-01"),
        pair("to", "2025-09-30"),
        pair("price", "0.80"),
    ];
    let review = request(terms::quote(flavour), flavour);
    let title = named.word("Insurance quote from fast charging", "按快充记录报价");
    Preview {
        template: TemplateCard { id: "charging-quote".to_owned(), version: 2, title },
        review,
        form: DraftForm {
            draft: Draft::of_pairs(&typed),
            recipients: vec![choice("harbour", "Harbour Insurance", "港湾保险")],
            purposes: vec![choice(
                "insurance-underwriting",
                "Pricing and underwriting insurance",
                "保险定价与核保",
            )],
            parts: vec![Part {
                category: choice("fast-charging", "Fast charging", "快充记录"),
                fields: vec![
                    choice("fast-charging/date", "Date", "日期"),
                    choice("fast-charging/work_order", "Work order", "工单内容"),
                ],
            }],
            notices: Vec::new(),
            days_max: 366,
            uses_max: Some(100),
            kept_max: Some(90),
            price_min: Some(("0.50".to_owned(), "CNY")),
            faults,
            refusal,
            signs: flavour == Plain,
        },
    }
}

fn desk(flavour: Flavour) -> Desk {
    let named = Named(flavour);
    let name = match flavour {
        Hostile => HOSTILE,
        Plain | Long => "Meridian Motors",
    };
    let held = |customer: &str, agreement, standing, uses| Held {
        customer: customer.to_owned(),
        connection: connection(&agreement, standing, uses),
    };
    let line = |seconds, customer: &str, refused, cost, leaf_index| UseLine {
        at: ago(0, seconds),
        customer: customer.to_owned(),
        by: named.word("Pricing service", "定价服务"),
        purpose: named.word("Pricing and underwriting insurance", "保险定价与核保"),
        refused,
        cost,
        leaf_index,
    };
    let waiting = |customer: &str, at, expires| WaitingRequest {
        customer: customer.to_owned(),
        recipient: named.word("Harbour Insurance", "海港保险"),
        purpose: named.word("Pricing and underwriting insurance", "保险定价与核保"),
        template: "charging-quote".to_owned(),
        at,
        expires,
        leaf_index: 41,
    };
    let gate = |name: &str, heard, fresh, behind, permitted, denied| Gate {
        name: name.to_owned(),
        heard,
        fresh,
        behind,
        permitted,
        denied,
    };
    Desk {
        name: name.to_owned(),
        sandbox: true,
        grants: vec![
            held("sandbox-customer-4", terms::quote(flavour), Standing::Active, 12),
            held("sandbox-customer-5", terms::rising(flavour), Standing::Paused, 3),
            held("sandbox-customer-7", terms::share(flavour), Standing::Withdrawn, 31),
        ],
        later_grants: Some(1_204),
        earlier_uses: Some(1_201),
        uses: vec![
            line(40, "sandbox-customer-4", None, Some(yuan(80)), 1_204),
            line(62, "sandbox-customer-7", Some(DenialReason::Withdrawn), None, 1_203),
            line(80, "sandbox-customer-5", Some(DenialReason::Paused), None, 1_202),
            line(120, "sandbox-customer-4", None, Some(yuan(80)), 1_201),
        ],
        denials: vec![(DenialReason::Withdrawn, 1_412), (DenialReason::Cap, 30), (DenialReason::Field, 2)],
        gates: vec![
            gate("underwriting-1", Some(1), true, 0, 48_120, 1_444),
            gate("underwriting-2", Some(74), false, 12, 9_031, 4),
            gate("research-1", None, false, 1_204, 0, 0),
        ],
        waiting: vec![
            waiting("sandbox-customer-4", ago(2, 0), ahead(1)),
            waiting("sandbox-customer-11", ago(0, 900), ahead(13)),
        ],
        templates: vec![
            TemplateCard {
                id: "charging-quote".to_owned(),
                version: 2,
                title: named.word("Insurance quote from fast charging", "按快充记录报价"),
            },
            TemplateCard {
                id: "battery-research".to_owned(),
                version: 1,
                title: named.word("Battery research", "电池研究"),
            },
        ],
        periods: vec![
            Period { number: 4, state: "period-open", uses: 140, due: vec![yuan(11_200)] },
            Period { number: 3, state: "period-closed", uses: 1_310, due: vec![yuan(104_800)] },
            Period { number: 2, state: "period-posted", uses: 0, due: Vec::new() },
        ],
    }
}
