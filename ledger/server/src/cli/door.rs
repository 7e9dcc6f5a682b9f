//! The two ways to a ledger: HTTP to a server, or in this process. Both lead to the same admission.

use std::path::PathBuf;

use clap::Args;
use grantbook_engine::{AppendError, Ledger, Recorded};
use grantbook_plan::Refusal;
use grantbook_record::event::Act;
use grantbook_record::terms::Obligation;
use grantbook_record::uses::{UseFacts, UseId};
use grantbook_record::{Jti, Receipt, TenantId};
use serde::Deserialize;
use serde_json::json;

use super::data::DataArgs;
use super::failure::Failure;
use super::remote::{Refused, Remote};
use super::sandbox::{DEFAULT_FOLDER, Sandbox};
use super::secret::Secret;

/// Which ledger a command speaks to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Ledger")]
pub(crate) struct DoorArgs {
    /// Address of a server: http:// or https://, and its name
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Bearer token for the server
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "TOKEN",
        env = "GRANTBOOK_TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: Option<Secret>,
    /// The enterprise's id [default: the one of the token, or the only one in the folder]
    #[arg(long, value_name = "UUID")]
    pub(crate) tenant: Option<TenantId>,
    /// The sandbox of a server on this machine: its address, token, keys, terms and use
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_FOLDER,
        conflicts_with_all = ["server", "data_dir", "tenant"]
    )]
    pub(crate) sandbox: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

/// An open way to a ledger.
pub(crate) enum Door {
    /// A server.
    Remote(Remote),
    /// This process.
    Local(Ledger),
}

/// What became of an envelope.
#[derive(Debug, Deserialize)]
pub(crate) struct Taken {
    /// Its leaf index.
    pub(crate) leaf_index: u64,
    /// Whether it was there already.
    pub(crate) duplicate: bool,
    /// Its receipt.
    pub(crate) receipt: Receipt,
}

/// The gate's answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The use may go on, and is recorded.
    Permit {
        /// The grant.
        grant: Jti,
        /// Leaf index of the use's entry.
        leaf_index: u64,
        /// What the user of the data must do.
        obligations: Vec<Obligation>,
        /// The use's receipt.
        receipt: Box<Receipt>,
    },
    /// It may not.
    Denial(DenialText),
}

/// Why not.
#[derive(Debug, Deserialize)]
pub(crate) struct DenialText {
    /// The reason's code.
    pub(crate) reason: String,
    /// What is the case.
    pub(crate) what: String,
    /// What would mend it.
    pub(crate) remedy: String,
    /// The closest grant.
    #[serde(default)]
    pub(crate) grant: Option<Jti>,
    /// The fact that failed (docs/spec/denials.md).
    #[serde(default)]
    pub(crate) detail: Option<serde_json::Value>,
}

impl DenialText {
    /// The fact that failed in words: of a rule its name and what it demands.
    pub(crate) fn fact(&self) -> Option<String> {
        let detail = self.detail.as_ref()?;
        let of_rule = detail.get("rule").and_then(|rule| {
            Some(format!("rule {}: {}", rule.get("rule")?.as_str()?, rule.pointer("/demands/en")?.as_str()?))
        });
        Some(of_rule.unwrap_or_else(|| format!("fact: {detail}")))
    }
}

#[derive(Deserialize)]
struct PermitContext {
    grant: Jti,
    leaf_index: u64,
    #[serde(default)]
    obligations: Vec<Obligation>,
    receipt: Receipt,
}

#[derive(Deserialize)]
struct Evaluation {
    decision: bool,
    context: serde_json::Value,
}

#[derive(Deserialize)]
struct NamedTenant {
    id: TenantId,
}

impl DoorArgs {
    /// The sandbox's folder, read.
    pub(crate) fn sandbox(&self) -> Result<Option<Sandbox>, Failure> {
        self.sandbox.as_deref().map(Sandbox::read).transpose()
    }

    /// Opens the way. `make` says whether a missing data folder is made.
    pub(crate) fn open(&self, make: bool) -> Result<Door, Failure> {
        if let Some(sandbox) = self.sandbox()? {
            return Ok(Door::Remote(Remote::new(&sandbox.server, Some(&sandbox.token))?));
        }
        match (&self.server, &self.data.data_dir) {
            (Some(server), None) => Ok(Door::Remote(Remote::new(server, self.token.as_deref())?)),
            (None, Some(_)) if make => Ok(Door::Local(self.data.open_or_make()?)),
            (None, Some(_)) => Ok(Door::Local(self.data.open()?)),
            (None, None) => Err(Failure::input("expected --server URL, --data-dir DIR or --sandbox")),
            (Some(_), Some(_)) => Err(Failure::input("expected one of --server and --data-dir, got both")),
        }
    }

