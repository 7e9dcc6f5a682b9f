//! The log's side of witnessing (C2SP tlog-witness): asks the witnesses of a policy to cosign what is durable, and
//! publishes a checkpoint once their quorum has. Specification: `docs/spec/witness.md`.
//!
//! Appends, receipts, heads and withdrawals never wait for it: what is acknowledged is signed, and becomes witnessed.

mod asking;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use grantbook_engine::{Ledger, PublishedCheckpoint};
use grantbook_tlog::policy::PolicyWitness;
use grantbook_tlog::{Checkpoint, Note, NoteSignature, Policy, PolicyError, TreeSize};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::JoinSet;
use ureq::Agent;

use crate::config::WitnessConfig;
use asking::Failure;

/// Why witnessing cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WitnessingError {
    /// The policy's file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// It is no policy.
    #[error("{path}: {source}")]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: PolicyError,
    },
    /// Its quorum can never be reached.
    #[error(
        "{path}: the quorum is none, or needs witnesses without an address; expected `witness NAME VKEY URL`"
    )]
    Quorum {
        /// The file.
        path: PathBuf,
    },
    /// A witness has seen what this folder does not hold.
    #[error("witness {name}: {what}: the data folder was rolled back, or is another history of the log")]
    Conflict {
        /// Its name in the policy.
        name: String,
        /// What it knows.
        what: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    /// Name in the policy.
    witness: String,
    /// `cosigned`, or why not.
    outcome: &'static str,
}

/// Asks witnesses and knows what may be published.
pub(crate) struct Witnessing {
    ledger: Ledger,
    policy: Policy,
    interval: Duration,
    /// How long the tree may wait for a quorum before it is published without; never, if absent.
    fail_open_after: Option<Duration>,
    agent: Agent,
    progress: Mutex<Progress>,
    answers: Family<AnswerLabels, Counter>,
    unwitnessed: Counter,
}

struct Progress {
    /// By witness: the size that it is believed to know; `None` while it is being asked.
    known: Vec<Option<TreeSize>>,
    /// The checkpoint that is being cosigned, and the lines so far.
    gathering: Option<Gathering>,
    /// Since when the latest tree has waited for a quorum.
    waiting_since: Option<Instant>,
    /// Size last published without a quorum.
    published_open: Option<TreeSize>,
}

struct Gathering {
    checkpoint: PublishedCheckpoint,
    lines: BTreeMap<usize, NoteSignature>,
    quorum: bool,
}

/// What one witness came to.
struct Asked {
    at: usize,
    known: TreeSize,
    checkpoint: PublishedCheckpoint,
    outcome: Result<NoteSignature, Failure>,
}

impl Witnessing {
    /// Reads the policy and asks every witness once, so that a folder that was rolled back is not served. Witnesses
    /// that do not answer are asked again later.
    pub(crate) async fn begin(
        ledger: Ledger,
        config: &WitnessConfig,
    ) -> Result<Option<Arc<Self>>, WitnessingError> {
        let Some(path) = config.policy.clone() else { return Ok(None) };
        let bytes =
            std::fs::read(&path).map_err(|source| WitnessingError::Read { path: path.clone(), source })?;
        let policy =
            Policy::parse(&bytes).map_err(|source| WitnessingError::Policy { path: path.clone(), source })?;
        let address = |witness: &PolicyWitness| {
            witness
                .url
                .as_deref()
                .is_some_and(|url| url.starts_with("http://") || url.starts_with("https://"))
        };
        let reachable = policy.is_quorum(|at| policy.witnesses().get(at).is_some_and(address));
        if !reachable || policy.is_quorum(|_| false) {
            return Err(WitnessingError::Quorum { path });
        }
        let known =
            policy.witnesses().iter().map(|witness| address(witness).then_some(TreeSize(0))).collect();
        let progress = Progress { known, gathering: None, waiting_since: None, published_open: None };
        let fail_open = Duration::from_millis(config.fail_open_after_ms);
        let this = Arc::new(Self {
            ledger,
            policy,
            interval: Duration::from_millis(config.interval_ms),
            fail_open_after: (!fail_open.is_zero()).then_some(fail_open),
            agent: asking::agent(Duration::from_millis(config.timeout_ms)),
            progress: Mutex::new(progress),
            answers: Family::default(),
            unwitnessed: Counter::default(),
        });
        let mut asked = JoinSet::new();
        this.ask(&mut asked);
        while let Some(asked) = asked.join_next().await {
            let Ok(asked) = asked else { continue };
            let (at, conflict) =
                (asked.at, asked.outcome.as_ref().err().filter(|e| e.is_conflict()).cloned());
            this.take(asked);
            if let Some(conflict) = conflict {
                let name = this.name(at).to_owned();
                return Err(WitnessingError::Conflict { name, what: conflict.to_string() });
            }
        }
        Ok(Some(this))
    }

