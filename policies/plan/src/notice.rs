//! Notices: whether they say all that laws ask, and whether a grant's terms stay within what its notice says.
//!
//! Specification: `docs/spec/people.md`. The table of demands is here and nowhere else.

use std::collections::BTreeMap;

use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Law, NoticeContents, NoticePublished};
use grantbook_record::{Term, Terms};
use serde::{Deserialize, Serialize};

use crate::admission::{Context, Refusal, TEXT_BYTES_MAX};
use crate::rules::PolicyPlan;
use crate::vocabulary::{Sensitivity, Version};

/// Bytes of one text of a notice's contents.
const PART_BYTES_MAX: usize = 4096;

/// A part of a notice's contents that may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `contact`
    Contact,
    /// `legal_basis`
    LegalBasis,
    /// `retention`
    Retention,
    /// `rights`
    Rights,
    /// `withdrawal`
    Withdrawal,
    /// `complaint`
    Complaint,
    /// `sensitive`, where a category is sensitive.
    Sensitive,
    /// `cross_border` of each receiver of whom the rules say that they are in another country.
    CrossBorder,
    /// `automated`, where a consent to an automated decision is asked.
    Automated,
}

impl Part {
    /// Its member.
    pub fn member(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::LegalBasis => "legal_basis",
            Self::Retention => "retention",
            Self::Rights => "rights",
            Self::Withdrawal => "withdrawal",
            Self::Complaint => "complaint",
            Self::Sensitive => "sensitive",
            Self::CrossBorder => "cross_border",
            Self::Automated => "automated",
        }
    }
}

/// What laws ask of a notice, with the provision. Controller, purposes, categories and recipients no contents can lack.
pub const DEMANDS: &[(Law, Part, &str)] = &[
    (Law::Gdpr, Part::Contact, "Art. 13(1)(a), 14(1)(a)"),
    (Law::Gdpr, Part::LegalBasis, "Art. 13(1)(c), 14(1)(c)"),
    (Law::Gdpr, Part::CrossBorder, "Art. 13(1)(f), 14(1)(f)"),
    (Law::Gdpr, Part::Retention, "Art. 13(2)(a), 14(2)(a)"),
    (Law::Gdpr, Part::Rights, "Art. 13(2)(b), 14(2)(c)"),
    (Law::Gdpr, Part::Withdrawal, "Art. 13(2)(c), 14(2)(d)"),
    (Law::Gdpr, Part::Complaint, "Art. 13(2)(d), 14(2)(e)"),
    (Law::Gdpr, Part::Automated, "Art. 13(2)(f), 14(2)(g)"),
    (Law::Pipl, Part::Contact, "Art. 17(1)(1)"),
    (Law::Pipl, Part::Retention, "Art. 17(1)(2)"),
    (Law::Pipl, Part::Rights, "Art. 17(1)(3)"),
    (Law::Pipl, Part::Withdrawal, "Art. 15, 17(1)(3)"),
    (Law::Pipl, Part::Sensitive, "Art. 30"),
    (Law::Pipl, Part::CrossBorder, "Art. 39"),
    (Law::Pipl, Part::Automated, "Art. 24"),
    (Law::Dpdp, Part::Rights, "s. 5(1)(ii), 13"),
    (Law::Dpdp, Part::Withdrawal, "s. 5(1)(ii), 6(4)"),
    (Law::Dpdp, Part::Complaint, "s. 5(1)(iii)"),
    (Law::Dpdp, Part::Contact, "s. 6(3)"),
    (Law::DataAct, Part::Retention, "Art. 3(3)(a)"),
    (Law::DataAct, Part::Contact, "Art. 3(3)(d), (e)"),
    (Law::DataAct, Part::Rights, "Art. 3(3)(f)"),
    (Law::DataAct, Part::Withdrawal, "Art. 3(3)(f), (i)"),
    (Law::DataAct, Part::Complaint, "Art. 3(3)(g)"),
];

/// What is kept of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedNotice {
    /// What it says, where it says so part by part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<Says>,
}

