//! What must hold after every start and at the end, each by name.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_engine::{Ledger, ReadError};
use grantbook_plan::Status;
use grantbook_record::day::Day;
use grantbook_record::feed::{About, Chain, FeedPosition};
use grantbook_record::uses::Outcome;
use grantbook_record::{Entry, GateId, Jti};
use grantbook_tlog::tile::{bundles, parse_bundle};
use grantbook_tlog::{CompactRange, Hash, LeafIndex, TlogProof, TreeSize, leaf_hash};

use crate::model::Sent;
use crate::run::Run;
use crate::site::{Shop, facts};

/// An invariant that does not hold.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) invariant: &'static str,
    pub(crate) why: String,
}

pub(crate) fn broken<T>(invariant: &'static str, why: String) -> Result<T, Broken> {
    Err(Broken { invariant, why })
}

/// Notes what is published now.
pub(crate) fn observe(run: &mut Run<'_>) -> Result<(), Broken> {
    let size = run.ledger.size_root().0.0;
    if size < run.model.leaves.len() as u64 {
        return broken(
            "what_is_published_stays",
            format!("{size} entries, {} before", run.model.leaves.len()),
        );
    }
    let from = run.model.leaves.len() as u64;
    let new = leaves(&run.ledger, from)?;
    run.model.leaves.extend(new);
    run.model.checkpoints.insert(run.ledger.checkpoint().to_string());
    run.model.checkpoints.extend(run.machine.peek(|content| content.anchor.clone()));
    Ok(())
}

/// Leaf hashes from an index on, from the public bundles.
pub(crate) fn leaves(ledger: &Ledger, from: u64) -> Result<Vec<Hash>, Broken> {
    Ok(entries(ledger, from)?.iter().map(|entry| leaf_hash(entry)).collect())
}

fn entries(ledger: &Ledger, from: u64) -> Result<Vec<Vec<u8>>, Broken> {
    let size = ledger.size_root().0;
    let mut read = Vec::new();
    for coord in bundles(size).filter(|coord| (coord.index() + 1) * 256 > from) {
        let bytes = ledger.bundle(&coord);
        let bytes =
            bytes.map_err(|error| error.to_string()).and_then(|bytes| bytes.ok_or("missing".to_owned()));
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return broken("entries_can_be_read", format!("bundle {}: {error}", coord.index())),
        };
        let all = parse_bundle(&bytes, coord.width())
            .map_err(|error| Broken { invariant: "entries_can_be_read", why: error.to_string() })?;
        let skip = usize::try_from(from.saturating_sub(coord.index() * 256)).expect("small");
        read.extend(all.into_iter().skip(skip).map(<[u8]>::to_vec));
    }
    Ok(read)
}

/// Checks a ledger that was just opened; `deep`: also against one whose state is made anew.
pub(crate) fn check(run: &mut Run<'_>, deep: bool) -> Result<(), Broken> {
    let entries = entries(&run.ledger, 0)?;
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    if !leaves.starts_with(&run.model.leaves) {
        return broken(
            "what_is_published_stays",
            format!("{} entries, {} before", leaves.len(), run.model.leaves.len()),
        );
    }
    for (leaf, hash) in &run.model.acknowledged {
        if usize::try_from(*leaf).ok().and_then(|at| leaves.get(at)) != Some(hash) {
            return broken("what_is_acknowledged_stays", format!("entry {leaf} of {}", leaves.len()));
        }
    }
    observe(run)?;
    roots(run, &leaves)?;
    days(&entries)?;
    unknown(run);
    epochs(run)?;
    holds(run)?;
    run.look_at_erasures()?;
    if run.machine.log_size() != leaves.len() as u64 {
        return broken(
            "what_is_durable_is_published",
            format!("{} of {}", leaves.len(), run.machine.log_size()),
        );
    }
    if deep {
        feeds(run, &leaves)?;
        caps(run)?;
        bodies(run, leaves.len() as u64)?;
        state(run)?;
    }
    Ok(())
}

