//! Data assets: which may be issued, who owns them, to whom they may go, and which grants are licences of them.
//!
//! Specification: `docs/spec/asset.md`. Gates know nothing of assets: a licence is a grant and says itself with which
//! grants it ends. So what is asked here is asked by the ledger alone, when it admits an event.

use grantbook_record::day::UnixSeconds;
use grantbook_record::event::{AssetIssued, AssetTransferred, Event, LicenceOffer, Owner};
use grantbook_record::scope::AttributeValue;
use grantbook_record::terms::{Compensation, Licence};
use grantbook_record::uses::UseFacts;
use grantbook_record::{Jti, Terms};
use serde::{Deserialize, Serialize};

use crate::admission::Refusal;
use crate::customer::{Admitted, CustomerState, EntryRef, GrantState, Status};
use crate::decide::CONSENT_TO_PASS_ON;
use crate::vocabulary::Vocabulary;

/// Assets derived from one customer's data at one enterprise.
pub const ASSETS_MAX: usize = 256;
/// Owners that one asset may have had.
pub const OWNERS_MAX: usize = 64;
/// The separate consent without which nothing may be derived under a grant.
pub const CONSENT_TO_DERIVE: &str = "derived-asset";
/// The row attribute by which a use says which asset it uses.
pub const ASSET_ATTRIBUTE: &str = "asset";

/// An asset and to whom it has belonged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetState {
    /// The `jti` of its `asset.issued`.
    pub id: Jti,
    /// What was signed.
    pub issued: AssetIssued,
    /// Its owners, the first one first; never empty.
    pub owners: Vec<Holding>,
}

/// That somebody owns an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Who.
    pub owner: Owner,
    /// The entry that made it so.
    pub entry: EntryRef,
    /// Since when, by the ledger's clock.
    pub since: UnixSeconds,
}

impl AssetState {
    pub(crate) fn new(issued: &AssetIssued, admitted: &Admitted) -> Self {
        let mut state = Self { id: admitted.jti, issued: issued.clone(), owners: Vec::new() };
        state.pass_to(issued.owner, admitted);
        state
    }

    pub(crate) fn pass_to(&mut self, owner: Owner, admitted: &Admitted) {
        self.owners.push(Holding { owner, entry: admitted.entry, since: admitted.at });
    }

    /// To whom it belongs.
    pub fn owner(&self) -> Owner {
        self.owners.last().map_or(self.issued.owner, |holding| holding.owner)
    }

    /// To whom it belonged when the entry at this leaf index was admitted.
    pub fn owner_at(&self, leaf_index: u64) -> Owner {
        let before = self.owners.iter().rev().find(|holding| holding.entry.leaf_index <= leaf_index);
        before.map_or(self.issued.owner, |holding| holding.owner)
    }

    /// Leaf index of its `asset.issued`.
    pub fn leaf_index(&self) -> u64 {
        self.owners.first().map_or(0, |holding| holding.entry.leaf_index)
    }

    /// Whether a licence of it may be given: it is for licensing, and the grants it was derived from have not ended
    /// unless that does not matter.
    pub fn is_licensable(&self, customer: &CustomerState, now: UnixSeconds) -> bool {
        let terms = &self.issued.terms;
        let in_force = |id| customer.grant(id).is_some_and(|grant| grant.is_in_force(now));
        terms.licence.as_ref().is_some_and(|offer| now < offer.until)
            && (terms.outlives_grants || self.issued.derived_from.iter().all(in_force))
    }
}

/// Whether a grant with these terms is about uses of just the asset that the use is of, or of none as it is.
pub(crate) fn is_of_same_asset(terms: &Terms, facts: &UseFacts) -> bool {
    let used = facts.rows.iter().find(|(name, _)| name.as_str() == ASSET_ATTRIBUTE);
    match (&terms.licence, used) {
        (None, None) => true,
        (Some(licence), Some((_, asset))) => names(asset, &licence.asset),
        _ => false,
    }
}

fn names(value: &AttributeValue, asset: &Jti) -> bool {
    Jti::parse(value.as_str()).is_ok_and(|named| named == *asset)
}

/// Whether a report may be issued as an asset, by what is known of its customer. That data was used under the grants at
/// all, only the ledger can say.
pub(crate) fn check_issued(
    event: &AssetIssued,
    customer: &CustomerState,
    vocabulary: &Vocabulary,
    now: UnixSeconds,
) -> Result<(), Refusal> {
    if !vocabulary.has_category(&event.category) {
        return Err(Refusal::UnknownTerm { what: "category" });
    }
    let offered = event.terms.licence.iter().flat_map(|offer| offer.purposes.iter());
    if !offered.chain([&event.purpose]).all(|purpose| vocabulary.has_purpose(purpose)) {
        return Err(Refusal::UnknownTerm { what: "purpose" });
    }
    for (at, id) in event.derived_from.iter().enumerate() {
        if event.derived_from.iter().take(at).any(|before| before == id) {
            return Err(Refusal::NotDerivable { expected: "each grant once" });
        }
        may_derive(customer.grant(id).ok_or(Refusal::NoSuchGrant)?, event, now)?;
    }
    Ok(())
}

