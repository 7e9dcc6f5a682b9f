//! Customers with agents: erased, and moved to another ledger.

use grantbook_engine::{Ledger, LedgerConfig, ReadError};
use grantbook_plan::Decision;
use grantbook_record::event::{
    Channel, GrantGiven, MandateGiven, MandateSource, MandateWithdrawn, RequestMade,
};
use grantbook_record::feed::{About, FeedPosition};
use grantbook_record::{Jti, Kind, Signer, TenantId, UnixSeconds};
use grantbook_tlog::LeafIndex;
use serde_json::json;

use crate::transfers::{export, import};
use crate::world::{self, World};

/// A customer whose agent has handed its mandate on; each of the two agents has granted.
struct Represented {
    name: &'static str,
    agents: [Signer; 2],
    mandates: [Jti; 2],
    grants: [LeafIndex; 2],
}

impl Represented {
    fn new(world: &World, name: &'static str, seed: u8) -> Self {
        let customer = world.enrol(name);
        let agents = [seed, seed + 1].map(|seed| Signer::from_seed(&[seed; 32]).unwrap());
        // one that is handed on may end no later than the one above
        let until = world.config.clock.now().seconds().0 + 86_400;
        let give = |from: MandateSource, agent: &Signer, depth: u8, signer: &Signer| {
            let members = json!({
                "sub": name, "from": from, "agent": agent.public_key(), "depth": depth,
                "until": until,
                "rules": [{"accept": {"uses_max": 10}}],
            });
            let event: MandateGiven = serde_json::from_value(members).unwrap();
            world.append(Kind::MandateGiven, event, &[signer]).unwrap();
            known(&world.ledger, world.tenant, name).last().unwrap().0
        };
        let above = give(MandateSource::Key(customer.thumbprint()), &agents[0], 1, &customer);
        let below = give(MandateSource::Mandate(above), &agents[1], 0, &agents[0]);
        let mut represented = Self { name, agents, mandates: [above, below], grants: [LeafIndex(0); 2] };
        represented.grants = [0, 1].map(|at| represented.grant(world, &world.ledger, at).unwrap());
        represented
    }

    /// A grant by an agent.
    fn grant(&self, world: &World, ledger: &Ledger, agent: usize) -> Option<LeafIndex> {
        let mandate = Some(self.mandates[agent]);
        let event = GrantGiven { mandate, ..world::given(self.name, &world.terms()) };
        let envelope = world.sign(Kind::GrantGiven, event, &[&self.agents[agent]]);
        ledger.append(world.tenant, &envelope).ok().map(|appended| appended.leaf_index)
    }
}

/// Of each mandate of a customer its id, whether it is in force, and how many grants there are under it.
fn known(ledger: &Ledger, tenant: TenantId, name: &str) -> Vec<(Jti, bool, usize)> {
    let rows = ledger.mandates_of(tenant, &world::sub(name)).unwrap();
    rows.into_iter().map(|row| (row.mandate.id, row.in_force, row.grants.len())).collect()
}

#[test]
fn an_erased_customers_mandates_are_gone_with_them() {
    let mut world = World::new();
    let (ann, bob) = (Represented::new(&world, "ann", 20), Represented::new(&world, "bob", 30));
    let leaves: Vec<LeafIndex> = {
        let rows = world.ledger.mandates_of(world.tenant, &world::sub("ann")).unwrap();
        rows.iter().map(|row| LeafIndex(row.mandate.leaf_index)).chain(ann.grants).collect()
    };
    let pending = world.ledger.begin_erasure(world.tenant, &world::sub("ann"), Channel::Mail).unwrap();
    // before anything is destroyed, nobody gives any more of them
    assert_eq!(known(&world.ledger, world.tenant, "ann"), ann.mandates.map(|id| (id, false, 0)));
    assert_eq!([0, 1].map(|at| ann.grant(&world, &world.ledger, at)), [None, None]);
    world.ledger.finish_erasure(world.tenant, pending.id, &[]).unwrap();
    for epoch in [1, 2] {
        assert_eq!(known(&world.ledger, world.tenant, "ann"), []);
        assert_eq!([0, 1].map(|at| ann.grant(&world, &world.ledger, at)), [None, None]);
        for leaf in &leaves {
            let receipt = world.ledger.receipt(world.tenant, *leaf);
            assert!(matches!(receipt, Err(ReadError::Erased)), "{leaf:?}: {receipt:?}");
        }
        assert!(matches!(world.decide(&world::facts("ann")), Decision::Denial(_)));
        // the other customer's are as they were
        let as_before = [(bob.mandates[0], true, 2), (bob.mandates[1], true, 1)];
        assert_eq!(known(&world.ledger, world.tenant, "bob"), as_before);
        assert!(matches!(world.decide(&world::facts("bob")), Decision::Permit(_)));
        let frames = world.ledger.feed(world.tenant, FeedPosition(0), 100).unwrap();
        // enrolment, two mandates and two grants; the first mandate's end and the grants' ends
        assert_eq!(frames.iter().filter(|frame| frame.about == About::Erased).count(), 8);
        let report = world.ledger.fsck(&mut |_, _| ());
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        // once more with the state made anew from the log, in the next epoch
        if epoch == 1 {
            world.ledger.roll_epoch().unwrap();
            world = world.reopen(|config| {
                std::fs::remove_dir_all(config.data_dir.join("epochs/2/state")).unwrap();
            });
        }
    }
}

