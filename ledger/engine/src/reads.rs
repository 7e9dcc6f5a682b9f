//! Reads: receipts, records, the public log, feed and heads.

use std::sync::Arc;

use grantbook_plan::{CustomerState, Duties, GrantState, TenantState, UseCount};
use grantbook_record::archive::First;
use grantbook_record::day::UnixMillis;
use grantbook_record::encoding::{Base64Bytes, Bytes32};
use grantbook_record::entry::{LinkTarget, Salt};
use grantbook_record::feed::{About, Chain, FeedPosition, Frame};
use grantbook_record::head::{Head, SignedHead};
use grantbook_record::receipt::{
    self, Attached, Content, EventContent, LinkOpening, ShownAttachments, UseContent, WireOpening,
};
use grantbook_record::uses::{BatchTree, UseRecord, parse_head};
use grantbook_record::{
    Currency, DenialReason, Entry, Envelope, GateId, Jti, Quantity, Receipt, SubjectId, TenantId,
    UnixSeconds, strict_json,
};
use grantbook_tlog::tile::{BundleCoord, TileCoord, encode_bundle};
use grantbook_tlog::{Hash, LeafIndex, TlogProof, TreeSize};
use tokio::sync::watch;

use crate::body::{Attachment, Body, BodyContent, NO_BATCH, SharedHead, body_place, shared_place};
use crate::error::ReadError;
use crate::ledger::{AppendedUse, Inner, Ledger};
use crate::publication::PublishedCheckpoint;
use crate::published::OwnedItem;
use crate::sequencer::AppendedUses;
use crate::state::{Customer, GateProgress};

/// A grant as listed.
#[derive(Debug, Clone)]
pub struct GrantRow {
    /// Leaf index of its `grant.given`.
    pub leaf_index: LeafIndex,
    /// The customer.
    pub sub: SubjectId,
    /// The grant as it stands.
    pub grant: GrantState,
    /// How much of it is used up.
    pub count: UseCount,
    /// What is owed because of its uses and its end.
    pub duties: Duties,
}

impl GrantRow {
    pub(crate) fn new(customer: &Customer, grant: &GrantState) -> Self {
        Self {
            leaf_index: LeafIndex(grant.given),
            sub: customer.sub.clone(),
            grant: grant.clone(),
            count: customer.count(&grant.id),
            duties: customer.duties(&grant.id),
        }
    }

    /// When the oldest data that is kept of its uses must be deleted.
    pub fn deletion_due(&self) -> Option<UnixSeconds> {
        self.duties.deletion_due(&self.grant.terms)
    }
}

/// Customers as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customers {
    /// Each with the leaf index of the first `grant.given` that is still known.
    pub customers: Vec<(LeafIndex, SubjectId)>,
    /// Where to go on, unless that was the end.
    pub next: Option<LeafIndex>,
}

/// A recorded use, or a recorded denial, as listed.
#[derive(Debug, Clone)]
pub struct UseRow {
    /// Where it stands.
    pub leaf_index: LeafIndex,
    /// The record.
    pub record: UseRecord,
    /// The rule that it broke when it was admitted.
    pub flag: Option<DenialReason>,
    /// Whether it fell between a withdrawal and the bound.
    pub in_window: bool,
    /// What it pays.
    pub payout_minor: u64,
    /// Currency of that.
    pub currency: Currency,
}

/// A batch of uses: its signed head, and the tree for its records' paths.
pub(crate) struct SignedBatch {
    shared: SharedHead,
    tree: BatchTree,
}

/// Leaves that one call of [`Ledger::uses`] looks at.
const USES_SCAN_MAX: u64 = 65_536;

impl Inner {
    pub(crate) fn open_body(&self, leaf: u64, owned: &OwnedItem) -> Result<Body, ReadError> {
        let key = self.state.data_key(owned.owner.key_id)?;
        let damaged = || ReadError::Damaged(format!("body {leaf}"));
        let plain = key.key.open(&owned.item.body, &body_place(leaf)).map_err(|_| damaged())?;
        Body::parse(&plain).ok_or_else(damaged)
    }

