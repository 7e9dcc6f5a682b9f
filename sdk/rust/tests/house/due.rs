//! The due list: what is deleted when, across restarts and crashes.

use grantbook_record::day::UnixMillis;
use grantbook_record::uses::UseId;
use grantbook_record::{Jti, UnixSeconds};
use grantbook_sdk::obligations::due::{Deletion, Due, DueError, DueList};

fn grant(n: u8) -> Jti {
    Jti::new(UnixMillis(1_795_000_000_000), [n; 10])
}

fn use_ref(text: &str) -> UseId {
    UseId::try_from(text.to_owned()).unwrap()
}

fn due(name: &str, by: u64) -> Due {
    Due { grant: grant(1), use_ref: use_ref(name), by: UnixSeconds(by) }
}

fn names(due: &[Due]) -> Vec<&str> {
    due.iter().map(|due| due.use_ref.as_str()).collect()
}

#[test]
fn data_is_due_deleted_reported_and_forgotten_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("due.jsonl");
    let open = || DueList::open(&path).unwrap();
    let list = open();
    for (name, by) in [("quote-1", 300), ("quote-2", 100), ("quote-3", 200)] {
        list.add(&due(name, by)).unwrap();
    }
    // the same use again: the earlier date stands
    list.add(&due("quote-1", 250)).unwrap();
    list.add(&due("quote-1", 900)).unwrap();
    let list = open();
    assert_eq!(list.next(), Some(UnixSeconds(100)));
    assert!(list.due(UnixSeconds(99)).is_empty());
    assert_eq!(names(&list.due(UnixSeconds(249))), ["quote-2", "quote-3"]);
    assert_eq!(names(&list.due(UnixSeconds(250))), ["quote-2", "quote-3", "quote-1"]);

    let deletion = Deletion { grant: grant(1), use_ref: use_ref("quote-2"), at: UnixSeconds(101) };
    assert_eq!(list.mark_deleted(&use_ref("quote-2"), UnixSeconds(101)).unwrap(), deletion);
    let list = open();
    assert_eq!(list.mark_deleted(&use_ref("quote-2"), UnixSeconds(999)).unwrap(), deletion, "said again");
    assert_eq!(list.unreported(), [deletion]);
    assert_eq!(names(&list.due(UnixSeconds(249))), ["quote-3"]);
    assert!(matches!(list.add(&due("quote-2", 900)), Err(DueError::Conflict)), "it is deleted already");

    list.mark_reported(&use_ref("quote-2")).unwrap();
    let list = open();
    assert!(list.unreported().is_empty());
    assert!(matches!(list.mark_reported(&use_ref("quote-2")), Err(DueError::Unknown)));
    assert!(matches!(list.mark_reported(&use_ref("quote-3")), Err(DueError::Unknown)), "not deleted yet");
    assert!(matches!(list.mark_deleted(&use_ref("quote-9"), UnixSeconds(1)), Err(DueError::Unknown)));
    let other = Due { grant: grant(2), ..due("quote-3", 1) };
    assert!(matches!(list.add(&other), Err(DueError::Conflict)));
}

/// A crash anywhere in the file's last line loses that line and nothing before it.
#[test]
fn a_line_that_was_cut_short_is_dropped_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("due.jsonl");
    let list = DueList::open(&path).unwrap();
    list.add(&due("quote-1", 100)).unwrap();
    let before = std::fs::metadata(&path).unwrap().len();
    list.add(&due("quote-2", 200)).unwrap();
    drop(list);
    let whole = std::fs::read(&path).unwrap();
    for cut in usize::try_from(before).unwrap()..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let list = DueList::open(&path).unwrap();
        assert_eq!(names(&list.due(UnixSeconds(999))), ["quote-1"], "cut at {cut}");
        list.add(&due("quote-3", 300)).unwrap();
        let list = DueList::open(&path).unwrap();
        assert_eq!(names(&list.due(UnixSeconds(999))), ["quote-1", "quote-3"], "cut at {cut}");
    }
    for text in ["{}\n", "x\n", "{\"due\":{}}\n", "\n"] {
        std::fs::write(&path, text).unwrap();
        assert!(matches!(DueList::open(&path), Err(DueError::Json { line: 1, .. })), "{text:?}");
    }
}

#[test]
fn the_file_stays_small_however_often_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("due.jsonl");
    let list = DueList::open(&path).unwrap();
    for n in 0..400 {
        let name = format!("quote-{n}");
        list.add(&due(&name, n)).unwrap();
        list.mark_deleted(&use_ref(&name), UnixSeconds(n)).unwrap();
        list.mark_reported(&use_ref(&name)).unwrap();
    }
    let lines = std::fs::read_to_string(&path).unwrap().lines().count();
    assert!(lines <= 1_030, "{lines} lines of nothing");
    assert!(DueList::open(&path).unwrap().unreported().is_empty());
}

#[test]
fn what_cannot_be_written_is_not_noted() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    std::fs::create_dir(&gone).unwrap();
    std::fs::remove_dir_all(&gone).unwrap();
    assert!(matches!(DueList::open(gone.join("due.jsonl")), Err(DueError::Io { .. })));
}
