//! The replica: one enterprise's grants, folded from its signed feed, and the decisions that follow from them.
//!
//! No I/O: frames, heads and the time come as arguments. A replica is not a cache: it is complete up to a position of
//! the feed, which the chain proves, and it is as fresh as the last signed head whose position it has reached.
//!
//! Rules: a frame that does not follow, or whose receipt does not verify, empties the replica, which then denies until
//! it has been fed again from the start; an event that the customer's own keys did not sign as admission demands is not
//! taken in, and everything of that customer is denied; an entry of an unknown critical kind denies what it is about.

mod cold;
mod folder;
mod freshness;
mod holdings;
mod reading;
mod rewriting;
mod snapshot;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use grantbook_plan::admission::{self, Context};
use grantbook_plan::compact::Known as Customer;
use grantbook_plan::customer::{Admitted, CustomerState, EntryRef, GrantState};
use grantbook_plan::decide::{Decision, Denial, Permission, UseCount, check_terms};
use grantbook_plan::{Parties, TenantState, Vocabulary};
use grantbook_record::event::{Claims, Event};
use grantbook_record::feed::{About, Chain, FeedPosition, GrantOf};
use grantbook_record::head::{HeadError, SignedHead};
use grantbook_record::uses::UseFacts;
use grantbook_record::{DenialReason, Jti, ReceiptError, SubjectId, TenantId, UnixMillis, UnixSeconds};
use grantbook_tlog::{LeafIndex, LogKeys};

