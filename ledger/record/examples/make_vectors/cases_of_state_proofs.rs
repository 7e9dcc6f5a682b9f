//! Cases of state proofs.

use grantbook_record::encoding::Bytes32;
use grantbook_record::list::List;
use grantbook_record::state_proof::{GrantStates, GrantStatus, MapProof, OtherLeaf, StateOfGrant};
use grantbook_record::{Receipt, StateProof};
use serde_json::{Value, json};

use crate::cases::{Case, edited, with};
use crate::ledger::{Ledger, SECOND_KEY_AT, STATE_ROOTS_AT, WITHDRAWN_AT};
use crate::{map, story};

const ABSENT: u64 = STATE_ROOTS_AT;
const ACTIVE: u64 = STATE_ROOTS_AT + 1;
const WITHDRAWN: u64 = STATE_ROOTS_AT + 2;

fn input(proof: &StateProof) -> Value {
    json!({ "state_proof": String::from_utf8(proof.to_json()).unwrap() })
}

pub(crate) fn state_proofs() -> Vec<Case> {
    let log = Ledger::with_state_roots();
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |name: &str, proof: StateProof| cases.push((name.to_owned(), input(&proof)));
    add("never granted, at size 3", log.state_proof(ABSENT));
    add("active, at size 7", log.state_proof(ACTIVE));
    add("withdrawn at entry 7, at size 8", log.state_proof(WITHDRAWN));
    for (name, proof) in of_states().into_iter().chain(of_the_map()).chain(of_receipts()) {
        add(name, proof);
    }
    let good = input(&log.state_proof(WITHDRAWN));
    let text = good["state_proof"].as_str().unwrap();
    cases.push(("a final line feed".to_owned(), json!({ "state_proof": format!("{text}\n") })));
    cases.push(("two final line feeds".to_owned(), json!({ "state_proof": format!("{text}\n\n") })));
    cases.extend(edited(
        &good,
        "state_proof",
        &[
            ("a space", "{\"v\":1,\"root\"", "{\"v\":1, \"root\""),
            ("unknown member", "{\"v\":1,\"root\"", "{\"v\":1,\"x\":1,\"root\""),
            ("unknown status", "\"withdrawn\"", "\"ended\""),
            ("states empty", "{\"given\":3,\"terms\":3,\"status\":\"withdrawn\",\"since\":7}", ""),
            ("states null", "[{\"given\":3,\"terms\":3,\"status\":\"withdrawn\",\"since\":7}]", "null"),
            ("terms from before the grant", "\"terms\":3", "\"terms\":2"),
            ("withdrawn by the grant's own entry", "\"since\":7", "\"since\":3"),
            (
                "the same grant twice",
                "{\"given\":3,\"terms\":3,\"status\":\"withdrawn\",\"since\":7}",
                "{\"given\":3,\"terms\":3,\"status\":\"withdrawn\",\"since\":7},{\"given\":3,\"terms\":3,\"status\":\"withdrawn\",\"since\":7}",
            ),
            ("cut short", "}]", "}"),
        ],
    ));
    cases
}

fn of_states() -> Vec<(&'static str, StateProof)> {
    let log = Ledger::with_state_roots();
    let with = |status, since| Some(map::states(status, since));
    let withdrawn = |states| StateProof { states, ..log.state_proof(WITHDRAWN) };
    let grant = |given| StateOfGrant { given, terms: given, status: GrantStatus::Active, since: given };
    let two = GrantStates::new(vec![grant(3), grant(5)]);
    vec![
        ("another version", StateProof { v: 2, ..log.state_proof(WITHDRAWN) }),
        ("withdrawn said to be active", withdrawn(with(GrantStatus::Active, 3))),
        ("withdrawn said to be revoked", withdrawn(with(GrantStatus::Revoked, 7))),
        ("withdrawn at another entry", withdrawn(with(GrantStatus::Withdrawn, 6))),
        ("a grant too many", withdrawn(two)),
        ("absence claimed for a present key", withdrawn(None)),
        (
            "withdrawn at an entry past the size",
            StateProof { states: with(GrantStatus::Withdrawn, WITHDRAWN_AT), ..log.state_proof(ACTIVE) },
        ),
        ("a grant from before the enrolment", withdrawn(GrantStates::new(vec![grant(0)]))),
        ("presence claimed for an absent key", {
            let mut log = Ledger::story();
            log.state_root(15, WITHDRAWN_AT + 1, None);
            let map = map::prove(&map::leaves(None), &map::customers_key());
            let (root, enrolment) = (log.receipt(STATE_ROOTS_AT), log.receipt(0));
            StateProof { v: 1, root, enrolment, states: with(GrantStatus::Active, 3), map }
        }),
    ]
}

/// Puts the proof under the root of another entry.
trait At {
    fn at(self, log: &Ledger, leaf_index: u64) -> Self;
}

