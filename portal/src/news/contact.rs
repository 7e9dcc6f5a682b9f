//! Where a customer wants mail, about what and how often. Never told to an enterprise; nothing but the question whether the
//! address is theirs goes to one that nobody has confirmed.

use grantbook_record::UnixSeconds;
use serde::{Deserialize, Serialize};

use super::{Due, Inbox, Topic, due_row};
use crate::account::{AccountId, put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;
use crate::language::Language;
use crate::secret::Secret;

/// Bytes of an address (RFC 5321 section 4.5.3.1.3, less the brackets).
const ADDRESS_BYTES_MAX: usize = 254;
/// How long an address can be confirmed, in seconds.
const CONFIRM_SECONDS: u64 = 86_400;
/// Questions that one account may have sent out in [`CONFIRM_SECONDS`]: nobody floods strangers from here.
const QUESTIONS_MAX: usize = 3;

/// An address for mail: one `@`, ASCII without blanks, quotes and brackets, a domain with a dot or `localhost`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// Reads one; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, domain) = text.split_once('@')?;
        let of_name = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
        let name_fits = (1..=64).contains(&name.len()) && name.bytes().all(of_name) && dots_part(name);
        let label = |label: &str| {
            let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            (1..=63).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
        };
        let domain_fits = domain.split('.').all(label) && (domain.contains('.') || domain == "localhost");
        (text.len() <= ADDRESS_BYTES_MAX && name_fits && domain_fits).then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Nothing that waits is mailed any more.
fn calm(rows: &mut dyn Rows, id: &AccountId) -> Result<(), Failure> {
    let mut inbox = Inbox::read(rows, id)?;
    if inbox.unwant() {
        inbox.write(rows, id);
    }
    rows.remove(&due_row(id));
    Ok(())
}

/// Whether dots only part what is not empty.
fn dots_part(name: &str) -> bool {
    name.split('.').all(|part| !part.is_empty())
}

/// How often mail comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digest {
    /// One mail for each item.
    Each,
    /// What gathers in a day.
    Daily,
    /// What gathers in a week.
    Weekly,
    /// No mail.
    Off,
}

impl Digest {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Each, Self::Daily, Self::Weekly, Self::Off];

    /// Its name in forms.
    pub fn code(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Off => "off",
        }
    }

    /// The one of this name.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|digest| digest.code() == code)
    }

    /// Key of the words that say what it is.
    pub fn words(self) -> &'static str {
        match self {
            Self::Each => "digest-each",
            Self::Daily => "digest-daily",
            Self::Weekly => "digest-weekly",
            Self::Off => "digest-off",
        }
    }

    /// How long the first item waits for others, in seconds.
    pub(super) fn seconds(self) -> u64 {
        match self {
            Self::Each | Self::Off => 0,
            Self::Daily => 86_400,
            Self::Weekly => 7 * 86_400,
        }
    }
}

/// The question whether an address is the customer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) secret: String,
    pub(super) handed_over: bool,
}

/// Whose address a secret confirms.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirming {
    account: AccountId,
    expires: UnixSeconds,
}

/// What a customer has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wishes {
    /// Where to; `None` takes the address away.
    pub address: Option<Address>,
    /// In which language.
    pub language: Language,
    /// How often.
    pub digest: Digest,
    /// About what.
    pub topics: Vec<Topic>,
}

/// Where a customer wants mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The address.
    pub address: Address,
    /// Whether whoever reads mail there has confirmed it.
    pub confirmed: bool,
    /// Tag of the language.
    pub(super) language: String,
    /// How often.
    pub digest: Digest,
    /// About what.
    pub topics: Vec<Topic>,
    /// Ends the mails, without logging in; in clear, since each mail brings it.
    pub(super) unsubscribe: String,
    /// The question that is out, until it is answered.
    pub(super) question: Option<Question>,
    /// When questions were asked lately.
    pub(super) asked: Vec<UnixSeconds>,
    /// How often the mail server has put off what is to be mailed, in a row.
    #[serde(default)]
    pub(super) put_off: u8,
}

impl Contact {
    fn name(id: &AccountId) -> String {
        format!("contact/{}", id.as_str())
    }

    /// The account's, if it has one.
    pub(crate) fn read(rows: &dyn Rows, id: &AccountId) -> Result<Option<Self>, Failure> {
        row(rows, &Self::name(id))
    }

    pub(super) fn write(&self, rows: &mut dyn Rows, id: &AccountId) {
        put(rows, &Self::name(id), self);
    }

    /// The language of mails.
    pub fn language(&self) -> Language {
        Language::ALL.into_iter().find(|known| known.tag() == self.language).unwrap_or(Language::English)
    }

    /// Whether something of this kind is mailed.
    pub(super) fn wants(&self, topic: Topic) -> bool {
        self.confirmed && self.digest != Digest::Off && self.topics.contains(&topic)
    }

