//! One enterprise: its published templates and notices, and the groups of terms that its grants fall into.

use std::collections::BTreeMap;

use grantbook_record::compensation::{TieredPrice, TieredShare};
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Audience, Bounds, Event, PolicyPublished, Shadow, Stage, TemplatePublished};
use grantbook_record::terms::{Compensation, TemplateRef};
use grantbook_record::{PublicKey, Term, Terms};
use serde::{Deserialize, Serialize};

use crate::decide::Basis;
use crate::notice::PublishedNotice;
use crate::protections::{Protections, UNSAID};
use crate::rules::PolicyPlan;
use crate::vocabulary::Vocabulary;

/// Versions of templates that one tenant may publish.
pub const TEMPLATES_MAX: usize = 4096;
/// Notices that one tenant may publish.
pub const NOTICES_MAX: usize = 4096;
/// Groups of terms of one tenant.
pub const GROUPS_MAX: usize = 65_535;

/// Everything that admission needs to know of a tenant beside its keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TenantState {
    /// Template versions by name, the first version first.
    pub templates: BTreeMap<Term, Vec<PublishedTemplate>>,
    /// Published notices, by the SHA-256 of their texts.
    pub notices: BTreeMap<Bytes32, PublishedNotice>,
    /// The enterprise's vocabulary.
    #[serde(default, skip_serializing_if = "is_unpublished")]
    pub vocabulary: Vocabulary,
    /// The key without which no template is published, where the enterprise has named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<PublicKey>,
    /// Groups of terms; a group's number is its position here plus one.
    pub groups: Vec<GroupTerms>,
    /// The rules that hold now; none before the first were published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PublishedPolicy>,
    /// Rules that are tried beside those that hold, and change nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
}

/// Rules in shadow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// First second of its shadow.
    pub from: UnixSeconds,
    /// First second after its shadow. It stays the candidate until it is promoted or dropped, or another one comes.
    pub until: UnixSeconds,
    /// SHA-256 of the Cedar sources.
    pub sources: Bytes32,
    /// The rules.
    pub plan: PolicyPlan,
}

/// Rules as published last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPolicy {
    /// Their version.
    pub version: u32,
    /// Uses that a gate has recorded earlier are not judged by them.
    pub from: UnixSeconds,
    /// SHA-256 of the Cedar sources.
    pub sources: Bytes32,
    /// The rules.
    pub plan: PolicyPlan,
}

/// A template as published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedTemplate {
    /// SHA-256 of the envelope.
    pub hash: Bytes32,
    /// The bounds.
    pub bounds: Bounds,
    /// Who gives grants under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
    /// SHA-256 of what a version that restores this one repeats.
    pub content: Bytes32,
}

impl PublishedTemplate {
    fn new(event: &TemplatePublished, hash: Bytes32) -> Self {
        let (bounds, audience) = (event.bounds.clone(), event.audience);
        Self { hash, bounds, audience, content: content(event) }
    }
}

/// SHA-256 of everything in a template but its number and who approves.
pub fn content(template: &TemplatePublished) -> Bytes32 {
    // string keys, no fallible serialisers
    Bytes32::sha256(&serde_json::to_vec(&template.content()).unwrap_or_default())
}

/// What a group fixes for all grants in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTerms {
    /// How customers are compensated; prices themselves are not part of a group.
    pub mode: CompensationMode,
    /// The share of revenue, 0 for other modes.
    pub basis_points: u16,
    /// With whom its customers are compared: those of the same template, by its name.
    pub cohort: Term,
    /// Where the price or share depends on how much was used or earned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Tiers>,
}

/// A price or share that depends on how much was used or earned in a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tiers {
    /// For each use.
    Price(TieredPrice),
    /// Of revenue.
    Share(TieredShare),
}

/// How customers are compensated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompensationMode {
    /// No money.
    None,
    /// Once for the grant.
    PerGrant,
    /// For each use.
    PerUse,
    /// A share of revenue.
    RevenueShare,
}

impl GroupTerms {
    /// The group that terms fall into.
    pub fn of(terms: &Terms) -> Self {
        let mut tiers = None;
        let (mode, basis_points) = match &terms.compensation {
            Compensation::None | Compensation::Benefit(_) => (CompensationMode::None, 0),
            Compensation::PerGrant(_) => (CompensationMode::PerGrant, 0),
            Compensation::PerUse(_) => (CompensationMode::PerUse, 0),
            Compensation::RevenueShare(share) => (CompensationMode::RevenueShare, share.basis_points.get()),
            Compensation::TieredPrice(price) => {
                tiers = Some(Tiers::Price(price.clone()));
                (CompensationMode::PerUse, 0)
            }
            Compensation::TieredShare(share) => {
                tiers = Some(Tiers::Share(share.clone()));
                (CompensationMode::RevenueShare, share.basis_points.get())
            }
        };
        Self { mode, basis_points, cohort: terms.template.id.clone(), tiers }
    }
}

