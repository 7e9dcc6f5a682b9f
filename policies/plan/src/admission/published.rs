//! The next version of a template.

use grantbook_record::Thumbprint;
use grantbook_record::event::{Bounds, TemplatePublished};

use super::{Context, Parties, Refusal, by_enterprise, check_text, expect, room, signed_by_both};
use crate::tenant::{self, TEMPLATES_MAX};
use crate::vocabulary::Vocabulary;

pub(super) fn check_template(
    event: &TemplatePublished,
    signers: &[Thumbprint],
    context: &Context<'_>,
) -> Result<(), Refusal> {
    by_approver(event, signers, context)?;
    for text in event.text.iter() {
        check_text(&text.title)?;
        check_text(&text.body)?;
    }
    check_bounds(&event.bounds, &context.tenant.vocabulary)?;
    let versions = context.tenant.templates.get(&event.id).map(Vec::as_slice).unwrap_or_default();
    let expected = u32::try_from(versions.len()).unwrap_or(u32::MAX).saturating_add(1);
    if event.version != expected {
        return Err(Refusal::Version { expected });
    }
    if let Some(restored) = event.restores {
        let at = usize::try_from(restored).ok().and_then(|version| version.checked_sub(1));
        let earlier = at.and_then(|at| versions.get(at)).ok_or(Refusal::NotRestored)?;
        if earlier.content != tenant::content(event) {
            return Err(Refusal::NotRestored);
        }
    }
    let all = context.tenant.templates.values().map(Vec::len).sum();
    room(all, TEMPLATES_MAX, "templates")
}

/// The enterprise and, once it has named one, its approver. A lost approver's key is replaced by the operator's word.
fn by_approver(
    event: &TemplatePublished,
    signers: &[Thumbprint],
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let named = [event.approver, context.tenant.approver].map(|key| key.map(|key| key.thumbprint()));
    let Parties { enterprise, operator } = *context.parties;
    match named {
        [_, None] => by_enterprise(signers, context),
        [new, Some(approver)] => {
            let may = |kid| kid == approver || (kid == operator && new.is_some_and(|new| new != approver));
            expect(signed_by_both(signers, enterprise, may), "the enterprise and its approver")
        }
    }
}

fn check_bounds(bounds: &Bounds, vocabulary: &Vocabulary) -> Result<(), Refusal> {
    let unknown = |what| Refusal::UnknownTerm { what };
    let vocabulary = vocabulary.version(bounds.vocabulary).ok_or(unknown("version of the vocabulary"))?;
    if !bounds.purposes.iter().all(|term| vocabulary.has_purpose(term)) {
        return Err(unknown("purpose"));
    }
    let kinds = &vocabulary.words().recipients;
    let recipients = bounds.kinds.iter().map(|known| &known.recipient);
    let once = recipients.clone().collect::<std::collections::BTreeSet<_>>().len() == bounds.kinds.len();
    let known = bounds.kinds.iter().all(|known| kinds.contains_key(&known.kind));
    if !once || !known || !recipients.into_iter().all(|recipient| bounds.recipients.contains(recipient)) {
        return Err(unknown("kind of recipient"));
    }
    if !bounds.categories.iter().all(|term| vocabulary.has_category(term)) {
        return Err(unknown("category"));
    }
    if !bounds.fields.iter().all(|rule| vocabulary.has_field(&rule.category, &rule.field)) {
        return Err(unknown("field"));
    }
    Ok(())
}
