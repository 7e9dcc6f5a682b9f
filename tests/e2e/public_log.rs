//! The public log, read whole over HTTP as anyone can: it holds no personal data, and its tags speak only to the keys of
//! their day.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use grantbook_record::encoding::{Bytes32, from_base64url, to_base64url};
use grantbook_record::event::{Claims, Event};
use grantbook_record::receipt::Content;
use grantbook_record::uses::{Outcome, Permitted, UseId, UseRecord, sign_batch};
use grantbook_record::{Class, Day, Entry, Envelope, GateId, Kind, PublicKey, Receipt, Salt, Signer};
use grantbook_tlog::tile::{bundles, parse_bundle, tiles};
use grantbook_tlog::{CompactRange, Hash, LeafIndex, TreeSize, leaf_hash};
use serde_json::Value;

use crate::client::{Call, JSON};
use crate::world::{Customer, Enterprise, ORIGIN, World, random, signer};

const DAY: Duration = Duration::from_secs(86_400);
/// More than one full bundle in all.
const CUSTOMERS: usize = 24;
const USES: usize = 120;
/// There are few enough values of fewer bytes to be hit by chance.
const SHORTEST: usize = 8;

/// All that is public, as it came.
struct PublicLog {
    /// Bundles, tiles, checkpoint and keys, each behind its path.
    bytes: Vec<(String, Vec<u8>)>,
    entries: Vec<Vec<u8>>,
    size: TreeSize,
    root: Hash,
}

impl PublicLog {
    async fn read(world: &World) -> Self {
        let get = async |path: String| world.send(Call::get(&path)).await.expect(200).body.to_vec();
        let checkpoint = get("/log/checkpoint".to_owned()).await;
        let keys = world.log_keys().await;
        let timed = keys.verify_checkpoint(&checkpoint).expect("signed by both keys");
        let (size, root) = (timed.checkpoint.size(), timed.checkpoint.root());
        let mut log = Self { bytes: Vec::new(), entries: Vec::new(), size, root };
        for bundle in bundles(size) {
            let path = format!("/log/{}", bundle.path());
            let bytes = get(path.clone()).await;
            let entries = parse_bundle(&bytes, bundle.width()).expect("a bundle");
            log.entries.extend(entries.into_iter().map(<[u8]>::to_vec));
            log.bytes.push((path, bytes));
        }
        for tile in tiles(size) {
            let path = format!("/log/{}", tile.path());
            log.bytes.push((path.clone(), get(path).await));
        }
        log.bytes.push(("/log/checkpoint".to_owned(), checkpoint));
        log.bytes.push(("/log/vkey".to_owned(), get("/log/vkey".to_owned()).await));
        log
    }

    fn recomputed_root(&self) -> Hash {
        let mut range = CompactRange::new();
        for entry in &self.entries {
            range.append(leaf_hash(entry), |_, _, _| ()).expect("room");
        }
        range.root()
    }

    fn parsed(&self) -> impl Iterator<Item = (LeafIndex, Entry)> {
        (0..).map(LeafIndex).zip(self.entries.iter().map(|bytes| Entry::parse(bytes).expect("an entry")))
    }

    /// Every stretch of [`SHORTEST`] bytes, so that a value which is not there is not looked for again and again.
    fn stretches(&self) -> HashSet<&[u8]> {
        self.bytes.iter().flat_map(|(_, bytes)| bytes.windows(SHORTEST)).collect()
    }

    /// Where a value stands.
    fn find(&self, stretches: &HashSet<&[u8]>, value: &[u8]) -> Option<&str> {
        if !stretches.contains(&value[..SHORTEST]) {
            return None;
        }
        let (path, _) =
            self.bytes.iter().find(|(_, bytes)| bytes.windows(value.len()).any(|w| w == value))?;
        Some(path)
    }
}

