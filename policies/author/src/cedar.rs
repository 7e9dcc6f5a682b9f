//! Rules of law and of the house, written in Cedar: parsed, validated strictly, tried on their cases, and lowered to the
//! plan that gates evaluate.
//!
//! Cedar is what people write and what judges the plan in tests; the plan is what decides. What cannot be lowered is
//! refused, with the construct and the line. Pure but for [`folder`]: texts come in, a plan or what is wrong comes out.
//!
//! Of `cedar-policy-core` only the syntax tree is used, since it alone knows the lines.

mod ask;
pub mod cases;
pub mod folder;
mod law;
mod lower;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use cedar_policy_core::parser::Loc;
use grantbook_plan::rules::{Effect, Party, PlanError, Rule, RuleText};
use grantbook_plan::{PolicyPlan, Protections, Vocabulary};
use grantbook_record::Term;
use grantbook_record::encoding::Bytes32;
use miette::Diagnostic;

pub use ask::{AskError, CedarAnswer, ask};
pub use law::{Profile, Row, law_page};
pub use lower::NotLowered;
pub use schema::{CONSENTS, SAFEGUARDS, schema_text};

/// A policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its name, for messages.
    pub name: String,
    /// What it says, in Cedar.
    pub text: String,
}

/// Policies that are valid and lowered.
#[derive(Debug)]
pub struct Lowered {
    /// What Cedar makes of them, each under its own id.
    pub policies: PolicySet,
    /// The schema that they were validated against.
    pub schema: Schema,
    /// The plan.
    pub plan: PolicyPlan,
    /// What each rule carries out, by its id: the annotation `article`.
    pub articles: BTreeMap<Term, String>,
}

