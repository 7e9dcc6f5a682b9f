//! The keyring: signing keys, tag keys, tenants and tokens (its permanent part), and the key epoch's key.
//!
//! It lies outside the data folder and has its own backup. Files are readable by their owner only and replaced whole.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use grantbook_record::encoding::Bytes32;
use grantbook_record::{GateId, PublicKey, Signer, TagKey, TenantId};
use grantbook_tlog::{LogKeys, SignatureKind, SigningKey};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::config::DEFAULT_ORIGIN;
use crate::error::{OpenError, TenantError};
use crate::seal::SealKey;
use crate::store::{Fault, durable};

mod tokens;

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
}

/// A gate and the key with which it signs batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateKey {
    /// Its name.
    pub id: GateId,
    /// Its key.
    pub key: PublicKey,
}

/// The tenant for trying things out, with what its enterprise would hold.
#[derive(Debug, Clone)]
pub struct SandboxTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// The enterprise's key.
    pub enterprise: Signer,
    /// A bearer token with the role of an administrator.
    pub token: String,
}

#[derive(Serialize, Deserialize)]
struct Permanent {
    version: u8,
    origin: String,
    log_seed: Bytes32,
    clock_seed: Bytes32,
    operator_seed: Bytes32,
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
    /// Of a sandbox only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enterprise_seed: Option<Bytes32>,
    /// Of a sandbox only, so that its commands can be printed at each start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sandbox_token: Option<String>,
}

/// Keys that the epoch's key leads to.
pub(crate) struct EpochKeys {
    /// Seals state rows.
    pub(crate) rows: SealKey,
    /// Wraps data keys.
    pub(crate) wrap: SealKey,
    /// Seals the owners of bundles and batches.
    pub(crate) owners: SealKey,
    /// Keys the names of customers' rows.
    pub(crate) index: [u8; 32],
}

pub(crate) struct Keyring {
    folder: PathBuf,
    permanent: RwLock<Permanent>,
    pub(crate) epoch: EpochKeys,
    pub(crate) log: SigningKey,
    pub(crate) clock: SigningKey,
    /// The clock's key as the signer of heads.
    pub(crate) head: Signer,
    pub(crate) operator: Signer,
    pub(crate) log_keys: LogKeys,
}

const VERSION: u8 = 1;

impl Keyring {
    /// Opens the keyring, or makes one with fresh keys for `origin`.
    pub(crate) fn open(folder: &Path, origin: Option<&str>) -> Result<Self, OpenError> {
        let refuse = |why: &str| OpenError::Keyring(why.to_owned());
        let path = folder.join("keyring.json");
        let epoch_path = folder.join("epoch-1.key");
        let stored = durable::read(&path)?.map(Zeroizing::new);
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
                tenants: Vec::new(),
            },
        };
        if permanent.version != VERSION {
            return Err(refuse("keyring.json is of another version"));
        }
        if origin.is_some_and(|origin| origin != permanent.origin) {
            return Err(refuse("the origin was fixed when the keyring was made, expected the same one"));
        }
        let origin = &permanent.origin;
        let sign = |name: &str, kind, seed: &Bytes32| {
            SigningKey::from_seed(name, kind, &seed.0).map_err(|error| refuse(&error.to_string()))
        };
        let log = sign(origin, SignatureKind::Ed25519, &permanent.log_seed)?;
        let clock = sign(&format!("{origin}/clock"), SignatureKind::Cosignature, &permanent.clock_seed)?;
        let signer =
            |seed: &Bytes32| Signer::from_seed(&seed.0).ok_or_else(|| refuse("a seed gives a weak key"));
        let head = signer(&permanent.clock_seed)?;
        let operator = signer(&permanent.operator_seed)?;
        let log_keys = LogKeys::new(log.verifier_key().clone(), clock.verifier_key().clone())
            .map_err(|error| refuse(&error.to_string()))?;
        let epoch = match durable::read(&epoch_path)?.map(Zeroizing::new) {
            Some(bytes) => bytes
                .as_slice()
                .try_into()
                .map(Zeroizing::new)
                .map_err(|_| refuse("epoch-1.key is damaged, expected 32 bytes"))?,
            None if fresh => {
                let key = Zeroizing::new(crate::random::bytes::<32>());
                durable::replace(&epoch_path, key.as_slice())?;
                key
            }
            None => return Err(refuse("epoch-1.key is missing: without it no record can be read")),
        };
        let keyring = Self {
            folder: folder.to_owned(),
            epoch: EpochKeys::derive(&epoch),
            log,
            clock,
            head,
            operator,
            log_keys,
            permanent: RwLock::new(permanent),
        };
        if fresh {
            keyring.change(|_| Ok::<_, TenantError>(())).map_err(|error| refuse(&error.to_string()))?;
        }
        Ok(keyring)
    }

    /// Changes the permanent part; what is on disk and in memory changes together or not at all.
    fn change<T, E: From<Fault>>(&self, change: impl FnOnce(&mut Permanent) -> Result<T, E>) -> Result<T, E> {
        let mut permanent = self.permanent.write().unwrap_or_else(PoisonError::into_inner);
        let tenants = permanent.tenants.clone();
        let result = change(&mut permanent).and_then(|value| {
            // the types have string keys and no fallible serialisers
            let json = Zeroizing::new(serde_json::to_vec_pretty(&*permanent).unwrap_or_default());
            durable::replace(&self.folder.join("keyring.json"), &json)?;
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

    /// The tenant and its number, which is its place in the keyring, for good.
    pub(crate) fn tenant(&self, id: TenantId) -> Option<(u32, Tenant)> {
        self.read(|permanent| {
            let at = permanent.tenants.iter().position(|tenant| tenant.id == id)?;
            Some((u32::try_from(at).ok()?, permanent.tenants.get(at)?.public()))
        })
    }

    pub(crate) fn tag_key(&self, number: u32) -> Option<TagKey> {
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
        }
    }
}

impl EpochKeys {
    fn derive(epoch: &[u8; 32]) -> Self {
        let derive = |label: &str| {
            let mut key = [0; 32];
            // 32 bytes are within what HKDF gives
            let _ =
                Hkdf::<Sha256>::new(Some(b"grantbook-epoch/v1"), epoch).expand(label.as_bytes(), &mut key);
            key
        };
        Self {
            rows: SealKey::from_bytes(derive("rows")),
            wrap: SealKey::from_bytes(derive("wrap")),
            owners: SealKey::from_bytes(derive("owners")),
            index: derive("index"),
        }
    }
}
