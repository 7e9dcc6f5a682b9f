//! Who takes part in a replay. Everybody's keys and pseudonyms come from one seed, so that nothing but the seed is kept
//! and a rerun signs the same bytes.

use std::path::Path;

use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::encoding::{Bytes32, to_base64url};
use grantbook_record::event::Claims;
use grantbook_record::{GateId, Jti, Signer, SubjectId, TenantId};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::scenario::Scenario;
use crate::cli::clock;
use crate::cli::failure::Failure;
use crate::cli::files;

/// Name of the seed's file in the keyring.
const FILE: &str = "replay.seed";
/// Labels every derivation; another number when what is signed changes.
const VERSION: &str = "grantbook replay v1";
/// How long a rerun may send the same envelopes again, and how long the grants hold: ten years, in seconds.
pub(super) const LIFE_SECONDS: u64 = 3650 * 86_400;

/// What a replay keeps beside the ledger.
pub(super) struct Identity {
    seed: Zeroizing<[u8; 32]>,
    started: UnixMillis,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// 32 random bytes.
    seed: Bytes32,
    /// When the first run began, milliseconds: the `iat` of all that customers sign.
    started: UnixMillis,
    /// SHA-256 of the file that is replayed.
    input_sha256: Bytes32,
    /// What happens around its rows.
    scenario: Scenario,
}

impl Identity {
    /// The identity kept in `keyring`, or a new one that starts now. One folder replays one file in one way.
    pub(super) fn open(
        keyring: &Path,
        input_sha256: Bytes32,
        scenario: Scenario,
        now: UnixMillis,
    ) -> Result<Self, Failure> {
        let path = keyring.join(FILE);
        if !path.exists() {
            let seed = Bytes32(clock::random_bytes());
            let stored = Stored { seed, started: now, input_sha256, scenario };
            let json = Zeroizing::new(serde_json::to_vec(&stored).unwrap_or_default());
            files::write_new(&path, &json)?;
        }
        let stored: Stored = files::read_json(&path)?;
        if stored.input_sha256 != input_sha256 {
            return Err(Failure::input(
                "this data folder holds the replay of another file, expected the same file or a new folder",
            ));
        }
        if stored.scenario != scenario {
            return Err(Failure::input(
                "this data folder was made with the other choice of --whole-life, expected the same or a new folder",
            ));
        }
        Ok(Self { seed: Zeroizing::new(stored.seed.0), started: stored.started })
    }

    /// When the first run began.
    pub(super) fn began(&self) -> UnixMillis {
        self.started
    }

    /// Second in which the first run began.
    pub(super) fn started(&self) -> UnixSeconds {
        self.started.seconds()
    }

    /// First second in which nothing of the replay holds any more.
    pub(super) fn ends(&self) -> UnixSeconds {
        UnixSeconds(self.started().0.saturating_add(LIFE_SECONDS))
    }

    /// The enterprise's key.
    pub(super) fn enterprise(&self) -> Result<Signer, Failure> {
        self.signer("enterprise", 0)
    }

    /// A gate's name and key.
    pub(super) fn gate(&self, gate: GateName) -> Result<(GateId, Signer), Failure> {
        Ok((gate.id()?, self.signer("gate", gate as u64)?))
    }

    /// The key of the customer with this id in the file.
    pub(super) fn customer(&self, id: u64) -> Result<Signer, Failure> {
        self.signer("customer", id)
    }

    /// The pseudonym of the customer with this id in the file.
    pub(super) fn subject(&self, id: u64) -> Result<SubjectId, Failure> {
        let bytes: [u8; 16] = self.derive("subject", id);
        SubjectId::parse(&format!("rp-{}", to_base64url(&bytes))).map_err(Failure::fault)
    }

    /// The id of an envelope signed at the start: one for each thing that happens to each customer.
    pub(super) fn jti(&self, what: &str, id: u64) -> Jti {
        self.jti_at(self.started, what, id)
    }

    /// The same of an envelope signed later.
    pub(super) fn jti_at(&self, at: UnixMillis, what: &str, id: u64) -> Jti {
        Jti::new(at, self.derive(what, id))
    }

    /// Claims around an event, good for as long as the replay is.
    pub(super) fn claims<T>(&self, aud: TenantId, jti: Jti, event: T) -> Claims<T> {
        Claims { exp: Some(self.ends()), ..Claims::new(aud, jti, event) }
    }

    fn signer(&self, what: &str, id: u64) -> Result<Signer, Failure> {
        let seed = Zeroizing::new(self.derive(&format!("{what} key"), id));
        Signer::from_seed(&seed).ok_or_else(|| Failure::fault("derived a weak key"))
    }

    fn derive<const N: usize>(&self, what: &str, id: u64) -> [u8; N] {
        let mut bytes = [0; N];
        let info = [VERSION.as_bytes(), what.as_bytes(), &id.to_be_bytes()];
        // HKDF refuses only outputs of more than 8160 bytes
        let _ = Hkdf::<Sha256>::new(None, self.seed.as_slice()).expand_multi_info(&info, &mut bytes);
        bytes
    }
}

/// The enterprise's gates.
#[derive(Debug, Clone, Copy)]
pub(super) enum GateName {
    /// Of the file's own uses.
    Purchases,
    /// Of those beyond them.
    Beyond,
}

impl GateName {
    /// Its id.
    pub(super) fn id(self) -> Result<GateId, Failure> {
        let id = match self {
            Self::Purchases => "replay",
            Self::Beyond => "replay-beyond",
        };
        GateId::parse(id).map_err(Failure::fault)
    }
}
