//! Verifying a kit: everything that is wrong with it, by file.

use std::collections::BTreeSet;

use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Act, Claims, Event, OperatorActed, about_tenant};
use grantbook_record::receipt::{RECEIPT_BYTES_MAX, Receipt, VerifiedContent};
use grantbook_record::{PublicKey, TenantId};
use grantbook_tlog::{Demands, LogKeys};
use serde::Serialize;

use super::fairness::FairDay;
use super::manifest::{KitFile, MANIFEST_BYTES_MAX, Manifest};
use super::tables::{Period, Tables};
use super::{CHECKPOINT, ISSUED, MANIFEST, READER, TABLES, VKEY, bundle_name, policy_name};
use crate::bundle::BUNDLE_BYTES_MAX;
use crate::chain::Chain;
use crate::policy::{POLICY_BYTES_MAX, StatementPolicy};
use crate::report::Report;
use crate::verify::verify_bundle;

/// What a regulator brings.
#[derive(Debug, Clone, Copy)]
pub struct KitRules<'a> {
    /// The log's keys.
    pub keys: &'a LogKeys,
    /// What is demanded of checkpoints.
    pub demands: &'a Demands,
    /// The statement policy; `None` takes those of the kit, on the enterprise's word.
    pub policy: Option<&'a StatementPolicy>,
    /// The days that were asked for; `None` takes those of the kit.
    pub period: Option<Period>,
}

/// Something that is wrong with a kit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

/// What the verification of a kit says.
#[derive(Debug, Clone, Serialize)]
pub struct KitReport {
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
    /// What is signed, where the signature holds.
    pub manifest: Option<Manifest>,
    /// The tables, where they are what is signed.
    pub tables: Option<Tables>,
    /// What the bundles say, day by day, up to the first that does not verify.
    pub reports: Vec<Report>,
}

impl KitReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Gives the bytes of a kit's file, of which there may be so many, or says why it cannot.
pub type ReadFile<'a> = dyn FnMut(&str, usize) -> Result<Vec<u8>, String> + 'a;

/// Verifies a kit whose folder has these files. `read` is called once for each file.
pub fn verify_kit(names: &BTreeSet<String>, read: &mut ReadFile<'_>, rules: &KitRules<'_>) -> KitReport {
    let mut check = Check { rules, read, findings: Vec::new() };
    let mut report =
        KitReport { findings: Vec::new(), manifest: check.manifest(), tables: None, reports: Vec::new() };
    if let Some(manifest) = &report.manifest {
        let expected = manifest.names();
        for name in names.iter().filter(|name| !expected.contains(name.as_str())) {
            if ![MANIFEST, ISSUED].contains(&name.as_str()) {
                check.find(name, "is not in the manifest");
            }
        }
        for name in [TABLES, VKEY, CHECKPOINT, READER] {
            if !expected.contains(name) {
                check.find(name, "is not in the manifest, expected it in every kit");
            }
        }
        for file in manifest.files.iter().filter(|file| !names.contains(&file.name)) {
            check.find(&file.name, "is missing");
        }
        let there: Vec<_> = manifest.files.iter().filter(|file| names.contains(&file.name)).collect();
        report.tables = check.tables(manifest, &there);
        report.reports = check.bundles(manifest, names);
        if let Some(tables) = &report.tables {
            check.fairness(tables, &report.reports);
        }
    }
    report.findings = check.findings;
    report
}

