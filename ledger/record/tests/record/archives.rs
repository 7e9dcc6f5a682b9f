//! Archives as outsiders meet them: what is read is verified, and one changed byte anywhere refuses the rest.

use grantbook_record::archive::{ArchiveError, Reader};

use crate::ledger::{GRANT_AT, Ledger, USES_AT, WITHDRAWN_AT, log_keys};
use crate::pages;

fn read(lines: &[Vec<u8>]) -> Result<u64, ArchiveError> {
    let mut reader = Reader::begin(&lines[0], Some(&log_keys()))?;
    let mut read = 0;
    for line in &lines[1..] {
        read += u64::from(reader.line(line)?.is_some());
    }
    reader.finish()?;
    Ok(read)
}

#[test]
fn the_story_is_read_and_any_changed_byte_is_refused() {
    let lines = Ledger::story().archive(&[GRANT_AT, USES_AT, WITHDRAWN_AT]);
    assert_eq!(read(&lines).unwrap(), 3);
    for at in 0..lines.len() {
        for byte in (0..lines[at].len() - 1).step_by(7) {
            let mut changed = lines.clone();
            changed[at][byte] ^= 1;
            let refused = read(&changed).unwrap_err();
            let record = match &refused {
                ArchiveError::Header(_) => 0,
                ArchiveError::Record { record, .. } => *record,
                ArchiveError::End(_) => 4,
                ArchiveError::CutShort { .. } | ArchiveError::GoesOn => 9,
            };
            // the line itself, or the one behind it, which vouches for it; the header's number of records is its own
            let near = record == at as u64 || record == at as u64 + 1 || at == 0;
            assert!(near, "line {at}, byte {byte}: {refused}");
        }
    }
    for cut in 1..lines.len() {
        assert!(
            matches!(read(&lines[..cut]), Err(ArchiveError::CutShort { records, .. }) if records == cut as u64 - 1)
        );
    }
    let mut swapped = lines.clone();
    swapped.swap(1, 2);
    assert!(matches!(read(&swapped), Err(ArchiveError::Record { record: 1, .. })));
}

#[test]
fn the_page_shows_what_the_code_writes() {
    for page in ["vocabulary", "mandate"] {
        let page = std::fs::read_to_string(pages::path(page)).unwrap();
        assert_eq!(pages::refreshed(&page), page, "run the example make_vectors");
    }
}
