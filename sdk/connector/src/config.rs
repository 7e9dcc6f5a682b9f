//! The configuration file. Unknown keys are refused, and every value is checked before anything is connected to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use grantbook_record::{SourceId, TenantId};
use postgres::config::Host;
use serde::Deserialize;

/// Most views that one connector reads.
const VIEWS_MAX: usize = 32;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{}: {source}", file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    #[error("{}: {why}", file.display())]
    Malformed { file: PathBuf, why: String },
    #[error("{key}: expected {expected}")]
    Value { key: &'static str, expected: &'static str },
}

/// What the connector is told.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Address of the ledger, without a final slash.
    pub(crate) ledger: String,
    /// File with a bearer token of the tenant.
    pub(crate) token_file: PathBuf,
    pub(crate) tenant: TenantId,
    pub(crate) source: SourceId,
    /// File with the seed of the source's key.
    pub(crate) key_file: PathBuf,
    pub(crate) database: postgres::Config,
    pub(crate) views: Vec<TableName>,
    /// The table to which customers' wishes are written; without one, nothing is written.
    pub(crate) wishes: Option<TableName>,
    pub(crate) poll: Duration,
    /// How long after its `updated_at` a row may be committed and is still found.
    pub(crate) overlap: Duration,
    /// After so long everything is sent once more.
    pub(crate) resend: Duration,
}

/// The name of a table or view, with or without its schema: safe to stand in a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableName(String);

impl TableName {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let part = |part: &str| {
            let first = part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
            let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            first && part.len() <= 63 && part.chars().all(rest)
        };
        let parts: Vec<_> = text.split('.').collect();
        ((1..=2).contains(&parts.len()) && parts.iter().all(|name| part(name))).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    ledger: String,
    token_file: PathBuf,
    tenant: TenantId,
    source: SourceId,
    key_file: PathBuf,
    database: String,
    views: Vec<String>,
    wishes_table: Option<String>,
    #[serde(default = "default_poll")]
    poll_seconds: u64,
    #[serde(default = "default_overlap")]
    overlap_seconds: u64,
    #[serde(default = "default_resend")]
    resend_hours: u64,
}

fn default_poll() -> u64 {
    30
}

fn default_overlap() -> u64 {
    300
}

fn default_resend() -> u64 {
    24
}

impl Config {
    pub(crate) fn read(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        // what stands in the file may be a password, so the message says where and not what
        let written: Written = toml::from_str(&text).map_err(|error| {
            let line =
                error.span().map_or(0, |span| text.get(..span.start).unwrap_or_default().lines().count());
            let why = format!("line {}: {}", line.max(1), error.message());
            ConfigError::Malformed { file: file.to_owned(), why }
        })?;
        Self::check(written)
    }

    fn check(written: Written) -> Result<Self, ConfigError> {
        let refuse = |key, expected| ConfigError::Value { key, expected };
        let is_local = |rest: &str| {
            ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| {
                rest.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
            })
        };
        let ledger = written.ledger.trim_end_matches('/').to_owned();
        if !ledger.starts_with("https://") && !ledger.strip_prefix("http://").is_some_and(is_local) {
            return Err(refuse("ledger", "an https:// address, or http:// on this machine"));
        }
        let database: postgres::Config = written
            .database
            .parse()
            .map_err(|_| refuse("database", "key=value pairs or a postgres:// address"))?;
        // the connection is not encrypted, so it does not leave the machine
        let stays = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => ["localhost", "127.0.0.1", "::1"].contains(&name.as_str()),
        };
        if database.get_hosts().is_empty() || !database.get_hosts().iter().all(stays) {
            return Err(refuse(
                "database",
                "a host on this machine: a socket's folder, localhost, or a tunnel's end",
            ));
        }
        let names: Option<Vec<_>> = written.views.iter().map(|name| TableName::parse(name)).collect();
        let names = names.filter(|names| (1..=VIEWS_MAX).contains(&names.len()));
        let views = names.ok_or(refuse("views", "1 to 32 names in lower case, with or without a schema"))?;
        let wishes = written.wishes_table.map(|name| {
            TableName::parse(&name)
                .ok_or(refuse("wishes_table", "a name in lower case, with or without a schema"))
        });
        let within = |key, value: u64, least: u64, most: u64, expected| {
            if (least..=most).contains(&value) { Ok(value) } else { Err(refuse(key, expected)) }
        };
        Ok(Self {
            ledger,
            token_file: written.token_file,
            tenant: written.tenant,
            source: written.source,
            key_file: written.key_file,
            database,
            views,
            wishes: wishes.transpose()?,
            poll: Duration::from_secs(within("poll_seconds", written.poll_seconds, 1, 600, "1 to 600")?),
            overlap: Duration::from_secs(within(
                "overlap_seconds",
                written.overlap_seconds,
                1,
                86_400,
                "1 to 86400",
            )?),
            resend: Duration::from_secs(
                3600 * within("resend_hours", written.resend_hours, 1, 8_760, "1 to 8760")?,
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails says where")]

    use super::*;

    const GOOD: &str = r#"
ledger = "https://ledger.example/"
token_file = "token"
tenant = "07070707-0707-4707-8707-070707070707"
source = "crm"
key_file = "key"
database = "host=/run/postgresql user=connector dbname=crm"
views = ["mirror.tickets", "contract_terms"]
wishes_table = "mirror.wishes"
"#;

    #[test]
    fn a_file_is_read_strictly() {
        let read = |text: &str| {
            Config::check(toml::from_str(text).map_err(|_| "toml")?).map_err(|error| match error {
                ConfigError::Value { key, .. } => key,
                _ => "other",
            })
        };
        let good = read(GOOD).unwrap();
        assert_eq!((good.ledger.as_str(), good.poll.as_secs()), ("https://ledger.example", 30));
        for (from, to, why) in [
            ("https://ledger.example/", "http://ledger.example", "ledger"),
            ("https://ledger.example/", "http://localhost.example", "ledger"),
            ("host=/run/postgresql ", "host=db.example ", "database"),
            ("host=/run/postgresql ", "", "database"),
            ("\"contract_terms\"", "\"terms; drop table x\"", "views"),
            ("mirror.tickets", "a.b.c", "views"),
            ("mirror.wishes", "Wishes", "wishes_table"),
            ("source = \"crm\"", "source = \"c r m\"", "toml"),
            ("source = \"crm\"", "source = \"crm\"\nsauce = 1", "toml"),
            ("source = \"crm\"", "source = \"crm\"\npoll_seconds = 0", "poll_seconds"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            assert_eq!(read(&GOOD.replace(from, to)).err(), Some(why), "{to}");
        }
    }
}
