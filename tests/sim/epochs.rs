//! What customers and operators do beside the log: key epochs, legal holds, erasures.

use grantbook_engine::{AppendError, EraseError, Erasure};
use grantbook_plan::Status;
use grantbook_record::event::Channel;
use grantbook_tlog::{Hash, LeafIndex, leaf_hash};

use crate::invariants::{self, Broken, broken};
use crate::model::{Answer, Owner, Sent};
use crate::run::Run;

impl Run<'_> {
    pub(crate) fn roll(&mut self) -> Result<(), Broken> {
        self.send(&Sent::Roll, "a new key epoch")
    }

    /// The root of what grants came to goes on the log.
    pub(crate) fn root(&mut self) -> Result<(), Broken> {
        self.send(&Sent::Root, "a root")
    }

    pub(crate) fn rooted(&mut self, answer: &Answer) -> Result<Vec<(u64, Hash)>, Broken> {
        match answer {
            Answer::Rooted(root) => {
                self.say(format!("a root: {root:?}"));
                root.iter().map(|leaf| self.of_the_log(*leaf)).collect()
            }
            Answer::Unknown(why) => {
                self.say(format!("a root: {why}"));
                Ok(Vec::new())
            }
            _ => broken("a_root_is_recorded_when_asked", "it was answered otherwise".to_owned()),
        }
    }

    /// Notes an entry that is nobody's but the log's.
    fn of_the_log(&mut self, leaf: u64) -> Result<(u64, Hash), Broken> {
        // a fault may come while it is looked at
        let planned = self.machine.plan(None);
        let read = self.ledger.public_receipt(LeafIndex(leaf));
        self.machine.plan(planned);
        match read {
            Ok(receipt) if receipt.verify(&self.site.keys).is_ok() => {
                let hash = leaf_hash(&receipt.entry.0);
                self.model.owners.insert(leaf, None);
                self.model.acknowledged.insert(leaf, hash);
                Ok((leaf, hash))
            }
            read => broken("receipts_verify", format!("entry {leaf} of the log itself: {read:?}")),
        }
    }

    pub(crate) fn rolled(&mut self, answer: &Answer) -> Result<Vec<(u64, Hash)>, Broken> {
        match answer {
            Answer::Rolled { number, leaf } => {
                self.say(format!("a new key epoch: {number}"));
                self.model.rolled += 1;
                if *number != self.model.rolled + 1 {
                    return broken("an_epoch_follows_the_last", format!("{number}"));
                }
                // a fault may come while it is looked at
                let planned = self.machine.plan(None);
                invariants::epochs(self)?;
                self.machine.plan(planned);
                Ok(vec![self.of_the_log(*leaf)?])
            }
            Answer::Unknown(why) => {
                self.say(format!("a new key epoch: {why}"));
                self.model.rolling = true;
                Ok(Vec::new())
            }
            _ => broken("an_epoch_begins_when_asked", "it was answered otherwise".to_owned()),
        }
    }

    fn somebody_known(&mut self) -> Option<Owner> {
        let known: Vec<_> = self.model.keys.keys().copied().collect();
        self.dice.pick(&known).copied()
    }

    /// Places or lifts a legal hold.
    pub(crate) fn hold(&mut self) -> Result<(), Broken> {
        let held: Vec<_> = self.model.held.iter().copied().collect();
        let lifted = if self.dice.once_in(3) { None } else { self.dice.pick(&held).copied() };
        let Some(owner) = lifted.or_else(|| self.somebody_known()) else { return self.enrol() };
        let (tenant, sub) = self.site.customer(owner);
        let was_held = self.model.held.contains(&owner);
        let before = self.model.leaves.len() as u64;
        let done = match lifted {
            Some(_) => self.ledger.lift_hold(tenant, sub),
            None => self.ledger.place_hold(tenant, sub, "a court asked"),
        };
        self.say(format!("hold of {owner:?}, lifted: {}: {done:?}", lifted.is_some()));
        match done {
            Ok(()) if lifted.is_some() => drop(self.model.held.remove(&owner)),
            Ok(()) if !was_held => drop(self.model.held.insert(owner)),
            Err(EraseError::Hold(_)) if was_held && lifted.is_none() => {}
            Err(EraseError::Store(_)) => {
                self.model.holding = Some(owner);
                if self.machine.has_power() {
                    let planned = self.machine.plan(None);
                    invariants::holds(self)?;
                    self.machine.plan(planned);
                }
            }
            done => return broken("legal_holds_stay", format!("held: {was_held}, then {done:?}")),
        }
        self.settle(before, Vec::new())
    }

    /// Withdraws what a customer has granted, asks the gate to forget them, and erases them; each may fail.
    pub(crate) fn erase(&mut self) -> Result<(), Broken> {
        let Some(owner) = self.somebody_known() else { return self.enrol() };
        let (tenant, sub) = self.site.customer(owner);
        let before = self.model.leaves.len() as u64;
        let live = self.model.grants.iter().filter(|grant| grant.is_of(owner) && !grant.ended).count() as u64;
        let held = self.model.held.contains(&owner);
        let begun = self.ledger.begin_erasure(tenant, sub, Channel::Mail);
        self.say(format!("erasure of {owner:?} begins: {:?}", begun.as_ref().map(|pending| pending.id)));
        let mut done = false;
        match begun {
            Ok(_) if held => return broken("a_hold_keeps_a_customer", format!("{owner:?}")),
            Ok(pending) => {
                self.model.erasing.insert(owner, Some(pending.id));
                done = self.finish_erasure(owner, pending.id)?;
            }
            Err(EraseError::Held) if held => {}
            Err(error) if may_have_been(&error) => {
                self.model.erasing.insert(owner, None);
            }
            Err(error) => return broken("an_erasure_begins", error.to_string()),
        }
        let mut news = Vec::new();
        if self.ledger.readiness().is_ok() && self.machine.has_power() {
            let planned = self.machine.plan(None);
            news = (before..).zip(invariants::leaves(&self.ledger, before)?).collect();
            for (leaf, hash) in &news {
                self.model.acknowledged.insert(*leaf, *hash);
                if *leaf != before + live {
                    self.model.owners.insert(*leaf, Some(owner));
                }
            }
            self.look_at_erasures()?;
            self.machine.plan(planned);
            if done && news.len() as u64 != live + 1 {
                return broken("all_is_withdrawn_before_an_erasure", format!("{live}, {news:?}"));
            }
        }
        self.settle(before, news)
    }

    /// Whether the customer is certain to be erased.
    fn finish_erasure(&mut self, owner: Owner, id: u64) -> Result<bool, Broken> {
        let (tenant, _) = self.site.customer(owner);
        let gate = self.site.shops[owner.0].gate.clone();
        let mut expected = Vec::new();
        if self.dice.once_in(3) {
            let purged = self.ledger.purged(tenant, id, gate.clone());
            self.say(format!("  purged: {purged:?}"));
            if purged.is_ok() {
                expected.push(gate);
            }
        }
        let finished = self.ledger.finish_erasure(tenant, id, &expected);
        let leaf = finished.as_ref().ok().map(|erased| erased.leaf_index.0);
        match finished {
            Ok(erased) => {
                self.say(format!("  erased at {leaf:?}"));
                if let Err(error) = erased.receipt.verify(&self.site.keys) {
                    return broken("receipts_verify", format!("erasure at {leaf:?}: {error}"));
                }
                Ok(true)
            }
            Err(error) if may_have_been(&error) => {
                self.say(format!("  not known to be erased: {error:?}"));
                Ok(false)
            }
            Err(error) => broken("an_erasure_ends", error.to_string()),
        }
    }

    /// What came of erasures that are under way: the customer is as before, has withdrawn, or is gone for good. While no
    /// fault is planned.
    pub(crate) fn look_at_erasures(&mut self) -> Result<(), Broken> {
        for (owner, id) in std::mem::take(&mut self.model.erasing) {
            let (tenant, sub) = self.site.customer(owner);
            let Some(customer) = self.ledger.customer(tenant, sub) else {
                let Some(id) = id else {
                    return broken("nobody_is_erased_unasked", format!("{owner:?}"));
                };
                let size = self.ledger.size_root();
                let leaf = match self.ledger.erasure(tenant, id) {
                    Ok(Erasure::Done(erased)) => Ok(erased.leaf_index),
                    Ok(Erasure::Pending(_)) => {
                        // whoever asked for it asks again
                        self.ledger.finish_erasure(tenant, id, &[]).map(|erased| erased.leaf_index)
                    }
                    Err(error) => Err(error),
                };
                match leaf {
                    Ok(leaf) if self.ledger.size_root() == size => self.model.erase(owner, leaf.0),
                    other => return broken("an_erasure_is_found_again", format!("{owner:?}: {other:?}")),
                }
                continue;
            };
            for grant in self.model.grants.iter_mut().filter(|grant| grant.is_of(owner)) {
                let known = customer.grant(&grant.id).map(|known| known.status);
                grant.ended |= matches!(known, Some(Status::Withdrawn));
            }
        }
        Ok(())
    }

    /// Notes whose the entries are that something sent has led to. Uses of somebody who was not known when they were
    /// recorded are the enterprise's.
    pub(crate) fn note_owners(&mut self, sent: &Sent, leaves: &[(u64, Hash)], duplicate: bool) {
        for (at, (leaf, _)) in leaves.iter().enumerate() {
            let owner = match sent {
                Sent::Event { about, .. } => self.model.owner(about),
                Sent::Uses { .. } if duplicate => continue,
                Sent::Uses { shop, customers, .. } => {
                    let owner = customers.get(at).map(|customer| (*shop, *customer));
                    owner.filter(|owner| self.model.keys.contains_key(owner))
                }
                Sent::Question { tenant, facts, .. } => self.site.owner(*tenant, &facts.data_subject),
                Sent::Roll | Sent::Root => None,
            };
            self.model.owners.insert(*leaf, owner);
        }
    }
}

/// Whether the store's fault leaves open how far an erasure came.
fn may_have_been(error: &EraseError) -> bool {
    matches!(
        error,
        EraseError::Store(_)
            | EraseError::Append(AppendError::Stopped | AppendError::Store(_) | AppendError::Busy)
    )
}
