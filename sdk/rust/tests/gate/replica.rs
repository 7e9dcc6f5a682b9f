//! The replica, without network: what it takes in, what it refuses, and what it denies.

use std::time::Duration;

use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::{Base64Bytes, Bytes32};
use grantbook_record::entry::Salt;
use grantbook_record::event::{Event, GrantGiven, PolicyPublished, Promotion, Shadow, Stage, SubjectErased};
use grantbook_record::feed::{About, Chain, FeedPosition, GrantOf};
use grantbook_record::head::HeadError;
use grantbook_record::receipt::{Content, EventContent};
use grantbook_record::{DenialReason, Jti, Kind, Signer, TenantId};
use grantbook_sdk::{BootTime, Decision, Fault, LeafIndex, Question, Replica, UseFacts};

use crate::book::{BOUND, Book, NOW, entry_of, facts, signer, sub, tenant, term};

fn boot(seconds: u64) -> BootTime {
    BootTime(Duration::from_secs(seconds))
}

/// One customer with an enrolled key and a grant.
fn book_with_grant() -> (Book, Signer, Jti) {
    let mut book = Book::new();
    let key = signer(20);
    book.enrol("anna", &key);
    let grant = book.grant("anna", &key);
    (book, key, grant)
}

#[track_caller]
fn assert_permits(replica: &Replica, customer: &str, now: BootTime, grant: Jti) {
    match replica.decide(&facts(customer), None, now) {
        Decision::Permit(permission) => assert_eq!(permission.grant, grant),
        Decision::Denial(denial) => panic!("denied: {denial:?}"),
    }
}

#[track_caller]
fn assert_denies(replica: &Replica, customer: &str, now: BootTime, reason: DenialReason) {
    match replica.decide(&facts(customer), None, now) {
        Decision::Permit(_) => panic!("permitted, expected {reason}"),
        Decision::Denial(denial) => assert_eq!(denial.reason, reason),
    }
}

#[test]
fn a_granted_use_is_permitted_until_withdrawn() {
    let (mut book, key, grant) = book_with_grant();
    let mut replica = book.replica(boot(100));
    assert_permits(&replica, "anna", boot(101), grant);
    assert_denies(&replica, "bert", boot(101), DenialReason::NoGrant);
    assert!(replica.confirm(&facts("anna"), &grant, boot(101)).is_ok());

    book.withdraw("anna", grant, &key);
    replica.take_frame(book.pins().verify_frame(book.frames.last().unwrap()).unwrap()).unwrap();
    // at once: denying needs no newer head
    assert_denies(&replica, "anna", boot(101), DenialReason::Withdrawn);
    assert_eq!(
        replica.confirm(&facts("anna"), &grant, boot(101)).unwrap_err().reason,
        DenialReason::Withdrawn
    );
}

/// Rules in shadow reach the gate too, and it goes on as before until they are promoted.
#[test]
fn rules_in_shadow_deny_nothing() {
    let (mut book, _, grant) = book_with_grant();
    let mut replica = book.replica(boot(100));
    let enterprise = book.enterprise.clone();
    let text = serde_json::json!({"en": "ask", "zh-CN": "请求"});
    let plan = serde_json::json!({"version": 1, "rules": [
        {"id": "no", "effect": "forbid", "text": text, "when": {"bool": true}},
    ]});
    let mut publish = |replica: &mut Replica, from, stage| {
        let (plan, sources) = (plan.clone(), Bytes32([0; 32]));
        let event =
            PolicyPublished { version: 1, from: UnixSeconds(from), sources, plan, stage: Some(stage) };
        book.append(&Event::PolicyPublished(event), &[&enterprise]);
        replica.take_frame(book.pins().verify_frame(book.frames.last().unwrap()).unwrap()).unwrap();
    };
    let hours = std::num::NonZeroU16::new(1).unwrap();
    publish(&mut replica, NOW, Stage::Shadow(Shadow { hours }));
    assert_permits(&replica, "anna", boot(101), grant);
    publish(&mut replica, NOW + 3600, Stage::Promoted(Promotion { early: None }));
    assert_denies(&replica, "anna", boot(101), DenialReason::Policy);
}

