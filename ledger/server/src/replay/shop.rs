//! The enterprise: what it has published, and what its customers sign.

use std::sync::Mutex;
use std::time::Duration;

use grantbook_engine::{AppendError, Ledger, Tenant};
use grantbook_record::day::UnixMillis;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Evidence, GrantGiven, GrantWithdrawn, KeyEnrolled};
use grantbook_record::terms::Language;
use grantbook_record::{Envelope, Kind, Signer, TenantId, Terms};
use serde::Serialize;

use super::identity::Identity;
use super::input::Customers;
use super::offer::Offer;
use super::proposal;
use super::scenario::{Scenario, birth_day};
use crate::cli::failure::Failure;
use crate::cli::progress;

/// Customers whose events are under way at once: as many share one `fdatasync`.
const THREADS: usize = 64;
/// How often and how long an append waits for a full queue.
const PATIENCE: (u32, Duration) = (1000, Duration::from_millis(10));

/// The enterprise and what it has published.
pub(super) struct Shop<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) identity: &'a Identity,
    pub(super) tenant: TenantId,
    pub(super) enterprise: Signer,
    scenario: Scenario,
    /// What is offered, and the terms under it.
    offers: Vec<(&'static Offer, Terms)>,
}

/// Something that is signed once for each customer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deed<'d> {
    pub(super) kind: Kind,
    /// Its name, from which the envelope's id derives.
    pub(super) what: &'d str,
    /// When it is signed; the same in every run.
    pub(super) at: UnixMillis,
}

impl<'a> Shop<'a> {
    /// The tenant with its gates, templates and notices; each is made where it is missing.
    pub(super) fn open(
        ledger: &'a Ledger,
        identity: &'a Identity,
        scenario: Scenario,
    ) -> Result<Self, Failure> {
        let enterprise = identity.enterprise()?;
        let known = |tenant: &Tenant| tenant.enterprise_key == *enterprise.public_key();
        let tenant = match ledger.tenants().into_iter().find(known) {
            Some(tenant) => tenant,
            None => ledger.create_tenant("Record shop (replay)", *enterprise.public_key(), false)?,
        };
        for gate in scenario.gates() {
            let (gate, signer) = identity.gate(*gate)?;
            if !tenant.gates.iter().any(|known| known.id == gate) {
                ledger.register_gate(tenant.id, &gate, *signer.public_key())?;
            }
        }
        let mut shop = Self { ledger, identity, tenant: tenant.id, enterprise, scenario, offers: Vec::new() };
        for offer in scenario.offers() {
            let template = shop.publish(offer)?;
            shop.offers.push((offer, offer.terms(identity, template)?));
        }
        Ok(shop)
    }

    /// Publishes an offer; gives the hash of its template's envelope. The bytes are the same in every run, so that what is
    /// there already is taken as sent again.
    fn publish(&self, offer: &Offer) -> Result<Bytes32, Failure> {
        let Self { ledger, identity, tenant, enterprise, .. } = self;
        let publish = |kind, what, payload: Vec<u8>| -> Result<Bytes32, Failure> {
            let envelope = Envelope::sign(kind, &payload, &[enterprise]);
            patiently(|| ledger.append(*tenant, &envelope)).map_err(|error| error.during(what))?;
            Ok(Bytes32::sha256(&envelope))
        };
        for (language, number) in [(Language::English, 0), (Language::SimplifiedChinese, 1)] {
            let jti = identity.jti(&offer.what("notice"), number);
            let claims = identity.claims(*tenant, jti, offer.notice(language)?);
            publish(Kind::NoticePublished, "publishing the notice", claims.to_json())?;
        }
        let claims = identity.claims(*tenant, identity.jti(&offer.what("template"), 0), offer.template()?);
        publish(Kind::TemplatePublished, "publishing the template", claims.to_json())
    }

    /// The terms of an offer that is published.
    pub(super) fn terms(&self, offer: &Offer) -> Result<&Terms, Failure> {
        let found = self.offers.iter().find(|(known, _)| *known == offer);
        found.map(|(_, terms)| terms).ok_or_else(|| Failure::fault("an offer that is not published"))
    }

