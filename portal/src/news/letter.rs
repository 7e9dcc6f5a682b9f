//! Mails: what they say, and when they are given out. They hold no data of the customer's but what company did what kind of thing
//! when, and a link that asks for signing in.

use askama::Template;
use grantbook_record::UnixSeconds;
use grantbook_record::encoding::to_base64url;

use super::{Address, Contact, Digest, Due, Happened, Inbox, Item, Mailed, Topic, due_row};
use crate::account::{AccountId, put, row};
use crate::backend::write::Rows;
use crate::failure::Failure;
use crate::figures;
use crate::moment::{self, Zone};
use crate::secret::mac;
use crate::signing::{Inner, Portal};
use crate::words::Words;

/// A mail that the server has put off so often is given up; the page has what it said.
const ATTEMPTS_MAX: u8 = 16;
/// After the first time; then twice as long each time.
const PUT_OFF_SECONDS: u64 = 5;
const PUT_OFF_SECONDS_MAX: u64 = 6 * 3600;
/// Characters of a company's name in a mail.
const NAME_CHARS_MAX: usize = 100;

/// A mail to one customer. Whoever has it must hand it to the mail server at most once, and say what came of that.
#[derive(Debug)]
pub struct Letter {
    account: AccountId,
    /// What it is about; nothing for the question whether the address is the customer's.
    numbers: Vec<u64>,
    /// Where to.
    pub to: Address,
    /// Its id: the same for the same items.
    pub id: String,
    /// The language's tag.
    pub language: &'static str,
    /// Subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// Where a POST ends the mails (RFC 8058); not in the question.
    pub unsubscribe: Option<String>,
}

/// What came of handing a mail over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The mail server has it, or refuses it for good, or nobody knows: it is not sent again.
    Final,
    /// The mail server said that it has not taken it, and may later.
    PutOff,
}

struct Line {
    says: String,
    link: String,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    tag: &'a str,
    subject: &'a str,
    lead: &'a str,
    lines: &'a [Line],
    foot: &'a [Line],
}

/// A name that others chose, as a line of a mail may show it.
fn name(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).take(NAME_CHARS_MAX).collect()
}

/// What has happened, in words.
pub(crate) fn says(words: Words, happened: &Happened, company: &str) -> String {
    match happened.topic {
        Topic::Request => words.with("news-request", "company", name(company)),
        Topic::Ending => words.with("news-ending", "company", name(company)),
        Topic::Revoked => words.with("news-revoked", "company", name(company)),
        Topic::Stopped => words.with("news-stopped", "company", name(company)),
        Topic::Money => match happened.amount {
            Some((currency, minor)) => {
                let amount = figures::money(currency, minor, words.0);
                words.with_two("news-money", "company", name(company), "amount", amount)
            }
            None => words.with("news-money-some", "company", name(company)),
        },
        Topic::Signature => words.with("news-signature", "company", name(company)),
        Topic::Answered => words.with("news-answered", "company", name(company)),
        Topic::Keys if happened.tenant.is_some() => words.with("news-keys", "company", name(company)),
        Topic::Keys => words.say("news-recovery"),
        Topic::Page => words.say("news-page"),
    }
}

