//! What the portal's pages read: the views of `grantbook-portal`, made of what the ledger holds.
//!
//! A customer's view is made from the customer's own places (enterprise and pseudonym), an enterprise's from its id; an id
//! in an address only chooses among what is theirs, so one that is somebody else's is not found.

mod company;
pub(crate) mod complaints;
mod customer;
pub(crate) mod draft;
mod erasure;
mod names;
mod refusal;
mod rules;
mod signers;
mod space;
mod story;
mod taken_along;
mod value;

use std::time::{Duration, Instant};

use futures_util::Stream;
use futures_util::stream::unfold;
use grantbook_engine::{Ledger, ReadError};
use grantbook_plan::Status;
use grantbook_portal::account::Parting;
use grantbook_portal::backend::read::{ConsentForm, Read, ReadFault, Reads};
use grantbook_portal::failure::Failure;
use grantbook_portal::rules::{RuleFault, RuleForm};
use grantbook_portal::signing::Pending;
use grantbook_portal::view::company::{Desk, Paging, WaitingComplaints};
use grantbook_portal::view::customer::{
    ChangeReview, Complaints, Connections, GateTaken, GrantPage, Home, Keys, MyData, Narrowing,
    RequestReview, StopReview, Stopped,
};
use grantbook_portal::view::draft::{Draft, PreparedRequest, Preview};
use grantbook_portal::view::erasure::{ErasureReport, ErasureReview};
use grantbook_portal::view::money::Value;
use grantbook_portal::view::overview::Overview;
use grantbook_portal::view::refusal::Refusal;
use grantbook_portal::view::regulator::LogState;
use grantbook_portal::view::rules::{RuleBook, RuleDraft};
use grantbook_portal::view::signers::{SignatureCard, Signers};
use grantbook_portal::view::space::{Space, SpaceFilter, SpaceRecord};
use grantbook_portal::viewer::Membership;
use grantbook_record::{Jti, TenantId, UnixMillis, UnixSeconds};
use grantbook_tlog::LeafIndex;

use super::App;
use super::acknowledgements;
#[cfg(test)]
use super::live_gates::LiveGates;

/// Entries of one customer at one enterprise that pages look at, the latest: more are in the export.
const HISTORY_MAX: usize = 5_000;
/// How often a page that waits for gates looks again, at the latest.
const TAKEN_TICK: Duration = Duration::from_secs(1);

/// Reads for pages from the server's ledger.
#[derive(Clone)]
pub(super) struct LedgerReads(pub(super) App);

/// As pages know faults; what is wrong with the ledger is logged, not shown.
fn fault(error: ReadError) -> ReadFault {
    match error {
        ReadError::NotFound => ReadFault::NotFound,
        ReadError::Erased => ReadFault::Erased,
        error => {
            tracing::error!(%error, "a page could not be read");
            ReadFault::Unavailable
        }
    }
}

/// Where the viewer is the customer: what is a guardian's to do does not take a customer's place.
fn own(of: &[Membership]) -> Vec<Membership> {
    of.iter().filter(|place| place.ward.is_none()).cloned().collect()
}

/// The same at one enterprise.
fn own_at(of: &[Membership], tenant: &str) -> Read<Membership> {
    let found = own(of).into_iter().find(|place| place.tenant.to_string() == tenant);
    found.ok_or(ReadFault::NotFound)
}

impl LedgerReads {
    /// Runs a read that may block.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Ledger) -> Result<T, ReadError> + Send + 'static,
    ) -> Read<T> {
        match self.0.blocking(read).await {
            Ok(read) => read.map_err(fault),
            Err(_) => Err(ReadFault::Unavailable),
        }
    }

    /// The same with one of the customer's grants, and the place that it belongs to.
    async fn with_grant<T: Send + 'static>(
        &self,
        of: &[Membership],
        id: &str,
        read: impl FnOnce(&Ledger, &Membership, Jti) -> Result<T, ReadError> + Send + 'static,
    ) -> Read<T> {
        let id = Jti::parse(id).map_err(|_| ReadFault::NotFound)?;
        let of = of.to_vec();
        self.read(move |ledger| {
            let place = of.iter().find(|place| {
                let rows = ledger.grants_of(place.tenant, &place.subject);
                rows.is_ok_and(|rows| rows.iter().any(|row| row.grant.id == id))
            });
            read(ledger, place.ok_or(ReadError::NotFound)?, id)
        })
        .await
    }

    async fn stopped_now(&self, of: &[Membership], id: &str) -> Read<Stopped> {
        let app = self.0.clone();
        self.with_grant(of, id, move |ledger, place, id| {
            let ending = ledger.ending(place.tenant, &id)?.ok_or(ReadError::NotFound)?;
            let taken = acknowledgements::look(&app, place.tenant, &ending);
            let gates = taken.as_ref().map(|taken| taken.gates.clone()).unwrap_or_default();
            let row = ledger.grant(place.tenant, &id)?;
            let gates = gates.into_iter().map(|(gate, at)| GateTaken {
                gate: gate.as_str().to_owned(),
                at: at.map(UnixMillis::seconds),
            });
            Ok(Stopped {
                connection: customer::connection(ledger, place, &row)?,
                at: row.grant.ended_at.unwrap_or_else(|| row.grant.end()),
                leaf_index: ending.leaf_index.0,
                complete: taken.is_none_or(|taken| taken.by_all()),
                gates: gates.collect(),
                deletion_due: row.deletion_due(),
            })
            .and_then(|view| {
                if row.grant.status == Status::Superseded { Err(ReadError::NotFound) } else { Ok(view) }
            })
        })
        .await
    }
}