/// Rules reach the gate by the feed, as templates do: from then on it judges by them, and by the next ones in their turn.
#[test]
fn published_rules_are_judged_by_as_soon_as_they_come() {
    let (mut book, _, grant) = book_with_grant();
    let mut replica = book.replica(boot(100));
    assert_permits(&replica, "anna", boot(101), grant);
    let enterprise = book.enterprise.clone();
    let mut publish = |replica: &mut Replica, version, when: serde_json::Value| {
        let text = serde_json::json!({"en": "ask", "zh-CN": "请求"});
        let rules = [("agreed", "permit", serde_json::json!({"bool": true})), ("no", "forbid", when)];
        let rules = rules.map(
            |(id, effect, when)| serde_json::json!({"id": id, "effect": effect, "text": text, "when": when}),
        );
        let plan = serde_json::json!({"version": 1, "rules": rules});
        let from = UnixSeconds(NOW);
        let event = PolicyPublished { version, from, sources: Bytes32([0; 32]), plan, stage: None };
        book.append(&Event::PolicyPublished(event), &[&enterprise]);
        replica.take_frame(book.pins().verify_frame(book.frames.last().unwrap()).unwrap()).unwrap();
    };
    let of_purpose =
        |purpose: &str| serde_json::json!({"equal": [{"attribute": "purpose"}, {"word": purpose}]});
    publish(&mut replica, 1, of_purpose("research"));
    assert_denies(&replica, "anna", boot(101), DenialReason::Policy);
    assert_eq!(replica.confirm(&facts("anna"), &grant, boot(101)).unwrap_err().reason, DenialReason::Policy);
    // whoever has no grant hears that first
    assert_denies(&replica, "bert", boot(101), DenialReason::NoGrant);
    let age = serde_json::json!({"less": [{"attribute": "customer.age"}, {"long": 14}]});
    publish(&mut replica, 2, age);
    assert_denies(&replica, "anna", boot(101), DenialReason::PolicyError);
    publish(&mut replica, 3, of_purpose("marketing"));
    assert_permits(&replica, "anna", boot(101), grant);
    // out of sequence, which no ledger admits: whether the rules at hand still hold cannot be told
    publish(&mut replica, 3, of_purpose("marketing"));
    assert_denies(&replica, "anna", boot(101), DenialReason::Blocked);
}

#[test]
fn without_a_young_head_everything_is_denied() {
    let (book, _, grant) = book_with_grant();
    let mut replica = Replica::new(book.pins(), BOUND);
    assert_denies(&replica, "anna", boot(100), DenialReason::Stale);
    let unknown = UseFacts { purpose: term("palmistry"), ..facts("anna") };
    let decision = replica.decide(&unknown, None, boot(100));
    assert!(matches!(decision, Decision::Denial(denial) if denial.reason == DenialReason::UnknownTerm));
    for frame in &book.frames {
        replica.take_frame(book.pins().verify_frame(frame).unwrap()).unwrap();
    }
    assert_denies(&replica, "anna", boot(100), DenialReason::Stale);

    // the age counts from sending the nonce at 100, not from the answer at 104
    replica.take_head(&book.head([1; 32]), Question::new([1; 32], boot(100)), boot(104)).unwrap();
    assert_eq!(replica.head_age(boot(104)), Some(Duration::from_secs(4)));
    assert_permits(&replica, "anna", boot(104), grant);
    assert_denies(&replica, "anna", boot(105), DenialReason::Stale);
    assert_eq!(replica.fresh_until(boot(105)), None);

    // an answer that comes too late is too old when it comes
    replica.take_head(&book.head([2; 32]), Question::new([2; 32], boot(105)), boot(110)).unwrap();
    assert_denies(&replica, "anna", boot(110), DenialReason::Stale);
    replica.take_head(&book.head([3; 32]), Question::new([3; 32], boot(109)), boot(110)).unwrap();
    assert_permits(&replica, "anna", boot(110), grant);
}

