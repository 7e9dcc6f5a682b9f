//! The keyring: signing keys, tag keys, tenants and tokens (its permanent part), and the key epoch's key.
//!
//! It lies outside the data folder and has its own backup. Files are readable by their owner only and replaced whole.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::{GateId, PublicKey, Signer, TagKey, TenantId};
use grantbook_tlog::{LogKeys, SignatureKind, SigningKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::config::{DEFAULT_ORIGIN, LedgerConfig};
use crate::cosign::Cosignature;
use crate::error::{OpenError, TenantError};
use crate::seal::SealKey;
use crate::store::Fault;

mod backup;
mod cases;
#[cfg(feature = "pkcs11")]
mod pkcs11;
pub(crate) mod store;
mod tokens;

pub use backup::{EpochOfBackup, KeyringBackup, KeyringBackupError, KeyringDrill};
pub(crate) use cases::{Cases, DoneErasure};
pub use cases::{LegalHold, PendingErasure};
pub use store::SecretStore;
use tokens::StoredToken;
pub use tokens::{Principal, Role, TokenInfo};

/// An enterprise on this ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// Its permanent id, the `aud` of its envelopes.
    pub id: TenantId,
    /// Its name, for people.
    pub name: String,
    /// Whether it is for trying things out, with the enterprise's key kept here.
    pub sandbox: bool,
    /// The enterprise's key.
    pub enterprise_key: PublicKey,
    /// Its gates.
    pub gates: Vec<GateKey>,
    /// Whether its customers who have a passkey are asked for it.
    #[serde(skip)]
    pub cosignature: Cosignature,
}

/// A gate and the key with which it signs batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateKey {
    /// Its name.
    pub id: GateId,
    /// Its key.
    pub key: PublicKey,
}

/// The number, among the tenants, of the log itself: what is recorded under it is for everybody.
pub(crate) const LOG: u32 = u32::MAX;

/// The tenant for trying things out, with what its enterprise would hold.
#[derive(Clone)]
pub struct SandboxTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// The enterprise's key.
    pub enterprise: Signer,
    /// A bearer token with the role of an administrator.
    pub token: String,
}

impl std::fmt::Debug for SandboxTenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SandboxTenant").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Permanent {
    version: u8,
    origin: String,
    log_seed: Bytes32,
    clock_seed: Bytes32,
    operator_seed: Bytes32,
    /// Of the log's ML-DSA-44 key.
    post_quantum_seed: Bytes32,
    tenants: Vec<StoredTenant>,
}

#[derive(Clone, Serialize, Deserialize)]
struct StoredTenant {
    id: TenantId,
    name: String,
    sandbox: bool,
    tag_key: Bytes32,
    enterprise_key: PublicKey,
    gates: Vec<GateKey>,
    tokens: Vec<StoredToken>,
    #[serde(default)]
    cosignature: Cosignature,
    /// Of a sandbox only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enterprise_seed: Option<Bytes32>,
    /// Of a sandbox only, so that its commands can be printed at each start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sandbox_token: Option<String>,
}

/// Keys that the epoch's key leads to.
pub(crate) struct EpochKeys {
    /// Which epoch's, from 1.
    pub(crate) number: u64,
    /// When it began.
    pub(crate) since: UnixSeconds,
    /// Seals state rows.
    pub(crate) rows: SealKey,
    /// Wraps data keys.
    pub(crate) wrap: SealKey,
    /// Seals the owners of bundles and batches.
    pub(crate) owners: SealKey,
    /// Keys the names of customers' rows.
    pub(crate) index: [u8; 32],
    /// Leads to the keys under which gates seal what they keep.
    gates: Zeroizing<[u8; 32]>,
}

pub(crate) struct Keyring {
    secrets: Box<dyn SecretStore>,
    permanent: RwLock<Permanent>,
    epoch: RwLock<Arc<EpochKeys>>,
    /// Held while holds and erasures change.
    cases: Mutex<()>,
    /// Keys the names that customers have in memory; names on disk are keyed by the epoch on top of it.
    pub(crate) names: [u8; 32],
    pub(crate) log: SigningKey,
    pub(crate) clock: SigningKey,
    /// Signs what is published, not each batch.
    pub(crate) post_quantum: SigningKey,
    /// The clock's key as the signer of heads.
    pub(crate) head: Signer,
    pub(crate) operator: Signer,
    pub(crate) log_keys: LogKeys,
    /// The id under which the log records what is for everybody.
    pub(crate) log_id: TenantId,
}