#[test]
fn of_several_mandates_the_worst_answer_counts() {
    let world = World::new();
    let customer = world.enrol("ann");
    let give = |seed: u8, rule: serde_json::Value| {
        let agent = Signer::from_seed(&[seed; 32]).unwrap();
        let members = json!({
            "sub": "ann", "from": MandateSource::Key(customer.thumbprint()), "agent": agent.public_key(),
            "until": world.config.clock.now().seconds().0 + 86_400, "rules": [rule],
        });
        let event: MandateGiven = serde_json::from_value(members).unwrap();
        world.append(Kind::MandateGiven, event, &[&customer]).unwrap();
    };
    let expires = UnixSeconds(world.config.clock.now().seconds().0 + 3_600);
    let event = RequestMade { sub: world::sub("ann"), terms: world.terms(), expires };
    world.append(Kind::RequestMade, event, &[&world.enterprise]).unwrap();
    let answers = || {
        let answers = world.ledger.answers_by_rules(world.tenant, &world::sub("ann")).unwrap();
        answers.iter().map(|answer| answer.accepts).collect::<Vec<_>>()
    };
    assert_eq!(answers(), [] as [bool; 0], "without a rule");
    give(60, json!({"when": {"purposes": ["research"]}, "accept": {}, "otherwise": "decline"}));
    assert_eq!(answers(), [] as [bool; 0], "a rule about something else");
    give(61, json!({"accept": {}}));
    assert_eq!(answers(), [true]);
    give(62, json!({"accept": {"uses_max": 9}}));
    assert_eq!(answers(), [] as [bool; 0], "one that asks keeps another from accepting");
    give(63, json!({"accept": {"uses_max": 9}, "otherwise": "decline"}));
    assert_eq!(answers(), [false], "one that declines keeps another from asking");
    give(64, json!({"accept": {}}));
    assert_eq!(answers(), [false], "whichever comes last");
}

#[test]
fn mandates_move_with_their_grants() {
    let world = World::new();
    let (ann, bob) = (Represented::new(&world, "ann", 20), Represented::new(&world, "bob", 30));
    let withdrawn = MandateWithdrawn { sub: world::sub("bob"), mandate: bob.mandates[1], channel: None };
    world.append(Kind::MandateWithdrawn, withdrawn, &[&bob.agents[1]]).unwrap();
    let before = ["ann", "bob"].map(|name| known(&world.ledger, world.tenant, name));
    assert_eq!(before[0], [(ann.mandates[0], true, 2), (ann.mandates[1], true, 1)]);
    assert_eq!(before[1], [(bob.mandates[0], true, 2), (bob.mandates[1], false, 1)]);

    let lines = export(&world.ledger, world.tenant, None);
    let mut config = LedgerConfig::new(world.folder.path().join("second"));
    config.origin = Some("second.example/log".to_owned());
    let ledger = Ledger::open(&config).unwrap();
    import(&ledger, &lines, world.ledger.log_keys()).unwrap();
    assert_eq!(["ann", "bob"].map(|name| known(&ledger, world.tenant, name)), before);
    // the agents go on where they are now, as far as their mandates do
    assert!(ann.grant(&world, &ledger, 1).is_some() && bob.grant(&world, &ledger, 0).is_some());
    assert_eq!(bob.grant(&world, &ledger, 1), None);
}
