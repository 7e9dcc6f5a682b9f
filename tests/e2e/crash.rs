//! `kill -9` during `replay`, at random moments, and while key epochs roll in its midst: nothing that was acknowledged is
//! missing, every checkpoint that was ever published is a prefix of the final log, and the rerun finishes with the same
//! counts. Then while customers are erased: who is erased stays so, and everybody else's receipts go on verifying.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use grantbook_engine::ReadError;
use grantbook_record::receipt::Content;
use grantbook_record::uses::UseRecord;
use grantbook_record::{Receipt, SubjectId, TenantId};
use grantbook_tests::Tally;
use grantbook_tlog::tile::{bundles, parse_bundle};
use grantbook_tlog::{CompactRange, Hash, LogKeys, TreeSize, leaf_hash};
use serde_json::{Value, json};

use crate::replay::program::{Done, Place};
use crate::replay::purchases::{counts, expected, purchases, with_sample_id};

/// In the ordinary run; `GRANTBOOK_KILLS=1000` for the long one.
const KILLS: u32 = 30;
/// Kills that one ledger should see before it is done.
const KILLS_PER_LEDGER: u32 = 10;
/// Customers of one ledger who are erased.
const ERASED: usize = 3;

/// How long a command of no rows takes at most, in most cases.
const SHORT: Duration = Duration::from_millis(60);

const ROLL: &str = "epoch roll --data-dir data --json";

/// Moments between nothing and twice their mean.
struct Moments(u64);

impl Moments {
    fn seeded() -> Self {
        let given = std::env::var("GRANTBOOK_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let seed = given.unwrap_or_else(|| u64::from(now.subsec_nanos()));
        // shown if the test fails, to try the same moments again
        println!("GRANTBOOK_TEST_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self, mean: Duration) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let part = f64::from(u32::try_from(self.0 >> 32).expect("32 bits")) / f64::from(u32::MAX);
        mean.mul_f64(2.0 * part)
    }
}

/// A ledger that is killed and started again until its replay is done.
pub(crate) struct Ledger {
    pub(crate) place: Place,
    file: PathBuf,
    runs: u32,
    /// Every text that the anchor has held: the checkpoints as they were published.
    published: BTreeSet<String>,
}

impl Ledger {
    pub(crate) fn new(text: &str) -> Self {
        let place = Place::new();
        let file = place.write("purchases.txt", text);
        Self { place, file, runs: 0, published: BTreeSet::new() }
    }

    /// A run, which writes its receipts to a folder of its own.
    pub(crate) fn command(&mut self) -> Command {
        self.runs += 1;
        let line = format!("replay --format cdnow --data-dir data --json --receipts receipts-{}", self.runs);
        let mut command = self.place.command(&line);
        command.arg(&self.file);
        command
    }

    /// Lets a run live for at most `life`, watching what it publishes. What it came to, if it ended before.
    pub(crate) fn run(&mut self, life: Duration) -> Option<Done> {
        let command = self.command();
        self.live(command, life)
    }

    /// The same for another command.
    fn run_words(&mut self, words: &str, life: Duration) -> Option<Done> {
        let command = self.place.command(words);
        self.live(command, life)
    }

    fn live(&mut self, mut command: Command, life: Duration) -> Option<Done> {
        let anchor = self.place.path("data.anchor");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let until = Instant::now() + life;
        let (over, seen) = (AtomicBool::new(false), Mutex::new(BTreeSet::new()));
        let done = thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    seen.lock().expect("not poisoned").extend(slots(&anchor));
                    thread::sleep(Duration::from_micros(300));
                }
            });
            let mut ended = false;
            while !ended && Instant::now() < until {
                ended = child.try_wait().expect("a child of ours").is_some();
                thread::sleep(Duration::from_micros(200));
            }
            if !ended {
                // SIGKILL: no handler, no destructor, no flush
                child.kill().expect("a child of ours");
            }
            let done = Done::of(child.wait_with_output().expect("a child of ours"));
            over.store(true, Ordering::SeqCst);
            done
        });
        self.published.append(&mut seen.into_inner().expect("not poisoned"));
        self.published.extend(slots(&anchor));
        done.status.map(|_| done)
    }

    /// All that was acknowledged or published in any run, against the final log.
    pub(crate) fn check(&self) -> (usize, usize) {
        let served = self.place.serve("data");
        let keys = String::from_utf8(served.get("/log/vkey")).expect("text");
        let keys = LogKeys::parse(&keys).expect("the log's keys");
        let last = keys.verify_checkpoint(&served.get("/log/checkpoint")).expect("signed").checkpoint;
        let (mut entries, mut range, mut roots) = (Vec::new(), CompactRange::new(), Vec::new());
        roots.push(range.root());
        for coord in bundles(last.size()) {
            let bytes = served.get(&format!("/log/{coord}"));
            for entry in parse_bundle(&bytes, coord.width()).expect("a bundle") {
                range.append(leaf_hash(entry), |_, _, _| ()).expect("a small tree");
                entries.push(entry.to_vec());
                roots.push(range.root());
            }
        }
        assert_eq!(range.root(), last.root());
        let root_at = |size: TreeSize| -> Hash { roots[usize::try_from(size.0).expect("a small tree")] };

        let mut checkpoints = 0;
        for text in &self.published {
            // a slot that was read while it was written does not verify, and was not published
            let Ok(signed) = keys.verify_checkpoint(text.as_bytes()) else { continue };
            let checkpoint = signed.checkpoint;
            assert_eq!(checkpoint.root(), root_at(checkpoint.size()), "published and not a prefix: {text}");
            checkpoints += 1;
        }
        let mut receipts = 0;
        for run in 1..=self.runs {
            for json in whole_receipts(&self.place.path(&format!("receipts-{run}"))) {
                let receipt = Receipt::parse(&json).expect("a whole file is a receipt");
                let verified = receipt.verify(&keys).expect("an acknowledged receipt is valid");
                let index = usize::try_from(verified.leaf_index.0).expect("a small tree");
                assert_eq!(entries[index], receipt.entry.0, "acknowledged in run {run}, then changed");
                assert_eq!(verified.root, root_at(verified.tree_size), "acknowledged in run {run}");
                receipts += 1;
            }
        }
        (checkpoints, receipts)
    }
}

