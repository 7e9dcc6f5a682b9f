//! What a gate keeps on disk: it goes on from there, believes nothing that was changed, and leaves no trace of the erased.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantbook_record::event::{Event, SubjectErased};
use grantbook_record::feed::{Chain, FeedPosition};
use grantbook_record::{DenialReason, GateId, Jti, Signer, TenantId};
use grantbook_sdk::{BootTime, Decision, Fault, Pins, Question, Replica, SnapshotError, StateFolder};
use tempfile::TempDir;

use crate::book::{BOUND, Book, facts, signer, sub};
use crate::sealed::{EPOCH, GATE, KEY, has, opened};

fn boot(seconds: u64) -> BootTime {
    BootTime(std::time::Duration::from_secs(seconds))
}

fn folder(path: &Path, pins: &Pins) -> Arc<StateFolder> {
    Arc::new(StateFolder::open(path, pins, &GateId::parse(GATE).unwrap(), &KEY, EPOCH).unwrap())
}

/// As after a restart, and why no snapshot was used where one was there.
fn restarted(path: &Path, pins: Pins) -> (Replica, Option<SnapshotError>) {
    let folder = folder(path, &pins);
    Replica::open(pins, BOUND, folder).unwrap()
}

fn feed(replica: &mut Replica, book: &Book) {
    let next = usize::try_from(replica.position().0).unwrap();
    for frame in &book.frames[next..] {
        replica.take_frame(book.pins().verify_frame(frame).unwrap()).unwrap();
    }
}

fn freshen(replica: &mut Replica, book: &Book) {
    replica.take_head(&book.head([5; 32]), Question::new([5; 32], boot(100)), boot(100)).unwrap();
}

fn reason(replica: &Replica, customer: &str) -> Option<DenialReason> {
    match replica.decide(&facts(customer), None, boot(101)) {
        Decision::Permit(_) => None,
        Decision::Denial(denial) => Some(denial.reason),
    }
}

struct Scene {
    book: Book,
    anna: Signer,
    grant: Jti,
    dir: TempDir,
}

/// A book with one grant, and a folder with a snapshot of all of it.
fn scene() -> Scene {
    let mut book = Book::new();
    let anna = signer(20);
    book.enrol("anna", &anna);
    let grant = book.grant("anna", &anna);
    let dir = TempDir::new().unwrap();
    let (mut replica, none) = restarted(dir.path(), book.pins());
    assert!(none.is_none());
    feed(&mut replica, &book);
    replica.snapshot().unwrap().save().unwrap();
    Scene { book, anna, grant, dir }
}

fn cold_file(dir: &Path) -> PathBuf {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let mut cold: Vec<_> =
        files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("cold-")).collect();
    assert_eq!(cold.len(), 1, "{cold:?}");
    cold.remove(0)
}

#[test]
fn a_restart_goes_on_where_the_snapshot_is() {
    let Scene { mut book, anna, grant, dir } = scene();
    let (mut replica, refused) = restarted(dir.path(), book.pins());
    assert!(refused.is_none());
    assert_eq!((replica.position(), replica.customers()), (FeedPosition(4), 1));
    // a snapshot makes nothing fresh
    assert_eq!(reason(&replica, "anna"), Some(DenialReason::Stale));
    freshen(&mut replica, &book);
    assert_eq!(reason(&replica, "anna"), None);

    // later events are checked against the keys of before
    book.grant("anna", &signer(21));
    book.enrol("bert", &signer(22));
    let of_bert = book.grant("bert", &signer(22));
    feed(&mut replica, &book);
    freshen(&mut replica, &book);
    assert_eq!(reason(&replica, "anna"), Some(DenialReason::Blocked));
    assert_eq!(reason(&replica, "bert"), None);
    replica.snapshot().unwrap().save().unwrap();
    drop(replica);

    let (mut replica, _) = restarted(dir.path(), book.pins());
    freshen(&mut replica, &book);
    assert_eq!(reason(&replica, "anna"), Some(DenialReason::Blocked));
    assert!(replica.confirm(&facts("bert"), &of_bert, boot(101)).is_ok());
    book.withdraw("bert", of_bert, &signer(22));
    book.withdraw("anna", grant, &anna);
    feed(&mut replica, &book);
    assert_eq!(reason(&replica, "bert"), Some(DenialReason::Withdrawn));
}