const VERSION: u8 = 1;
pub(crate) const PERMANENT: &str = "keyring.json";

impl Keyring {
    /// Opens the keyring, or makes one with fresh keys for `origin`. `epoch` is the one that the store is sealed under.
    pub(crate) fn open(config: &LedgerConfig, epoch: u64, now: UnixSeconds) -> Result<Self, OpenError> {
        let secrets = store::open(&config.keyring_dir, &config.keyring)?;
        Self::open_on(secrets, config.origin.as_deref(), epoch, now)
    }

    /// The same on secrets of the caller's.
    pub(crate) fn open_on(
        secrets: Box<dyn SecretStore>,
        origin: Option<&str>,
        epoch: u64,
        now: UnixSeconds,
    ) -> Result<Self, OpenError> {
        let refuse = |why: &str| OpenError::Keyring(why.to_owned());
        let stored = secrets.read(PERMANENT)?;
        let fresh = stored.is_none();
        let permanent = match stored {
            Some(bytes) => serde_json::from_slice::<Permanent>(&bytes)
                .map_err(|_| refuse("keyring.json is damaged, expected the file that this program wrote"))?,
            None => Permanent {
                version: VERSION,
                origin: origin.unwrap_or(DEFAULT_ORIGIN).to_owned(),
                log_seed: Bytes32(crate::random::bytes()),
                clock_seed: Bytes32(crate::random::bytes()),
                operator_seed: Bytes32(crate::random::bytes()),
                post_quantum_seed: Bytes32(crate::random::bytes()),
                tenants: Vec::new(),
            },
        };
        if permanent.version != VERSION {
            return Err(refuse("keyring.json is of another version"));
        }
        if origin.is_some_and(|origin| origin != permanent.origin) {
            return Err(refuse("the origin was fixed when the keyring was made, expected the same one"));
        }
        let LogSigners { log, clock, post_quantum, keys: log_keys } = LogSigners::of(&permanent)?;
        let signer =
            |seed: &Bytes32| Signer::from_seed(&seed.0).ok_or_else(|| refuse("a seed gives a weak key"));
        let head = signer(&permanent.clock_seed)?;
        let operator = signer(&permanent.operator_seed)?;
        let keys = match secrets.read(&epoch_name(epoch))? {
            Some(bytes) => EpochKeys::parse(epoch, &bytes)
                .ok_or_else(|| refuse("an epoch's key is damaged, expected 40 bytes"))?,
            None if fresh => make_epoch(secrets.as_ref(), epoch, now)?,
            None => {
                return Err(refuse(&format!(
                    "{} is missing: without it no record can be read",
                    epoch_name(epoch)
                )));
            }
        };
        let keyring = Self {
            secrets,
            epoch: RwLock::new(Arc::new(keys)),
            cases: Mutex::new(()),
            names: derived(b"grantbook-names/v1", &permanent.operator_seed.0, "customers"),
            log,
            clock,
            post_quantum,
            head,
            operator,
            log_id: TenantId::of_log(log_keys.origin()),
            log_keys,
            permanent: RwLock::new(permanent),
        };
        if fresh {
            keyring.change(|_| Ok::<_, TenantError>(())).map_err(|error| refuse(&error.to_string()))?;
        }
        Ok(keyring)
    }

    /// Whether the keyring answers at all: a token is there and unlocked, its folder readable.
    pub(crate) fn reach(config: &LedgerConfig) -> Result<(), OpenError> {
        store::open(&config.keyring_dir, &config.keyring).map(drop)
    }

    /// The log's keys alone, of a keyring that is there.
    pub(crate) fn log_keys_in(config: &LedgerConfig) -> Result<LogKeys, OpenError> {
        let refuse = |why: &str| OpenError::Keyring(why.to_owned());
        let secrets = store::open(&config.keyring_dir, &config.keyring)?;
        let stored = secrets.read(PERMANENT)?.ok_or_else(|| refuse("it is missing"))?;
        let permanent: Permanent =
            serde_json::from_slice(&stored).map_err(|_| refuse("keyring.json is damaged"))?;
        LogSigners::of(&permanent).map(|signers| signers.keys)
    }

