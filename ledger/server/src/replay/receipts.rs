//! The receipts of permitted uses: every one is verified as its holder would, and written out where that is asked for.

use std::path::{Path, PathBuf};
use std::thread;

use grantbook_engine::{AppendedUse, Ledger};
use grantbook_record::uses::Outcome;
use grantbook_record::{Kind, Receipt, TenantId};
use grantbook_tlog::{LeafIndex, LogKeys};

use super::identity::GateName;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::progress;

/// Uses read back at once.
const PAGE: usize = 256;
/// The log's keys beside the receipts, so that the folder verifies by itself.
pub(crate) const VKEY_FILE: &str = "vkey";

/// Verifies receipts and counts them.
pub(super) struct Receipts<'a> {
    ledger: &'a Ledger,
    keys: LogKeys,
    folder: Option<PathBuf>,
    /// Leaf index of the first use that this run has recorded.
    first_own: Option<LeafIndex>,
    /// Receipts of permitted uses that verify.
    pub(super) verified: u64,
}

impl<'a> Receipts<'a> {
    /// Writes receipts to `folder`, if there is one.
    pub(super) fn new(ledger: &'a Ledger, folder: Option<&Path>) -> Result<Self, Failure> {
        let keys = ledger.log_keys().clone();
        if let Some(folder) = folder {
            files::make_folder(folder)?;
            files::replace(&folder.join(VKEY_FILE), keys.to_string().as_bytes())?;
        }
        Ok(Self { ledger, keys, folder: folder.map(Path::to_owned), first_own: None, verified: 0 })
    }

    /// What the ledger has answered to a batch.
    pub(super) fn take(&mut self, appended: Vec<AppendedUse>) -> Result<(), Failure> {
        self.first_own = self.first_own.or_else(|| appended.iter().map(|one| one.leaf_index).min());
        let receipts: Vec<_> = appended.into_iter().map(|one| (one.leaf_index, one.receipt)).collect();
        self.verify(&receipts)
    }

    /// What earlier runs have recorded: read from the ledger, one page at a time.
    pub(super) fn earlier(&mut self, tenant: TenantId) -> Result<(), Failure> {
        let bar = progress::spinner("receipts of earlier runs");
        let gate = GateName::Purchases.id()?;
        let first_own = self.first_own;
        let earlier = |leaf: LeafIndex| first_own.is_none_or(|first| leaf < first);
        let mut after = None;
        loop {
            let (page, next) = self.ledger.uses(tenant, after, PAGE)?;
            let permitted = page
                .iter()
                .filter(|row| row.record.gate == gate && matches!(row.record.outcome, Outcome::Permitted(_)));
            let receipts = permitted
                .map(|row| row.leaf_index)
                .filter(|leaf| earlier(*leaf))
                .map(|leaf| Ok((leaf, self.ledger.receipt(tenant, leaf)?)))
                .collect::<Result<Vec<_>, Failure>>()?;
            self.verify(&receipts)?;
            bar.inc(page.len() as u64);
            match next {
                Some(next) if earlier(next) => after = Some(next),
                _ => break,
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Verifies the receipts of permitted uses among these, on all cores.
    fn verify(&mut self, receipts: &[(LeafIndex, Receipt)]) -> Result<(), Failure> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = receipts.len().div_ceil(threads).max(1);
        let (keys, folder) = (&self.keys, self.folder.as_deref());
        let counts: Result<Vec<u64>, Failure> = thread::scope(|scope| {
            let work: Vec<_> = receipts
                .chunks(share)
                .map(|share| scope.spawn(move || verify_each(share, keys, folder)))
                .collect();
            work.into_iter()
                .map(|one| one.join().unwrap_or_else(|_| Err(Failure::fault("a thread panicked"))))
                .collect()
        });
        self.verified += counts?.iter().sum::<u64>();
        Ok(())
    }
}

fn verify_each(
    receipts: &[(LeafIndex, Receipt)],
    keys: &LogKeys,
    folder: Option<&Path>,
) -> Result<u64, Failure> {
    let mut verified = 0;
    for (index, receipt) in receipts {
        let json = receipt.to_json();
        let broken = |why: &dyn std::fmt::Display| Failure::Fault(format!("receipt of entry {index}: {why}"));
        let proved =
            Receipt::parse(&json).and_then(|receipt| receipt.verify(keys)).map_err(|e| broken(&e))?;
        if proved.leaf_index != *index {
            return Err(broken(&"it is of another entry"));
        }
        if proved.entry.kind == Kind::UseRecorded {
            if let Some(folder) = folder {
                write(&folder.join(format!("{index}.json")), &json)?;
            }
            verified += 1;
        }
    }
    Ok(verified)
}

/// One of many files that can be had again: not worth an `fsync` each.
fn write(path: &Path, json: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, json).map_err(|error| Failure::Fault(format!("{}: {error}", path.display())))
}