/// Values that must not be public, each with what it is.
#[derive(Default)]
struct Secrets(BTreeMap<Vec<u8>, &'static str>);

impl Secrets {
    fn add(&mut self, what: &'static str, value: impl AsRef<[u8]>) {
        if value.as_ref().len() >= SHORTEST {
            self.0.insert(value.as_ref().to_vec(), what);
        }
    }

    /// As bytes, and as the texts that stand for them.
    fn add_bytes(&mut self, what: &'static str, bytes: &[u8]) {
        self.add(what, bytes);
        self.add(what, to_base64url(bytes));
        let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        self.add(what, nibbles.map(|nibble| b"0123456789abcdef"[usize::from(nibble)]).collect::<Vec<_>>());
        self.add(what, Bytes32::sha256(bytes).0);
    }

    /// Where there is a value.
    fn add_encoded(&mut self, what: &'static str, value: &Value) {
        if let Some(bytes) = value.as_str().and_then(from_base64url) {
            self.add_bytes(what, &bytes);
        }
    }

    fn add_key(&mut self, key: &PublicKey) {
        self.add_bytes("key", key.as_bytes());
        self.add_bytes("thumbprint", &key.thumbprint().0.0);
    }

    fn add_text(&mut self, what: &'static str, text: &str) {
        self.add(what, text);
        self.add(what, Bytes32::sha256(text.as_bytes()).0);
    }

    fn add_time(&mut self, seconds: u64) {
        for time in [seconds, seconds * 1000, seconds - grantbook_record::day::EPOCH_2020] {
            self.add("time", time.to_be_bytes());
            self.add("time", time.to_le_bytes());
            self.add("time", time.to_string());
        }
    }

    /// Everything in an entry's receipt that only its owner is told.
    fn add_receipt(&mut self, json: &Value) {
        for salt in [&json["salt"], &json["link"]["salt"]] {
            self.add_encoded("salt", salt);
        }
        for opening in json["openings"].as_array().into_iter().flatten() {
            self.add_encoded("blinding", &opening["blinding"]);
        }
        let receipt: Receipt = serde_json::from_value(json.clone()).expect("a receipt");
        match &receipt.content {
            Content::Event(content) => {
                self.add("envelope", &content.envelope.0);
                self.add("hash of an envelope", Bytes32::sha256(&content.envelope.0).0);
                content.keys.iter().for_each(|key| self.add_key(key));
                self.add_event(
                    &Envelope::parse(&content.envelope.0).expect("an envelope").event().expect("an event"),
                );
            }
            Content::Erased => unreachable!("nobody was erased"),
            Content::Use(content) => {
                self.add_text("use record", &content.record);
                let record = UseRecord::parse(content.record.as_bytes()).expect("a record");
                self.add_text("data subject", record.facts.data_subject.as_str());
                self.add_text("use id", record.use_id.as_ref().map_or("", UseId::as_str));
                self.add_time(record.at.0);
                self.add_text("batch head", &content.head);
                self.add_key(&content.key);
            }
        }
    }

    fn add_event(&mut self, claims: &Claims<Event>) {
        self.add_bytes("jti", claims.jti.as_bytes());
        self.add("jti", claims.jti.to_string());
        self.add_bytes("tenant", claims.aud.as_bytes());
        self.add("tenant", claims.aud.to_string());
        self.add_time(claims.iat.0);
        if let Some(sub) = claims.event.subject() {
            self.add_text("data subject", sub.as_str());
        }
        if let Some(terms) = claims.event.granted_terms() {
            self.add_time(terms.validity.start().0);
            self.add_time(terms.validity.end().0);
            self.add_bytes("hash of a notice", &terms.notice.hash.0);
            self.add_bytes("hash of a template", &terms.template.hash.0);
            for term in [&terms.controller, &terms.recipient, &terms.purpose] {
                self.add_text("term", term.as_str());
            }
        }
    }
}

/// Two enterprises, two days, and enough of everything for a full bundle.
struct Story {
    world: World,
    enterprises: Vec<Enterprise>,
    secrets: Secrets,
}

impl Story {
    async fn begin() -> Self {
        let world = World::open(Duration::from_secs(5)).await;
        let enterprises = vec![world.enterprise("shop").await, world.enterprise("club").await];
        let mut story = Self { world, enterprises, secrets: Secrets::default() };
        story.customers(0..CUSTOMERS / 2).await;
        // a day later, and then the clock is set back
        story.world.set_ahead(DAY);
        story.customers(CUSTOMERS / 2..CUSTOMERS).await;
        story.world.set_ahead(Duration::ZERO);
        story.customers(CUSTOMERS..CUSTOMERS + 2).await;
        story
    }

    async fn customers(&mut self, numbers: std::ops::Range<usize>) {
        let Self { world, enterprises, secrets } = self;
        for number in numbers {
            let enterprise = &enterprises[number % 2];
            let customer = world.customer(enterprise, &format!("customer-{number}")).await;
            let grant = world.grant(enterprise, &customer).await;
            secrets.add_text("data subject", customer.sub.as_str());
            secrets.add_key(customer.key.public_key());
            if number % CUSTOMERS < 2 {
                let gate = signer(&format!("gate of {}", enterprise.name));
                let id = GateId::parse("till-at-the-door").expect("a gate's name");
                world.ledger().register_gate(enterprise.id, &id, *gate.public_key()).expect("registered");
                secrets.add_text("gate", id.as_str());
                if number < 2 {
                    uses(world, enterprise, &customer, &id, &gate, grant.id).await;
                }
            }
            if number % 3 == 0 {
                world.withdraw(enterprise, &customer, &grant).await;
            }
        }
    }
}

/// One batch of many uses.
async fn uses(
    world: &World,
    enterprise: &Enterprise,
    customer: &Customer,
    gate: &GateId,
    key: &Signer,
    grant: grantbook_record::Jti,
) {
    let record = |seq: usize| UseRecord {
        use_id: Some(UseId::try_from(format!("order-{seq:05}")).expect("a use id")),
        ..UseRecord::new(
            gate.clone(),
            seq as u64,
            world.now().seconds(),
            customer.facts(),
            Outcome::Permitted(Permitted::committed(grant)),
        )
    };
    let records: Vec<_> = (0..USES).map(|seq| (record(seq), Salt(Bytes32(random())))).collect();
    let batch = sign_batch(&Claims::new(enterprise.id, world.jti(), ()), &records, key).expect("a batch");
    let body = serde_json::to_vec(&batch).expect("JSON");
    world.send(Call::post("/v1/uses", JSON, body).token(Some(&enterprise.service))).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_log_tells_kind_class_currency_and_day_and_no_more() {
    let mut story = Story::begin().await;
    let log = PublicLog::read(&story.world).await;
    assert_eq!((log.size, log.root), story.world.size_root());
    assert_eq!(log.entries.len() as u64, log.size.0);
    assert!(log.size.0 > 256, "a full bundle and more, got {}", log.size.0);
    assert_eq!(log.recomputed_root(), log.root);

    // a size for each kind and class, whoever it is about
    let mut sizes: BTreeMap<(Kind, Class), BTreeSet<usize>> = BTreeMap::new();
    let mut last = Day(0);
    let mut days = BTreeSet::new();
    for ((_, entry), bytes) in log.parsed().zip(&log.entries) {
        assert_eq!(bytes.len(), Entry::size(entry.class));
        assert_eq!(entry.to_bytes(), *bytes);
        sizes.entry((entry.kind, entry.class)).or_default().insert(bytes.len());
        assert!(entry.day >= last, "{:?} after {last:?}", entry.day);
        last = entry.day;
        days.insert(entry.day);
    }
    assert!(sizes.values().all(|sizes| sizes.len() == 1), "{sizes:?}");
    assert!(sizes.len() >= 5, "{sizes:?}");
    assert!(days.len() >= 2, "the clock went on and back by a day, but the log has {days:?}");

    // all that its owners are told, and nobody else
    for leaf_index in 0..log.size.0 {
        let mut owners = 0;
        for enterprise in &story.enterprises {
            let answer = story.world.get(&format!("/v1/receipts/{leaf_index}"), &enterprise.service).await;
            if answer.status == 200 {
                story.secrets.add_receipt(&answer.json());
                owners += 1;
            }
        }
        assert_eq!(owners, 1, "entry {leaf_index}");
    }
    for enterprise in &story.enterprises {
        story.secrets.add_key(enterprise.signer.public_key());
    }
    story.secrets.add_key(story.world.operator().public_key());
    let kinds: BTreeSet<_> = story.secrets.0.values().collect();
    assert!(story.secrets.0.len() > 2000 && kinds.len() >= 15, "{} of {kinds:?}", story.secrets.0.len());
    let stretches = log.stretches();
    for (value, what) in &story.secrets.0 {
        let found = log.find(&stretches, value);
        assert!(found.is_none(), "{what} in {found:?}: {}", String::from_utf8_lossy(value));
    }

    // the search does find what is there
    let mut planted = log;
    for value in story.secrets.0.keys().step_by(97) {
        planted.bytes[1].1.extend_from_slice(value);
    }
    let stretches = planted.stretches();
    for (value, what) in story.secrets.0.iter().step_by(97) {
        assert!(planted.find(&stretches, value).is_some(), "{what}");
    }
    assert!(planted.find(&stretches, &planted.entries[3][3..]).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_are_found_again_with_the_keys_of_their_day_only() {
    let story = Story::begin().await;
    let log = PublicLog::read(&story.world).await;
    let keys: Vec<_> = story.enterprises.iter().map(|enterprise| story.world.tag_key(enterprise)).collect();
    let mut tags = BTreeSet::new();
    let mut found = vec![0; keys.len()];
    for (index, entry) in log.parsed() {
        assert!(tags.insert(entry.tag), "a tag came twice");
        let finds = |day: Day, origin: &str, index: LeafIndex| -> Vec<bool> {
            keys.iter().map(|key| key.day_key(day).tag(origin, index) == entry.tag).collect()
        };
        // exactly its owner's key, who alone is shown the receipt
        let mut shown = Vec::new();
        for enterprise in &story.enterprises {
            let path = format!("/v1/receipts/{}", index.0);
            shown.push(story.world.get(&path, &enterprise.service).await.status == 200);
        }
        let with_day_keys = finds(entry.day, ORIGIN, index);
        assert_eq!(with_day_keys, shown, "entry {}", index.0);
        assert_eq!(with_day_keys.iter().filter(|finds| **finds).count(), 1, "entry {}", index.0);
        found.iter_mut().zip(&with_day_keys).for_each(|(count, finds)| *count += u32::from(*finds));
        let (before, after) = (Day(entry.day.0 - 1), Day(entry.day.0 + 1));
        for other in [
            finds(before, ORIGIN, index),
            finds(after, ORIGIN, index),
            finds(entry.day, "another.test/log", index),
            finds(entry.day, ORIGIN, LeafIndex(index.0 + 1)),
        ] {
            assert_eq!(other, [false, false], "entry {}", index.0);
        }
    }
    assert!(found.iter().all(|count| *count > 50), "{found:?}");
}
