use grantbook_record::event::{
    Acknowledger, Channel, Event, GrantAmended, GrantGiven, GrantPaused, GrantResumed, GrantRevoked,
    GrantWithdrawn, RecipientAcknowledged, RequestDeclined, RequestMade, Revoker,
};
use grantbook_record::{Day, Jti, Signer, SubjectId, TenantId, Term, Terms, UnixMillis, UnixSeconds};
use serde_json::{Value, json};

use super::*;
use crate::kit::figure::Word;

const FIRST: Day = Day(2000);
const DAY_SECONDS: u64 = 86_400;

fn begins(day: Day) -> u64 {
    day.begins().seconds().0
}

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

fn sub() -> SubjectId {
    SubjectId::parse("alice-7").unwrap()
}

/// Terms that are valid for days from the first one, changed.
fn terms(days: (u64, u64), change: &Value) -> Terms {
    let at = |days: u64| begins(FIRST) + days * DAY_SECONDS;
    let mut terms = json!({
        "controller": "record-shop",
        "recipient": "recommender",
        "purpose": "service-personalisation",
        "scope": { "include": [{ "category": "purchases" }] },
        "validity": { "start": at(days.0), "end": at(days.1) },
        "compensation": "none",
        "notice": { "hash": "A".repeat(43), "language": "en", "shown_at": at(0) },
        "template": { "id": "service", "version": 1, "hash": "A".repeat(43) },
    });
    for (name, value) in change.as_object().into_iter().flatten() {
        terms[name] = value.clone();
    }
    serde_json::from_value(terms).unwrap()
}

/// A fold and the number of its events so far.
struct Story {
    fold: Fold,
    count: u64,
}

impl Story {
    fn new(days: u16) -> Self {
        Self { fold: Fold::new(Period::new(FIRST, Day(FIRST.0 + days - 1)).unwrap()), count: 0 }
    }

    /// An event so many seconds after the first day's beginning.
    fn at(&mut self, seconds: u64, event: &Event) -> Jti {
        self.count += 1;
        let at = UnixSeconds(begins(FIRST) + seconds);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.count.to_be_bytes());
        let jti = Jti::new(UnixMillis(at.0 * 1000), random);
        self.fold.take(&Taken { jti, day: at.day(), at, event });
        jti
    }

    fn given(&mut self, seconds: u64, terms: Terms, request: Option<Jti>) -> Jti {
        let event = GrantGiven { sub: sub(), terms, request, birth_day: None, mandate: None };
        self.at(seconds, &Event::GrantGiven(event))
    }

    fn asked(&mut self, seconds: u64) -> Jti {
        let expires = UnixSeconds(begins(FIRST) + 30 * DAY_SECONDS);
        let event = RequestMade { sub: sub(), terms: terms((0, 90), &json!({})), expires };
        self.at(seconds, &Event::RequestMade(event))
    }

    fn withdrawn(&mut self, seconds: u64, grant: Jti) -> Jti {
        let channel = Some(Channel::Mail);
        self.at(seconds, &Event::GrantWithdrawn(GrantWithdrawn { sub: sub(), grant, channel }))
    }

    fn acknowledged(&mut self, seconds: u64, after: u64, (grant, ended): (Jti, Jti), recipient: &str) {
        let at = UnixMillis((begins(FIRST) + seconds + after) * 1000);
        let (recipient, by) = (term(recipient), Acknowledger::Gates(1));
        let event = RecipientAcknowledged { sub: sub(), grant, ended, recipient, by, at };
        self.at(seconds + after, &Event::RecipientAcknowledged(event));
    }

    fn tables(self, details: Option<Details>) -> Tables {
        let period = self.fold.period();
        let tenant = TenantId::parse("018f3e7a-0000-7000-8000-000000000001").unwrap();
        let fairness = FairDay::list(period, &[]);
        Tables::new("log.example/2025", (tenant, "Record Shop"), self.fold, details, fairness)
    }
}

fn active(tables: &Tables) -> (Vec<(String, Figure)>, Figure) {
    let by_purpose =
        tables.record.activities.iter().map(|of| (of.purpose.to_string(), of.active_grants)).collect();
    (by_purpose, tables.record.active_grants)
}

