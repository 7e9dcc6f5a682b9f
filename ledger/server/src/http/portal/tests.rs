use grantbook_engine::{Clock, Recorded};
use grantbook_portal::view::customer::Standing;
use grantbook_portal::view::money::Formula;
use grantbook_portal::view::story::What;
use grantbook_record::day::DataPeriod;
use grantbook_record::event::{Channel, Claims, RequestMade};
use grantbook_record::list::List;
use grantbook_record::uses::UseFacts;
use grantbook_record::{DataDay, Envelope, Kind, SubjectId, Term};

use super::*;
use crate::fixture::{Fixture, Loaded};
use crate::{Flags, ServerConfig};

const FIXTURE: &str = r#"{"v":1,
"notices":[{"id":"news","version":1,"language":"en","text":"We use your purchases to recommend records."}],
"templates":[{"id":"news","version":1,"text":[{"language":"en","title":"Recommendations","body":"Records."}],
"bounds":{"controllers":["record-shop"],"recipients":["recommender"],"purposes":["service-personalisation"],
"categories":["purchases"],"validity_days_max":366,"price_min":{"currency":"CNY","minor":80},"birth_day":false}}],
"grants":[
{"sub":"cs-1","template":"news","notice":"news","days":365,"terms":{"controller":"record-shop","recipient":"recommender",
"purpose":"service-personalisation","scope":{"include":[{"category":"purchases"}]},"limits":{"uses":2,"retention_days":7},
"compensation":{"per_use":{"currency":"CNY","minor":80}}}},
{"sub":"cs-2","template":"news","notice":"news","days":365,"terms":{"controller":"record-shop","recipient":"recommender",
"purpose":"service-personalisation","scope":{"include":[{"category":"purchases"}]},"compensation":{"per_use":{"currency":"CNY","minor":90}}}}
]}"#;

/// A ledger whose sandbox has two customers with a grant each.
struct Stage {
    _folder: tempfile::TempDir,
    ledger: Ledger,
    loaded: Loaded,
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags = Flags {
            data_dir: Some(folder.path().join("data")),
            origin: Some("ledger.test/pages".to_owned()),
            ..Flags::default()
        };
        let file = folder.path().join("grantbook.toml");
        std::fs::write(&file, "").unwrap();
        let ledger = Ledger::open(&ServerConfig::load(Some(&file), &flags).unwrap().ledger()).unwrap();
        let loaded = Fixture::parse(FIXTURE.as_bytes()).unwrap().load(&ledger, || ledger.new_id()).unwrap();
        Self { _folder: folder, ledger, loaded }
    }

    fn place(&self, sub: &str) -> Membership {
        Membership { tenant: self.loaded.tenant, subject: SubjectId::parse(sub).unwrap(), ward: None }
    }

    fn uses(&self, sub: &str, field: &str) -> bool {
        let term = |text| Term::parse(text).unwrap();
        let day = DataDay::parse("2025-07-01").unwrap();
        let facts = UseFacts {
            data_subject: SubjectId::parse(sub).unwrap(),
            requester: term("shop-window"),
            recipient: term("recommender"),
            purpose: term("service-personalisation"),
            action: term("read"),
            categories: List::new(vec![term("purchases")]).unwrap(),
            fields: List::new(vec![term("date"), term(field)]).unwrap(),
            data_period: DataPeriod::new(day, day).unwrap(),
            rows: std::collections::BTreeMap::new(),
            level: None,
            onward: List::default(),
        };
        let recorded = self.ledger.decide_and_record(self.loaded.tenant, &facts, None, None).unwrap();
        matches!(recorded, Recorded::Permit { .. })
    }
}