/// The key epoch is the last one that was begun, and of no other one anything is left.
pub(crate) fn epochs(run: &mut Run<'_>) -> Result<(), Broken> {
    let (rolled, left) = run.machine.peek(|content| (content.rolled, content.left));
    let may_be = run.model.rolled + u64::from(run.model.rolling);
    if !(run.model.rolled..=may_be).contains(&rolled) || run.ledger.epoch().number != rolled + 1 {
        let why = format!("{}, expected {} to {}", rolled + 1, run.model.rolled + 1, may_be + 1);
        return broken("an_epoch_follows_the_last", why);
    }
    (run.model.rolled, run.model.rolling) = (rolled, false);
    let names: Vec<String> = run.machine.peek(|content| content.secrets.keys().cloned().collect());
    let present = [format!("epoch-{}.key", rolled + 1), format!("cases-{}.sealed", rolled + 1)];
    let others: Vec<_> = names
        .iter()
        .filter(|name| name.starts_with("epoch-") || name.starts_with("cases-"))
        .filter(|name| !present.contains(name))
        .collect();
    if left > 0 || !others.is_empty() || !names.contains(&present[0]) {
        return broken("no_key_of_an_ended_epoch_stays", format!("{names:?}, {left} folders"));
    }
    Ok(())
}

/// Legal holds are as they were placed, but for one of which that is not known.
pub(crate) fn holds(run: &mut Run<'_>) -> Result<(), Broken> {
    let holds = run.ledger.legal_holds();
    let holds = holds.map_err(|error| Broken { invariant: "legal_holds_stay", why: error.to_string() })?;
    let holds: BTreeSet<_> = holds.iter().filter_map(|hold| run.site.owner(hold.tenant, &hold.sub)).collect();
    let uncertain = run.model.holding.take();
    if holds.symmetric_difference(&run.model.held).any(|owner| Some(*owner) != uncertain) {
        return broken("legal_holds_stay", format!("{holds:?}, expected {:?}", run.model.held));
    }
    run.model.held = holds;
    Ok(())
}

/// The root is derived again from the entries, and every checkpoint that was ever seen is one of this history.
fn roots(run: &mut Run<'_>, leaves: &[Hash]) -> Result<(), Broken> {
    let mut range = CompactRange::new();
    let mut roots = vec![range.root()];
    for leaf in leaves {
        range.append(*leaf, |_, _, _| ()).expect("a small tree");
        roots.push(range.root());
    }
    let (size, root) = run.ledger.size_root();
    if size != TreeSize(leaves.len() as u64) || root != range.root() {
        return broken("the_root_follows_from_the_entries", format!("size {}", size.0));
    }
    for text in std::mem::take(&mut run.model.checkpoints) {
        let signed = run.site.keys.verify_checkpoint(text.as_bytes());
        let signed =
            signed.map_err(|error| Broken { invariant: "checkpoints_are_signed", why: error.to_string() })?;
        let (size, root) = (signed.checkpoint.size().0, signed.checkpoint.root());
        if usize::try_from(size).ok().and_then(|at| roots.get(at)) != Some(&root) {
            return broken("published_checkpoints_are_prefixes", format!("size {size} of {}", leaves.len()));
        }
    }
    Ok(())
}

fn days(entries: &[Vec<u8>]) -> Result<(), Broken> {
    let mut last = Day(0);
    for (leaf, entry) in entries.iter().enumerate() {
        let entry = Entry::parse(entry)
            .map_err(|error| Broken { invariant: "entries_can_be_read", why: error.to_string() })?;
        if entry.day < last {
            return broken("days_never_decrease", format!("entry {leaf}"));
        }
        last = entry.day;
    }
    Ok(())
}

/// What was left open stands or not; which of both, the log says.
fn unknown(run: &mut Run<'_>) {
    for at in run.model.unknown.clone() {
        let (sent, _) = run.model.sent[at].clone();
        if let Sent::Event { tenant, jti, .. } = &sent
            && let Some(leaf) = run.ledger.find_event(*tenant, jti)
        {
            run.model.stands(&sent);
            run.model.sent[at].1 = Some(leaf.0);
            run.model.unknown.retain(|other| *other != at);
        }
    }
}