#[test]
fn before_the_first_frame_there_is_a_snapshot_too() {
    let (book, dir) = (Book::new(), TempDir::new().unwrap());
    let (replica, _) = restarted(dir.path(), book.pins());
    replica.snapshot().unwrap().save().unwrap();
    drop(replica);
    let (mut replica, refused) = restarted(dir.path(), book.pins());
    assert!(refused.is_none(), "{refused:?}");
    feed(&mut replica, &book);
    assert_eq!(replica.position(), FeedPosition(2));
}

#[test]
fn what_came_after_the_snapshot_comes_again() {
    let Scene { mut book, anna, grant, dir } = scene();
    let (mut replica, _) = restarted(dir.path(), book.pins());
    book.withdraw("anna", grant, &anna);
    book.enrol("bert", &signer(22));
    book.grant("bert", &signer(22));
    feed(&mut replica, &book);
    // the process dies here, and the records that it has written are there
    drop(replica);
    let (mut replica, refused) = restarted(dir.path(), book.pins());
    assert!(refused.is_none());
    assert_eq!(replica.position(), FeedPosition(4));
    // the ledger's head names frames that are not in: nothing is permitted by what the snapshot knew
    freshen(&mut replica, &book);
    assert_eq!(reason(&replica, "anna"), Some(DenialReason::Stale));
    feed(&mut replica, &book);
    assert_eq!(reason(&replica, "anna"), Some(DenialReason::Withdrawn));
    assert_eq!(reason(&replica, "bert"), None);
}

#[test]
fn a_snapshot_of_another_history_is_given_up() {
    let Scene { book, dir, .. } = scene();
    let (mut replica, _) = restarted(dir.path(), book.pins());
    let elsewhere = Chain { value: grantbook_record::encoding::Bytes32([1; 32]), ..book.chain };
    let head = book.head_at(elsewhere, [5; 32]);
    let fault = replica.take_head(&head, Question::new([5; 32], boot(100)), boot(100)).unwrap_err();
    assert!(matches!(fault, Fault::Chain), "{fault:?}");
    assert_eq!((replica.position(), replica.customers()), (FeedPosition(0), 0));
    drop(replica);
    let (replica, refused) = restarted(dir.path(), book.pins());
    assert!(refused.is_none());
    assert_eq!(replica.position(), FeedPosition(0));
}

fn truncate(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
}

