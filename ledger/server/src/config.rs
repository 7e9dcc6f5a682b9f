//! Configuration in layers: embedded defaults, then a file, then `GRANTBOOK_…` variables, then flags.
//!
//! Reference: `docs/reference/configuration.md`, which a test holds against the embedded defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use grantbook_engine::{KeyringKind, LedgerConfig, Pkcs11Token};
use grantbook_portal::session::Lifetimes;
use grantbook_portal::signing::Settings;
use grantbook_record::webauthn::RelyingParty;
use grantbook_record::{DataDay, UnixSeconds};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

mod mail;

pub use mail::{MailConfig, MailTls};

/// The embedded defaults, which name every key.
pub const DEFAULTS: &str = include_str!("default.toml");

/// The file that is read where no other is named and it is there.
pub const DEFAULT_FILE: &str = "grantbook.toml";

/// Configuration that was refused. Boxed: the underlying error is large.
#[derive(Debug, thiserror::Error)]
#[error("configuration: {0}")]
pub struct ConfigError(Box<figment::Error>);

/// All that a server can be told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether plain HTTP may be spoken on an address that is not this machine's own.
    pub allow_plain_http: bool,
    /// The address by which clients know the server, without a final slash; absent: `http://` or `https://` and
    /// `listen`.
    #[serde(deserialize_with = "empty_is_none")]
    pub public_url: Option<String>,
    /// Where the ledger keeps its data.
    pub data_dir: PathBuf,
    /// Where it keeps its keys; absent: `<data_dir>.keyring`.
    #[serde(deserialize_with = "empty_is_none")]
    pub keyring_dir: Option<PathBuf>,
    /// The file with the last signed checkpoint; absent: `<data_dir>.anchor`.
    #[serde(deserialize_with = "empty_is_none")]
    pub anchor: Option<PathBuf>,
    /// The log's origin, taken when its keys are made.
    #[serde(deserialize_with = "empty_is_none")]
    pub origin: Option<String>,
    /// Whether there is a sandbox tenant.
    pub sandbox: bool,
    /// File of what tenants' AuthZEN callers mean by their words; absent: words of the vocabulary only.
    #[serde(deserialize_with = "empty_is_none")]
    pub authzen_settings: Option<PathBuf>,
    /// How long a withdrawal may take to reach every gate, in milliseconds.
    pub freshness_bound_ms: u64,
    /// How long after a use its record may arrive unmarked, in milliseconds.
    pub late_after_ms: u64,
    /// How long a gate may draw on a lease at most, in milliseconds.
    pub lease_ttl_ms: u64,
    /// Memory that the state's store may use as cache, in MiB.
    pub store_cache_mib: u32,
    /// Days after which a new key epoch begins, 1 to 30.
    #[serde(deserialize_with = "epoch_days")]
    pub epoch_days: u8,
    /// Minutes after which the root of the grant states goes on the log, if they have changed, 1 to 1440.
    #[serde(deserialize_with = "state_root_minutes")]
    pub state_root_minutes: u16,
    /// Days after a grant's end for which its envelopes are kept, 30 to 36,500; absent: for good.
    #[serde(deserialize_with = "envelopes_days")]
    pub envelopes_days: Option<u16>,
    /// First day (UTC) from which receipts bear the log's ML-DSA-44 signature too.
    #[serde(deserialize_with = "empty_is_no_day")]
    pub post_quantum_from: Option<UnixSeconds>,
    /// The PKCS#11 token that guards the keyring; not set: files alone.
    pub keyring_pkcs11: TokenConfig,
    /// Certificates of the server and its clients.
    pub tls: TlsConfig,
    /// Where customers find the portal, and how long they stay logged in.
    pub portal: PortalConfig,
    /// By which mail server customers are notified.
    pub mail: MailConfig,
    /// Who cosigns checkpoints before they are published.
    pub witness: WitnessConfig,
    /// What is logged and how.
    pub log: LogConfig,
    /// Bounds on what clients may take.
    pub limits: Limits,
}

