//! What customers take along: their archive as a page, and single grants in forms that others read.

use grantbook_engine::{Ledger, ReadError};
use grantbook_portal::backend::read::ConsentForm;
use grantbook_portal::viewer::Membership;
use grantbook_record::Jti;

use super::names::TenantNames;
use crate::archive_page;

/// The archive's lines. If the last root on the log does not show what the grants come to now, the next one is signed first.
fn lines(ledger: &Ledger, place: &Membership) -> Result<Vec<Vec<u8>>, ReadError> {
    if let Err(error) = ledger.sign_states_of(place.tenant, &place.subject) {
        // the archive says that it lacks the proof
        tracing::warn!(%error, "no root of the states before an archive");
    }
    let mut lines = Vec::new();
    let mut write = |line: &[u8]| {
        lines.push(line.to_vec());
        Ok::<_, ReadError>(())
    };
    ledger.export(place.tenant, Some(&place.subject), &mut write, &mut |_, _| ())?;
    Ok(lines)
}

/// All records about the customer, as a page that checks itself.
pub(super) fn archive(ledger: &Ledger, place: &Membership) -> Result<String, ReadError> {
    let names = TenantNames::of(ledger, place.tenant)?;
    let lines = lines(ledger, place)?;
    // what does not verify is not handed out
    archive_page::page(&lines, ledger.log_keys(), names.vocabulary())
        .map_err(|error| ReadError::Damaged(format!("archive: {error}")))
}

/// One grant in a form that others read.
pub(super) fn consent(
    ledger: &Ledger,
    place: &Membership,
    id: Jti,
    form: ConsentForm,
) -> Result<String, ReadError> {
    let names = TenantNames::of(ledger, place.tenant)?;
    let lines = lines(ledger, place)?;
    let summary = archive_page::summary(&lines, ledger.log_keys(), names.vocabulary())
        .map_err(|error| ReadError::Damaged(format!("archive: {error}")))?;
    let said = match form {
        ConsentForm::Iso27560 => summary.iso27560(&id),
        ConsentForm::Kantara => summary.kantara(&id),
    };
    // its records may be shredded
    said.map(|json| format!("{json:#}\n")).ok_or(ReadError::NotFound)
}