/// What a grant's terms are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Says {
    /// Laws whose demands it meets.
    pub laws: Vec<Law>,
    /// The controller.
    pub controller: Term,
    /// Purposes.
    pub purposes: Vec<Term>,
    /// Categories.
    pub categories: Vec<Term>,
    /// Recipients.
    pub recipients: Vec<Term>,
    /// Those of them who are said to be in another country.
    pub cross_border: Vec<Term>,
    /// SHA-256 of the sentence of each separate consent.
    pub sentences: BTreeMap<Term, Bytes32>,
}

impl PublishedNotice {
    pub(crate) fn new(event: &NoticePublished) -> Self {
        let says = event.contents.as_ref().map(|contents| {
            let sentence = |text: &String| Bytes32::sha256(text.as_bytes());
            Says {
                laws: contents.laws.to_vec(),
                controller: contents.controller.clone(),
                purposes: contents.purposes.to_vec(),
                categories: contents.categories.to_vec(),
                recipients: contents.recipients.to_vec(),
                cross_border: contents.cross_border.iter().map(|receiver| receiver.party.clone()).collect(),
                sentences: contents
                    .consents
                    .iter()
                    .map(|consent| (consent.to.clone(), sentence(&consent.sentence)))
                    .collect(),
            }
        });
        Self { says }
    }

    /// Laws whose demands it meets.
    pub fn laws(&self) -> &[Law] {
        self.says.as_ref().map(|says| says.laws.as_slice()).unwrap_or_default()
    }
}

/// Whether a notice says what it must.
pub(crate) fn check_published(event: &NoticePublished, context: &Context<'_>) -> Result<(), Refusal> {
    let got = event.text.len();
    if !(1..=TEXT_BYTES_MAX).contains(&got) {
        return Err(Refusal::Text { got });
    }
    let known = context.tenant.notices.get(&Bytes32::sha256(event.text.as_bytes()));
    if known.is_some_and(|known| *known != PublishedNotice::new(event)) {
        return Err(Refusal::Notice {
            expected: "another text, since this one was published with other contents",
        });
    }
    let Some(contents) = &event.contents else { return Ok(()) };
    let words = context.tenant.vocabulary.latest();
    match faults(contents, &event.text, words, context.tenant.rules()).next() {
        Some(Fault::Lacks(law, part, provision)) => {
            Err(Refusal::NoticeLacks { what: part.member(), law: law.word(), provision })
        }
        Some(Fault::Contents(expected)) => Err(Refusal::Notice { expected }),
        None => Ok(()),
    }
}

/// What is wrong with a notice's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Something in them; what was expected.
    Contents(&'static str),
    /// A part that a law asks for, by which provision.
    Lacks(Law, Part, &'static str),
}

/// All that is wrong with contents of a notice with this text.
pub fn faults<'a>(
    contents: &'a NoticeContents,
    text: &'a str,
    words: &'a Version,
    plan: Option<&'a PolicyPlan>,
) -> impl Iterator<Item = Fault> {
    let shown = |part: &String| (1..=PART_BYTES_MAX).contains(&part.len()) && text.contains(part.as_str());
    let NoticeContents { identity, contact, legal_basis, retention, rights, withdrawal, complaint, .. } =
        contents;
    let NoticeContents { sensitive, automated, cross_border, consents, .. } = contents;
    let optional = [contact, legal_basis, retention, rights, withdrawal, complaint, sensitive, automated];
    let mut parts = std::iter::once(identity).chain(optional.into_iter().flatten());
    let receivers = cross_border.iter();
    let sentences = consents.iter().map(|consent| (&consent.to, consent.sentence.as_str()));
    let apart: BTreeMap<&str, &Term> = sentences.clone().map(|(to, sentence)| (sentence, to)).collect();
    let kinds: BTreeMap<&Term, &str> = sentences.collect();
    let rules = [
        (
            parts.all(shown) && receivers.clone().all(|receiver| shown(&receiver.text)),
            "parts of 1 to 4096 bytes that stand in the text, word for word",
        ),
        (contents.purposes.iter().all(|word| words.has_purpose(word)), "purposes of the vocabulary"),
        (contents.categories.iter().all(|word| words.has_category(word)), "categories of the vocabulary"),
        (
            receivers.clone().all(|receiver| contents.recipients.contains(&receiver.party)),
            "receivers in other countries to be among the recipients",
        ),
        (
            apart.len() == consents.len() && kinds.len() == consents.len() && !apart.contains_key(text),
            "a sentence of its own for each separate consent",
        ),
        (
            apart.keys().all(|sentence| (1..=PART_BYTES_MAX).contains(&sentence.len())),
            "sentences of 1 to 4096 bytes",
        ),
    ];
    let wrong = rules.into_iter().filter(|(holds, _)| !holds).map(|(_, expected)| Fault::Contents(expected));
    let demanded = DEMANDS.iter().filter(|(law, ..)| contents.laws.contains(law));
    let lacking = demanded.filter(move |(_, part, _)| lacks(contents, *part, words, plan));
    wrong.chain(lacking.map(|(law, part, provision)| Fault::Lacks(*law, *part, provision)))
}

