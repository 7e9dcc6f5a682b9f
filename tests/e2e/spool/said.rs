//! What a gate says while it runs, and what the ledger must have of it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

use grantbook_record::uses::{Completion, Outcome, UseRecord};

use super::PATIENCE;

/// What gates have said in all their runs: of each use, its number and what became of it.
#[derive(Default)]
pub(super) struct Said {
    pub(super) permits: BTreeMap<String, u64>,
    pub(super) endings: BTreeMap<String, String>,
    pub(super) denied: BTreeMap<String, u32>,
}

impl Said {
    /// Takes in what a gate says until it is killed or ends. Gives whether it drained its spool.
    pub(super) fn listen(&mut self, child: &mut Child, kill_after: Option<Duration>) -> bool {
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (send, receive) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let mut until = None;
        let mut drained = false;
        loop {
            let wait =
                until.map_or(PATIENCE, |until: Instant| until.saturating_duration_since(Instant::now()));
            match receive.recv_timeout(wait) {
                Ok(line) => {
                    drained |= line == "drained";
                    self.take(&line);
                    // from the first word on, so that it dies at its work
                    until = until.or(kill_after.map(|after| Instant::now() + after));
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    assert!(until.is_some(), "the gate says nothing");
                    // SIGKILL: no handler, no destructor, no flush
                    child.kill().expect("a child of ours");
                    child.wait().expect("a child of ours");
                    // what it had said before is in the pipe
                    for line in &receive {
                        self.take(&line);
                    }
                    break;
                }
            }
        }
        reader.join().expect("no panic");
        let _ = child.wait();
        drained
    }

    fn take(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["permit", seq, name] => {
                let before = self.permits.insert(name.to_owned(), seq.parse().expect("a number"));
                assert_eq!(before, None, "{name} is permitted twice");
            }
            [ending @ ("committed" | "voided"), _, name] => {
                self.endings.insert(name.to_owned(), ending.to_owned());
            }
            ["denied", reason] => *self.denied.entry(reason.to_owned()).or_default() += 1,
            // the last line of a gate that was killed may be cut short
            _ => {}
        }
    }

    /// Every permit is on the ledger once, under its number, as what was said of it or as unknown.
    pub(super) fn check(&self, recorded: &[UseRecord]) {
        let seqs: Vec<u64> = recorded.iter().map(|record| record.seq).collect();
        assert_eq!(seqs, (0..recorded.len() as u64).collect::<Vec<_>>(), "no gaps");
        let names = recorded.iter().filter_map(|record| Some((record.use_id.as_ref()?.as_str(), record)));
        let mut by_name = BTreeMap::new();
        for (name, record) in names {
            let again = by_name.insert(name, record);
            // given back before its permit was out, so asked for again
            assert!(
                again.is_none_or(|again| matches!(again.outcome, Outcome::Voided(_))),
                "{name} is there twice"
            );
        }
        for (name, seq) in &self.permits {
            let record = by_name.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not on the ledger"));
            assert_eq!(record.seq, *seq, "{name}");
            let as_said = match (&record.outcome, self.endings.get(name).map(String::as_str)) {
                (Outcome::Permitted(permitted), said) => {
                    permitted.completion == Completion::Unknown || said == Some("committed")
                        // killed after it had said so to the gate, and before it said so to us
                        || said.is_none() && name.rsplit('-').next().is_some_and(|n| divides(n, 0))
                }
                (Outcome::Voided(_), said) => {
                    said == Some("voided")
                        || said.is_none() && name.rsplit('-').next().is_some_and(|n| divides(n, 1))
                }
                (Outcome::Denied(_), _) => false,
            };
            assert!(as_said, "{name}: {:?}", record.outcome);
        }
    }
}

/// Whether a use's number divided by three leaves this.
pub(super) fn divides(number: &str, rest: u64) -> bool {
    number.parse::<u64>().is_ok_and(|number| number % 3 == rest)
}