/// A month with something of everything.
fn month() -> Tables {
    let mut story = Story::new(30);
    let rich = json!({
        "purpose": "research",
        "recipient": "institute",
        "scope": { "include": [{ "category": "purchases" }, { "category": "driving" }] },
        "limits": { "retention_days": 30 },
        "obligations": [{ "mask": { "fields": ["name", "street"] } }, { "delete_by": { "days": 14 } }],
        "consents": ["third-party"],
    });
    let mut grants = Vec::new();
    for at in 0..100 {
        let request = story.asked(at);
        grants.push(story.given(100 + at, terms((0, 90), &json!({})), Some(request)));
    }
    for at in 0..25 {
        story.given(200 + at, terms((0, 90), &rich), None);
        let request = story.asked(300 + at);
        story.at(400, &Event::RequestDeclined(RequestDeclined { sub: sub(), request, mandate: None }));
    }
    // fewer than the floor, and one more row is left out with them
    story.given(
        500,
        terms((0, 90), &json!({ "purpose": "marketing", "limits": { "retention_days": 7 } })),
        None,
    );
    for (after, grant) in [0, 1, 3, 4, 700].into_iter().cycle().zip(grants.iter().take(55)) {
        let ended = story.withdrawn(1000, *grant);
        story.acknowledged(1000, after, (*grant, ended), "recommender");
    }
    let details = Details::parse(
        br#"{"v":1,"controllers":{"record-shop":{"name":"Record Shop Ltd","contact":"privacy@shop.example",
            "data_protection_officer":"dpo@shop.example"}},"subjects":"customers of the shop",
            "recipients":{"institute":{"name":"University institute","third_country":"CH"}}}"#,
    );
    story.tables(Some(details.unwrap()))
}

#[test]
fn the_pages_example_is_what_the_code_makes() {
    let page = include_str!("../../../../docs/spec/regulator-kit.md");
    let json = String::from_utf8(month().to_json()).unwrap();
    // a month of days would be long: the page has the first of them
    let (head, days) = json.split_once("  \"fairness\": [\n").unwrap();
    let first = days.split_once("},\n").unwrap().0;
    let example = format!("```json example=kit\n{head}  \"fairness\": [\n{first}}},\n    …\n  ]\n}}\n```");
    assert!(page.contains(&example), "{example}");
}

#[test]
fn the_record_counts_grants_that_are_active_at_the_end() {
    let mut story = Story::new(10);
    let many = |purpose: &str, days| terms(days, &json!({ "purpose": purpose }));
    for at in 0..30 {
        story.given(at, many("held", (0, 90)), None);
        story.given(at, many("ends-with-the-last-day", (0, 10)), None);
        story.given(at, many("ends-within", (0, 9)), None);
        story.given(at, many("not-begun", (10, 90)), None);
        story.given(10 * DAY_SECONDS + at, many("after-the-period", (0, 90)), None);
        let paused = story.given(at, many("paused", (0, 90)), None);
        story.at(at, &Event::GrantPaused(GrantPaused { sub: sub(), grant: paused }));
        let resumed = story.given(at, many("resumed", (0, 90)), None);
        story.at(at, &Event::GrantPaused(GrantPaused { sub: sub(), grant: resumed }));
        story.at(at, &Event::GrantResumed(GrantResumed { sub: sub(), grant: resumed }));
        let withdrawn = story.given(at, many("withdrawn", (0, 90)), None);
        story.withdrawn(at, withdrawn);
        let late = story.given(at, many("withdrawn-later", (0, 90)), None);
        story.withdrawn(10 * DAY_SECONDS, late);
        let grant = story.given(at, many("revoked", (0, 90)), None);
        let (by, reason) = (Revoker::Enterprise, term("fraud"));
        story.at(at, &Event::GrantRevoked(GrantRevoked { sub: sub(), grant, by, reason }));
        let old = story.given(at, many("superseded", (0, 90)), None);
        story.given(at, terms((0, 90), &json!({ "purpose": "superseding", "supersedes": old })), None);
        let grant = story.given(at, many("amended", (0, 90)), None);
        let change = json!({ "purpose": "amended", "limits": { "retention_days": 3 } });
        let amended = GrantAmended { sub: sub(), grant, terms: terms((0, 90), &change), birth_day: None };
        story.at(at, &Event::GrantAmended(amended));
    }
    let tables = story.tables(None);
    let (by_purpose, total) = active(&tables);
    let expected = ["amended", "ends-with-the-last-day", "held", "resumed", "superseding", "withdrawn-later"];
    assert_eq!(by_purpose, expected.map(|purpose| (purpose.to_owned(), Figure::Number(30))));
    assert_eq!(total, Figure::Number(180));
    assert_eq!(tables.record.activities[0].retention_days_max, Some(3));
    assert_eq!(tables.record.activities[1].retention_days_max, None);
}

#[test]
fn terms_of_an_activity_are_taken_together() {
    let mut story = Story::new(1);
    for at in 0..10 {
        let short = json!({ "limits": { "retention_days": 3 }, "consents": ["b"] });
        story.given(at, terms((0, 9), &short), None);
        let long = json!({
            "scope": { "include": [{ "category": "driving" }] },
            "limits": { "retention_days": 40 },
            "obligations": [{ "notify": { "party": "board" } }],
            "consents": ["a"],
        });
        story.given(at, terms((0, 9), &long), None);
    }
    let tables = story.tables(None);
    let [of] = tables.record.activities.as_slice() else { panic!("{tables:?}") };
    assert_eq!((of.retention_days_max, of.active_grants), (Some(40), Figure::Number(20)));
    assert_eq!(of.categories, [term("driving"), term("purchases")]);
    assert_eq!(of.consents, [term("a"), term("b")]);
    assert_eq!(of.obligations, ["notify board"]);
}