/// The PKCS#11 token that guards the keyring.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// Library of the token's maker.
    #[serde(deserialize_with = "empty_is_none")]
    pub module: Option<PathBuf>,
    /// The token's label.
    #[serde(deserialize_with = "empty_is_none")]
    pub token_label: Option<String>,
    /// File with the PIN of the token's user; absent: the variable `GRANTBOOK_PKCS11_PIN`.
    #[serde(deserialize_with = "empty_is_none")]
    pub pin_file: Option<PathBuf>,
}

/// Certificates, as PEM files. With `certificate` and `key` the server speaks TLS and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The server's certificate and those between it and its authority, the server's first.
    #[serde(deserialize_with = "empty_is_none")]
    pub certificate: Option<PathBuf>,
    /// Its private key: PKCS #8, PKCS #1 or SEC 1.
    #[serde(deserialize_with = "empty_is_none")]
    pub key: Option<PathBuf>,
    /// Authorities of which every client must present a certificate; absent: clients need none.
    #[serde(deserialize_with = "empty_is_none")]
    pub client_ca: Option<PathBuf>,
    /// Time for a handshake, in milliseconds.
    pub handshake_ms: u64,
}

/// Where customers find the portal, and how long they stay logged in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortalConfig {
    /// The one origin of its pages; absent: `public_url`, or `http://localhost` with the port, where browsers let passkeys and
    /// keys work without TLS.
    #[serde(deserialize_with = "empty_is_none")]
    pub origin: Option<String>,
    /// For which passkeys are made: the origin's host or a domain that it is in; absent: the host. Another one later makes every
    /// passkey useless.
    #[serde(deserialize_with = "empty_is_none")]
    pub rp_id: Option<String>,
    /// Minutes without a request after which a session ends.
    pub session_idle_minutes: u16,
    /// Hours after which it ends whatever happens.
    pub session_hours: u16,
}

impl PortalConfig {
    /// As the portal wants it.
    pub(crate) fn settings(
        &self,
        public_url: Option<&str>,
        tls: bool,
        address: SocketAddr,
        (sandbox, mails): (bool, bool),
    ) -> Settings {
        let scheme = if tls { "https" } else { "http" };
        let local = || format!("{scheme}://localhost:{}", address.port());
        let origin = self.origin.clone().or_else(|| public_url.and_then(origin_of)).unwrap_or_else(local);
        let id = self.rp_id.clone().unwrap_or_else(|| host_of(&origin).to_owned());
        let lifetimes = Lifetimes {
            idle_seconds: u64::from(self.session_idle_minutes) * 60,
            absolute_seconds: u64::from(self.session_hours) * 3600,
        };
        // string keys, no fallible serialisers
        let vocabulary =
            serde_json::to_string(grantbook_plan::Vocabulary::builtin().latest().words()).unwrap_or_default();
        // for whoever sits at this machine, and reaches it by no other name
        let sandbox_doors = sandbox && address.ip().is_loopback() && host_of(&origin) == "localhost";
        Settings { relying_party: RelyingParty { id, origin }, lifetimes, sandbox_doors, vocabulary, mails }
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.session_idle_minutes == 0 || self.session_hours == 0 {
            return Err("sessions of no length, expected at least a minute and an hour");
        }
        let Some(origin) = &self.origin else { return Ok(()) };
        if origin_of(origin).as_ref() != Some(origin) {
            return Err("malformed portal.origin, expected https://host or https://host:port in lower case");
        }
        let host = host_of(origin);
        let within = |id: &String| {
            host == id || host.strip_suffix(id.as_str()).is_some_and(|rest| rest.ends_with('.'))
        };
        if self.rp_id.as_ref().is_none_or(within) {
            Ok(())
        } else {
            Err("portal.rp_id is not the origin's host or a domain that it is in")
        }
    }
}

/// Scheme, host and port, as browsers write an origin.
fn origin_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    let valid = matches!(scheme, "https" | "http") && !authority.is_empty() && authority.bytes().all(plain);
    let default = if scheme == "https" { ":443" } else { ":80" };
    valid.then(|| format!("{scheme}://{}", authority.strip_suffix(default).unwrap_or(authority)))
}