/// What the kills of one kind came to.
#[derive(Default)]
struct Kills {
    count: u32,
    /// How many of them found a roll between its first and its last step.
    within: u32,
}

/// The names in a folder that begin so.
fn names(folder: &Path, prefix: &str) -> Vec<String> {
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("an entry").file_name());
    let mut names: Vec<_> = files.filter_map(|name| name.into_string().ok()).collect();
    names.retain(|name| name.starts_with(prefix));
    names.sort();
    names
}

impl Ledger {
    fn epoch(&self) -> u64 {
        self.place.run("epoch show --data-dir data --json").ok().json()["epoch"].as_u64().expect("a number")
    }

    /// Kills a roll; the start after it finds the old epoch or the next, and nothing of the other.
    fn kill_a_roll(&mut self, life: Duration, kills: &mut Kills) {
        let before = self.epoch();
        let done = self.run_words(ROLL, life);
        let (folders, keyring) = (self.place.path("data/epochs"), self.place.path("data.keyring"));
        if done.is_none() {
            kills.count += 1;
            kills.within += u32::from(names(&folders, "").len() + names(&keyring, "epoch-").len() > 2);
        }
        let after = self.epoch();
        assert!(after == before + 1 || done.is_none() && after == before, "{before}, then {after}: {done:?}");
        assert_eq!(names(&folders, ""), [after.to_string()]);
        assert_eq!(names(&keyring, "epoch-"), [format!("epoch-{after}.key")]);
        assert!(names(&keyring, "cases-").iter().all(|name| *name == format!("cases-{after}.sealed")));
    }

    /// Erases customers, killed again and again, with rolls in between that are killed too.
    fn kill_erasures(&mut self, summary: &Value, moments: &mut Moments, mut wanted: u32) -> (u32, Kills) {
        let tenant = summary["tenant"].as_str().expect("a tenant");
        let folders = (1..=self.runs).map(|run| self.place.path(&format!("receipts-{run}")));
        let receipts: Vec<_> = folders
            .flat_map(|folder| whole_receipts(&folder))
            .map(|json| Receipt::parse(&json).expect("a whole file is a receipt"))
            .collect();
        let subs: BTreeSet<String> = receipts.iter().filter_map(sub_of).collect();
        let (mut kills, mut rolls) = (0, Kills::default());
        for sub in subs.iter().take(ERASED) {
            let erase =
                format!("erase --sub {sub} --channel letter --tenant {tenant} --data-dir data --json");
            let erase = format!("{erase} --forgotten-by replay");
            loop {
                let killed = wanted > 0;
                let life = if killed { moments.next(SHORT) } else { Duration::from_secs(600) };
                match self.run_words(&erase, life) {
                    None => kills += 1,
                    Some(Done { status: Some(0), .. }) => break,
                    // the kill came after the customer was erased
                    Some(done) => {
                        let refused = done.is(1);
                        assert!(refused.err.contains("no such customer"), "{refused:?}");
                        break;
                    }
                }
                wanted = wanted.saturating_sub(1);
                if killed {
                    self.kill_a_roll(moments.next(SHORT), &mut rolls);
                }
            }
        }
        self.kill_a_roll(Duration::from_secs(600), &mut rolls);
        let report = self.place.run("fsck --data-dir data --json").ok().json();
        // enrolment, grant and one use at least, of each
        let erased = report["erased"].as_u64().expect("a count");
        assert!(erased >= 3 * ERASED.min(subs.len()) as u64, "{report}");
        let config = grantbook_engine::LedgerConfig::new(self.place.path("data"));
        let ledger = grantbook_engine::Ledger::open(&config).expect("opens");
        let tenant = TenantId::parse(tenant).expect("a tenant id");
        for sub in subs.iter().take(ERASED) {
            assert!(ledger.customer(tenant, &SubjectId::parse(sub).expect("a pseudonym")).is_none());
        }
        assert!(ledger.erasures(tenant).expect("erasures").is_empty(), "an erasure was left under way");
        for receipt in &receipts {
            let verified = receipt.verify(ledger.log_keys()).expect("valid");
            if let Some(sub) = sub_of(receipt) {
                let gone = subs.iter().take(ERASED).any(|one| *one == sub);
                let read = ledger.receipt(tenant, verified.leaf_index);
                assert_eq!(matches!(read, Err(ReadError::Erased)), gone, "entry {}", verified.leaf_index.0);
            }
        }
        ledger.close().expect("an orderly end");
        (kills, rolls)
    }
}