    /// The keys of the present epoch.
    pub(crate) fn epoch(&self) -> Arc<EpochKeys> {
        Arc::clone(&self.epoch.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the key of the epoch after this one, durable before anything is sealed under it.
    pub(crate) fn make_next_epoch(&self, now: UnixSeconds) -> Result<Arc<EpochKeys>, Fault> {
        Ok(Arc::new(make_epoch(self.secrets.as_ref(), self.epoch().number.saturating_add(1), now)?))
    }

    pub(crate) fn cases_lock(&self) -> MutexGuard<'_, ()> {
        self.cases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes over to an epoch that the store has gone over to.
    pub(crate) fn set_epoch(&self, keys: Arc<EpochKeys>) {
        *self.epoch.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Destroys the keys of all epochs but the present one: of earlier ones, and of a later one whose roll a crash has
    /// cut short. Only once the store has proved to be the right one: with another epoch's store they are still needed.
    pub(crate) fn destroy_other_epochs(&self) -> Result<(), Fault> {
        let number = self.epoch().number;
        let present = epoch_name(number);
        for name in self.secrets.names()? {
            let is_epoch = name.starts_with("epoch-") && name != present;
            if is_epoch || Self::is_cases_of_another(&name, number) {
                self.secrets.destroy(&name)?;
            }
        }
        Ok(())
    }

    /// Changes the permanent part; what is on disk and in memory changes together or not at all.
    fn change<T, E: From<Fault>>(&self, change: impl FnOnce(&mut Permanent) -> Result<T, E>) -> Result<T, E> {
        let mut permanent = self.permanent.write().unwrap_or_else(PoisonError::into_inner);
        let tenants = permanent.tenants.clone();
        let result = change(&mut permanent).and_then(|value| {
            // the types have string keys and no fallible serialisers
            let json = Zeroizing::new(serde_json::to_vec_pretty(&*permanent).unwrap_or_default());
            self.secrets.replace(PERMANENT, &json)?;
            Ok(value)
        });
        if result.is_err() {
            permanent.tenants = tenants;
        }
        result
    }

    fn read<T>(&self, read: impl FnOnce(&Permanent) -> T) -> T {
        read(&self.permanent.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn tenants(&self) -> Vec<Tenant> {
        self.read(|permanent| permanent.tenants.iter().map(StoredTenant::public).collect())
    }

    /// The tenant and its number, which is its place in the keyring, for good; or the log itself, as [`LOG`].
    pub(crate) fn tenant(&self, id: TenantId) -> Option<(u32, Tenant)> {
        if id == self.log_id {
            return Some((LOG, self.log_itself()));
        }
        self.read(|permanent| {
            let at = permanent.tenants.iter().position(|tenant| tenant.id == id)?;
            Some((u32::try_from(at).ok()?, permanent.tenants.get(at)?.public()))
        })
    }

    /// The tenant's number alone.
    pub(crate) fn tenant_number(&self, id: TenantId) -> Option<u32> {
        if id == self.log_id {
            return Some(LOG);
        }
        let at = self.read(|permanent| permanent.tenants.iter().position(|tenant| tenant.id == id))?;
        u32::try_from(at).ok()
    }

    /// The id that belongs to a number.
    pub(crate) fn tenant_id(&self, number: u32) -> Option<TenantId> {
        if number == LOG {
            return Some(self.log_id);
        }
        self.read(|permanent| Some(permanent.tenants.get(usize::try_from(number).ok()?)?.id))
    }

    /// The log as if it were a tenant: nobody but the operator signs for it, and it has neither gates nor tokens.
    fn log_itself(&self) -> Tenant {
        Tenant {
            id: self.log_id,
            name: self.log_keys.origin().to_owned(),
            sandbox: false,
            enterprise_key: *self.operator.public_key(),
            gates: Vec::new(),
            cosignature: Cosignature::default(),
        }
    }

    pub(crate) fn tag_key(&self, number: u32) -> Option<TagKey> {
        if number == LOG {
            return Some(TagKey::of_log(self.log_keys.origin()));
        }
        self.read(|permanent| {
            let tenant = permanent.tenants.get(usize::try_from(number).ok()?)?;
            Some(TagKey::from_bytes(tenant.tag_key.0))
        })
    }

    pub(crate) fn create_tenant(
        &self,
        name: &str,
        enterprise_key: PublicKey,
        sandbox: bool,
    ) -> Result<Tenant, TenantError> {
        self.add_tenant(StoredTenant {
            id: TenantId::from_bytes(crate::random::bytes()),
            name: name.to_owned(),
            sandbox,
            tag_key: Bytes32(crate::random::bytes()),
            enterprise_key,
            gates: Vec::new(),
            tokens: Vec::new(),
            cosignature: Cosignature::default(),
            enterprise_seed: None,
            sandbox_token: None,
        })
    }

    fn add_tenant(&self, tenant: StoredTenant) -> Result<Tenant, TenantError> {
        let refused = |what, expected| Err(TenantError::Refused { what, expected });
        self.change(|permanent| {
            if tenant.name.is_empty() || tenant.name.len() > 128 || tenant.name.chars().any(char::is_control)
            {
                return refused("malformed name", "1 to 128 bytes without control characters");
            }
            if permanent.tenants.iter().any(|other| other.name == tenant.name) {
                return refused("name is taken", "one that no other tenant has");
            }
            let public = tenant.public();
            permanent.tenants.push(tenant);
            Ok(public)
        })
    }

    /// Takes a tenant over from another ledger, with its permanent id; one that is here must have the same key.
    pub(crate) fn adopt_tenant(&self, tenant: &Tenant) -> Result<(), TenantError> {
        match self.tenant(tenant.id) {
            Some((_, known)) if known.enterprise_key == tenant.enterprise_key => Ok(()),
            Some(_) => Err(TenantError::Refused {
                what: "the tenant is here with another enterprise key",
                expected: "the same key",
            }),
            None => self
                .add_tenant(StoredTenant {
                    id: tenant.id,
                    name: tenant.name.clone(),
                    sandbox: false,
                    tag_key: Bytes32(crate::random::bytes()),
                    enterprise_key: tenant.enterprise_key,
                    gates: Vec::new(),
                    tokens: Vec::new(),
                    cosignature: Cosignature::default(),
                    enterprise_seed: None,
                    sandbox_token: None,
                })
                .map(|_| ()),
        }
    }

    pub(crate) fn sandbox(&self) -> Result<SandboxTenant, TenantError> {
        const NAME: &str = "sandbox";
        if self.read(|permanent| !permanent.tenants.iter().any(|tenant| tenant.name == NAME)) {
            let (seed, enterprise) = fresh_signer();
            let tenant = self.create_tenant(NAME, *enterprise.public_key(), true)?;
            let (_, token) = self.create_token(tenant.id, Role::Admin, "sandbox")?;
            self.with_tenant(tenant.id, |stored| {
                stored.enterprise_seed = Some(seed);
                stored.sandbox_token = Some(token);
                Ok(())
            })?;
        }
        self.read(|permanent| {
            let stored = permanent.tenants.iter().find(|tenant| tenant.name == NAME)?;
            let enterprise = Signer::from_seed(&stored.enterprise_seed.as_ref()?.0)?;
            Some(SandboxTenant { tenant: stored.public(), enterprise, token: stored.sandbox_token.clone()? })
        })
        .ok_or(TenantError::Refused {
            what: "the tenant named sandbox is not one",
            expected: "a tenant that was made as the sandbox",
        })
    }

    pub(crate) fn register_gate(
        &self,
        tenant: TenantId,
        id: &GateId,
        key: PublicKey,
    ) -> Result<(), TenantError> {
        let refused = |what, expected| Err(TenantError::Refused { what, expected });
        self.with_tenant(tenant, |stored| {
            if id.as_str() == crate::sequencer::REMOTE_GATE {
                return refused("reserved gate name", "another one than `remote`");
            }
            match stored.gates.iter().find(|gate| gate.id == *id) {
                Some(gate) if gate.key == key => Ok(()),
                Some(_) => refused("gate name is taken", "a new one, or the same key again"),
                None => {
                    stored.gates.push(GateKey { id: id.clone(), key });
                    Ok(())
                }
            }
        })
    }

    pub(crate) fn set_cosignature(&self, tenant: TenantId, rule: Cosignature) -> Result<(), TenantError> {
        self.with_tenant(tenant, |stored| {
            stored.cosignature = rule;
            Ok(())
        })
    }

    fn with_tenant<T>(
        &self,
        id: TenantId,
        change: impl FnOnce(&mut StoredTenant) -> Result<T, TenantError>,
    ) -> Result<T, TenantError> {
        self.change(|permanent| {
            let tenant = permanent.tenants.iter_mut().find(|tenant| tenant.id == id);
            change(tenant.ok_or(TenantError::UnknownTenant)?)
        })
    }
}

fn fresh_signer() -> (Bytes32, Signer) {
    loop {
        let seed = Bytes32(crate::random::bytes());
        if let Some(signer) = Signer::from_seed(&seed.0) {
            return (seed, signer);
        }
    }
}

impl StoredTenant {
    fn public(&self) -> Tenant {
        Tenant {
            id: self.id,
            name: self.name.clone(),
            sandbox: self.sandbox,
            enterprise_key: self.enterprise_key,
            gates: self.gates.clone(),
            cosignature: self.cosignature,
        }
    }
}

/// What signs checkpoints, and the keys that readers pin.
struct LogSigners {
    log: SigningKey,
    clock: SigningKey,
    post_quantum: SigningKey,
    keys: LogKeys,
}

impl LogSigners {
    fn of(permanent: &Permanent) -> Result<Self, OpenError> {
        let refuse = |why: String| OpenError::Keyring(why);
        let origin = &permanent.origin;
        let sign = |name: &str, kind, seed: &Bytes32| {
            SigningKey::from_seed(name, kind, &seed.0).map_err(|error| refuse(error.to_string()))
        };
        let log = sign(origin, SignatureKind::Ed25519, &permanent.log_seed)?;
        let clock = sign(&format!("{origin}/clock"), SignatureKind::Cosignature, &permanent.clock_seed)?;
        let post_quantum = sign(origin, SignatureKind::MlDsa44, &permanent.post_quantum_seed)?;
        let keys = LogKeys::new(log.verifier_key().clone(), clock.verifier_key().clone())
            .and_then(|keys| keys.with_post_quantum(post_quantum.verifier_key().clone()))
            .map_err(|error| refuse(error.to_string()))?;
        Ok(Self { log, clock, post_quantum, keys })
    }
}

fn epoch_name(number: u64) -> String {
    format!("epoch-{number}.key")
}

/// 32 bytes of a key, and the second in which its epoch begins.
fn make_epoch(secrets: &dyn SecretStore, number: u64, since: UnixSeconds) -> Result<EpochKeys, Fault> {
    let key = Zeroizing::new(crate::random::bytes::<32>());
    let secret = Zeroizing::new([key.as_slice(), &since.0.to_be_bytes()].concat());
    secrets.replace(&epoch_name(number), &secret)?;
    Ok(EpochKeys::derive(number, since, &key))
}

fn derived(salt: &[u8], secret: &[u8; 32], label: &str) -> [u8; 32] {
    let mut key = [0; 32];
    // 32 bytes are within what HKDF gives
    let _ = Hkdf::<Sha256>::new(Some(salt), secret).expand(label.as_bytes(), &mut key);
    key
}

impl EpochKeys {
    fn parse(number: u64, secret: &[u8]) -> Option<Self> {
        let (key, since) = secret.split_first_chunk()?;
        let since = UnixSeconds(u64::from_be_bytes(since.try_into().ok()?));
        Some(Self::derive(number, since, &Zeroizing::new(*key)))
    }

    fn derive(number: u64, since: UnixSeconds, epoch: &[u8; 32]) -> Self {
        let derive = |label: &str| derived(b"grantbook-epoch/v1", epoch, label);
        Self {
            number,
            since,
            rows: SealKey::from_bytes(derive("rows")),
            wrap: SealKey::from_bytes(derive("wrap")),
            owners: SealKey::from_bytes(derive("owners")),
            index: derive("index"),
            gates: Zeroizing::new(derive("gates")),
        }
    }

    /// The key under which one gate seals what it keeps.
    pub(crate) fn gate_key(&self, tenant: TenantId, gate: &GateId) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(derived(b"grantbook-gate/v1", &self.gates, &format!("{tenant}/{gate}")))
    }

    /// The name on disk of what has `name` in memory: names of different epochs cannot be joined.
    pub(crate) fn name_on_disk(&self, name: &[u8; 16]) -> [u8; 16] {
        short_hmac(&self.index, &[name])
    }
}

/// First half of HMAC-SHA-256 over the parts.
pub(crate) fn short_hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 16] {
    // HMAC takes keys of any length, so making it from 32 bytes cannot fail
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 16] };
    for part in parts {
        mac.update(part);
    }
    let full: [u8; 32] = mac.finalize().into_bytes().into();
    full.first_chunk().copied().unwrap_or_default()
}
