//! Mails to customers over SMTP. What is to be said, and that nothing is said twice, is the portal's part
//! (`grantbook_portal::news`); here are the mail server and the metrics. No log line and no metric holds an address.

use std::time::Duration;

use grantbook_portal::news::{Letter, Sent};
use lettre::address::Envelope;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::config::{MailConfig, MailTls};

/// Time for each step of a conversation with the mail server.
const STEP: Duration = Duration::from_secs(30);

/// Why the mail server's settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// A file of the settings cannot be read.
    #[error("{}: {source}", file.display())]
    File {
        /// The file.
        file: std::path::PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The authority or the host's name is none.
    #[error("certificates: {0}")]
    Tls(lettre::transport::smtp::Error),
    /// The address that mails come from is none.
    #[error("malformed mail.from, expected an address")]
    From,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    /// `accepted`, `refused`, `put_off`, `unknown`, or `unreachable` of the mail server.
    outcome: &'static str,
}

/// What came of a mail, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Refused,
    PutOff,
    Unknown,
}

impl Outcome {
    fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::PutOff => "put_off",
            Self::Unknown => "unknown",
        }
    }
}

/// The mail server.
pub(crate) struct Mailing {
    host: String,
    port: u16,
    tls: MailTls,
    parameters: Option<TlsParameters>,
    credentials: Option<Credentials>,
    from: Address,
    mails: Family<OutcomeLabels, Counter>,
}

/// A header that lettre has no type for.
macro_rules! text_header {
    ($type:ident, $name:literal) => {
        #[derive(Clone)]
        struct $type(String);

        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(value: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self(value.to_owned()))
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), self.0.clone())
            }
        }
    };
}
text_header!(ListUnsubscribe, "List-Unsubscribe");
text_header!(ListUnsubscribePost, "List-Unsubscribe-Post");
text_header!(AutoSubmitted, "Auto-Submitted");
text_header!(ContentLanguage, "Content-Language");

impl Mailing {
    /// As configured; `None` where no mail is to be sent.
    pub(crate) fn new(config: &MailConfig) -> Result<Option<Self>, MailError> {
        let Some(host) = config.host.clone() else { return Ok(None) };
        let read = |file: &std::path::PathBuf| {
            std::fs::read(file).map_err(|source| MailError::File { file: file.clone(), source })
        };
        let mut parameters = TlsParameters::builder(host.clone());
        if let Some(file) = &config.ca_file {
            let certificate = Certificate::from_pem(&read(file)?).map_err(MailError::Tls)?;
            parameters = parameters.add_root_certificate(certificate);
        }
        let parameters = match config.tls {
            MailTls::None => None,
            MailTls::Starttls | MailTls::Tls => Some(parameters.build_rustls().map_err(MailError::Tls)?),
        };
        let credentials = match (&config.user, &config.password_file) {
            (Some(user), Some(file)) => {
                let password =
                    String::from_utf8_lossy(&read(file)?).trim_end_matches(['\r', '\n']).to_owned();
                Some(Credentials::new(user.clone(), password))
            }
            _ => None,
        };
        let from = config.from.as_deref().unwrap_or_default().parse().map_err(|_| MailError::From)?;
        let (port, tls) = (config.port, config.tls);
        Ok(Some(Self { host, port, tls, parameters, credentials, from, mails: Family::default() }))
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("mails", "Mails to customers by what the mail server said", self.mails.clone());
    }

    fn count(&self, outcome: &'static str) {
        self.mails.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// A connection that is secured and logged in as configured.
    pub(crate) async fn connect(&self) -> Option<AsyncSmtpConnection> {
        // what the server said of a failure may name the user
        let connected = tokio::time::timeout(STEP, self.connected()).await.ok().and_then(Result::ok);
        if connected.is_none() {
            self.count("unreachable");
        }
        connected
    }

    async fn connected(&self) -> Result<AsyncSmtpConnection, ()> {
        let hello = ClientId::Domain(self.from.domain().to_owned());
        let wrapped = if self.tls == MailTls::Tls { self.parameters.clone() } else { None };
        let server = (self.host.as_str(), self.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(server, Some(STEP), &hello, wrapped, None);
        let mut connection = connecting.await.map_err(drop)?;
        if self.tls == MailTls::Starttls {
            let parameters = self.parameters.clone().filter(|_| connection.can_starttls()).ok_or(())?;
            connection.starttls(parameters, &hello).await.map_err(drop)?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await.map_err(drop)?;
        }
        Ok(connection)
    }

    /// Hands a mail to the server.
    pub(crate) async fn send(&self, connection: &mut AsyncSmtpConnection, letter: &Letter) -> Sent {
        let outcome = match self.message(letter) {
            None => Outcome::Refused,
            Some((envelope, message)) => {
                let sending = connection.send(&envelope, &message);
                match tokio::time::timeout(2 * STEP, sending).await {
                    Ok(Ok(response)) if response.is_positive() => Outcome::Accepted,
                    Ok(Err(error)) if error.is_transient() => Outcome::PutOff,
                    Ok(Err(error)) if error.is_permanent() => Outcome::Refused,
                    // it may have been taken before the connection broke
                    Ok(_) | Err(_) => Outcome::Unknown,
                }
            }
        };
        self.count(outcome.code());
        if outcome == Outcome::PutOff { Sent::PutOff } else { Sent::Final }
    }

    fn message(&self, letter: &Letter) -> Option<(Envelope, Vec<u8>)> {
        let to: Address = letter.to.as_str().parse().ok()?;
        let envelope = Envelope::new(Some(self.from.clone()), vec![to.clone()]).ok()?;
        let mut builder = Message::builder()
            .from(Mailbox::new(Some("Grantbook".to_owned()), self.from.clone()))
            .to(Mailbox::new(None, to))
            .subject(letter.subject.clone())
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.domain())))
            .date_now()
            .header(ContentLanguage(letter.language.to_owned()))
            .header(AutoSubmitted("auto-generated".to_owned()));
        if let Some(address) = &letter.unsubscribe {
            builder = builder
                .header(ListUnsubscribe(format!("<{address}>")))
                .header(ListUnsubscribePost("List-Unsubscribe=One-Click".to_owned()));
        }
        let parts = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
        let message = builder.multipart(parts).ok()?;
        Some((envelope, message.formatted()))
    }
}
