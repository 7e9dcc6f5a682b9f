//! The order of a replay's steps, each of which can be repeated after a crash at any point.

use std::path::{Path, PathBuf};
use std::time::Instant;

use grantbook_engine::store::Fault;
use grantbook_engine::{Ledger, LedgerConfig};
use grantbook_record::DataDay;

use super::gate::Gate;
use super::identity::{GateName, Identity};
use super::input::{self, Customers, Ordered};
use super::life::{self, Life};
use super::proposal::{self, UseForm};
use super::receipts::Receipts;
use super::scenario::Scenario;
use super::shop::Shop;
use super::summary::{Run, Summary};
use super::time::Time;
use crate::cli::clock;
use crate::cli::data::DataArgs;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::progress;

/// What to replay, and how.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    /// The file.
    pub(crate) file: &'a Path,
    /// Where the ledger is.
    pub(crate) data: &'a DataArgs,
    /// Whether malformed rows are passed over.
    pub(crate) lenient: bool,
    /// Folder for the receipts of permitted uses.
    pub(crate) receipts: Option<&'a Path>,
    /// What happens around the rows.
    pub(crate) scenario: Scenario,
    /// Rows after which it stops; the next run goes on there.
    pub(crate) rows_max: Option<u64>,
}

/// Replays the file, or the rest of it, and sums up what the ledger holds then.
pub(crate) fn run(options: &Options<'_>) -> Result<Summary, Failure> {
    let begun = Instant::now();
    let checked = input::check(options.file, options.lenient)?;
    let time = Time::default();
    if options.scenario == Scenario::WholeLife {
        time.set(life::starts(clock::now()));
    }
    let config = LedgerConfig { clock: time.clock(), ..options.data.config()? };
    let ledger = Ledger::open(&config)?;
    let done = replay(&ledger, &config, options, &checked, &time, begun);
    // what was acknowledged is safe in any case; where a fault has stopped the ledger, it is the one to tell
    match ledger.close() {
        Err(fault @ Fault::Stopped { .. }) => Err(Failure::fault(fault)),
        closed => {
            let summary = done?;
            closed.map_err(Failure::fault)?;
            Ok(summary)
        }
    }
}

fn replay(
    ledger: &Ledger,
    config: &LedgerConfig,
    options: &Options<'_>,
    checked: &input::Checked,
    time: &Time,
    begun: Instant,
) -> Result<Summary, Failure> {
    let scenario = options.scenario;
    let identity = Identity::open(&config.keyring_dir, checked.sha256, scenario, time.now())?;
    if scenario == Scenario::WholeLife {
        time.set(identity.began());
    }
    let scratch = Scratch::new(&config.data_dir)?;
    let rows = Ordered::read(options.file, checked, &scratch.0)?;
    let shop = Shop::open(ledger, &identity, scenario)?;
    shop.enrol_all(&rows.customers)?;

    let customers = rows.customers.clone();
    let mut receipts = Receipts::new(ledger, options.receipts)?;
    let gate_of = |name| Gate::resume(ledger, time, shop.tenant, identity.gate(name)?);
    let mut gate = gate_of(GateName::Purchases)?;
    let mut beyond = scenario.beyond_gate().map(gate_of).transpose()?.map(|gate| (0_u64, gate));
    let resumed_at = gate.next_seq();
    let mut story = match scenario {
        Scenario::Plain => Story::Plain { withdrawn: false },
        Scenario::WholeLife => Story::Life(Life::new(&shop, time, &customers)?),
    };
    let form = UseForm::new(scenario.per_use(0))?;
    let bar = progress::bar("uses", checked.rows);
    for (position, row) in (0..options.rows_max.unwrap_or(u64::MAX)).zip(rows) {
        let row = row?;
        if story.is_past(row.day) {
            receipts.take(gate.flush()?)?;
            if let Some((_, gate)) = &mut beyond {
                gate.flush()?;
            }
            story.go_on(&shop, &customers, row.day)?;
        }
        if position >= gate.next_seq() {
            let facts = form.of(identity.subject(row.customer)?, row.day)?;
            if gate.take(facts) {
                receipts.take(gate.flush()?)?;
            }
        }
        if let (Some(offer), Some((asked, gate))) = (scenario.beyond(row.customer), &mut beyond) {
            if *asked >= gate.next_seq() {
                let facts = UseForm::new(offer)?.of(identity.subject(row.customer)?, row.day)?;
                if gate.take(facts) {
                    gate.flush()?;
                }
            }
            *asked += 1;
        }
        bar.inc(1);
    }
    receipts.take(gate.flush()?)?;
    if let Some((_, gate)) = &mut beyond {
        gate.flush()?;
    }
    let life = story.finish()?;
    bar.finish_and_clear();
    receipts.earlier(shop.tenant)?;
    let run = Run { customers: &customers, checked, receipts: &receipts, resumed_at, took: begun.elapsed() };
    Summary::of(ledger, shop.tenant, &run, life)
}

/// What happens between the rows.
enum Story<'a> {
    /// Withdrawals, once.
    Plain { withdrawn: bool },
    /// A whole life.
    Life(Life<'a>),
}

impl Story<'_> {
    /// Whether something happens before this day's rows.
    fn is_past(&self, row: DataDay) -> bool {
        match self {
            Self::Plain { withdrawn } => !withdrawn && proposal::after_withdrawals(row),
            Self::Life(life) => life.is_past(row),
        }
    }

    fn go_on(&mut self, shop: &Shop<'_>, customers: &Customers, row: DataDay) -> Result<(), Failure> {
        match self {
            Self::Plain { withdrawn } => {
                *withdrawn = true;
                shop.withdraw_all(customers, shop.identity.began())
            }
            Self::Life(life) => life.live_until(row),
        }
    }

    fn finish(self) -> Result<Option<life::Tally>, Failure> {
        match self {
            Self::Plain { .. } => Ok(None),
            Self::Life(life) => life.finish().map(Some),
        }
    }
}

/// Where runs are spilled; gone with the value, and what a crash left there is gone at the next start.
struct Scratch(PathBuf);

impl Scratch {
    fn new(data_dir: &Path) -> Result<Self, Failure> {
        let folder = data_dir.join("replay.tmp");
        let _ = std::fs::remove_dir_all(&folder);
        files::make_folder(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
