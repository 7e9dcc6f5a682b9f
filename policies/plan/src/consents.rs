//! Separate consents: each an act of its own. One tick cannot satisfy two. Specification: `docs/spec/people.md`.

use std::collections::BTreeSet;

use grantbook_record::event::Law;
use grantbook_record::{Term, Terms};

use crate::admission::Refusal;
use crate::cover::has_some_of_field;
use crate::rules::PolicyPlan;
use crate::tenant::TenantState;
use crate::vocabulary::{Sensitivity, Version};

/// To another recipient than the controller, and to whom that one passes the data on.
pub const THIRD_PARTY: &str = "third-party";
/// To receivers in another country than the controller's.
pub const CROSS_BORDER: &str = "cross-border";
/// To the use of sensitive data.
pub const SENSITIVE: &str = "sensitive";
/// To the use of special categories of data.
pub const SPECIAL: &str = "special";
/// To decisions that are made without a person.
pub const AUTOMATED_DECISION: &str = "automated-decision";
/// To making data known to everybody.
pub const PUBLIC_DISCLOSURE: &str = "public-disclosure";
/// The recipient that stands for everybody.
pub const EVERYBODY: &str = "public";

/// Which law asks for a separate consent of which kind, by which article. The rules of these laws in `policies/law` ask for
/// them at the gate.
pub const BASIS: &[(&str, Law, &str)] = &[
    (AUTOMATED_DECISION, Law::Gdpr, "22(2)(c)"),
    (CROSS_BORDER, Law::Pipl, "39"),
    (PUBLIC_DISCLOSURE, Law::Pipl, "25"),
    (SENSITIVE, Law::Pipl, "29"),
    (SPECIAL, Law::Gdpr, "9(2)(a)"),
    (THIRD_PARTY, Law::DataAct, "8(4)"),
    (THIRD_PARTY, Law::Pipl, "23"),
];

/// In which way consents are not given one by one; `given`: whether they are, or only asked for.
pub fn ticks(terms: &Terms, given: bool) -> Result<(), Refusal> {
    let refused = |expected| Err(Refusal::Consents { expected });
    let consents = &terms.consents;
    let kinds: BTreeSet<&Term> = consents.iter().map(|consent| &consent.to).collect();
    if kinds.len() != consents.len() {
        return refused("each of them once");
    }
    let sentences: BTreeSet<_> = consents.iter().map(|consent| consent.sentence).collect();
    if sentences.len() != consents.len() {
        return refused("a sentence of its own for each");
    }
    if sentences.contains(&terms.notice.hash) {
        return refused("a sentence that is not the notice");
    }
    let acts: BTreeSet<_> = consents.iter().filter_map(|consent| consent.given_at).collect();
    if !given {
        return if acts.is_empty() {
            Ok(())
        } else {
            refused("none to be given before the customer is asked")
        };
    }
    if acts.len() != consents.len() {
        return refused("each to be given by an act of its own, at a time of its own");
    }
    if acts.first().is_some_and(|first| first.seconds() < terms.notice.shown_at) {
        return refused("each to be given after the notice was shown");
    }
    Ok(())
}

/// Whether terms show that this consent is needed, whatever is done under them. What turns on single uses (automated decisions,
/// passing on) is for rules to say.
pub fn is_needed(to: &str, terms: &Terms, words: &Version, plan: Option<&PolicyPlan>) -> bool {
    let includes = |wanted: Sensitivity| {
        let categories = terms.scope.include.iter().map(|clause| &clause.category);
        let words_of = |category| words.words().categories.get(category);
        let mut fields = categories.flat_map(|category| {
            words_of(category)
                .into_iter()
                .flat_map(move |known| known.fields.keys().map(move |field| (category, field)))
        });
        fields.any(|(category, field)| {
            words.sensitivity(category, field) >= Some(wanted)
                && has_some_of_field(&terms.scope, category, field)
        })
    };
    match to {
        THIRD_PARTY => terms.recipient != terms.controller,
        CROSS_BORDER => plan.is_some_and(|plan| plan.crosses_border(&terms.controller, &terms.recipient)),
        SENSITIVE => includes(Sensitivity::Sensitive),
        SPECIAL => includes(Sensitivity::Special),
        PUBLIC_DISCLOSURE => terms.recipient.as_str() == EVERYBODY,
        _ => false,
    }
}

/// Whether terms have every consent that the rules demand and that they show to be needed.
pub(crate) fn check_needed(terms: &Terms, words: &Version, plan: Option<&PolicyPlan>) -> Result<(), Refusal> {
    match missing(terms, words, plan).next() {
        Some(to) => Err(Refusal::ConsentMissing { to: to.clone() }),
        None => Ok(()),
    }
}

/// The consents that a plan demands, that terms show to be needed and that they lack.
pub fn missing<'p>(
    terms: &Terms,
    words: &Version,
    plan: Option<&'p PolicyPlan>,
) -> impl Iterator<Item = &'p Term> {
    let demanded = plan.map(|plan| plan.protections().consents.as_slice()).unwrap_or_default();
    let lacks = move |to: &str| !terms.has_consent(to) && is_needed(to, terms, words, plan);
    demanded.iter().filter(move |to| lacks(to.as_str()))
}

/// Whether a customer who gives all else under these terms has to give this consent, too: their template asks for it, or the
/// rules do and the terms show that it is needed. Any other they may leave out.
pub fn is_required(to: &Term, terms: &Terms, tenant: &TenantState) -> bool {
    let template = tenant.template(&terms.template);
    let by_template = template.is_some_and(|template| template.bounds.consents.contains(to));
    let by_rules = || {
        let words = tenant.vocabulary.version(terms.vocabulary)?;
        Some(is_needed(to.as_str(), terms, words, tenant.rules()))
    };
    by_template || (tenant.protections().consents.contains(to) && by_rules() == Some(true))
}

/// Articles of the laws that a notice is made for, or that the rules demand of notices, which ask for this consent.
pub fn basis(to: &str, terms: &Terms, tenant: &TenantState) -> Vec<(Law, &'static str)> {
    let notice = tenant.notices.get(&terms.notice.hash);
    let named = notice.map(crate::notice::PublishedNotice::laws).unwrap_or_default();
    let demanded = &tenant.protections().notices;
    let applies = |law: &Law| named.contains(law) || demanded.contains(law);
    BASIS
        .iter()
        .filter(|(kind, law, _)| *kind == to && applies(law))
        .map(|(_, law, at)| (*law, *at))
        .collect()
}

#[cfg(test)]
mod tests;
