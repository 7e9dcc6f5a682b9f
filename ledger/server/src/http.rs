//! The HTTP server: one router, one limit of requests under way, one deadline, one form of error.
//!
//! Calls of the ledger block (they wait for the disk), so they run on the blocking threads; only what reads memory, or at
//! most a customer's row of the state, is called directly. Evaluations wait as tasks: a thread for each of them would cost
//! more than its answer.

mod acknowledgements;
mod admin;
mod assets;
mod audits;
mod authzen;
mod body;
mod caller;
mod complaints;
mod connections;
mod deletions;
mod erasures;
mod events;
mod feed;
mod gate_keys;
mod grants;
mod heads;
mod health;
mod house;
mod invitations;
mod kits;
mod layers;
mod leases;
mod live_gates;
mod log;
mod mandates;
mod metrics;
mod mirror;
mod news;
mod openapi;
mod page;
mod places;
mod policy;
mod portal;
pub mod problem;
mod proofs;
mod rate;
mod receipts;
mod settlements;
mod states;
mod tls;
mod uses;
mod vocabulary;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use grantbook_engine::{Ledger, TenantError};
use grantbook_portal::Overview;
use grantbook_portal::signing::{Portal, Settings};
use grantbook_record::TenantId;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch};

use crate::config::ServerConfig;
use crate::mailing::{MailError, Mailing};
use crate::portal::LedgerWrites;
use crate::witnessing::{Witnessing, WitnessingError};
use problem::Problem;

pub use authzen::{SETTINGS_BYTES_MAX, Settings as AuthzenSettings, SettingsError};
pub(crate) use events::framed;
pub use openapi::document as openapi_document;
pub(crate) use portal::draft;
pub use tls::TlsError;