#[test]
fn requests_and_answers_count_within_the_period() {
    let mut story = Story::new(2);
    let period = story.fold.period();
    assert!(period.contains(Day(2001)) && !period.contains(Day(2002)) && !period.contains(Day(1999)));
    // of the day before; its answer is none of the period's
    let before = UnixSeconds(begins(FIRST) - 1);
    let expires = UnixSeconds(begins(FIRST) + DAY_SECONDS);
    let early = RequestMade { sub: sub(), terms: terms((0, 9), &json!({})), expires };
    let early_jti = Jti::new(UnixMillis(before.0 * 1000), [9; 10]);
    story.fold.take(&Taken {
        jti: early_jti,
        day: before.day(),
        at: before,
        event: &Event::RequestMade(early),
    });
    story.given(1, terms((0, 9), &json!({})), Some(early_jti));
    for at in 0..100 {
        let request = story.asked(at);
        match at {
            0..50 => drop(story.given(200, terms((0, 9), &json!({})), Some(request))),
            50..92 => {
                story
                    .at(200, &Event::RequestDeclined(RequestDeclined { sub: sub(), request, mandate: None }));
            }
            // answered too late
            _ => drop(story.given(2 * DAY_SECONDS, terms((0, 9), &json!({})), Some(request))),
        }
    }
    // 8 are not answered, so that neither they nor those who declined are shown
    let requests = story.tables(None).requests;
    assert_eq!((requests.made, requests.unanswered), (Figure::Number(100), Figure::SUPPRESSED));
    assert_eq!((requests.granted, requests.declined), (Figure::Number(50), Figure::SUPPRESSED));
    assert_eq!(requests.authorisation_rate, Figure::Number(5000));
    assert_eq!((requests.response_rate, requests.reaches_line), (Figure::SUPPRESSED, None));
}

#[test]
fn the_line_is_reached_at_ninety_two_percent_and_not_below() {
    for (answered, unanswered, rate, reaches) in [
        (920, 80, 9200, true),
        (919, 81, 9190, false),
        (9_199_999, 800_001, 9199, false),
        (500, 0, 10_000, true),
    ] {
        let requests = Requests::new(answered - 100, 100, unanswered);
        assert_eq!((requests.response_rate, requests.reaches_line), (Figure::Number(rate), Some(reaches)));
    }
    let none = Requests::new(0, 0, 0);
    assert_eq!((none.made, none.response_rate, none.reaches_line), (Figure::Number(0), Figure::NONE, None));
}

#[test]
fn withdrawals_wait_for_the_grants_own_recipient() {
    let mut story = Story::new(3);
    let grants: Vec<_> = (0..80).map(|at| story.given(at, terms((0, 9), &json!({})), None)).collect();
    for (at, grant) in (0..).zip(&grants) {
        let ended = story.withdrawn(1000, *grant);
        let pair = (*grant, ended);
        // to whom it was passed on
        story.acknowledged(1000, 0, pair, "broker");
        match at {
            0..30 => story.acknowledged(1000, 1, pair, "recommender"),
            30..40 => story.acknowledged(1000, 2, pair, "recommender"),
            40..60 => story.acknowledged(1000, 60, pair, "recommender"),
            // after the period
            60..65 => story.acknowledged(1000, 4 * DAY_SECONDS, pair, "recommender"),
            _ => story.acknowledged(1000, 2 * DAY_SECONDS, pair, "recommender"),
        }
    }
    let Withdrawals { made, steps, p50, p90, max } = story.tables(None).withdrawals;
    let later = Figure::Word(Word::Later);
    let steps: Vec<_> = steps.iter().map(|step| (step.within, step.count)).collect();
    // ten within five seconds are joined with the twenty of the next step
    assert_eq!(steps, [(Figure::Number(1), 30), (Figure::Number(60), 30), (later, 20)]);
    assert_eq!((made, p50, p90, max), (Figure::Number(80), Figure::Number(60), later, later));

    let few = Withdrawals::new(&[10, 9, 0, 0, 0, 0]);
    assert_eq!((few.made, few.steps.len(), few.max), (Figure::SUPPRESSED, 0, Figure::SUPPRESSED));
    let none = Withdrawals::new(&[0; 6]);
    assert_eq!((none.made, none.steps.len(), none.max), (Figure::Number(0), 0, Figure::NONE));
}

