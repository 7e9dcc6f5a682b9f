use grantbook_plan::Status;

use super::*;
use crate::{Flags, ServerConfig};

#[test]
fn it_is_told_once_and_everything_in_it_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let flags = Flags {
        data_dir: Some(folder.path().join("data")),
        origin: Some("ledger.test/story".to_owned()),
        ..Flags::default()
    };
    let file = folder.path().join("grantbook.toml");
    std::fs::write(&file, "").unwrap();
    let ledger = Ledger::open(&ServerConfig::load(Some(&file), &flags).unwrap().ledger()).unwrap();
    let added = tell(&ledger).unwrap();
    assert!(added > 20, "{added}");
    assert_eq!(tell(&ledger).unwrap(), 0);

    let tenant = ledger.sandbox().unwrap().tenant.id;
    let of = |name: &str| ledger.customer(tenant, &subject(name).unwrap()).unwrap();
    assert_eq!(of(CUSTOMER).grants[0].status, Status::Active);
    assert_eq!(of(CUSTOMER).requests.len(), 1);
    assert_eq!(of(WITHDRAWN).grants[0].status, Status::Withdrawn);
    let refusals = ledger.gate_progress(tenant, &GateId::parse(GATE).unwrap()).unwrap();
    assert_eq!(refusals.denied.values().sum::<u64>(), 3);
    assert_eq!(ledger.settlements(tenant, None, 10).unwrap().len(), 1);
    let leaves = 0..ledger.size_root().0.0;
    let receipts = leaves.filter_map(|leaf| ledger.receipt(tenant, grantbook_tlog::LeafIndex(leaf)).ok());
    let receipts: Vec<_> = receipts.collect();
    assert!(receipts.len() > 20, "{}", receipts.len());
    for receipt in receipts {
        receipt.verify(ledger.log_keys()).unwrap();
    }
}
