//! Customers' screens.

use grantbook_record::day::UnixSeconds;
use grantbook_record::event::Law;
use grantbook_record::{Currency, DenialReason, Term};

use super::terms::{self, HOSTILE, Named};
use super::{Flavour, NOW, Shown, Who, shown};
use crate::news::{Digest, Happened, Topic};
use crate::page::faults::{Fault, fault};
use crate::page::news::MailLink;
use crate::page::{Place, customer, news};
use crate::view::Wording;
use crate::view::agreement::{Agreement, ConsentAsked};
use crate::view::customer::{
    ChangeReview, Connection, Connections, Device, GateTaken, GrantPage, Holding, Home, Key, Keys, MyData,
    Narrowed, Narrowing, Passkey, RequestCard, RequestReview, Standing, StopReview, Stopped,
};
use crate::view::money::{Amount, Formula, Line, Month, Payment, PaymentState, Source, Value};
use crate::view::news::{Line as NewsLine, MailSettings, MailState, News};
use crate::view::story::{Happening, Refused, Used, What};

use Flavour::{Hostile, Long, Plain};

pub(super) const SHOWN: &[Shown] = &[
    shown("my", "full", Place::Home, Who::Customer, |page| customer::home(page, &home(Plain))),
    shown("my", "long", Place::Home, Who::Customer, |page| customer::home(page, &home(Long))),
    shown("my", "hostile", Place::Home, Who::Customer, |page| customer::home(page, &home(Hostile))),
    shown("my", "empty", Place::Home, Who::Customer, |page| customer::home(page, &Home::default())),
    shown("connections", "full", Place::Connections, Who::Customer, |page| {
        customer::connections(page, &connections(Plain))
    }),
    shown("connections", "long", Place::Connections, Who::Customer, |page| {
        customer::connections(page, &connections(Long))
    }),
    shown("connections", "empty", Place::Connections, Who::Customer, |page| {
        customer::connections(page, &Connections::default())
    }),
    shown("request", "plain", Place::Home, Who::Customer, |page| {
        customer::request(page, &request(terms::quote(Plain), Plain), false)
    }),
    shown("request", "narrowed", Place::Home, Who::Customer, |page| {
        customer::request(page, &narrowed(), false)
    }),
    shown("request", "rising", Place::Home, Who::Customer, |page| {
        customer::request(page, &request(terms::rising(Plain), Plain), false)
    }),
    shown("request", "benefit", Place::Home, Who::Customer, |page| {
        customer::request(page, &request(terms::benefit(Plain), Plain), false)
    }),
    shown("request", "long", Place::Home, Who::Customer, |page| {
        customer::request(page, &request(terms::quote(Long), Long), false)
    }),
    shown("request", "hostile", Place::Home, Who::Customer, |page| {
        customer::request(page, &request(terms::quote(Hostile), Hostile), false)
    }),
    shown("request", "consents", Place::Home, Who::Customer, |page| {
        customer::request(page, &separate(Plain), false)
    }),
    shown("request", "consents-lacking", Place::Home, Who::Customer, |page| {
        customer::request(page, &separate(Plain), true)
    }),
    shown("request", "consents-hostile", Place::Home, Who::Customer, |page| {
        customer::request(page, &separate(Hostile), false)
    }),
    shown("request", "consents-unasked", Place::Home, Who::Customer, |page| {
        customer::request(page, &unasked(), false)
    }),
    shown("grant", "active", Place::Connections, Who::Customer, |page| {
        customer::grant(page, &grant(Standing::Active, Plain))
    }),
    shown("grant", "paused", Place::Connections, Who::Customer, |page| {
        customer::grant(page, &grant(Standing::Paused, Plain))
    }),
    shown("grant", "withdrawn", Place::Connections, Who::Customer, |page| {
        customer::grant(page, &grant(Standing::Withdrawn, Plain))
    }),
    shown("grant", "long", Place::Connections, Who::Customer, |page| {
        customer::grant(page, &grant(Standing::Active, Long))
    }),
    shown("grant", "hostile", Place::Connections, Who::Customer, |page| {
        customer::grant(page, &grant(Standing::Revoked, Hostile))
    }),
    shown("change", "plain", Place::Connections, Who::Customer, |page| {
        customer::change(page, &change(false))
    }),
    shown("change", "narrowed", Place::Connections, Who::Customer, |page| {
        customer::change(page, &change(true))
    }),
    shown("stop", "plain", Place::Connections, Who::Customer, |page| customer::stop(page, &stop(Plain))),
    shown("stop", "hostile", Place::Connections, Who::Customer, |page| customer::stop(page, &stop(Hostile))),
    shown("stopped", "waiting", Place::Connections, Who::Customer, |page| {
        customer::stopped(page, &stopped(false, Plain))
    }),
    shown("stopped", "complete", Place::Connections, Who::Customer, |page| {
        customer::stopped(page, &stopped(true, Plain))
    }),
    shown("stopped", "hostile", Place::Connections, Who::Customer, |page| {
        customer::stopped(page, &stopped(true, Hostile))
    }),
    shown("value", "full", Place::Value, Who::Customer, |page| customer::value(page, &value(Plain))),
    shown("value", "long", Place::Value, Who::Customer, |page| customer::value(page, &value(Long))),
    shown("value", "hostile", Place::Value, Who::Customer, |page| customer::value(page, &value(Hostile))),
    shown("value", "empty", Place::Value, Who::Customer, |page| customer::value(page, &Value::default())),
    shown("account", "keys", Place::Account, Who::Customer, |page| customer::account(page, &keys())),
    shown("account", "one-device", Place::Account, Who::Customer, |page| {
        customer::account(page, &one_device())
    }),
    shown("account", "no-key", Place::Account, Who::Customer, |page| {
        customer::account(page, &Keys::default())
    }),
    shown("data", "full", Place::Account, Who::Customer, |page| customer::data(page, &data())),
    shown("data", "empty", Place::Account, Who::Customer, |page| customer::data(page, &MyData::default())),
    shown("proof", "mine", Place::Connections, Who::Customer, |page| {
        customer::receipt(page, Some("/my/receipts/3/file".to_owned()))
    }),
    shown("fault", "no-key", Place::Account, Who::Customer, |page| fault(page, Fault::NoKey)),
    shown("fault", "unavailable", Place::Elsewhere, Who::Customer, |page| fault(page, Fault::Unavailable)),
    shown("fault", "erased", Place::Elsewhere, Who::Customer, |page| fault(page, Fault::Erased)),
    shown("fault", "not-yours", Place::Elsewhere, Who::Customer, |page| fault(page, Fault::NotYours)),
    shown("news", "full", Place::News, Who::Customer, |page| news::news(page, &happened(Plain))),
    shown("news", "hostile", Place::News, Who::Customer, |page| news::news(page, &happened(Hostile))),
    shown("news", "empty", Place::News, Who::Customer, |page| news::news(page, &News::default())),
    shown("mail", "first", Place::Account, Who::Customer, |page| {
        news::mail(page, &mail(MailState::NoAddress))
    }),
    shown("mail", "asked", Place::Account, Who::Customer, |page| news::mail(page, &mail(MailState::Asked))),
    shown("mail", "confirmed", Place::Account, Who::Customer, |page| {
        news::mail(page, &mail(MailState::Confirmed))
    }),
    shown("mail", "never", Place::Account, Who::Customer, |page| news::mail(page, &mail(MailState::Never))),
    shown("mail-link", "confirm", Place::Elsewhere, Who::Visitor, |page| {
        news::mail_link(page, MailLink::Confirm("AAAA"))
    }),
    shown("mail-link", "confirmed", Place::Elsewhere, Who::Visitor, |page| {
        news::mail_link(page, MailLink::Confirmed)
    }),
    shown("mail-link", "unsubscribe", Place::Elsewhere, Who::Visitor, |page| {
        news::mail_link(page, MailLink::Unsubscribe("AAAA"))
    }),
    shown("mail-link", "unsubscribed", Place::Elsewhere, Who::Visitor, |page| {
        news::mail_link(page, MailLink::Unsubscribed)
    }),
];