    /// Keeps asking until the server stops.
    pub(crate) async fn run(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let mut asked = JoinSet::new();
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // the sender is gone only with the server
                _ = stopping.changed() => return,
                _ = ticks.tick() => self.ask(&mut asked),
                Some(Ok(done)) = asked.join_next(), if !asked.is_empty() => self.take(done),
            }
        }
    }

    /// What `/log/checkpoint` gives: the latest checkpoint with a quorum. One without, only if that is configured, and
    /// only after the time that is.
    pub(crate) fn published(&self) -> Option<Arc<str>> {
        let witnessed = self.ledger.witnessed();
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match (progress.waiting_since, self.fail_open_after) {
            (Some(since), Some(after)) => since.elapsed() >= after,
            _ => false,
        };
        if !open {
            return witnessed.map(|witnessed| witnessed.note);
        }
        let signed = self.ledger.publishable().ok()?;
        if witnessed.is_some_and(|witnessed| witnessed.size >= signed.size) {
            return self.ledger.witnessed().map(|witnessed| witnessed.note);
        }
        if progress.published_open != Some(signed.size) {
            progress.published_open = Some(signed.size);
            self.unwitnessed.inc();
            tracing::warn!(size = signed.size.0, "a checkpoint is published without its quorum of witnesses");
        }
        Some(signed.note)
    }

    /// The policy's witnesses by name, and whether each has cosigned a checkpoint.
    pub(crate) fn witnesses(&self, note: &str) -> Vec<(String, bool)> {
        let cosigned = Checkpoint::parse_note(note.as_bytes()).ok();
        let cosigned = cosigned.and_then(|(_, note)| self.policy.verify(&note).ok());
        let by = cosigned.map(|cosigned| cosigned.by).unwrap_or_default();
        let signed = |name: &String| by.iter().any(|(signed, _)| signed == name);
        let witnesses = self.policy.witnesses().iter();
        witnesses.map(|witness| (witness.name.clone(), signed(&witness.name))).collect()
    }

    /// Shows its figures.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Answers of witnesses, by their name in the policy and what they came to";
        registry.register("witness_answers", help, self.answers.clone());
        let help = "Checkpoints published without their quorum, since witness.fail_open_after_ms had passed";
        registry.register("unwitnessed_checkpoints", help, self.unwitnessed.clone());
    }

    fn name(&self, at: usize) -> &str {
        self.policy.witnesses().get(at).map_or("", |witness| &witness.name)
    }

    /// Begins to ask whoever is idle and has not cosigned the checkpoint at hand.
    fn ask(self: &Arc<Self>, asked: &mut JoinSet<Asked>) {
        let checkpoint = match self.ledger.publishable() {
            Ok(checkpoint) => checkpoint,
            Err(fault) => return tracing::error!(%fault, "no checkpoint for the witnesses"),
        };
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let covered = self.ledger.witnessed().is_some_and(|witnessed| witnessed.size >= checkpoint.size);
        progress.waiting_since =
            if covered { None } else { Some(progress.waiting_since.unwrap_or_else(Instant::now)) };
        // a checkpoint is given up for a newer one only when nobody can add to it, or it has its quorum: otherwise
        // witnesses of different pace would never meet
        let decided =
            progress.gathering.as_ref().is_none_or(|gathering| gathering.quorum) || asked.is_empty();
        if decided
            && progress
                .gathering
                .as_ref()
                .is_none_or(|gathering| gathering.checkpoint.note != checkpoint.note)
        {
            progress.gathering = Some(Gathering { checkpoint, lines: BTreeMap::new(), quorum: false });
        }
        let Progress { known, gathering: Some(gathering), .. } = &mut *progress else { return };
        if gathering.quorum {
            return;
        }
        for (at, known) in known.iter_mut().enumerate() {
            let Some(witness) = self.policy.witnesses().get(at).filter(|witness| witness.url.is_some())
            else {
                continue;
            };
            let Some(mut size) = known.filter(|_| !gathering.lines.contains_key(&at)) else { continue };
            *known = None;
            let (this, witness) = (Arc::clone(self), witness.clone());
            let checkpoint = gathering.checkpoint.clone();
            asked.spawn_blocking(move || {
                let outcome = asking::ask(&this.agent, &this.ledger, &witness, &mut size, &checkpoint);
                Asked { at, known: size, checkpoint, outcome }
            });
        }
    }

    /// Takes in what a witness came to; with the quorum the checkpoint is witnessed, and lines that come later are
    /// added to it.
    fn take(&self, asked: Asked) {
        let Asked { at, known, checkpoint, outcome } = asked;
        let label = outcome.as_ref().map_or_else(Failure::label, |_| "cosigned");
        let labels = AnswerLabels { witness: self.name(at).to_owned(), outcome: label };
        self.answers.get_or_create(&labels).inc();
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(size) = progress.known.get_mut(at) {
            *size = Some(known);
        }
        let line = match outcome {
            Ok(line) => line,
            Err(failure) if failure.is_conflict() => {
                return tracing::error!(witness = self.name(at), %failure, "a witness contradicts this ledger");
            }
            Err(failure) => return tracing::warn!(witness = self.name(at), %failure, "not cosigned"),
        };
        let Some(gathering) = &mut progress.gathering else { return };
        if gathering.checkpoint.note != checkpoint.note {
            return;
        }
        gathering.lines.insert(at, line);
        gathering.quorum = self.policy.is_quorum(|at| gathering.lines.contains_key(&at));
        if !gathering.quorum {
            return;
        }
        let witnessed = Note::parse(checkpoint.note.as_bytes()).and_then(|mut note| {
            gathering.lines.values().try_for_each(|line| note.add(line.clone()))?;
            // verified as a reader would: what is published must hold
            self.policy.verify(&note)?;
            Ok(note.to_string())
        });
        match witnessed.map(|note| self.ledger.set_witnessed(&note)) {
            Ok(Ok(())) if self.ledger.size_root().0 <= checkpoint.size => progress.waiting_since = None,
            // what came after it begins to wait now
            Ok(Ok(())) => progress.waiting_since = Some(Instant::now()),
            Ok(Err(error)) => tracing::error!(%error, "the witnessed checkpoint is not kept"),
            Err(error) => tracing::error!(%error, "the witnessed checkpoint is not one"),
        }
    }
}