struct Check<'a> {
    rules: &'a KitRules<'a>,
    read: &'a mut ReadFile<'a>,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn find(&mut self, file: &str, what: impl Into<String>) {
        self.findings.push(Finding { file: file.to_owned(), what: what.into() });
    }

    /// What went well, or a finding.
    fn noted<T>(&mut self, file: &str, done: Result<T, String>) -> Option<T> {
        done.map_err(|what| self.find(file, what)).ok()
    }

    /// The manifest, signed by the key that the log shows as the operator's.
    fn manifest(&mut self) -> Option<Manifest> {
        let text = (self.read)(MANIFEST, MANIFEST_BYTES_MAX);
        let text = text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "expected text".to_owned()));
        let text = self.noted(MANIFEST, text)?;
        let issued = (self.read)(ISSUED, RECEIPT_BYTES_MAX).and_then(|json| self.issued(&json));
        let Issued { claims, act, operator } = self.noted(ISSUED, issued)?;
        let verified = Manifest::verify(&text, &operator).map_err(|error| error.to_string());
        let manifest = self.noted(MANIFEST, verified)?;
        if act.manifest != Bytes32::sha256(text.as_bytes()) || act.about != tenant_of(&claims, &manifest) {
            self.find(ISSUED, "is about another manifest");
            return None;
        }
        if manifest.origin != self.rules.keys.origin() {
            self.find(MANIFEST, "is of another log");
            return None;
        }
        if self.rules.period.is_some_and(|period| period != manifest.period) {
            self.find(MANIFEST, "is about other days than those that were asked for");
        }
        Some(manifest)
    }

    fn issued(&self, json: &[u8]) -> Result<Issued, String> {
        let receipt = Receipt::parse(json).map_err(|error| error.to_string())?;
        let verified = receipt.verify_under(self.rules.keys, self.rules.demands);
        let verified = verified.map_err(|error| error.to_string())?;
        let VerifiedContent::Event { claims, keys } = verified.content else {
            return Err("is the receipt of a use".to_owned());
        };
        // only the operator can put something on the log under the log's own id
        let is_of_log = claims.aud == TenantId::of_log(self.rules.keys.origin());
        match (&claims.event, keys.as_slice()) {
            (
                Event::OperatorActed(OperatorActed { act: Act::KitIssued(issued), about: Some(about) }),
                [operator],
            ) if is_of_log => {
                let act = Named { manifest: issued.manifest, about: *about };
                Ok(Issued { act, operator: *operator, claims })
            }
            _ => Err("is the receipt of something else than a kit".to_owned()),
        }
    }

    /// A file as the manifest has it.
    fn file(&mut self, file: &KitFile, bytes_max: usize) -> Option<Vec<u8>> {
        let bytes = (self.read)(&file.name, bytes_max);
        let bytes = self.noted(&file.name, bytes)?;
        if KitFile::new(&file.name, &bytes) == *file {
            Some(bytes)
        } else {
            self.find(&file.name, "differs from what the manifest says");
            None
        }
    }

    /// All files but the bundles and their policies, and the tables among them.
    fn tables(&mut self, manifest: &Manifest, there: &[&KitFile]) -> Option<Tables> {
        const BYTES_MAX: usize = 64 * 1024 * 1024;
        let mut files = Vec::new();
        for file in there.iter().filter(|file| !file.name.contains('/')) {
            if let Some(bytes) = self.file(file, BYTES_MAX) {
                files.push((file.name.as_str(), bytes));
            }
        }
        let of =
            |name: &str| files.iter().find(|(known, _)| *known == name).map(|(_, bytes)| bytes.as_slice());
        if let Some(bytes) = of(VKEY) {
            let keys = std::str::from_utf8(bytes).ok().and_then(|text| LogKeys::parse(text).ok());
            if !keys.is_some_and(|keys| keys.are_those_pinned(self.rules.keys)) {
                self.find(VKEY, "holds other keys than those that were given");
            }
        }
        if let Some(bytes) = of(CHECKPOINT) {
            let verified = self.rules.demands.verify(self.rules.keys, bytes);
            self.noted(CHECKPOINT, verified.map_err(|error| error.to_string()));
        }
        let tables = Tables::parse(of(TABLES)?).map_err(|error| error.to_string());
        let tables = self.noted(TABLES, tables)?;
        let Manifest { origin, tenant, period, .. } = manifest;
        if (&tables.origin, &tables.tenant, &tables.period) != (origin, tenant, period) {
            self.find(TABLES, "is of another log, enterprise or period than the manifest");
        }
        for (name, expected) in tables.files() {
            match of(name) {
                Some(bytes) if bytes != expected.as_slice() => {
                    self.find(name, format!("does not say what {TABLES} says"));
                }
                Some(_) => {}
                None if there.iter().any(|file| file.name == name) => {}
                None => self.find(name, "is not in the manifest, expected it in every kit"),
            }
        }
        Some(tables)
    }

    /// The bundles, the enterprise's first one first.
    fn bundles(&mut self, manifest: &Manifest, names: &BTreeSet<String>) -> Vec<Report> {
        let find = |name: &str| manifest.files.iter().find(|file| file.name == name);
        let mut chain = Chain::new();
        let mut reports: Vec<Report> = Vec::new();
        let in_folder = manifest.files.iter().filter(|file| file.name.contains('/'));
        let last = manifest.period.dates().last().unwrap_or_default();
        for file in in_folder {
            let day = file.name.strip_prefix("proofs/").and_then(|name| name.strip_suffix(".bundle"));
            let Some(day) = day else {
                let day =
                    file.name.strip_prefix("proofs/").and_then(|name| name.strip_suffix(".policy.json"));
                if day.is_none_or(|day| find(&bundle_name(day)).is_none()) {
                    self.find(&file.name, "belongs to no bundle");
                }
                continue;
            };
            if day > last.as_str() {
                self.find(&file.name, "is of a day after the period");
            }
            let Some(policy) = find(&policy_name(day)) else {
                self.find(&file.name, "comes without its policy");
                return reports;
            };
            // the next bundle goes on where this one ends
            if !names.contains(&policy.name) || !names.contains(&file.name) {
                return reports;
            }
            let policy = self.file(policy, POLICY_BYTES_MAX);
            let bundle = self.file(file, BUNDLE_BYTES_MAX);
            let Some((policy, bundle)) = policy.zip(bundle) else { return reports };
            let verified = self.bundle(&policy, &bundle, &mut chain);
            let Some(report) = self.noted(&file.name, verified) else { return reports };
            if report.day != day {
                self.find(&file.name, format!("is of the day {}", report.day));
            }
            reports.push(report);
        }
        reports
    }

    fn bundle(&self, policy: &[u8], bundle: &[u8], chain: &mut Chain) -> Result<Report, String> {
        let policy = StatementPolicy::parse(policy).map_err(|error| error.to_string())?;
        if self.rules.policy.is_some_and(|asked| asked.hash() != policy.hash()) {
            return Err("was proved under another policy than the one that was given".to_owned());
        }
        let KitRules { keys, demands, .. } = self.rules;
        verify_bundle(bundle, keys, demands, &policy, chain).map_err(|error| error.to_string())
    }

    /// What the tables say of days must be what their bundles say.
    fn fairness(&mut self, tables: &Tables, reports: &[Report]) {
        if tables.fairness != FairDay::list(tables.period, reports) {
            self.find(TABLES, "says something else of the days than their bundles");
        }
    }
}

/// What the log says of a kit.
struct Issued {
    act: Named,
    operator: PublicKey,
    claims: Box<Claims<Event>>,
}

struct Named {
    manifest: Bytes32,
    about: Bytes32,
}

/// What an act about the manifest's tenant has as `about`.
fn tenant_of(claims: &Claims<Event>, manifest: &Manifest) -> Bytes32 {
    about_tenant(&claims.jti, manifest.tenant)
}
