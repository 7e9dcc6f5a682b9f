//! Archives: out of one ledger, into another, and out of that one again.

use grantbook_engine::{ImportError, Imported, Ledger, LedgerConfig, ReadError, fsck};
use grantbook_plan::CustomerState;
use grantbook_record::archive::{First, Reader, Record};
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::Salt;
use grantbook_record::event::{Channel, Claims, DataDeleted, GrantPaused, GrantResumed, RecordedUse};
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::terms::UseCap;
use grantbook_record::uses::{Denied, Outcome, Permitted, UseRecord, sign_batch};
use grantbook_record::{DenialReason, GateId, Jti, Kind, Signer, SubjectId, TenantId, strict_json};
use grantbook_tlog::LogKeys;

use crate::world::{self, World};

/// Three customers: one withdrew, one by telephone, one paused and went on; uses by the ledger's own gate and by another.
fn story() -> World {
    let world = World::new();
    let mut grants = Vec::new();
    for name in ["ann", "bob", "cyn"] {
        let customer = world.enrol(name);
        let grant = world.grant(&customer, name, |terms| terms.limits.uses = UseCap::new(100));
        world.ledger.decide_and_record(world.tenant, &world::facts(name), None, None).unwrap();
        grants.push((name, customer, grant.id));
    }
    let gate = Signer::from_seed(&[77; 32]).unwrap();
    let id = GateId::parse("till-1").unwrap();
    world.ledger.register_gate(world.tenant, &id, *gate.public_key()).unwrap();
    send_batch(&world, &gate, &id, &grants);
    let (name, customer, grant) = &grants[0];
    let sub = world::sub(name);
    world.append(Kind::GrantPaused, GrantPaused { sub: sub.clone(), grant: *grant }, &[customer]).unwrap();
    world.append(Kind::GrantResumed, GrantResumed { sub, grant: *grant }, &[customer]).unwrap();
    world.withdraw(&grants[1].1, "bob", grants[1].2);
    world.ledger.withdraw_by_channel(world.tenant, &world::sub("cyn"), grants[2].2, Channel::Phone).unwrap();
    // a use of a grant that has ended is admitted and flagged, or falls into the window
    send_batch(&world, &gate, &id, &grants);
    let (endings, _) = world.ledger.open_endings(world.tenant, None, 10).unwrap();
    world.ledger.acknowledge(world.tenant, &endings[0], 1, grantbook_engine::Clock::system().now()).unwrap();
    let event = DataDeleted {
        sub: world::sub("bob"),
        grant: grants[1].2,
        through: RecordedUse { gate: id, seq: 1 },
        at: grantbook_engine::Clock::system().now().seconds(),
    };
    world.append(Kind::DataDeleted, event, &[&world.enterprise]).unwrap();
    world
}

fn send_batch(world: &World, gate: &Signer, id: &GateId, grants: &[(&str, Signer, Jti)]) {
    let now = grantbook_engine::Clock::system().now();
    let first = world.ledger.gate_progress(world.tenant, id).unwrap().next_seq;
    let record = |(seq, (name, _, grant)): (u64, &(&str, Signer, Jti))| {
        let outcome = if name == &"ann" && seq > 3 {
            Outcome::Denied(Denied { reason: DenialReason::Field, grant: Some(*grant) })
        } else {
            Outcome::Permitted(Permitted::committed(*grant))
        };
        let record = UseRecord::new(id.clone(), seq, now.seconds(), world::facts(name), outcome);
        (record, Salt(Bytes32::sha256(format!("{seq}").as_bytes())))
    };
    let records: Vec<_> = (first..).zip(grants).map(record).collect();
    let claims = Claims::new(world.tenant, Jti::new(now, [u8::try_from(first).unwrap(); 10]), ());
    let batch = serde_json::to_vec(&sign_batch(&claims, &records, gate).unwrap()).unwrap();
    assert_eq!(world.ledger.append_uses(world.tenant, &batch).unwrap().len(), 3);
}

pub(crate) fn export(ledger: &Ledger, tenant: TenantId, subject: Option<&SubjectId>) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut write = |line: &[u8]| {
        lines.push(line.to_vec());
        Ok::<_, ReadError>(())
    };
    ledger.export(tenant, subject, &mut write, &mut |_, _| ()).unwrap();
    lines
}

pub(crate) fn import(ledger: &Ledger, lines: &[Vec<u8>], keys: &LogKeys) -> Result<Imported, ImportError> {
    let mut reader = Reader::begin(&lines[0], Some(keys))?;
    let tenant = ledger.adopt(&reader)?;
    let (mut records, mut duplicates) = (0, 0);
    for line in &lines[1..] {
        if let Some(record) = reader.line(line)? {
            duplicates += u64::from(ledger.import(tenant, &record)?);
            records += 1;
        }
    }
    reader.finish()?;
    Ok(Imported { tenant, records, duplicates })
}