#[test]
fn heads_count_only_for_their_own_nonce_tenant_and_log() {
    let (book, _, _) = book_with_grant();
    let mut replica = book.replica(boot(100));
    let question = |nonce| Question::new([nonce; 32], boot(103));
    let replayed = book.head([5; 32]);
    let refused = replica.take_head(&replayed, question(6), boot(103));
    assert!(matches!(refused, Err(Fault::Head(HeadError::Nonce))), "{refused:?}");

    let mut forged = book.head([6; 32]);
    forged.head = forged.head.replace(&tenant().to_string(), "0191f3a0-5e1c-7b3a-9a55-000000000000");
    let refused = replica.take_head(&forged, question(6), boot(103));
    assert!(matches!(refused, Err(Fault::Head(HeadError::BadSignature))), "{refused:?}");

    // neither made it younger, nor emptied it
    assert_eq!(replica.head_age(boot(104)), Some(Duration::from_secs(4)));
    assert_eq!(replica.position(), FeedPosition(4));
}

#[test]
fn a_head_ahead_of_the_replica_counts_when_its_frames_are_in() {
    let (mut book, key, grant) = book_with_grant();
    let mut replica = book.replica(boot(100));
    book.withdraw("anna", grant, &key);
    book.enrol("bert", &signer(21));
    replica.take_head(&book.head([1; 32]), Question::new([1; 32], boot(103)), boot(103)).unwrap();
    // there are frames that it has not seen, so it does not get younger
    assert_eq!(replica.head_age(boot(104)), Some(Duration::from_secs(4)));
    assert_eq!(replica.waiting_since(), Some(boot(103)));
    for frame in book.frames.clone().iter().skip(4) {
        replica.take_frame(book.pins().verify_frame(frame).unwrap()).unwrap();
    }
    assert_eq!(replica.head_age(boot(104)), Some(Duration::from_secs(1)));
    assert_eq!(replica.waiting_since(), None);
    assert_denies(&replica, "anna", boot(107), DenialReason::Withdrawn);
}

#[test]
fn a_head_overtaken_by_frames_counts_and_a_rolled_back_one_does_not() {
    let (mut book, _, grant) = book_with_grant();
    let (before, old_chain) = (book.head([1; 32]), book.chain);
    let mut replica = book.replica(boot(100));
    book.enrol("bert", &signer(21));
    replica.take_frame(book.pins().verify_frame(book.frames.last().unwrap()).unwrap()).unwrap();
    replica.take_head(&before, Question::new([1; 32], boot(102)), boot(103)).unwrap();
    assert_eq!(replica.head_age(boot(103)), Some(Duration::from_secs(1)));
    assert_permits(&replica, "anna", boot(103), grant);

    replica.take_head(&book.head([2; 32]), Question::new([2; 32], boot(104)), boot(104)).unwrap();
    // a ledger that lost the last entry signs a smaller tree
    let (lost, _, _) = book_with_grant();
    let head = lost.head_at(old_chain, [3; 32]);
    replica.take_head(&head, Question::new([3; 32], boot(106)), boot(106)).unwrap();
    assert_eq!(replica.head_age(boot(106)), Some(Duration::from_secs(2)));
    assert_denies(&replica, "anna", boot(109), DenialReason::Stale);
}

#[test]
fn dropped_reordered_and_repeated_frames_empty_the_replica() {
    let (book, _, _) = book_with_grant();
    let verified = |at: usize| book.pins().verify_frame(&book.frames[at]).unwrap();
    for (name, order) in [
        ("dropped", vec![0, 1, 3]),
        ("reordered", vec![0, 2]),
        ("repeated", vec![0, 1, 1]),
        ("late", vec![1]),
    ] {
        let mut replica = Replica::new(book.pins(), BOUND);
        let (last, rest) = order.split_last().unwrap();
        for at in rest {
            replica.take_frame(verified(*at)).unwrap();
        }
        let fault = replica.take_frame(verified(*last)).unwrap_err();
        assert!(matches!(fault, Fault::Gap { .. }), "{name}: {fault:?}");
        assert_eq!((replica.position(), replica.customers()), (FeedPosition(0), 0), "{name}");
        assert_denies(&replica, "anna", boot(100), DenialReason::Stale);
    }
}

