//! The reading side: each call yields the view of one page. Who may see what is decided here by what is asked: a
//! customer's views are made from the customer's memberships alone, an enterprise's from its own id.

use futures_util::Stream;
use grantbook_record::TenantId;

use crate::account::Parting;
use crate::rules::{RuleFault, RuleForm};
use crate::signing::Pending;
use crate::view::company::{Desk, Paging, WaitingComplaints};
use crate::view::customer::{
    ChangeReview, Complaints, Connections, GrantPage, Home, Keys, MyData, Narrowing, RequestReview,
    StopReview, Stopped,
};
use crate::view::draft::{Draft, PreparedRequest, Preview};
use crate::view::erasure::{ErasureReport, ErasureReview};
use crate::view::money::Value;
use crate::view::overview::Overview;
use crate::view::refusal::Refusal;
use crate::view::regulator::LogState;
use crate::view::rules::{RuleBook, RuleDraft};
use crate::view::signers::{SignatureCard, Signers};
use crate::view::space::{Space, SpaceFilter, SpaceRecord};
use crate::viewer::Membership;

/// Why a view cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadFault {
    /// Nothing is there, or nothing that belongs to whoever asks.
    #[error("not found")]
    NotFound,
    /// It was erased.
    #[error("erased")]
    Erased,
    /// The ledger cannot be read now.
    #[error("the ledger cannot be read")]
    Unavailable,
}

/// What a call comes to.
pub type Read<T> = Result<T, ReadFault>;

/// Forms in which others read what a grant says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentForm {
    /// A consent record of ISO/IEC TS 27560, in JSON-LD.
    Iso27560,
    /// A Kantara consent receipt 1.1.
    Kantara,
}

/// Reads from a ledger.
pub trait Reads: Clone + Send + Sync + 'static {
    /// The front page.
    fn overview(&self) -> Overview;
    /// The log, for regulators.
    fn log(&self) -> impl Future<Output = Read<LogState>> + Send;

    /// A customer's first page.
    fn home(&self, of: &[Membership]) -> impl Future<Output = Read<Home>> + Send;
    /// Something that waits for further signatures, as lists show it.
    fn signature(&self, pending: Pending) -> impl Future<Output = Read<SignatureCard>> + Send;
    /// Who signs for a customer; whose keys they are is left out.
    fn signers(&self, of: &[Membership]) -> impl Future<Output = Read<Signers>> + Send;
    /// All grants of a customer.
    fn connections(&self, of: &[Membership]) -> impl Future<Output = Read<Connections>> + Send;
    /// A request to the customer, narrowed as they wish where they do.
    fn request(
        &self,
        of: &[Membership],
        id: &str,
        narrowing: &Narrowing,
    ) -> impl Future<Output = Read<RequestReview>> + Send;
    /// One grant of the customer's.
    fn grant(&self, of: &[Membership], id: &str) -> impl Future<Output = Read<GrantPage>> + Send;
    /// A grant of the customer's that is open, narrowed as they wish where they do.
    fn change(
        &self,
        of: &[Membership],
        id: &str,
        narrowing: &Narrowing,
    ) -> impl Future<Output = Read<ChangeReview>> + Send;
    /// What stopping a grant means.
    fn stop(&self, of: &[Membership], id: &str) -> impl Future<Output = Read<StopReview>> + Send;
    /// That a grant is stopped; not found while it is not.
    fn stopped(&self, of: &[Membership], id: &str) -> impl Future<Output = Read<Stopped>> + Send;
    /// The same again whenever another gate has taken it in; ends when all have.
    fn taken_in(
        &self,
        of: &[Membership],
        id: &str,
    ) -> impl Future<Output = Read<impl Stream<Item = Stopped> + Send + 'static>> + Send;
    /// What enterprises' systems say of the customer.
    fn space(&self, of: &[Membership], filter: &SpaceFilter) -> impl Future<Output = Read<Space>> + Send;
    /// One record of it.
    fn space_record(
        &self,
        of: &[Membership],
        tenant: &str,
        id: &str,
    ) -> impl Future<Output = Read<SpaceRecord>> + Send;
    /// Uses and what they brought.
    fn value(&self, of: &[Membership]) -> impl Future<Output = Read<Value>> + Send;
    /// The customer's keys.
    fn keys(&self, of: &[Membership]) -> impl Future<Output = Read<Keys>> + Send;
    /// What is held about the customer.
    fn data(&self, of: &[Membership]) -> impl Future<Output = Read<MyData>> + Send;
    /// What erasing everything at one enterprise means.
    fn erasure_review(
        &self,
        of: &[Membership],
        tenant: &str,
    ) -> impl Future<Output = Read<ErasureReview>> + Send;
    /// How far an erasure is.
    fn erasure(&self, asked: &Parting) -> impl Future<Output = Read<ErasureReport>> + Send;
    /// The customer's complaints.
    fn complaints(&self, of: &[Membership]) -> impl Future<Output = Read<Complaints>> + Send;
    /// Complaints that wait for an enterprise's answer.
    fn waiting_complaints(&self, of: TenantId) -> impl Future<Output = Read<WaitingComplaints>> + Send;
    /// The customer's standing rules.
    fn rules(&self, of: &[Membership]) -> impl Future<Output = Read<RuleBook>> + Send;
    /// A rule that is being made, with what it would have done once the form was sent. The tenant is as the path has it.
    fn rule_draft(
        &self,
        of: &[Membership],
        tenant: &str,
        form: Result<RuleForm, RuleFault>,
    ) -> impl Future<Output = Read<RuleDraft>> + Send;
    /// The receipt of an entry that is about the customer, as JSON in its one spelling.
    fn receipt(&self, of: &[Membership], leaf_index: u64) -> impl Future<Output = Read<String>> + Send;

    /// All records about the customer at one enterprise, as a page that checks itself.
    fn archive(&self, of: &[Membership], tenant: &str) -> impl Future<Output = Read<String>> + Send;
    /// One grant's record in a form that others read, as JSON.
    fn consent(
        &self,
        of: &[Membership],
        id: &str,
        form: ConsentForm,
    ) -> impl Future<Output = Read<String>> + Send;

    /// An enterprise's first page, with what its other pages show.
    fn desk(&self, tenant: TenantId, paging: Paging) -> impl Future<Output = Read<Desk>> + Send;
    /// The latest refusals of an enterprise's requests.
    fn refusals(&self, tenant: TenantId) -> impl Future<Output = Read<Vec<Refusal>>> + Send;
    /// A request as the customer would see it, from what its form says.
    fn preview(&self, tenant: TenantId, draft: &Draft) -> impl Future<Output = Read<Preview>> + Send;
    /// A request that waits for the enterprise's own signature.
    fn prepared(&self, tenant: TenantId, id: &str) -> impl Future<Output = Read<PreparedRequest>> + Send;
}
