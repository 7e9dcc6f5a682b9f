//! Bringing a data folder from the format that it has to the one that this program reads, one version at a time.
//!
//! Each step leaves a folder of the next version, and writes that version last: a crash within a step leaves the
//! version before, and the step is done again.

use std::path::Path;

use crate::config::LedgerConfig;
use crate::error::OpenError;
use crate::store::raw::RawFiles;
use crate::store::version::{self, CURRENT};
use crate::store::{Fault, durable};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The version that the folder had; 0 from before there were versions.
    pub from: u32,
    /// The version that it has now.
    pub to: u32,
    /// What each step did.
    pub steps: Vec<&'static str>,
}

/// From one version to the next.
struct Step {
    from: u32,
    what: &'static str,
    run: fn(&Path) -> Result<(), Fault>,
}

const STEPS: &[Step] = &[Step {
    from: 0,
    what: "0 to 1: journal, owners, keys.log and state are moved to epochs/1; the folder gets a version",
    run: |data| {
        let epoch = data.join("epochs/1");
        durable::create_dir(&epoch)?;
        for part in ["journal", "owners", "keys.log", "state"] {
            let (from, to) = (data.join(part), epoch.join(part));
            // done already, by a step that a crash cut short
            if from.exists() {
                std::fs::rename(&from, &to).map_err(durable::io("move", &from))?;
            }
        }
        durable::sync_dir(&epoch)?;
        durable::sync_dir(data)
    },
}];

/// Brings a ledger that is not open to the current version. A folder that has it already is left as it is.
pub fn migrate(config: &LedgerConfig) -> Result<Migration, OpenError> {
    let data = &config.data_dir;
    // held against a server
    let _files = RawFiles::open(data, &config.anchor).map_err(|fault| match fault {
        Fault::Held { what } => OpenError::Held(what),
        other => OpenError::Store(other),
    })?;
    let from = version::read(data)?.ok_or_else(|| Fault::Damaged {
        what: data.display().to_string(),
        why: "there is no ledger in it".to_owned(),
    })?;
    if from > CURRENT {
        return Err(Fault::Version { what: data.display().to_string(), got: from }.into());
    }
    let mut steps = Vec::new();
    for (step, to) in STEPS.iter().zip(1..).filter(|(step, _)| step.from >= from) {
        (step.run)(data)?;
        version::write(data, to)?;
        steps.push(step.what);
    }
    Ok(Migration { from, to: CURRENT, steps })
}
