//! The order of a replay's steps, each of which can be repeated after a crash at any point.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use grantbook_engine::store::Fault;
use grantbook_engine::{AppendError, Ledger, LedgerConfig, Tenant};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Evidence, GrantGiven, GrantWithdrawn, KeyEnrolled};
use grantbook_record::terms::Language;
use grantbook_record::{Envelope, Kind, Signer, TenantId, Terms};
use serde::Serialize;

use super::gate::Gate;
use super::identity::{self, Identity};
use super::input::{self, Customers, Ordered};
use super::proposal::{self, UseForm};
use super::receipts::Receipts;
use super::summary::Summary;
use crate::cli::data::DataArgs;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::progress;

/// Customers whose events are under way at once: as many share one `fdatasync`.
const THREADS: usize = 64;
/// How often and how long an append waits for a full queue.
const PATIENCE: (u32, Duration) = (1000, Duration::from_millis(10));

/// What to replay, and how.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    /// The file.
    pub(crate) file: &'a Path,
    /// Where the ledger is.
    pub(crate) data: &'a DataArgs,
    /// Whether malformed rows are passed over.
    pub(crate) lenient: bool,
    /// Folder for the receipts of permitted uses.
    pub(crate) receipts: Option<&'a Path>,
}

/// Replays the file, or the rest of it, and sums up what the ledger holds then.
pub(crate) fn run(options: &Options<'_>) -> Result<Summary, Failure> {
    let begun = Instant::now();
    let checked = input::check(options.file, options.lenient)?;
    let config = options.data.config()?;
    let ledger = Ledger::open(&config)?;
    let done = replay(&ledger, &config, options, &checked, begun);
    // what was acknowledged is safe in any case; where a fault has stopped the ledger, it is the one to tell
    match ledger.close() {
        Err(fault @ Fault::Stopped { .. }) => Err(Failure::fault(fault)),
        closed => {
            let summary = done?;
            closed.map_err(Failure::fault)?;
            Ok(summary)
        }
    }
}

fn replay(
    ledger: &Ledger,
    config: &LedgerConfig,
    options: &Options<'_>,
    checked: &input::Checked,
    begun: Instant,
) -> Result<Summary, Failure> {
    let identity = Identity::open(&config.keyring_dir, checked.sha256)?;
    let scratch = Scratch::new(&config.data_dir)?;
    let rows = Ordered::read(options.file, checked, &scratch.0)?;
    let shop = Shop::open(ledger, &identity)?;
    shop.enrol_all(&rows.customers)?;

    let mut receipts = Receipts::new(ledger, options.receipts)?;
    let mut gate = Gate::resume(ledger, shop.tenant, identity::gate_id()?, identity.gate()?)?;
    let resumed_at = gate.next_seq();
    let form = UseForm::new()?;
    let bar = progress::bar("uses", checked.rows);
    let mut withdrawn = false;
    let customers = rows.customers.clone();
    for (position, row) in (0_u64..).zip(rows) {
        let row = row?;
        if !withdrawn && proposal::after_withdrawals(row.day) {
            receipts.take(gate.flush()?)?;
            shop.withdraw_all(&customers)?;
            withdrawn = true;
        }
        if position >= gate.next_seq() {
            let facts = form.of(identity.subject(row.customer)?, row.day)?;
            if gate.take(facts) {
                receipts.take(gate.flush()?)?;
            }
        }
        bar.inc(1);
    }
    receipts.take(gate.flush()?)?;
    bar.finish_and_clear();
    receipts.earlier(shop.tenant)?;
    Summary::of(ledger, shop.tenant, &customers, checked, &receipts, resumed_at, begun.elapsed())
}

/// Where runs are spilled; gone with the value, and what a crash left there is gone at the next start.
struct Scratch(PathBuf);

