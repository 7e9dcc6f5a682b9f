//! Regulator kits (`docs/spec/regulator-kit.md`): the tables of a period out of a tenant's events, and the signed list of
//! everything that is handed over. What is made is on the public log before it is given to anybody.

use grantbook_proof::Report;
use grantbook_proof::kit::{
    self, Details, FairDay, Fold, KitFile, Manifest, Period, Tables, Taken, bundle_name, policy_name,
};
use grantbook_record::day::SecondsSince2020;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Act, Event, IssuedKit};
use grantbook_record::{Day, Entry, Envelope, Kind, Receipt, TenantId, UnixSeconds, strict_json};
use grantbook_tlog::LeafIndex;

use crate::body::BodyContent;
use crate::error::{AppendError, ReadError};
use crate::ledger::{Inner, Ledger};
use crate::proofs::{ProofShelf, date_of};
use crate::store::Fault;

/// A kit that is to be made.
#[derive(Debug, Clone)]
pub struct KitRequest<'a> {
    /// The enterprise.
    pub tenant: TenantId,
    /// The days.
    pub period: Period,
    /// What the enterprise adds to the record of processing.
    pub details: Option<Details>,
    /// The page that reads kits.
    pub reader: &'a str,
}

/// A kit, but for the proof bundles, which stay where they are.
#[derive(Debug, Clone)]
pub struct Kit {
    /// The signed manifest.
    pub manifest: String,
    /// Receipt of the entry that names it.
    pub issued: Receipt,
    /// Every file that the manifest lists but the bundles.
    pub files: Vec<(String, Vec<u8>)>,
    /// The days whose bundles belong to it.
    pub bundles: Vec<Day>,
    /// Where the log says that it was made.
    pub leaf_index: LeafIndex,
}

/// Why a kit is not made.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    /// No such enterprise.
    #[error("no such tenant")]
    UnknownTenant,
    /// The last day may still get entries.
    #[error("{} is not over yet, expected a day that ended a minute ago or earlier", date_of(*.0))]
    NotOver(Day),
    /// Reading the log.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Putting it on record.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Files of the proofs.
    #[error(transparent)]
    Store(#[from] Fault),
}

impl Ledger {
    /// Makes the kit of a period, signs its manifest and puts that on the log.
    pub fn kit(&self, proofs: &ProofShelf, request: &KitRequest<'_>) -> Result<Kit, KitError> {
        let KitRequest { tenant, period, .. } = *request;
        let known = self.tenant(tenant).ok_or(KitError::UnknownTenant)?;
        if !self.is_over(period.to) {
            return Err(KitError::NotOver(period.to));
        }
        let fold = self.inner.fold_kit(tenant, period)?;
        let mut files = Vec::new();
        let mut listed = Vec::new();
        let (mut reports, mut bundles) = (Vec::new(), Vec::new());
        // a chain of bundles is verified from its first on, so those before the period are needed as well
        for shelved in proofs.days()?.into_iter().filter(|shelved| shelved.day <= period.to) {
            let (day, date) = (shelved.day, date_of(shelved.day));
            let damaged = |what: &str| Fault::Damaged {
                what: shelved.bundle.display().to_string(),
                why: format!("its {what} is not there or does not parse"),
            };
            let bundle = proofs.bundle(day)?.ok_or_else(|| damaged("file"))?;
            listed.push(KitFile::new(&bundle_name(&date), &bundle));
            let report = proofs.report(day)?.and_then(|json| strict_json::parse::<Report>(&json).ok());
            reports.push(report.ok_or_else(|| damaged("report"))?);
            files.push((policy_name(&date), proofs.policy(day)?.ok_or_else(|| damaged("policy"))?));
            bundles.push(day);
        }
        let fairness = FairDay::list(period, &reports);
        let of = (tenant, known.name.as_str());
        let tables = Tables::new(self.origin(), of, fold, request.details.clone(), fairness);
        files.extend(tables.files().into_iter().map(|(name, bytes)| (name.to_owned(), bytes)));
        let checkpoint = self.publishable()?.note;
        for (name, text) in [
            (kit::VKEY, self.log_keys().to_string()),
            (kit::CHECKPOINT, checkpoint.to_string()),
            (kit::READER, request.reader.to_owned()),
        ] {
            files.push((name.to_owned(), text.into_bytes()));
        }
        listed.extend(files.iter().map(|(name, bytes)| KitFile::new(name, bytes)));
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        let manifest = Manifest {
            v: kit::VERSION,
            origin: self.origin().to_owned(),
            tenant,
            period,
            made_at: self.inner.clock.now().seconds(),
            files: listed,
        };
        let manifest = manifest.sign(&self.inner.keyring.operator);
        let act = Act::KitIssued(IssuedKit { manifest: Bytes32::sha256(manifest.as_bytes()) });
        let issued = self.record_act(act, Some(tenant))?;
        Ok(Kit { manifest, issued: issued.receipt, files, bundles, leaf_index: issued.leaf_index })
    }
}

/// Whether the tables are made of entries of this kind.
fn is_folded(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::RequestMade
            | Kind::RequestDeclined
            | Kind::GrantGiven
            | Kind::GrantAmended
            | Kind::GrantPaused
            | Kind::GrantResumed
            | Kind::GrantWithdrawn
            | Kind::GrantRevoked
            | Kind::RecipientAcknowledged
    )
}

impl Inner {
    /// Takes in a tenant's events up to the end of a period; uses are passed over unopened.
    fn fold_kit(&self, tenant: TenantId, period: Period) -> Result<Fold, ReadError> {
        let number = self.number(tenant)?;
        let mut fold = Fold::new(period);
        for leaf in 0..self.published.size() {
            let owned = self.published.item(leaf)?;
            if owned.owner.tenant != number {
                continue;
            }
            let damaged = || ReadError::Damaged(format!("entry {leaf}"));
            let entry = Entry::parse(&owned.item.entry).map_err(|_| damaged())?;
            if entry.day > period.to {
                break;
            }
            if !is_folded(entry.kind) {
                continue;
            }
            let body = match self.open_body(leaf, &owned) {
                Err(ReadError::Erased) => {
                    fold.take_unreadable(entry.day);
                    continue;
                }
                body => body?,
            };
            let BodyContent::Event { envelope, admitted_at, .. } = &body.content else {
                return Err(damaged());
            };
            let claims = Envelope::parse(envelope).and_then(|envelope| envelope.event());
            let claims = claims.map_err(|_| damaged())?;
            let committed = body
                .openings
                .first()
                .map(|opening| SecondsSince2020(u32::try_from(opening.value).unwrap_or(u32::MAX)).unix());
            let at = match &claims.event {
                // these commit to the time at which they were verified
                Event::GrantWithdrawn(_) => committed.unwrap_or(UnixSeconds(*admitted_at)),
                _ => UnixSeconds(*admitted_at),
            };
            fold.take(&Taken { jti: claims.jti, day: entry.day, at, event: &claims.event });
        }
        Ok(fold)
    }
}