/// Each tenant's feed is a chain without gaps that leads to its end, over leaves of the log.
fn feeds(run: &Run<'_>, leaves: &[Hash]) -> Result<(), Broken> {
    for shop in &run.site.shops {
        let unread =
            |error: &dyn std::fmt::Display| Broken { invariant: "feeds_are_gapless", why: error.to_string() };
        let frames = run.ledger.feed(shop.id, FeedPosition(0), 10_000).map_err(|error| unread(&error))?;
        let mut chain = Chain::start(&run.site.origin, shop.id);
        for frame in &frames {
            let proof = TlogProof::parse(frame.receipt.proof.as_bytes()).map_err(|error| unread(&error))?;
            let LeafIndex(leaf) = proof.index();
            let hash = leaf_hash(&frame.receipt.entry.0);
            if leaves[usize::try_from(leaf).expect("small")] != hash || frame.seq != chain.position {
                return broken("feeds_are_gapless", format!("frame {} at entry {leaf}", frame.seq.0));
            }
            let known = run.model.owners.contains_key(&leaf);
            if known && (frame.about == About::Erased) != run.model.is_erased(leaf) {
                return broken(
                    "erased_customers_stay_erased",
                    format!("frame {} at entry {leaf}: {:?}", frame.seq.0, frame.about),
                );
            }
            chain = chain.next(leaf, &hash);
            if chain.value != frame.chain {
                return broken("feeds_are_gapless", format!("chain at frame {}", frame.seq.0));
            }
        }
        let end = run.ledger.feed_end(shop.id).map_err(|error| unread(&error))?;
        // every acknowledged event of this shop is fed
        let acknowledged = run.model.sent.iter().filter(|(sent, leaf)| {
            matches!(sent, Sent::Event { tenant, .. } if *tenant == shop.id) && leaf.is_some()
        });
        let expected = acknowledged.count();
        if end != chain || frames.len() < expected {
            return broken("feeds_are_gapless", format!("{} frames, {expected} events", frames.len()));
        }
    }
    Ok(())
}

/// No more uses that break no rule than a cap allows, by the records in the log.
fn caps(run: &Run<'_>) -> Result<(), Broken> {
    let mut uses: BTreeMap<Jti, u64> = BTreeMap::new();
    for shop in &run.site.shops {
        let mut after = None;
        loop {
            let (rows, next) = run
                .ledger
                .uses(shop.id, after, 10_000)
                .map_err(|error| Broken { invariant: "uses_can_be_read", why: error.to_string() })?;
            for row in rows.iter().filter(|row| row.flag.is_none() && !row.in_window) {
                if let Outcome::Permitted(permitted) = &row.record.outcome {
                    *uses.entry(permitted.grant).or_default() += 1;
                }
            }
            if next.is_none() {
                break;
            }
            after = next;
        }
    }
    for grant in run.model.grants.iter().filter(|grant| !grant.gone) {
        let recorded = uses.get(&grant.id).copied().unwrap_or_default();
        if grant.cap.is_some_and(|cap| recorded > cap) {
            return broken("caps_are_never_overspent", format!("{recorded} of {:?}", grant.cap));
        }
        let shop = &run.site.shops[grant.shop];
        let count = run.ledger.use_count(shop.id, &shop.customers[grant.customer].sub, &grant.id).uses;
        if count < recorded {
            return broken("every_use_is_counted", format!("{count} counted, {recorded} recorded"));
        }
    }
    Ok(())
}

/// Every record can be read, and proved under the last checkpoint, but for those of customers who were erased.
fn bodies(run: &Run<'_>, size: u64) -> Result<(), Broken> {
    // a prime step reaches other records in other trees
    for leaf in (0..size).step_by(if size > 100 { 7 } else { 1 }) {
        let shops = run.site.shops.iter().map(|shop| run.ledger.receipt(shop.id, LeafIndex(leaf)));
        let read: Vec<_> = shops.chain([run.ledger.public_receipt(LeafIndex(leaf))]).collect();
        let readable = read.iter().any(Result::is_ok);
        let gone = read.iter().any(|read| matches!(read, Err(ReadError::Erased)));
        let known = run.model.owners.contains_key(&leaf);
        if run.model.is_erased(leaf) {
            if readable || !gone {
                return broken("erased_customers_stay_erased", format!("entry {leaf}"));
            }
        } else if !readable && (known || !gone) {
            let errors: Vec<_> = read.into_iter().map(Result::err).collect();
            return broken("records_can_be_read", format!("entry {leaf}: {errors:?}"));
        }
    }
    Ok(())
}

