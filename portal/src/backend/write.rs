//! What the portal changes: accounts in a store of their own, the log through the door that is open to everybody.
//!
//! Calls may block. None of them has a way to the log that `POST /v1/events` does not have, but for a withdrawal by a
//! session, which the operator signs and which names its channel.

use grantbook_plan::cosigners::Lacking;
use grantbook_plan::signatories::Signatories;
use grantbook_record::complaint::ComplaintText;
use grantbook_record::event::{ClientPublished, Evidence, RequestMade};
use grantbook_record::mirror::{Milestone, Value};
use grantbook_record::vocabulary::Words;
use grantbook_record::{
    DataDay, Jti, Kind, PublicKey, RecordId, SubjectId, TenantId, Term, Terms, Thumbprint, UnixSeconds,
    VocabularyVersion,
};

use crate::failure::Failure;
use crate::news::OpenGrant;
use crate::view::agreement::ConsentAsked;
use crate::view::draft::Draft;

/// Rows as a change sees them: as they are, and what it has changed so far.
pub trait Rows {
    /// One row.
    fn get(&self, name: &str) -> Option<Vec<u8>>;
    /// Names that begin with `prefix`, in order.
    fn names(&self, prefix: &str) -> Vec<String>;
    /// Sets a row.
    fn put(&mut self, name: &str, value: Vec<u8>);
    /// Removes a row.
    fn remove(&mut self, name: &str);
}

/// A change of rows.
pub type Change<'a> = &'a mut dyn FnMut(&mut dyn Rows) -> Result<(), Failure>;

/// Where accounts, sessions and invitations are kept: durable, sealed, in backups, no part of the log.
pub trait AccountStore {
    /// One row.
    fn row(&self, name: &str) -> Option<Vec<u8>>;
    /// Changes rows, all or none; durable on return.
    fn change(&self, change: Change<'_>) -> Result<(), Failure>;
    /// Takes what was removed out of the files, too.
    fn forget_removed(&self) -> Result<(), Failure>;
}

/// The way to the log.
pub trait EventDoor {
    /// Puts the signing page on the log, unless that is what was put there last.
    fn publish_client(&self, client: &ClientPublished) -> Result<(), Failure>;
    /// Appends an envelope with what is attached to it, as `POST /v1/events` does; gives its leaf index.
    fn append(&self, tenant: TenantId, envelope: &[u8], attachment: Option<&[u8]>) -> Result<u64, Failure>;
    /// Withdraws a grant for a customer who is logged in; gives the leaf index.
    fn withdraw_by_session(&self, tenant: TenantId, sub: &SubjectId, grant: Jti) -> Result<u64, Failure>;
    /// Begins to erase a customer who is logged in, as `POST /v1/erasures` does; gives the erasure's number, or `None` where
    /// the ledger knows nobody of this pseudonym.
    fn begin_erasure(&self, tenant: TenantId, sub: &SubjectId) -> Result<Option<u64>, Failure>;
    /// Whose signature an event lacks that several people of a customer sign; refused already what the door would refuse for
    /// anything else.
    fn lacking(
        &self,
        tenant: TenantId,
        envelope: &[u8],
        attachment: Option<&[u8]>,
    ) -> Result<Option<Lacking>, Failure>;
    /// An envelope of the evidence's signature alone over a `key.enrolled` or `guardian.named`; `None` where an enterprise must
    /// give it that keeps its own key.
    fn vouch(
        &self,
        tenant: TenantId,
        kind: Kind,
        evidence: Evidence,
        payload: &[u8],
    ) -> Result<Option<Vec<u8>>, Failure>;
}

/// What the log says of a customer, as far as signing needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerFacts {
    /// Keys that may sign, guardians' among them.
    pub keys: Vec<Thumbprint>,
    /// Whether one of them is the customer's own.
    pub has_own_key: bool,
    /// Passkeys that grants are asked for.
    pub passkeys: Vec<Thumbprint>,
    /// The recovery key, of which nothing else is known yet.
    pub recovery: Option<Thumbprint>,
    /// How many of which keys sign for an organisation.
    pub signatories: Option<Signatories>,
    /// Whether some of what is signed may need more than one person.
    pub several: bool,
}

/// A grant, as far as it can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantFacts {
    /// Its terms in force.
    pub terms: Terms,
    /// Whether it has ended.
    pub ended: bool,
}