#[test]
fn another_history_empties_the_replica() {
    let (book, _, _) = book_with_grant();

    // a frame whose number was changed to fill the gap of one left out
    let mut renumbered = book.frames[3].clone();
    renumbered.seq = FeedPosition(2);
    let mut replica = Replica::new(book.pins(), BOUND);
    for frame in &book.frames[..2] {
        replica.take_frame(book.pins().verify_frame(frame).unwrap()).unwrap();
    }
    let fault = replica.take_frame(book.pins().verify_frame(&renumbered).unwrap()).unwrap_err();
    assert!(matches!(fault, Fault::Chain), "{fault:?}");

    // and with the chain counted anew, the signed head shows it
    let mut replica = Replica::new(book.pins(), BOUND);
    let mut chain = Chain::start(crate::book::ORIGIN, tenant());
    for (at, seq) in [(0, 0), (1, 1), (3, 2)] {
        let mut frame = book.frames[at].clone();
        let leaf = grantbook_tlog::leaf_hash(&frame.receipt.entry.0);
        chain = chain.next(at as u64, &leaf);
        (frame.seq, frame.chain) = (FeedPosition(seq), chain.value);
        replica.take_frame(book.pins().verify_frame(&frame).unwrap()).unwrap();
    }
    let head = book.head_at(Chain { position: FeedPosition(3), ..book.chain }, [1; 32]);
    let fault = replica.take_head(&head, Question::new([1; 32], boot(100)), boot(100)).unwrap_err();
    assert!(matches!(fault, Fault::Chain), "{fault:?}");
    assert_eq!(replica.position(), FeedPosition(0));
}

#[test]
fn a_grant_that_no_enrolled_key_signed_is_not_taken_in() {
    let (mut book, _, grant) = book_with_grant();
    book.enrol("bert", &signer(21));
    // in the log, with a good signature, but by a key that is not bert's
    book.grant("bert", &signer(20));
    book.grant("carl", &signer(22));
    let replica = book.replica(boot(100));
    assert_denies(&replica, "bert", boot(101), DenialReason::Blocked);
    assert_denies(&replica, "carl", boot(101), DenialReason::Blocked);
    assert_permits(&replica, "anna", boot(101), grant);
}

#[test]
fn an_enrolment_that_nobody_vouched_for_is_not_taken_in() {
    let mut book = Book::new();
    let key = signer(20);
    // the "enterprise" is one that the reader did not pin
    book.enterprise = signer(30);
    book.enrol("anna", &key);
    book.grant("anna", &key);
    book.enterprise = signer(3);
    assert_denies(&book.replica(boot(100)), "anna", boot(101), DenialReason::Blocked);
}

#[test]
fn a_forged_signature_is_refused() {
    let (book, _, _) = book_with_grant();
    let mut frame = book.frames[3].clone();
    let Content::Event(content) = &mut frame.receipt.content else { unreachable!() };
    *content.envelope.0.last_mut().unwrap() ^= 1;
    assert!(matches!(book.pins().verify_frame(&frame), Err(Fault::Receipt(_))));

    // an event of one customer cannot pass as one about another
    let mut frame = book.frames[3].clone();
    frame.about = About::Customer(sub("bert"));
    assert!(matches!(book.pins().verify_frame(&frame), Err(Fault::About)));
}

#[test]
fn another_tenants_event_is_refused() {
    let (mut book, key, _) = book_with_grant();
    let terms = book.terms();
    let other = TenantId::parse("0191f3a0-5e1c-7b3a-9a55-000000000000").unwrap();
    let event = GrantGiven { sub: sub("anna"), terms, request: None, birth_day: None, mandate: None };
    book.append_for(other, &Event::GrantGiven(event), &[&key]);
    assert!(matches!(book.pins().verify_frame(book.frames.last().unwrap()), Err(Fault::Tenant)));
}