    /// Every customer's key and grants.
    pub(super) fn enrol_all(&self, customers: &Customers) -> Result<(), Failure> {
        let bar = progress::bar("customers", customers.count);
        in_parallel(customers, &|number, id| {
            let (sub, key) = (self.identity.subject(id)?, self.identity.customer(id)?);
            let event = KeyEnrolled {
                sub: sub.clone(),
                key: *key.public_key(),
                evidence: Evidence::Enterprise,
                recovery: None,
            };
            let at = self.identity.began();
            let deed = Deed { kind: Kind::KeyEnrolled, what: "enrolment", at };
            self.append_once(deed, id, event, &[&key, &self.enterprise])?;
            for offer in self.scenario.accepted_by(number, id) {
                let event = GrantGiven {
                    sub: sub.clone(),
                    terms: self.terms(offer)?.clone(),
                    request: None,
                    birth_day: offer.birth_day.then(|| birth_day(number)),
                    mandate: None,
                };
                let deed = Deed { kind: Kind::GrantGiven, what: &offer.what("grant"), at };
                self.append_once(deed, id, event, &[&key])?;
            }
            bar.inc(1);
            Ok(())
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    /// The withdrawals of every seventh customer.
    pub(super) fn withdraw_all(&self, customers: &Customers, at: UnixMillis) -> Result<(), Failure> {
        in_parallel(customers, &|number, id| {
            if number % proposal::WITHDRAWS_EVERY != 0 {
                return Ok(());
            }
            let (sub, key) = (self.identity.subject(id)?, self.identity.customer(id)?);
            let grant = self.scenario.per_use(number).grant(self.identity, id);
            let event = GrantWithdrawn { sub, grant, channel: None };
            let deed = Deed { kind: Kind::GrantWithdrawn, what: "withdrawal", at };
            self.append_once(deed, id, event, &[&key])
        })
    }

    /// Appends an event unless it is there: its id says so, whoever signed and sent it before.
    pub(super) fn append_once<T: Serialize>(
        &self,
        deed: Deed<'_>,
        id: u64,
        event: T,
        signers: &[&Signer],
    ) -> Result<(), Failure> {
        let jti = self.identity.jti_at(deed.at, deed.what, id);
        if self.ledger.find_event(self.tenant, &jti).is_some() {
            return Ok(());
        }
        let payload = self.identity.claims(self.tenant, jti, event).to_json();
        let envelope = Envelope::sign(deed.kind, &payload, signers);
        let appended = patiently(|| self.ledger.append(self.tenant, &envelope));
        appended.map(|_| ()).map_err(|error| error.during(deed.what))
    }
}

/// Runs `act(number, id)` for every customer on several threads; the first error stops all.
pub(super) fn in_parallel(
    customers: &Customers,
    act: &(impl Fn(u64, u64) -> Result<(), Failure> + Sync),
) -> Result<(), Failure> {
    let next = Mutex::new(customers.ids()?);
    let failed: Mutex<Option<Failure>> = Mutex::new(None);
    // a poisoned lock: another thread panicked, which the scope reports
    let take = || {
        let going_on = failed.lock().is_ok_and(|failed| failed.is_none());
        if going_on { next.lock().ok()?.next() } else { None }
    };
    let work = || {
        while let Some(customer) = take() {
            let Err(error) = customer.and_then(|(number, id)| act(number, id)) else { continue };
            if let Ok(mut failed) = failed.lock() {
                failed.get_or_insert(error);
            }
            break;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    failed.into_inner().unwrap_or_default().map_or(Ok(()), Err)
}

/// Tries again for a while where the ledger's queue is full.
pub(super) fn patiently<T>(mut append: impl FnMut() -> Result<T, AppendError>) -> Result<T, Failure> {
    let (tries, pause) = PATIENCE;
    for _ in 0..tries {
        match append() {
            Err(AppendError::Busy) => std::thread::sleep(pause),
            other => return other.map_err(Failure::from),
        }
    }
    Err(AppendError::Busy.into())
}
