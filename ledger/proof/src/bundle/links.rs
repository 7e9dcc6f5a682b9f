//! Groups of terms, and what the links of entries open to.

use std::collections::BTreeMap;

use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::{self, LinkTarget, Salt};
use grantbook_record::{Kind, Term};
use serde::{Deserialize, Serialize};

use super::{Own, Reader};
use crate::chain::Chain;
use crate::error::ProofError;

/// How customers are compensated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Mode {
    /// No money.
    None = 0,
    /// Once for the grant.
    PerGrant = 1,
    /// For each use.
    PerUse = 2,
    /// A share of declared revenue.
    RevenueShare = 3,
}

/// What a group of terms fixes, as the prover says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// How customers are compensated.
    pub mode: Mode,
    /// The share of revenue; 0 for other modes, and for a share that depends on the revenue.
    pub basis_points: u16,
    /// With whom its grants are compared.
    pub cohort: Term,
}

/// What the link of an entry opens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) salt: Salt,
    pub(crate) group: u16,
    /// Leaf index of the entry that it names.
    pub(crate) names: Option<u64>,
}

impl Link {
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.salt.0.0);
        bytes.extend(self.group.to_be_bytes());
        bytes.push(self.names.is_some().into());
        if let Some(leaf) = self.names {
            bytes.extend(leaf.to_be_bytes());
        }
    }

    fn parse(reader: &mut Reader<'_>, leaf: u64) -> Result<Self, ProofError> {
        let salt = Salt(Bytes32(reader.array("link")?));
        let group = reader.u16("link")?;
        let names = match reader.u8("link")? {
            0 => None,
            1 => Some(reader.u64("link")?),
            _ => return Err(ProofError::Link { leaf, expected: "0 or 1 for an entry that is named" }),
        };
        Ok(Self { salt, group, names })
    }
}

/// Whether links of these entries are opened.
pub(crate) fn is_opened(kind: Kind) -> bool {
    kind.is_grant_state()
        || matches!(
            kind,
            Kind::UseRecorded
                | Kind::DataDeleted
                | Kind::RecipientAcknowledged
                | Kind::PayoutAccrued
                | Kind::SettlementPosted
        )
}

/// Reads the groups that the day adds, by rising number.
pub(crate) fn parse_groups(reader: &mut Reader<'_>) -> Result<BTreeMap<u16, Group>, ProofError> {
    let wrong = |expected| ProofError::Field { field: "groups", expected };
    let mut groups = BTreeMap::new();
    for _ in 0..reader.u16("groups")? {
        let number = reader.u16("groups")?;
        if number == 0 || groups.last_key_value().is_some_and(|(last, _)| *last >= number) {
            return Err(wrong("rising numbers from 1"));
        }
        let mode = match reader.u8("groups")? {
            0 => Mode::None,
            1 => Mode::PerGrant,
            2 => Mode::PerUse,
            3 => Mode::RevenueShare,
            _ => return Err(wrong("a mode from 0 to 3")),
        };
        let basis_points = reader.u16("groups")?;
        if basis_points > if mode == Mode::RevenueShare { 10_000 } else { 0 } {
            return Err(wrong("basis points up to 10000 for shares, 0 otherwise"));
        }
        let length = reader.u8("groups")?;
        let cohort = str::from_utf8(reader.take(length.into(), "groups")?).ok();
        let cohort = cohort.and_then(|cohort| Term::parse(cohort).ok()).ok_or(wrong("a term as cohort"))?;
        groups.insert(number, Group { mode, basis_points, cohort });
    }
    Ok(groups)
}

pub(crate) fn write_groups(groups: &BTreeMap<u16, Group>, bytes: &mut Vec<u8>) {
    // no more numbers than that
    bytes.extend(u16::try_from(groups.len()).unwrap_or(u16::MAX).to_be_bytes());
    for (number, group) in groups {
        bytes.extend(number.to_be_bytes());
        bytes.push(group.mode as u8);
        bytes.extend(group.basis_points.to_be_bytes());
        // terms have fewer than 256 bytes
        bytes.push(u8::try_from(group.cohort.as_str().len()).unwrap_or(u8::MAX));
        bytes.extend(group.cohort.as_str().as_bytes());
    }
}

/// Reads the links of the tenant's entries and checks that they open; `None` where a link is not opened.
pub(crate) fn parse_links(
    reader: &mut Reader<'_>,
    origin: &str,
    own: &[Own],
    chain: &Chain,
) -> Result<Vec<Option<Link>>, ProofError> {
    let origin_sha256 = Bytes32::sha256(origin.as_bytes());
    let mut links = Vec::new();
    for Own { leaf, entry, .. } in own {
        let (leaf, kind) = (*leaf, entry.kind);
        if !is_opened(kind) {
            links.push(None);
            continue;
        }
        let link = Link::parse(reader, leaf)?;
        let target = match link.names {
            None if kind.needs_link() => {
                return Err(ProofError::Link { leaf, expected: "an entry that is named" });
            }
            None => LinkTarget::NONE,
            Some(_) if matches!(kind, Kind::GrantGiven | Kind::SettlementPosted) => {
                return Err(ProofError::Link { leaf, expected: "no entry" });
            }
            Some(named) if named >= leaf => {
                return Err(ProofError::Link { leaf, expected: "an earlier entry" });
            }
            Some(named) => {
                let today = || own.binary_search_by_key(&named, |own| own.leaf).ok();
                let today = || today().and_then(|at| own.get(at)).map(|own| own.hash);
                let hash = today().or_else(|| chain.hash_of(named));
                let hash = hash.ok_or(ProofError::Link { leaf, expected: "an entry that is known" })?;
                LinkTarget { origin_sha256, leaf_index: named, leaf_hash: Bytes32(hash.0) }
            }
        };
        if entry::link(&link.salt, link.group, &target) != entry.link {
            return Err(ProofError::Link { leaf, expected: "what the entry's link opens to" });
        }
        links.push(Some(link));
    }
    Ok(links)
}