fn lacks(contents: &NoticeContents, part: Part, words: &Version, plan: Option<&PolicyPlan>) -> bool {
    match part {
        Part::Contact => contents.contact.is_none(),
        Part::LegalBasis => contents.legal_basis.is_none(),
        Part::Retention => contents.retention.is_none(),
        Part::Rights => contents.rights.is_none(),
        Part::Withdrawal => contents.withdrawal.is_none(),
        Part::Complaint => contents.complaint.is_none(),
        Part::Sensitive => {
            let is_sensitive = |category: &Term| {
                let known = words.words().categories.get(category);
                let fields = known.into_iter().flat_map(|known| known.fields.keys());
                let of = |field| words.sensitivity(category, field);
                fields.into_iter().any(|field| of(field) >= Some(Sensitivity::Sensitive))
            };
            contents.sensitive.is_none() && contents.categories.iter().any(is_sensitive)
        }
        Part::CrossBorder => contents.recipients.iter().any(|recipient| {
            plan.is_some_and(|plan| plan.crosses_border(&contents.controller, recipient))
                && !contents.cross_border.iter().any(|receiver| receiver.party == *recipient)
        }),
        Part::Automated => {
            let asked = |to: &Term| to.as_str() == crate::consents::AUTOMATED_DECISION;
            contents.automated.is_none() && contents.consents.iter().any(|consent| asked(&consent.to))
        }
    }
}

/// Whether terms stay within what their notice says, and whether it says what the rules demand of notices.
pub(crate) fn check_terms(terms: &Terms, context: &Context<'_>) -> Result<(), Refusal> {
    let tenant = context.tenant;
    let notice = tenant.notices.get(&terms.notice.hash).ok_or(Refusal::NoSuchNotice)?;
    if let Some(law) = tenant.protections().notices.iter().find(|law| !notice.laws().contains(law)) {
        return Err(Refusal::NoticeOf { law: law.word() });
    }
    let Some(says) = &notice.says else { return Ok(()) };
    let mut categories = terms.scope.include.iter().map(|clause| &clause.category);
    let crosses = tenant.rules().is_some_and(|plan| plan.crosses_border(&terms.controller, &terms.recipient));
    let rules = [
        (says.controller == terms.controller, "controller"),
        (says.recipients.contains(&terms.recipient), "recipient"),
        (says.purposes.contains(&terms.purpose), "purpose"),
        (categories.all(|category| says.categories.contains(category)), "category"),
        (!crosses || says.cross_border.contains(&terms.recipient), "country of the recipient"),
        (
            terms.consents.iter().all(|consent| says.sentences.get(&consent.to) == Some(&consent.sentence)),
            "sentence of a separate consent",
        ),
    ];
    match rules.into_iter().find(|(said, _)| !said) {
        Some((_, what)) => Err(Refusal::NotInNotice { what }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
