//! Days that comply, alone and in a chain.

use std::collections::BTreeSet;

use grantbook_proof::prove::{DayInput, ProverError, SecretSums};
use grantbook_proof::{Chain, ProofError, Prover, Statement, StatementPolicy, verify_bundle};
use grantbook_record::terms::Language;
use grantbook_record::{Class, Currency, Kind};
use grantbook_tlog::{Demands, Policy};

use crate::story;
use crate::world::{FIRST_DAY, POLICY, World, begins, cny, keys, policy};

const NO_EXCEPTIONS: BTreeSet<(u64, Statement)> = BTreeSet::new();

#[test]
fn a_day_that_complies_verifies() {
    let mut world = World::new();
    story::day(&mut world, 3, None);
    let made = world.prove(FIRST_DAY, &Chain::new(), &SecretSums::default(), &NO_EXCEPTIONS).unwrap();
    let mut chain = Chain::new();
    let report = verify_bundle(&made.bundle, &keys(), &Demands::default(), &policy(), &mut chain).unwrap();
    assert_eq!(report, made.report);
    assert_eq!(chain.to_json(), made.chain.to_json());
    for statement in &report.statements {
        assert!(statement.asked, "{:?}", statement.statement);
        assert!(statement.entries >= 3, "{:?}", statement.statement);
        assert_eq!(statement.exceptions, 0);
    }
    assert!(!report.vouched.witnessed);
    assert!(report.to_string().contains("not witnessed"));
    let pages = [Language::English, Language::SimplifiedChinese].map(|language| report.to_html(language));
    assert!(pages[0].contains("Each use names a grant.") && pages[1].contains("每次使用均指明一项授权。"));
    for page in pages {
        assert!(page.contains("log.example/2025") && page.ends_with("</html>"));
        assert!(!page.contains("http") && !page.contains("src="), "nothing from elsewhere");
    }
    let mut markup = report.clone();
    markup.origin = "<script>\"&".to_owned();
    assert!(markup.to_html(Language::English).contains("&lt;script&gt;&quot;&amp;"));

    // what the verifier asks decides
    let refused = |keys, demands: &Demands, policy: &StatementPolicy| {
        verify_bundle(&made.bundle, &keys, demands, policy, &mut Chain::new()).unwrap_err()
    };
    let other = StatementPolicy::parse(POLICY.replace("75", "74").as_bytes()).unwrap();
    assert_eq!(refused(keys(), &Demands::default(), &other).code(), "field");
    let witness = "witness.example+f3d2e96a+BN2vVbhkCY1WsnUYWXjoyQVTnMYsKDSdLH0ZGJ2iDDw/";
    if let Ok(asked) = Policy::parse(format!("witness w {witness}\nquorum w\n").as_bytes()) {
        let demands = Demands { policy: Some(asked), post_quantum: false };
        assert_eq!(refused(keys(), &demands, &policy()), ProofError::Unwitnessed);
    }
}

