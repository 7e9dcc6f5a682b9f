//! The replica: one enterprise's grants, folded from its signed feed, and the decisions that follow from them.
//!
//! No I/O: frames, heads and the time come as arguments. A replica is not a cache: it is complete up to a position of
//! the feed, which the chain proves, and it is as fresh as the last signed head whose position it has reached.
//!
//! Rules: a frame that does not follow, or whose receipt does not verify, empties the replica, which then denies until
//! it has been fed again from the start; an event that the customer's own keys did not sign as admission demands is not
//! taken in, and everything of that customer is denied; an entry of an unknown critical kind denies what it is about.

mod freshness;
mod reading;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use grantbook_plan::admission::{self, Context};
use grantbook_plan::customer::{Admitted, CustomerState, EntryRef};
use grantbook_plan::decide::{Decision, Denial, Permission, UseCount, check_terms, decide};
use grantbook_plan::{Parties, TenantState, Vocabulary};
use grantbook_record::event::{Claims, Event};
use grantbook_record::feed::{About, Chain, FeedPosition, GrantOf};
use grantbook_record::head::{HeadError, SignedHead};
use grantbook_record::uses::UseFacts;
use grantbook_record::{DenialReason, Jti, ReceiptError, SubjectId, TenantId, UnixSeconds};
use grantbook_tlog::{LeafIndex, LogKeys};

use crate::clock::BootTime;
use freshness::Freshness;
pub use reading::VerifiedFrame;
use reading::{Known, Reading};

/// What a gate believes without proof: whose grants, and the keys of those who sign.
#[derive(Debug, Clone)]
pub struct Pins {
    /// The enterprise's tenant.
    pub tenant: TenantId,
    /// The log's keys, as `/log/vkey` gives them.
    pub log_keys: LogKeys,
    /// The enterprise's key and the operator's.
    pub parties: Parties,
}

/// Why the replica was emptied, or a head not taken in.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A frame is missing, came twice or came out of order.
    #[error("frame {got}, expected {expected}")]
    Gap {
        /// The next sequence number.
        expected: u64,
        /// As came.
        got: u64,
    },
    /// The chain over the frames leads elsewhere than the frame or a signed head says.
    #[error("feed of another history, expected the chain value that was signed")]
    Chain,
    /// A later frame about an earlier entry.
    #[error("entries out of order, expected rising leaf indexes")]
    Order,
    /// Two heads of one tree size with different roots.
    #[error("two trees of one size, expected one root")]
    Fork,
    /// The frame's receipt does not verify.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The frame's receipt has a version that this reader does not know.
    #[error("receipt version {got}, expected {}", grantbook_record::receipt::VERSION)]
    ReceiptVersion {
        /// As came.
        got: u8,
    },
    /// An event of another tenant.
    #[error("event of another tenant")]
    Tenant,
    /// The frame says that it is about something that its event is not about.
    #[error("frame is about something else than its event")]
    About,
    /// The head does not verify.
    #[error(transparent)]
    Head(#[from] HeadError),
}

/// A question for a head: the nonce, and when it was sent. Used once.
#[derive(Debug)]
pub struct Question {
    nonce: [u8; 32],
    sent: BootTime,
}

impl Question {
    /// `nonce` is random and `sent` is not later than the moment at which it leaves.
    pub fn new(nonce: [u8; 32], sent: BootTime) -> Self {
        Self { nonce, sent }
    }
}

/// One enterprise's grants.
#[derive(Debug)]
pub struct Replica {
    pins: Pins,
    bound: Duration,
    chain: Chain,
    last_leaf: Option<LeafIndex>,
    tenant: TenantState,
    tenant_blocked: bool,
    /// Frames came of which the feed says that they are erased, and no `subject.erased` since.
    erased_unproved: bool,
    customers: HashMap<SubjectId, Customer>,
    /// Whose the grants are, by the leaf index of their `grant.given`.
    givers: HashMap<u64, SubjectId>,
    freshness: Freshness,
}

#[derive(Debug, Default)]
struct Customer {
    state: CustomerState,
    /// Something about this customer was refused or not understood.
    blocked: bool,
    /// The same for single grants.
    blocked_grants: BTreeSet<Jti>,
}

impl Replica {
    /// Empty, and denying until it has reached a head younger than `bound`.
    pub fn new(pins: Pins, bound: Duration) -> Self {
        let chain = Chain::start(pins.log_keys.origin(), pins.tenant);
        Self {
            bound,
            chain,
            last_leaf: None,
            tenant: TenantState::default(),
            tenant_blocked: false,
            erased_unproved: false,
            customers: HashMap::new(),
            givers: HashMap::new(),
            freshness: Freshness::new(chain),
            pins,
        }
    }

    /// Forgets everything; the feed must begin again at position 0.
    pub fn reset(&mut self) {
        *self = Self::new(self.pins.clone(), self.bound);
    }