impl TenantState {
    /// The template that terms name, if name, version and hash are of one published.
    pub fn template(&self, named: &TemplateRef) -> Option<&PublishedTemplate> {
        let at = usize::try_from(named.version).ok()?.checked_sub(1)?;
        self.templates.get(&named.id)?.get(at).filter(|published| published.hash == named.hash)
    }

    /// The group of these terms, where it has a number already.
    pub fn group(&self, terms: &Terms) -> Option<u16> {
        let at = self.groups.iter().position(|group| *group == GroupTerms::of(terms))?;
        u16::try_from(at + 1).ok()
    }

    /// The group of these terms, or the number that it gets with them.
    pub fn group_to_be(&self, terms: &Terms) -> u16 {
        let next = u16::try_from(self.groups.len() + 1).unwrap_or(u16::MAX);
        self.group(terms).unwrap_or(next)
    }

    /// Takes in an event that was admitted; `envelope_sha256` names the template it publishes.
    pub fn apply(&mut self, event: &Event, envelope_sha256: Bytes32) {
        match event {
            // what admission has let pass is the next version
            Event::VocabularyPublished(event) => {
                let _ = self.vocabulary.publish(event);
            }
            Event::TemplatePublished(event) => {
                let published = PublishedTemplate::new(event, envelope_sha256);
                self.templates.entry(event.id.clone()).or_default().push(published);
                self.approver = event.approver.or(self.approver);
            }
            Event::NoticePublished(event) => {
                let hash = Bytes32::sha256(event.text.as_bytes());
                self.notices.entry(hash).or_insert_with(|| PublishedNotice::new(event));
            }
            Event::PolicyPublished(event) => self.apply_policy(event),
            Event::GrantGiven(event) => self.add_group(&event.terms),
            Event::GrantAmended(event) => self.add_group(&event.terms),
            _ => {}
        }
    }

    /// Whether an event changes what is kept here.
    pub fn is_changed_by(&self, event: &Event) -> bool {
        match event {
            Event::VocabularyPublished(_)
            | Event::TemplatePublished(_)
            | Event::NoticePublished(_)
            | Event::PolicyPublished(_) => true,
            Event::GrantGiven(event) => self.group(&event.terms).is_none(),
            Event::GrantAmended(event) => self.group(&event.terms).is_none(),
            _ => false,
        }
    }

    fn apply_policy(&mut self, event: &PolicyPublished) {
        let PolicyPublished { version, from, sources, ref plan, ref stage } = *event;
        // admission has read the plan; one that cannot be read permits nothing
        let plan = || PolicyPlan::from_value(plan).unwrap_or_default();
        match stage {
            Some(Stage::Shadow(Shadow { hours })) => {
                let until = UnixSeconds(from.0.saturating_add(u64::from(hours.get()) * 3600));
                self.candidate = Some(Candidate { from, until, sources, plan: plan() });
            }
            Some(Stage::Dropped) => self.candidate = None,
            None | Some(Stage::Promoted(_)) => {
                self.policy = Some(PublishedPolicy { version, from, sources, plan: plan() });
                if stage.is_some() {
                    self.candidate = None;
                }
            }
        }
    }

    /// The rules that hold now, if any were published.
    pub fn rules(&self) -> Option<&PolicyPlan> {
        self.policy.as_ref().map(|policy| &policy.plan)
    }

    /// By what the grants of its customers are judged now.
    pub fn basis(&self) -> Basis<'_> {
        Basis::new(&self.vocabulary, self.rules()).with_notices(&self.notices)
    }

    /// How its customers are treated now.
    pub fn protections(&self) -> &Protections {
        self.rules().map_or(&UNSAID, PolicyPlan::protections)
    }

    /// The rules by which a use is judged that a gate recorded at `at`, if gates may be `bound_seconds` behind.
    pub fn rules_at(&self, at: UnixSeconds, bound_seconds: u64) -> Option<&PolicyPlan> {
        let known = |policy: &&PublishedPolicy| policy.from.0.saturating_add(bound_seconds) < at.0;
        self.policy.as_ref().filter(known).map(|policy| &policy.plan)
    }

    fn add_group(&mut self, terms: &Terms) {
        if self.group(terms).is_none() {
            self.groups.push(GroupTerms::of(terms));
        }
    }
}

fn is_unpublished(vocabulary: &Vocabulary) -> bool {
    vocabulary.has_one_version()
}

#[cfg(test)]
mod tests;
