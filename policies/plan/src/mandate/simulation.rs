//! What a mandate would do, before anybody signs it.

use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Bounds, MandateGiven};
use grantbook_record::list::List;
use grantbook_record::scope::{Clause, Scope};
use grantbook_record::terms::{
    Compensation, Consent, Language, Limits, NoticeShown, RetentionDays, TemplateRef, Validity,
};
use grantbook_record::{Term, Terms};
use serde::Serialize;

use super::judgement::{Judgement, Why, judge};
use super::request::Request;
use crate::tenant::TenantState;

/// Clauses of one scope.
const CLAUSES_MAX: usize = 16;
const SECONDS_PER_DAY: u64 = 86_400;

/// What a mandate says of one request, for people and machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// `accept`, `decline` or `ask`.
    pub verdict: &'static str,
    /// The rule that says so, by its place, from 0; none where no rule does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// Why it is not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

impl From<Judgement> for Answer {
    fn from(judgement: Judgement) -> Self {
        match judgement {
            Judgement::Accept { rule } => Self { verdict: "accept", rule: Some(rule), why: None },
            Judgement::Decline { rule, why } => Self { verdict: "decline", rule, why: Some(why) },
            Judgement::Ask { rule, why } => Self { verdict: "ask", rule, why: Some(why) },
        }
    }
}

/// What a mandate says of the widest request that a template allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SimulatedTemplate {
    /// Name of the template.
    pub template: Term,
    /// Its version.
    pub version: u32,
    /// From whom.
    pub recipient: Term,
    /// What for.
    pub purpose: Term,
    /// The answer.
    pub answer: Answer,
}

/// The widest requests under the latest version of each template: all its categories, the longest time, the most uses and the
/// least price. Where not even that is more than the mandate accepts, no request under the template is.
pub fn simulate_templates(
    mandate: &MandateGiven,
    tenant: &TenantState,
    now: UnixSeconds,
) -> Vec<SimulatedTemplate> {
    let mut simulated = Vec::new();
    for (name, versions) in &tenant.templates {
        let Some(latest) = versions.last() else { continue };
        let version = u32::try_from(versions.len()).unwrap_or(u32::MAX);
        let template = TemplateRef { id: name.clone(), version, hash: latest.hash };
        for recipient in latest.bounds.recipients.iter() {
            for purpose in latest.bounds.purposes.iter() {
                let widest = widest(&latest.bounds, &template, (recipient, purpose), now);
                let judged = widest.iter().map(|terms| judge(mandate, &Request::new(terms, tenant)));
                let Some(judgement) = judged.max_by_key(|judgement| rank(*judgement)) else { continue };
                simulated.push(SimulatedTemplate {
                    template: name.clone(),
                    version,
                    recipient: recipient.clone(),
                    purpose: purpose.clone(),
                    answer: judgement.into(),
                });
            }
        }
    }
    simulated
}

/// Of the parts of a request the worst counts.
fn rank(judgement: Judgement) -> u8 {
    match judgement {
        Judgement::Accept { .. } => 0,
        Judgement::Ask { .. } => 1,
        Judgement::Decline { .. } => 2,
    }
}

/// The widest terms within bounds, in as many parts as its categories need.
fn widest(
    bounds: &Bounds,
    template: &TemplateRef,
    (recipient, purpose): (&Term, &Term),
    now: UnixSeconds,
) -> Vec<Terms> {
    let seconds = u64::from(bounds.validity_days_max).max(1).saturating_mul(SECONDS_PER_DAY);
    let Some(validity) = Validity::new(now, UnixSeconds(now.0.saturating_add(seconds))) else {
        return Vec::new();
    };
    let Some(controller) = bounds.controllers.first() else { return Vec::new() };
    let limits = Limits {
        uses: bounds.uses_max,
        retention_days: bounds.retention_days_max.and_then(RetentionDays::new),
        level: bounds.level_max,
        rate: None,
    };
    let all = |category: &Term| Clause {
        category: category.clone(),
        period: None,
        fields: None,
        filter: List::default(),
    };
    // which sentences will ask for them nobody knows yet
    let consents = bounds.consents.iter().map(|to| Consent::asked(to.clone(), to.as_str())).collect();
    let Some(consents) = List::new(consents) else { return Vec::new() };
    let scopes = bounds.categories.chunks(CLAUSES_MAX).filter_map(|categories| {
        let include = List::new(categories.iter().map(all).collect())?;
        Some(Scope { include, exclude: List::default() })
    });
    let terms = |scope| Terms {
        vocabulary: bounds.vocabulary,
        controller: controller.clone(),
        recipient: recipient.clone(),
        purpose: purpose.clone(),
        scope,
        validity,
        limits,
        compensation: bounds.price_min.map_or(Compensation::None, Compensation::PerUse),
        obligations: List::default(),
        notice: NoticeShown { hash: Bytes32([0; 32]), language: Language::English, shown_at: now },
        template: template.clone(),
        consents: consents.clone(),
        supersedes: None,
        licence: None,
    };
    scopes.map(terms).collect()
}
