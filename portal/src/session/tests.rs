use axum::http::HeaderMap;
use grantbook_record::UnixSeconds;

use grantbook_record::encoding::Base64Bytes;

use super::*;
use crate::account::AccountId;
use crate::secret::tests::Memory;

const LIFETIMES: Lifetimes = Lifetimes { idle_seconds: 1800, absolute_seconds: 43_200 };
const BEGAN: u64 = 1_795_000_000;

fn headers(token: &Secret) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let sent = format!("lang=en; {COOKIE}={}; other=1", token.reveal());
    headers.insert(header::COOKIE, HeaderValue::try_from(sent).unwrap());
    headers
}

#[test]
fn a_session_ends_by_rest_and_by_age() {
    let mut rows = Memory::default();
    let account = AccountId::random();
    let by = Base64Bytes(vec![1]);
    let token = begin(&mut rows, &account, Some(&by), UnixSeconds(BEGAN));
    let at = |rows: &Memory, seconds: u64| {
        current(rows, &headers(&token), &LIFETIMES, UnixSeconds(BEGAN + seconds))
    };
    assert!(at(&rows, 1799).is_ok());
    assert_eq!(at(&rows, 1800).unwrap_err(), Failure::NotLoggedIn);
    // used every quarter of an hour it goes on, but not beyond its age
    for quarter in (0..43_200).step_by(900) {
        let seen = at(&rows, quarter).unwrap();
        seen.note(&mut rows, UnixSeconds(BEGAN + quarter));
    }
    assert!(at(&rows, 43_199).is_ok());
    assert_eq!(at(&rows, 43_200).unwrap_err(), Failure::NotLoggedIn);
    sweep(&mut rows, &LIFETIMES, UnixSeconds(BEGAN + 43_199)).unwrap();
    assert_eq!(rows.names("session/").len(), 1);
    sweep(&mut rows, &LIFETIMES, UnixSeconds(BEGAN + 43_200)).unwrap();
    assert!(rows.names("session/").is_empty());
}

#[test]
fn a_passkey_is_fresh_for_five_minutes_and_a_code_never() {
    let mut rows = Memory::default();
    let account = AccountId::random();
    let by = Base64Bytes(vec![1]);
    let by_passkey = begin(&mut rows, &account, Some(&by), UnixSeconds(BEGAN));
    let by_code = begin(&mut rows, &account, None, UnixSeconds(BEGAN));
    let fresh = |token: &Secret, seconds: u64| {
        let now = UnixSeconds(BEGAN + seconds);
        current(&rows, &headers(token), &LIFETIMES, now).unwrap().session.expect_fresh(now)
    };
    assert_eq!(fresh(&by_passkey, 299), Ok(()));
    assert_eq!(fresh(&by_passkey, 300), Err(Failure::NotFresh));
    assert_eq!(fresh(&by_code, 0), Err(Failure::NotFresh));
}

#[test]
fn a_session_that_ended_does_not_come_back_by_being_noted() {
    let mut rows = Memory::default();
    let token = begin(&mut rows, &AccountId::random(), Some(&Base64Bytes(vec![1])), UnixSeconds(BEGAN));
    let current = current(&rows, &headers(&token), &LIFETIMES, UnixSeconds(BEGAN)).unwrap();
    current.end(&mut rows);
    current.note(&mut rows, UnixSeconds(BEGAN + 100));
    assert!(rows.names("session/").is_empty());
}
