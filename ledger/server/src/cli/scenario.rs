//! The example that the sandbox and the demo share: a charging network, an insurer, and a customer who grants fast-
//! charging records of one quarter, without work orders, for 0.80 CNY a use.

use grantbook_record::event::{NoticePublished, TemplatePublished};
use grantbook_record::strict_json;
use grantbook_record::terms::{Consent, Language};
use grantbook_record::uses::UseFacts;
use grantbook_record::{SubjectId, Term, Terms, UnixMillis, UnixSeconds};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::failure::Failure;
use super::published::Published;

const TEMPLATE: &str = include_str!("scenario/template.json");
const NOTICES: [&str; 2] =
    [include_str!("scenario/notice.en.json"), include_str!("scenario/notice.zh-CN.json")];
const TERMS: &str = include_str!("scenario/terms.json");
const USE: &str = include_str!("scenario/use.json");
/// The sentence that asks, apart from the notice, whether the insurer may have the data.
const PASSING_ON: &str = "The insurer may have these charging records.";
const SECONDS_PER_DAY: u64 = 86_400;

/// The template, under the next version.
pub(crate) fn template(version: u32) -> Result<TemplatePublished, Failure> {
    Ok(TemplatePublished { version, ..parse(TEMPLATE.as_bytes())? })
}

/// The notice in both languages.
pub(crate) fn notices() -> Result<Vec<NoticePublished>, Failure> {
    NOTICES.iter().map(|text| parse(text.as_bytes())).collect()
}

/// The terms of the example under what was published, valid for a year from `now`.
pub(crate) fn terms(published: &Published, now: UnixSeconds) -> Result<Terms, Failure> {
    let end = now.0.saturating_add(365 * SECONDS_PER_DAY);
    let notice = published.notice(Language::English)?;
    let third_party = Term::parse("third-party").map_err(Failure::fault)?;
    let given = UnixMillis(now.0.saturating_mul(1000));
    let consents = [Consent::asked(third_party, PASSING_ON).given(given)];
    with_members(
        TERMS,
        [
            ("validity", json!({ "start": now, "end": end })),
            ("notice", json!({ "hash": notice, "language": Language::English, "shown_at": now })),
            ("template", json!(published.template)),
            ("consents", json!(consents)),
        ],
    )
}

/// The use of the example: what the insurer's pricing asks for.
pub(crate) fn facts(data_subject: &SubjectId) -> Result<UseFacts, Failure> {
    with_members(USE, [("data_subject", json!(data_subject))])
}

fn with_members<T: DeserializeOwned, const N: usize>(
    text: &str,
    members: [(&str, Value); N],
) -> Result<T, Failure> {
    let mut object: serde_json::Map<String, Value> = parse(text.as_bytes())?;
    object.extend(members.map(|(name, value)| (name.to_owned(), value)));
    parse(Value::Object(object).to_string().as_bytes())
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Failure> {
    strict_json::parse(text).map_err(Failure::fault)
}