    pub(crate) fn use_record(&self, leaf: u64, owned: &OwnedItem) -> Result<UseRecord, ReadError> {
        match self.open_body(leaf, owned)?.content {
            BodyContent::Use { record, .. } => {
                UseRecord::parse(&record).map_err(|_| ReadError::Damaged(format!("use {leaf}")))
            }
            BodyContent::Event { .. } => Err(ReadError::NotFound),
        }
    }

    pub(crate) fn shared_head(&self, leaf: u64) -> Result<SharedHead, ReadError> {
        let owned = self.published.item(leaf)?;
        let tenant = self.state.tenant(owned.owner.tenant)?;
        let key = self.state.data_key(tenant.key_id)?;
        let damaged = || ReadError::Damaged(format!("batch head {leaf}"));
        let plain = key.key.open(&owned.item.shared, &shared_place(leaf)).map_err(|_| damaged())?;
        SharedHead::parse(&plain).ok_or_else(damaged)
    }

    pub(crate) fn receipt_at(&self, leaf: u64) -> Result<Receipt, ReadError> {
        let owned = self.published.item(leaf)?;
        let body = self.open_body(leaf, &owned)?;
        let under = self.checkpoint_for(leaf)?;
        self.receipt_of(leaf, &owned, body, &under)
    }

    /// What who sends something again is given: the receipt, or what is left of it since the customer was erased.
    pub(crate) fn acknowledgement(&self, leaf: u64) -> Result<Receipt, ReadError> {
        match self.receipt_at(leaf) {
            Err(ReadError::Erased) => {
                let under = self.checkpoint_for(leaf)?;
                self.erased_receipt(leaf, &*self.published.item(leaf)?, &under)
            }
            read => read,
        }
    }

    fn proof_of(&self, leaf: u64, under: &PublishedCheckpoint) -> Result<TlogProof, ReadError> {
        let hashes = self.published.inclusion(leaf, under.size.0)?;
        TlogProof::new(None, LeafIndex(leaf), hashes, &under.note)
            .map_err(|_| ReadError::Damaged(format!("inclusion proof of entry {leaf}")))
    }

    /// What is left of an entry whose customer was erased: that it is in the log.
    pub(crate) fn erased_receipt(
        &self,
        leaf: u64,
        owned: &OwnedItem,
        under: &PublishedCheckpoint,
    ) -> Result<Receipt, ReadError> {
        let nothing = Salt(Bytes32([0; 32]));
        Ok(Receipt {
            v: receipt::VERSION,
            proof: self.proof_of(leaf, under)?.to_string(),
            entry: Base64Bytes(owned.item.entry.clone()),
            salt: nothing,
            link: LinkOpening { salt: nothing, group: 0, target: LinkTarget::NONE },
            content: Content::Erased,
            openings: Vec::new(),
        })
    }

    /// For enterprises and their gates, who see no attachments; for everybody where there are none.
    pub(crate) fn receipt_of(
        &self,
        leaf: u64,
        owned: &OwnedItem,
        body: Body,
        under: &PublishedCheckpoint,
    ) -> Result<Receipt, ReadError> {
        self.whole_receipt_of(leaf, owned, body, under).map(Receipt::without_attachments)
    }

