use super::*;

const WITHIN: Duration = Duration::from_secs(15);
const END: (LeafIndex, FeedPosition) = (LeafIndex(100), FeedPosition(7));

fn tenant() -> TenantId {
    TenantId::from_bytes([7; 16])
}

fn gate(name: &str) -> GateId {
    GateId::parse(name).unwrap()
}

/// Gates that began a minute ago.
struct Stage {
    live: LiveGates,
    now: Instant,
}

impl Stage {
    fn new() -> Self {
        let began = Instant::now();
        Self { live: LiveGates::new(WITHIN, began), now: began + Duration::from_secs(60) }
    }

    fn report(&self, name: &str, position: u64, at: u64) {
        self.live.report(tenant(), gate(name), FeedPosition(position), UnixMillis(at), self.now);
    }

    fn taken_in(&self, names: &[&str]) -> TakenIn {
        let registered: Vec<GateId> = names.iter().map(|name| gate(name)).collect();
        self.live.taken_in(tenant(), END, &registered, self.now)
    }
}

#[test]
fn an_end_is_taken_in_once_its_frame_is_folded() {
    let stage = Stage::new();
    let both = ["a", "b"];
    stage.report("a", 7, 1000);
    stage.report("b", 5, 1001);
    assert_eq!((stage.taken_in(&both).count(), stage.taken_in(&both).by_all()), (0, false));
    stage.report("a", 8, 1002);
    assert_eq!(stage.taken_in(&both).gates, [(gate("a"), Some(UnixMillis(1002))), (gate("b"), None)]);
    stage.report("a", 12, 1003);
    stage.report("b", 11, 1004);
    let taken = stage.taken_in(&both);
    assert!(taken.by_all());
    assert_eq!((taken.since(UnixMillis(2000)), taken.count()), (UnixMillis(1004), 2));
    assert_eq!(taken.gates[0].1, Some(UnixMillis(1002)), "when it was first past the frame");
    // who is fed from the start again has taken it in all the same
    stage.report("a", 0, 1005);
    assert!(stage.taken_in(&both).by_all());
    // a gate of which nobody was told is none
    stage.report("c", 0, 1006);
    assert!(stage.taken_in(&both).by_all());
}

#[test]
fn a_silent_gate_is_waited_for_until_it_must_deny() {
    let mut stage = Stage::new();
    let both = ["a", "b"];
    stage.report("a", 8, 1000);
    stage.report("b", 7, 1000);
    stage.now += WITHIN;
    assert!(!stage.taken_in(&both).by_all());
    stage.now += Duration::from_millis(1);
    let taken = stage.taken_in(&both);
    assert_eq!((taken.by_all(), taken.count()), (true, 1));
    assert_eq!(taken.since(UnixMillis(9000)), UnixMillis(9000), "it is so since the other one is given up");
}

#[test]
fn nobody_to_wait_for_is_all_but_not_while_gates_may_come_back() {
    let mut stage = Stage::new();
    let taken = stage.taken_in(&["a"]);
    assert_eq!((taken.by_all(), taken.count(), taken.since(UnixMillis(5))), (true, 0, UnixMillis(5)));
    stage.now -= Duration::from_secs(50);
    assert!(!stage.taken_in(&["a"]).by_all(), "the server has only begun");
    assert!(stage.taken_in(&[]).by_all());
}

#[test]
fn what_was_acknowledged_stays_as_it_was() {
    let stage = Stage::new();
    stage.report("a", 8, 1000);
    assert_eq!(stage.taken_in(&["a"]).count(), 1);
    assert_eq!(stage.live.remembered(tenant(), END.0), None);
    stage.live.acknowledged(tenant(), END.0);
    stage.report("b", 8, 1001);
    assert_eq!(stage.taken_in(&["a", "b"]).gates.len(), 1);
    let remembered = stage.live.remembered(tenant(), END.0).unwrap();
    assert_eq!((remembered.gates.len(), remembered.last()), (1, Some(UnixMillis(1000))));
    for leaf in 0..5000 {
        stage.live.acknowledged(tenant(), LeafIndex(1000 + leaf));
    }
    assert_eq!(stage.live.known().ends.len(), ENDS_MAX);
    assert_eq!(stage.live.remembered(tenant(), END.0), None);
}

#[test]
fn only_so_many_positions_are_remembered() {
    let stage = Stage::new();
    for position in 0..1000 {
        stage.report("a", position, position);
    }
    let taken = stage.taken_in(&["a"]);
    // later than it was, never earlier
    assert_eq!(taken.last(), Some(UnixMillis(1000 - STEPS_MAX as u64)));
}