impl Inner {
    /// The enterprise's name; empty for what is about no enterprise.
    pub(crate) fn company_of(&self, happened: &Happened) -> String {
        happened.tenant.and_then(|tenant| self.backend().enterprise(tenant)).unwrap_or_default()
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    fn line(&self, words: Words, item: &Item) -> Line {
        let says = says(words, &item.happened, &self.company_of(&item.happened));
        let day = moment::date(item.happened.at, Zone::default(), words.0);
        let says = words.with_two("mail-line", "day", day, "says", says);
        Line { says, link: self.address(&format!("/sign/#log-in={}", item.link())) }
    }

    fn letter(&self, account: &AccountId, contact: &Contact, items: &[Item]) -> Letter {
        let words = Words(contact.language());
        let lines: Vec<Line> = items.iter().map(|item| self.line(words, item)).collect();
        let subject = match items {
            [one] => says(words, &one.happened, &self.company_of(&one.happened)),
            several => words.with("mail-subject", "n", several.len()),
        };
        let unsubscribe = self.address(&format!("/mail/unsubscribe/{}", contact.unsubscribe));
        let foot = [
            Line {
                says: words.say("mail-settings"),
                link: self.address("/sign/#log-in=/my/account/notifications"),
            },
            Line { says: words.say("mail-unsubscribe"), link: unsubscribe.clone() },
        ];
        let numbers: Vec<u64> = items.iter().map(|item| item.number).collect();
        let lead = words.say("mail-lead");
        self.written(account, contact, numbers, subject, (&lead, &lines, &foot), Some(unsubscribe))
    }

    fn question(&self, account: &AccountId, contact: &Contact, secret: &str) -> Letter {
        let words = Words(contact.language());
        let link = self.address(&format!("/mail/confirm/{secret}"));
        let lines = [Line { says: words.say("mail-confirm-link"), link }];
        let lead = words.say("mail-confirm-lead");
        let subject = words.say("mail-confirm-subject");
        self.written(account, contact, Vec::new(), subject, (&lead, &lines, &[]), None)
    }

    fn written(
        &self,
        account: &AccountId,
        contact: &Contact,
        numbers: Vec<u64>,
        subject: String,
        (lead, lines, foot): (&str, &[Line], &[Line]),
        unsubscribe: Option<String>,
    ) -> Letter {
        let tag = contact.language().tag();
        // only a writer that fails can make it fail, and a string never does
        let html = Html { tag, subject: &subject, lead, lines, foot }.render().unwrap_or_default();
        let paragraph = |line: &Line| format!("{}\n{}\n\n", line.says, line.link);
        let body: String = lines.iter().map(paragraph).collect();
        let end: String = foot.iter().map(paragraph).collect();
        let end = if end.is_empty() { end } else { format!("-- \n{end}") };
        let text = format!("{lead}\n\n{body}{end}");
        let about = match (numbers.as_slice(), &contact.question) {
            ([], Some(question)) => question.secret.clone(),
            (numbers, _) => format!("{numbers:?}"),
        };
        let id = mac(self.key(), &[b"mail", account.as_str().as_bytes(), about.as_bytes()]);
        Letter {
            account: account.clone(),
            numbers,
            to: contact.address.clone(),
            id: to_base64url(&id),
            language: tag,
            subject,
            text,
            html,
            unsubscribe,
        }
    }
}

/// What is to be mailed to an account next, marked as handed over in the same change.
pub(super) enum Next {
    Question(String),
    Items(Vec<Item>),
}

pub(super) fn hand_over(
    rows: &mut dyn Rows,
    id: &AccountId,
    now: UnixSeconds,
) -> Result<Option<(Contact, Next)>, Failure> {
    let due: Option<Due> = row(rows, &due_row(id))?;
    if due.is_none_or(|due| due.after > now) {
        return Ok(None);
    }
    let Some(mut contact) = Contact::read(rows, id)? else {
        rows.remove(&due_row(id));
        return Ok(None);
    };
    if let Some(question) = contact.question.as_mut().filter(|question| !question.handed_over) {
        question.handed_over = true;
        let secret = question.secret.clone();
        contact.write(rows, id);
        rows.remove(&due_row(id));
        return Ok(Some((contact, Next::Question(secret))));
    }
    let mut inbox = Inbox::read(rows, id)?;
    let most = if contact.digest == Digest::Each { 1 } else { usize::MAX };
    let items: Vec<Item> =
        inbox.waiting().filter(|item| contact.wants(item.happened.topic)).take(most).cloned().collect();
    if items.is_empty() {
        rows.remove(&due_row(id));
        return Ok(None);
    }
    let numbers: Vec<u64> = items.iter().map(|item| item.number).collect();
    inbox.mark(&numbers, Mailed::HandedOver);
    if inbox.waiting().next().is_none() {
        rows.remove(&due_row(id));
    } else {
        put(rows, &due_row(id), &Due { after: now });
    }
    inbox.write(rows, id);
    Ok(Some((contact, Next::Items(items))))
}

/// The mail server has not taken it: it waits again, longer each time.
pub(super) fn put_off(
    rows: &mut dyn Rows,
    id: &AccountId,
    numbers: &[u64],
    now: UnixSeconds,
) -> Result<(), Failure> {
    let before: Option<Due> = row(rows, &due_row(id))?;
    let Some(mut contact) = Contact::read(rows, id)? else { return Ok(()) };
    let attempts = contact.put_off.saturating_add(1);
    if attempts >= ATTEMPTS_MAX {
        contact.put_off = 0;
        contact.write(rows, id);
        return Ok(());
    }
    contact.put_off = attempts;
    if numbers.is_empty() {
        if let Some(question) = &mut contact.question {
            question.handed_over = false;
        }
    } else {
        let mut inbox = Inbox::read(rows, id)?;
        inbox.mark(numbers, Mailed::Waiting);
        inbox.write(rows, id);
    }
    contact.write(rows, id);
    let longer = PUT_OFF_SECONDS.saturating_mul(1 << u32::from(attempts.saturating_sub(1)));
    let after = UnixSeconds(now.0.saturating_add(longer.min(PUT_OFF_SECONDS_MAX)));
    let after = before.map_or(after, |before| before.after.max(after));
    put(rows, &due_row(id), &Due { after });
    Ok(())
}

impl Portal {
    /// Accounts to which something is to be mailed now, some of them.
    pub fn due(&self, most: usize) -> Result<Vec<AccountId>, Failure> {
        let now = self.0.now();
        self.0.change(|rows| {
            let mut due = Vec::new();
            for name in rows.names("due/") {
                let is_due = row::<Due>(rows, &name)?.is_some_and(|due| due.after <= now);
                if let Some(id) = name.strip_prefix("due/").filter(|_| is_due) {
                    due.push(AccountId::of_row(id));
                }
                if due.len() >= most {
                    break;
                }
            }
            Ok(due)
        })
    }

    /// The next mail of an account. It counts as sent from here on, whatever happens, unless [`Portal::sent`] says otherwise.
    pub fn hand_over(&self, id: &AccountId) -> Result<Option<Letter>, Failure> {
        let now = self.0.now();
        let next = self.0.change(|rows| hand_over(rows, id, now))?;
        Ok(next.map(|(contact, next)| match next {
            Next::Question(secret) => self.0.question(id, &contact, &secret),
            Next::Items(items) => self.0.letter(id, &contact, &items),
        }))
    }

    /// What came of a mail that was handed over.
    pub fn sent(&self, letter: &Letter, sent: Sent) -> Result<(), Failure> {
        let now = self.0.now();
        self.0.change(|rows| match sent {
            Sent::PutOff => put_off(rows, &letter.account, &letter.numbers, now),
            Sent::Final => match Contact::read(rows, &letter.account)? {
                Some(contact) if contact.put_off > 0 => {
                    Contact { put_off: 0, ..contact }.write(rows, &letter.account);
                    Ok(())
                }
                _ => Ok(()),
            },
        })
    }
}