const DAY: u64 = 86_400;

pub(super) fn yuan(minor: i64) -> Amount {
    Amount { currency: Currency::parse("CNY").unwrap_or(Currency::NONE), minor }
}

pub(super) fn ago(days: u64, seconds: u64) -> UnixSeconds {
    UnixSeconds(NOW.0 - days * DAY - seconds)
}

pub(super) fn ahead(days: u64) -> UnixSeconds {
    UnixSeconds(NOW.0 + days * DAY)
}

pub(super) fn connection(agreement: &Agreement, standing: Standing, uses: u64) -> Connection {
    Connection {
        id: "0199b2a4-7c00-7000-8000-00000000000a".to_owned(),
        ward: None,
        recipient: agreement.recipient.clone(),
        purpose: agreement.purpose.clone(),
        data: agreement.data().into_iter().cloned().collect(),
        standing,
        from: agreement.from,
        until: agreement.until,
        uses,
        uses_max: agreement.uses_max,
        last_use: (uses > 0).then(|| ago(2, 3_000)),
        earned: if uses > 0 && agreement.pay.is_money() {
            vec![yuan(80 * i64::try_from(uses).unwrap_or(0))]
        } else {
            Vec::new()
        },
    }
}

fn home(flavour: Flavour) -> Home {
    let quote = terms::quote(flavour);
    let research = terms::share(flavour);
    let ending = Connection { until: ahead(9), ..connection(&research, Standing::Active, 31) };
    let card = RequestCard {
        id: "0199b2a4-7c00-7000-8000-00000000000b".to_owned(),
        ward: None,
        recipient: quote.recipient.clone(),
        purpose: quote.purpose.clone(),
        data: quote.data().into_iter().cloned().collect(),
        expires: ahead(12),
    };
    Home {
        signatures: super::signers::signatures(flavour),
        waiting: vec![card],
        connections: vec![
            connection(&quote, Standing::Active, 12),
            ending,
            connection(&terms::benefit(flavour), Standing::Active, 0),
            connection(&terms::rising(flavour), Standing::Paused, 4),
        ],
        uses_lately: 14,
        earned: vec![yuan(1_280)],
        operators_word: flavour == Long,
    }
}