use crate::clock::BootTime;
pub use crate::seal::SealError;
pub use cold::{Cold, ColdError, ColdFile, Shelf};
pub use folder::StateFolder;
use freshness::Freshness;
pub use holdings::Holdings;
pub use reading::VerifiedFrame;
use reading::{Known, Reading};
pub use rewriting::{Rewriting, Rewritten};
pub use snapshot::{Snapshot, SnapshotError};

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
    /// What is known of a customer cannot be read or kept.
    #[error(transparent)]
    Records(#[from] ColdError),
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

/// Grants of which the ledger has no use left, as it said when it was asked for some.
#[derive(Debug, Clone, Default)]
pub struct UsedUp(Vec<(Jti, DenialReason)>);

impl UsedUp {
    /// Notes a grant, if that is what the reason says; whether it is one more than before.
    pub fn note(&mut self, grant: Jti, reason: DenialReason) -> bool {
        let is_new = !self.0.iter().any(|(known, _)| *known == grant);
        let says_so = matches!(reason, DenialReason::Cap | DenialReason::Rate);
        if is_new && says_so {
            self.0.push((grant, reason));
        }
        is_new && says_so
    }

    fn count(&self, grant: &Jti, now: UnixSeconds) -> UseCount {
        match self.0.iter().find(|(known, _)| known == grant) {
            None => UseCount::default(),
            Some((_, DenialReason::Rate)) => UseCount { uses: 0, window_start: now, window_uses: u32::MAX },
            Some(_) => UseCount { uses: u64::MAX, ..UseCount::default() },
        }
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
    holdings: Holdings,
    /// The last frame for which something was wiped from the folder's records.
    wiped_by: Option<FeedPosition>,
    freshness: Freshness,
    /// Where snapshots go, and with them what is not held in memory.
    folder: Option<Arc<StateFolder>>,
}

impl Replica {
    /// Empty, and denying until it has reached a head younger than `bound`. Keeps everything in memory.
    pub fn new(pins: Pins, bound: Duration) -> Self {
        let chain = Chain::start(pins.log_keys.origin(), pins.tenant);
        Self {
            bound,
            chain,
            last_leaf: None,
            tenant: TenantState::default(),
            tenant_blocked: false,
            erased_unproved: false,
            holdings: Holdings::default(),
            wiped_by: None,
            freshness: Freshness::new(chain),
            folder: None,
            pins,
        }
    }

    /// Forgets everything, files included; the feed must begin again at position 0.
    pub fn reset(&mut self) {
        let empty = Self::new(self.pins.clone(), self.bound);
        let folder = self.folder.take();
        // a folder that cannot be written: what comes is kept in memory, and nothing of it on disk
        let holdings = folder.as_deref().and_then(|folder| Holdings::in_folder(folder).ok());
        *self = Self { holdings: holdings.unwrap_or_default(), folder, ..empty };
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
        self.holdings.customers()
    }

    /// What it knows of customers, to be changed without any proof: for measurements.
    #[doc(hidden)]
    pub fn holdings_mut(&mut self) -> &mut Holdings {
        &mut self.holdings
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
        self.ledger_time(now).map(UnixMillis::seconds)
    }

    /// The same to the millisecond; never earlier than the ledger's clock, since the head was signed after it was asked for.
    pub fn ledger_time(&self, now: BootTime) -> Option<UnixMillis> {
        self.freshness.counted().map(|counted| counted.time_at(now))
    }

    /// Whether something is known of this customer.
    pub fn knows(&self, sub: &SubjectId) -> bool {
        self.holdings.known(sub).is_some()
    }

    /// The enterprise's vocabulary, as far as it has come in.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.tenant.vocabulary
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
            Reading::Known(known) => self.take_event(*known, entry)?,
            Reading::Erased => self.erased_unproved = true,
            Reading::UnknownCritical => self.block(about)?,
            Reading::Opaque => {}
        }
        self.last_leaf = Some(leaf_index);
        self.chain = next;
        self.freshness.advance(next)
    }

    fn take_event(&mut self, known: Known, entry: EntryRef) -> Result<(), ColdError> {
        let Known { claims, signers, envelope_sha256, at, group } = known;
        let event = without_request(&claims);
        let (tenant, parties) = (&self.tenant, &self.pins.parties);
        let context = Context { tenant, parties, jti: claims.jti, now: at };
        let Some(sub) = claims.event.subject() else {
            // a template or notice that is refused bounds no grant: grants under it are refused in their turn
            if admission::check(&event, &signers, &CustomerState::default(), &context).is_ok() {
                self.tenant.apply(&event, envelope_sha256);
                if let Event::SubjectErased(erased) = &*event {
                    self.erased_unproved = false;
                    // where the frame of its end came without content, that the grant goes is also what ends it here
                    if let Some(given) = erased.given {
                        self.holdings.forget_grant(given)?;
                        self.wiped_by = Some(self.chain.position);
                    }
                }
            } else if let Event::PolicyPublished(_) = &*event {
                // rules that are not taken in could forbid what those at hand permit
                self.tenant_blocked = true;
            }
            return Ok(());
        };
        if self.holdings.known(sub).is_some_and(|customer| customer.is_blocked()) {
            return Ok(());
        }
        let mut record = self.holdings.record(sub)?;
        let checked = record.state.without_forgotten(&event);
        match admission::check(&checked, &signers, &record.state, &context) {
            Ok(()) => {
                record.state.apply(&event, &Admitted { jti: claims.jti, entry, at, group });
                // the entry of a new grant commits to no time but those of its terms: when it ended another is known to
                // the day alone
                if let Event::GrantGiven(given) = &*event {
                    let superseded = |grant: &&mut GrantState| Some(grant.id) == given.terms.supersedes;
                    record.state.grants.iter_mut().filter(superseded).for_each(|grant| grant.ended_at = None);
                }
                self.tenant.apply(&event, envelope_sha256);
            }
            Err(_) => record.blocked = true,
        }
        self.holdings.keep(sub, &record)
    }

    fn block(&mut self, about: About) -> Result<(), ColdError> {
        let (sub, grant) = match about {
            About::Tenant | About::Erased => {
                self.tenant_blocked = true;
                return Ok(());
            }
            About::Customer(sub) => (sub, None),
            About::Grant(GrantOf { sub, grant }) => (sub, Some(grant)),
        };
        if self.holdings.known(&sub).is_some_and(|customer| customer.is_blocked()) {
            return Ok(());
        }
        let mut record = self.holdings.record(&sub)?;
        record.blocked = grant.is_none();
        record.blocked_grants.extend(grant);
        self.holdings.keep(&sub, &record)
    }

    /// Forgets a customer who is being erased: every grant of theirs has been withdrawn. Their records are wiped when
    /// this returns; a snapshot that was taken before is not. After a fault the replica is empty.
    pub fn forget(&mut self, sub: &SubjectId) -> Result<(), Fault> {
        self.holdings.forget(sub).inspect_err(|_| self.reset()).map_err(Fault::from)
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
        match self.permit(facts, at_least, now, &UsedUp::default()) {
            Ok(permission) => Decision::Permit(permission),
            Err(denial) => Decision::Denial(denial),
        }
    }

    /// The same where the ledger has said of some grants that they are used up.
    pub fn permit(
        &self,
        facts: &UseFacts,
        at_least: Option<LeafIndex>,
        now: BootTime,
        used_up: &UsedUp,
    ) -> Result<Permission, Denial> {
        // an unknown word comes first in the order of reasons; where the replica is ready, the decision sees to that
        let (customer, time) = self
            .ready(facts, at_least, now)
            .map_err(|denial| check_terms(self.vocabulary(), facts).err().unwrap_or(denial))?;
        let basis = self.tenant.basis();
        match holdings::decide(basis, customer.as_ref(), |grant| used_up.count(grant, time), facts, time) {
            Decision::Permit(permission) => {
                unblocked(customer.as_ref(), &permission.grant)?;
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
        let none_used = |_: &Jti| UseCount::default();
        let decision = customer
            .and_then(|known| known.decide_under(grant, self.tenant.basis(), none_used, facts, time))
            .ok_or_else(behind)?;
        unblocked(customer.as_ref(), grant)?;
        match decision {
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
    ) -> Result<(Option<Customer<'_>>, UnixSeconds), Denial> {
        let counted = self
            .freshness
            .counted()
            .filter(|counted| now.since(counted.sent) < self.bound)
            .ok_or_else(|| Denial::of(DenialReason::Stale))?;
        if at_least.is_some_and(|leaf_index| counted.size.0 <= leaf_index.0) {
            return Err(Denial::of(DenialReason::Behind));
        }
        let customer = self.holdings.known(&facts.data_subject);
        let blocked = self.tenant_blocked || self.erased_unproved;
        if blocked || customer.is_some_and(|customer| customer.is_blocked()) {
            return Err(Denial::of(DenialReason::Blocked));
        }
        Ok((customer, counted.time_at(now).seconds()))
    }
}

fn unblocked(customer: Option<&Customer<'_>>, grant: &Jti) -> Result<(), Denial> {
    if customer.is_some_and(|customer| customer.is_blocked_grant(grant)) {
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
