//! Records that a source pushes.

use grantbook_record::encoding::Bytes32;
use grantbook_record::list::List;
use grantbook_record::mirror::{
    self, MirrorPushAnswer, MirrorPushed, MirroredChange, RecordNow, SkipReason, Skipped,
};
use grantbook_record::{SourceId, TenantId, UnixMillis};
use serde::{Deserialize, Serialize};

use super::MirrorError;
use super::rows::{Names, SourceRow, StoredRecord};
use crate::accounts::AccountChange;
use crate::customer_rows::{self, decode, encode};
use crate::error::ReadError;
use crate::ledger::Ledger;

/// Records of one customer at one tenant.
const CUSTOMER_RECORDS_MAX: usize = 500;
/// Bytes of all records of one tenant, which are in memory.
const TENANT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// How far a system's clock may be ahead of the ledger's.
const AHEAD_MS_MAX: u64 = 60_000;

/// How much a tenant's records take.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Size {
    bytes: u64,
}

impl Size {
    pub(super) fn read(rows: &AccountChange<'_>, names: &Names) -> Result<Self, ReadError> {
        rows.get(&names.size()).map_or_else(|| Ok(Self::default()), decode)
    }

    pub(super) fn write(&self, rows: &mut AccountChange<'_>, names: &Names) {
        rows.put(&names.size(), encode(self));
    }

    pub(super) fn less(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes as u64);
    }

    fn more(&mut self, bytes: usize) -> bool {
        let sum = self.bytes.saturating_add(bytes as u64);
        let fits = sum <= TENANT_BYTES_MAX;
        if fits {
            self.bytes = sum;
        }
        fits
    }
}

impl Ledger {
    /// Takes in what a source pushes; durable on return. The last push once more is answered as it was.
    pub fn push_mirror(&self, tenant: TenantId, compact: &str) -> Result<MirrorPushAnswer, MirrorError> {
        let names = Names::of(tenant);
        let now = self.now();
        let (claims, _) = self.verified_statement::<MirrorPushed>(tenant, compact)?;
        let pushed = claims.event;
        if pushed.as_of.is_some_and(|as_of| as_of.0 > now.0.saturating_add(AHEAD_MS_MAX)) {
            return Err(MirrorError::Ahead);
        }
        let digest = Bytes32::sha256(compact.as_bytes());
        self.change_account_rows(|rows| {
            let name = names.source(&pushed.source);
            let known = rows.get(&name).ok_or(mirror::StatementError::BadSignature)?;
            let known: SourceRow = decode(known)?;
            if pushed.sequence == known.sequence && known.digest == Some(digest) {
                return Ok(answer(&known));
            }
            let expected = known.sequence.saturating_add(1);
            if pushed.sequence != expected {
                return Err(MirrorError::Sequence { expected, got: pushed.sequence });
            }
            let mut size = Size::read(rows, &names)?;
            let mut skipped = Vec::new();
            for (record, change) in (0u32..).zip(pushed.records.iter()) {
                if let Some(why) = self.mirror_one(rows, &mut size, tenant, &pushed.source, change)? {
                    skipped.push(Skipped { record, why });
                }
            }
            size.write(rows, &names);
            // a system's clock that was set back makes nothing older than it was
            let as_of = known.as_of.max(pushed.as_of.map(|as_of| UnixMillis(as_of.0.min(now.0))));
            let (sequence, mark, digest) = (pushed.sequence, pushed.mark.clone(), Some(digest));
            let row = SourceRow { key: known.key, sequence, as_of, mark, digest, skipped };
            rows.put(&name, encode(&row));
            Ok(answer(&row))
        })
    }

    /// Mirrors one record, or gives why not.
    fn mirror_one(
        &self,
        rows: &mut AccountChange<'_>,
        size: &mut Size,
        tenant: TenantId,
        source: &SourceId,
        change: &MirroredChange,
    ) -> Result<Option<SkipReason>, MirrorError> {
        let names = Names::of(tenant);
        let Some(key) = self.inner.data_key_of(tenant, &change.sub)? else {
            return Ok(Some(SkipReason::UnknownCustomer));
        };
        let name = names.record(&change.sub, &change.id);
        let before = rows.get(&name).map(|sealed| (sealed.len(), customer_rows::open(&key, &name, sealed)));
        let (taken, before) = match before {
            Some((bytes, stored)) => (bytes, Some::<StoredRecord>(stored?)),
            None => (0, None),
        };
        if before.as_ref().is_some_and(|before| before.source != *source) {
            return Ok(Some(SkipReason::OtherSource));
        }
        let content = match &change.now {
            RecordNow::Says(content) => content.clone(),
            RecordNow::Removed => {
                size.less(taken);
                rows.remove(&name);
                return Ok(None);
            }
        };
        let stored = StoredRecord { source: source.clone(), content };
        if before.as_ref() == Some(&stored) {
            return Ok(None);
        }
        if before.is_none() && rows.names(&names.records(&change.sub)).len() >= CUSTOMER_RECORDS_MAX {
            return Ok(Some(SkipReason::Full));
        }
        let sealed = customer_rows::seal(&key, &name, &stored);
        size.less(taken);
        if !size.more(sealed.len()) {
            size.more(taken);
            return Ok(Some(SkipReason::Full));
        }
        rows.put(&name, sealed);
        Ok(None)
    }

    /// A statement by the key of the source that it names, for this tenant, signed of late.
    pub(super) fn verified_statement<T: mirror::Statement>(
        &self,
        tenant: TenantId,
        compact: &str,
    ) -> Result<(grantbook_record::event::Claims<T>, SourceId), MirrorError> {
        let names = Names::of(tenant);
        let key_of = |source: &SourceId| {
            let row = self.account_row(&names.source(source))?;
            decode::<SourceRow>(&row).ok().map(|row| row.key)
        };
        let claims = mirror::verify::<T>(compact, key_of)?;
        claims.check(tenant, self.now().seconds())?;
        let source = claims.event.source().clone();
        Ok((claims, source))
    }
}

fn answer(row: &SourceRow) -> MirrorPushAnswer {
    // at most one for each record of a push
    MirrorPushAnswer { sequence: row.sequence, skipped: List::new(row.skipped.clone()).unwrap_or_default() }
}
