//! Separate consents as customers are asked for them: what `grantbook_plan::consents` says of each, and its sentence, which terms
//! name by a digest alone.

use grantbook_engine::{Ledger, ReadError};
use grantbook_plan::consents::{basis, is_required};
use grantbook_portal::view::agreement::ConsentAsked;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::ConsentSentence;
use grantbook_record::{Event, TenantId, Terms};

/// Those that terms ask for, in their order.
pub(crate) fn asked(
    ledger: &Ledger,
    tenant: TenantId,
    terms: &Terms,
) -> Result<Vec<ConsentAsked>, ReadError> {
    if terms.consents.is_empty() {
        return Ok(Vec::new());
    }
    let state = ledger.tenant_state(tenant)?;
    let published = ledger.publications(tenant)?;
    let sentences: Vec<&ConsentSentence> = published.iter().flat_map(sentences_of).collect();
    let one = |consent: &grantbook_record::terms::Consent| {
        let is_it = |known: &&&ConsentSentence| {
            known.to == consent.to && Bytes32::sha256(known.sentence.as_bytes()) == consent.sentence
        };
        ConsentAsked {
            to: consent.to.clone(),
            sentence: sentences.iter().find(is_it).map(|known| known.sentence.clone()),
            basis: basis(consent.to.as_str(), terms, &state),
            required: is_required(&consent.to, terms, &state),
        }
    };
    Ok(terms.consents.iter().map(one).collect())
}

/// The sentences that a notice publishes.
pub(crate) fn sentences_of(event: &Event) -> &[ConsentSentence] {
    match event {
        Event::NoticePublished(notice) => {
            notice.contents.as_ref().map(|contents| &*contents.consents).unwrap_or_default()
        }
        _ => &[],
    }
}
