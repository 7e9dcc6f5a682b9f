use super::*;
use crate::secret::tests::Memory;

fn invitation(expires: u64) -> Invitation {
    Invitation {
        tenant: TenantId::from_bytes([7; 16]),
        sub: SubjectId::parse("cs-00004").unwrap(),
        evidence: Evidence::Enterprise,
        return_url: None,
        request: None,
        brings: Brings::Customer,
        known: false,
        expires: UnixSeconds(expires),
        taken: None,
    }
}

#[test]
fn an_invitation_expires_and_is_one_accounts() {
    let mut rows = Memory::default();
    let token = Secret::random();
    put(&mut rows, &name(&token), &invitation(1000));
    let (one, two) = (AccountId::random(), AccountId::random());
    let find = |rows: &Memory, account: Option<&AccountId>, now| {
        Invitation::find(rows, &token, account, UnixSeconds(now)).map(drop)
    };
    let gone = Err(Failure::Gone("an invitation that nobody has used and that has not expired"));
    assert_eq!(find(&rows, None, 999), Ok(()));
    assert_eq!(find(&rows, None, 1000), gone);
    assert_eq!(find(&rows, Some(&one), 1000), gone);
    invitation(1000).take(&mut rows, &token, &one);
    assert_eq!(find(&rows, Some(&one), 999), Ok(()));
    assert_eq!(find(&rows, Some(&two), 999), gone);
    assert_eq!(find(&rows, None, 999), gone);
    let other = Secret::random();
    assert_eq!(Invitation::find(&rows, &other, None, UnixSeconds(1)).map(drop), Err(Failure::NotFound));
    sweep(&mut rows, UnixSeconds(1000)).unwrap();
    assert!(rows.names("invitation/").is_empty());
}

#[test]
fn a_way_back_is_an_https_address_and_nothing_else() {
    for url in
        ["https://voltway.example", "https://voltway.example/app?a=b#c", "https://voltway.example:8443/"]
    {
        assert!(is_a_way_back(url), "{url}");
    }
    for url in [
        "",
        "https://",
        "https:///app",
        "http://voltway.example",
        "javascript:alert(1)",
        "//voltway.example",
        "https://user@voltway.example",
        "https://voltway.example/a b",
        "https://voltway.example/\"",
        "https://voltway.example/\u{202e}",
        &format!("https://voltway.example/{}", "a".repeat(1024)),
    ] {
        assert!(!is_a_way_back(url), "{url}");
    }
}

#[test]
fn the_way_back_says_what_came_of_it_and_nothing_else() {
    for (url, with) in [
        ("https://voltway.example", "https://voltway.example?outcome=agreed"),
        ("https://voltway.example/app?a=b", "https://voltway.example/app?a=b&outcome=agreed"),
        ("https://voltway.example/app#x?y", "https://voltway.example/app?outcome=agreed#x?y"),
    ] {
        let back = WayBack { url: url.to_owned(), expires: UnixSeconds(1) };
        assert_eq!(back.telling("agreed"), with);
    }
    let mut rows = Memory::default();
    let (one, two) = (AccountId::random(), AccountId::random());
    let request = Jti::new(grantbook_record::UnixMillis(1), [1; 10]);
    let url = Some("https://voltway.example".to_owned());
    let linked = Invitation { request: Some(request), return_url: url, ..invitation(1000) };
    linked.keep_way_back(&mut rows, &one);
    assert!(WayBack::of(&rows, &one, &request, UnixSeconds(999)).is_some());
    assert!(WayBack::of(&rows, &one, &request, UnixSeconds(1000)).is_none(), "no longer than the link");
    assert!(WayBack::of(&rows, &two, &request, UnixSeconds(999)).is_none(), "another account's");
    sweep(&mut rows, UnixSeconds(1000)).unwrap();
    assert!(rows.names("way-back/").is_empty());
}
