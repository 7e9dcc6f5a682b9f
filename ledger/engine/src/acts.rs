//! What the operator does, on the log for everybody to read.

use std::sync::mpsc;

use grantbook_record::day::{Day, UnixMillis, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{AcceptedLoss, Act, Claims, OperatorActed, about_tenant};
use grantbook_record::{Envelope, Jti, Kind, Receipt, TenantId};
use grantbook_tlog::{LeafIndex, TreeSize};
use serde::{Deserialize, Serialize};

use crate::admit;
use crate::config::LedgerConfig;
use crate::error::{AppendError, ReadError};
use crate::keyring::LOG;
use crate::ledger::{Appended, Inner, Ledger};
use crate::sequencer::build::Builder;
use crate::sequencer::{self, broken, commit};
use crate::store::Fault;

/// Puts an event of the log itself on the log, as the one entry of a batch. In the sequencer's thread.
pub(crate) fn record<T: Serialize>(
    inner: &Inner,
    kind: Kind,
    event: T,
    day: Day,
    now: UnixMillis,
) -> Result<sequencer::Appended, Fault> {
    let (log, at) = (inner.keyring.log_id, inner.clock.now());
    let payload = Claims::new(log, Jti::new(at, crate::random::bytes()), event).to_json();
    let envelope = Envelope::sign(kind, &payload, &[&inner.keyring.operator]);
    let refused = |error: AppendError| broken(&error.to_string());
    let event =
        admit::event(&inner.keyring, &inner.state, log, &envelope, None, at.seconds()).map_err(refused)?;
    let mut builder = Builder::new(inner, day, now.seconds());
    let (reply, appended) = mpsc::sync_channel(1);
    builder.event(event, reply)?;
    if let Some(built) = builder.finish() {
        commit(inner, built, day, now)?;
    }
    appended.try_recv().map_err(|_| broken("an event without an answer"))?.map_err(refused)
}

/// A line of `losses.log`.
#[derive(Deserialize)]
struct Loss {
    at: UnixSeconds,
    restored: String,
    given_up: String,
}

impl Ledger {
    /// The id under which the log records what is for everybody.
    pub fn log_id(&self) -> TenantId {
        self.inner.keyring.log_id
    }

    /// Records what the operator has done, and to which enterprise.
    pub fn record_act(&self, act: Act, tenant: Option<TenantId>) -> Result<Appended, AppendError> {
        let jti = Jti::new(self.inner.clock.now(), crate::random::bytes());
        let about = tenant.map(|tenant| about_tenant(&jti, tenant));
        self.append_act(&Claims::new(self.log_id(), jti, OperatorActed { act, about }))
    }

    fn append_act(&self, claims: &Claims<OperatorActed>) -> Result<Appended, AppendError> {
        let operator = &self.inner.keyring.operator;
        let envelope = Envelope::sign(Kind::OperatorActed, &claims.to_json(), &[operator]);
        self.append(self.log_id(), &envelope)
    }

    /// The receipt of an entry that everybody may read; [`ReadError::NotFound`] for every other entry.
    pub fn public_receipt(&self, leaf: LeafIndex) -> Result<Receipt, ReadError> {
        if self.inner.published.item(leaf.0)?.owner.tenant != LOG {
            return Err(ReadError::NotFound);
        }
        self.inner.receipt_at(leaf.0)
    }

    /// Records the losses that were accepted when the data folder was restored and that are not on the log yet.
    pub(crate) fn record_losses(&self, config: &LedgerConfig) -> Result<(), AppendError> {
        let damaged = |why: &str| {
            AppendError::Store(Fault::Damaged { what: crate::backup::LOSSES.to_owned(), why: why.to_owned() })
        };
        let Ok(losses) = std::fs::read_to_string(config.data_dir.join(crate::backup::LOSSES)) else {
            return Ok(());
        };
        for line in losses.lines() {
            let loss: Loss = serde_json::from_str(line).map_err(|_| damaged("a line does not parse"))?;
            // always the same for the same line, so that it is recorded once
            let Bytes32(digest) = Bytes32::sha256(line.as_bytes());
            let jti = Jti::new(
                UnixMillis(loss.at.0.saturating_mul(1000)),
                digest.first_chunk().copied().unwrap_or_default(),
            );
            if self.find_event(self.log_id(), &jti).is_some() {
                continue;
            }
            let size = |note: &str| {
                let signed = self.log_keys().verify_checkpoint(note.as_bytes());
                let TreeSize(size) =
                    signed.map_err(|_| damaged("a checkpoint is not of this log"))?.checkpoint.size();
                Ok::<_, AppendError>(size)
            };
            let (restored, given_up) = (size(&loss.restored)?, size(&loss.given_up)?);
            let act =
                OperatorActed { act: Act::LossAccepted(AcceptedLoss { restored, given_up }), about: None };
            let now = self.inner.clock.now().seconds();
            let claims = Claims {
                exp: Some(UnixSeconds(now.0.saturating_add(60))),
                ..Claims::new(self.log_id(), jti, act)
            };
            self.append_act(&claims)?;
        }
        Ok(())
    }
}
