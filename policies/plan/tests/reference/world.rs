//! Small worlds: few words, few days, few grants, so that random ones collide often.

use grantbook_plan::Status;
use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::list::List;
use grantbook_record::scope::{AttributeValue, Clause, Condition, Scope};
use grantbook_record::terms::{Consent, Level, Limits, Rate, UseCap, Validity, WindowSeconds};
use grantbook_record::uses::UseFacts;
use grantbook_record::{DataDay, DataPeriod, Term, Terms};
use proptest::collection::{btree_map, vec};
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

/// 2025-10-01T00:00:00Z; times of a world are counted from here.
pub(crate) const EPOCH: u64 = 1_759_276_800;

/// Two categories that share one of their fields.
pub(crate) const CATEGORIES: &[&str] = &["driving", "purchases"];
pub(crate) const FIELDS: &[&str] = &["date", "speed", "quantity"];
pub(crate) const ATTRIBUTES: &[&str] = &["city", "site"];
pub(crate) const VALUES: &[&str] = &["x", "y"];

/// A grant with its past uses.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) terms: Terms,
    pub(crate) status: Status,
    /// First second of terms that were amended.
    pub(crate) amended_at: Option<UnixSeconds>,
    /// When it ended, where that is known.
    pub(crate) ended_at: Option<UnixSeconds>,
    /// Times of past uses, rising, none after the decision.
    pub(crate) past: Vec<UnixSeconds>,
}

/// Everything that a decision looks at.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) grants: Vec<Grant>,
    pub(crate) facts: UseFacts,
    pub(crate) now: UnixSeconds,
}

/// A consent, given by an act of its own.
fn consent(to: &str) -> Consent {
    let at = EPOCH * 1000 + u64::from(to == "profiling");
    Consent::asked(term(to), &format!("A sentence that asks for {to} alone.")).given(UnixMillis(at))
}

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

fn terms_among(words: &'static [&'static str]) -> impl Strategy<Value = Vec<Term>> {
    subsequence(words, 1..=words.len()).prop_map(|words| words.into_iter().map(term).collect())
}

fn period() -> impl Strategy<Value = DataPeriod> {
    (0..5_i32, 0..5_i32)
        .prop_map(|(from, days)| DataPeriod::new(DataDay(from), DataDay(from + days)).unwrap())
}

fn value() -> impl Strategy<Value = AttributeValue> {
    select(VALUES).prop_map(|value| AttributeValue::try_from(value.to_owned()).unwrap())
}

/// At most one condition for each attribute.
fn filter() -> impl Strategy<Value = List<Condition, 0, 8>> {
    btree_map(select(ATTRIBUTES).prop_map(term), vec(value(), 1..=2), 0..=2).prop_map(|conditions| {
        let conditions = conditions.into_iter();
        let conditions =
            conditions.map(|(attribute, any_of)| Condition { attribute, any_of: List::new(any_of).unwrap() });
        List::new(conditions.collect()).unwrap()
    })
}

pub(crate) fn clause() -> impl Strategy<Value = Clause> {
    let filter = weighted(0.3, filter()).prop_map(Option::unwrap_or_default);
    let fields = weighted(0.3, terms_among(FIELDS).prop_map(|fields| List::new(fields).unwrap()));
    (select(CATEGORIES), weighted(0.5, period()), fields, filter).prop_map(
        |(category, period, fields, filter)| Clause { category: term(category), period, fields, filter },
    )
}