impl At for StateProof {
    fn at(self, log: &Ledger, leaf_index: u64) -> Self {
        Self { root: log.receipt(leaf_index), ..self }
    }
}

fn of_the_map() -> Vec<(&'static str, StateProof)> {
    let log = Ledger::with_state_roots();
    let spoilt = |at: u64, edit: &dyn Fn(&mut Vec<Bytes32>, &mut Option<OtherLeaf>)| {
        let good = log.state_proof(at);
        let (mut siblings, mut other) = (good.map.siblings.to_vec(), good.map.other);
        edit(&mut siblings, &mut other);
        StateProof { map: MapProof { other, siblings: List::new(siblings).unwrap() }, ..good }
    };
    let own = OtherLeaf {
        key: map::customers_key().0,
        value_hash: Bytes32::sha256(&map::states(GrantStatus::Withdrawn, 7).value(&story::salt("entry 0")).0),
    };
    let stranger = {
        let leaves = map::leaves(None);
        let first_bit = map::customers_key().0.0[0] >> 7;
        let (key, value) = leaves.iter().find(|(key, _)| key.0[0] >> 7 != first_bit).unwrap();
        OtherLeaf { key: *key, value_hash: Bytes32::sha256(&value.0) }
    };
    vec![
        ("a sibling changed", spoilt(WITHDRAWN, &|siblings, _| siblings[0].0[31] ^= 1)),
        ("siblings in another order", spoilt(WITHDRAWN, &|siblings, _| siblings.reverse())),
        (
            "a sibling missing at the leaf",
            spoilt(WITHDRAWN, &|siblings, _| *siblings = siblings[1..].to_vec()),
        ),
        (
            "a sibling missing at the root",
            spoilt(WITHDRAWN, &|siblings, _| siblings.truncate(siblings.len() - 1)),
        ),
        ("a sibling too many", spoilt(WITHDRAWN, &|siblings, _| siblings.insert(0, Bytes32([0; 32])))),
        ("another leaf beside states", spoilt(WITHDRAWN, &|_, other| *other = Some(stranger))),
        ("the absent key's own leaf", {
            let proof = spoilt(WITHDRAWN, &|_, other| *other = Some(own));
            StateProof { states: None, ..proof }
        }),
        ("absence by a leaf that is elsewhere", spoilt(ABSENT, &|_, other| *other = Some(stranger))),
        (
            "absence by an empty place that is not",
            spoilt(ABSENT, &|siblings, other| {
                *other = other.take().is_none().then_some(stranger);
                siblings.remove(0);
            }),
        ),
    ]
}

fn of_receipts() -> Vec<(&'static str, StateProof)> {
    let log = Ledger::with_state_roots();
    let good = log.state_proof(WITHDRAWN);
    let story = Ledger::story();
    let of_size = |size: u64| {
        let mut log = Ledger::story();
        log.state_root(15, size, good.states.as_ref());
        let enrolment = log.receipt(0);
        StateProof { root: log.receipt(STATE_ROOTS_AT), enrolment, ..good.clone() }
    };
    let salted = |receipt: Receipt| Receipt { salt: story::salt("other"), ..receipt };
    let moved = |receipt: Receipt| Receipt { proof: with(&receipt.proof, "index 0", "index 1"), ..receipt };
    let of_a_tenant = {
        let mut log = Ledger::story();
        log.state_root_of_a_tenant(15, WITHDRAWN_AT + 1, good.states.as_ref());
        let enrolment = log.receipt(0);
        StateProof { root: log.receipt(STATE_ROOTS_AT), enrolment, ..good.clone() }
    };
    vec![
        ("the root in the name of a tenant", of_a_tenant),
        ("the root of another size", log.state_proof(WITHDRAWN).at(&log, ACTIVE)),
        ("the root of before the grant", log.state_proof(WITHDRAWN).at(&log, ABSENT)),
        ("another entry in the root's place", good.clone().at(&log, 0)),
        (
            "another salt in the root's receipt",
            StateProof { root: salted(good.root.clone()), ..good.clone() },
        ),
        (
            "another salt in the enrolment's receipt",
            StateProof { enrolment: salted(good.enrolment.clone()), ..good.clone() },
        ),
        (
            "enrolment at another index",
            StateProof { enrolment: moved(good.enrolment.clone()), ..good.clone() },
        ),
        ("another entry in the enrolment's place", StateProof { enrolment: log.receipt(3), ..good.clone() }),
        (
            "a key enrolled on the first one's word",
            StateProof { enrolment: log.receipt(SECOND_KEY_AT), ..good.clone() },
        ),
        ("receipts under two checkpoints", StateProof { enrolment: story.receipt(0), ..good.clone() }),
        ("a root of a size past its entry", of_size(STATE_ROOTS_AT + 1)),
        ("a root of before the enrolment", of_size(0)),
    ]
}
