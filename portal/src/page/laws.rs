//! What each law's profile demands, from the tables by which the ledger judges.

use grantbook_plan::complaint::{PERIODS, Period};
use grantbook_plan::consents::BASIS;
use grantbook_plan::notice::{DEMANDS, Part};
use grantbook_record::event::Law;

use super::Page;

/// A law, and what of it is checked here.
pub(super) struct Profile {
    pub(super) name: String,
    /// What is demanded, and where it stands.
    pub(super) demands: Vec<(String, String)>,
}

pub(super) fn profiles(page: &Page) -> Vec<Profile> {
    Law::ALL.iter().map(|law| profile(page, *law)).collect()
}

fn profile(page: &Page, of: Law) -> Profile {
    let notices = DEMANDS.iter().filter(|(law, ..)| *law == of).map(|(_, part, provision)| {
        (page.with("law-notice", "part", page.say(part_key(*part))), (*provision).to_owned())
    });
    let consents = BASIS.iter().filter(|(_, law, _)| *law == of).map(|(to, _, article)| {
        let what = page.say(consent_key(to));
        (page.with("law-consent", "what", what), format!("Art. {article}"))
    });
    let complaints = PERIODS.iter().filter(|(law, ..)| *law == of).map(|(_, period, provision)| {
        let demand = match period {
            Period::Months(months) => page.with("law-complaint-months", "n", *months),
            Period::Days(days) => page.with("law-complaint-days", "n", *days),
        };
        (demand, (*provision).to_owned())
    });
    Profile { name: page.say(law_key(of)), demands: notices.chain(consents).chain(complaints).collect() }
}

fn law_key(law: Law) -> &'static str {
    match law {
        Law::DataAct => "law-data-act",
        Law::Dpdp => "law-dpdp",
        Law::Gdpr => "law-gdpr",
        Law::Pipl => "law-pipl",
    }
}

fn part_key(part: Part) -> &'static str {
    match part {
        Part::Contact => "part-contact",
        Part::LegalBasis => "part-legal-basis",
        Part::Retention => "part-retention",
        Part::Rights => "part-rights",
        Part::Withdrawal => "part-withdrawal",
        Part::Complaint => "part-complaint",
        Part::Sensitive => "part-sensitive",
        Part::CrossBorder => "part-cross-border",
        Part::Automated => "part-automated",
    }
}

fn consent_key(to: &str) -> &'static str {
    match to {
        "automated-decision" => "consent-automated-decision",
        "cross-border" => "consent-cross-border",
        "public-disclosure" => "consent-public-disclosure",
        "sensitive" => "consent-sensitive",
        "special" => "consent-special",
        "third-party" => "consent-third-party",
        _ => "consent-derived-asset",
    }
}
