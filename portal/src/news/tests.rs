use super::contact::Wishes;
use super::letter::{Next, hand_over, put_off};
use super::*;
use crate::language::Language;
use crate::secret::Secret;
use crate::secret::tests::Memory;

const START: u64 = 1_800_000_000;

fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds(START + seconds)
}

fn happened(topic: Topic) -> Happened {
    Happened { topic, at: at(0), tenant: Some(TenantId::of_log("one")), about: None, amount: None }
}

fn wishes(address: &str, digest: Digest) -> Wishes {
    Wishes {
        address: Address::parse(address),
        language: Language::English,
        digest,
        topics: vec![Topic::Request, Topic::Keys],
    }
}

/// What is handed over at that time: `?` for the question, else the items' numbers.
fn given(rows: &mut Memory, id: &AccountId, when: UnixSeconds) -> Option<String> {
    hand_over(rows, id, when).unwrap().map(|(_, next)| match next {
        Next::Question(_) => "?".to_owned(),
        Next::Items(items) => items.iter().map(|item| item.number.to_string()).collect::<Vec<_>>().join(" "),
    })
}

/// An account with a confirmed address.
fn confirmed(digest: Digest) -> (Memory, AccountId) {
    let (mut rows, id) = (Memory::default(), AccountId::random());
    Contact::choose(&mut rows, &id, &wishes("a@mail.example", digest), at(0)).unwrap();
    assert_eq!(given(&mut rows, &id, at(0)).as_deref(), Some("?"));
    let question = Contact::read(&rows, &id).unwrap().unwrap().question.unwrap();
    Contact::confirm(&mut rows, &Secret::parse(&question.secret).unwrap(), at(1)).unwrap();
    (rows, id)
}