/// Whether a grant covers the derivation.
fn may_derive(grant: &GrantState, event: &AssetIssued, now: UnixSeconds) -> Result<(), Refusal> {
    let terms = &grant.terms;
    let rules = [
        (
            grant.status == Status::Active && grant.starts <= now && now < terms.validity.end(),
            "grants that are in force",
        ),
        (
            [&terms.recipient, &terms.controller].contains(&&event.derived_by),
            "the recipient or controller of each grant to have derived it",
        ),
        (terms.purpose == event.purpose, "the purpose of each grant"),
        (terms.has_consent(CONSENT_TO_DERIVE), "the consent derived-asset in each grant"),
        // what was derived from a derived report has no grant of its own
        (terms.licence.is_none(), "grants that are no licences"),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        Some((_, expected)) => Err(Refusal::NotDerivable { expected }),
        None => Ok(()),
    }
}

/// Whether an asset may change hands so.
pub(crate) fn check_transferred(event: &AssetTransferred, customer: &CustomerState) -> Result<(), Refusal> {
    let asset = customer.asset(&event.asset).ok_or(Refusal::NoSuchAsset)?;
    if !asset.issued.terms.transferable_to.contains(&event.to) {
        return Err(Refusal::NotTransferable { expected: "an owner whom its terms name" });
    }
    if asset.owner() == event.to {
        return Err(Refusal::NotTransferable { expected: "another owner than the present one" });
    }
    if asset.owners.len() >= OWNERS_MAX {
        return Err(Refusal::TooMany { what: "owners of the asset", limit: OWNERS_MAX });
    }
    Ok(())
}

/// Whether the terms of a grant, or of a request for one, that is a licence keep to what its asset offers. Grants that
/// are none pass.
pub fn check_licence(event: &Event, customer: &CustomerState, now: UnixSeconds) -> Result<(), Refusal> {
    let terms = match event {
        Event::RequestMade(event) => Some(&event.terms),
        event => event.granted_terms(),
    };
    let Some((terms, licence)) = terms.and_then(|terms| Some((terms, terms.licence.as_ref()?))) else {
        return Ok(());
    };
    let asset = customer.asset(&licence.asset).ok_or(Refusal::NoSuchAsset)?;
    let offer = asset.issued.terms.licence.as_ref().ok_or(Refusal::OutsideLicence {
        what: "licence",
        expected: "an asset that its terms let be licensed",
    })?;
    let broken = beyond_offer(terms, offer, asset).or_else(|| {
        let outlives = asset.issued.terms.outlives_grants;
        if outlives { None } else { beyond_sources(terms, licence, asset, customer, now) }
    });
    match broken {
        Some((what, expected)) => Err(Refusal::OutsideLicence { what, expected }),
        None => Ok(()),
    }
}

type Broken = (&'static str, &'static str);

fn beyond_offer(terms: &Terms, offer: &LicenceOffer, asset: &AssetState) -> Option<Broken> {
    let priced = match &terms.compensation {
        Compensation::PerUse(price) => {
            price.currency == offer.price.currency && price.minor >= offer.price.minor
        }
        _ => false,
    };
    let passed_on = terms.has_consent(CONSENT_TO_PASS_ON);
    let of_category = terms.scope.include.iter().all(|clause| clause.category == asset.issued.category);
    let rules = [
        (offer.purposes.contains(&terms.purpose), "purpose", "one for which the asset is licensed"),
        (of_category, "category", "the asset's"),
        (terms.validity.end() <= offer.until, "validity", "an end no later than the asset's licences have"),
        (priced, "price", "at least the asset's for each use, in its currency"),
        (offer.resale || !passed_on, "passing on", "none, since the asset is not for resale"),
    ];
    rules.into_iter().find(|(within, ..)| !within).map(|(_, what, expected)| (what, expected))
}

fn beyond_sources(
    terms: &Terms,
    licence: &Licence,
    asset: &AssetState,
    customer: &CustomerState,
    now: UnixSeconds,
) -> Option<Broken> {
    for id in asset.issued.derived_from.iter() {
        if !licence.ends_with.contains(id) {
            return Some(("ends_with", "every grant that the asset was derived from"));
        }
        let Some(source) = customer.grant(id).filter(|source| source.is_in_force(now)) else {
            return Some(("asset", "one whose grants have not ended"));
        };
        if terms.validity.end() > source.terms.validity.end() {
            return Some(("validity", "an end no later than that of the grants the asset was derived from"));
        }
    }
    None
}

#[cfg(test)]
mod tests;