    /// What is believed without proof.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// How many frames it has taken in: the sequence number of the next one.
    pub fn position(&self) -> FeedPosition {
        self.chain.position
    }

    /// How many customers it knows.
    pub fn customers(&self) -> usize {
        self.customers.len()
    }

    /// Age of the newest head that it has reached; `None` if it never reached one.
    pub fn head_age(&self, now: BootTime) -> Option<Duration> {
        self.freshness.counted().map(|counted| now.since(counted.sent))
    }

    /// When decisions made now go stale; `None` if they are.
    pub fn fresh_until(&self, now: BootTime) -> Option<BootTime> {
        let until = self.freshness.counted()?.sent.after(self.bound);
        (now < until).then_some(until)
    }

    /// The ledger's time: that of the newest head that counts, and what has passed since; `None` without one.
    pub fn time_at(&self, now: BootTime) -> Option<UnixSeconds> {
        self.freshness.counted().map(|counted| counted.time_at(now))
    }

    /// Whether uses under this grant are limited in number, over its life or within a time; `None` for one that is not
    /// known.
    pub fn is_limited(&self, sub: &SubjectId, grant: &Jti) -> Option<bool> {
        let limits = &self.customers.get(sub)?.state.grant(grant)?.terms.limits;
        Some(limits.uses.is_some() || limits.rate.is_some())
    }

    /// Since when it waits for frames that a signed head says there are; `None` if it waits for none.
    pub fn waiting_since(&self) -> Option<BootTime> {
        self.freshness.waiting_since()
    }

    /// Takes in the next frame of the feed. After a fault the replica is empty.
    pub fn take_frame(&mut self, frame: VerifiedFrame) -> Result<(), Fault> {
        let taken = self.fold(frame);
        if taken.is_err() {
            self.reset();
        }
        taken
    }

    fn fold(&mut self, frame: VerifiedFrame) -> Result<(), Fault> {
        let VerifiedFrame { seq, chain, about, entry, reading } = frame;
        if seq != self.chain.position {
            return Err(Fault::Gap { expected: self.chain.position.0, got: seq.0 });
        }
        let next = self.chain.next(entry.leaf_index, &grantbook_tlog::Hash(entry.leaf_hash.0));
        if next.value != chain {
            return Err(Fault::Chain);
        }
        let leaf_index = LeafIndex(entry.leaf_index);
        if self.last_leaf.is_some_and(|last| last >= leaf_index) {
            return Err(Fault::Order);
        }
        match reading {
            Reading::Known(known) => self.take_event(*known, entry),
            Reading::Erased => self.erased_unproved = true,
            Reading::UnknownCritical => self.block(about),
            Reading::Opaque => {}
        }
        self.last_leaf = Some(leaf_index);
        self.chain = next;
        self.freshness.advance(next)
    }

    fn take_event(&mut self, known: Known, entry: EntryRef) {
        let Known { claims, signers, envelope_sha256, at, group } = known;
        let event = without_request(&claims);
        let context = Context {
            vocabulary: Vocabulary::builtin(),
            tenant: &self.tenant,
            parties: &self.pins.parties,
            now: at,
        };
        let Some(sub) = claims.event.subject() else {
            // a template or notice that is refused bounds no grant: grants under it are refused in their turn
            if admission::check(&event, &signers, &CustomerState::default(), &context).is_ok() {
                if let Event::SubjectErased(erased) = &*event {
                    self.erased_unproved = false;
                    erased.given.inspect(|given| self.forget_grant(*given));
                }
                self.tenant.apply(&event, envelope_sha256);
            }
            return;
        };
        let customer = self.customers.entry(sub.clone()).or_default();
        if customer.blocked {
            return;
        }
        let checked = customer.state.without_forgotten(&event);
        match admission::check(&checked, &signers, &customer.state, &context) {
            Ok(()) => {
                if matches!(*event, Event::GrantGiven(_)) {
                    self.givers.insert(entry.leaf_index, sub.clone());
                }
                customer.state.apply(&event, &Admitted { jti: claims.jti, entry, at, group });
                self.tenant.apply(&event, envelope_sha256);
            }
            Err(_) => customer.blocked = true,
        }
    }

    fn block(&mut self, about: About) {
        match about {
            About::Tenant | About::Erased => self.tenant_blocked = true,
            About::Customer(sub) => self.customers.entry(sub).or_default().blocked = true,
            About::Grant(GrantOf { sub, grant }) => {
                self.customers.entry(sub).or_default().blocked_grants.insert(grant);
            }
        }
    }

    /// Forgets a customer who is being erased: every grant of theirs has been withdrawn.
    pub fn forget(&mut self, sub: &SubjectId) {
        let customer = self.customers.remove(sub);
        for grant in customer.iter().flat_map(|customer| &customer.state.grants) {
            self.givers.remove(&grant.given);
        }
    }

