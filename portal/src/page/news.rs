//! What has happened, and mail of it.

use askama::Template;
use axum::response::Response;

use super::{Page, respond};
use crate::language::Language;
use crate::news::{Digest, Topic};
use crate::view::news::{Line, MailSettings, MailState, News};

#[derive(Template)]
#[template(path = "customer/news.html")]
struct NewsTemplate<'a> {
    page: &'a Page,
    view: &'a News,
    unseen: bool,
}

impl NewsTemplate<'_> {
    fn says(&self, line: &Line) -> String {
        crate::news::says(self.page.words, &line.happened, &line.company)
    }
}

/// What has happened.
pub fn news(page: &Page, view: &News) -> Response {
    let unseen = view.lines.iter().any(|line| line.unseen);
    respond(page, &NewsTemplate { page, view, unseen })
}

#[derive(Template)]
#[template(path = "customer/mail.html")]
struct MailTemplate<'a> {
    page: &'a Page,
    view: &'a MailSettings,
}

impl MailTemplate<'_> {
    /// The one that is chosen, or else the page's, stands first.
    fn languages(&self) -> [Language; 2] {
        let first = self.view.language.unwrap_or(self.page.language());
        [first, first.other()]
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn has_digest(&self, digest: &Digest) -> bool {
        self.view.digest == Some(*digest)
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn has_topic(&self, topic: &Topic) -> bool {
        self.view.topics.contains(topic)
    }
}

/// Where mail goes.
pub fn mail(page: &Page, view: &MailSettings) -> Response {
    respond(page, &MailTemplate { page, view })
}

/// What a link of a mail asks or says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailLink<'a> {
    /// Whether the address is theirs, with the secret.
    Confirm(&'a str),
    /// That it is.
    Confirmed,
    /// Whether mails should end, with the secret.
    Unsubscribe(&'a str),
    /// That they have ended.
    Unsubscribed,
}

#[derive(Template)]
#[template(path = "mail_link.html")]
struct MailLinkTemplate<'a> {
    page: &'a Page,
    title: String,
    says: String,
    /// Where the button leads, and what it says.
    button: Option<(String, String)>,
}

/// The page that a link of a mail leads to. It changes nothing by itself: programs that check mails follow links.
pub fn mail_link(page: &Page, link: MailLink<'_>) -> Response {
    let (title, says) = match link {
        MailLink::Confirm(_) => (page.say("confirm-title"), page.say("confirm-says")),
        MailLink::Confirmed => (page.say("confirmed-title"), page.say("confirmed-says")),
        MailLink::Unsubscribe(_) => (page.say("unsubscribe-title"), page.say("unsubscribe-says")),
        MailLink::Unsubscribed => (page.say("unsubscribed-title"), page.say("unsubscribed-says")),
    };
    let button = match link {
        MailLink::Confirm(secret) => Some((format!("/mail/confirm/{secret}"), page.say("confirm-button"))),
        MailLink::Unsubscribe(secret) => {
            Some((format!("/mail/unsubscribe/{secret}"), page.say("unsubscribe-button")))
        }
        MailLink::Confirmed | MailLink::Unsubscribed => None,
    };
    respond(page, &MailLinkTemplate { page, title, says, button })
}
