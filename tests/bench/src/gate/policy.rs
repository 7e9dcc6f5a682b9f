//! Rules of law and of the house: what publishing two hundred takes, and what they add to a decision.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use grantbook_author::cedar::{PolicyFile, lower, sources_sha256};
use grantbook_engine::Clock;
use grantbook_plan::compact::{CompactPlan, CustomerKey, Record};
use grantbook_plan::{Basis, Decision, PolicyPlan, UseCount, Vocabulary};
use grantbook_record::SubjectId;
use grantbook_record::event::PolicyPublished;
use grantbook_record::uses::UseFacts;

use super::{embedded, questions};
use crate::Failure;
use crate::measure::{alone, float};
use crate::report::Report;
use crate::world::World;

const RULES: usize = 200;
const CUSTOMERS: usize = 1000;
const BATCH: usize = 1000;
const BATCHES: usize = 301;

/// How much.
#[derive(Args)]
pub(crate) struct Options {
    /// Folder whose disk the ledger is written to
    #[arg(long, default_value_os_t = std::env::temp_dir(), value_name = "FOLDER")]
    dir: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    let mut report = Report::new("policy");
    let files = [PolicyFile { name: "bench.cedar".to_owned(), text: policies()? }];
    let world = World::new(&options.dir)?;
    let begun = Instant::now();
    let lowered = lower(&files, BTreeMap::new(), Vocabulary::builtin())?;
    let lowering = begun.elapsed().as_secs_f64();
    let event = PolicyPublished {
        version: 1,
        from: Clock::system().now().seconds(),
        sources: sources_sha256(&files),
        plan: serde_json::to_value(&lowered.plan)?,
        stage: None,
    };
    world.publish_policy(event)?;
    let published = begun.elapsed().as_secs_f64();
    let plan = lowered.plan;
    report.figure("policies.rules", float(plan.rules().len()), "rules");
    report.figure("policies.lowering_ms", lowering * 1e3, "ms");
    report.figure("policies.published_ms", published * 1e3, "ms");

    let customers = Customers::new()?;
    let (without, _) = alone(BATCHES, |_| customers.ask(None))?;
    let (with, _) = alone(BATCHES, |_| customers.ask(Some(&plan)))?;
    let per_decision = |cpu: f64| cpu / float(BATCH);
    report.figure("gate.decision_ns", per_decision(without) * 1e9, "ns");
    report.figure("gate.decision_with_rules_ns", per_decision(with) * 1e9, "ns");
    report.at_most("policies.publishing_vs_2s", published / 2.0, 1.0);
    report.at_most("gate.with_200_rules_vs_without", with / without, 2.0);
    Ok(report)
}

/// One rule that permits, and others as houses and laws have them: most about a recipient or a category, some about every
/// use.
fn policies() -> Result<String, Failure> {
    let mut text = String::new();
    let head =
        |id: &str| format!("@id(\"{id}\") @article(\"none\") @en(\"for a measurement\") @zh(\"用于测量\")\n");
    let agreed = "permit (principal, action, resource) when {
        context.grant.status == Status::\"active\" && context.recipient == context.grant.recipient &&
        context.purpose == context.grant.purpose };\n";
    text.push_str(&(head("agreed") + agreed));
    let of_every_use = [
        "when { resource has age && resource.age < 14 } unless { context.grant.giver == Giver::\"guardian\" }",
        "when { context.sensitivities.contains(Sensitivity::\"special\") } unless { context.grant.consents.contains(Consent::\"special\") }",
        "when { context.categories.contains(Category::\"driving\") } unless { context.purpose == Purpose::\"service-personalisation\" }",
        "when { context.grant.status in [Status::\"withdrawn\", Status::\"paused\"] }",
    ];
    for (number, condition) in of_every_use.iter().enumerate() {
        writeln!(
            text,
            "{}forbid (principal, action, resource) {condition};",
            head(&format!("law-{number}"))
        )?;
    }
    for number in 1 + of_every_use.len()..RULES {
        let (recipient, requester) = (questions::recipient(number), format!("team-{number}"));
        let scope = if number % 2 == 0 {
            format!("principal == Requester::\"{requester}\"")
        } else {
            "principal".to_owned()
        };
        writeln!(
            text,
            "{}forbid ({scope}, action, resource)
             when {{ context.recipient == Party::\"{recipient}\" && context.purpose == Purpose::\"research\" }}
             unless {{ context.grant has retention_days && context.grant.retention_days <= {number} }};",
            head(&format!("house-{number}"))
        )?;
    }
    Ok(text)
}

/// Customers as the replica of a gate holds them, and uses that they have granted.
struct Customers {
    plan: CompactPlan,
    granted: Vec<(CustomerKey, UseFacts)>,
}

impl Customers {
    fn new() -> Result<Self, Failure> {
        let mut plan = CompactPlan::default();
        let terms = questions::all_terms()?;
        let at = Clock::system().now().seconds();
        let key = |number: usize| {
            CustomerKey::from((number as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
        };
        let mut by_name = BTreeMap::new();
        for (number, terms) in (0..CUSTOMERS).zip(terms.iter().cycle()) {
            let sub = SubjectId::parse(&questions::customer(number))?;
            let mut record = Record::default();
            embedded::give(&mut record.state, &sub, terms.clone(), at, number as u64);
            plan.put(key(number), &record, |_| Ok::<u64, Failure>(0))?;
            by_name.insert(sub, key(number));
        }
        let questions = questions::granted(BATCH, CUSTOMERS)?;
        let granted = questions.iter().map(|question| {
            let facts = question.facts()?;
            let key = by_name.get(&facts.data_subject).ok_or("a customer without a record")?;
            Ok::<_, Failure>((*key, facts))
        });
        Ok(Self { granted: granted.collect::<Result<_, _>>()?, plan })
    }

    fn ask(&self, rules: Option<&PolicyPlan>) -> Result<(), Failure> {
        let basis = Basis::new(Vocabulary::builtin(), rules);
        let now = Clock::system().now().seconds();
        for (key, facts) in &self.granted {
            let known = self.plan.known(*key).ok_or("a customer without a record")?;
            let decision = known.decide(basis, |_| UseCount::default(), facts, now);
            if !matches!(std::hint::black_box(decision), Decision::Permit(_)) {
                return Err("a denial where each customer has a grant".into());
            }
        }
        Ok(())
    }
}