fn host_of(origin: &str) -> &str {
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Who cosigns checkpoints before they are published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// A C2SP tlog-policy file whose witnesses have addresses; absent: checkpoints are published as signed.
    #[serde(deserialize_with = "empty_is_none")]
    pub policy: Option<PathBuf>,
    /// Time between two checkpoints that the witnesses are asked to cosign, in milliseconds.
    pub interval_ms: u64,
    /// Time for one witness's answer, in milliseconds.
    pub timeout_ms: u64,
    /// After so long without a quorum checkpoints are published without, in milliseconds; 0: never.
    pub fail_open_after_ms: u64,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Form of the lines.
    pub format: LogFormat,
    /// Levels, such as `info` or `warn,grantbook_server=debug`.
    pub level: String,
}

/// Form of the log's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Bounds on what clients may take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Open connections; further ones wait to be accepted.
    pub connections_max: u32,
    /// Requests under way, feeds aside; further ones get 503.
    pub requests_max: u32,
    /// Open feeds; further ones get 503.
    pub feed_subscribers_max: u32,
    /// Time for a whole request, feeds aside, in milliseconds.
    pub request_deadline_ms: u64,
    /// Time for requests under way at shutdown, in milliseconds.
    pub shutdown_grace_ms: u64,
    /// Events that one address may send without a token, per second.
    pub events_per_second: u32,
    /// Requests to log in, register, recover, confirm or unsubscribe that one address may send, per second.
    pub account_requests_per_second: u32,
    /// Requests of one tenant's tokens under way, feeds aside; further ones get 429.
    pub tenant_requests_max: u32,
    /// Open feeds of one tenant; further ones get 429.
    pub tenant_feed_subscribers_max: u32,
    /// Events, use records and evaluations that one tenant's tokens may send, per second.
    pub tenant_events_per_second: u32,
    /// Most rows of a page.
    pub page_rows_max: u16,
}

/// What the command line may set over all else.
#[derive(Debug, Clone, Default, Serialize, clap::Args)]
pub struct Flags {
    /// Address to listen on, such as 127.0.0.1:8460
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// Folder of the ledger's data
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Folder of its keys, outside the data folder [default: DATA_DIR.keyring]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyring_dir: Option<PathBuf>,
    /// File of the last signed checkpoint, outside the data folder [default: DATA_DIR.anchor]
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<PathBuf>,
    /// Origin of the log, fixed when its keys are made
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Address by which clients know the server
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
}

impl ServerConfig {
    /// Reads all layers. `file` must be there; without it [`DEFAULT_FILE`] is read if it is there.
    pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Self, ConfigError> {
        let figment = Figment::from(Toml::string(DEFAULTS));
        let figment = match file {
            Some(path) => figment.merge(Toml::file_exact(path)),
            None => figment.merge(Toml::file(DEFAULT_FILE)),
        };
        let environment = Env::prefixed("GRANTBOOK_").filter(|key| is_key(key.as_str())).split("__");
        let config: Self = figment
            .merge(environment)
            .merge(Serialized::defaults(flags))
            .extract()
            .map_err(|error| ConfigError(Box::new(error)))?;
        config.check()
    }

    fn check(self) -> Result<Self, ConfigError> {
        let refuse = |why: &str| Err(ConfigError(Box::new(figment::Error::from(why.to_owned()))));
        let limits = &self.limits;
        let counts = [
            limits.connections_max,
            limits.requests_max,
            limits.page_rows_max.into(),
            limits.account_requests_per_second,
            limits.tenant_requests_max,
            limits.tenant_feed_subscribers_max,
            limits.tenant_events_per_second,
        ];
        if counts.contains(&0) {
            return refuse("limits of 0, expected at least 1");
        }
        if self.keyring_pkcs11.module.is_some() != self.keyring_pkcs11.token_label.is_some() {
            return refuse(
                "half a PKCS#11 token, expected keyring_pkcs11.module and keyring_pkcs11.token_label",
            );
        }
        match (&self.tls.certificate, &self.tls.key) {
            (None, None) if self.tls.client_ca.is_some() => {
                return refuse("tls.client_ca without tls.certificate and tls.key");
            }
            (None, None) if !self.listen.ip().to_canonical().is_loopback() && !self.allow_plain_http => {
                return refuse(
                    "plain HTTP on an address that others can reach: set tls.certificate and tls.key, or, \
                     behind a proxy that speaks TLS, allow_plain_http = true",
                );
            }
            (Some(_), Some(_)) | (None, None) => {}
            _ => return refuse("one of tls.certificate and tls.key, expected both or none"),
        }
        if let Err(why) = self.portal.check().and_then(|()| self.mail.check()) {
            return refuse(why);
        }
        if self.tls.handshake_ms == 0 {
            return refuse("times of 0 ms, expected at least 1");
        }
        if self.witness.interval_ms == 0 || self.witness.timeout_ms == 0 {
            return refuse("witness times of 0 ms, expected at least 1");
        }
        if limits.request_deadline_ms == 0 || self.freshness_bound_ms == 0 {
            return refuse("times of 0 ms, expected at least 1");
        }
        match &self.public_url {
            Some(url)
                if !(url.starts_with("https://") || url.starts_with("http://")) || url.ends_with('/') =>
            {
                refuse("malformed public_url, expected https://… without a final slash")
            }
            _ => Ok(self),
        }
    }

