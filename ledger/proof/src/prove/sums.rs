//! Openings of the chain's sums, which the prover carries from day to day: those of single entries may be gone by the time
//! of a settlement.

use std::collections::BTreeMap;

use grantbook_compliance::{Blinding, Opening};
use grantbook_record::encoding::Bytes32;
use grantbook_record::{Currency, Kind};
use serde::{Deserialize, Serialize};

use super::ProverError;
use super::openings::Openings;
use crate::bundle::{Link, Own};
use crate::chain::SumKey;

/// Openings of what no settlement has taken, by group and currency. To be kept as secret as openings are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretSums(BTreeMap<SumKey, OpenedSums>);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenedSums {
    open: OpenedSum,
    closed: OpenedSum,
    accrued: OpenedSum,
}

/// The opening of a sum; none of nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Option<(u64, Bytes32)>", into = "Option<(u64, Bytes32)>")]
struct OpenedSum(Option<Opening>);

impl From<OpenedSum> for Option<(u64, Bytes32)> {
    fn from(sum: OpenedSum) -> Self {
        sum.0.map(|opening| (opening.value, Bytes32(opening.blinding.to_bytes())))
    }
}

impl TryFrom<Option<(u64, Bytes32)>> for OpenedSum {
    type Error = grantbook_compliance::CommitmentError;
    fn try_from(wire: Option<(u64, Bytes32)>) -> Result<Self, Self::Error> {
        let opening = wire.map(|(value, blinding)| {
            Ok::<_, Self::Error>(Opening { value, blinding: Blinding::from_bytes(blinding.0)? })
        });
        Ok(Self(opening.transpose()?))
    }
}

impl OpenedSum {
    fn add(&mut self, opening: &Opening) -> Result<(), ProverError> {
        self.0 = Some(match &self.0 {
            Some(sum) => sum.plus(opening).ok_or(ProverError::Sums)?,
            None => opening.clone(),
        });
        Ok(())
    }

    fn take(&mut self, other: &mut Self) -> Result<(), ProverError> {
        other.0.take().map_or(Ok(()), |opening| self.add(&opening))
    }

    fn show(&self, openings: &mut Openings) {
        if let Some(opening) = &self.0 {
            openings.add(opening);
        }
    }
}

impl SecretSums {
    /// The sums after a day's entries; whatever the day's statements take of them is added to `openings`. The rules are those
    /// by which the verifier sums commitments up.
    pub(super) fn after(
        &self,
        own: &[Own],
        links: &[Option<Link>],
        openings: &mut Openings,
    ) -> Result<Self, ProverError> {
        let mut sums = self.clone();
        for (Own { leaf, entry, .. }, link) in own.iter().zip(links) {
            let missing = ProverError::MissingOpening { leaf: *leaf };
            let opening = |at: usize| {
                let commitment = entry.commitments.get(at);
                commitment.and_then(|commitment| openings.get(commitment)).ok_or(missing.clone())
            };
            let key =
                link.as_ref().map(|link| SumKey { group: link.group, currency: entry.currency.numeric() });
            match (entry.kind, key) {
                (Kind::UseRecorded, Some(key)) => {
                    let names = link.as_ref().is_some_and(|link| link.names.is_some());
                    if names && entry.currency != Currency::NONE {
                        sums.0.entry(key).or_default().open.add(opening(1)?)?;
                    }
                }
                (Kind::PayoutAccrued, Some(key)) => {
                    sums.0.entry(key).or_default().accrued.add(opening(0)?)?;
                }
                (Kind::SettlementClosed, _) => {
                    for sums in sums.0.values_mut() {
                        sums.open.show(openings);
                        sums.closed.take(&mut sums.open)?;
                    }
                }
                (Kind::SettlementPosted, Some(key)) => {
                    if let Some(sums) = sums.0.get_mut(&key) {
                        for sum in [&mut sums.closed, &mut sums.accrued] {
                            sum.show(openings);
                            *sum = OpenedSum::default();
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(sums)
    }
}