/// Whose use a receipt is of.
pub(crate) fn sub_of(receipt: &Receipt) -> Option<String> {
    let Content::Use(used) = &receipt.content else { return None };
    let record = UseRecord::parse(used.record.as_bytes()).expect("a record");
    Some(record.facts.data_subject.as_str().to_owned())
}

/// The texts of the anchor's two slots.
fn slots(anchor: &Path) -> Vec<String> {
    let bytes = fs::read(anchor).unwrap_or_default();
    let text = |slot: &[u8]| {
        let text = slot.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8(text.to_vec()).unwrap_or_default()
    };
    bytes.chunks(4096).map(text).collect()
}

/// The receipts of a folder but for the one that the kill found half written.
fn whole_receipts(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let paths = files.map(|file| file.expect("an entry").path());
    let json = paths.filter(|path| path.extension().is_some_and(|e| e == "json"));
    json.map(|path| fs::read(path).expect("a receipt")).filter(|bytes| bytes.ends_with(b"}")).collect()
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9_at_any_moment() {
    let mut moments = Moments::seeded();
    let rows = purchases(150, 2500, 4);
    let (text, expected) = (with_sample_id(&rows), expected(&rows));

    // how long a run takes here and now, to spread the kills over it
    let begun = Instant::now();
    let undisturbed =
        Ledger::new(&text).run(Duration::from_secs(600)).expect("it ends by itself").ok().json();
    let whole = begun.elapsed();
    assert_eq!(counts(&undisturbed), expected);

    let wanted: u32 =
        std::env::var("GRANTBOOK_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(KILLS);
    let (mut kills, mut rolls, mut erasures) = (0, Kills::default(), 0);
    let (mut checkpoints, mut receipts, mut resumed) = (0, 0, 0);
    while kills < wanted {
        let mut ledger = Ledger::new(&text);
        let mut done = None;
        while done.is_none() && kills < wanted {
            done = ledger.run(moments.next(whole / KILLS_PER_LEDGER));
            kills += u32::from(done.is_none());
            // a run that was killed at once has not even made its folder
            if done.is_none() && kills % 3 == 1 && ledger.place.path("data").is_dir() {
                ledger.kill_a_roll(moments.next(SHORT), &mut rolls);
            }
        }
        let done = match done {
            Some(done) => done,
            None => ledger.run(Duration::from_secs(600)).expect("the rerun ends by itself"),
        };
        let summary = done.ok().json();
        assert_eq!(counts(&summary), expected, "after {} runs", ledger.runs);
        // each roll is an entry too, unless the kill came between the two
        let (size, steps) = (summary["tree_size"].as_u64(), undisturbed["tree_size"].as_u64());
        let of_rolls = size.zip(steps).and_then(|(size, steps)| size.checked_sub(steps));
        let rolled = ledger.epoch() - 1;
        assert!(
            of_rolls.is_some_and(|count| count <= rolled),
            "a step was taken twice or left out: {summary}"
        );
        resumed += u32::from(summary["resumed_at"] != json!(0));
        let (checked, acknowledged) = ledger.check();
        checkpoints += checked;
        receipts += acknowledged;
        ledger.place.run("fsck --data-dir data --json").ok();
        let (killed, of_rolls) = ledger.kill_erasures(&summary, &mut moments, wanted / 3);
        erasures += killed;
        rolls.count += of_rolls.count;
        rolls.within += of_rolls.within;
        let (checked, acknowledged) = ledger.check();
        checkpoints += checked;
        receipts += acknowledged;
    }
    println!(
        "{kills} kills, {checkpoints} checkpoints and {receipts} receipts checked, {resumed} ledgers resumed; \
         {} kills of rolls, {} of them midway, {erasures} of erasures",
        rolls.count, rolls.within
    );
    assert!(
        checkpoints > 10 && receipts > 0,
        "{checkpoints} checkpoints, {receipts} receipts: too little was seen"
    );
    assert!(resumed > 0, "no run went on within the rows");
    let result = format!(
        "0 of {receipts} acknowledged entries missing, 0 of {checkpoints} checkpoints inconsistent, {resumed} ledgers resumed"
    );
    let mut tally = Tally::new("kills");
    tally.count("kill -9 under load", &result, u64::from(kills), "");
    let result = format!("the next start has the old epoch or the new; {} were midway", rolls.within);
    tally.count("kill -9 while a key epoch rolls", &result, u64::from(rolls.count), "");
    let result = "everybody else's receipts verify; the same again ends the erasure";
    tally.count("kill -9 while a customer is erased", result, u64::from(erasures), "");
    tally.write();
}
