//! Screens of standing rules.

use grantbook_record::money::{Currency, Price};
use grantbook_record::{TenantId, Term};

use super::customer::{ago, ahead};
use super::terms::Named;
use super::{Flavour, Shown, Who, shown};
use crate::page::{Place, rules};
use crate::rules::{RuleFault, RuleForm};
use crate::view::Wording;
use crate::view::agreement::Pay;
use crate::view::rules::{
    About, Accepts, Choices, Rule, RuleBook, RuleDraft, Standing, Trial, Tried, Verdict,
};

use Flavour::{Hostile, Long, Plain};

pub(super) const SHOWN: &[Shown] = &[
    shown("rules", "full", Place::Account, Who::Customer, |page| rules::book(page, &book(Plain))),
    shown("rules", "long", Place::Account, Who::Customer, |page| rules::book(page, &book(Long))),
    shown("rules", "hostile", Place::Account, Who::Customer, |page| rules::book(page, &book(Hostile))),
    shown("rules", "empty", Place::Account, Who::Customer, |page| {
        let companies = book(Plain).companies;
        rules::book(page, &RuleBook { companies, ..RuleBook::default() })
    }),
    shown("rule", "new", Place::Account, Who::Customer, |page| {
        rules::draft(page, &RuleDraft { form: RuleForm::default(), tried: None, ..draft(Plain) })
    }),
    shown("rule", "tried", Place::Account, Who::Customer, |page| rules::draft(page, &draft(Plain))),
    shown("rule", "long", Place::Account, Who::Customer, |page| rules::draft(page, &draft(Long))),
    shown("rule", "hostile", Place::Account, Who::Customer, |page| rules::draft(page, &draft(Hostile))),
    shown("rule", "wrong", Place::Account, Who::Customer, |page| {
        let wrong = Some(RuleFault::Price);
        rules::draft(page, &RuleDraft { tried: None, wrong, ..draft(Plain) })
    }),
    shown("rule", "nothing", Place::Account, Who::Customer, |page| {
        let tried = draft(Plain).tried.map(|tried| Tried { requests: vec![], templates: vec![], ..tried });
        rules::draft(page, &RuleDraft { tried, ..draft(Plain) })
    }),
];

fn rule(named: &Named) -> Rule {
    Rule {
        about: vec![
            About::Recipients(vec![named.word("Insurers", "保险公司")]),
            About::Purposes(vec![named.word("Underwriting of insurance", "保险承保")]),
        ],
        accepts: Some(Accepts {
            only: vec![],
            never: vec![(named.word("Work orders", "工单"), vec![])],
            pays: Currency::parse("CNY")
                .map(|currency| Pay::EachUse(Price { currency, minor: 80 }))
                .into_iter()
                .collect(),
            days: Some(30),
            kept_days: Some(30),
            uses: None,
            level: None,
            consents: vec![named.word("Your data goes to another company", "向其他企业提供您的数据")],
        }),
        declines: true,
    }
}

fn standing(named: &Named, id: &str, in_force: bool) -> Standing {
    Standing {
        id: id.to_owned(),
        leaf_index: 218,
        company: company(named),
        tenant: TenantId::of_log("gallery"),
        rules: vec![rule(named)],
        declines_others: !in_force,
        until: if in_force { ahead(61) } else { ago(3, 0) },
        in_force,
        grants: if in_force { vec!["01a1ee56-5e2d-7d2d-ad2d-2d2d2d2d2d2d".to_owned()] } else { vec![] },
    }
}

fn company(named: &Named) -> Wording {
    named.word("Meridian Motors", "子午汽车")
}

fn book(flavour: Flavour) -> RuleBook {
    let named = &Named(flavour);
    RuleBook {
        companies: vec![(TenantId::of_log("gallery"), company(named))],
        rules: vec![standing(named, "in-force", true), standing(named, "ended", false)],
        answerable: 2,
    }
}

fn draft(flavour: Flavour) -> RuleDraft {
    let named = &Named(flavour);
    let choice = |term: &str, english: &str, chinese: &str| {
        Term::parse(term).ok().map(|term| (term, named.word(english, chinese)))
    };
    let trial = |english: &str, chinese: &str, verdict, why| Trial {
        recipient: named.word(english, chinese),
        purpose: named.word("Underwriting of insurance", "保险承保"),
        verdict,
        why,
    };
    let choices = Choices {
        kinds: [choice("insurer", "Insurers", "保险公司"), choice("research", "Research", "研究机构")]
            .into_iter()
            .flatten()
            .collect(),
        purposes: [
            choice("insurance-underwriting", "Underwriting of insurance", "保险承保"),
            choice("research", "Research", "研究"),
        ]
        .into_iter()
        .flatten()
        .collect(),
        categories: [
            choice("fast-charging", "Fast charging", "快充记录"),
            choice("work-orders", "Work orders", "工单"),
        ]
        .into_iter()
        .flatten()
        .collect(),
        consents: choice("third-party", "Your data goes to another company", "向其他企业提供您的数据")
            .into_iter()
            .collect(),
        currencies: vec!["CNY".to_owned(), "EUR".to_owned()],
    };
    let first =
        |choices: &[(Term, Wording)]| choices.first().map(|(term, _)| term.clone()).into_iter().collect();
    let form = RuleForm {
        kinds: first(&choices.kinds),
        purposes: first(&choices.purposes),
        price: "0.80".to_owned(),
        currency: "CNY".to_owned(),
        days: Some(30),
        declines: true,
        stands: Some(90),
        ..RuleForm::default()
    };
    RuleDraft {
        tenant: TenantId::of_log("gallery"),
        company: company(named),
        choices,
        form,
        tried: Some(Tried {
            rule: rule(named),
            requests: vec![
                trial("Harbour Insurance", "海港保险", Verdict::Accepts, None),
                trial("Tide Research", "潮汐研究所", Verdict::Asks, Some("rule-why-request")),
            ],
            templates: vec![trial(
                "Harbour Insurance",
                "海港保险",
                Verdict::Declines,
                Some("rule-why-validity"),
            )],
        }),
        wrong: None,
    }
}