    /// What the ledger needs of it.
    pub fn ledger(&self) -> LedgerConfig {
        let mut ledger = LedgerConfig::new(&self.data_dir);
        if let Some(dir) = &self.keyring_dir {
            ledger.keyring_dir.clone_from(dir);
        }
        if let Some(file) = &self.anchor {
            ledger.anchor.clone_from(file);
        }
        if let (Some(module), Some(label)) = (&self.keyring_pkcs11.module, &self.keyring_pkcs11.token_label) {
            let (module, label, pin_file) =
                (module.clone(), label.clone(), self.keyring_pkcs11.pin_file.clone());
            ledger.keyring = KeyringKind::Pkcs11(Pkcs11Token { module, label, pin_file });
        }
        ledger.origin.clone_from(&self.origin);
        ledger.freshness_bound = Duration::from_millis(self.freshness_bound_ms);
        ledger.late_after = Duration::from_millis(self.late_after_ms);
        ledger.lease_ttl = Duration::from_millis(self.lease_ttl_ms);
        ledger.post_quantum_from = self.post_quantum_from;
        ledger.state_cache_bytes = u64::from(self.store_cache_mib) << 20;
        ledger
    }
}

/// Whether a variable, without its prefix, is one of ours: the command line's own share the prefix.
fn is_key(name: &str) -> bool {
    let first = name.split("__").next().unwrap_or_default();
    DEFAULTS.lines().any(|line| {
        let key = line.split_once(" = ").map_or(line, |(key, _)| key);
        key.trim_matches(['[', ']']).eq_ignore_ascii_case(first)
    })
}

fn state_root_minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let minutes = u16::deserialize(deserializer)?;
    let valid = (1..=1440).contains(&minutes);
    if valid { Ok(minutes) } else { Err(serde::de::Error::custom("expected 1 to 1440 minutes")) }
}

fn epoch_days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let days = u8::deserialize(deserializer)?;
    if (1..=30).contains(&days) { Ok(days) } else { Err(serde::de::Error::custom("expected 1 to 30 days")) }
}

/// Days after a grant's end for which its envelopes may be kept: longer than gates may be late with uses of it.
pub const ENVELOPES_DAYS: std::ops::RangeInclusive<u16> = 30..=36_500;

fn envelopes_days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Days {
        Number(u64),
        Text(String),
    }
    let days = match Days::deserialize(deserializer)? {
        Days::Text(text) if text.is_empty() => return Ok(None),
        Days::Number(days) => u16::try_from(days).ok().filter(|days| ENVELOPES_DAYS.contains(days)),
        Days::Text(_) => None,
    };
    days.map(Some).ok_or_else(|| D::Error::custom("expected 30 to 36500 days, or an empty string"))
}

fn empty_is_none<'de, D: Deserializer<'de>, T: From<String>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((!text.is_empty()).then(|| text.into()))
}

fn empty_is_no_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnixSeconds>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let day =
        |text: &str| start_of_day(text).ok_or_else(|| D::Error::custom("expected a day such as 2030-01-01"));
    if text.is_empty() { Ok(None) } else { day(&text).map(Some) }
}

/// The first second, UTC, of a day written as `2030-01-01`.
pub fn start_of_day(text: &str) -> Option<UnixSeconds> {
    Some(UnixSeconds(u64::try_from(DataDay::parse(text)?.0).ok()? * 86_400))
}

#[cfg(test)]
mod tests;
