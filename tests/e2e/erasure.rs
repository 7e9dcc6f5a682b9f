//! One of many customers is erased: everything else still verifies, and of this one nothing that can be read or linked is
//! left in any byte, nor in what an older backup opens.

use std::fs;
use std::path::{Path, PathBuf};

use grantbook_engine::{Ledger, LedgerConfig, OpenError};
use grantbook_record::encoding::to_base64url;
use grantbook_record::feed::FeedPosition;
use grantbook_record::receipt::{Content, VerifiedContent};
use grantbook_record::{Receipt, TenantId, UnixSeconds};
use grantbook_tlog::{LeafIndex, LogKeys};

use crate::replay::program::{Place, skip, workspace};
use crate::replay::{count_invalid, purchases, receipts, replay};

/// What belongs to one customer alone.
struct Marks {
    sub: String,
    values: Vec<Vec<u8>>,
}

impl Marks {
    /// Of the customer whose use this is.
    fn of(receipt: &Receipt, keys: &LogKeys, ledger: &Ledger, tenant: TenantId) -> Self {
        let verified = receipt.verify(keys).expect("valid");
        let VerifiedContent::Use { record, .. } = verified.content else { panic!("a use expected") };
        let sub = record.facts.data_subject.clone();
        let customer = ledger.customer(tenant, &sub).expect("a customer");
        let mut values = vec![sub.as_str().as_bytes().to_vec()];
        for key in &customer.keys {
            values.push(key.key.as_bytes().to_vec());
            values.push(to_base64url(key.key.as_bytes()).into_bytes());
            values.push(key.key.thumbprint().to_string().into_bytes());
        }
        for grant in &customer.grants {
            values.push(grant.id.to_string().into_bytes());
            values.push(grant.id.as_bytes().to_vec());
        }
        Self { sub: sub.as_str().to_owned(), values }
    }

    /// How many of the values are in these bytes.
    fn found_in(&self, bytes: &[u8]) -> usize {
        // a character for each byte, since the search in text is a fast one
        let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
        let bytes = text(bytes);
        self.values.iter().filter(|value| bytes.contains(&text(value))).count()
    }
}

fn config(place: &Place, data: &str) -> LedgerConfig {
    let mut config = LedgerConfig::new(place.path(data));
    config.keyring_dir = place.path("data.keyring");
    config.anchor = place.path("data.anchor");
    config
}

/// Everything that can be read with the keys that are there: receipts of every entry and frames of the feed.
fn readable(place: &Place, data: &str, tenant: TenantId) -> Result<Vec<u8>, OpenError> {
    let ledger = Ledger::open(&config(place, data))?;
    let mut all = Vec::new();
    for leaf in 0..ledger.size_root().0.0 {
        if let Ok(receipt) = ledger.receipt(tenant, LeafIndex(leaf)) {
            all.extend(receipt.to_json());
            if let Content::Event(content) = &receipt.content {
                all.extend(&content.envelope.0);
                let payload = grantbook_record::Envelope::parse(&content.envelope.0).expect("an envelope");
                all.extend(payload.payload());
            }
        }
    }
    for frame in ledger.feed(tenant, FeedPosition(0), usize::MAX).expect("a feed") {
        all.extend(frame.to_json());
    }
    ledger.close().expect("closed");
    Ok(all)
}

/// The raw bytes of every file.
fn raw(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        all.extend(if path.is_dir() { raw(&path) } else { fs::read(&path).expect("a file") });
    }
    all
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

