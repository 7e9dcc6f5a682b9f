//! Which rules a use can meet at all, so that the others cost nothing.
//!
//! A rule is left out only where its condition is false without an error: by a comparison of an attribute that every
//! decision has with words of the rule, before which nothing stands that can fail. What is left out would have changed
//! nothing.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use super::Rule;
use super::attribute::{Attribute, Kind};
use super::checks::Checks;
use super::condition::Condition;
use super::evaluate::{Source, Value};

#[derive(Debug, Default)]
pub(super) struct Index {
    /// Rules that every use may meet; with an attribute that it must have for that, where there is one.
    always: Vec<(Option<Attribute>, usize)>,
    /// By attribute and a word that it has or is.
    by_word: Vec<(Attribute, ByWord)>,
}

/// So many words are found sooner one by one than by their hashes: most differ in length.
const FEW: usize = 8;

/// Rules by a word.
#[derive(Debug)]
enum ByWord {
    Few(Vec<(Box<str>, Vec<Posting>)>),
    Many(HashMap<Box<str>, Vec<Posting>, RandomState>),
}

impl ByWord {
    fn of(words: BTreeMap<&str, Vec<Posting>>) -> Self {
        let is_few = words.len() <= FEW;
        let owned = words.into_iter().map(|(word, postings)| (word.into(), postings));
        if is_few { Self::Few(owned.collect()) } else { Self::Many(owned.collect()) }
    }

    fn under(&self, word: &str) -> &[Posting] {
        let postings = match self {
            Self::Few(words) => {
                words.iter().find(|(known, _)| **known == *word).map(|(_, postings)| postings)
            }
            Self::Many(words) => words.get(word),
        };
        postings.map(Vec::as_slice).unwrap_or_default()
    }
}

/// Rules under one of their words that want one thing more of a use, or nothing more.
#[derive(Debug)]
struct Posting {
    /// What the use must be besides: looked at once for all of them.
    also: Option<(Attribute, Box<str>)>,
    /// Their places in the plan.
    rules: Vec<usize>,
}

/// A comparison that must hold: the attribute is, or has, one of the words.
struct Guard<'a> {
    attribute: Attribute,
    words: Vec<&'a str>,
}

impl Guard<'_> {
    /// The one word that the attribute must be.
    fn is(&self) -> Option<(Attribute, Box<str>)> {
        match &*self.words {
            [word] if self.attribute.kind() == Kind::Word => Some((self.attribute, (*word).into())),
            _ => None,
        }
    }
}

impl Index {
    /// The index, and of each rule what is left to be evaluated once the index has found it.
    pub(super) fn over(rules: &[Rule]) -> (Self, Vec<Checks>) {
        let mut guards: Vec<Vec<Guard<'_>>> = rules.iter().map(|rule| guards(&rule.when)).collect();
        // of several guards the one whose words are asked for by the fewest rules
        let mut asked: HashMap<(Attribute, &str), usize> = HashMap::new();
        for guard in guards.iter().flatten() {
            for word in &guard.words {
                *asked.entry((guard.attribute, word)).or_default() += 1;
            }
        }
        let crowd = |guard: &Guard<'_>| {
            let counts = guard.words.iter().map(|word| asked.get(&(guard.attribute, *word)).copied());
            counts.flatten().max().unwrap_or(0)
        };
        let mut checks = Vec::with_capacity(rules.len());
        let mut always = Vec::new();
        let mut by_word: BTreeMap<Attribute, BTreeMap<&str, Vec<Posting>>> = BTreeMap::new();
        for (at, (rule, guards)) in rules.iter().zip(&mut guards).enumerate() {
            guards.sort_by_key(crowd);
            let Some((guard, others)) = guards.split_first() else {
                always.push((needed(&rule.when), at));
                checks.push(Checks::of(&rule.when, &[]));
                continue;
            };
            let also = others.iter().find_map(Guard::is);
            let known: Vec<_> = guard.is().into_iter().chain(also.clone()).collect();
            checks.push(Checks::of(&rule.when, &known));
            let words = by_word.entry(guard.attribute).or_default();
            for word in &guard.words {
                let postings = words.entry(*word).or_default();
                match postings.iter_mut().find(|posting| posting.also == also) {
                    Some(posting) => posting.rules.push(at),
                    None => postings.push(Posting { also: also.clone(), rules: vec![at] }),
                }
            }
        }
        let by_word = by_word.into_iter().map(|(attribute, words)| (attribute, ByWord::of(words)));
        (Self { always, by_word: by_word.collect() }, checks)
    }

    /// Every rule that the use may meet, perhaps twice, in no particular order.
    pub(super) fn for_each_candidate<S: Source>(&self, asked: &S, mut each: impl FnMut(usize)) {
        for (needed, at) in &self.always {
            if needed.is_none_or(|attribute| asked.read(attribute).is_some()) {
                each(*at);
            }
        }
        for (attribute, words) in &self.by_word {
            let mut found = |word: &str| {
                for Posting { also, rules } in words.under(word) {
                    let is =
                        |(attribute, word): &(Attribute, Box<str>)| asked.word(*attribute) == Some(&**word);
                    if also.as_ref().is_none_or(is) {
                        for at in rules {
                            each(*at);
                        }
                    }
                }
            };
            match attribute.kind() {
                Kind::Word => asked.word(*attribute).into_iter().for_each(found),
                Kind::Words => match asked.read(*attribute) {
                    Some(Value::Words(several)) => several.iter().for_each(&mut found),
                    Some(Value::Word(_) | Value::Bool(_) | Value::Long(_)) | None => {}
                },
                // no guard is made of such an attribute
                Kind::Bool | Kind::Long => {}
            }
        }
    }
}

/// What a decision must have that the condition may hold: without it, it is false before anything can fail.
fn needed(condition: &Condition) -> Option<Attribute> {
    match condition.conjuncts().first() {
        Some(Condition::Has(attribute)) => Some(*attribute),
        _ => None,
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