    /// Forgets a grant whose envelopes the ledger has shredded. Where the frame of its end came without content, that it
    /// goes is also what ends it here.
    fn forget_grant(&mut self, given: u64) {
        let Some(sub) = self.givers.remove(&given) else { return };
        let Some(customer) = self.customers.get_mut(&sub) else { return };
        if let Some(grant) = customer.state.forget_grant(given) {
            customer.blocked_grants.remove(&grant);
        }
    }

    /// Takes in a head that answers `question`. It counts once its position is reached; one that is older than the
    /// newest that counts changes nothing. After [`Fault::Chain`] or [`Fault::Fork`] the replica is empty.
    #[allow(clippy::needless_pass_by_value, reason = "taken, so that no nonce answers for two heads")]
    pub fn take_head(&mut self, head: &SignedHead, question: Question, now: BootTime) -> Result<(), Fault> {
        let Question { nonce, sent } = question;
        let head = head.verify(&self.pins.log_keys, self.pins.tenant, &nonce)?;
        let horizon = self.bound;
        self.freshness.take(head, sent, |sent| now.since(sent) < horizon).inspect_err(|_| self.reset())
    }

    /// Decides from the grants alone; nothing is recorded. Caps and rates are not looked at here: how much of a grant
    /// is used up is known to the ledger, which decides again when it records.
    pub fn decide(&self, facts: &UseFacts, at_least: Option<LeafIndex>, now: BootTime) -> Decision {
        match self.permit(facts, at_least, now) {
            Ok(permission) => Decision::Permit(permission),
            Err(denial) => Decision::Denial(denial),
        }
    }

    fn permit(
        &self,
        facts: &UseFacts,
        at_least: Option<LeafIndex>,
        now: BootTime,
    ) -> Result<Permission, Denial> {
        // an unknown word comes first in the order of reasons; where the replica is ready, the decision sees to that
        let (customer, time) = self
            .ready(facts, at_least, now)
            .map_err(|denial| check_terms(Vocabulary::builtin(), facts).err().unwrap_or(denial))?;
        let state = customer.map(|customer| &customer.state);
        match decide(Vocabulary::builtin(), state, |_| UseCount::default(), facts, time) {
            Decision::Permit(permission) => {
                unblocked(customer, &permission.grant)?;
                Ok(permission)
            }
            Decision::Denial(denial) => Err(denial),
        }
    }

    /// Whether this one grant, under which the ledger has recorded the use, permits it here too.
    pub fn confirm(&self, facts: &UseFacts, grant: &Jti, now: BootTime) -> Result<Permission, Denial> {
        let (customer, time) = self.ready(facts, None, now)?;
        // the ledger may be ahead of the feed, and then the grant is not here yet
        let behind = || Denial { grant: Some(*grant), ..Denial::of(DenialReason::Behind) };
        let known = customer.and_then(|customer| customer.state.grant(grant)).ok_or_else(behind)?;
        unblocked(customer, grant)?;
        let alone = CustomerState { grants: vec![known.clone()], ..CustomerState::default() };
        match decide(Vocabulary::builtin(), Some(&alone), |_| UseCount::default(), facts, time) {
            Decision::Permit(permission) => Ok(permission),
            Decision::Denial(denial) => Err(denial),
        }
    }

    /// Freshness, position and blocks; gives the customer and the ledger's time.
    fn ready(
        &self,
        facts: &UseFacts,
        at_least: Option<LeafIndex>,
        now: BootTime,
    ) -> Result<(Option<&Customer>, UnixSeconds), Denial> {
        let counted = self
            .freshness
            .counted()
            .filter(|counted| now.since(counted.sent) < self.bound)
            .ok_or_else(|| Denial::of(DenialReason::Stale))?;
        if at_least.is_some_and(|leaf_index| counted.size.0 <= leaf_index.0) {
            return Err(Denial::of(DenialReason::Behind));
        }
        let customer = self.customers.get(&facts.data_subject);
        let blocked = self.tenant_blocked || self.erased_unproved;
        if blocked || customer.is_some_and(|customer| customer.blocked) {
            return Err(Denial::of(DenialReason::Blocked));
        }
        Ok((customer, counted.time_at(now)))
    }
}

fn unblocked(customer: Option<&Customer>, grant: &Jti) -> Result<(), Denial> {
    if customer.is_some_and(|customer| customer.blocked_grants.contains(grant)) {
        return Err(Denial { grant: Some(*grant), ..Denial::of(DenialReason::Blocked) });
    }
    Ok(())
}

/// Requests are not in the feed, so whether a grant answers an open one is the ledger's business alone; consent hangs
/// on the customer's signature over the terms.
fn without_request(claims: &Claims<Event>) -> Cow<'_, Event> {
    match &claims.event {
        Event::GrantGiven(given) if given.request.is_some() => {
            let mut given = given.clone();
            given.request = None;
            Cow::Owned(Event::GrantGiven(given))
        }
        event => Cow::Borrowed(event),
    }
}