#[test]
fn a_customer_sees_uses_money_and_the_end() {
    let stage = Stage::set();
    let (ledger, mine) = (&stage.ledger, [stage.place("cs-1")]);
    let grant = stage.loaded.grants[0];
    let before = customer::home(ledger, &mine).unwrap();
    assert_eq!((before.connections.len(), before.uses_lately, before.earned.len()), (1, 0, 0));
    assert_eq!((before.connections[0].uses, before.connections[0].last_use), (0, None));

    assert!(stage.uses("cs-1", "product") && stage.uses("cs-1", "quantity") && stage.uses("cs-2", "date"));
    assert!(!stage.uses("cs-1", "product"), "the cap is two");
    let home = customer::home(ledger, &mine).unwrap();
    assert_eq!((home.uses_lately, home.earned[0].minor), (2, 160));
    assert_eq!((home.connections[0].uses, home.connections[0].uses_max), (2, Some(2)));
    let stop = customer::stop(ledger, &mine[0], grant).unwrap();
    assert_eq!((stop.owed[0].minor, stop.deletion_due.is_some()), (160, true));

    let value = value::value(ledger, &mine).unwrap();
    assert_eq!((value.recipients[0].uses, value.clusters[0].uses, value.months[0].uses), (2, 2, 2));
    assert_eq!((value.earned[0].minor, value.pending[0].minor, value.lines.len()), (160, 160, 1));
    assert!(matches!(value.lines[0].formula, Formula::Uses { uses: 2, price } if price.minor == 80));

    let withdrawn =
        ledger.withdraw_by_channel(mine[0].tenant, &mine[0].subject, grant, Channel::Session).unwrap();
    let page = customer::grant(ledger, &mine[0], grant).unwrap();
    assert_eq!(page.connection.standing, Standing::Withdrawn);
    let told: Vec<&What> = page.story.iter().map(|happening| &happening.what).collect();
    assert!(matches!(told[..], [What::Withdrawn, What::Used(_), What::Used(_), What::Given]), "{told:?}");
    assert_eq!(page.story[0].leaf_index, withdrawn.leaf_index.0);
    assert!(customer::stop(ledger, &mine[0], grant).is_err(), "it has stopped already");
    assert!(customer::change(ledger, &mine[0], grant, &Narrowing::default()).is_err());
    let all = customer::connections(ledger, &mine).unwrap();
    assert_eq!((all.open.len(), all.ended.len()), (0, 1));
    let data = customer::data(ledger, &mine).unwrap();
    assert_eq!((data.companies[0].records, data.companies[0].open, data.companies[0].held), (5, 0, false));
}

#[test]
fn a_request_is_shown_to_its_customer_alone_and_can_be_narrowed() {
    let stage = Stage::set();
    let (ledger, tenant) = (&stage.ledger, stage.loaded.tenant);
    let terms = ledger.grant(tenant, &stage.loaded.grants[0]).unwrap().grant.terms;
    let enterprise = ledger.sandbox().unwrap().enterprise;
    let jti = ledger.new_id();
    let expires = UnixSeconds(Clock::system().now().seconds().0 + 86_400);
    let event = RequestMade { sub: SubjectId::parse("cs-1").unwrap(), terms, expires };
    let envelope =
        Envelope::sign(Kind::RequestMade, &Claims::new(tenant, jti, event).to_json(), &[&enterprise]);
    ledger.append(tenant, &envelope).unwrap();

    let mine = [stage.place("cs-2"), stage.place("cs-1")];
    let narrowing = Narrowing::of_query("without=purchases%2Fproduct&uses=1");
    let review = customer::request(ledger, &mine, jti, &narrowing).unwrap();
    assert_eq!(review.notice.unwrap().1.english, "We use your purchases to recommend records.");
    assert_eq!(review.already, Some(stage.loaded.grants[0].to_string()));
    let narrowed = review.narrowed.unwrap();
    assert_eq!((narrowed.agreement.uses_max, narrowed.agreement.left_out.len()), (Some(1), 1));
    assert_eq!((review.asked.uses_max, review.asked.left_out.len()), (Some(2), 0));
    assert_eq!(customer::home(ledger, &mine).unwrap().waiting.len(), 1);

    let others = [stage.place("cs-2")];
    assert!(customer::request(ledger, &others, jti, &narrowing).is_err());
    assert!(customer::home(ledger, &others).unwrap().waiting.is_empty());
    assert_eq!(customer::keys(ledger, &others).keys.len(), 1);
}

#[test]
fn an_enterprise_sees_grants_uses_templates_and_periods() {
    let stage = Stage::set();
    stage.uses("cs-1", "product");
    let live = LiveGates::new(Duration::from_secs(5), Instant::now());
    let desk =
        company::desk(&stage.ledger, &live, stage.loaded.tenant, Paging::default(), Instant::now()).unwrap();
    assert!(desk.sandbox && desk.grants.len() == 2 && desk.uses.len() == 1);
    assert_eq!((desk.templates[0].id.as_str(), desk.periods[0].uses), ("news", 1));
    assert_eq!(desk.periods[0].due[0].minor, 80);
    let draft = |template: &str| Draft { template: template.to_owned(), ..Draft::default() };
    let preview = company::preview(&stage.ledger, stage.loaded.tenant, &draft("news")).unwrap();
    assert_eq!(preview.review.notice.unwrap().0.english, "Recommendations");
    assert!(company::preview(&stage.ledger, stage.loaded.tenant, &draft("nothing")).is_err());
}