#[test]
fn what_is_not_understood_blocks_what_it_is_about() {
    let other_kind = |number: u8| {
        let (mut entry, _) = entry_of(Kind::KeyRevoked, Bytes32([1; 32]), &[]);
        entry[1] = number;
        entry
    };
    let other_version = |kind: Kind| {
        let (mut entry, _) = entry_of(kind, Bytes32([1; 32]), &[]);
        entry[0] = 2;
        entry
    };
    let content = || {
        Content::Event(EventContent { envelope: Base64Bytes(Vec::new()), keys: Vec::new(), attached: None })
    };
    let (_, _, grant) = book_with_grant();
    let of_anna = || About::Grant(GrantOf { sub: sub("anna"), grant });
    let blocked = Some(DenialReason::Blocked);
    for (name, entry, about, anna, bert) in [
        ("critical, of a grant", other_kind(99), of_anna(), blocked, None),
        ("critical, of a customer", other_kind(99), About::Customer(sub("bert")), None, blocked),
        ("critical, of the tenant", other_kind(99), About::Tenant, blocked, blocked),
        ("uncritical", other_kind(200), About::Tenant, None, None),
        ("version", other_version(Kind::PayoutPaid), About::Customer(sub("anna")), blocked, None),
    ] {
        let (mut book, _, grant) = book_with_grant();
        book.enrol("bert", &signer(21));
        let grant_of_bert = book.grant("bert", &signer(21));
        book.append_entry(entry, Salt(Bytes32([1; 32])), content(), Vec::new(), about);
        let replica = book.replica(boot(100));
        for (customer, expected, grant) in [("anna", anna, grant), ("bert", bert, grant_of_bert)] {
            eprintln!("{name}: {customer}");
            match expected {
                Some(reason) => assert_denies(&replica, customer, boot(101), reason),
                None => assert_permits(&replica, customer, boot(101), grant),
            }
        }
    }
}