/// Why the server did not start, or did not stop in order.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's word.
        source: std::io::Error,
    },
    /// The certificates cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The sandbox tenant cannot be made.
    #[error("sandbox tenant: {0}")]
    Sandbox(#[from] TenantError),
    /// The AuthZEN settings cannot be used.
    #[error("{}: {why}", file.display())]
    Settings {
        /// Their file.
        file: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The witnesses cannot be asked, or contradict the ledger.
    #[error("witnesses: {0}")]
    Witnessing(#[from] WitnessingError),
    /// The mail server's settings cannot be used.
    #[error("mail: {0}")]
    Mail(#[from] MailError),
    /// The portal cannot be opened.
    #[error("portal: {0}")]
    Portal(String),
    /// The ledger did not close in order.
    #[error("{0}")]
    Close(String),
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    ledger: Ledger,
    config: ServerConfig,
    /// Without a final slash.
    base_url: String,
    metrics: metrics::Metrics,
    authzen: authzen::AllSettings,
    /// Where checkpoints are published once they are witnessed.
    witnessing: Option<Arc<Witnessing>>,
    /// Requests under way, feeds aside.
    requests: Semaphore,
    /// Open feeds.
    feeds: Arc<Semaphore>,
    /// One audit is answered at a time.
    audits: Arc<Semaphore>,
    /// One past is judged by other rules at a time.
    simulations: Arc<Semaphore>,
    followers: erasures::Followers,
    /// Told of an erasure that the portal has begun.
    erasing: Arc<Notify>,
    live_gates: live_gates::LiveGates,
    waiting: acknowledgements::Waiting,
    proofs: proofs::Runs,
    /// The portal's signing side.
    portal: Portal,
    /// By which customers are mailed to.
    mailing: Option<Arc<Mailing>>,
    /// Of these, those of each tenant's tokens.
    tenants_requests: places::Places,
    tenants_feeds: places::Places,
    /// What comes without a token.
    events_rate: rate::RateLimiter<IpAddr>,
    /// Tokens that are shown at the enterprises' sign-in.
    sign_in_rate: rate::RateLimiter<IpAddr>,
    /// What is sent to log in or from a mail.
    accounts_rate: rate::RateLimiter<IpAddr>,
    /// What comes with one.
    tenants_rate: rate::RateLimiter<TenantId>,
    /// Becomes true when the server begins to stop.
    stopping: watch::Receiver<bool>,
}

impl std::ops::Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// Runs a call that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Ledger) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let ledger = self.ledger.clone();
        tokio::task::spawn_blocking(move || call(&ledger)).await.map_err(|error| {
            tracing::error!(%error, "a call of the ledger did not return");
            Problem::internal()
        })
    }

    fn overview(&self) -> Overview {
        let (size, root) = self.ledger.size_root();
        Overview {
            origin: self.ledger.origin().to_owned(),
            tree_size: size.0,
            root: root.to_string(),
            sandbox: self.config.sandbox,
            doors: self.portal.sandbox_doors().map(str::to_owned),
            base_url: self.base_url.clone(),
        }
    }
}

/// A server that listens but does not answer yet.
pub struct Server {
    ledger: Ledger,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<tls::Tls>>,
    app: App,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Listens; makes the sandbox tenant where the configuration asks for one.
    pub async fn bind(ledger: Ledger, config: ServerConfig) -> Result<Self, ServeError> {
        let tls = tls::Tls::new(&config.tls)?.map(Arc::new);
        let listen = |source| ServeError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        if config.sandbox {
            let ledger = ledger.clone();
            let made = tokio::task::spawn_blocking(move || ledger.sandbox().map(|_| ())).await;
            made.map_err(|error| ServeError::Close(error.to_string()))??;
        }
        let authzen = authzen_settings(&ledger, config.authzen_settings.as_deref())?;
        let mailing = Mailing::new(&config.mail)?.map(Arc::new);
        let public_url = config.public_url.as_deref();
        let opened_to = (config.sandbox, mailing.is_some());
        let portal = config.portal.settings(public_url, tls.is_some(), address, opened_to);
        let opened = ledger.clone();
        let erasing = Arc::new(Notify::new());
        let told = Arc::clone(&erasing);
        let opening = tokio::task::spawn_blocking(move || open_portal(&opened, told, portal)).await;
        let portal = opening.map_err(|error| ServeError::Close(error.to_string()))??;
        let witnessing = Witnessing::begin(ledger.clone(), &config.witness).await?;
        let (stop, stopping) = watch::channel(false);
        let limits = &config.limits;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Shared {
            base_url: config.public_url.clone().unwrap_or_else(|| format!("{scheme}://{address}")),
            metrics: metrics::Metrics::new(ledger.clone(), witnessing.as_deref(), mailing.as_deref()),
            authzen: authzen::AllSettings::new(authzen),
            witnessing,
            requests: Semaphore::new(limits.requests_max as usize),
            feeds: Arc::new(Semaphore::new(limits.feed_subscribers_max as usize)),
            audits: Arc::new(Semaphore::new(1)),
            simulations: Arc::new(Semaphore::new(1)),
            followers: erasures::Followers::new(),
            erasing,
            live_gates: live_gates::LiveGates::new(3 * ledger.freshness_bound(), Instant::now()),
            waiting: acknowledgements::Waiting::default(),
            proofs: proofs::Runs::default(),
            portal,
            mailing,
            events_rate: rate::RateLimiter::new(limits.events_per_second),
            sign_in_rate: rate::RateLimiter::new(layers::SIGN_INS_PER_SECOND),
            accounts_rate: rate::RateLimiter::new(limits.account_requests_per_second),
            tenants_requests: places::Places::new(limits.tenant_requests_max),
            tenants_feeds: places::Places::new(limits.tenant_feed_subscribers_max),
            tenants_rate: rate::RateLimiter::new(limits.tenant_events_per_second),
            ledger: ledger.clone(),
            stopping,
            config,
        };
        Ok(Self { ledger, listener, address, tls, app: App(Arc::new(shared)), stop })
    }

    /// The address listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a tenant's AuthZEN callers mean by their words; takes the place of what the configuration says.
    pub fn set_authzen(&self, tenant: TenantId, settings: AuthzenSettings) {
        self.app.authzen.set(tenant, settings);
    }

    /// The address by which clients know the server, without a final slash.
    pub fn base_url(&self) -> &str {
        &self.app.base_url
    }

    /// The address of its pages, which for passkeys' sake may be another one than that of the interface.
    pub fn pages_url(&self) -> &str {
        self.app.portal.sandbox_doors().unwrap_or(&self.app.base_url)
    }

    /// Answers until `shutdown`; then takes no more connections, ends the feeds, lets requests under way finish within
    /// their grace, and closes the ledger. A fault of the ledger ends it likewise, with an error.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
        let Self { ledger, listener, address, tls, app, stop } = self;
        let limits = app.config.limits.clone();
        tracing::info!(%address, origin = ledger.origin(), size = ledger.size_root().0.0, "listening");
        if let Some(witnessing) = &app.witnessing {
            tokio::spawn(Arc::clone(witnessing).run(app.stopping.clone()));
        }
        let watched = ledger.clone();
        let told = async {
            tokio::select! {
                () = shutdown => tracing::info!("stopping"),
                () = watched.wait_stopped() => tracing::error!("a fault has stopped the ledger: stopping"),
            }
            stop.send_replace(true);
        };
        let grace = Duration::from_millis(limits.shutdown_grace_ms);
        let house = tokio::spawn(house::keep(app.clone()));
        let acknowledging = tokio::spawn(acknowledgements::keep(app.clone()));
        let news = tokio::spawn(news::keep(app.clone()));
        let mailing = app.mailing.clone().map(|mailing| tokio::spawn(news::mail(app.clone(), mailing)));
        let reload = tls.clone().map(|tls| tokio::spawn(tls.reload_on_hangup()));
        connections::serve(listener, tls, openapi::router(app), limits.connections_max, grace, told).await;
        if let Some(reload) = reload {
            reload.abort();
        }
        // they end by themselves, between two of their works
        let _ = house.await;
        let _ = acknowledging.await;
        let _ = news.await;
        if let Some(mut mailing) = mailing
            && tokio::time::timeout(grace, &mut mailing).await.is_err()
        {
            // a mail server that keeps silent holds nothing up; what it was being given counts as given
            mailing.abort();
        }
        let closed = tokio::task::spawn_blocking(move || ledger.close()).await;
        match closed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ServeError::Close(error.to_string())),
            Err(error) => Err(ServeError::Close(error.to_string())),
        }
    }
}