#[test]
fn days_are_chained_and_a_chain_can_be_kept() {
    let mut world = World::new();
    // a grant of the first day is used on all of them, its last use after a deletion; it is paused over night
    let money = cny();
    let none = Currency::NONE;
    let from = begins(FIRST_DAY);
    let terms = [from, from + 10 * 86_400, 9, 80, 3];
    let grant = world.push(Kind::GrantGiven, Class::Terms, money, &terms, 1, None);
    let used = |world: &mut World, time, version| {
        world.push(Kind::UseRecorded, Class::Use, money, &[time, 80], 1, Some(version))
    };
    let event =
        |world: &mut World, kind, time, names| world.push(kind, Class::Timed, none, &[time], 1, Some(names));
    used(&mut world, from + 10, grant);
    event(&mut world, Kind::GrantPaused, from + 20, grant);
    let mut chain = Chain::new();
    let mut sums = SecretSums::default();
    let mut verified = Chain::new();
    let mut prove = |world: &World, day: u16| {
        let made = world.prove(day, &chain, &sums, &NO_EXCEPTIONS).unwrap();
        chain = Chain::parse(&made.chain.to_json()).unwrap();
        sums = serde_json::from_slice(&serde_json::to_vec(&made.sums).unwrap()).unwrap();
        // another day's chain, or none, is refused
        let verify =
            |chain: &mut Chain| verify_bundle(&made.bundle, &keys(), &Demands::default(), &policy(), chain);
        let refused = verify(&mut made.chain.clone()).unwrap_err();
        assert_eq!(refused.code(), "chain");
        if verified.day().is_some() {
            assert_eq!(verify(&mut Chain::new()).unwrap_err().code(), "chain");
        }
        let report = verify(&mut verified).unwrap();
        verified = Chain::parse(&verified.to_json()).unwrap();
        assert_eq!(report.from_size, 5);
        report
    };
    prove(&world, FIRST_DAY);

    world.begin(FIRST_DAY + 1);
    let from = begins(FIRST_DAY + 1);
    // one that arrives late, from before the pause
    let late = used(&mut world, begins(FIRST_DAY) + 20 + 5, grant);
    event(&mut world, Kind::GrantResumed, from + 30, grant);
    used(&mut world, from + 30, grant);
    let amended = world.push(
        Kind::GrantAmended,
        Class::Terms,
        money,
        &[from + 40, from + 86_400, 4, 90, 40_000],
        1,
        Some(grant),
    );
    let last = world.push(Kind::UseRecorded, Class::Use, money, &[from + 41, 90], 1, Some(amended));
    event(&mut world, Kind::DataDeleted, from + 50, late);
    world.push(Kind::SettlementClosed, Class::Plain, none, &[], 0, None);
    world.push(Kind::SettlementPosted, Class::Settlement, money, &[0, 3 * 80 + 90], 1, None);
    prove(&world, FIRST_DAY + 1);

    // a day on which the tenant has nothing
    world.begin(FIRST_DAY + 2);
    world.foreign();
    let report = prove(&world, FIRST_DAY + 2);
    assert!(report.is_nothing_proved());
    assert!(report.to_string().contains("Nothing proved"));

    // the last use is kept for very long, and nothing more is asked of it
    world.begin(FIRST_DAY + 3);
    let ended = event(&mut world, Kind::GrantWithdrawn, begins(FIRST_DAY + 3) + 5, amended);
    let report = prove(&world, FIRST_DAY + 3);
    assert_eq!(report.statements[10].entries, 1, "the use before it");
    assert_eq!(report.statements[12].entries, 1);
    world.begin(FIRST_DAY + 4);
    event(&mut world, Kind::RecipientAcknowledged, begins(FIRST_DAY + 4) + 4, ended);
    event(&mut world, Kind::DataDeleted, begins(FIRST_DAY + 3) + 25, last);
    let report = prove(&world, FIRST_DAY + 4);
    assert_eq!(report.statements[9].entries, 2);
    assert_eq!(report.statements[10].entries, 0);
    assert_eq!(report.statements[12].entries, 0);
}

#[test]
fn what_the_prover_lacks_is_named() {
    let mut world = World::new();
    story::day(&mut world, 1, None);
    let fails = |world: &World| {
        world.prove(FIRST_DAY, &Chain::new(), &SecretSums::default(), &NO_EXCEPTIONS).unwrap_err()
    };
    let opening = world.openings.remove(&6).unwrap();
    assert_eq!(fails(&world), ProverError::MissingOpening { leaf: 6 });
    let mut other = opening.clone();
    other[0].value += 1;
    world.openings.insert(6, other);
    assert_eq!(fails(&world), ProverError::MissingOpening { leaf: 6 });
    world.openings.insert(6, opening);
    let link = world.links.remove(&6).unwrap();
    assert_eq!(fails(&world), ProverError::MissingLink { leaf: 6 });
    world.links.insert(6, link);
    world.groups.remove(&1);
    assert_eq!(fails(&world), ProverError::MissingGroup { leaf: 5, group: 1 });
}

#[test]
fn another_key_hides_no_day() {
    let mut world = story::small();
    let made = world.prove(FIRST_DAY, &Chain::new(), &SecretSums::default(), &NO_EXCEPTIONS).unwrap();
    story::round(&mut world, 0, &[Statement::TimeOfDay]);
    // under a key made up for the day the prover has no entries
    world.with_input(FIRST_DAY + 1, &NO_EXCEPTIONS, |input| {
        let made_up = grantbook_record::TagKey::from_bytes([0x55; 32]);
        let input = DayInput { tag_key: &made_up, ..*input };
        let refused = Prover::new(&input, &made.chain, &made.sums, &world).err().unwrap();
        assert!(matches!(refused, ProverError::Day(ProofError::Chain { .. })), "{refused}");
    });
}
