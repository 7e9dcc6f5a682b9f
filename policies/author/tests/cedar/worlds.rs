//! Random decisions that turn on what policies turn on: made from the constants with which they compare.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_plan::PolicyPlan;
use grantbook_plan::rules::{Attribute, Condition, Kind, OwnedValue, Rule, Values};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

/// Worlds by default; `GRANTBOOK_WORLDS` asks for more.
pub(super) fn count() -> u64 {
    std::env::var("GRANTBOOK_WORLDS").ok().and_then(|count| count.parse().ok()).unwrap_or(1000)
}

/// Words and numbers with which an attribute is compared.
#[derive(Debug, Clone, Default)]
struct Constants {
    words: BTreeSet<Box<str>>,
    longs: BTreeSet<i64>,
}

/// Makes worlds for a plan.
pub(super) struct Worlds<'p> {
    plan: &'p PolicyPlan,
    base: Values,
    constants: BTreeMap<Attribute, Constants>,
    rng: ChaCha8Rng,
    made: usize,
}

impl<'p> Worlds<'p> {
    pub(super) fn new(plan: &'p PolicyPlan, base: Values, seed: u64) -> Self {
        let mut constants: BTreeMap<Attribute, Constants> = BTreeMap::new();
        let mut compared = Vec::new();
        for rule in plan.rules() {
            collect(&rule.when, &mut constants, &mut compared);
        }
        for (attribute, value) in base.iter() {
            let known = constants.entry(attribute).or_default();
            match value {
                OwnedValue::Bool(_) => {}
                OwnedValue::Long(number) => drop(known.longs.insert(*number)),
                OwnedValue::Word(word) => drop(known.words.insert(word.clone())),
                OwnedValue::Words(words) => known.words.extend(words.iter().cloned()),
            }
        }
        // to whom data is passed on is compared with nothing: whoever it is
        constants.entry(Attribute::Onward).or_default().words.insert("someone".into());
        // what is compared with each other has its constants in common; twice, since one may be compared with several
        for (one, other) in compared.iter().chain(&compared) {
            for (one, other) in [(one, other), (other, one)] {
                let Constants { words, longs } = constants.get(one).cloned().unwrap_or_default();
                let known = constants.entry(*other).or_default();
                known.words.extend(words);
                known.longs.extend(longs);
            }
        }
        Self { plan, base, constants, rng: ChaCha8Rng::seed_from_u64(seed), made: 0 }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u32()).unwrap() % bound.max(1)
    }

    /// Three of four times a world in which the next rule in turn holds, if one is found soon; otherwise any.
    pub(super) fn next(&mut self) -> Values {
        let rules = self.plan.rules();
        let rule = &rules[self.made % rules.len()];
        self.made += 1;
        let wanted = self.below(4) > 0;
        let mut world = self.world(rule);
        for _ in 0..96 {
            if !wanted || rule.when.holds(&world) == Ok(true) {
                break;
            }
            world = self.world(rule);
        }
        world
    }

    fn world(&mut self, rule: &Rule) -> Values {
        let mut changed: Vec<Attribute> = rule.when.reads().into_iter().collect();
        changed.retain(|_| self.below(8) > 3);
        for _ in 0..self.below(3) {
            let at = self.below(Attribute::ALL.len());
            changed.push(Attribute::ALL[at]);
        }
        let mut world = self.base.clone();
        for attribute in changed {
            let value = self.value(attribute);
            world = world.with(attribute, value).unwrap();
        }
        world
    }

    fn value(&mut self, attribute: Attribute) -> Option<OwnedValue> {
        if attribute.is_optional() && self.below(4) == 0 {
            return None;
        }
        let known = self.constants.get(&attribute);
        let words: Vec<Box<str>> =
            known.map(|known| known.words.iter().cloned().collect()).unwrap_or_default();
        let longs: Vec<i64> = known.map(|known| known.longs.iter().copied().collect()).unwrap_or_default();
        Some(match attribute.kind() {
            Kind::Bool => OwnedValue::Bool(self.below(2) == 0),
            Kind::Long => {
                let near = longs.get(self.below(longs.len())).copied().unwrap_or(0);
                let by = i64::try_from(self.below(3)).unwrap() - 1;
                OwnedValue::Long(near.saturating_add(by))
            }
            Kind::Word => {
                let at = self.below(words.len());
                words.get(at).cloned().map(OwnedValue::Word)?
            }
            Kind::Words => {
                let several = self.below(4);
                let mut set = BTreeSet::new();
                for _ in 0..several {
                    let at = self.below(words.len());
                    set.extend(words.get(at).cloned());
                }
                OwnedValue::Words(set)
            }
        })
    }
}

/// What stands beside attributes in comparisons: constants, and other attributes.
fn collect(
    condition: &Condition,
    constants: &mut BTreeMap<Attribute, Constants>,
    compared: &mut Vec<(Attribute, Attribute)>,
) {
    if let [left, right] = condition.parts() {
        for attribute in operands(left) {
            literals(right, constants.entry(attribute).or_default());
            compared.extend(operands(right).into_iter().map(|other| (attribute, other)));
        }
        for attribute in operands(right) {
            literals(left, constants.entry(attribute).or_default());
        }
    }
    condition.parts().iter().for_each(|part| collect(part, constants, compared));
}

/// The attributes whose value the condition may be.
fn operands(condition: &Condition) -> Vec<Attribute> {
    match condition {
        Condition::Attribute(attribute) => vec![*attribute],
        Condition::If(three) => three[1..].iter().flat_map(operands).collect(),
        _ => Vec::new(),
    }
}

fn literals(condition: &Condition, known: &mut Constants) {
    match condition {
        Condition::Word(word) => drop(known.words.insert(word.clone())),
        Condition::Words(words) => known.words.extend(words.iter().cloned()),
        Condition::Long(number) => drop(known.longs.insert(*number)),
        // comparisons within have their own attributes
        Condition::If(three) => three[1..].iter().for_each(|part| literals(part, known)),
        _ => {}
    }
}