/// What a record says, apart from where it stands.
fn contents(lines: &[Vec<u8>]) -> Vec<String> {
    let records = lines[1..lines.len() - 1].iter().map(|line| {
        let Record { admitted_at, flag, in_window, receipt, .. } =
            strict_json::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
        let values: Vec<u64> = receipt.openings.iter().map(|opening| opening.value).collect();
        format!("{admitted_at:?} {flag:?} {in_window} {values:?} {:?}", receipt.content)
    });
    records.collect()
}

/// A customer's state, apart from where its entries stand.
fn placeless(ledger: &Ledger, tenant: TenantId, name: &str) -> CustomerState {
    let mut state = ledger.customer(tenant, &world::sub(name)).unwrap();
    for grant in &mut state.grants {
        grant.given = 0;
        grant.status_entry = 0;
        grant.terms_entry.leaf_index = 0;
        grant.terms_entry.leaf_hash = Bytes32([0; 32]);
    }
    state
}

fn other_ledger(folder: &std::path::Path, name: &str) -> (LedgerConfig, Ledger) {
    let mut config = LedgerConfig::new(folder.join(name));
    config.origin = Some(format!("{name}.example/log"));
    let ledger = Ledger::open(&config).unwrap();
    (config, ledger)
}

#[test]
fn a_tenant_moves_without_loss_and_again() {
    let world = story();
    let lines = export(&world.ledger, world.tenant, None);
    let (mut config, mut ledger) = other_ledger(world.folder.path(), "second");
    let imported = import(&ledger, &lines, world.ledger.log_keys()).unwrap();
    assert_eq!((imported.tenant, imported.records), (world.tenant, world.ledger.size_root().0.0));
    assert_eq!(imported.duplicates, 0);
    let same = |ledger: &Ledger| {
        for name in ["ann", "bob", "cyn"] {
            let state = placeless(&world.ledger, world.tenant, name);
            assert_eq!(placeless(ledger, world.tenant, name), state, "{name}");
            let count =
                |ledger: &Ledger| ledger.use_count(world.tenant, &world::sub(name), &state.grants[0].id);
            assert_eq!(count(ledger), count(&world.ledger), "{name}");
        }
        let owed = |ledger: &Ledger| {
            let rows = ledger.grants(world.tenant, None, 10).unwrap();
            let due = rows.iter().map(|row| (row.deletion_due(), row.duties.deleted_through().is_some()));
            let open = ledger.open_endings(world.tenant, None, 10).unwrap().0;
            (due.collect::<Vec<_>>(), open.iter().map(|ending| ending.event).collect::<Vec<_>>())
        };
        assert_eq!(owed(ledger), owed(&world.ledger));
        assert_eq!(owed(ledger).1.len(), 1);
        for gate in ["remote", "till-1"] {
            let gate = GateId::parse(gate).unwrap();
            let progress = |ledger: &Ledger| ledger.gate_progress(world.tenant, &gate).unwrap();
            assert_eq!(progress(ledger), progress(&world.ledger));
        }
    };
    same(&ledger);
    // the same records come out again, each with the receipt of its first admission
    let again = export(&ledger, world.tenant, None);
    assert_eq!(contents(&again), contents(&lines));
    for (line, original) in again[1..].iter().zip(&lines[1..lines.len() - 1]) {
        let record: Record = strict_json::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
        let original: Record = strict_json::parse(original.strip_suffix(b"\n").unwrap()).unwrap();
        let First { vkey, receipt, .. } = record.first.unwrap();
        assert_eq!((vkey, receipt), (world.ledger.log_keys().to_string(), original.receipt));
    }
    // importing twice doubles nothing, also when the state was made anew
    let root = ledger.size_root();
    for lose_state in [false, true] {
        let twice = import(&ledger, &lines, world.ledger.log_keys()).unwrap();
        assert_eq!(twice.duplicates, twice.records);
        assert_eq!(ledger.size_root(), root);
        ledger.close().unwrap();
        drop(ledger);
        let report = fsck(&config, false, &mut |_, _| ()).unwrap();
        assert!(report.findings.is_empty(), "{report:?}");
        if lose_state {
            std::fs::remove_dir_all(config.data_dir.join("epochs/1/state")).unwrap();
        }
        ledger = Ledger::open(&config).unwrap();
        same(&ledger);
    }
    // a third ledger, from the second one's archive
    let second = ledger;
    (config, ledger) = other_ledger(world.folder.path(), "third");
    let moved = import(&ledger, &again, second.log_keys()).unwrap();
    assert_eq!((moved.records, moved.duplicates), (imported.records, 0));
    same(&ledger);
    assert_eq!(contents(&export(&ledger, world.tenant, None)), contents(&lines));
    ledger.close().unwrap();
    drop(ledger);
    assert!(fsck(&config, false, &mut |_, _| ()).unwrap().findings.is_empty());
}