fn connections(flavour: Flavour) -> Connections {
    let quote = terms::quote(flavour);
    Connections {
        open: home(flavour).connections,
        ended: vec![
            Connection { from: ago(400, 0), until: ago(35, 0), ..connection(&quote, Standing::Expired, 20) },
            connection(&terms::share(flavour), Standing::Withdrawn, 3),
            connection(&quote, Standing::Superseded, 0),
        ],
    }
}

pub(super) fn request(asked: Agreement, flavour: Flavour) -> RequestReview {
    let named = Named(flavour);
    let title = named.word("A fairer price for careful charging", "规范充电，保费更合理");
    let text = named.word(
        "We price your policy by how the battery was charged. We look at date, energy and duration of fast charging in one quarter. We do not look at places, and we do not pass the data on.",
        "我们按电池的充电情况为您的保单定价。我们会看一个季度内快充的日期、电量和时长。我们不看位置，也不把数据转给别人。",
    );
    RequestReview {
        id: "0199b2a4-7c00-7000-8000-00000000000b".to_owned(),
        ward: None,
        asked,
        narrowed: None,
        consents: Vec::new(),
        notice: Some((title, text)),
        expires: ahead(12),
        already: (flavour == Long).then(|| "0199b2a4-7c00-7000-8000-00000000000a".to_owned()),
    }
}

