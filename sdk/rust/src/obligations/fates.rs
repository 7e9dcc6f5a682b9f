//! What becomes of each field: obligations, the scope of the use and the watermark, put together once for all records.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_plan::Vocabulary;
use grantbook_plan::decide::AUDIT;
use grantbook_record::Term;
use grantbook_record::terms::Obligation;
use serde_json::{Value, json};

use super::ladder::Level;
use super::{Context, Mask, ObligationError, Places};

/// What becomes of a field's value.
pub(super) enum Fate {
    Keep,
    Mask,
    Generalise(Level),
    /// With all that it holds: it would have to be masked or generalised, and is not to be seen anyway.
    Drop,
}

/// What becomes of every field of a use.
pub(super) struct Fates<'a> {
    /// By name.
    fields: BTreeMap<String, Fate>,
    pub(super) places: &'a Places,
    pub(super) mask: &'a Mask,
    pub(super) watermark: Option<Value>,
    vocabulary: &'a Vocabulary,
}

impl<'a> Fates<'a> {
    pub(super) fn of(obligations: &[Obligation], context: &Context<'a>) -> Result<Self, ObligationError> {
        let places = &context.means.places;
        let mut visible: BTreeSet<&Term> = context.facts.fields.iter().collect();
        let (mut masked, mut hidden): (BTreeSet<&Term>, BTreeSet<&Term>) = Default::default();
        let is_audit = context.facts.action.as_str() == AUDIT;
        for obligation in obligations {
            match obligation {
                Obligation::KeepFields(keep) => visible.retain(|field| keep.fields.contains(field)),
                Obligation::Mask(mask) => masked.extend(mask.fields.iter()),
                Obligation::AuditOnly(_) if is_audit => {}
                Obligation::AuditOnly(audited) => hidden.extend(audited.fields.iter()),
                Obligation::Generalise(_)
                | Obligation::DeleteBy(_)
                | Obligation::Watermark(_)
                | Obligation::Notify(_) => {}
            }
        }
        let mut fields: BTreeMap<String, Fate> =
            visible.iter().map(|field| (field.to_string(), Fate::Keep)).collect();
        for (field, level) in levels(obligations, places)? {
            let fate = if visible.contains(&field) { Fate::Generalise(level) } else { Fate::Drop };
            fields.insert(field.to_string(), fate);
        }
        for field in masked {
            let fate = if visible.contains(field) { Fate::Mask } else { Fate::Drop };
            fields.insert(field.to_string(), fate);
        }
        fields.extend(hidden.into_iter().map(|field| (field.to_string(), Fate::Drop)));
        let watermark = watermark(obligations, context);
        let (mask, vocabulary) = (&context.means.mask, context.vocabulary);
        Ok(Self { fields, places, mask, watermark, vocabulary })
    }

    /// `None`: not one of the use's fields, and none that an obligation names.
    pub(super) fn fate(&self, field: &str) -> Option<&Fate> {
        self.fields.get(field)
    }

    /// Whether it is a field by itself wherever it stands, and no part of the one that holds it.
    pub(super) fn is_field(&self, name: &str) -> bool {
        self.vocabulary.has_field_in_some_category(name)
    }
}

/// The coarsest level that is demanded of each field, whether the use names it or not.
pub(super) fn levels(
    obligations: &[Obligation],
    places: &Places,
) -> Result<BTreeMap<Term, Level>, ObligationError> {
    let mut levels: BTreeMap<Term, Level> = BTreeMap::new();
    for obligation in obligations {
        let Obligation::Generalise(generalise) = obligation else { continue };
        let level = Level::parse(&generalise.to, places)
            .ok_or_else(|| ObligationError::Level { to: generalise.to.clone() })?;
        let field = &generalise.field;
        let coarsest = match levels.get(field) {
            None => level,
            Some(other) => {
                level.coarsest(other).ok_or_else(|| ObligationError::Levels { field: field.clone() })?
            }
        };
        levels.insert(field.clone(), coarsest);
    }
    Ok(levels)
}

fn watermark(obligations: &[Obligation], context: &Context<'_>) -> Option<Value> {
    let labels = obligations.iter().filter_map(|obligation| match obligation {
        Obligation::Watermark(watermark) => Some(&watermark.label),
        _ => None,
    });
    let labels: BTreeSet<&Term> = labels.collect();
    let mark = || json!({"grant": context.grant, "labels": labels, "use": context.use_ref});
    (!labels.is_empty()).then(mark)
}
