//! The sandbox's folder: all that a newcomer on the same machine needs to speak for its enterprise and its customer.
//!
//! `serve` writes it beside the data folder, readable by its owner only. It holds real keys of a sandbox: what is
//! signed with them is as real as anything, and worth as much as the sandbox is.

use std::path::{Path, PathBuf};

use grantbook_engine::{Ledger, SandboxTenant};
use grantbook_record::{Signer, SubjectId, TenantId};
use serde::{Deserialize, Serialize};

use super::clock;
use super::door::Door;
use super::failure::Failure;
use super::files;
use super::published::{Published, publish};
use super::scenario;
use super::secret::Secret;

/// The folder beside the default data folder.
pub(crate) const DEFAULT_FOLDER: &str = "grantbook-data.sandbox";
/// What is added to the data folder's name.
const SUFFIX: &str = ".sandbox";
/// The sandbox's customer.
const CUSTOMER: &str = "sandbox-customer";
/// Versions of the template that are tried before giving up.
const VERSIONS_MAX: u32 = 1000;

/// Where the sandbox is and who we are to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sandbox {
    /// Address of the server.
    pub(crate) server: String,
    /// The sandbox's tenant.
    pub(crate) tenant: TenantId,
    /// An administrator's token.
    pub(crate) token: Secret,
    /// The customer.
    pub(crate) sub: SubjectId,
    #[serde(skip)]
    folder: PathBuf,
}

impl Sandbox {
    /// Reads a sandbox's folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join("sandbox.json");
        if !path.exists() {
            return Err(Failure::Input(format!(
                "{}: no sandbox here, expected the folder that `grantbook serve` writes beside its data",
                folder.display()
            )));
        }
        Ok(Self { folder: folder.to_owned(), ..files::read_json(&path)? })
    }

    /// The enterprise's key file.
    pub(crate) fn enterprise_key(&self) -> PathBuf {
        self.folder.join("enterprise.key.json")
    }

    /// The customer's key file.
    pub(crate) fn customer_key(&self) -> PathBuf {
        self.folder.join("customer.key.json")
    }

    /// The terms that the customer signs.
    pub(crate) fn terms(&self) -> PathBuf {
        self.folder.join("terms.json")
    }

    /// The use that is asked about.
    pub(crate) fn use_file(&self) -> PathBuf {
        self.folder.join("use.json")
    }

    /// The receipt of the latest grant.
    pub(crate) fn grant_receipt(&self) -> PathBuf {
        self.folder.join("grant.receipt.json")
    }

    /// The log's keys.
    pub(crate) fn vkey(&self) -> PathBuf {
        self.folder.join("vkey")
    }

    /// The folder of the sandbox of a data folder.
    pub(crate) fn folder_of(data_dir: &Path) -> PathBuf {
        files::beside(data_dir, SUFFIX)
    }

    /// Publishes the example where that was not done, and writes the folder.
    pub(crate) fn prepare(ledger: &Ledger, data_dir: &Path, server: &str) -> Result<Self, Failure> {
        let SandboxTenant { tenant, enterprise, token } = ledger.sandbox()?;
        let folder = Self::folder_of(data_dir);
        make_private(&folder)?;
        let sub = SubjectId::parse(CUSTOMER).map_err(Failure::fault)?;
        let sandbox = Self { server: server.to_owned(), tenant: tenant.id, token: token.into(), sub, folder };
        let published = sandbox.published(ledger, &enterprise)?;
        let json = |value: &serde_json::Value| serde_json::to_vec_pretty(value).unwrap_or_default();
        let write = |path: &Path, value: serde_json::Value| files::replace(path, &json(&value));
        write(&sandbox.folder.join("sandbox.json"), serde_json::json!(sandbox))?;
        write(&sandbox.terms(), serde_json::json!(scenario::terms(&published, clock::now().seconds())?))?;
        write(&sandbox.use_file(), serde_json::json!(scenario::facts(&sandbox.sub)?))?;
        files::replace(&sandbox.enterprise_key(), &files::key_json(&enterprise))?;
        files::replace(&sandbox.vkey(), ledger.log_keys().to_string().as_bytes())?;
        if !sandbox.customer_key().exists() {
            files::write_key(&sandbox.customer_key(), &super::keygen::fresh()?)?;
        }
        Ok(sandbox)
    }

    /// What the sandbox has published; published now if its file is missing or of another ledger.
    fn published(&self, ledger: &Ledger, enterprise: &Signer) -> Result<Published, Failure> {
        let path = self.folder.join("published.json");
        if let Ok(published) = files::read_json::<Published>(&path)
            && published.tenant == self.tenant
        {
            return Ok(published);
        }
        let door = Door::Local(ledger.clone());
        for version in 1..=VERSIONS_MAX {
            let template = scenario::template(version)?;
            match publish(&door, self.tenant, template, scenario::notices()?, enterprise, None) {
                Ok(published) => {
                    files::replace(&path, &serde_json::to_vec_pretty(&published).unwrap_or_default())?;
                    return Ok(published);
                }
                // the file was lost: the next version takes the place of the one that is published
                Err(refused) if refused.slug == "state-conflict" => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(Failure::fault("the sandbox has too many versions of its template"))
    }
}

/// A folder that only its owner can enter: it holds keys and a token.
fn make_private(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Failure::Fault(format!("{}: {error}", folder.display())))
}
