//! What is said of the policies in `policies/` holds for every request that the schema allows, not just for those that were
//! tried: Cedar's symbolic compiler turns each claim into a question to the solver cvc5 from PyPI, whose "unsatisfiable" is
//! the proof. A claim that a policy bears must fall when that policy is left out.

use std::collections::BTreeMap;
use std::path::Path;

use cedar_policy::{Policy, PolicyId, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet};
use grantbook_author::cedar::{PolicyFile, folder, lower};
use grantbook_plan::Vocabulary;

use crate::replay::program::{outside_tools, skip, workspace};

/// No request is permitted of which `asked`, a condition in Cedar, holds.
struct Claim {
    says: &'static str,
    /// Folders of policies that hold together.
    folders: &'static [&'static str],
    asked: &'static str,
    /// The rule without which the claim is false.
    borne_by: &'static str,
}

const AGREED: &str = "house/agreed";

const CLAIMS: &[Claim] = &[
    Claim {
        says: "nothing is permitted after withdrawal, revocation or an amendment, or during a pause",
        folders: &[AGREED],
        asked: r#"context.grant.status != Status::"active""#,
        borne_by: "agreed",
    },
    Claim {
        says: "nothing is permitted before a grant begins or after it has ended",
        folders: &[AGREED],
        asked: "context.now < context.grant.starts || context.grant.ends <= context.now",
        borne_by: "agreed",
    },
    Claim {
        says: "nobody but the recipient has the data, for no other purpose and in no other category",
        folders: &[AGREED],
        asked: "context.recipient != context.grant.recipient || context.purpose != context.grant.purpose || \
                !context.grant.categories.containsAll(context.categories)",
        borne_by: "agreed",
    },
    Claim {
        says: "no sensitive data without its separate consent (PIPL)",
        folders: &[AGREED, "law/pipl"],
        asked: r#"context.sensitivities.contains(Sensitivity::"sensitive") && !context.grant.consents.contains(Consent::"sensitive")"#,
        borne_by: "pipl-29",
    },
    Claim {
        says: "no data leaves China without its separate consent (PIPL)",
        folders: &[AGREED, "law/pipl"],
        asked: r#"!([Country::"cn"].containsAll(context.countries)) && !context.grant.consents.contains(Consent::"cross-border")"#,
        borne_by: "pipl-39",
    },
    Claim {
        says: "nothing of a child below 14 without its guardian (PIPL)",
        folders: &[AGREED, "law/pipl"],
        asked: r#"resource has age && resource.age < 14 && context.grant.giver != Giver::"guardian""#,
        borne_by: "pipl-31",
    },
    Claim {
        says: "no special category without its own consent (GDPR)",
        folders: &[AGREED, "law/gdpr"],
        asked: r#"context.sensitivities.contains(Sensitivity::"special") && !context.grant.consents.contains(Consent::"special")"#,
        borne_by: "gdpr-9-2-a",
    },
    Claim {
        says: "no marketing to a child, whoever consents (DPDP)",
        folders: &[AGREED, "law/dpdp"],
        asked: r#"resource has age && resource.age < 18 && context.purpose == Purpose::"marketing""#,
        borne_by: "dpdp-9-3",
    },
    Claim {
        says: "a third party passes nothing on without consent (Data Act)",
        folders: &[AGREED, "law/data-act"],
        asked: r#"context.recipient != context.grant.controller && !context.onward.isEmpty() && !context.grant.consents.contains(Consent::"third-party")"#,
        borne_by: "data-act-6-2-c",
    },
];

/// Policies that hold together, by their own ids.
struct Set {
    policies: PolicySet,
    schema: Schema,
}

fn set(folders: &[&str]) -> Set {
    let mut files: Vec<PolicyFile> = Vec::new();
    for name in folders {
        let read = folder::read(&workspace().join("policies").join(name)).expect("a folder of policies");
        files.extend(read.into_iter().map(|folder| folder.file));
    }
    let lowered = lower(&files, BTreeMap::new(), Vocabulary::builtin()).expect("policies that lower");
    let mut policies = PolicySet::new();
    for policy in lowered.policies.policies() {
        let id = policy.annotation("id").expect("an id").to_owned();
        policies.add(policy.new_id(PolicyId::new(id))).expect("each id once");
    }
    Set { policies, schema: lowered.schema }
}

