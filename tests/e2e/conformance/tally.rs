//! How often each answer was expected and given, by door.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use grantbook_record::DenialReason;

use super::cases::OF_RULES;
use super::doors::Door;

/// As few times as a reason may come.
const EACH_REASON: usize = 3;
/// Cases with one answer at all doors, as few as there may be.
const CASES: usize = 500;

/// What came of the cases.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Answers by door; `None` is a permit.
    answers: BTreeMap<(Option<DenialReason>, Door), usize>,
    /// Cases that were asked at all doors, by the answer, and how many of them got one answer at all of them.
    cases: BTreeMap<Option<DenialReason>, (usize, usize)>,
}

impl Tally {
    pub(super) fn answer(&mut self, door: Door, reason: Option<DenialReason>) {
        *self.answers.entry((reason, door)).or_default() += 1;
    }

    pub(super) fn case(&mut self, reason: Option<DenialReason>, is_same: bool) {
        let (all, same) = self.cases.entry(reason).or_default();
        *all += 1;
        *same += usize::from(is_same);
    }

    pub(super) fn cases(&self) -> usize {
        self.cases.values().map(|(all, _)| all).sum()
    }

    /// Prints the table, and demands enough of everything.
    pub(super) fn check(&self) {
        println!("{}", self.table());
        let same: usize = self.cases.values().map(|(_, same)| same).sum();
        assert!(same >= CASES, "{same} cases with one answer at all doors");
        let permits = self.cases[&None].1;
        assert!(permits * 10 >= same * 3, "{permits} permits of {same}");
        for reason in DenialReason::ALL.iter().filter(|reason| !OF_RULES.contains(reason)) {
            let times: usize =
                Door::ALL.iter().filter_map(|door| self.answers.get(&(Some(*reason), *door))).sum();
            assert!(times >= EACH_REASON, "{reason}: {times} times");
        }
        for (answer, times) in &self.answers {
            assert!(*times >= EACH_REASON, "{answer:?}: {times} times");
        }
    }

    fn table(&self) -> String {
        let mut table = format!("{:<20}", "answer");
        for door in Door::ALL {
            write!(table, "{:>11}", format!("{door:?}").to_lowercase()).unwrap();
        }
        writeln!(table, "{:>11}{:>11}", "cases", "one answer").unwrap();
        for answer in [None].into_iter().chain(DenialReason::ALL.iter().copied().map(Some)) {
            let name = answer.map_or("permit".to_owned(), |reason| reason.to_string());
            write!(table, "{name:<20}").unwrap();
            for door in Door::ALL {
                let times = self.answers.get(&(answer, door)).copied().unwrap_or_default();
                write!(table, "{times:>11}").unwrap();
            }
            let (all, same) = self.cases.get(&answer).copied().unwrap_or_default();
            writeln!(table, "{all:>11}{same:>11}").unwrap();
        }
        table
    }
}