fn scope() -> impl Strategy<Value = Scope> {
    (vec(clause(), 1..=5), vec(clause(), 0..=1)).prop_map(|(include, exclude)| Scope {
        include: List::new(include).unwrap(),
        exclude: List::new(exclude).unwrap(),
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    let rate = (1..3_u32, 1..8_u32).prop_map(|(uses, seconds)| Rate {
        uses: UseCap::new(uses).unwrap(),
        seconds: WindowSeconds::new(seconds).unwrap(),
    });
    let uses = (1..6_u32).prop_map(|uses| UseCap::new(uses).unwrap());
    (weighted(0.4, uses), weighted(0.4, rate), weighted(0.3, level()))
        .prop_map(|(uses, rate, level)| Limits { uses, rate, level, ..Limits::default() })
}

fn level() -> impl Strategy<Value = Level> {
    (0..=4_u8).prop_map(|level| Level::new(level).unwrap())
}

fn base_terms() -> Terms {
    let hash = Bytes32([0; 32]);
    let json = json!({
        "controller": "enterprise", "recipient": "partner", "purpose": "research",
        "scope": {"include": [{"category": "driving"}]},
        "validity": {"start": EPOCH, "end": EPOCH + 1},
        "compensation": "none",
        "notice": {"hash": hash, "language": "en", "shown_at": EPOCH},
        "template": {"id": "template", "version": 1, "hash": hash},
    });
    serde_json::from_value(json).unwrap()
}

fn grant() -> impl Strategy<Value = Grant> {
    let status = prop_oneof![
        12 => Just(Status::Active),
        1 => Just(Status::Paused),
        1 => Just(Status::Superseded),
        1 => Just(Status::Withdrawn),
        1 => Just(Status::Revoked),
    ];
    let validity = (0..4_u64, 3..20_u64)
        .prop_map(|(start, length)| (UnixSeconds(EPOCH + start), UnixSeconds(EPOCH + start + length)));
    let recipient = prop_oneof![9 => Just("partner"), 1 => Just("stranger")];
    let purpose = prop_oneof![9 => Just("research"), 1 => Just("marketing")];
    let past = vec(0..8_u64, 0..5).prop_map(|mut past| {
        past.sort_unstable();
        past.into_iter().map(|at| UnixSeconds(EPOCH + at)).collect()
    });
    let at = || (0..8_u64).prop_map(|at| UnixSeconds(EPOCH + at));
    let consents = prop_oneof![
        Just(vec![]),
        Just(vec![consent("third-party")]),
        Just(vec![consent("profiling")]),
        Just(vec![consent("profiling"), consent("third-party")]),
    ];
    let told = (consents, weighted(0.2, at()), weighted(0.8, at()));
    (scope(), limits(), status, validity, (recipient, purpose), past, told).prop_map(
        |(
            scope,
            limits,
            status,
            (start, end),
            (recipient, purpose),
            past,
            (consents, amended_at, ended_at),
        )| {
            let terms = Terms {
                consents: List::new(consents).unwrap(),
                recipient: term(recipient),
                purpose: term(purpose),
                scope,
                validity: Validity::new(start, end).unwrap(),
                limits,
                ..base_terms()
            };
            Grant { terms, status, amended_at, ended_at, past }
        },
    )
}

fn facts() -> impl Strategy<Value = UseFacts> {
    let categories =
        prop_oneof![2 => Just(vec!["driving"]), 2 => Just(vec!["purchases"]), 1 => Just(CATEGORIES.to_vec())];
    let mistake = prop_oneof![30 => Just(None), 1 => Just(Some("colour")), 1 => Just(Some("speed"))];
    let fields = (subsequence(FIELDS, 1..=FIELDS.len()), mistake);
    let action = prop_oneof![30 => Just("read"), 1 => Just("sell")];
    let purpose = prop_oneof![20 => Just("research"), 2 => Just("marketing"), 1 => Just("war")];
    let rows = btree_map(select(ATTRIBUTES).prop_map(term), value(), 0..=2);
    let level = weighted(0.8, 0..=4_u8);
    let onward = prop_oneof![3 => Just(vec![]), 1 => Just(vec!["broker"]), 1 => Just(vec!["broker", "bank"])];
    (categories, fields, action, purpose, period(), of(rows), (level, onward)).prop_map(
        |(categories, (mut fields, mistake), action, purpose, data_period, rows, (level, onward))| {
            fields.retain(|field| match *field {
                "speed" => categories.contains(&"driving"),
                "quantity" => categories.contains(&"purchases"),
                _ => true,
            });
            fields.extend(mistake);
            if fields.is_empty() {
                fields.push("date");
            }
            let mut json = json!({
                "data_subject": "somebody", "requester": "service", "recipient": "partner",
                "purpose": purpose, "action": action, "categories": categories, "fields": fields,
                "data_period": data_period, "rows": rows.unwrap_or_default(), "onward": onward,
            });
            if let Some(level) = level {
                json["level"] = json!(level);
            }
            serde_json::from_value(json).unwrap()
        },
    )
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    (vec(grant(), 0..=4), facts(), 2..8_u64).prop_map(|(mut grants, facts, now)| {
        let now = UnixSeconds(EPOCH + now);
        for grant in &mut grants {
            grant.past.retain(|at| *at <= now);
        }
        World { grants, facts, now }
    })
}