impl Scratch {
    fn new(data_dir: &Path) -> Result<Self, Failure> {
        let folder = data_dir.join("replay.tmp");
        let _ = std::fs::remove_dir_all(&folder);
        files::make_folder(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The enterprise and what it has published.
struct Shop<'a> {
    ledger: &'a Ledger,
    identity: &'a Identity,
    tenant: TenantId,
    enterprise: Signer,
    terms: Terms,
}

impl<'a> Shop<'a> {
    /// The tenant with its gate, template and notices; each is made where it is missing.
    fn open(ledger: &'a Ledger, identity: &'a Identity) -> Result<Self, Failure> {
        let enterprise = identity.enterprise()?;
        let known = |tenant: &Tenant| tenant.enterprise_key == *enterprise.public_key();
        let tenant = match ledger.tenants().into_iter().find(known) {
            Some(tenant) => tenant,
            None => ledger.create_tenant("Record shop (replay)", *enterprise.public_key(), false)?,
        };
        let gate = identity::gate_id()?;
        if !tenant.gates.iter().any(|known| known.id == gate) {
            ledger.register_gate(tenant.id, &gate, *identity.gate()?.public_key())?;
        }
        // the bytes are the same in every run, so that what is there already is taken as sent again
        let publish = |kind, what, payload: Vec<u8>| -> Result<Bytes32, Failure> {
            let envelope = Envelope::sign(kind, &payload, &[&enterprise]);
            patiently(|| ledger.append(tenant.id, &envelope)).map_err(|error| error.during(what))?;
            Ok(Bytes32::sha256(&envelope))
        };
        for (language, number) in [(Language::English, 0), (Language::SimplifiedChinese, 1)] {
            let notice = proposal::notice(language)?;
            let claims = identity.claims(tenant.id, identity.jti("notice", number), notice);
            publish(Kind::NoticePublished, "publishing the notice", claims.to_json())?;
        }
        let claims = identity.claims(tenant.id, identity.jti("template", 0), proposal::template()?);
        let template = publish(Kind::TemplatePublished, "publishing the template", claims.to_json())?;
        let terms = proposal::terms(identity, template)?;
        Ok(Self { ledger, identity, tenant: tenant.id, enterprise, terms })
    }

    /// Every customer's key and grant.
    fn enrol_all(&self, customers: &Customers) -> Result<(), Failure> {
        let bar = progress::bar("customers", customers.count);
        in_parallel(customers, &|_, id| {
            let (sub, key) = (self.identity.subject(id)?, self.identity.customer(id)?);
            let event = KeyEnrolled {
                sub: sub.clone(),
                key: *key.public_key(),
                evidence: Evidence::Enterprise,
                recovery: None,
            };
            self.append_once(Kind::KeyEnrolled, "enrolment", id, event, &[&key, &self.enterprise])?;
            let event =
                GrantGiven { sub, terms: self.terms.clone(), request: None, birth_day: None, mandate: None };
            self.append_once(Kind::GrantGiven, "grant", id, event, &[&key])?;
            bar.inc(1);
            Ok(())
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    /// The withdrawals of every seventh customer.
    fn withdraw_all(&self, customers: &Customers) -> Result<(), Failure> {
        in_parallel(customers, &|number, id| {
            if number % proposal::WITHDRAWS_EVERY != 0 {
                return Ok(());
            }
            let (sub, key) = (self.identity.subject(id)?, self.identity.customer(id)?);
            let event = GrantWithdrawn { sub, grant: self.identity.jti("grant", id), channel: None };
            self.append_once(Kind::GrantWithdrawn, "withdrawal", id, event, &[&key])
        })
    }

    /// Appends an event unless it is there: its id says so, whoever signed and sent it before.
    fn append_once<T: Serialize>(
        &self,
        kind: Kind,
        what: &str,
        id: u64,
        event: T,
        signers: &[&Signer],
    ) -> Result<(), Failure> {
        let jti = self.identity.jti(what, id);
        if self.ledger.find_event(self.tenant, &jti).is_some() {
            return Ok(());
        }
        let payload = self.identity.claims(self.tenant, jti, event).to_json();
        let envelope = Envelope::sign(kind, &payload, signers);
        patiently(|| self.ledger.append(self.tenant, &envelope)).map(|_| ()).map_err(|e| e.during(what))
    }
}

/// Runs `act(number, id)` for every customer on several threads; the first error stops all.
fn in_parallel(
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
