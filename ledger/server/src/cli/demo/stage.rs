//! Where the story plays: a ledger in a temporary folder, a server on a free port, an enterprise with its token.

use grantbook_engine::{Ledger, Role};
use grantbook_record::{Signer, TenantId};
use grantbook_server::{Flags, ServeError, Server, ServerConfig};
use grantbook_tlog::LogKeys;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::cli::failure::Failure;
use crate::cli::keygen;
use crate::cli::remote::Remote;

/// The stage, set.
pub(super) struct Stage {
    pub(super) tenant: TenantId,
    pub(super) enterprise: Signer,
    pub(super) keys: LogKeys,
    url: String,
    token: String,
    server: JoinHandle<Result<(), ServeError>>,
    stop: oneshot::Sender<()>,
    runtime: Runtime,
    folder: TempDir,
}

impl Stage {
    /// Makes ledger, enterprise and token, and starts the server.
    pub(super) fn set() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("grantbook-demo-").tempdir().map_err(Failure::fault)?;
        // a configuration of its own: what is configured for the user's server is not for the demo
        let file = folder.path().join("grantbook.toml");
        std::fs::write(&file, "sandbox = false\n").map_err(Failure::fault)?;
        let flags = Flags {
            listen: Some(([127, 0, 0, 1], 0).into()),
            data_dir: Some(folder.path().join("data")),
            keyring_dir: Some(folder.path().join("keyring")),
            anchor: Some(folder.path().join("anchor")),
            origin: Some("demo.grantbook.example".to_owned()),
            ..Flags::default()
        };
        let config = ServerConfig::load(Some(&file), &flags)?;
        let ledger = Ledger::open(&config.ledger())?;
        let enterprise = keygen::fresh()?;
        let tenant = ledger.create_tenant("Charging network", *enterprise.public_key(), false)?.id;
        let (_, token) = ledger.create_token(tenant, Role::Service, "pricing")?;
        let keys = ledger.log_keys().clone();
        let runtime = Runtime::new().map_err(Failure::fault)?;
        let server = runtime.block_on(Server::bind(ledger, config))?;
        let url = format!("http://{}", server.address());
        let (stop, stopped) = oneshot::channel();
        let server = runtime.spawn(server.run(async {
            // a dropped sender also means: stop
            let _ = stopped.await;
        }));
        Ok(Self { tenant, enterprise, keys, url, token, server, stop, runtime, folder })
    }

    /// A client of the server, with the enterprise's token.
    pub(super) fn remote(&self) -> Result<Remote, Failure> {
        Remote::new(&self.url, Some(&self.token))
    }

    /// Stops the server, which closes the ledger, and removes the folder.
    pub(super) fn clear(self) -> Result<(), Failure> {
        let Self { server, stop, runtime, folder, .. } = self;
        let _ = stop.send(());
        runtime.block_on(server).map_err(Failure::fault)??;
        folder.close().map_err(Failure::fault)
    }
}