    /// For customers, auditors and other ledgers: with what is attached.
    pub(crate) fn whole_receipt_of(
        &self,
        leaf: u64,
        owned: &OwnedItem,
        body: Body,
        under: &PublishedCheckpoint,
    ) -> Result<Receipt, ReadError> {
        let damaged = |what: &str| ReadError::Damaged(format!("{what} of entry {leaf}"));
        let proof = self.proof_of(leaf, under)?;
        let content = match body.content {
            BodyContent::Event { envelope, keys, attached, .. } => {
                let attached = attached.map(|Attachment { salt, bytes }| {
                    Attached::Shown(ShownAttachments { salt, bytes: Base64Bytes(bytes) })
                });
                Content::Event(EventContent { envelope: Base64Bytes(envelope), keys, attached })
            }
            BodyContent::Use { batch_first: NO_BATCH, .. } => {
                // its batch was signed for another log: the head and the path are those of its first receipt
                let first = body.first.as_deref().and_then(|json| strict_json::parse::<First>(json).ok());
                first.ok_or_else(|| damaged("first receipt"))?.receipt.content
            }
            BodyContent::Use { record, batch_first, .. } => {
                let batch = self.batch(batch_first)?;
                let at = usize::try_from(leaf.saturating_sub(batch_first)).unwrap_or(usize::MAX);
                let path = batch.tree.path(at).ok_or_else(|| damaged("batch path"))?;
                let path = path.into_iter().map(|hash| Bytes32(hash.0)).collect();
                let record = String::from_utf8(record).map_err(|_| damaged("record"))?;
                let SharedHead { head, key } = batch.shared.clone();
                Content::Use(Box::new(UseContent { record, head, path, key }))
            }
        };
        let openings = body.openings.iter().map(|opening| WireOpening {
            value: opening.value,
            blinding: Bytes32(opening.blinding.to_bytes()),
        });
        Ok(Receipt {
            v: receipt::VERSION,
            proof: proof.to_string(),
            entry: Base64Bytes(owned.item.entry.clone()),
            salt: body.salt,
            link: body.link,
            content,
            openings: openings.collect(),
        })
    }

    /// What the receipts of one batch have in common, read and hashed once for all of them.
    fn batch(&self, first: u64) -> Result<Arc<SignedBatch>, ReadError> {
        if let Some(batch) = self.batches.get(&first) {
            return Ok(batch);
        }
        let shared = self.shared_head(first)?;
        let (claims, _) =
            parse_head(&shared.head).map_err(|_| ReadError::Damaged(format!("batch head {first}")))?;
        let digests = (first..first.saturating_add(u64::from(claims.event.count)))
            .map(|leaf| self.entry(leaf).map(|entry| entry.digest))
            .collect::<Result<Vec<_>, _>>()?;
        let batch = Arc::new(SignedBatch { shared, tree: BatchTree::new(&digests) });
        self.batches.insert(first, Arc::clone(&batch));
        Ok(batch)
    }

    fn entry(&self, leaf: u64) -> Result<Entry, ReadError> {
        let owned = self.published.item(leaf)?;
        Entry::parse(&owned.item.entry).map_err(|_| ReadError::Damaged(format!("entry {leaf}")))
    }

    /// The receipts of a batch, in order.
    pub(crate) fn appended_uses(&self, appended: &AppendedUses) -> Result<Vec<AppendedUse>, ReadError> {
        let end = appended.leaf_index.saturating_add(u64::from(appended.count));
        (appended.leaf_index..end)
            .map(|leaf| {
                let owned = self.published.item(leaf)?;
                let duplicate = appended.duplicate;
                let body = match self.open_body(leaf, &owned) {
                    // sent again after the customer was erased: a gate must learn all the same that it is there
                    Err(ReadError::Erased) => {
                        let receipt = self.acknowledgement(leaf)?;
                        let (flag, in_window) = (None, false);
                        let leaf_index = LeafIndex(leaf);
                        return Ok(AppendedUse { receipt, leaf_index, flag, in_window, duplicate });
                    }
                    body => body?,
                };
                let (flag, in_window) = match body.content {
                    BodyContent::Use { flag, in_window, .. } => (flag, in_window),
                    BodyContent::Event { .. } => (None, false),
                };
                let receipt = self.receipt_of(leaf, &owned, body, &self.checkpoint_for(leaf)?)?;
                Ok(AppendedUse { receipt, leaf_index: LeafIndex(leaf), flag, in_window, duplicate })
            })
            .collect()
    }

    /// An item, if it is the tenant's.
    pub(crate) fn tenants_item(&self, tenant: TenantId, leaf: u64) -> Result<Arc<OwnedItem>, ReadError> {
        let (number, _) = self.keyring.tenant(tenant).ok_or(ReadError::NotFound)?;
        let owned = self.published.item(leaf)?;
        if owned.owner.tenant == number { Ok(owned) } else { Err(ReadError::NotFound) }
    }

    pub(crate) fn number(&self, tenant: TenantId) -> Result<u32, ReadError> {
        self.keyring.tenant(tenant).map(|(number, _)| number).ok_or(ReadError::NotFound)
    }
}