#[test]
fn addresses_are_read_strictly() {
    for good in ["a@b.example", "first.last+tag@mail.example.org", "a@localhost", "a'b@x-y.example"] {
        assert_eq!(Address::parse(good).unwrap().as_str(), good);
    }
    let long = format!("{}@mail.example", "a".repeat(65));
    for bad in [
        "",
        "a",
        "@b.example",
        "a@",
        "a@b",
        "a@@b.example",
        "a b@c.example",
        "a@b.example\r\nBcc: c@d.example",
        "\"a\"@b.example",
        "<a@b.example>",
        "a@b..example",
        ".a@b.example",
        "a..b@c.example",
        "a@-b.example",
        "ä@b.example",
        "a@b.example,c@d.example",
        &long,
    ] {
        assert_eq!(Address::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn nothing_but_the_question_goes_to_an_address_that_nobody_has_confirmed() {
    let (mut rows, id) = (Memory::default(), AccountId::random());
    Contact::choose(&mut rows, &id, &wishes("a@mail.example", Digest::Each), at(0)).unwrap();
    deliver(&mut rows, &id, happened(Topic::Request), at(0)).unwrap();
    assert_eq!(given(&mut rows, &id, at(0)).as_deref(), Some("?"));
    assert_eq!(given(&mut rows, &id, at(0)), None, "asked once");
    deliver(&mut rows, &id, happened(Topic::Request), at(5)).unwrap();
    assert_eq!(given(&mut rows, &id, at(10)), None);
    // of another address the question is another one, and the old answer is none
    let old = Contact::read(&rows, &id).unwrap().unwrap().question.unwrap();
    Contact::choose(&mut rows, &id, &wishes("b@mail.example", Digest::Each), at(20)).unwrap();
    let old = Secret::parse(&old.secret).unwrap();
    assert!(Contact::confirm(&mut rows, &old, at(21)).is_err());
    let new = Contact::read(&rows, &id).unwrap().unwrap().question.unwrap();
    let new = Secret::parse(&new.secret).unwrap();
    assert!(Contact::confirm(&mut rows, &new, at(20 + 86_400)).is_err(), "a day later");
    assert!(!Contact::read(&rows, &id).unwrap().unwrap().confirmed);
}

#[test]
fn an_account_asks_three_times_a_day_at_most() {
    let (mut rows, id) = (Memory::default(), AccountId::random());
    for n in 0..3 {
        Contact::choose(&mut rows, &id, &wishes(&format!("a{n}@mail.example"), Digest::Each), at(n)).unwrap();
    }
    let fourth = wishes("a4@mail.example", Digest::Each);
    assert_eq!(Contact::choose(&mut rows, &id, &fourth, at(4)), Err(Failure::TooMany));
    Contact::choose(&mut rows, &id, &fourth, at(86_400)).unwrap();
}

#[test]
fn an_item_is_mailed_once_as_often_as_it_is_asked_for() {
    let (mut rows, id) = confirmed(Digest::Each);
    for topic in [Topic::Request, Topic::Money, Topic::Keys] {
        deliver(&mut rows, &id, happened(topic), at(10)).unwrap();
    }
    // money was not wished for
    assert_eq!(given(&mut rows, &id, at(10)).as_deref(), Some("0"));
    assert_eq!(given(&mut rows, &id, at(10)).as_deref(), Some("2"));
    assert_eq!(given(&mut rows, &id, at(10)), None);
    assert!(rows.names("due/").is_empty());
    // the mail server has not taken it: later again, and later still
    put_off(&mut rows, &id, &[2], at(10)).unwrap();
    assert_eq!(given(&mut rows, &id, at(14)), None);
    assert_eq!(given(&mut rows, &id, at(15)).as_deref(), Some("2"));
    put_off(&mut rows, &id, &[2], at(15)).unwrap();
    assert_eq!(given(&mut rows, &id, at(24)), None);
    assert_eq!(given(&mut rows, &id, at(25)).as_deref(), Some("2"));
    let mut now = 25;
    for _ in 2..20 {
        put_off(&mut rows, &id, &[2], at(now)).unwrap();
        now += 30_000;
        if given(&mut rows, &id, at(now)).is_none() {
            return;
        }
    }
    panic!("it is given up some day");
}

#[test]
fn a_digest_gathers_from_the_first_item_on() {
    for (digest, seconds) in [(Digest::Daily, 86_400), (Digest::Weekly, 7 * 86_400)] {
        let (mut rows, id) = confirmed(digest);
        deliver(&mut rows, &id, happened(Topic::Request), at(100)).unwrap();
        deliver(&mut rows, &id, happened(Topic::Keys), at(5000)).unwrap();
        assert_eq!(given(&mut rows, &id, at(100 + seconds - 1)), None);
        assert_eq!(given(&mut rows, &id, at(100 + seconds)).as_deref(), Some("0 1"));
        assert_eq!(given(&mut rows, &id, at(100 + 10 * seconds)), None);
    }
}

#[test]
fn what_waits_is_not_mailed_after_the_end() {
    let (mut rows, id) = confirmed(Digest::Daily);
    deliver(&mut rows, &id, happened(Topic::Request), at(0)).unwrap();
    let unsubscribe = Contact::read(&rows, &id).unwrap().unwrap().unsubscribe;
    Contact::unsubscribe(&mut rows, &Secret::parse(&unsubscribe).unwrap()).unwrap();
    assert_eq!(given(&mut rows, &id, at(1_000_000)), None);
    Contact::choose(&mut rows, &id, &wishes("a@mail.example", Digest::Each), at(1_000_001)).unwrap();
    assert_eq!(given(&mut rows, &id, at(1_000_002)), None, "nor when mails begin again");
    deliver(&mut rows, &id, happened(Topic::Request), at(1_000_003)).unwrap();
    assert_eq!(given(&mut rows, &id, at(1_000_003)).as_deref(), Some("1"));
}

#[test]
fn an_account_that_is_erased_leaves_nothing() {
    let (mut rows, id) = confirmed(Digest::Each);
    deliver(&mut rows, &id, happened(Topic::Request), at(0)).unwrap();
    Contact::choose(&mut rows, &id, &wishes("b@mail.example", Digest::Each), at(1)).unwrap();
    assert!(!rows.names("").is_empty());
    forget(&mut rows, &id).unwrap();
    assert_eq!(rows.names(""), Vec::<String>::new());
}

#[test]
fn an_inbox_keeps_a_hundred_items_and_counts_what_was_not_seen() {
    let (mut rows, id) = (Memory::default(), AccountId::random());
    for _ in 0..150 {
        deliver(&mut rows, &id, happened(Topic::Request), at(0)).unwrap();
    }
    let mut inbox = Inbox::read(&rows, &id).unwrap();
    assert_eq!((inbox.items.len(), inbox.items[0].number, inbox.unseen()), (100, 50, 100));
    inbox.seen = 148;
    assert_eq!(inbox.unseen(), 2);
}

#[test]
fn what_ends_is_told_once_and_what_was_short_is_not() {
    let (mut rows, id) = (Memory::default(), AccountId::random());
    let tenant = TenantId::of_log("one");
    let day = 86_400;
    let grant = |n: u8, from: u64, until: u64| {
        (
            tenant,
            OpenGrant {
                id: Jti::new(grantbook_record::UnixMillis(1), [n; 10]),
                from: at(from),
                until: at(until),
            },
        )
    };
    let open = [grant(1, 0, 30 * day), grant(2, 0, 20 * day), grant(3, 14 * day, 20 * day)];
    let nothing = grantbook_record::encoding::Bytes32([0; 32]);
    let account: Account = serde_json::from_value(serde_json::json!({
        "since": START, "passkeys": [], "recovery": {"lookup": nothing, "salt": nothing, "hash": nothing}
    }))
    .unwrap();
    account.write(&mut rows, &id);
    let told = |rows: &mut Memory, now: u64, open: &[(TenantId, OpenGrant)]| {
        remind(rows, &id, open, at(now)).unwrap();
        let items = Inbox::read(rows, &id).unwrap().items;
        items.iter().map(|item| item.happened.about.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut rows, 12 * day, &open), []);
    assert_eq!(told(&mut rows, 15 * day, &open), [open[1].1.id]);
    assert_eq!(told(&mut rows, 16 * day, &open), [open[1].1.id]);
    assert_eq!(told(&mut rows, 24 * day, &open[..1]), [open[1].1.id, open[0].1.id]);
    assert_eq!(told(&mut rows, 25 * day, &open[..1]).len(), 2);
}
