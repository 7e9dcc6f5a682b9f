//! Who signs.

use askama::Template;
use axum::response::Response;

use super::{Page, respond};
use crate::view::signers::{SignatureCard, Signed, Signers};

#[derive(Template)]
#[template(path = "customer/signers.html")]
struct SignersTemplate<'a> {
    page: &'a Page,
    view: &'a Signers,
}

/// Those who sign, and how many of them must.
pub fn signers(page: &Page, view: &Signers) -> Response {
    respond(page, &SignersTemplate { page, view })
}

impl Page {
    /// What waits for a signature, in words.
    pub(crate) fn awaited(&self, card: &SignatureCard) -> String {
        match &card.what {
            Signed::Grant(who) => self.with("signature-grant", "who", self.text(who)),
            Signed::Change(who) => self.with("signature-change", "who", self.text(who)),
            Signed::Resume => self.say("signature-resume"),
            Signed::Rule => self.say("signature-rule"),
            Signed::Key => self.say("signature-key"),
            Signed::Guardian => self.say("signature-guardian"),
            Signed::Signatories => self.say("signature-signatories"),
            Signed::Other => self.say("signature-other"),
        }
    }
}
