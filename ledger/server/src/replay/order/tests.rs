use super::*;

/// Not random, but without order: a full-period sequence.
fn scattered(count: u64) -> impl Iterator<Item = Record> {
    (0..count).map(move |at| [at * 7919 % 97, at, at ^ 5, count])
}

#[test]
fn every_number_of_runs_gives_the_same_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected: Vec<Record> = scattered(1000).collect();
    expected.sort_unstable();
    // one run in memory, a few runs, more runs than are merged at once, and runs of one record
    for run in [2000, 1000, 999, 300, 10, 1] {
        let mut sorter = Sorter::with_run(folder.path(), run);
        for record in scattered(1000) {
            sorter.push(record).unwrap();
        }
        assert!(sorter.spilled.len() < RUNS_MAX && sorter.run.len() < run);
        let got: Vec<Record> = sorter.finish().unwrap().map(Result::unwrap).collect();
        assert_eq!(got, expected, "runs of {run}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "runs leave no names behind");
}

#[test]
fn rows_of_one_day_keep_the_order_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut sorter = Sorter::with_run(folder.path(), 3);
    for (line, day) in [(1, 9), (2, 3), (3, 9), (4, 3), (5, 9), (6, 3)] {
        sorter.push([day, line, 0, 0]).unwrap();
    }
    let lines: Vec<u64> = sorter.finish().unwrap().map(|record| record.unwrap()[1]).collect();
    assert_eq!(lines, [2, 4, 6, 1, 3, 5]);
}

#[test]
fn nothing_sorts_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Sorter::new(folder.path()).finish().unwrap().count(), 0);
}
