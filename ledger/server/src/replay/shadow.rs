//! The replayed sample under rules in shadow, and under the same rules in force.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use grantbook_engine::Ledger;
use grantbook_plan::PolicyPlan;
use grantbook_plan::simulation::{Judged, Report, Verdict, Window};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Claims, PolicyPublished, Promotion, Shadow, Stage};
use grantbook_record::uses::{Denied, Outcome, Permitted, UseRecord};
use grantbook_record::{DataDay, DenialReason, Envelope, Jti, Kind, TenantId, Term, UnixSeconds};
use serde_json::{Value, json};

use super::identity::Identity;
use super::input;
use super::run::{Options, run};
use super::scenario::Scenario;
use crate::cli::clock;
use crate::cli::data::DataArgs;

/// What was said of one row: under which grant it was permitted, or why not.
type Said = Result<Jti, DenialReason>;

/// One ledger of a replay.
struct Replayed {
    data: DataArgs,
    file: PathBuf,
}

impl Replayed {
    fn new(folder: &Path, file: &Path) -> Self {
        let data = DataArgs { data_dir: Some(folder.join("data")), ..DataArgs::default() };
        Self { data, file: file.to_owned() }
    }

    fn run(&self, rows_max: Option<u64>) {
        let (file, data) = (self.file.as_path(), &self.data);
        let scenario = Scenario::Plain;
        run(&Options { file, data, lenient: false, receipts: None, scenario, rows_max }).unwrap();
    }

    fn with<T>(&self, read: impl FnOnce(&Ledger, TenantId) -> T) -> T {
        let ledger = self.data.open().unwrap();
        let read = read(&ledger, ledger.tenants()[0].id);
        ledger.close().unwrap();
        read
    }

    fn publish(&self, from: UnixSeconds, plan: &Value, stage: Option<Stage>) {
        let checked = input::check(&self.file, false).unwrap();
        let keyring = self.data.config().unwrap().keyring_dir;
        let identity = Identity::open(&keyring, checked.sha256, Scenario::Plain, clock::now()).unwrap();
        let sources = Bytes32([7; 32]);
        let event = PolicyPublished { version: 1, from, sources, plan: plan.clone(), stage };
        self.with(|ledger, tenant| {
            let payload = Claims::new(tenant, clock::new_jti(), event).to_json();
            let envelope =
                Envelope::sign(Kind::PolicyPublished, &payload, &[&identity.enterprise().unwrap()]);
            ledger.append(tenant, &envelope).unwrap();
        });
    }

    /// What the gate said of every row from one on.
    fn said(&self, from: u64) -> BTreeMap<u64, Said> {
        let all = self.with(|ledger, tenant| {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let (rows, next) = ledger.uses(tenant, after, 1000).unwrap();
                all.extend(rows.into_iter().map(|row| (row.record.seq, row.record.outcome)));
                after = next;
                if after.is_none() {
                    return all;
                }
            }
        });
        let said = |(seq, outcome)| match outcome {
            Outcome::Permitted(Permitted { grant, .. }) => (seq, Ok(grant)),
            Outcome::Denied(Denied { reason, .. }) => (seq, Err(reason)),
            Outcome::Voided(_) => panic!("a replay gives no permit back"),
        };
        all.into_iter().map(said).filter(|(seq, _)| *seq >= from).collect()
    }

    /// The same as the rules in force and the candidate would have said it, and which rule denies.
    fn simulated(&self, plan: &PolicyPlan, since: UnixSeconds) -> ([BTreeMap<u64, Said>; 2], Report) {
        let window = Window { since, ..Window::ALL };
        let mut both = [BTreeMap::new(), BTreeMap::new()];
        let simulated = self.with(|ledger, tenant| {
            let mut each = |_, record: &UseRecord, Judged { now, then }: &Judged| {
                for (said, verdict) in both.iter_mut().zip([now, then]) {
                    let is_of_rules = matches!(verdict, Verdict::Denied { reason: DenialReason::Policy, .. });
                    assert_eq!(verdict.rule().map(Term::as_str), is_of_rules.then_some("no"));
                    let told = match verdict {
                        Verdict::Permitted { grant } => Ok(*grant),
                        Verdict::Denied { reason, .. } => Err(*reason),
                    };
                    said.insert(record.seq, told);
                }
            };
            ledger.simulate(tenant, plan, window, &mut each).unwrap()
        });
        (both, simulated.report)
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &target);
        } else {
            std::fs::copy(file.path(), target).unwrap();
        }
    }
}