impl Ledger {
    /// The receipt of a tenant's entry, with a proof under the witnessed checkpoint where that covers it, otherwise
    /// under the latest.
    pub fn receipt(&self, tenant: TenantId, leaf: LeafIndex) -> Result<Receipt, ReadError> {
        self.inner.tenants_item(tenant, leaf.0)?;
        self.inner.receipt_at(leaf.0)
    }

    /// The same receipt for the customer whom the entry is about, with what was attached; [`ReadError::NotFound`] for an
    /// entry about somebody else.
    pub fn customers_receipt(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        leaf: LeafIndex,
    ) -> Result<Receipt, ReadError> {
        let LeafIndex(leaf) = leaf;
        let owned = self.inner.tenants_item(tenant, leaf)?;
        if self.inner.state.data_key(owned.owner.key_id)?.sub.as_ref() != Some(sub) {
            return Err(ReadError::NotFound);
        }
        let body = self.inner.open_body(leaf, &owned)?;
        self.inner.whole_receipt_of(leaf, &owned, body, &self.inner.checkpoint_for(leaf)?)
    }

    /// The receipt of a gate's record by its number in the gate's spool, as [`Self::receipt`] gives it.
    pub fn use_receipt(&self, tenant: TenantId, gate: &GateId, seq: u64) -> Result<Receipt, ReadError> {
        let found = self.inner.state.batch_with(self.inner.number(tenant)?, gate, seq)?;
        let (first, row) = found.ok_or(ReadError::NotFound)?;
        self.inner.receipt_at(row.leaf_index.saturating_add(seq - first))
    }

    /// A customer's keys, grants and requests.
    pub fn customer(&self, tenant: TenantId, sub: &SubjectId) -> Option<CustomerState> {
        let key = self.inner.state.customer_key(tenant, sub);
        let customer = self.inner.state.customer(key).ok().flatten()?;
        Some(customer.state.as_ref().clone())
    }

    /// Where the envelope with this `jti` stands.
    pub fn find_event(&self, tenant: TenantId, jti: &Jti) -> Option<LeafIndex> {
        self.inner.state.jti(tenant, jti).ok().flatten().map(|row| LeafIndex(row.leaf_index))
    }

    /// A tenant's grants, ended ones included, by rising leaf index after `after`.
    pub fn grants(
        &self,
        tenant: TenantId,
        after: Option<LeafIndex>,
        limit: usize,
    ) -> Result<Vec<GrantRow>, ReadError> {
        let number = self.inner.number(tenant)?;
        let rows = self.inner.state.grants(number, after.map(|leaf| leaf.0), limit)?;
        let mut listed = Vec::with_capacity(rows.len());
        for (leaf, key_id) in rows {
            let key = match self.inner.state.data_key(key_id) {
                Ok(key) => key,
                Err(ReadError::Erased) => continue,
                Err(error) => return Err(error),
            };
            let Some(sub) = &key.sub else { continue };
            let name = self.inner.state.customer_key(tenant, sub);
            let Some(customer) = self.inner.state.customer(name)? else { continue };
            let grant = customer.state.grants.iter().find(|grant| grant.given == leaf);
            listed.extend(grant.map(|grant| GrantRow::new(&customer, grant)));
        }
        Ok(listed)
    }

    /// A tenant's customers who have ever granted, by their first grants after `after`, among at most `limit` grants.
    pub fn customers(
        &self,
        tenant: TenantId,
        after: Option<LeafIndex>,
        limit: usize,
    ) -> Result<Customers, ReadError> {
        let number = self.inner.number(tenant)?;
        let rows = self.inner.state.grants(number, after.map(|leaf| leaf.0), limit)?;
        let next = rows.last().filter(|_| rows.len() >= limit).map(|(leaf, _)| LeafIndex(*leaf));
        let mut customers = Vec::new();
        for (leaf, key_id) in rows {
            let key = match self.inner.state.data_key(key_id) {
                Ok(key) => key,
                Err(ReadError::Erased) => continue,
                Err(error) => return Err(error),
            };
            let Some(sub) = &key.sub else { continue };
            let Some(customer) = self.inner.state.customer(self.inner.state.customer_key(tenant, sub))?
            else {
                continue;
            };
            if customer.state.grants.first().is_some_and(|first| first.given == leaf) {
                customers.push((LeafIndex(leaf), sub.clone()));
            }
        }
        Ok(Customers { customers, next })
    }