fn narrowed() -> RequestReview {
    let answer =
        Narrowing { without: vec!["fast-charging/duration_min".to_owned()], days: Some(92), uses: Some(5) };
    RequestReview {
        narrowed: Some(Narrowed { agreement: terms::narrowed(Plain), answer }),
        ..request(terms::quote(Plain), Plain)
    }
}

/// The law asks for three consents by themselves; the enterprise for one that the customer may leave out.
fn separate(flavour: Flavour) -> RequestReview {
    let asked = |to: &str, sentence: &str, basis: &[(Law, &'static str)], required| {
        let sentence = match flavour {
            Plain => sentence.to_owned(),
            Long => format!("{sentence} {}", terms::LONG),
            Hostile => HOSTILE.to_owned(),
        };
        let to = Term::parse(to).ok()?;
        Some(ConsentAsked { to, sentence: Some(sentence), basis: basis.to_vec(), required })
    };
    let consents = [
        asked(
            "third-party",
            "Harbour Insurance may have my charging records.",
            &[(Law::Pipl, "23"), (Law::DataAct, "8(4)")],
            true,
        ),
        asked(
            "sensitive",
            "My charging records show where I have been. They may be used.",
            &[(Law::Pipl, "29")],
            true,
        ),
        asked(
            "cross-border",
            "My charging records may go to Harbour Insurance in Singapore.",
            &[(Law::Pipl, "39")],
            true,
        ),
        asked(
            "automated-decision",
            "My price may be set without a person looking at it.",
            &[(Law::Gdpr, "22(2)(c)")],
            false,
        ),
    ];
    RequestReview {
        consents: consents.into_iter().flatten().collect(),
        ..request(terms::quote(flavour), flavour)
    }
}

/// A consent is needed for which there are no words.
fn unasked() -> RequestReview {
    let mut review = separate(Plain);
    for consent in review.consents.iter_mut().take(1) {
        consent.sentence = None;
    }
    review
}

fn grant(standing: Standing, flavour: Flavour) -> GrantPage {
    let named = Named(flavour);
    let agreement = terms::narrowed(flavour);
    let pricing = named.word("Pricing service", "定价服务");
    let used = |broke, in_window| {
        What::Used(Box::new(Used {
            by: pricing.clone(),
            action: named.word("Read", "读取"),
            data: vec![named.word("Fast charging", "快充记录")],
            fields: 3,
            brought: Some(yuan(80)),
            broke,
            in_window,
        }))
    };
    let refused = What::Refused(Box::new(Refused {
        by: pricing.clone(),
        data: vec![named.word("Trips", "行驶记录")],
        reason: DenialReason::NoGrant,
    }));
    let happening = |days, seconds, leaf_index, what| Happening { at: ago(days, seconds), leaf_index, what };
    let recipient = agreement.recipient.clone();
    let mut story = match standing {
        Standing::Withdrawn => vec![
            happening(0, 5_000, 70, What::Acknowledged { recipient: recipient.clone(), gates: Some(2) }),
            happening(0, 5_002, 69, used(Some(DenialReason::Withdrawn), true)),
            happening(0, 5_003, 68, What::Withdrawn),
        ],
        Standing::Revoked => {
            vec![happening(0, 5_003, 68, What::Revoked { by: recipient.clone(), reason: HOSTILE.to_owned() })]
        }
        Standing::Paused => vec![happening(1, 900, 60, What::Paused)],
        _ => vec![happening(1, 100, 61, What::Resumed), happening(1, 900, 60, What::Paused)],
    };
    story.extend([
        happening(2, 3_000, 52, used(None, false)),
        happening(2, 9_000, 51, refused),
        happening(3, 400, 47, What::Changed(Box::new((terms::quote(flavour), agreement.clone())))),
        happening(4, 60, 44, What::Earned(yuan(80))),
        happening(5, 0, 30, What::Deleted),
        happening(6, 0, 21, used(Some(DenialReason::Field), false)),
        happening(8, 0, 3, What::Given),
    ]);
    GrantPage {
        connection: connection(&agreement, standing, 2),
        agreement,
        story,
        more: flavour == Long,
        leaf_index: 3,
        deletion_due: Some(ahead(28)),
        operators_word: flavour == Long,
    }
}

fn change(cut: bool) -> ChangeReview {
    let agreement = terms::quote(Plain);
    ChangeReview {
        connection: connection(&agreement, Standing::Active, 2),
        agreement,
        narrowed: cut.then(narrowed).and_then(|review| review.narrowed),
    }
}

fn stop(flavour: Flavour) -> StopReview {
    let agreement = terms::quote(flavour);
    StopReview {
        connection: connection(&agreement, Standing::Active, 12),
        agreement,
        within_seconds: 5,
        deletion_due: Some(ahead(28)),
        owed: vec![yuan(960)],
    }
}

fn stopped(complete: bool, flavour: Flavour) -> Stopped {
    let agreement = terms::quote(flavour);
    let gate = |name: &str, at| GateTaken { gate: name.to_owned(), at };
    Stopped {
        connection: connection(&agreement, Standing::Withdrawn, 12),
        at: ago(0, 6),
        leaf_index: 68,
        gates: vec![
            gate("underwriting-1", Some(ago(0, 5))),
            gate(if flavour == Hostile { HOSTILE } else { "underwriting-2" }, complete.then(|| ago(0, 4))),
        ],
        complete,
        deletion_due: Some(ahead(28)),
    }
}

fn value(flavour: Flavour) -> Value {
    let named = Named(flavour);
    let recipient = |term: &str, english: &str, chinese: &str| {
        let _ = term;
        named.word(english, chinese)
    };
    let insurer = recipient("harbour-insurance", "Harbour Insurance", "海港保险");
    let research = recipient("tide-research", "Tide Research", "潮汐研究所");
    let source = |name: &Wording, uses, minor| Source {
        name: name.clone(),
        uses,
        earned: if minor > 0 { vec![yuan(minor)] } else { Vec::new() },
    };
    let line = |days, recipient: &Wording, formula, minor, leaf_index| Line {
        at: ago(days, 0),
        recipient: recipient.clone(),
        grant: "0199b2a4-7c00-7000-8000-00000000000a".to_owned(),
        formula,
        amount: yuan(minor),
        leaf_index,
    };
    let begins = [1_746_028_800, 1_748_707_200, 1_751_299_200, 1_753_977_600, 1_756_656_000, 1_759_248_000];
    let uses = [0, 4, 9, 6, 17, 14];
    Value {
        earned: vec![yuan(2_610)],
        paid: vec![yuan(1_330)],
        pending: vec![yuan(1_120)],
        recipients: vec![
            source(&insurer, 31, 2_400),
            source(&research, 17, 210),
            source(&named.word("Meridian Motors", "子午汽车"), 2, 0),
        ],
        clusters: vec![
            source(&named.word("Fast charging", "快充记录"), 40, 2_450),
            source(&named.word("Battery health reports", "电池健康报告"), 10, 160),
        ],
        months: begins
            .into_iter()
            .zip(uses)
            .map(|(begins, uses)| Month { begins: UnixSeconds(begins), uses })
            .collect(),
        lines: vec![
            line(1, &insurer, Formula::Uses { uses: 14, price: yuan(80) }, 1_120, 52),
            line(8, &research, Formula::Share { uses: 17, of: 1_310, pool: yuan(16_183) }, 210, 41),
            line(8, &insurer, Formula::Tiers { uses: 12, worth: yuan(990), brought: yuan(960) }, 30, 40),
            line(38, &insurer, Formula::Once, 500, 12),
            line(39, &insurer, Formula::Reversed { entry: Some(9) }, -80, 11),
        ],
        benefits: vec![(
            named.word("Meridian Motors", "子午汽车"),
            named.word("Two years of warranty more", "延长两年质保"),
        )],
        payments: vec![
            Payment { amount: yuan(500), withheld: yuan(0), state: PaymentState::Sent },
            Payment { amount: yuan(830), withheld: yuan(83), state: PaymentState::Paid },
            Payment { amount: yuan(500), withheld: yuan(0), state: PaymentState::Failed },
        ],
    }
}

fn keys() -> Keys {
    let named = Named(Plain);
    let company = |english, chinese| named.word(english, chinese);
    let device = |id: &str, name: &str, keys: &[&str], seen, shared| Device {
        id: id.to_owned(),
        name: name.to_owned(),
        since: NOW,
        seen,
        shared,
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
    };
    Keys {
        devices: vec![
            device("one", "Firefox · Android", &["a", "b"], Some(NOW), true),
            device(
                "two",
                "the-laptop-in-the-kitchen-that-everybody-in-this-house-uses-now-and-then-01",
                &["c"],
                None,
                false,
            ),
            device("three", "Safari · iPhone", &["c"], Some(NOW), true),
        ],
        passkeys: vec![
            Passkey {
                since: NOW, seen: Some(NOW), devices: "Firefox · Android; Safari · iPhone".to_owned()
            },
            Passkey { since: NOW, seen: None, devices: String::new() },
        ],
        keys: vec![
            Key {
                name: "a".to_owned(),
                company: company("Meridian Motors", "子午汽车"),
                thumbprint: "UDRKNZl1…Fsem".to_owned(),
                evidence: "key-enterprise",
                ended: false,
            },
            Key {
                name: "b".to_owned(),
                company: company("Harbour Insurance", "海港保险"),
                thumbprint: "8Yp0XcQk…rT2w".to_owned(),
                evidence: "key-operator",
                ended: false,
            },
            Key {
                name: "c".to_owned(),
                company: company("Harbour Insurance", "海港保险"),
                thumbprint: "mL41xv9a…Q0Zs".to_owned(),
                evidence: "key-enrolled",
                ended: true,
            },
        ],
        recovery: true,
    }
}

/// One device alone, without a recovery code.
fn one_device() -> Keys {
    let mut keys = keys();
    keys.devices.truncate(1);
    keys.passkeys.truncate(1);
    keys.keys.truncate(2);
    Keys { recovery: false, ..keys }
}

fn data() -> MyData {
    let named = Named(Plain);
    let holding = |tenant: &str, company, records, open, held| Holding {
        tenant: tenant.to_owned(),
        company,
        records,
        open,
        held,
    };
    MyData {
        companies: vec![
            holding("meridian", named.word("Meridian Motors", "子午汽车"), 214, 2, false),
            holding("harbour", named.word("Harbour Insurance", "海港保险"), 1, 0, true),
        ],
        erased: vec![super::erasure::report(named.word("Tide Research", "潮汐研究所"), super::erasure::DONE)],
    }
}

fn happened(flavour: Flavour) -> News {
    let line = |(at, topic): (usize, Topic)| NewsLine {
        happened: Happened {
            topic,
            at: ago(at as u64, 3),
            tenant: Some(grantbook_record::TenantId::of_log("gallery")),
            about: None,
            amount: Currency::parse("CNY").filter(|_| flavour == Plain).map(|cny| (cny, 1_234)),
        },
        company: if flavour == Hostile { HOSTILE.to_owned() } else { "Meridian Motors".to_owned() },
        link: "/my".to_owned(),
        unseen: at < 3,
    };
    News { lines: Topic::ALL.into_iter().enumerate().map(line).collect() }
}

fn mail(state: MailState) -> MailSettings {
    let chosen = matches!(state, MailState::Asked | MailState::Confirmed);
    MailSettings {
        state,
        address: if chosen { "name@mail.example".to_owned() } else { String::new() },
        language: None,
        digest: chosen.then_some(Digest::Daily),
        topics: if chosen { vec![Topic::Request, Topic::Keys] } else { Vec::new() },
    }
}