    /// Takes what the customer has chosen. A new address is asked first whether it is theirs.
    pub(super) fn choose(
        rows: &mut dyn Rows,
        id: &AccountId,
        wishes: &Wishes,
        now: UnixSeconds,
    ) -> Result<(), Failure> {
        let before = Self::read(rows, id)?;
        let Some(address) = &wishes.address else {
            if let Some(before) = before {
                before.forget(rows, id);
            }
            return calm(rows, id);
        };
        let contact = match before {
            Some(before) if before.address == *address => before,
            before => {
                let mut asked = before.as_ref().map_or_else(Vec::new, |before| before.asked.clone());
                asked.retain(|at| now.0 < at.0.saturating_add(CONFIRM_SECONDS));
                if let Some(before) = before {
                    before.forget(rows, id);
                    calm(rows, id)?;
                }
                let unsubscribe = Secret::random();
                put(rows, &format!("unsubscribe/{}", unsubscribe.name()), id);
                Self {
                    address: address.clone(),
                    confirmed: false,
                    language: String::new(),
                    digest: wishes.digest,
                    topics: Vec::new(),
                    unsubscribe: unsubscribe.reveal(),
                    question: None,
                    asked,
                    put_off: 0,
                }
            }
        };
        let language = wishes.language.tag().to_owned();
        let mut contact = Self { language, digest: wishes.digest, topics: wishes.topics.clone(), ..contact };
        if wishes.digest == Digest::Off {
            calm(rows, id)?;
        }
        // who sends the form again has not had the question
        if !contact.confirmed && contact.question.as_ref().is_none_or(|question| question.handed_over) {
            contact.ask(rows, id, now)?;
        }
        contact.write(rows, id);
        Ok(())
    }

    /// Asks the address whether it is the customer's.
    fn ask(&mut self, rows: &mut dyn Rows, id: &AccountId, now: UnixSeconds) -> Result<(), Failure> {
        if self.asked.len() >= QUESTIONS_MAX {
            return Err(Failure::TooMany);
        }
        if let Some(before) = self.question.as_ref().and_then(|before| Secret::parse(&before.secret)) {
            rows.remove(&format!("confirm/{}", before.name()));
        }
        let secret = Secret::random();
        let expires = UnixSeconds(now.0.saturating_add(CONFIRM_SECONDS));
        put(rows, &format!("confirm/{}", secret.name()), &Confirming { account: id.clone(), expires });
        self.question = Some(Question { secret: secret.reveal(), handed_over: false });
        self.asked.push(now);
        put(rows, &due_row(id), &Due { after: now });
        Ok(())
    }

    /// Whoever reads mail at the address has confirmed it; [`Failure::Gone`] where the secret is used or too old.
    pub(super) fn confirm(rows: &mut dyn Rows, secret: &Secret, now: UnixSeconds) -> Result<(), Failure> {
        let name = format!("confirm/{}", secret.name());
        let gone = Failure::Gone("a link that is a day old at most and was not used");
        let confirming: Confirming = row(rows, &name)?.ok_or(gone.clone())?;
        rows.remove(&name);
        let contact = Self::read(rows, &confirming.account)?.ok_or(gone.clone())?;
        let asked = contact.question.as_ref().is_some_and(|question| question.secret == secret.reveal());
        if confirming.expires <= now || !asked {
            return Err(gone);
        }
        let confirmed = Self { confirmed: true, question: None, ..contact };
        confirmed.write(rows, &confirming.account);
        Ok(())
    }

    /// Ends the mails of whoever has the secret; the address and what was chosen stay.
    pub(super) fn unsubscribe(rows: &mut dyn Rows, secret: &Secret) -> Result<(), Failure> {
        let id: AccountId = row(rows, &format!("unsubscribe/{}", secret.name()))?.ok_or(Failure::NotFound)?;
        let contact = Self::read(rows, &id)?.ok_or(Failure::NotFound)?;
        Self { digest: Digest::Off, ..contact }.write(rows, &id);
        calm(rows, &id)
    }

    /// Removes everything that there is of it.
    pub(super) fn forget(&self, rows: &mut dyn Rows, id: &AccountId) {
        let secrets = [
            Some(("unsubscribe", self.unsubscribe.as_str())),
            self.question.as_ref().map(|question| ("confirm", question.secret.as_str())),
        ];
        for (prefix, secret) in secrets.into_iter().flatten() {
            if let Some(secret) = Secret::parse(secret) {
                rows.remove(&format!("{prefix}/{}", secret.name()));
            }
        }
        rows.remove(&Self::name(id));
    }

    /// Forgets questions that nobody has answered in time.
    pub(crate) fn sweep(rows: &mut dyn Rows, now: UnixSeconds) -> Result<(), Failure> {
        for name in rows.names("confirm/") {
            let Some(Confirming { account, expires }) = row(rows, &name)? else { continue };
            if expires > now {
                continue;
            }
            rows.remove(&name);
            // so that it can be asked again
            if let Some(contact) = Self::read(rows, &account)?
                && !contact.confirmed
            {
                Self { question: None, ..contact }.write(rows, &account);
            }
        }
        Ok(())
    }
}
