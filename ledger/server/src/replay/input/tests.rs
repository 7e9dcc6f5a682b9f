use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn rows_come_by_date_and_customers_by_first_appearance() {
    let file = file("9 1 19970301 1 1.00\n4 2 19970101 1 1.00\r\n9 1 19970101 2 1.00\n\n7 3 19691231 1 1");
    let checked = check(file.path(), false).unwrap();
    assert_eq!((checked.rows, checked.skipped), (4, 0));
    let folder = tempfile::tempdir().unwrap();
    let ordered = Ordered::read(file.path(), &checked, folder.path()).unwrap();
    let customers: Vec<_> = ordered.customers.ids().unwrap().map(Result::unwrap).collect();
    assert_eq!(customers, [(1, 9), (2, 4), (3, 7)]);
    let rows: Vec<_> =
        ordered.map(|row| row.unwrap()).map(|row| (row.customer, row.day.to_string())).collect();
    let expected = [(7, "1969-12-31"), (4, "1997-01-01"), (9, "1997-01-01"), (9, "1997-03-01")];
    assert_eq!(rows, expected.map(|(customer, day)| (customer, day.to_owned())));
}

#[test]
fn malformed_rows_are_counted_and_the_first_ten_listed() {
    let bad = "4 1 x 1 1\n".repeat(12);
    let file = file(&format!("4 1 19970101 1 1\n{bad}4 1 19970101 1 1\n{}\n", "5".repeat(5000)));
    let Err(Failure::Input(message)) = check(file.path(), false) else { panic!("accepted") };
    assert!(message.contains(": 13 malformed rows, nothing was written"), "{message}");
    assert!(message.contains("line 2: malformed date") && message.contains("line 11:"), "{message}");
    assert!(!message.contains("line 12:") && message.ends_with("and 3 more"), "{message}");
    let checked = check(file.path(), true).unwrap();
    assert_eq!((checked.rows, checked.skipped), (2, 13));
}

#[test]
fn a_file_that_changes_between_the_passes_is_refused() {
    let mut file = file("4 1 19970101 1 1\n");
    let checked = check(file.path(), false).unwrap();
    file.write_all(b"4 1 19970102 1 1\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Ordered::read(file.path(), &checked, folder.path()), Err(Failure::Input(_))));
    assert!(matches!(check(Path::new("/nonexistent"), false), Err(Failure::Input(_))));
}