fn erase_one_of(file: &Path, place: &Place) {
    let summary = replay(place, file, "--receipts receipts").ok().json();
    let tenant = TenantId::parse(summary["tenant"].as_str().expect("a tenant")).expect("a tenant id");
    let receipts: Vec<PathBuf> = receipts(&place.path("receipts"));
    let keys = fs::read_to_string(place.path("receipts/vkey")).expect("the log's keys");
    let keys = LogKeys::parse(&keys).expect("the log's keys");
    let one = fs::read(&receipts[receipts.len() / 2]).expect("a receipt");
    let one = Receipt::parse(&one).expect("a receipt");
    let marks = {
        let ledger = Ledger::open(&config(place, "data")).expect("opens");
        let marks = Marks::of(&one, &keys, &ledger, tenant);
        ledger.close().expect("closed");
        marks
    };
    copy(&place.path("data"), &place.path("backup"));

    // what is looked for can be found: pseudonym, key and grant, as text
    let before = readable(place, "data", tenant).expect("opens");
    assert_eq!((marks.values.len(), marks.found_in(&before)), (6, 3));
    assert_eq!(marks.found_in(&readable(place, "backup", tenant).expect("opens")), 3);
    let anchor = fs::read(place.path("data.anchor")).expect("an anchor");

    let erase =
        format!("erase --sub {} --channel letter --tenant {tenant} --data-dir data --json", marks.sub);
    let waiting = place.run(&erase).is(1).json();
    assert_eq!(waiting["waiting_for"], serde_json::json!(["replay"]));
    let done = place.run(&format!("{erase} --forgotten-by replay --save certificate.json")).ok().json();
    let certificate: Receipt = serde_json::from_value(done["receipt"].clone()).expect("a receipt");
    certificate.verify(&keys).expect("valid");
    assert_eq!(marks.found_in(&fs::read(place.path("certificate.json")).expect("written")), 0);
    assert_eq!(marks.found_in(&readable(place, "data", tenant).expect("opens")), 0);
    place.run("epoch roll --data-dir data").ok();

    // everything else is there, and every proof still holds, the erased customer's own included
    assert_eq!(count_invalid(place, &receipts), 0);
    place.run("verify log --data-dir data --json").ok();
    place.run("fsck --data-dir data --json").ok();
    let after = readable(place, "data", tenant).expect("opens");
    assert_eq!(marks.found_in(&after), 0);
    assert!(after.len() > before.len() / 2, "the others' records are still read");
    assert_eq!(marks.found_in(&raw(&place.path("data"))), 0);
    assert_eq!(marks.found_in(&raw(&place.path("data.keyring"))), 0);
    // the older backup, even with the anchor of its time
    fs::write(place.path("data.anchor"), anchor).expect("written");
    let refused = readable(place, "backup", tenant);
    assert!(matches!(refused, Err(OpenError::Keyring(_))), "{:?}", refused.map(|bytes| bytes.len()));
    assert_eq!(marks.found_in(&raw(&place.path("backup"))), 0);
}

#[test]
fn one_of_many_customers_is_erased() {
    let place = Place::new();
    let purchases = purchases::purchases(60, 500, 5);
    let file = place.write("purchases.txt", purchases::with_sample_id(&purchases));
    erase_one_of(&file, &place);
}

/// Every grant that was withdrawn is shredded; receipts that were saved before still verify.
#[test]
fn ended_grants_are_shredded_and_every_proof_holds() {
    let place = Place::new();
    let purchases = purchases::purchases(250, 700, 5);
    let file = place.write("purchases.txt", purchases::with_sample_id(&purchases));
    let summary = replay(&place, &file, "--receipts receipts").ok().json();
    let tenant = TenantId::parse(summary["tenant"].as_str().expect("a tenant")).expect("a tenant id");
    let receipts: Vec<PathBuf> = receipts(&place.path("receipts"));
    let open = || Ledger::open(&config(&place, "data")).expect("opens");
    let ledger = open();
    let grants = ledger.grants(tenant, None, usize::MAX).expect("listed");
    let ended = grants.iter().filter(|row| row.grant.status.is_ended());
    let values: Vec<_> = ended.map(|row| signature(&ledger, tenant, row.leaf_index)).collect();
    ledger.close().expect("closed");
    drop(ledger);
    let marks = Marks { sub: String::new(), values };
    let before = readable(&place, "data", tenant).expect("opens");
    assert!(marks.values.len() > 1, "{} grants ended", marks.values.len());
    assert_eq!(marks.found_in(&before), marks.values.len());
    let ledger = open();
    let shredded = ledger.shred_ended(UnixSeconds(u64::MAX)).expect("shredded");
    assert_eq!(shredded, marks.values.len() as u64);
    ledger.close().expect("closed");
    drop(ledger);
    let rolled = place.run("epoch roll --envelopes-days 1095 --data-dir data --json").ok().json();
    assert_eq!(rolled["shredded"], 0, "none ended that long ago");
    assert_eq!(count_invalid(&place, &receipts), 0);
    place.run("verify log --data-dir data --json").ok();
    place.run("fsck --data-dir data --json").ok();
    let after = readable(&place, "data", tenant).expect("opens");
    assert_eq!(marks.found_in(&after), 0);
    assert!(after.len() > before.len() / 2, "everything else is still read");
}

/// The signature on an envelope, as it stands in it.
fn signature(ledger: &Ledger, tenant: TenantId, leaf: LeafIndex) -> Vec<u8> {
    let receipt = ledger.receipt(tenant, leaf).expect("a receipt");
    let Content::Event(content) = &receipt.content else { panic!("an event expected") };
    content.envelope.0[content.envelope.0.len() - 80..].to_vec()
}

/// One of the 2,357 customers of a record shop.
#[test]
fn one_customer_of_the_real_sample_is_erased() {
    let sample = workspace().join("../shared/data/cdnow_sample.txt");
    if !sample.is_file() {
        return skip("one_customer_of_the_real_sample_is_erased", "the sample is not beside the workspace");
    }
    erase_one_of(&sample, &Place::new());
}