#[test]
fn one_customers_record_moves_alone() {
    let world = story();
    let ann = world::sub("ann");
    let lines = export(&world.ledger, world.tenant, Some(&ann));
    let text = lines.concat();
    for other in ["\\\"bob\\\"", "\\\"cyn\\\""] {
        assert!(!text.windows(other.len()).any(|window| window == other.as_bytes()));
    }
    let (_, ledger) = other_ledger(world.folder.path(), "second");
    import(&ledger, &lines, world.ledger.log_keys()).unwrap();
    assert_eq!(placeless(&ledger, world.tenant, "ann"), placeless(&world.ledger, world.tenant, "ann"));
    assert!(ledger.customer(world.tenant, &world::sub("bob")).is_none());
    assert_eq!(contents(&export(&ledger, world.tenant, Some(&ann))), contents(&lines));
    // another customer later: what both archives have is there once
    let bob = world::sub("bob");
    let more = export(&world.ledger, world.tenant, Some(&bob));
    let imported = import(&ledger, &more, world.ledger.log_keys()).unwrap();
    assert_eq!(imported.duplicates, 2, "template and notice");
    assert_eq!(placeless(&ledger, world.tenant, "bob"), placeless(&world.ledger, world.tenant, "bob"));
}

#[test]
fn a_customers_archive_holds_all_that_the_operator_has_signed() {
    let world = story();
    for name in ["ann", "bob", "cyn"] {
        let sub = world::sub(name);
        world.ledger.sign_states_of(world.tenant, &sub).unwrap();
        let lines = export(&world.ledger, world.tenant, Some(&sub));
        let mut reader = Reader::begin(&lines[0], Some(world.ledger.log_keys())).unwrap();
        for line in &lines[1..] {
            // what the records come to is compared with the signed states on the way
            if let Some(record) = reader.line(line).unwrap() {
                let about = match &record.here.content {
                    VerifiedContent::Event { claims, .. } => claims.event.subject().cloned(),
                    VerifiedContent::Use { record, .. } => Some(record.facts.data_subject.clone()),
                };
                assert!(about.is_none_or(|about| about == sub), "{name}");
            }
        }
        let statuses: Vec<_> = reader.grants().all().iter().map(|grant| grant.state.status.name()).collect();
        assert_eq!(statuses, [if name == "ann" { "active" } else { "withdrawn" }], "{name}");
        let header = reader.finish().unwrap();
        assert_eq!(header.complete_below, Some(world.ledger.size_root().0.0));
        assert!(header.states.is_some(), "{name}");
    }
    // nothing is signed where nothing has changed
    let before = world.ledger.size_root();
    world.ledger.sign_states_of(world.tenant, &world::sub("ann")).unwrap();
    world.ledger.sign_states_of(world.tenant, &world::sub("nobody")).unwrap();
    assert_eq!(world.ledger.size_root(), before);
}

#[test]
fn a_changed_archive_is_refused_and_the_record_named() {
    let world = story();
    let lines = export(&world.ledger, world.tenant, None);
    let keys = world.ledger.log_keys();
    let (_, ledger) = other_ledger(world.folder.path(), "second");
    let refused = |lines: &[Vec<u8>]| import(&ledger, lines, keys).unwrap_err().to_string();
    for at in 1..lines.len() - 1 {
        // every twentieth byte of the line
        for byte in (0..lines[at].len() - 1).step_by(lines[at].len() / 20) {
            let mut changed = lines.clone();
            changed[at][byte] ^= 1;
            let why = refused(&changed);
            let next = at + 1;
            let named = why.starts_with(&format!("record {at}:"))
                || why.starts_with(&format!("record {next}: the digest"))
                || (next == lines.len() - 1 && why.starts_with("last line: the digest"));
            assert!(named, "record {at}, byte {byte}: {why}");
        }
        let mut missing = lines.clone();
        missing.remove(at);
        let why = refused(&missing);
        assert!(why.starts_with(&format!("record {at}: ")), "without record {at}: {why}");
    }
    assert!(refused(&lines[..lines.len() - 1]).contains("without its last line"));
    let mut longer = lines.clone();
    longer.push(lines[1].clone());
    assert!(refused(&longer).contains("goes on"));
    // a flag is no receipt's part: only the lines behind it and the signature hold it
    let last = lines.len() - 2;
    let flagged = (1..=last).find(|at| lines[*at].windows(7).any(|part| part == b"in_wind")).unwrap();
    let mut changed = lines.clone();
    let text = String::from_utf8(changed[flagged].clone()).unwrap();
    changed[flagged] = text.replace(",\"in_window\":true", "").into_bytes();
    assert!(refused(&changed).contains("the digest of the lines before"));
    let other = World::new();
    let why = import(&ledger, &lines, other.ledger.log_keys()).unwrap_err().to_string();
    assert!(why.contains("those that were pinned"), "{why}");
}
