//! Building a batch: each job is checked against the state as the jobs before it left it, and becomes entries.

mod assets;
mod erasing;
mod import;
mod owing;
mod paying;

use grantbook_compliance::Opening;
use grantbook_plan::admission::{self, Context};
use grantbook_plan::decide::{Basis, Permission, decide, judge_grant, judge_terms};
use grantbook_plan::{Admitted, CustomerState, Decision, Denial, EntryRef, UseCount};
use grantbook_record::day::{Day, UnixMillis, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::{self, DayKey, LinkTarget, Salt};
use grantbook_record::event::{Claims, Event};
use grantbook_record::receipt::LinkOpening;
use grantbook_record::uses::{BATCH_TYP, BatchHead, Outcome, Permitted, UseRecord, batch_root};
use grantbook_record::{Currency, DenialReason, Entry, EnvelopeError, GateId, Jti, Kind, jws};
use grantbook_tlog::{CompactRange, Hash, LeafIndex, TreeSize, leaf_hash};

use super::{Acknowledgement, Answer, Appended, AppendedUses, REMOTE_GATE, Reply, Tell, Verdict, broken};
use crate::admit::{
    AdmittedBatch, AdmittedEvent, AdmittedQuestion, AdmittedUse, Closing, Committed, TenantFacts, commit_use,
};
use crate::body::{Body, BodyContent, SharedHead, body_place, shared_place};
use crate::error::AppendError;
use crate::keyring::LOG;
use crate::leases::{LimitKey, Taken, grant_key};
use crate::ledger::Inner;
use crate::published::{Addition, OwnedItem, Owner, seal_owners};
use crate::state::{
    BatchRow, Changes, Customer, CustomerKey, FoldedEvent, FoldedUse, JtiRow, UseIdRow, half, half_digest,
};
use crate::store::{Fault, StoredBatch, StoredItem};

/// A batch before its checkpoint is signed.
pub(crate) struct Built {
    pub(super) batch: StoredBatch,
    pub(super) addition: Addition,
    pub(super) changes: Changes,
    pub(super) acknowledgements: Vec<Acknowledgement>,
}

pub(crate) struct Builder<'a> {
    inner: &'a Inner,
    day: Day,
    now: UnixSeconds,
    first: u64,
    range: CompactRange,
    nodes: Vec<(u8, u64, Hash)>,
    items: Vec<OwnedItem>,
    changes: Changes,
    acknowledgements: Vec<Acknowledgement>,
    day_keys: std::collections::BTreeMap<u32, DayKey>,
    touched: std::collections::BTreeSet<(u32, grantbook_record::TenantId)>,
    origin_sha256: Bytes32,
}