fn flip(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// Spoils the folder, begins again in it as `owner` says, and sees the snapshot refused and the folder emptied.
fn refused(
    name: &str,
    spoil: impl Fn(&Path),
    owner: impl Fn(Pins) -> (Pins, &'static str, [u8; 32], u64),
) -> (Scene, Replica) {
    let scene = scene();
    spoil(scene.dir.path());
    let (pins, gate, key, epoch) = owner(scene.book.pins());
    let gate = GateId::parse(gate).unwrap();
    let folder = Arc::new(StateFolder::open(scene.dir.path(), &pins, &gate, &key, epoch).unwrap());
    let (replica, refused) = Replica::open(pins, BOUND, folder).unwrap();
    assert!(refused.is_some(), "{name}");
    assert_eq!((replica.position(), replica.customers()), (FeedPosition(0), 0), "{name}");
    assert!(!scene.dir.path().join("snapshot").exists(), "{name}");
    cold_file(scene.dir.path());
    (scene, replica)
}

#[test]
fn another_owners_snapshot_is_refused() {
    let other = TenantId::parse("0191f3a0-5e1c-7b3a-9a55-000000000000").unwrap();
    refused("key", |_| (), |pins| (pins, GATE, [43; 32], EPOCH));
    refused("epoch", |_| (), |pins| (pins, GATE, KEY, EPOCH + 1));
    refused("gate", |_| (), |pins| (pins, "gate-2", KEY, EPOCH));
    refused("tenant", |_| (), |pins| (Pins { tenant: other, ..pins }, GATE, KEY, EPOCH));
    let enterprise = |mut pins: Pins| {
        pins.parties.enterprise = signer(9).thumbprint();
        (pins, GATE, KEY, EPOCH)
    };
    refused("enterprise", |_| (), enterprise);
}

#[test]
fn a_changed_snapshot_is_refused() {
    type Spoil = fn(&Path);
    let cases: &[(&str, Spoil)] = &[
        ("label", |dir| flip(&dir.join("snapshot"), 3)),
        ("epoch", |dir| flip(&dir.join("snapshot"), 29)),
        ("nonce", |dir| flip(&dir.join("snapshot"), 31)),
        ("content", |dir| flip(&dir.join("snapshot"), 200)),
        ("cut", |dir| truncate(&dir.join("snapshot"))),
        ("empty", |dir| std::fs::write(dir.join("snapshot"), "").unwrap()),
        ("records of another file", |dir| flip(&cold_file(dir), 20)),
        ("records cut", |dir| truncate(&cold_file(dir))),
        ("no records", |dir| std::fs::remove_file(cold_file(dir)).unwrap()),
    ];
    for (name, spoil) in cases {
        let (mut scene, mut replica) = refused(name, spoil, |pins| (pins, GATE, KEY, EPOCH));
        // and it goes on from the start of the feed
        feed(&mut replica, &scene.book);
        freshen(&mut replica, &scene.book);
        assert_eq!(reason(&replica, "anna"), None, "{name}");
        scene.book.withdraw("anna", scene.grant, &scene.anna);
        feed(&mut replica, &scene.book);
        assert_eq!(reason(&replica, "anna"), Some(DenialReason::Withdrawn), "{name}");
    }
}

/// Only what is asked for is read, so a changed record shows when the next event comes; then nothing is believed.
#[test]
fn a_changed_record_empties_the_replica() {
    let Scene { mut book, anna, grant, dir } = scene();
    let (mut replica, _) = restarted(dir.path(), book.pins());
    freshen(&mut replica, &book);
    let cold = File::options().write(true).open(cold_file(dir.path())).unwrap();
    let end = cold.metadata().unwrap().len();
    cold.write_all_at(&[0xAA; 4], end - 20).unwrap();
    book.withdraw("anna", grant, &anna);
    let fault = replica.take_frame(book.pins().verify_frame(book.frames.last().unwrap()).unwrap());
    assert!(matches!(fault, Err(Fault::Records(_))), "{fault:?}");
    assert_eq!(replica.position(), FeedPosition(0));
    feed(&mut replica, &book);
    freshen(&mut replica, &book);
    assert_eq!(reason(&replica, "anna"), Some(DenialReason::Withdrawn));
}

#[test]
fn one_folder_has_one_gate() {
    let Scene { book, dir, .. } = scene();
    let _first = folder(dir.path(), &book.pins());
    let gate = GateId::parse(GATE).unwrap();
    let second = StateFolder::open(dir.path(), &book.pins(), &gate, &KEY, EPOCH).unwrap_err();
    assert_eq!(second.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn of_an_erased_customer_nothing_is_left_on_disk() {
    let Scene { mut book, anna, grant, dir } = scene();
    let (mut replica, _) = restarted(dir.path(), book.pins());
    book.enrol("bert", &signer(22));
    book.grant("bert", &signer(22));
    book.withdraw("anna", grant, &anna);
    feed(&mut replica, &book);
    replica.snapshot().unwrap().save().unwrap();
    let before = opened(dir.path(), &KEY, EPOCH);
    // records of each event, and a snapshot: what is looked for below is there to be found
    assert!(before.len() >= 6, "{}", before.len());
    assert!(has(&before, anna.public_key().as_bytes()) && has(&before, grant.as_bytes()));

    replica.forget(&sub("anna")).unwrap();
    replica.snapshot().unwrap().save().unwrap();
    let after = opened(dir.path(), &KEY, EPOCH);
    assert!(!has(&after, anna.public_key().as_bytes()) && !has(&after, grant.as_bytes()));
    assert!(has(&after, signer(22).public_key().as_bytes()));
    freshen(&mut replica, &book);
    assert_eq!(reason(&replica, "anna"), Some(DenialReason::NoGrant));
    drop(replica);
    let (mut replica, refused) = restarted(dir.path(), book.pins());
    assert!(refused.is_none());
    freshen(&mut replica, &book);
    assert_eq!((reason(&replica, "anna"), reason(&replica, "bert")), (Some(DenialReason::NoGrant), None));
    // asked once more, as a ledger does that got no answer
    replica.forget(&sub("anna")).unwrap();
}

/// The process dies after the records were wiped and before the snapshot was written.
#[test]
fn forgetting_again_after_a_crash_finds_nothing_to_wipe() {
    let Scene { book, dir, anna, .. } = scene();
    let (mut replica, _) = restarted(dir.path(), book.pins());
    replica.forget(&sub("anna")).unwrap();
    drop(replica);
    let (mut replica, refused) = restarted(dir.path(), book.pins());
    assert!(refused.is_none());
    assert_eq!(replica.customers(), 1);
    replica.forget(&sub("anna")).unwrap();
    assert_eq!(replica.customers(), 0);
    replica.snapshot().unwrap().save().unwrap();
    assert!(!has(&opened(dir.path(), &KEY, EPOCH), anna.public_key().as_bytes()));
}

#[test]
fn of_a_shredded_grant_nothing_is_left_on_disk() {
    let Scene { mut book, anna, grant, dir } = scene();
    let given = book.size() - 1;
    let (mut replica, _) = restarted(dir.path(), book.pins());
    book.withdraw("anna", grant, &anna);
    let again = book.grant("anna", &anna);
    let operator = book.operator.clone();
    book.append(&Event::SubjectErased(SubjectErased { data_key: 7, given: Some(given) }), &[&operator]);
    feed(&mut replica, &book);
    replica.snapshot().unwrap().save().unwrap();
    let all = opened(dir.path(), &KEY, EPOCH);
    assert!(!has(&all, grant.as_bytes()));
    assert!(has(&all, again.as_bytes()) && has(&all, anna.public_key().as_bytes()));
}

#[test]
fn rewriting_takes_along_what_comes_meanwhile() {
    let Scene { mut book, anna, grant, dir } = scene();
    let (mut replica, _) = restarted(dir.path(), book.pins());
    for (name, key) in [("bert", 22), ("carl", 23)] {
        book.enrol(name, &signer(key));
        book.grant(name, &signer(key));
    }
    feed(&mut replica, &book);
    let before = cold_file(dir.path());
    let rewriting = replica.begin_rewriting().unwrap();
    let to = under(&book, &replica, &KEY, EPOCH);
    // while it is copied: somebody withdraws, somebody is erased, somebody is new
    book.withdraw("anna", grant, &anna);
    book.enrol("dora", &signer(24));
    book.grant("dora", &signer(24));
    feed(&mut replica, &book);
    let rewritten = rewriting.copy(to).unwrap();
    replica.forget(&sub("carl")).unwrap();
    replica.finish_rewriting(rewritten).unwrap();
    replica.snapshot().unwrap().save().unwrap();
    drop(replica);

    let (mut replica, refused) = restarted(dir.path(), book.pins());
    assert!(refused.is_none(), "{refused:?}");
    assert_ne!(cold_file(dir.path()), before, "the old file goes");
    assert!(!has(&opened(dir.path(), &KEY, EPOCH), signer(23).public_key().as_bytes()));
    freshen(&mut replica, &book);
    let reasons = ["anna", "bert", "carl", "dora"].map(|name| reason(&replica, name));
    assert_eq!(reasons, [Some(DenialReason::Withdrawn), None, Some(DenialReason::NoGrant), None]);
    let of_dora = book.grant("dora", &signer(24));
    feed(&mut replica, &book);
    freshen(&mut replica, &book);
    assert!(replica.confirm(&facts("dora"), &of_dora, boot(101)).is_ok());
}

/// The replica's folder under this key, through the lock that the replica holds.
fn under(book: &Book, replica: &Replica, key: &[u8; 32], epoch: u64) -> Arc<StateFolder> {
    let folder = replica.folder().unwrap();
    Arc::new(folder.of_epoch(&book.pins(), &GateId::parse(GATE).unwrap(), key, epoch))
}

#[test]
fn after_a_roll_the_old_key_opens_nothing() {
    const NEXT: [u8; 32] = [44; 32];
    let Scene { book, dir, anna, .. } = scene();
    let (mut replica, _) = restarted(dir.path(), book.pins());
    let next = under(&book, &replica, &NEXT, EPOCH + 1);
    let rewritten = replica.begin_rewriting().unwrap().copy(next).unwrap();
    replica.finish_rewriting(rewritten).unwrap();
    replica.snapshot().unwrap().save().unwrap();
    drop(replica);

    let gate = GateId::parse(GATE).unwrap();
    let rolled = Arc::new(StateFolder::open(dir.path(), &book.pins(), &gate, &NEXT, EPOCH + 1).unwrap());
    let (mut replica, refused) = Replica::open(book.pins(), BOUND, rolled).unwrap();
    assert!(refused.is_none());
    freshen(&mut replica, &book);
    assert_eq!(reason(&replica, "anna"), None);
    assert!(opened(dir.path(), &KEY, EPOCH).is_empty());
    assert!(has(&opened(dir.path(), &NEXT, EPOCH + 1), anna.public_key().as_bytes()));
    drop(replica);
    let (replica, refused) = restarted(dir.path(), book.pins());
    assert!(matches!(refused, Some(SnapshotError::Epoch { expected: EPOCH, got: 8 })), "{refused:?}");
    assert_eq!(replica.customers(), 0);
}
