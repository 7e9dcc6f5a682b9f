//! Following every grant through the day's entries, in their order.

use std::collections::BTreeMap;

use grantbook_compliance::Commitment;
use grantbook_record::{Currency, Day, Kind, Quantity};

use crate::bundle::{Exceptions, Group, Link, Mode, Own, point};
use crate::chain::{Chain, End, Grant, KeptUse, Pause, Resumed, Sum, SumKey, Version};
use crate::error::ProofError;
use crate::statement::Statement;

/// What happened on the day, for statements to be about. Everything else they need is in the chain as the day left it.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Versions of the day: leaf index, whether it is an amendment, what it commits to.
    pub(crate) versions: Vec<(u64, bool, Vec<Commitment>)>,
    pub(crate) uses: Vec<Use>,
    /// Uses of the day that name nothing and are not excepted.
    pub(crate) without_grant: Vec<u64>,
    /// Uses that a deletion covered, by leaf index.
    pub(crate) deleted: BTreeMap<u64, Deleted>,
    pub(crate) acknowledged: Vec<Acknowledged>,
    pub(crate) accrued: Vec<Accrued>,
    /// Versions with uses of the day, by leaf index: their grant and the count up to the last one.
    pub(crate) counts: BTreeMap<u64, u64>,
    pub(crate) closings: Vec<Closing>,
    pub(crate) settlements: Vec<Settlement>,
}

/// A use of the day.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) leaf: u64,
    pub(crate) time: Commitment,
    pub(crate) payout: Commitment,
    pub(crate) currency: Currency,
    /// Grant, and position of the version among the grant's.
    pub(crate) under: Option<(u64, usize)>,
}

#[derive(Debug)]
pub(crate) struct Deleted {
    pub(crate) use_time: Commitment,
    pub(crate) version: Version,
    pub(crate) time: Commitment,
}

#[derive(Debug)]
pub(crate) struct Acknowledged {
    pub(crate) leaf: u64,
    pub(crate) time: Commitment,
    /// Leaf index of the end.
    pub(crate) end: u64,
    pub(crate) ended: Commitment,
}

#[derive(Debug)]
pub(crate) struct Accrued {
    pub(crate) leaf: u64,
    pub(crate) grant: u64,
    pub(crate) amount: Commitment,
    /// The price of the version, if the amount is that.
    pub(crate) price: Option<Commitment>,
}

/// The end of a settlement period.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) leaf: u64,
    /// Uses of the period that are paid per use: their number and the sums of their payouts.
    pub(crate) cohorts: BTreeMap<CohortKey, CohortSums>,
}

/// Numeric code of the currency, and name of the cohort.
pub(crate) type CohortKey = (u16, String);
/// How many uses, and the sum of their payouts for each group.
pub(crate) type CohortSums = (u64, Vec<Commitment>);

#[derive(Debug)]
pub(crate) struct Settlement {
    pub(crate) leaf: u64,
    pub(crate) revenue: Commitment,
    pub(crate) pool: Commitment,
    /// Of a group that is paid a share of revenue.
    pub(crate) basis_points: Option<u16>,
    /// What it settles.
    pub(crate) sums: Vec<Commitment>,
    /// How many uses and accruals that is.
    pub(crate) count: u64,
}

/// Follows the day's entries; `chain` becomes what it is after the day.
pub(crate) fn walk(
    day: Day,
    own: &[Own],
    links: &[Option<Link>],
    mut new_groups: BTreeMap<u16, Group>,
    exceptions: &Exceptions,
    chain: &mut Chain,
) -> Result<Walked, ProofError> {
    let mut walk = Walk { day, exceptions, chain, walked: Walked::default() };
    for (own, link) in own.iter().zip(links) {
        let link = link.as_ref();
        if let Some(link) = link.filter(|_| own.entry.kind.is_version()) {
            match (walk.chain.groups.contains_key(&link.group), new_groups.remove(&link.group)) {
                (true, None) => {}
                (false, Some(group)) => {
                    walk.chain.groups.insert(link.group, group);
                }
                _ => return Err(ProofError::Group { leaf: own.leaf, expected: "one that is listed once" }),
            }
        }
        walk.entry(own, link)?;
    }
    if new_groups.is_empty() {
        Ok(walk.walked)
    } else {
        Err(ProofError::Field { field: "groups", expected: "groups that links of the day show first" })
    }
}

