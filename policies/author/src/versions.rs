//! What lies between two versions of a vocabulary.

use std::collections::BTreeMap;

use grantbook_plan::vocabulary::Version;
use grantbook_record::Term;
use grantbook_record::list::List;
use grantbook_record::vocabulary::{DroppedWords, VocabularyPublished, Words};

/// What makes the words of `old` those of `new`, as the version after `old`; mappings stay. `None` where it drops more
/// than one publication can.
pub fn changes(old: &Version, new: &Words) -> Option<VocabularyPublished> {
    let was = old.words();
    Some(VocabularyPublished {
        version: old.number().next(),
        put: Words {
            purposes: put(&was.purposes, &new.purposes),
            categories: put(&was.categories, &new.categories),
            actions: put(&was.actions, &new.actions),
            recipients: put(&was.recipients, &new.recipients),
            measures: put(&was.measures, &new.measures),
        },
        drop: DroppedWords {
            purposes: dropped(&was.purposes, &new.purposes)?,
            categories: dropped(&was.categories, &new.categories)?,
            actions: dropped(&was.actions, &new.actions)?,
            recipients: dropped(&was.recipients, &new.recipients)?,
            measures: dropped(&was.measures, &new.measures)?,
        },
        map: List::default(),
        unmap: List::default(),
    })
}

fn put<V: PartialEq + Clone>(old: &BTreeMap<Term, V>, new: &BTreeMap<Term, V>) -> BTreeMap<Term, V> {
    let changed = new.iter().filter(|(term, word)| old.get(*term) != Some(*word));
    changed.map(|(term, word)| (term.clone(), word.clone())).collect()
}

fn dropped<V>(old: &BTreeMap<Term, V>, new: &BTreeMap<Term, V>) -> Option<List<Term, 0, 256>> {
    List::new(old.keys().filter(|term| !new.contains_key(*term)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use grantbook_plan::Vocabulary;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_lies_between_two_versions_leads_from_one_to_the_other() {
        let mut vocabulary = Vocabulary::default();
        let mut wanted = vocabulary.latest().words().clone();
        let term = |text: &str| Term::parse(text).unwrap();
        assert_eq!(changes(vocabulary.latest(), &wanted).unwrap().put, Words::default());
        let trips = wanted.categories.remove(&term("driving")).unwrap();
        wanted.categories.insert(term("trips"), trips);
        let label =
            json!({"en": "Repairs", "zh-CN": "维修", "iri": "https://w3id.org/dpv#RepairImpairments"});
        wanted.purposes.insert(term("repair"), serde_json::from_value(label).unwrap());
        let event = changes(vocabulary.latest(), &wanted).unwrap();
        assert_eq!((event.put.categories.len(), event.put.purposes.len()), (1, 1));
        assert_eq!(&*event.drop.categories, [term("driving")]);
        vocabulary.publish(&event).unwrap();
        assert_eq!(vocabulary.latest().words(), &wanted);
    }
}
