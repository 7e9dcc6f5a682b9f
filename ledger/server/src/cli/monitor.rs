//! `monitor`: follows a log and raises an alarm when it shows two histories, goes back, falls silent, or is not signed
//! as it should be. Specification: `docs/spec/witness.md`.

mod watch;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use grantbook_record::UnixSeconds;
use grantbook_tlog::{Demands, LogKeys, VouchedCheckpoint};
use serde_json::json;

use super::clock;
use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};
use super::remote::Remote;
use super::verify::{DemandArgs, LogSource, read_vkey};
use watch::{Alarm, Look, look};

/// Name of the last good checkpoint's file.
const LAST: &str = "checkpoint";
/// Name of the last alarm's file.
const ALARM: &str = "alarm.json";

/// Arguments of `monitor`.
#[derive(Debug, Args)]
pub(crate) struct MonitorArgs {
    /// Address of the log
    #[arg(long, value_name = "URL")]
    log: String,
    /// The log's keys, as /log/vkey gave them once: kept by you, so that nobody can change them
    #[arg(long, value_name = "FILE")]
    vkey: PathBuf,
    #[command(flatten)]
    demands: DemandArgs,
    /// Folder of the last checkpoint seen, so that a restart goes on from it
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Time between two looks
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    every: Duration,
    /// Look once
    #[arg(long)]
    once: bool,
    /// Time after which a log that shows no newer checkpoint is silent
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_time)]
    silence: Duration,
}

/// Reads `500ms`, `10s`, `5m`, `1h` or `2d`.
fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    let ms = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_ms));
    ms.filter(|ms| *ms > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "expected a time such as 500ms, 10s, 5m, 1h or 2d".to_owned())
}

pub(crate) fn run(args: &MonitorArgs, output: Output) -> Result<Verdict, Failure> {
    let keys = read_vkey(&args.vkey)?;
    let demands = args.demands.read()?;
    if let Some(folder) = &args.state {
        files::make_folder(folder)?;
    }
    let mut monitor = Monitor {
        source: LogSource::Remote(Remote::new(&args.log, None)?),
        last: last(args.state.as_deref(), &keys)?,
        heard_at: clock::now().seconds(),
        keys,
        demands,
    };
    if let Some((last, _)) = &monitor.last {
        monitor.heard_at = UnixSeconds(last.time.0);
    }
    loop {
        let begun = Instant::now();
        if let Some(alarm) = monitor.step(args, output)? {
            let found = alarm.to_json(monitor.keys.origin());
            if let Some(folder) = &args.state {
                files::replace(&folder.join(ALARM), format!("{found}\n").as_bytes())?;
            }
            output.say(format!("ALARM {}: {}", alarm.kind, alarm.detail));
            output.result(&found);
            return Ok(Verdict::No);
        }
        if args.once {
            let last = monitor.last.as_ref().map(|(last, _)| last);
            output.result(&json!({
                "alarm": null,
                "origin": monitor.keys.origin(),
                "tree_size": last.map(|last| last.checkpoint.size().0),
                "root": last.map(|last| last.checkpoint.root().to_string()),
                "witnesses": last.map(|last| last.cosigned.by.len()),
            }));
            return Ok(Verdict::Yes);
        }
        std::thread::sleep(args.every.saturating_sub(begun.elapsed()));
    }
}

/// The checkpoint that was seen last, which was verified then and is verified again.
fn last(folder: Option<&Path>, keys: &LogKeys) -> Result<Option<(VouchedCheckpoint, String)>, Failure> {
    let Some(path) = folder.map(|folder| folder.join(LAST)).filter(|path| path.exists()) else {
        return Ok(None);
    };
    let note = files::read(&path)?;
    let damaged = |why: &dyn std::fmt::Display| Failure::Input(format!("{}: {why}", path.display()));
    let vouched = Demands::default().verify(keys, &note).map_err(|error| damaged(&error))?;
    let note = String::from_utf8(note).map_err(|error| damaged(&error))?;
    Ok(Some((vouched, note)))
}

struct Monitor {
    source: LogSource,
    keys: LogKeys,
    demands: Demands,
    /// The last good checkpoint and its bytes.
    last: Option<(VouchedCheckpoint, String)>,
    /// Time of the last good checkpoint; before there is one, of the start.
    heard_at: UnixSeconds,
}

impl Monitor {
    fn step(&mut self, args: &MonitorArgs, output: Output) -> Result<Option<Alarm>, Failure> {
        let unheard = match look(&self.source, &self.keys, &self.demands, self.last.as_ref()) {
            Look::Good(vouched, note) => {
                let (size, root) = (vouched.checkpoint.size(), vouched.checkpoint.root());
                let known = self.last.as_ref().is_some_and(|(last, _)| last.checkpoint.size() == size);
                if !known {
                    output.say(format!("{size} entries, root {root}: consistent"));
                }
                self.heard_at = self.heard_at.max(UnixSeconds(vouched.time.0));
                if let Some(folder) = &args.state {
                    files::replace(&folder.join(LAST), note.as_bytes())?;
                }
                self.last = Some((*vouched, note));
                None
            }
            Look::Alarm(alarm) => return Ok(Some(alarm)),
            Look::Unanswered(failure) => {
                output.say(format!("no answer: {failure}"));
                Some(failure)
            }
        };
        let silent = clock::now().seconds().0.saturating_sub(self.heard_at.0);
        if silent > args.silence.as_secs() {
            let detail = format!("no newer checkpoint for {silent} s");
            let old = self.last.as_ref().map(|(_, note)| note.clone());
            return Ok(Some(Alarm { kind: "silence", detail, old, new: None }));
        }
        match unheard {
            Some(failure) if args.once => Err(failure),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_number_and_a_unit() {
        for (text, ms) in
            [("500ms", 500), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000), ("2d", 172_800_000)]
        {
            assert_eq!(parse_time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in
            ["", "10", "s", "0s", "-1s", "1.5h", "10 s", "99999999999999999999d", "18446744073709551615h"]
        {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