    /// The tenant: as named, of the sandbox, of the token, or the only one.
    pub(crate) fn tenant(&self, door: &Door) -> Result<TenantId, Failure> {
        if let Some(tenant) = self.tenant {
            return Ok(tenant);
        }
        if let Some(sandbox) = self.sandbox()? {
            return Ok(sandbox.tenant);
        }
        match door {
            Door::Remote(remote) if self.token.is_some() => {
                Ok(remote.get_json::<NamedTenant>("/v1/tenant")?.id)
            }
            Door::Local(ledger) => match ledger.tenants().as_slice() {
                [only] => Ok(only.id),
                tenants => Err(Failure::input(format!(
                    "expected --tenant UUID: there are {} tenants",
                    tenants.len()
                ))),
            },
            Door::Remote(_) => Err(Failure::input("expected --tenant UUID")),
        }
    }
}

impl Door {
    /// Appends a signed envelope.
    pub(crate) fn append(&self, tenant: TenantId, envelope: &[u8]) -> Result<Taken, Refused> {
        match self {
            Self::Remote(remote) => remote.post_bytes("/v1/events", envelope),
            Self::Local(ledger) => match ledger.append(tenant, envelope) {
                Ok(appended) => Ok(Taken {
                    leaf_index: appended.leaf_index.0,
                    duplicate: appended.duplicate,
                    receipt: appended.receipt,
                }),
                Err(error) => {
                    // the same word as the server's, so that callers need not know which way was taken
                    let conflict = matches!(
                        error,
                        AppendError::Refused(
                            Refusal::AlreadyEnrolled | Refusal::KeyKnown | Refusal::Version { .. }
                        )
                    );
                    let slug = if conflict { "state-conflict" } else { "" };
                    Err(Refused { slug: slug.to_owned(), failure: error.into() })
                }
            },
        }
    }

    /// With the ledger in this process it is the operator who acts, and that goes on record.
    pub(crate) fn record_act(&self, act: Act, tenant: TenantId) -> Result<(), Failure> {
        if let Self::Local(ledger) = self {
            ledger.record_act(act, Some(tenant))?;
        }
        Ok(())
    }

    /// Ends a reader or writer in order.
    pub(crate) fn close(self) -> Result<(), Failure> {
        match self {
            Self::Remote(_) => Ok(()),
            Self::Local(ledger) => ledger.close().map_err(Failure::fault),
        }
    }
}

/// Asks the gate in this process, which records a use that it permits.
pub(crate) fn check_local(
    ledger: &Ledger,
    tenant: TenantId,
    facts: &UseFacts,
    use_id: Option<UseId>,
) -> Result<Answer, Failure> {
    Ok(match ledger.decide_and_record(tenant, facts, use_id, None)? {
        Recorded::Permit { permission, receipt, leaf_index, .. } => Answer::Permit {
            grant: permission.grant,
            leaf_index: leaf_index.0,
            obligations: permission.obligations,
            receipt,
        },
        Recorded::Denial(denial) => Answer::Denial(DenialText {
            reason: denial.reason.code().to_owned(),
            what: denial.reason.what().to_owned(),
            remedy: denial.reason.remedy().to_owned(),
            grant: denial.grant,
            detail: denial.detail.as_ref().map(|detail| json!(detail)),
        }),
    })
}

/// Asks a server's gate: one evaluation of the AuthZEN Authorization API.
pub(crate) fn check_remote(
    remote: &Remote,
    facts: &UseFacts,
    use_id: Option<&UseId>,
) -> Result<Answer, Failure> {
    let mut context = json!({
        "recipient": facts.recipient,
        "purpose": facts.purpose,
        "data_period": facts.data_period,
    });
    if let Some(context) = context.as_object_mut() {
        let of_some = [
            ("level", facts.level.map(|level| json!(level))),
            ("onward", (!facts.onward.is_empty()).then(|| json!(facts.onward))),
            ("use_id", use_id.map(|use_id| json!(use_id))),
        ];
        context.extend(of_some.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    let request = json!({
        "subject": { "type": "service", "id": facts.requester },
        "resource": {
            "type": "customer_data",
            "id": facts.data_subject,
            "properties": { "categories": facts.categories, "fields": facts.fields, "rows": facts.rows },
        },
        "action": { "name": facts.action },
        "context": context,
    });
    let departs = |error| Failure::Fault(format!("the server's answer departs from its form: {error}"));
    let Evaluation { decision, context } = remote.post_json("/access/v1/evaluation", &request)?;
    if !decision {
        return serde_json::from_value(context).map(Answer::Denial).map_err(departs);
    }
    let PermitContext { grant, leaf_index, obligations, receipt } =
        serde_json::from_value(context).map_err(departs)?;
    Ok(Answer::Permit { grant, leaf_index, obligations, receipt: Box::new(receipt) })
}