    /// What a tenant has published.
    pub fn tenant_state(&self, tenant: TenantId) -> Result<TenantState, ReadError> {
        let number = self.inner.number(tenant)?;
        Ok(self.inner.state.tenant(number)?.state.clone())
    }

    /// A tenant's recorded uses and denials, by rising leaf index after `after`. May give fewer than `limit` and yet
    /// not be at the end: then the last one, or the position given beside them, is where to go on.
    pub fn uses(
        &self,
        tenant: TenantId,
        after: Option<LeafIndex>,
        limit: usize,
    ) -> Result<(Vec<UseRow>, Option<LeafIndex>), ReadError> {
        let number = self.inner.number(tenant)?;
        let first = after.map_or(0, |leaf| leaf.0.saturating_add(1));
        let size = self.inner.published.size();
        let end = size.min(first.saturating_add(USES_SCAN_MAX));
        let mut listed = Vec::new();
        for leaf in first..end {
            let owned = self.inner.published.item(leaf)?;
            if owned.owner.tenant != number {
                continue;
            }
            let row = match self.inner.use_row(leaf, &owned) {
                Ok(Some(row)) => row,
                Ok(None) | Err(ReadError::Erased) => continue,
                Err(error) => return Err(error),
            };
            listed.push(row);
            if listed.len() >= limit {
                return Ok((listed, (leaf + 1 < size).then_some(LeafIndex(leaf))));
            }
        }
        let next = if end < size { end.checked_sub(1).map(LeafIndex) } else { None };
        Ok((listed, next))
    }

    /// One recorded use or denial; `None` where the entry is something else.
    pub(crate) fn use_row_at(&self, leaf: LeafIndex) -> Result<Option<UseRow>, ReadError> {
        let owned = self.inner.published.item(leaf.0)?;
        self.inner.use_row(leaf.0, &owned)
    }

    /// How far a gate has come.
    pub fn gate_progress(&self, tenant: TenantId, gate: &GateId) -> Result<GateProgress, ReadError> {
        let number = self.inner.number(tenant)?;
        Ok(self.inner.state.gate(number, gate)?)
    }

    /// The last signed checkpoint.
    pub fn checkpoint(&self) -> Arc<str> {
        self.inner.published.checkpoint().0
    }

    /// Size and root of the tree as published.
    pub fn size_root(&self) -> (TreeSize, Hash) {
        self.inner.published.size_root()
    }

    /// A tile's bytes; `None` where the tree does not have it in that width.
    pub fn tile(&self, coord: &TileCoord) -> Result<Option<Vec<u8>>, ReadError> {
        self.inner.published.tile(coord)
    }

