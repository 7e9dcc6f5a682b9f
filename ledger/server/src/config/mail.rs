//! By which mail server customers are notified.

use std::path::PathBuf;

use grantbook_portal::news::Address;
use serde::Deserialize;

use super::empty_is_none;

/// The mail server; without a host no mail is sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// Its host; absent: no mail is sent.
    #[serde(deserialize_with = "empty_is_none")]
    pub host: Option<String>,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub tls: MailTls,
    /// PEM file with the authority of its certificate; absent: those that the operating system trusts.
    #[serde(deserialize_with = "empty_is_none")]
    pub ca_file: Option<PathBuf>,
    /// Name to log in with; absent: no log-in.
    #[serde(deserialize_with = "empty_is_none")]
    pub user: Option<String>,
    /// File with the password.
    #[serde(deserialize_with = "empty_is_none")]
    pub password_file: Option<PathBuf>,
    /// Address that mails come from.
    #[serde(deserialize_with = "empty_is_none")]
    pub from: Option<String>,
}

/// How the connection to the mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// It begins in the clear and must change to TLS before anything is said.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None, on this machine only.
    None,
}

impl MailConfig {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let Some(host) = &self.host else { return Ok(()) };
        let local = ["localhost", "127.0.0.1", "::1"].contains(&host.as_str());
        if self.tls == MailTls::None && !local {
            return Err("mail.tls = \"none\" for another machine, expected starttls or tls");
        }
        if self.user.is_some() != self.password_file.is_some() {
            return Err("one of mail.user and mail.password_file, expected both or none");
        }
        match self.from.as_deref().map(Address::parse) {
            Some(Some(_)) => Ok(()),
            _ => Err("mail.host without a mail.from such as notify@consent.example"),
        }
    }
}