#[test]
fn a_payload_of_a_later_version_blocks_its_grant() {
    let (mut book, key, grant) = book_with_grant();
    let about = About::Grant(GrantOf { sub: sub("anna"), grant });
    book.append_payload(Kind::GrantPaused, br#"{"v":2}"#, &[&key], about);
    assert_denies(&book.replica(boot(100)), "anna", boot(101), DenialReason::Blocked);
}

#[test]
fn at_least_is_behind_until_a_head_has_the_entry() {
    let (mut book, key, grant) = book_with_grant();
    let last = LeafIndex(book.size() - 1);
    let mut replica = book.replica(boot(100));
    let behind = |replica: &Replica, leaf| {
        let decision = replica.decide(&facts("anna"), Some(leaf), boot(101));
        matches!(decision, Decision::Denial(denial) if denial.reason == DenialReason::Behind)
    };
    assert!(!behind(&replica, last));
    let next = LeafIndex(last.0 + 1);
    assert!(behind(&replica, next));
    book.withdraw("anna", grant, &key);
    replica.take_frame(book.pins().verify_frame(book.frames.last().unwrap()).unwrap()).unwrap();
    // the frame alone is not enough: it takes the head
    assert!(behind(&replica, next));
    replica.take_head(&book.head([1; 32]), Question::new([1; 32], boot(101)), boot(101)).unwrap();
    assert!(!behind(&replica, next));
}

#[test]
fn the_ledgers_time_decides_about_validity() {
    let mut book = Book::new();
    let key = signer(20);
    book.enrol("anna", &key);
    let mut terms = book.terms();
    let validity =
        grantbook_record::terms::Validity::new(UnixSeconds(NOW + 2), UnixSeconds(NOW + 4)).unwrap();
    terms.validity = validity;
    let event = GrantGiven { sub: sub("anna"), terms, request: None, birth_day: None, mandate: None };
    let grant = book.append(&Event::GrantGiven(event), &[&key]);
    let replica = book.replica(boot(100));
    assert_denies(&replica, "anna", boot(101), DenialReason::NotStarted);
    assert_permits(&replica, "anna", boot(102), grant);
    assert_denies(&replica, "anna", boot(104), DenialReason::Expired);
}

/// A withdrawal that is held back could be passed off as a frame of somebody who was erased.
#[test]
fn an_erased_frame_blocks_everything_until_the_log_says_that_somebody_was_erased() {
    let (mut book, key, grant) = book_with_grant();
    book.withdraw("anna", grant, &key);
    let again = book.grant("anna", &key);
    let held_back = &mut book.frames[4];
    held_back.about = About::Erased;
    held_back.receipt.content = Content::Erased;
    let replica = book.replica(boot(100));
    assert_denies(&replica, "anna", boot(101), DenialReason::Blocked);

    let erased = |signer: &Signer| {
        let (mut book, key, grant) = book_with_grant();
        book.withdraw("anna", grant, &key);
        let again = book.grant("anna", &key);
        book.frames[4].about = About::Erased;
        book.frames[4].receipt.content = Content::Erased;
        book.append(&Event::SubjectErased(SubjectErased { data_key: 7, given: None }), &[signer]);
        (book, again)
    };
    // by somebody who is not the operator
    let (book, _) = erased(&key);
    assert_denies(&book.replica(boot(100)), "anna", boot(101), DenialReason::Blocked);
    let operator = book.operator.clone();
    let (book, again_there) = erased(&operator);
    assert_eq!(again, again_there);
    let replica = book.replica(boot(100));
    assert!(matches!(replica.decide(&facts("anna"), None, boot(101)), Decision::Permit(_)));

    // an erased frame says nothing else about itself
    let mut frame = book.frames[4].clone();
    frame.about = About::Tenant;
    assert!(matches!(book.pins().verify_frame(&frame), Err(Fault::About)));
}

fn shred(book: &mut Book, given: u64) {
    let operator = book.operator.clone();
    book.append(&Event::SubjectErased(SubjectErased { data_key: 7, given: Some(given) }), &[&operator]);
}

fn without_content(book: &mut Book, frame: usize) {
    book.frames[frame].about = About::Erased;
    book.frames[frame].receipt.content = Content::Erased;
}

#[test]
fn a_shredded_grant_is_forgotten_and_the_others_stay() {
    let (mut book, key, grant) = book_with_grant();
    let given = book.size() - 1;
    book.withdraw("anna", grant, &key);
    let mut replica = book.replica(boot(100));
    assert_denies(&replica, "anna", boot(101), DenialReason::Withdrawn);
    shred(&mut book, given);
    replica.take_frame(book.pins().verify_frame(book.frames.last().unwrap()).unwrap()).unwrap();
    assert_denies(&replica, "anna", boot(101), DenialReason::NoGrant);
    let again = book.grant("anna", &key);
    assert_permits(&book.replica(boot(100)), "anna", boot(101), again);

    // who begins now gets both frames without content, and is not in doubt for ever
    without_content(&mut book, 3);
    without_content(&mut book, 4);
    assert_permits(&book.replica(boot(100)), "anna", boot(101), again);
}

/// The gate was away when the grant was withdrawn, and comes back after it was shredded.
#[test]
fn a_grant_whose_end_was_shredded_does_not_come_to_life() {
    let (mut book, key, grant) = book_with_grant();
    let given = book.size() - 1;
    let mut replica = book.replica(boot(100));
    book.withdraw("anna", grant, &key);
    shred(&mut book, given);
    without_content(&mut book, 4);
    for frame in &book.frames[4..] {
        replica.take_frame(book.pins().verify_frame(frame).unwrap()).unwrap();
    }
    assert_denies(&replica, "anna", boot(101), DenialReason::NoGrant);
}

#[test]
fn a_grant_that_took_the_place_of_a_shredded_one_permits() {
    let (mut book, key, grant) = book_with_grant();
    let given = book.size() - 1;
    let terms = grantbook_record::Terms { supersedes: Some(grant), ..book.terms() };
    let event = GrantGiven { sub: sub("anna"), terms, request: None, birth_day: None, mandate: None };
    let later = book.append(&Event::GrantGiven(event), &[&key]);
    shred(&mut book, given);
    assert_permits(&book.replica(boot(100)), "anna", boot(101), later);
    without_content(&mut book, 3);
    assert_permits(&book.replica(boot(100)), "anna", boot(101), later);
}