    /// An entry bundle's bytes; `None` where the tree does not have it in that width.
    pub fn bundle(&self, coord: &BundleCoord) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(entries) = self.inner.published.entries(coord.index(), coord.width())? else {
            return Ok(None);
        };
        let bytes = encode_bundle(&entries);
        bytes.map(Some).map_err(|_| ReadError::Damaged(format!("bundle {}", coord.index())))
    }

    /// A consistency proof between two sizes of the tree.
    pub fn consistency(&self, old: TreeSize, new: TreeSize) -> Result<Vec<Hash>, ReadError> {
        self.inner.published.consistency(old, new)
    }

    /// Frames of a tenant's feed from a position on, with proofs under the latest checkpoint.
    pub fn feed(&self, tenant: TenantId, from: FeedPosition, limit: usize) -> Result<Vec<Frame>, ReadError> {
        let number = self.inner.number(tenant)?;
        let size = self.inner.published.size();
        let rows = self.inner.state.feed(number, from.0, limit)?;
        let mut frames = Vec::with_capacity(rows.len());
        for (seq, row) in rows {
            // committed, but not published yet
            if row.leaf_index >= size {
                break;
            }
            frames.push(self.inner.frame(seq, row.leaf_index, row.chain)?);
        }
        Ok(frames)
    }

    /// How far a tenant's feed reaches in the tree as published.
    pub fn feed_end(&self, tenant: TenantId) -> Result<Chain, ReadError> {
        let number = self.inner.number(tenant)?;
        let (.., chain) = self.inner.published.head(number);
        Ok(chain.unwrap_or_else(|| Chain::start(self.origin(), tenant)))
    }

    /// Tells whenever a larger tree is published; the value is its size.
    pub fn wait_published(&self) -> watch::Receiver<u64> {
        self.inner.published.subscribe()
    }

    /// Signs how far a tenant's feed reaches, over the asker's nonce; [`ReadError::Stopped`] after a fault.
    pub fn signed_head(&self, tenant: TenantId, nonce: [u8; 32]) -> Result<SignedHead, ReadError> {
        // gates must not stay fresh by a ledger that cannot take a withdrawal in
        if self.inner.is_stopped() {
            return Err(ReadError::Stopped);
        }
        let number = self.inner.number(tenant)?;
        let (size, root, chain) = self.inner.published.head(number);
        let UnixMillis(time) = self.inner.clock.now();
        let head = Head {
            origin: self.origin().to_owned(),
            tenant,
            size,
            root,
            feed: chain.unwrap_or_else(|| Chain::start(self.origin(), tenant)),
            time: UnixMillis(time),
            nonces: Hash([0; 32]),
        };
        let mut signed = SignedHead::sign(head, &[nonce], &self.inner.keyring.head);
        signed.pop().ok_or_else(|| ReadError::Damaged("head".to_owned()))
    }
}

impl Inner {
    /// Leaf index of the entry that another links to.
    pub(crate) fn link_of(&self, leaf: u64) -> Result<u64, ReadError> {
        let owned = self.published.item(leaf)?;
        Ok(self.open_body(leaf, &owned)?.link.target.leaf_index)
    }

    pub(crate) fn use_row(&self, leaf: u64, owned: &OwnedItem) -> Result<Option<UseRow>, ReadError> {
        let body = self.open_body(leaf, owned)?;
        let BodyContent::Use { record, flag, in_window, .. } = body.content else { return Ok(None) };
        let damaged = || ReadError::Damaged(format!("use {leaf}"));
        let entry = Entry::parse(&owned.item.entry).map_err(|_| damaged())?;
        let record = UseRecord::parse(&record).map_err(|_| damaged())?;
        let payout = entry.class.quantities().iter().zip(&body.openings);
        let payout = payout.into_iter().find(|(quantity, _)| **quantity == Quantity::Payout);
        Ok(Some(UseRow {
            leaf_index: LeafIndex(leaf),
            record,
            flag,
            in_window,
            payout_minor: payout.map_or(0, |(_, opening)| opening.value),
            currency: entry.currency,
        }))
    }

    fn frame(&self, seq: u64, leaf: u64, chain: Bytes32) -> Result<Frame, ReadError> {
        let damaged = || ReadError::Damaged(format!("frame of entry {leaf}"));
        let owned = self.published.item(leaf)?;
        // replicas ask for the log's own signatures only, and frames are many
        let (note, size) = self.published.checkpoint();
        let under = PublishedCheckpoint { size: TreeSize(size), note };
        let body = match self.open_body(leaf, &owned) {
            Err(ReadError::Erased) => {
                let receipt = self.erased_receipt(leaf, &owned, &under)?;
                return Ok(Frame { seq: FeedPosition(seq), chain, about: About::Erased, receipt });
            }
            other => other?,
        };
        let BodyContent::Event { envelope, .. } = &body.content else { return Err(damaged()) };
        let event = Envelope::parse(envelope).and_then(|envelope| envelope.event()).map_err(|_| damaged())?;
        let about = About::of(&event);
        let receipt = self.receipt_of(leaf, &owned, body, &under)?;
        Ok(Frame { seq: FeedPosition(seq), chain, about, receipt })
    }
}