struct Walk<'a> {
    day: Day,
    exceptions: &'a Exceptions,
    chain: &'a mut Chain,
    walked: Walked,
}

impl Walk<'_> {
    fn entry(&mut self, own: &Own, link: Option<&Link>) -> Result<(), ProofError> {
        let first = || own.entry.commitments.first().copied().unwrap_or(Commitment([0; 32]));
        match (own.entry.kind, link) {
            (Kind::GrantGiven, Some(link)) => self.given(own, link),
            (Kind::GrantAmended, Some(link)) => self.amended(own, link)?,
            (Kind::GrantPaused, Some(link)) => {
                let grant = self.by_latest_version(own.leaf, link)?;
                if grant.pauses.last().is_none_or(|pause| pause.resumed.is_some()) {
                    grant.pauses.push(Pause { leaf: own.leaf, time: first(), resumed: None });
                }
            }
            (Kind::GrantResumed, Some(link)) => {
                let day = self.day;
                let grant = self.by_latest_version(own.leaf, link)?;
                if let Some(pause) = grant.pauses.last_mut().filter(|pause| pause.resumed.is_none()) {
                    pause.resumed = Some(Resumed { leaf: own.leaf, day, time: first() });
                }
            }
            (Kind::GrantWithdrawn | Kind::GrantRevoked, Some(link)) => {
                let end = End { leaf: own.leaf, hash: own.hash, time: first(), acknowledged: false };
                let given = self.grant_of(own.leaf, link)?;
                let grant = self.by_latest_version(own.leaf, link)?;
                if grant.end.is_none() {
                    grant.end = Some(end);
                    self.chain.ends.insert(own.leaf, given);
                }
            }
            (Kind::UseRecorded, Some(link)) => self.used(own, link)?,
            (Kind::DataDeleted, Some(link)) => self.deleted(own, link)?,
            (Kind::RecipientAcknowledged, Some(link)) => self.acknowledged(own, link)?,
            (Kind::PayoutAccrued, Some(link)) => self.accrued(own, link)?,
            (Kind::SettlementClosed, _) => self.closed(own),
            (Kind::SettlementPosted, Some(link)) => self.settled(own, link)?,
            _ => {}
        }
        Ok(())
    }

    fn given(&mut self, own: &Own, link: &Link) {
        let Own { leaf, hash, entry } = own;
        let version = Version::new(*leaf, *hash, link.group, entry.currency, &entry.commitments);
        self.chain.grants.insert(*leaf, Grant { versions: vec![version], ..Grant::default() });
        self.chain.versions.insert(*leaf, *leaf);
        self.walked.versions.push((*leaf, false, entry.commitments.clone()));
    }

    fn amended(&mut self, own: &Own, link: &Link) -> Result<(), ProofError> {
        let Own { leaf, hash, entry } = own;
        let given = self.grant_of(*leaf, link)?;
        let grant = self.by_latest_version(*leaf, link)?;
        if grant.end.is_some() {
            return Err(ProofError::Names { leaf: *leaf, expected: "a grant that has not ended" });
        }
        grant.versions.push(Version::new(*leaf, *hash, link.group, entry.currency, &entry.commitments));
        self.chain.versions.insert(*leaf, given);
        self.walked.versions.push((*leaf, true, entry.commitments.clone()));
        Ok(())
    }

    fn used(&mut self, own: &Own, link: &Link) -> Result<(), ProofError> {
        let Own { leaf, hash, entry } = own;
        let leaf = *leaf;
        let [time, payout] = *entry.commitments.as_slice() else {
            // the class of uses has these two
            return Err(ProofError::Names { leaf, expected: "a time and a payout" });
        };
        let currency = entry.currency;
        let mut used = Use { leaf, time, payout, currency, under: None };
        let is_excepted = |statement| self.exceptions.contains_key(&(leaf, statement));
        if link.names.is_none() {
            if !is_excepted(Statement::UseHasGrant) {
                self.walked.without_grant.push(leaf);
            }
            self.walked.uses.push(used);
            return Ok(());
        }
        if is_excepted(Statement::UseHasGrant) {
            let expected = "a use that names nothing";
            return Err(ProofError::Exception { leaf, statement: Statement::UseHasGrant, expected });
        }
        let is_counted = !is_excepted(Statement::UsesWithinCap);
        let given = self.grant_of(leaf, link)?;
        let (grant, at) = self.by_version(leaf, link)?;
        let version = grant.versions.get(at).ok_or(ProofError::Names { leaf, expected: A_VERSION })?;
        if version.group != link.group {
            return Err(ProofError::Group { leaf, expected: "that of the version" });
        }
        if version.currency != currency.numeric() {
            return Err(ProofError::Names { leaf, expected: "a version in its currency" });
        }
        let version = version.leaf;
        if is_counted {
            grant.uses = grant.uses.saturating_add(1);
        }
        let count = grant.uses;
        grant.kept.insert(leaf, KeptUse { hash: *hash, time, version: at, month: 0 });
        if is_counted {
            self.walked.counts.insert(version, count);
        }
        self.chain.kept.insert(leaf, given);
        if currency != Currency::NONE {
            let key = SumKey { group: link.group, currency: currency.numeric() };
            self.chain.sums.entry(key).or_default().open.add(point(leaf, &payout)?);
        }
        used.under = Some((given, at));
        self.walked.uses.push(used);
        Ok(())
    }

    fn deleted(&mut self, own: &Own, link: &Link) -> Result<(), ProofError> {
        let leaf = own.leaf;
        let expected = "a use whose data is kept";
        let names = ProofError::Names { leaf, expected };
        let through = link.names.ok_or(names.clone())?;
        let given = self.chain.kept.get(&through).ok_or(names.clone())?;
        let grant = self.chain.grants.get_mut(given).ok_or(names)?;
        let after = grant.kept.split_off(&through.saturating_add(1));
        let covered = std::mem::replace(&mut grant.kept, after);
        let time = own.entry.commitments.first().copied().unwrap_or(Commitment([0; 32]));
        for (used, kept) in covered {
            self.chain.kept.remove(&used);
            if let Some(version) = grant.versions.get(kept.version).cloned() {
                self.walked.deleted.insert(used, Deleted { use_time: kept.time, version, time });
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, own: &Own, link: &Link) -> Result<(), ProofError> {
        let leaf = own.leaf;
        let names = ProofError::Names { leaf, expected: "the end of a grant" };
        let given = link.names.and_then(|ended| self.chain.ends.get(&ended)).ok_or(names.clone())?;
        let end = self.chain.grants.get_mut(given).and_then(|grant| grant.end.as_mut()).ok_or(names)?;
        end.acknowledged = true;
        let (end, ended) = (end.leaf, end.time);
        let time = own.entry.commitments.first().copied().unwrap_or(Commitment([0; 32]));
        self.walked.acknowledged.push(Acknowledged { leaf, time, end, ended });
        Ok(())
    }

    fn accrued(&mut self, own: &Own, link: &Link) -> Result<(), ProofError> {
        let leaf = own.leaf;
        let currency = own.entry.currency.numeric();
        let amount = own.entry.commitments.first().copied().unwrap_or(Commitment([0; 32]));
        let mode = self.group(leaf, link)?.mode;
        let given = self.grant_of(leaf, link)?;
        let (grant, _) = self.by_version(leaf, link)?;
        // the price fell due with the first version that has the group, whichever is in force by now
        let first = grant.versions.iter().find(|version| version.group == link.group);
        let price = match (mode, first) {
            (Mode::PerGrant, Some(first)) if first.currency == currency => {
                Some(first.committed(Quantity::Price))
            }
            (Mode::PerGrant, _) => {
                return Err(ProofError::Names {
                    leaf,
                    expected: "a grant with a version in its group and currency",
                });
            }
            (Mode::None | Mode::PerUse | Mode::RevenueShare, _) => None,
        };
        let key = SumKey { group: link.group, currency };
        self.chain.sums.entry(key).or_default().accrued.add(point(leaf, &amount)?);
        self.walked.accrued.push(Accrued { leaf, grant: given, amount, price });
        Ok(())
    }

    /// The period's uses wait for their settlement, and cohorts can be compared.
    fn closed(&mut self, own: &Own) {
        let mut cohorts: BTreeMap<CohortKey, CohortSums> = BTreeMap::new();
        for (key, sums) in &mut self.chain.sums {
            let group = self.chain.groups.get(&key.group).filter(|group| group.mode == Mode::PerUse);
            if let (Some(group), Some(sum)) = (group, sums.open.commitment()) {
                let (count, parts) =
                    cohorts.entry((key.currency, group.cohort.as_str().to_owned())).or_default();
                *count = count.saturating_add(sums.open.count);
                parts.push(sum);
            }
            let mut open = std::mem::take(&mut sums.open);
            sums.closed.take(&mut open);
        }
        self.walked.closings.push(Closing { leaf: own.leaf, cohorts });
    }

    fn settled(&mut self, own: &Own, link: &Link) -> Result<(), ProofError> {
        let leaf = own.leaf;
        let [revenue, pool] = *own.entry.commitments.as_slice() else {
            // the class of settlements has these two
            return Err(ProofError::Names { leaf, expected: "revenue and pool" });
        };
        let group = self.group(leaf, link)?;
        let is_share = group.mode == Mode::RevenueShare && group.basis_points > 0;
        let basis_points = is_share.then_some(group.basis_points);
        let key = SumKey { group: link.group, currency: own.entry.currency.numeric() };
        let (mut sums, mut count) = (Vec::new(), 0_u64);
        if let Some(waiting) = self.chain.sums.get_mut(&key) {
            let settled = [std::mem::take(&mut waiting.closed), std::mem::take(&mut waiting.accrued)];
            sums.extend(settled.iter().filter_map(Sum::commitment));
            count = settled.iter().map(|sum| sum.count).fold(0, u64::saturating_add);
        }
        self.walked.settlements.push(Settlement { leaf, revenue, pool, basis_points, sums, count });
        Ok(())
    }

    /// The group that a link shows.
    fn group(&self, leaf: u64, link: &Link) -> Result<&Group, ProofError> {
        let known = self.chain.groups.get(&link.group);
        known.ok_or(ProofError::Group { leaf, expected: "one that is known" })
    }

    /// Leaf index of the `grant.given` of the grant of which the link names a version.
    fn grant_of(&self, leaf: u64, link: &Link) -> Result<u64, ProofError> {
        let given = link.names.and_then(|named| self.chain.versions.get(&named));
        given.copied().ok_or(ProofError::Names { leaf, expected: A_VERSION })
    }

    /// The grant and the position of the version that the link names.
    fn by_version(&mut self, leaf: u64, link: &Link) -> Result<(&mut Grant, usize), ProofError> {
        let given = self.grant_of(leaf, link)?;
        let names = ProofError::Names { leaf, expected: A_VERSION };
        let grant = self.chain.grants.get_mut(&given).ok_or(names.clone())?;
        let at = grant.versions.iter().position(|version| Some(version.leaf) == link.names);
        Ok((grant, at.ok_or(names)?))
    }

    /// The grant whose latest version the link names.
    fn by_latest_version(&mut self, leaf: u64, link: &Link) -> Result<&mut Grant, ProofError> {
        let (grant, at) = self.by_version(leaf, link)?;
        if at + 1 == grant.versions.len() {
            Ok(grant)
        } else {
            Err(ProofError::Names { leaf, expected: "the latest version of a grant" })
        }
    }
}

const A_VERSION: &str = "a version of a grant";