impl Reads for LedgerReads {
    fn overview(&self) -> Overview {
        self.0.overview()
    }

    async fn log(&self) -> Read<LogState> {
        let app = self.0.clone();
        self.read(move |ledger| {
            let published = match &app.witnessing {
                Some(witnessing) => witnessing.published(),
                None => Some(ledger.publishable()?.note),
            };
            let Overview { origin, mut tree_size, mut root, .. } = app.overview();
            let timed = published.as_ref().map(|note| ledger.log_keys().verify_checkpoint(note.as_bytes()));
            let mut signed_at = None;
            if let Some(Ok(timed)) = timed {
                tree_size = timed.checkpoint.size().0;
                root = timed.checkpoint.root().to_string();
                signed_at = Some(UnixSeconds(timed.time.0));
            }
            let witnesses = match (&app.witnessing, &published) {
                (Some(witnessing), Some(note)) => witnessing.witnesses(note),
                _ => Vec::new(),
            };
            let complaints = complaints::of_all(ledger)?;
            Ok(LogState { origin, size: tree_size, root, signed_at, complaints, witnesses })
        })
        .await
    }

    async fn home(&self, of: &[Membership]) -> Read<Home> {
        let of = of.to_vec();
        self.read(move |ledger| customer::home(ledger, &of)).await
    }

    async fn signature(&self, pending: Pending) -> Read<SignatureCard> {
        self.read(move |ledger| signers::signature(ledger, pending)).await
    }

    async fn signers(&self, of: &[Membership]) -> Read<Signers> {
        let of = of.to_vec();
        self.read(move |ledger| Ok(signers::signers(ledger, &of))).await
    }

    async fn connections(&self, of: &[Membership]) -> Read<Connections> {
        let of = of.to_vec();
        self.read(move |ledger| customer::connections(ledger, &of)).await
    }

    async fn request(&self, of: &[Membership], id: &str, narrowing: &Narrowing) -> Read<RequestReview> {
        let id = Jti::parse(id).map_err(|_| ReadFault::NotFound)?;
        let (of, narrowing) = (of.to_vec(), narrowing.clone());
        self.read(move |ledger| customer::request(ledger, &of, id, &narrowing)).await
    }

    async fn grant(&self, of: &[Membership], id: &str) -> Read<GrantPage> {
        self.with_grant(of, id, customer::grant).await
    }

    async fn change(&self, of: &[Membership], id: &str, narrowing: &Narrowing) -> Read<ChangeReview> {
        let narrowing = narrowing.clone();
        let read =
            move |ledger: &Ledger, place: &Membership, id| customer::change(ledger, place, id, &narrowing);
        self.with_grant(of, id, read).await
    }

    async fn stop(&self, of: &[Membership], id: &str) -> Read<StopReview> {
        self.with_grant(of, id, customer::stop).await
    }

    async fn stopped(&self, of: &[Membership], id: &str) -> Read<Stopped> {
        self.stopped_now(of, id).await
    }

