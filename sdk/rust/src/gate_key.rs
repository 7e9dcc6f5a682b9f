//! The key under which a gate seals what it keeps on disk. The ledger hands it out for its key epoch; it is held in memory
//! alone, so that what lies on the disk opens no more once the epoch has ended.

use grantbook_record::GateId;
use grantbook_record::encoding::Bytes32;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::denial::LinkFault;
use crate::http::Http;

const GATE_KEYS: &str = "/v1/gate-keys";

/// A gate's key of one key epoch.
pub(crate) struct GateKey {
    pub(crate) epoch: u64,
    pub(crate) key: Zeroizing<[u8; 32]>,
}

#[derive(Serialize)]
struct Request<'a> {
    gate: &'a GateId,
}

#[derive(Deserialize)]
struct Answer {
    epoch: u64,
    key: Bytes32,
}

/// Asks for the key of the present epoch.
pub(crate) async fn fetch(http: &Http, gate: &GateId) -> Result<GateKey, LinkFault> {
    let Answer { epoch, key: Bytes32(key) } = http.ask(GATE_KEYS, &Request { gate }).await?;
    Ok(GateKey { epoch, key: Zeroizing::new(key) })
}