/// What a customer may answer or change.
pub trait CustomerRecords {
    /// An enterprise's name; `None` where there is no such enterprise.
    fn enterprise(&self, tenant: TenantId) -> Option<String>;
    /// A customer; empty where the log does not know the pseudonym.
    fn customer(&self, tenant: TenantId, sub: &SubjectId) -> Result<CustomerFacts, Failure>;
    /// The day on which a customer who was born on this day, days since 1900-01-01, comes of age.
    fn comes_of_age(&self, tenant: TenantId, sub: &SubjectId, birth_day: u32) -> Result<DataDay, Failure>;
    /// The terms of an open request.
    fn request(&self, tenant: TenantId, sub: &SubjectId, request: &Jti) -> Result<Option<Terms>, Failure>;
    /// The separate consents that terms ask for.
    fn consents(&self, tenant: TenantId, terms: &Terms) -> Result<Vec<ConsentAsked>, Failure>;
    /// The words of a version of an enterprise's vocabulary; `None` where there is no such version.
    fn words(&self, tenant: TenantId, version: VocabularyVersion) -> Result<Option<Words>, Failure>;
    /// A grant of the customer's.
    fn grant(&self, tenant: TenantId, sub: &SubjectId, grant: &Jti) -> Result<Option<GrantFacts>, Failure>;
    /// The customer's grants that have not ended.
    fn open_grants(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<OpenGrant>, Failure>;
    /// The ledger's clock.
    fn now(&self) -> UnixSeconds;
    /// An id that nobody has, made now.
    fn new_id(&self) -> Jti;
}

/// Whoever bears a token with which an enterprise's people or services come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// The enterprise.
    pub tenant: TenantId,
    /// Which of its tokens: its id, nothing secret.
    pub token_id: String,
}

/// The sandbox, for whoever tries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// As whom one comes to its enterprise.
    pub company: Bearer,
    /// The customer at whose pages one looks.
    pub customer: SubjectId,
}

/// Who works for which enterprise.
pub trait Enterprises {
    /// Who bears this token; `None` where it is none of an enterprise's.
    fn bearer(&self, token: &str) -> Option<Bearer>;
    /// Whether the token has not been revoked since.
    fn still_bears(&self, bearer: &Bearer) -> bool;
    /// The request that a form comes to; `None` where something is wrong with it, which its preview tells.
    fn drafted(&self, tenant: TenantId, draft: &Draft) -> Result<Option<RequestMade>, Failure>;
    /// An envelope over the payload, signed by the enterprise's key; `None` where the enterprise keeps its own, as all do but
    /// that of a sandbox.
    fn sign(&self, tenant: TenantId, kind: Kind, payload: &[u8]) -> Result<Option<Vec<u8>>, Failure>;
    /// The sandbox; `None` where there is none, or nothing in it to look at.
    fn sandbox(&self) -> Option<Sandbox>;
    /// Called once a customer's first key is enrolled through the portal: the sandbox's enterprise asks for something.
    fn enrolled(&self, tenant: TenantId, sub: &SubjectId);
    /// Appends one compact JWS, as `POST /v1/events` does; gives its leaf index.
    fn append_jws(&self, tenant: TenantId, jws: &str) -> Result<u64, Failure>;
}

/// What enterprises' systems say of a customer, as far as the customer can do something about it.
pub trait CustomerSpace {
    /// Tells the enterprise's system that a field of a record shall hold something else.
    fn wish(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        record: &RecordId,
        field: &Term,
        value: Value,
    ) -> Result<(), Failure>;
    /// A milestone of a record of the customer's.
    fn milestone(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        record: &RecordId,
        milestone: &RecordId,
    ) -> Result<Option<Milestone>, Failure>;
}

/// Complaints, which are never on the log.
pub trait ComplaintBook {
    /// Takes a customer's complaint.
    fn complain(&self, tenant: TenantId, sub: &SubjectId, text: ComplaintText) -> Result<(), Failure>;
    /// Takes the enterprise's answer; gives the customer.
    fn answer_complaint(&self, tenant: TenantId, id: &Jti, text: ComplaintText)
    -> Result<SubjectId, Failure>;
}

/// What a rule in force answers a request that waits.
#[derive(Debug, Clone)]
pub struct RuledAnswer {
    /// The `jti` of its `mandate.given`.
    pub mandate: Jti,
    /// The key of its agent.
    pub agent: PublicKey,
    /// The request.
    pub request: Jti,
    /// Its terms.
    pub terms: Terms,
    /// Yes or no.
    pub accepts: bool,
}

/// What standing rules need of the ledger.
pub trait RuleRecords {
    /// The version of an enterprise's vocabulary in whose words rules are made.
    fn vocabulary(&self, tenant: TenantId) -> Result<VocabularyVersion, Failure>;
    /// What a customer's rules in force answer of the requests that wait.
    fn answers_by_rules(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<RuledAnswer>, Failure>;
    /// Ends a rule for a customer who is logged in; gives the leaf index.
    fn end_rule_by_session(&self, tenant: TenantId, sub: &SubjectId, mandate: Jti) -> Result<u64, Failure>;
}

/// All of it.
pub trait WriteSide:
    AccountStore
    + ComplaintBook
    + EventDoor
    + CustomerRecords
    + CustomerSpace
    + Enterprises
    + RuleRecords
    + Send
    + Sync
    + 'static
{
}

impl<T> WriteSide for T where
    T: AccountStore
        + ComplaintBook
        + EventDoor
        + CustomerRecords
        + CustomerSpace
        + Enterprises
        + RuleRecords
        + Send
        + Sync
        + 'static
{
}
