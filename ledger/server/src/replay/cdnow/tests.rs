use super::*;

/// What a line is read as.
type Read = Result<Line, RowError>;

fn purchase(customer: u64, day: &str) -> Read {
    DataDay::parse(day)
        .map(|day| Line::Row(Purchase { customer, day }))
        .ok_or(RowError::Column { column: "date", expected: "a day" })
}

fn read(lines: &[&str]) -> Vec<Read> {
    let mut parser = Parser::default();
    lines.iter().map(|line| parser.line(line.as_bytes())).collect()
}

fn column(column: &'static str) -> impl Fn(&Read) -> bool {
    move |got| matches!(got, Err(RowError::Column { column: c, .. }) if *c == column)
}

#[test]
fn both_layouts_are_told_apart() {
    let with_sample = read(&[" 00004 0001 19970101  2   29.33\r\n", " 00004 0001 19970118  2   29.73\r\n"]);
    assert_eq!(with_sample, [purchase(4, "1997-01-01"), purchase(4, "1997-01-18")]);
    for header in
        ["id date quantity dollars", "_id\tyyyymmdd\tcds\tspent", "\u{feff}customer date qty dollars"]
    {
        let got = read(&[header, "00021 19980630 3 63"]);
        assert_eq!(got, [Ok(Line::Header), purchase(21, "1998-06-30")], "{header}");
    }
    let commas = read(&["id,date,quantity,dollars", "21,19980630,3,63.5", "21 19980630 3 63.5"]);
    assert_eq!(commas[1], purchase(21, "1998-06-30"));
    assert_eq!(commas[2], Err(RowError::Columns { expected: "4", got: 1 }));
    assert_eq!(read(&["21 19980630 3 63.50", "", "  "])[1..], [Ok(Line::Blank), Ok(Line::Blank)]);
}

#[test]
fn malformed_rows_name_the_column() {
    for (row, wrong) in [
        ("x 0001 19970101 2 29.33", "customer id"),
        ("-4 0001 19970101 2 29.33", "customer id"),
        ("1234567890123456789 0001 19970101 2 29.33", "customer id"),
        ("4 a 19970101 2 29.33", "sample id"),
        ("4 1 19970229 2 29.33", "date"),
        ("4 1 199701 2 29.33", "date"),
        ("4 1 1997-1-1 2 29.33", "date"),
        ("4 1 19971301 2 29.33", "date"),
        ("4 1 19970101 two 29.33", "quantity"),
        ("4 1 19970101 2.5 29.33", "quantity"),
        ("4 1 19970101 2 29,33", "dollars"),
        ("4 1 19970101 2 -29.33", "dollars"),
        ("4 1 19970101 2 29.333", "dollars"),
        ("4 1 19970101 2 NaN", "dollars"),
        ("4 1 19970101 2 .5", "dollars"),
    ] {
        let got = read(&["4 1 19970101 2 29.33", row]);
        assert!(column(wrong)(&got[1]), "{row}: {:?}", got[1]);
    }
}

#[test]
fn a_malformed_first_row_is_no_header_and_does_not_settle_the_layout_by_itself() {
    assert!(column("customer id")(&read(&["abc 0001 19970101 2 29.33"])[0]));
    let got = read(&["1 2 3", "4 1 19970101 2 29.33", "4 19970101 2 29.33"]);
    assert_eq!(got[0], Err(RowError::Columns { expected: "4 or 5", got: 3 }));
    assert_eq!(got[1], purchase(4, "1997-01-01"));
    assert_eq!(got[2], Err(RowError::Columns { expected: "5", got: 4 }));
    // a header counts in the first place alone
    assert!(matches!(read(&["4 19970101 2 1", "id date quantity dollars"])[1], Err(RowError::Column { .. })));
}

#[test]
fn no_bytes_make_it_panic() {
    let mut parser = Parser::default();
    assert_eq!(parser.line(&[0xFF, b' ']), Err(RowError::NotText));
    assert_eq!(parser.line("4 1 1997年1月 2 1".as_bytes()), Err(RowError::NotText));
    assert_eq!(parser.line(&[b'1'; LINE_BYTES_MAX + 1]), Err(RowError::TooLong));
    for byte in 0..=u8::MAX {
        let _ = Parser::default().line(&[byte]);
        let _ = Parser::default().line(&[b'4', b' ', byte, b' ', byte]);
    }
}