/// The state answers as one that is made anew from the log.
fn state(run: &Run<'_>) -> Result<(), Broken> {
    let fresh = run
        .ledger_of_the_log()
        .map_err(|error| Broken { invariant: "the_state_can_be_made_anew", why: error.to_string() })?;
    let same = same_answers(run, &run.ledger, &fresh);
    let _ = fresh.close();
    same?;
    for owner in run.model.erased.keys().filter(|owner| !run.model.keys.contains_key(owner)) {
        let (tenant, sub) = run.site.customer(*owner);
        let customer = run.ledger.customer(tenant, sub);
        if customer.is_some_and(|customer| !customer.keys.is_empty() || !customer.grants.is_empty()) {
            return broken("erased_customers_stay_erased", format!("{owner:?}"));
        }
    }
    for grant in run.model.grants.iter().filter(|grant| !grant.gone) {
        let shop = &run.site.shops[grant.shop];
        let customer = run.ledger.customer(shop.id, &shop.customers[grant.customer].sub);
        let status =
            customer.as_ref().and_then(|customer| customer.grant(&grant.id)).map(|grant| grant.status);
        let ended = matches!(status, Some(Status::Withdrawn | Status::Revoked | Status::Superseded));
        if status.is_none() || ended != grant.ended {
            return broken("grants_are_as_acknowledged", format!("{status:?}, ended: {}", grant.ended));
        }
    }
    Ok(())
}

/// Whether two ledgers answer everything alike.
pub(crate) fn same_answers(run: &Run<'_>, one: &Ledger, fresh: &Ledger) -> Result<(), Broken> {
    let events: Vec<_> = run
        .model
        .sent
        .iter()
        .filter_map(|(sent, _)| match sent {
            Sent::Event { tenant, jti, .. } => Some((*tenant, *jti)),
            _ => None,
        })
        .collect();
    let (got, expected) = (answers(run, one, &events)?, answers(run, fresh, &events)?);
    for (got, expected) in got.iter().zip(&expected) {
        if got != expected {
            return broken("the_state_is_the_fold_of_the_log", format!("{got}\nmade anew: {expected}"));
        }
    }
    if got.len() == expected.len() {
        Ok(())
    } else {
        broken(
            "the_state_is_the_fold_of_the_log",
            format!("{} answers, {} made anew", got.len(), expected.len()),
        )
    }
}

/// What a ledger answers about everything, one line each.
fn answers(
    run: &Run<'_>,
    ledger: &Ledger,
    events: &[(grantbook_record::TenantId, Jti)],
) -> Result<Vec<String>, Broken> {
    let mut lines = Vec::new();
    for shop in &run.site.shops {
        let Shop { id, gate, customers, .. } = shop;
        for customer in customers {
            lines.push(format!(
                "{:?}",
                ledger.customer(*id, &customer.sub).filter(|known| !known.keys.is_empty())
            ));
            lines.push(format!("{:?}", ledger.decide(*id, &facts(&customer.sub), None)));
        }
        let grants = ledger.grants(*id, None, 10_000);
        let grants =
            grants.map_err(|error| Broken { invariant: "grants_can_be_read", why: error.to_string() })?;
        lines.extend(grants.iter().map(|grant| format!("{grant:?}")));
        for gate in [gate, &GateId::parse("remote").expect("a name")] {
            lines.push(format!("{:?}", ledger.gate_progress(*id, gate)));
        }
        lines.push(format!("{:?}", ledger.feed_end(*id)));
    }
    lines.extend(events.iter().map(|(tenant, jti)| format!("{:?}", ledger.find_event(*tenant, jti))));
    lines.push(ledger.checkpoint().to_string());
    Ok(lines)
}
