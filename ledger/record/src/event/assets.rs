//! Data assets: reports derived from a customer's data, with terms of their own. Specification: `docs/spec/asset.md`.

use serde::{Deserialize, Serialize};

use crate::day::UnixSeconds;
use crate::encoding::Bytes32;
use crate::id::{Jti, SubjectId, Term};
use crate::list::List;
use crate::money::Price;

/// A report was derived from a customer's data; the event's `jti` is the asset's id. Signed by the enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetIssued {
    /// The customer from whose data it was derived.
    pub sub: SubjectId,
    /// What kind of report it is: a category of the vocabulary.
    pub category: Term,
    /// SHA-256 of the report.
    pub hash: Bytes32,
    /// Who derived it.
    pub derived_by: Term,
    /// Under which grants of the customer.
    pub derived_from: List<Jti, 1, 16>,
    /// What for: the purpose of each of these grants.
    pub purpose: Term,
    /// To whom it belongs at first.
    pub owner: Owner,
    /// What may be done with it.
    pub terms: AssetTerms,
}

/// To whom an asset belongs: one of those who have a key by which they can give it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The customer from whose data it was derived.
    Customer,
    /// The enterprise.
    Enterprise,
}

/// What may be done with an asset, by whoever owns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetTerms {
    /// To whom it may be transferred; absent: to nobody.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub transferable_to: List<Owner, 0, 2>,
    /// Whether licences may go on when a grant from which it was derived has ended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub outlives_grants: bool,
    /// On what terms it is licensed; absent: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<LicenceOffer>,
}

/// The least that every licence of an asset keeps to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenceOffer {
    /// Least price of a use.
    pub price: Price,
    /// What for.
    pub purposes: List<Term, 1, 16>,
    /// First second in which no licence holds any more.
    pub until: UnixSeconds,
    /// Whether a licensee may pass it on.
    #[serde(default, skip_serializing_if = "is_false")]
    pub resale: bool,
}

/// An asset changed hands. Signed by its owner and by the one to whom it goes: the customer and the enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetTransferred {
    /// The customer from whose data it was derived.
    pub sub: SubjectId,
    /// The `jti` of its `asset.issued`.
    pub asset: Jti,
    /// To whom it goes.
    pub to: Owner,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

fn list_is_empty<T, const MAX: usize>(list: &List<T, 0, MAX>) -> bool {
    list.is_empty()
}