/// Why policies were refused, whole.
#[derive(Debug, thiserror::Error)]
pub enum CedarError {
    /// The schema of this vocabulary is none; not met, since words of a vocabulary are letters.
    #[error("schema: {0}")]
    Schema(String),
    /// A file is no Cedar.
    #[error("{file}, line {line}: {what}")]
    Syntax {
        /// Name of the file.
        file: String,
        /// Line of the first fault, from 1.
        line: usize,
        /// What Cedar says.
        what: String,
    },
    /// A policy lacks an annotation, or it is malformed.
    #[error("{file}, line {line}: {what}")]
    Annotation {
        /// Name of the file.
        file: String,
        /// Line on which the policy begins.
        line: usize,
        /// Which, and what was expected.
        what: String,
    },
    /// A policy that Cedar's strict validation refuses.
    #[error("{file}, line {line}, policy {rule}: {what}")]
    Invalid {
        /// Name of the file.
        file: String,
        /// Line of the fault, or the one on which the policy begins.
        line: usize,
        /// Id of the policy.
        rule: Term,
        /// What Cedar says.
        what: String,
    },
    /// A construct that no plan has.
    #[error("{file}, line {line}, policy {rule}: {what}")]
    NotLowered {
        /// Name of the file.
        file: String,
        /// Line of the construct.
        line: usize,
        /// Id of the policy.
        rule: Term,
        /// The construct.
        what: NotLowered,
    },
    /// Two policies of one id.
    #[error("{file}, line {line}: two policies {rule}, expected each id once")]
    Repeated {
        /// Name of the file.
        file: String,
        /// Line on which the second begins.
        line: usize,
        /// The id.
        rule: Term,
    },
    /// More than a plan has room for.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// Validates policies against the schema of a vocabulary and lowers them, with what is said of parties.
pub fn lower(
    files: &[PolicyFile],
    parties: BTreeMap<Term, Party>,
    vocabulary: &Vocabulary,
) -> Result<Lowered, CedarError> {
    lower_protecting(files, parties, Protections::default(), vocabulary)
}

/// The same with what is said of how customers are treated.
pub fn lower_protecting(
    files: &[PolicyFile],
    parties: BTreeMap<Term, Party>,
    protections: Protections,
    vocabulary: &Vocabulary,
) -> Result<Lowered, CedarError> {
    let (schema, _) = Schema::from_cedarschema_str(&schema_text(vocabulary))
        .map_err(|error| CedarError::Schema(error.to_string()))?;
    let validator = Validator::new(schema.clone());
    let mut policies = PolicySet::new();
    let mut rules = Vec::new();
    let mut articles = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for file in files {
        for written in parse(file)? {
            let Written { policy, rule, line, text, article } = written;
            if !ids.insert(rule.clone()) {
                return Err(CedarError::Repeated { file: file.name.clone(), line, rule });
            }
            validate(&validator, file, line, &rule, &policy)?;
            let when = lower::condition(&policy).map_err(|(line_of_it, what)| CedarError::NotLowered {
                file: file.name.clone(),
                line: line_of_it.unwrap_or(line),
                rule: rule.clone(),
                what,
            })?;
            let effect = match policy.effect() {
                cedar_policy::Effect::Permit => Effect::Permit,
                cedar_policy::Effect::Forbid => Effect::Forbid,
            };
            policies.add(policy).map_err(|error| CedarError::Schema(error.to_string()))?;
            articles.insert(rule.clone(), article);
            rules.push(Rule { id: rule, effect, text, when });
        }
    }
    Ok(Lowered { policies, schema, plan: PolicyPlan::protecting(parties, protections, rules)?, articles })
}

/// The digest of sources, which the event that publishes their plan carries: over the files by rising name, of each the
/// name and the text, both behind their length in 32 bits, big endian.
pub fn sources_sha256(files: &[PolicyFile]) -> Bytes32 {
    let mut sorted: Vec<&PolicyFile> = files.iter().collect();
    sorted.sort_by_key(|file| &file.name);
    let mut joined = Vec::new();
    for file in sorted {
        for part in [&file.name, &file.text] {
            joined.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            joined.extend_from_slice(part.as_bytes());
        }
    }
    Bytes32::sha256(&joined)
}

/// A policy with what its annotations say.
struct Written {
    policy: Policy,
    rule: Term,
    line: usize,
    text: RuleText,
    article: String,
}

/// All policies of a file, by their place in it.
fn parse(file: &PolicyFile) -> Result<Vec<Written>, CedarError> {
    let parsed: PolicySet = file.text.parse().map_err(|error: cedar_policy::ParseErrors| {
        let line = error.iter().next().map_or(1, |error| line_of(error, &file.text).unwrap_or(1));
        CedarError::Syntax { file: file.name.clone(), line, what: error.to_string() }
    })?;
    if let Some(template) = parsed.templates().next() {
        let line = template.as_ref().loc().map_or(1, |loc| line_at(&file.text, loc.start()));
        let what = "a template, expected policies without slots".to_owned();
        return Err(CedarError::Annotation { file: file.name.clone(), line, what });
    }
    let mut written: Vec<(usize, Policy)> = parsed
        .policies()
        .map(|policy| (policy.as_ref().loc().map_or(0, Loc::start), policy.clone()))
        .collect();
    written.sort_by_key(|(at, _)| *at);
    written.into_iter().map(|(at, policy)| annotated(file, line_at(&file.text, at), &policy)).collect()
}

fn annotated(file: &PolicyFile, line: usize, policy: &Policy) -> Result<Written, CedarError> {
    let wrong = |what: String| CedarError::Annotation { file: file.name.clone(), line, what };
    let annotation = |name: &str| {
        let found = policy.annotation(name).map(str::trim).filter(|text| !text.is_empty());
        found.map(str::to_owned).ok_or_else(|| wrong(format!("a policy without @{name}(\"...\")")))
    };
    let rule = Term::parse(&annotation("id")?).map_err(|error| wrong(format!("@id: {error}")))?;
    let text = RuleText { en: annotation("en")?, zh_cn: annotation("zh")? };
    let article = annotation("article")?;
    Ok(Written { policy: policy.new_id(PolicyId::new(rule.as_str())), rule, line, text, article })
}

fn validate(
    validator: &Validator,
    file: &PolicyFile,
    line: usize,
    rule: &Term,
    policy: &Policy,
) -> Result<(), CedarError> {
    let invalid = |line, what: String| {
        Err(CedarError::Invalid { file: file.name.clone(), line, rule: rule.clone(), what })
    };
    let alone = match PolicySet::from_policies([policy.clone()]) {
        Ok(alone) => alone,
        Err(error) => return invalid(line, error.to_string()),
    };
    let checked = validator.validate(&alone, ValidationMode::Strict);
    let at = |problem: &dyn Diagnostic| line_of(problem, &file.text).unwrap_or(line);
    // a policy that can never hold draws a warning, and is a mistake as well
    if let Some(problem) = checked.validation_errors().next() {
        return invalid(at(problem), problem.to_string());
    }
    if let Some(problem) = checked.validation_warnings().next() {
        return invalid(at(problem), problem.to_string());
    }
    Ok(())
}

/// The line on which a fault lies that Cedar found.
fn line_of(fault: &dyn Diagnostic, text: &str) -> Option<usize> {
    Some(line_at(text, fault.labels()?.next()?.offset()))
}

/// The line of a byte, from 1.
fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