#[test]
fn tables_have_one_spelling() {
    let tables = month();
    let json = tables.to_json();
    assert_eq!(Tables::parse(&json), Ok(tables));
    let text = String::from_utf8(json).unwrap();
    for (changed, expected) in [
        (text.replace("  ", " "), "one spelling"),
        (text.replacen("\"v\": 1", "\"v\": 2", 1), "version 2"),
        (text.replacen("\"tenant\"", "\"tenants\"", 1), "unknown field"),
        (text.replacen("\"from\": \"2025-06-23\"", "\"from\": \"2023-06-23\"", 1), "366 at most"),
        (text.replacen("\"suppressed\"", "\"hidden\"", 1), "refused tables"),
    ] {
        assert_ne!(changed, text);
        let refused = Tables::parse(changed.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn pages_say_nothing_that_is_markup() {
    let mut tables = month();
    tables.enterprise = "<b>&\"".to_owned();
    for (name, bytes) in tables.files() {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!name.contains("html") || text.contains("&lt;b&gt;&amp;&quot;"), "{name}");
        assert!(!text.contains("<b>") || name == TABLES, "{name}");
        assert!(!text.contains("alice-7"));
    }
    let chinese = tables.to_html(grantbook_record::terms::Language::SimplifiedChinese);
    assert!(chinese.contains("处理活动记录") && chinese.contains("不予显示"));
}

#[test]
fn details_are_read_strictly() {
    for (json, expected) in [
        (r#"{"v":2}"#, "version 2"),
        (r#"{"v":1,"colour":"red"}"#, "unknown field"),
        (r#"{"v":1,"subjects":""}"#, "1000 characters"),
        (r#"{"v":1,"controllers":{"A b":{"name":"x","contact":"y"}}}"#, "refused details"),
        (r#"{"v":1,"controllers":{"a":{"name":"x"}}}"#, "contact"),
    ] {
        let refused = Details::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{json}: {refused}");
    }
    let large = vec![b' '; 65_537];
    assert_eq!(Details::parse(&large), Err(DetailsError::TooLarge { got: 65_537 }));
}

#[test]
fn a_manifest_is_the_operators() {
    let (operator, other) = (Signer::from_seed(&[1; 32]).unwrap(), Signer::from_seed(&[2; 32]).unwrap());
    let manifest = |names: &[&str]| Manifest {
        v: VERSION,
        origin: "log.example/2025".to_owned(),
        tenant: TenantId::parse("018f3e7a-0000-7000-8000-000000000001").unwrap(),
        period: Period::new(FIRST, FIRST).unwrap(),
        made_at: UnixSeconds(1_750_000_000),
        files: names.iter().map(|name| KitFile::new(name, b"x")).collect(),
    };
    let good = manifest(&["kit.json", "proofs/2025-06-23.bundle", "vkey"]);
    let text = good.sign(&operator);
    assert_eq!(Manifest::verify(&text, operator.public_key()), Ok(good));
    assert_eq!(Manifest::verify(&text, other.public_key()), Err(ManifestError::Signature));
    for names in [
        vec!["b", "a"],
        vec!["a", "a"],
        vec!["../a"],
        vec!["/a"],
        vec!["a/b/c"],
        vec![".a"],
        vec!["a\\b"],
        vec![""],
        vec!["manifest.jws"],
    ] {
        let refused = Manifest::verify(&manifest(&names).sign(&operator), operator.public_key());
        assert_eq!(refused, Err(ManifestError::Names), "{names:?}");
    }
    let typ = grantbook_record::jws::sign("grantbook-operator.acted+jwt", b"{}", &operator);
    assert_eq!(Manifest::verify(&typ, operator.public_key()), Err(ManifestError::Typ));
}

#[test]
fn no_byte_can_change_unnoticed_or_make_a_parser_panic() {
    let operator = Signer::from_seed(&[1; 32]).unwrap();
    let tables = month();
    let json = tables.to_json();
    let files = tables.files();
    let mut manifest = Manifest {
        v: VERSION,
        origin: tables.origin.clone(),
        tenant: tables.tenant,
        period: tables.period,
        made_at: UnixSeconds(1_750_000_000),
        files: files.iter().map(|(name, bytes)| KitFile::new(name, bytes)).collect(),
    };
    manifest.files.sort_by(|one, other| one.name.cmp(&other.name));
    let text = manifest.sign(&operator);
    for bit in [1, 32, 128] {
        for at in 0..json.len() {
            let mut changed = json.clone();
            changed[at] ^= bit;
            // a figure or a name can become another one, never the same tables
            assert_ne!(Tables::parse(&changed).as_ref(), Ok(&tables), "byte {at}");
        }
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= bit;
            let verified = String::from_utf8(changed).ok();
            let verified = verified.map(|text| Manifest::verify(&text, operator.public_key()));
            assert!(!matches!(verified, Some(Ok(_))), "byte {at}");
        }
    }
}