    async fn taken_in(
        &self,
        of: &[Membership],
        id: &str,
    ) -> Read<impl Stream<Item = Stopped> + Send + 'static> {
        self.stopped_now(of, id).await?;
        let (reads, of, id) = (self.clone(), of.to_vec(), id.to_owned());
        let heard = self.0.live_gates.heard();
        let stopping = self.0.stopping.clone();
        Ok(unfold((heard, stopping, false), move |(mut heard, mut stopping, done)| {
            let (reads, of, id) = (reads.clone(), of.clone(), id.clone());
            async move {
                if done {
                    return None;
                }
                heard.borrow_and_update();
                let view = reads.stopped_now(&of, &id).await.ok()?;
                if !view.complete {
                    tokio::select! {
                        // a gate that falls silent tells nobody
                        () = tokio::time::sleep(TAKEN_TICK) => {}
                        _ = heard.changed() => {}
                        _ = stopping.wait_for(|stopping| *stopping) => return None,
                    }
                }
                let done = view.complete;
                Some((view, (heard, stopping, done)))
            }
        }))
    }

    async fn space(&self, of: &[Membership], filter: &SpaceFilter) -> Read<Space> {
        let (of, filter) = (own(of), filter.clone());
        self.read(move |ledger| space::space(ledger, &of, &filter)).await
    }

    async fn space_record(&self, of: &[Membership], tenant: &str, id: &str) -> Read<SpaceRecord> {
        let (of, tenant, id) = (own(of), tenant.to_owned(), id.to_owned());
        self.read(move |ledger| space::record(ledger, &of, &tenant, &id)).await
    }

    async fn value(&self, of: &[Membership]) -> Read<Value> {
        let of = of.to_vec();
        self.read(move |ledger| value::value(ledger, &of)).await
    }

    async fn keys(&self, of: &[Membership]) -> Read<Keys> {
        let of = own(of);
        self.read(move |ledger| Ok(customer::keys(ledger, &of))).await
    }

    async fn data(&self, of: &[Membership]) -> Read<MyData> {
        let of = own(of);
        self.read(move |ledger| customer::data(ledger, &of)).await
    }

    async fn erasure_review(&self, of: &[Membership], tenant: &str) -> Read<ErasureReview> {
        let place = own_at(of, tenant)?;
        let app = self.0.clone();
        self.read(move |ledger| erasure::review(ledger, &app.config, &place)).await
    }

    async fn erasure(&self, asked: &Parting) -> Read<ErasureReport> {
        let (app, asked) = (self.0.clone(), *asked);
        self.read(move |ledger| erasure::report(&app, ledger, &asked)).await
    }

    async fn complaints(&self, of: &[Membership]) -> Read<Complaints> {
        let of = own(of);
        self.read(move |ledger| complaints::made(ledger, &of)).await
    }

    async fn waiting_complaints(&self, of: TenantId) -> Read<WaitingComplaints> {
        self.read(move |ledger| complaints::waiting(ledger, of)).await
    }

    async fn rules(&self, of: &[Membership]) -> Read<RuleBook> {
        let of = own(of);
        self.read(move |ledger| rules::book(ledger, &of)).await
    }

    async fn rule_draft(
        &self,
        of: &[Membership],
        tenant: &str,
        form: Result<RuleForm, RuleFault>,
    ) -> Read<RuleDraft> {
        let (of, tenant) = (own(of), tenant.to_owned());
        self.read(move |ledger| rules::draft(ledger, &of, &tenant, form)).await
    }

    async fn receipt(&self, of: &[Membership], leaf_index: u64) -> Read<String> {
        let of = of.to_vec();
        self.read(move |ledger| {
            let leaf = LeafIndex(leaf_index);
            let about = |place: &&Membership| {
                ledger.is_about(place.tenant, &place.subject, leaf).is_ok_and(|about| about)
            };
            let place = of.iter().find(about).ok_or(ReadError::NotFound)?;
            let receipt = ledger.receipt(place.tenant, leaf)?;
            String::from_utf8(receipt.to_json())
                .map_err(|_| ReadError::Damaged(format!("receipt {leaf_index}")))
        })
        .await
    }

    async fn archive(&self, of: &[Membership], tenant: &str) -> Read<String> {
        let place = own_at(of, tenant)?;
        self.read(move |ledger| taken_along::archive(ledger, &place)).await
    }

    async fn consent(&self, of: &[Membership], id: &str, form: ConsentForm) -> Read<String> {
        let read =
            move |ledger: &Ledger, place: &Membership, id| taken_along::consent(ledger, place, id, form);
        self.with_grant(of, id, read).await
    }

    async fn desk(&self, tenant: TenantId, paging: Paging) -> Read<Desk> {
        let app = self.0.clone();
        self.read(move |ledger| company::desk(ledger, &app.live_gates, tenant, paging, Instant::now())).await
    }

    async fn refusals(&self, tenant: TenantId) -> Read<Vec<Refusal>> {
        self.read(move |ledger| refusal::latest(ledger, tenant)).await
    }

    async fn preview(&self, tenant: TenantId, draft: &Draft) -> Read<Preview> {
        let draft = draft.clone();
        self.read(move |ledger| company::preview(ledger, tenant, &draft)).await
    }

    async fn prepared(&self, tenant: TenantId, id: &str) -> Read<PreparedRequest> {
        self.0.portal.prepared_request(tenant, id).await.map_err(|failure| match failure {
            Failure::NotFound => ReadFault::NotFound,
            _ => ReadFault::Unavailable,
        })
    }
}

#[cfg(test)]
mod tests;