/// The portal. Its signing page goes on the log with the first invitation, and from then on at each start that changes it: a
/// ledger whose portal nobody uses has no entry about it.
fn open_portal(ledger: &Ledger, erasing: Arc<Notify>, settings: Settings) -> Result<Portal, ServeError> {
    let portal = Portal::new(LedgerWrites(ledger.clone(), erasing), settings);
    let portal = portal.map_err(|error| ServeError::Portal(error.to_string()))?;
    if ledger.has_client() {
        ledger.publish_client(&portal.client()).map_err(|error| ServeError::Portal(error.to_string()))?;
    }
    Ok(portal)
}

/// The settings of all tenants, where the configuration names a file of them.
fn authzen_settings(
    ledger: &Ledger,
    file: Option<&Path>,
) -> Result<BTreeMap<TenantId, AuthzenSettings>, ServeError> {
    let Some(file) = file else { return Ok(BTreeMap::new()) };
    let refuse = |why: String| ServeError::Settings { file: file.to_owned(), why };
    let json = std::fs::read(file).map_err(|error| refuse(error.to_string()))?;
    let all = AuthzenSettings::parse_all(&json).map_err(|error| refuse(error.to_string()))?;
    for (tenant, settings) in &all {
        if ledger.tenant(*tenant).is_none() {
            return Err(refuse(format!("{tenant} is no tenant of this ledger")));
        }
        let state = ledger.tenant_state(*tenant).map_err(|error| refuse(error.to_string()))?;
        settings.check_words(&state.vocabulary).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(all)
}

/// Listens and answers until `shutdown`, then closes the ledger.
pub async fn serve(
    ledger: Ledger,
    config: ServerConfig,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    Server::bind(ledger, config).await?.run(shutdown).await
}