/// What an entry is made of, but for its place.
struct Draft<'d> {
    kind: Kind,
    currency: Currency,
    salt: Salt,
    record_sha256: Bytes32,
    link_salt: Salt,
    /// The tenant's group of terms; 0 for none.
    group: u16,
    linked: Option<EntryRef>,
    committed: &'d Committed,
    /// The proof of a first admission in another log.
    first: Option<Vec<u8>>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(inner: &'a Inner, day: Day, now: UnixSeconds) -> Self {
        let range = inner.published.range();
        let TreeSize(first) = range.size();
        Self {
            inner,
            day,
            now,
            first,
            range,
            nodes: Vec::new(),
            items: Vec::new(),
            changes: Changes::default(),
            acknowledgements: Vec::new(),
            day_keys: std::collections::BTreeMap::new(),
            touched: std::collections::BTreeSet::new(),
            origin_sha256: Bytes32::sha256(inner.keyring.log_keys.origin().as_bytes()),
        }
    }

    fn next_leaf(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// What was admitted is answered once it is durable, a refusal at once.
    fn settle<T: Send + 'static>(&mut self, admitted: Result<T, AppendError>, reply: Reply<T>) {
        match admitted {
            Ok(appended) => self.acknowledgements.push(Box::new(move || drop(reply.send(Ok(appended))))),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Takes an event in, or answers why not.
    pub(crate) fn event(&mut self, event: AdmittedEvent, reply: Reply<Appended>) -> Result<(), Fault> {
        let admitted = self.admit_event(event)?;
        self.settle(admitted, reply);
        Ok(())
    }

    fn admit_event(&mut self, event: AdmittedEvent) -> Result<Result<Appended, AppendError>, Fault> {
        let (inner, tenant) = (self.inner, event.tenant.clone());
        let claims = &event.claims;
        if let Some(JtiRow { leaf_index, envelope }) =
            self.changes.jti(&inner.state, tenant.id, &claims.jti)?
        {
            return Ok(if envelope == half(&event.envelope_sha256) {
                Ok(Appended { leaf_index, duplicate: true })
            } else {
                Err(AppendError::JtiConflict)
            });
        }
        // what everybody may read is the log's own, and the log has nothing else
        if event.kind.is_public() != (tenant.number == LOG) {
            return Ok(Err(EnvelopeError::WrongAudience.into()));
        }
        let owner = claims.event.subject().map(|sub| (inner.state.customer_key(tenant.id, sub), sub));
        let customer = match owner {
            Some((key, _)) => self.changes.customer(&inner.state, key)?,
            None => None,
        };
        let nobody = CustomerState::default();
        let customer_state = customer.as_ref().map_or(&nobody, |customer| customer.state.as_ref());
        let tenant_row = self.changes.tenant(&inner.state, tenant.number)?;
        let rules = Context {
            tenant: &tenant_row.state,
            parties: &tenant.parties,
            jti: claims.jti,
            now: if event.first.is_some() { event.at } else { self.now }, // by the rules of its time
        };
        let checked = match event.first {
            // an archive lacks grants whose envelopes were shredded
            Some(_) => customer_state.without_forgotten(&claims.event),
            None => std::borrow::Cow::Borrowed(&claims.event),
        };
        let admitted = admission::check(&checked, &event.signers, customer_state, &rules);
        let cosigned = crate::cosign::check_event(&event, customer.as_ref(), customer_state);
        if let Err(error) = admitted.map_err(AppendError::from).and(cosigned.map_err(AppendError::from)) {
            return Ok(Err(error));
        }
        if let Event::SubjectErased(erased) = &claims.event {
            if event.first.is_some() {
                let why = "it is of the ledger that destroyed the key, expected an event of this one";
                return Ok(Err(AppendError::NotErasable { why }));
            }
            if let Err(why) = self.erasable(&tenant, erased)? {
                return Ok(Err(AppendError::NotErasable { why }));
            }
            // a grant's own events pay nothing
            if erased.given.is_none() {
                self.close_payouts(tenant.number, erased.data_key, event.closing)?;
            }
        }
        let owed = match self.owed(&tenant, claims, customer.as_ref(), event.first.is_some())? {
            Ok(owed) => owed,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let due = match self.due(&tenant, claims, customer.as_ref(), event.first.is_some())? {
            Ok(due) => due,
            Err(why) => return Ok(Err(AppendError::NotDue { why })),
        };
        let linked = customer_state.link_target(&claims.event);
        let linked = linked.map(|(target, group)| (owed.unwrap_or(target), group));
        let group = paying::group_of(&claims.event, &tenant_row.state, linked.map(|(_, group)| group));
        let linked = due.or(linked.map(|(target, _)| target));
        let grant = claims.event.changed_grant().and_then(|id| customer_state.grant(&id));
        let (key_id, key) = match (&claims.event, grant) {
            (Event::GrantGiven(given), _) => {
                self.changes.new_grant_key(&inner.state, tenant.number, &given.sub, claims.jti)
            }
            (_, Some(grant)) => self.changes.grant_key(&inner.state, tenant.number, grant.given)?,
            _ => self.changes.data_key(&inner.state, tenant.number, owner)?,
        };
        let draft = Draft {
            kind: event.kind,
            currency: event.currency,
            salt: event.salt,
            record_sha256: event.envelope_sha256,
            link_salt: event.link_salt,
            group,
            linked,
            committed: &event.committed,
            first: event.first,
        };
        let (envelope, keys, attached) = (event.envelope, event.keys, event.attached);
        let content = BodyContent::Event { envelope, keys, attached, admitted_at: event.at.0 };
        let owner = Owner { tenant: tenant.number, key_id };
        let (leaf_index, hash) = self.place(&tenant, owner, &key.key, &draft, content)?;
        let entry = EntryRef { leaf_index, leaf_hash: Bytes32(hash.0) };
        let admitted = Admitted { jti: claims.jti, entry, at: event.at, group: 0 };
        let origin = inner.keyring.log_keys.origin();
        let owner = (owner, tenant.id);
        let linked = linked.map(|target| target.leaf_index);
        let folded = FoldedEvent {
            claims,
            envelope_sha256: event.envelope_sha256,
            salt: event.salt,
            admitted,
            linked,
            imported: draft.first.is_some(),
            passkeys: &event.passkeys,
        };
        self.changes.event(&inner.state, owner, origin, &folded)?;
        Ok(Ok(Appended { leaf_index, duplicate: false }))
    }

    /// Keeps the sums over what an erased customer was paid: those found before, and what has come since.
    fn close_payouts(&mut self, number: u32, data_key: u64, closing: Closing) -> Result<(), Fault> {
        let Closing { mut sums, until } = closing;
        sums.extend(self.inner.payouts_under(data_key, until..self.first)?);
        for (leaf, owned) in (self.first..).zip(&self.items) {
            if owned.owner.key_id == data_key {
                self.inner.add_payout(leaf, owned, &mut sums)?;
            }
        }
        self.changes.close(&self.inner.state, number, sums)
    }

    /// Takes a batch of uses in as one piece, or answers why not.
    pub(super) fn uses(&mut self, batch: AdmittedBatch, reply: Reply<AppendedUses>) -> Result<(), Fault> {
        let admitted = self.admit_uses(batch)?;
        self.settle(admitted, reply);
        Ok(())
    }

    fn admit_uses(&mut self, admitted: AdmittedBatch) -> Result<Result<AppendedUses, AppendError>, Fault> {
        let state = &self.inner.state;
        let AdmittedBatch { tenant, batch, key, uses } = admitted;
        let BatchHead { gate, first, count, .. } = &batch.claims.event;
        let progress = self.changes.gate(state, tenant.number, gate)?;
        if let Some(row) = self.changes.batch(state, tenant.number, gate, *first)? {
            let BatchRow { leaf_index, count, head } = row;
            if head == half_digest(batch.head.as_bytes()) {
                return Ok(Ok(AppendedUses { leaf_index, count, duplicate: true }));
            }
        }
        if *first != progress.next_seq {
            return Ok(Err(AppendError::Sequence { expected: progress.next_seq, got: *first }));
        }
        let leaf_index = self.next_leaf();
        for (record, used) in batch.records.iter().zip(uses) {
            self.use_(&tenant, &record.record, &record.json, record.salt, used, leaf_index)?;
        }
        self.share_head(&tenant, leaf_index, &SharedHead { head: batch.head.clone(), key })?;
        self.changes.note_batch(tenant.number, gate, *first, &batch.head, leaf_index, *count);
        Ok(Ok(AppendedUses { leaf_index, count: *count, duplicate: false }))
    }

    /// One record of a batch. It is admitted whatever it breaks; what it breaks is its flag.
    fn use_(
        &mut self,
        tenant: &TenantFacts,
        record: &UseRecord,
        json: &[u8],
        salt: Salt,
        mut used: AdmittedUse,
        batch_first: u64,
    ) -> Result<(), Fault> {
        let state = &self.inner.state;
        let name = state.customer_key(tenant.id, &record.facts.data_subject);
        let customer = self.changes.customer(state, name)?;
        let grant = record.grant().and_then(|id| customer.as_ref()?.grant_at(&id, record.at));
        let (group, linked) =
            grant.as_ref().map_or((0, None), |grant| (grant.group, Some(grant.terms_entry)));
        let link_salt = used.link_salt;
        let mut verdict = Verdict::default();
        let (mut currency, mut payout_minor) = (Currency::NONE, 0);
        if let Outcome::Permitted(_) = record.outcome {
            if let Some(grant) = &grant {
                currency = grant.terms.compensation.currency();
                payout_minor = grant.terms.compensation.payout_per_use_minor();
            }
            let pays = (currency, payout_minor.into());
            let published = self.changes.tenant(state, tenant.number)?;
            let rules = published.state.rules_at(record.at, self.inner.freshness_bound.as_secs());
            let basis = Basis::new(&published.state.vocabulary, rules).with_notices(&published.state.notices);
            verdict = self.judge((tenant.number, name), customer.as_ref(), record, basis, pays);
            // the price changed between admission and now
            if used.committed.openings.get(1).map(|payout| payout.value) != Some(u64::from(payout_minor)) {
                used.committed = commit_use(record.at, payout_minor);
            }
        }
        // uses of somebody who is not known here are the enterprise's own records
        let owner = customer.as_ref().map(|customer| (name, &customer.sub));
        let (key_id, key) = self.changes.data_key(state, tenant.number, owner)?;
        let draft = Draft {
            kind: record.kind(),
            currency,
            salt,
            record_sha256: Bytes32::sha256(json),
            link_salt,
            group,
            linked,
            committed: &used.committed,
            first: None,
        };
        let Verdict { flag, in_window } = verdict;
        let content = BodyContent::Use { record: json.to_vec(), batch_first, flag, in_window };
        let owner = Owner { tenant: tenant.number, key_id };
        let (leaf_index, _) = self.place(tenant, owner, &key.key, &draft, content)?;
        let (day, imported) = (self.day, false);
        let folded = FoldedUse { record, flag, currency, payout_minor, leaf_index, day, imported };
        self.changes.use_(state, (tenant.number, tenant.id), &folded)?;
        self.inner.leases_mut().book.take_record(tenant.number, name, record, currency, payout_minor.into());
        Ok(())
    }

    /// What a permitted use breaks, judged as of the time at which the gate recorded it. What it drew on leases is charged
    /// already; without one it competes for what is left.
    fn judge(
        &self,
        (tenant, name): (u32, CustomerKey),
        customer: Option<&Customer>,
        record: &UseRecord,
        basis: Basis<'_>,
        (currency, payout_minor): (Currency, u64),
    ) -> Verdict {
        let flagged = |flag| Verdict { flag: Some(flag), in_window: false };
        let late_after = self.inner.late_after.as_secs();
        if record.at.0.saturating_add(late_after) < self.now.0
            || record.at.0 > self.now.0.saturating_add(late_after)
        {
            return flagged(DenialReason::Late);
        }
        let Some((customer, grant)) =
            customer.and_then(|known| Some((known, known.grant_at(&record.grant()?, record.at)?)))
        else {
            return flagged(DenialReason::NoGrant);
        };
        let used = Taken { gate: &record.gate, leases: &record.leases, at: record.at };
        let is_leased = self.inner.leases().book.covered(&grant_key(tenant, name, grant.id), &used, 1) > 0;
        let count = if is_leased {
            UseCount::default()
        } else {
            self.inner.count_with_leases(tenant, name, customer, &grant.id, record.at)
        };
        let basis = basis.of(&customer.state);
        match judge_grant(basis, &grant, count, &record.facts, record.at) {
            Ok(()) => {
                let project = LimitKey::Budget { tenant, project: record.facts.requester.clone() };
                let leases = self.inner.leases();
                let covered = leases.book.covered(&project, &used, payout_minor);
                if leases.book.pays(&project, currency, payout_minor, covered) {
                    Verdict::default()
                } else {
                    flagged(DenialReason::Budget)
                }
            }
            Err(denial) => {
                // inside the bound a gate could not know yet; never after it
                let bound = self.inner.freshness_bound.as_secs();
                let in_window =
                    grant.ended_at.is_some_and(|ended| record.at.0 <= ended.0.saturating_add(bound));
                if !in_window {
                    return flagged(denial.reason);
                }
                // of the end alone it could not know: the terms it had
                let (terms, starts) = ((grant.id, &grant.terms), grant.starts);
                match judge_terms(basis, terms, starts, &record.facts, record.at) {
                    Ok(()) => Verdict { flag: None, in_window: true },
                    Err(denial) => flagged(denial.reason),
                }
            }
        }
    }

    /// Decides questions to the ledger's own gate, sorted by tenant, and records those that are permitted.
    pub(super) fn questions(&mut self, questions: Vec<(AdmittedQuestion, Tell)>) -> Result<(), Fault> {
        let mut run: Option<Run> = None;
        for (question, tell) in questions {
            if run.as_ref().is_some_and(|run| run.tenant.number != question.tenant.number) {
                self.close_run(run.take())?;
            }
            match self.answer(&mut run, question)? {
                Ok(permit @ Answer::Permit { .. }) => {
                    self.acknowledgements.push(Box::new(move || tell(Ok(permit))));
                }
                answer => tell(answer),
            }
        }
        self.close_run(run)
    }

    fn answer(
        &mut self,
        run: &mut Option<Run>,
        question: AdmittedQuestion,
    ) -> Result<Result<Answer, AppendError>, Fault> {
        let state = &self.inner.state;
        let AdmittedQuestion { tenant, facts, use_id, provenance, salt, used, at } = question;
        let name = state.customer_key(tenant.id, &facts.data_subject);
        let customer = self.changes.customer(state, name)?;
        if let Some(id) = &use_id
            && let Some(UseIdRow { leaf_index, facts: asked }) =
                self.changes.use_id(state, tenant.number, id.as_str())?
        {
            let same = asked == half_digest(&serde_json::to_vec(&facts).unwrap_or_default());
            return Ok(if same {
                self.answered_before(customer.as_ref(), leaf_index)
            } else {
                Err(AppendError::UseIdConflict)
            });
        }
        let known = customer.as_ref().map(|customer| customer.state.as_ref());
        let count_of = |grant: &Jti| {
            let counted = customer
                .as_ref()
                .map(|customer| self.inner.count_with_leases(tenant.number, name, customer, grant, at));
            counted.unwrap_or_default()
        };
        let published = self.changes.tenant(state, tenant.number)?;
        let permission = match decide(published.state.basis(), known, count_of, &facts, at) {
            Decision::Denial(denial) => return Ok(Ok(Answer::Denial(denial))),
            Decision::Permit(permission) => permission,
        };
        if self.inner.is_withdrawing(name, &permission.grant) {
            let denial = Denial { grant: Some(permission.grant), ..Denial::of(DenialReason::Withdrawn) };
            return Ok(Ok(Answer::Denial(denial)));
        }
        let now = UnixMillis(self.now.0.saturating_mul(1000));
        let unpaid = customer.as_ref().and_then(|customer| {
            self.inner.denied_by_leases(tenant.number, customer, &permission, &facts, now)
        });
        if let Some(denial) = unpaid {
            return Ok(Ok(Answer::Denial(denial)));
        }
        let Ok(gate) = GateId::parse(REMOTE_GATE) else {
            return Err(broken("the name of the ledger's own gate"));
        };
        let progress = self.changes.gate(state, tenant.number, &gate)?;
        let run = run.get_or_insert_with(|| Run {
            tenant: tenant.clone(),
            leaf_index: self.first + self.items.len() as u64,
            first: progress.next_seq,
            digests: Vec::new(),
        });
        let record = UseRecord {
            use_id,
            provenance,
            ..UseRecord::new(
                gate,
                progress.next_seq,
                at,
                facts,
                Outcome::Permitted(Permitted::committed(permission.grant)),
            )
        };
        let json = record.to_json();
        run.digests.push(entry::digest(&salt, &Bytes32::sha256(&json), None));
        let leaf_index = self.next_leaf();
        let batch_first = run.leaf_index;
        self.use_(&tenant, &record, &json, salt, used, batch_first)?;
        Ok(Ok(Answer::Permit { permission, leaf_index, duplicate: false }))
    }

    fn answered_before(&self, customer: Option<&Customer>, leaf_index: u64) -> Result<Answer, AppendError> {
        let denial = || Ok(Answer::Denial(Denial::of(DenialReason::NoGrant)));
        // recorded in this very batch or before; either way its receipt exists once the batch is acknowledged
        let Some(customer) = customer else { return denial() };
        let grant = match self
            .items
            .get(usize::try_from(leaf_index.wrapping_sub(self.first)).unwrap_or(usize::MAX))
        {
            Some(owned) => self.inner.use_record(leaf_index, owned),
            None => self
                .inner
                .published
                .item(leaf_index)
                .and_then(|owned| self.inner.use_record(leaf_index, &owned)),
        };
        let Ok(Outcome::Permitted(Permitted { grant, .. })) = grant.map(|record| record.outcome) else {
            return denial();
        };
        let Some(grant) = customer.state.grant(&grant) else { return denial() };
        Ok(Answer::Permit { permission: Permission::under(grant), leaf_index, duplicate: true })
    }

    /// Signs the permits of one tenant in this batch, once for all of them.
    fn close_run(&mut self, run: Option<Run>) -> Result<(), Fault> {
        let Some(Run { tenant, leaf_index, first, digests }) = run else { return Ok(()) };
        let Ok(gate) = GateId::parse(REMOTE_GATE) else {
            return Err(broken("the name of the ledger's own gate"));
        };
        let jti = Jti::new(UnixMillis(self.now.0 * 1000), crate::random::bytes());
        let count = u32::try_from(digests.len()).unwrap_or(u32::MAX);
        let root = batch_root(digests.iter());
        let claims = Claims::new(tenant.id, jti, BatchHead { gate: gate.clone(), first, count, root });
        let operator = &self.inner.keyring.operator;
        let head = jws::sign(BATCH_TYP, &claims.to_json(), operator);
        self.changes.note_batch(tenant.number, &gate, first, &head, leaf_index, count);
        self.share_head(&tenant, leaf_index, &SharedHead { head, key: *operator.public_key() })
    }

    /// Puts a batch's signed head beside its first record, sealed under the tenant's key.
    fn share_head(&mut self, tenant: &TenantFacts, leaf_index: u64, head: &SharedHead) -> Result<(), Fault> {
        let (_, key) = self.changes.data_key(&self.inner.state, tenant.number, None)?;
        let sealed = key.key.seal(&head.to_bytes(), &shared_place(leaf_index));
        let at = usize::try_from(leaf_index - self.first).unwrap_or(usize::MAX);
        if let Some(owned) = self.items.get_mut(at) {
            owned.item.shared = sealed;
        }
        Ok(())
    }

    /// Gives an entry its place: link, tag, bytes, leaf, sealed body.
    fn place(
        &mut self,
        tenant: &TenantFacts,
        owner: Owner,
        key: &crate::seal::SealKey,
        draft: &Draft<'_>,
        content: BodyContent,
    ) -> Result<(u64, Hash), Fault> {
        let leaf_index = self.next_leaf();
        let origin = self.inner.keyring.log_keys.origin();
        let target = draft.linked.map_or(LinkTarget::NONE, |target| LinkTarget {
            origin_sha256: self.origin_sha256,
            leaf_index: target.leaf_index,
            leaf_hash: target.leaf_hash,
        });
        let link = LinkOpening { salt: draft.link_salt, group: draft.group, target };
        let (inner, day) = (self.inner, self.day);
        let day_key = match self.day_keys.entry(tenant.number) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                let tag_key =
                    inner.keyring.tag_key(tenant.number).ok_or_else(|| broken("a tenant has no tag key"))?;
                new.insert(tag_key.day_key(day))
            }
        };
        let entry = Entry {
            kind: draft.kind,
            class: draft.committed.class,
            currency: draft.currency,
            day,
            tag: day_key.tag(origin, LeafIndex(leaf_index)),
            digest: entry::digest(&draft.salt, &draft.record_sha256, content.a32()),
            link: entry::link(&link.salt, link.group, &link.target),
            commitments: draft.committed.commitments.clone(),
        }
        .to_bytes();
        let hash = leaf_hash(&entry);
        let nodes = &mut self.nodes;
        self.range
            .append(hash, |level, index, hash| nodes.push((level, index, hash)))
            .map_err(|error| broken(&error.to_string()))?;
        let openings: Vec<Opening> = draft.committed.openings.clone();
        let body = Body { salt: draft.salt, link, openings, content, first: draft.first.clone() };
        let sealed = key.seal(&body.to_bytes(), &body_place(leaf_index));
        let item = StoredItem { entry, body: sealed, shared: Vec::new() };
        self.items.push(OwnedItem { item, owner });
        self.touched.insert((tenant.number, tenant.id));
        Ok((leaf_index, hash))
    }

    /// The batch; `None` if every job was answered without an entry. Then answers that wait go out at once.
    pub(crate) fn finish(self) -> Option<Built> {
        if self.items.is_empty() {
            self.acknowledgements.into_iter().for_each(|acknowledge| acknowledge());
            return None;
        }
        let Self { inner, first, range, nodes, items, mut changes, acknowledgements, touched, .. } = self;
        let owners: Vec<Owner> = items.iter().map(|owned| owned.owner).collect();
        let batch = StoredBatch {
            first,
            items: items.iter().map(|owned| owned.item.clone()).collect(),
            owners: seal_owners(&inner.keyring.epoch().owners, b"batch", first, &owners),
            keys: std::mem::take(&mut changes.keys),
            checkpoint: String::new(),
        };
        let origin = inner.keyring.log_keys.origin();
        let feeds = touched
            .iter()
            .filter_map(|(number, id)| Some((*number, changes.changed_chain(*number, origin, *id)?)))
            .collect();
        let addition = Addition { range, nodes, items, checkpoint: String::new(), feeds };
        Some(Built { batch, addition, changes, acknowledgements })
    }
}

/// The permits of one tenant in one batch.
struct Run {
    tenant: TenantFacts,
    leaf_index: u64,
    first: u64,
    digests: Vec<Bytes32>,
}
