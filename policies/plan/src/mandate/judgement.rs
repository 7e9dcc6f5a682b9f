//! What becomes of one request.

use grantbook_record::event::{MandateGiven, Outside, When};

use super::bounds::outside;
use super::request::Request;

/// Why a request is not accepted: what of it, and what the mandate wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Why {
    /// Which part of the request.
    pub what: &'static str,
    /// What the mandate wants of it.
    pub expected: &'static str,
}

/// As its words.
impl serde::Serialize for Why {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, expected {}", self.what, self.expected)
    }
}

/// What becomes of a request. Rules by their place in the mandate, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The agent agrees.
    Accept {
        /// The first rule that accepts it.
        rule: usize,
    },
    /// The agent declines.
    Decline {
        /// The first rule that declines it; none where no rule is about it.
        rule: Option<usize>,
        /// Why.
        why: Why,
    },
    /// The customer is asked.
    Ask {
        /// The first rule that leaves it to the customer; none where none of them does.
        rule: Option<usize>,
        /// Why.
        why: Why,
    },
}

/// Judges a request: declining beats asking, asking beats accepting.
pub fn judge(mandate: &MandateGiven, request: &Request<'_>) -> Judgement {
    if request.terms.vocabulary != mandate.vocabulary {
        return ask(None, Why { what: "vocabulary", expected: "the version that the rules are in" });
    }
    let mut accepted = None;
    let mut asked = None;
    for (at, rule) in mandate.rules.iter().enumerate().filter(|(_, rule)| is_about(&rule.when, request)) {
        let broken = match &rule.accept {
            Some(within) => outside(within, request),
            None => Some(Why { what: "request", expected: "none of those that the rule is about" }),
        };
        match (broken, rule.otherwise) {
            (None, _) => accepted = accepted.or(Some(at)),
            (Some(why), Outside::Decline) => return Judgement::Decline { rule: Some(at), why },
            (Some(why), Outside::Ask) => asked = asked.or(Some((at, why))),
        }
    }
    let about_none = Why { what: "request", expected: "one that a rule is about" };
    let no_rule = accepted.is_none() && asked.is_none();
    if no_rule && mandate.otherwise == Outside::Decline {
        return Judgement::Decline { rule: None, why: about_none };
    }
    if let Some((at, why)) = asked {
        return ask(Some(at), why);
    }
    if let Some(why) = request.reserved() {
        return ask(None, why);
    }
    if request.terms.validity.start() >= mandate.until {
        return ask(None, Why { what: "validity", expected: "one that begins before the mandate ends" });
    }
    accepted.map_or(ask(None, about_none), |rule| Judgement::Accept { rule })
}

fn ask(rule: Option<usize>, why: Why) -> Judgement {
    Judgement::Ask { rule, why }
}

/// Whether a rule is about a request.
fn is_about(when: &When, request: &Request<'_>) -> bool {
    let When { recipients, kinds, purposes, categories, templates } = when;
    let terms = request.terms;
    let any_recipient = recipients.is_empty() && kinds.is_empty();
    let named = recipients.contains(&terms.recipient);
    let of_kind = request.kind.is_some_and(|kind| kinds.contains(kind));
    (any_recipient || named || of_kind)
        && (purposes.is_empty() || purposes.contains(&terms.purpose))
        && (templates.is_empty() || templates.contains(&terms.template.id))
        && (categories.is_empty() || categories.iter().any(|category| request.touches(category)))
}