/// Nothing that was bought in the first half of a month of 1997.
fn plan() -> Value {
    let day = |text: &str| json!({"long": DataDay::parse(text).unwrap().0});
    let halves = (1..=12).map(|month| {
        let from = day(&format!("1997-{month:02}-01"));
        let until = day(&format!("1997-{month:02}-16"));
        let bought = json!({"attribute": "data_from"});
        json!({"all": [{"less_or_equal": [from, bought]}, {"less": [bought, until]}]})
    });
    let text = json!({"en": "ask", "zh-CN": "请求"});
    json!({"version": 1, "rules": [
        {"id": "agreed", "effect": "permit", "text": text, "when": {"bool": true}},
        {"id": "no", "effect": "forbid", "text": text, "when": {"any": halves.collect::<Vec<_>>()}},
    ]})
}

/// Replays a part, then on a ledger with the candidate in shadow and on a copy with it in force the rest. Gives the report.
fn predicts(file: &Path, rows: u64) -> Report {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [here, there] = folders.each_ref().map(|folder| Replayed::new(folder.path(), file));
    here.run(Some(rows));
    copy(folders[0].path(), folders[1].path());
    // no use before it is of the second in which it begins
    let from = UnixSeconds(clock::now().seconds().0 + 1);
    while clock::now().seconds() < from {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let (json, hours) = (plan(), NonZeroU16::new(72).unwrap());
    let plan = PolicyPlan::from_value(&json).unwrap();
    here.publish(from, &json, Some(Stage::Shadow(Shadow { hours })));
    there.publish(from, &json, None);
    here.run(None);
    there.run(None);

    let (as_before, promoted) = (here.said(rows), there.said(rows));
    let ([now, then], report) = here.simulated(&plan, from);
    assert_eq!(now, as_before, "the shadow changes nothing");
    assert_eq!(then, promoted, "the shadow says what promotion does");
    let (candidate, shadow) = here.with(Ledger::shadow).unwrap().unwrap();
    assert_eq!(Report { until: Window::ALL.until, ..shadow.report }, report);
    // under the rules in force nothing differs from them
    let ([now, then], of_itself) = there.simulated(&plan, from);
    assert_eq!((&now, &then), (&promoted, &promoted));
    assert_eq!(of_itself.differences, []);

    let early = Some(Term::parse("tried").unwrap());
    here.publish(UnixSeconds(from.0 + 1), &json, Some(Stage::Promoted(Promotion { early })));
    let in_force = here.with(Ledger::tenant_state).unwrap().policy.unwrap();
    assert_eq!((in_force.plan, in_force.sources), (candidate.plan, candidate.sources));
    report
}

/// A few customers who buy far more than ten times in 1997.
fn small(folder: &Path) -> PathBuf {
    let mut state = 1_u64;
    let mut below = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut text = String::new();
    for row in 0..400 {
        let customer = if row < 30 { row } else { below(30).min(below(30)) };
        let (month, day) = (1 + below(12), 1 + below(28));
        writeln!(text, " {:05} 0001 1997{month:02}{day:02}  2   29.33", 1000 + customer).unwrap();
    }
    let file = folder.join("purchases.txt");
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn the_shadow_of_a_small_sample_says_what_promotion_does() {
    let folder = tempfile::tempdir().unwrap();
    let report = predicts(&small(folder.path()), 150);
    assert_eq!(report.judged.uses, 250);
    assert!(report.would_deny.uses > 10 && report.would_permit.uses > 5, "{report:?}");
}

/// Thousands of customers, where the sample lies beside the workspace.
#[test]
fn the_shadow_of_the_real_sample_says_what_promotion_does() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cdnow_sample.txt");
    if !file.is_file() {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: the_shadow_of_the_real_sample: the sample is not beside the workspace"
        );
        return;
    }
    let rows = input::check(&file, false).unwrap().rows;
    let report = predicts(&file, rows / 2);
    assert!(report.would_deny.uses > 100 && report.would_deny.customers > 50, "{report:?}");
}
