//! A customer's standing rules, and what one would have done before it is signed.

use std::collections::BTreeSet;

use grantbook_engine::{Ledger, ReadError};
use grantbook_plan::TenantState;
use grantbook_plan::mandate::{Answer, Draft};
use grantbook_portal::rules::{RuleFault, RuleForm};
use grantbook_portal::view::rules::{
    Choices, Rule, RuleBook, RuleDraft, Standing, Trial, Tried, Verdict, why_not,
};
use grantbook_portal::view::{Names, Wording};
use grantbook_portal::viewer::Membership;
use grantbook_record::Term;

use super::customer::company;
use super::names::TenantNames;

/// Offered where no template names a currency.
const CURRENCIES: [&str; 3] = ["CNY", "EUR", "USD"];

/// All rules, those in force first, the latest first.
pub(super) fn book(ledger: &Ledger, of: &[Membership]) -> Result<RuleBook, ReadError> {
    let mut book = RuleBook::default();
    for place in of {
        let names = TenantNames::of(ledger, place.tenant)?;
        let company = company(ledger, place.tenant);
        for row in ledger.mandates_of(place.tenant, &place.subject)? {
            let given = &row.mandate.given;
            book.rules.push(Standing {
                id: row.mandate.id.to_string(),
                leaf_index: row.mandate.leaf_index,
                company: company.clone(),
                tenant: place.tenant,
                rules: Rule::all(given, &names),
                declines_others: !given.otherwise.is_ask(),
                until: given.until,
                in_force: row.in_force,
                grants: row.grants.iter().map(ToString::to_string).collect(),
            });
        }
        book.answerable += ledger.answers_by_rules(place.tenant, &place.subject)?.len() as u64;
        book.companies.push((place.tenant, company));
    }
    book.rules.sort_by_key(|rule| (!rule.in_force, std::cmp::Reverse(rule.leaf_index)));
    Ok(book)
}

/// A rule that is being made.
pub(super) fn draft(
    ledger: &Ledger,
    of: &[Membership],
    tenant: &str,
    form: Result<RuleForm, RuleFault>,
) -> Result<RuleDraft, ReadError> {
    let place = of.iter().find(|place| place.tenant.to_string() == tenant).ok_or(ReadError::NotFound)?;
    let state = ledger.tenant_state(place.tenant)?;
    let names = TenantNames::of(ledger, place.tenant)?;
    let mut draft = RuleDraft {
        tenant: place.tenant,
        company: company(ledger, place.tenant),
        choices: choices(&state, &names),
        form: RuleForm::default(),
        tried: None,
        wrong: None,
    };
    let tried = form.and_then(|form| {
        draft.form = form;
        if !draft.form.is_sent() {
            return Ok(None);
        }
        draft.form.stands()?;
        draft.form.draft(state.vocabulary.latest().number()).map(Some)
    });
    match tried {
        Ok(None) => {}
        Ok(Some(drafted)) => match tried_on(ledger, place, drafted, &names)? {
            Ok(tried) => draft.tried = Some(tried),
            Err(wrong) => draft.wrong = Some(wrong),
        },
        Err(wrong) => draft.wrong = Some(wrong),
    }
    Ok(draft)
}

fn tried_on(
    ledger: &Ledger,
    place: &Membership,
    draft: Draft,
    names: &TenantNames,
) -> Result<Result<Tried, RuleFault>, ReadError> {
    let rule = Rule::of_draft(&draft, names).ok_or(ReadError::NotFound)?;
    let Ok(simulation) = ledger.simulate_mandate(place.tenant, &place.subject, draft)? else {
        return Ok(Err(RuleFault::Refused));
    };
    let requests = simulation.requests.iter().map(|(row, answer)| {
        let agreement = names.agreement(&row.request.terms);
        trial(agreement.recipient, agreement.purpose, answer)
    });
    let templates = simulation.templates.iter().map(|template| {
        trial(names.party(&template.recipient), names.purpose(&template.purpose), &template.answer)
    });
    Ok(Ok(Tried { rule, requests: requests.collect(), templates: templates.collect() }))
}

fn trial(recipient: Wording, purpose: Wording, answer: &Answer) -> Trial {
    let why = answer.why.as_ref().map(why_not);
    Trial { recipient, purpose, verdict: Verdict::of(answer.verdict), why }
}

/// Words that a rule can be made of: those of the vocabulary, and the consents and currencies of the templates.
fn choices(state: &TenantState, names: &TenantNames) -> Choices {
    let words = state.vocabulary.latest().words();
    let latest = state.templates.values().filter_map(|versions| versions.last());
    let mut consents: BTreeSet<&Term> = BTreeSet::new();
    let mut currencies: BTreeSet<String> = BTreeSet::new();
    for template in latest {
        consents.extend(template.bounds.consents.iter());
        currencies.extend(template.bounds.price_min.map(|price| price.currency.code().to_owned()));
    }
    if currencies.is_empty() {
        currencies.extend(CURRENCIES.map(str::to_owned));
    }
    Choices {
        kinds: words.recipients.keys().map(|term| (term.clone(), names.party(term))).collect(),
        purposes: words.purposes.keys().map(|term| (term.clone(), names.purpose(term))).collect(),
        categories: words.categories.keys().map(|term| (term.clone(), names.category(term))).collect(),
        consents: consents.into_iter().map(|term| (term.clone(), names.party(term))).collect(),
        currencies: currencies.into_iter().collect(),
    }
}
