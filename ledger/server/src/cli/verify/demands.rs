//! What a verifier demands beyond the log's own two signatures.

use std::path::PathBuf;

use clap::Args;
use grantbook_server::config::start_of_day;
use grantbook_tlog::{Demands, LogKeys, Policy, VouchedCheckpoint};

use crate::cli::clock;
use crate::cli::failure::Failure;
use crate::cli::files;

/// What is demanded of a checkpoint.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What is demanded")]
pub(crate) struct DemandArgs {
    /// A tlog-policy file: with its quorum of witnesses a checkpoint is witnessed, without only signed
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Refuse what is not witnessed
    #[arg(long, requires = "policy")]
    witnessed: bool,
    /// From this day on (UTC, such as 2030-01-01) refuse what the log's ML-DSA-44 key has not signed as well
    #[arg(long, value_name = "DAY")]
    post_quantum_from: Option<String>,
}

impl DemandArgs {
    /// Reads the policy; the day is compared with this machine's clock.
    pub(crate) fn read(&self) -> Result<Demands, Failure> {
        let policy = self.policy.as_ref().map(|path| {
            Policy::parse(&files::read(path)?)
                .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
        });
        let from = self.post_quantum_from.as_ref().map(|day| {
            start_of_day(day).ok_or_else(|| Failure::input("malformed day, expected one such as 2030-01-01"))
        });
        let now = clock::now().seconds();
        Ok(Demands {
            policy: policy.transpose()?,
            post_quantum: from.transpose()?.is_some_and(|from| now >= from),
        })
    }

    /// Whether the quorum of the policy is demanded.
    pub(crate) fn must_be_witnessed(&self) -> bool {
        self.witnessed
    }

    /// Verifies a checkpoint under all of this.
    pub(crate) fn verify(&self, keys: &LogKeys, note: &[u8]) -> Result<VouchedCheckpoint, Failure> {
        let vouched = self.read()?.verify(keys, note).map_err(Failure::no)?;
        if self.witnessed && !vouched.cosigned.quorum {
            return Err(Failure::no(NOT_WITNESSED));
        }
        Ok(vouched)
    }
}

/// The same where `--policy` is another one's name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What is demanded")]
pub(crate) struct WitnessArgs {
    /// A tlog-policy file: its quorum of witnesses is demanded
    #[arg(long, value_name = "FILE")]
    witness_policy: Option<PathBuf>,
    /// From this day on (UTC, such as 2030-01-01) refuse what the log's ML-DSA-44 key has not signed as well
    #[arg(long, value_name = "DAY")]
    post_quantum_from: Option<String>,
}

impl WitnessArgs {
    /// Reads the policy; the day is compared with this machine's clock.
    pub(crate) fn read(&self) -> Result<Demands, Failure> {
        let (policy, post_quantum_from) = (self.witness_policy.clone(), self.post_quantum_from.clone());
        DemandArgs { policy, witnessed: true, post_quantum_from }.read()
    }
}

/// What is said of a checkpoint without its quorum.
pub(crate) const NOT_WITNESSED: &str =
    "signed but not witnessed, expected the policy's quorum of cosignatures";

/// The time of a checkpoint, Unix seconds, and by whose clocks: the median of the witnesses' where it is witnessed.
pub(crate) fn time(vouched: &VouchedCheckpoint) -> (u64, &'static str) {
    match vouched.cosigned.median_time() {
        Some(median) => (median.0, "witnesses"),
        None => (vouched.time.0, "operator's clock"),
    }
}

/// `witnessed` or `signed`.
pub(crate) fn trust(vouched: &VouchedCheckpoint) -> &'static str {
    if vouched.cosigned.quorum && !vouched.cosigned.by.is_empty() { "witnessed" } else { "signed" }
}
