//! Which rules a use can meet at all, so that the others cost nothing.
//!
//! A rule is left out only where its condition is false without an error: by a comparison of an attribute that every
//! decision has with words of the rule, before which nothing stands that can fail. What is left out would have changed
//! nothing.

use std::collections::{BTreeMap, HashMap};

use super::Rule;
use super::attribute::Attribute;
use super::condition::Condition;
use super::evaluate::{Source, Value};

#[derive(Debug, Default)]
pub(super) struct Index {
    /// Rules that every use may meet.
    always: Vec<usize>,
    /// By attribute and a word that it has or is.
    by_word: Vec<(Attribute, ByWord)>,
}

/// Rules by a word, by their place in the plan.
type ByWord = HashMap<Box<str>, Vec<usize>>;

/// A comparison that must hold: the attribute is, or has, one of the words.
struct Guard<'a> {
    attribute: Attribute,
    words: Vec<&'a str>,
}

impl Index {
    pub(super) fn over(rules: &[Rule]) -> Self {
        let guards: Vec<Vec<Guard<'_>>> = rules.iter().map(|rule| guards(&rule.when)).collect();
        // of several guards the one whose words are asked for by the fewest rules
        let mut asked: HashMap<(Attribute, &str), usize> = HashMap::new();
        for guard in guards.iter().flatten() {
            for word in &guard.words {
                *asked.entry((guard.attribute, word)).or_default() += 1;
            }
        }
        let crowd = |guard: &&Guard<'_>| {
            let counts = guard.words.iter().map(|word| asked.get(&(guard.attribute, *word)).copied());
            counts.flatten().max().unwrap_or(0)
        };
        let mut always = Vec::new();
        let mut by_word: BTreeMap<Attribute, ByWord> = BTreeMap::new();
        for (at, guards) in guards.iter().enumerate() {
            let Some(guard) = guards.iter().min_by_key(crowd) else {
                always.push(at);
                continue;
            };
            let words = by_word.entry(guard.attribute).or_default();
            for word in &guard.words {
                words.entry((*word).into()).or_default().push(at);
            }
        }
        Self { always, by_word: by_word.into_iter().collect() }
    }

    /// Every rule that the use may meet, perhaps twice, in no particular order.
    pub(super) fn for_each_candidate<S: Source>(&self, asked: &S, mut each: impl FnMut(usize)) {
        self.always.iter().for_each(|at| each(*at));
        for (attribute, words) in &self.by_word {
            let mut found = |word: &str| {
                words.get(word).into_iter().flatten().for_each(|at| each(*at));
            };
            match asked.read(*attribute) {
                Some(Value::Word(word)) => found(word),
                Some(Value::Words(several)) => several.iter().for_each(found),
                // no guard is made of such an attribute
                Some(Value::Bool(_) | Value::Long(_)) | None => {}
            }
        }
    }
}

fn guards(condition: &Condition) -> Vec<Guard<'_>> {
    let mut guards = Vec::new();
    for conjunct in condition.conjuncts() {
        if let Some(guard) = guard(conjunct) {
            guards.push(guard);
        } else if !conjunct.is_total() {
            break;
        }
    }
    guards
}

fn guard(conjunct: &Condition) -> Option<Guard<'_>> {
    use Condition::{Attribute as Read, Contains, ContainsAny, Equal, Word, Words};
    let (attribute, words) = match conjunct {
        Equal(pair) => match &**pair {
            [Read(attribute), Word(word)] | [Word(word), Read(attribute)] => (*attribute, vec![&**word]),
            _ => return None,
        },
        Contains(pair) => match &**pair {
            [Read(attribute), Word(word)] => (*attribute, vec![&**word]),
            [Words(words), Read(attribute)] => (*attribute, words.iter().map(AsRef::as_ref).collect()),
            _ => return None,
        },
        ContainsAny(pair) => match &**pair {
            [Read(attribute), Words(words)] | [Words(words), Read(attribute)] => {
                (*attribute, words.iter().map(AsRef::as_ref).collect())
            }
            _ => return None,
        },
        _ => return None,
    };
    (!attribute.is_optional()).then_some(Guard { attribute, words })
}