impl Set {
    fn without(&self, rule: &str) -> PolicySet {
        let mut policies = self.policies.clone();
        policies.remove_static(PolicyId::new(rule)).expect("the rule is in the set");
        if !policies.policies().any(|policy| policy.effect() == cedar_policy::Effect::Permit) {
            // what only permits is missed by letting everything through
            let all = Policy::parse(Some(PolicyId::new("all")), "permit (principal, action, resource);");
            policies.add(all.expect("a policy")).expect("a new id");
        }
        policies
    }

    fn environments(&self) -> Vec<RequestEnv> {
        self.schema.request_envs().collect()
    }
}

/// The same where nothing is asked of which the condition does not hold.
fn only(policies: &PolicySet, asked: &str) -> PolicySet {
    let text = format!("forbid (principal, action, resource) unless {{ {asked} }};");
    let mut policies = policies.clone();
    policies.add(Policy::parse(Some(PolicyId::new("asked")), text).expect("a policy")).expect("a new id");
    policies
}

struct Prover {
    compiler: CedarSymCompiler<LocalSolver>,
    runtime: tokio::runtime::Runtime,
}

impl Prover {
    fn new(python: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let session = workspace().join("tests/outside/python/cvc5_session.py");
        let mut command = std::process::Command::new(python);
        command.arg(session);
        let solver = runtime.block_on(async { LocalSolver::from_command(&mut command.into()) });
        let compiler = CedarSymCompiler::new(solver.expect("the solver starts")).expect("a compiler");
        Self { compiler, runtime }
    }

    /// Whether no request at all is permitted.
    fn denies_all(&mut self, policies: &PolicySet, schema: &Schema, environment: &RequestEnv) -> bool {
        let compiled = CompiledPolicySet::compile(policies, environment, schema).expect("they compile");
        let asked = self.compiler.check_always_denies_opt(&compiled);
        self.runtime.block_on(asked).expect("the solver answers")
    }
}

fn solver() -> Option<Prover> {
    let python = outside_tools().join("python/bin/python");
    let has = std::process::Command::new(&python).args(["-c", "import cvc5"]).output();
    if has.is_ok_and(|output| output.status.success()) {
        return Some(Prover::new(&python));
    }
    skip("what is said of policies, for every request", "cvc5 from PyPI");
    None
}

#[test]
fn each_claim_holds_for_every_request_and_falls_with_its_rule() {
    let Some(mut prover) = solver() else { return };
    for claim in CLAIMS {
        let set = set(claim.folders);
        let (whole, holed) =
            (only(&set.policies, claim.asked), only(&set.without(claim.borne_by), claim.asked));
        let mut falls = false;
        for environment in set.environments() {
            assert!(prover.denies_all(&whole, &set.schema, &environment), "{}", claim.says);
            falls |= !prover.denies_all(&holed, &set.schema, &environment);
        }
        assert!(falls, "{}: it holds without {} too", claim.says, claim.borne_by);
    }
}

#[test]
fn no_law_permits_what_the_grant_does_not_and_each_leaves_something() {
    let Some(mut prover) = solver() else { return };
    let agreed = set(&[AGREED]);
    for law in ["law/data-act", "law/dpdp", "law/gdpr", "law/pipl"] {
        let with = set(&[AGREED, law]);
        let mut permits = false;
        for environment in with.environments() {
            let compile = |policies: &PolicySet| {
                CompiledPolicySet::compile(policies, &environment, &with.schema).expect("they compile")
            };
            let (narrow, wide) = (compile(&with.policies), compile(&agreed.policies));
            let implied = prover.compiler.check_implies_opt(&narrow, &wide);
            assert!(prover.runtime.block_on(implied).expect("the solver answers"), "{law}");
            permits |= !prover.denies_all(&with.policies, &with.schema, &environment);
        }
        assert!(permits, "{law} leaves nothing");
    }
}

/// Here an error denies and in Cedar it leaves the policy out, so what both say is the same only where none fails.
#[test]
fn no_policy_that_comes_with_grantbook_can_fail() {
    let Some(mut prover) = solver() else { return };
    let all = set(&["house", "law/data-act", "law/dpdp", "law/gdpr", "law/pipl"]);
    for environment in all.environments() {
        for policy in all.policies.policies() {
            let compiled = CompiledPolicy::compile(policy, &environment, &all.schema).expect("it compiles");
            let never = prover.compiler.check_never_errors_opt(&compiled);
            assert!(prover.runtime.block_on(never).expect("the solver answers"), "{}", policy.id());
        }
    }
}
