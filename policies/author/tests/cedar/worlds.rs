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
#[derive(Debug, Default)]
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
        for rule in plan.rules() {
            collect(&rule.when, &mut constants);
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
        let words: Vec<Box<str>> = known.map(|known| known.words.iter().cloned().collect()).unwrap_or_default();
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

/// What stands beside each attribute in a comparison.
fn collect(condition: &Condition, constants: &mut BTreeMap<Attribute, Constants>) {
    if let [left, right] = condition.parts() {
        for (one, other) in [(left, right), (right, left)] {
            if let Condition::Attribute(attribute) = one {
                let known = constants.entry(*attribute).or_default();
                match other {
                    Condition::Word(word) => drop(known.words.insert(word.clone())),
                    Condition::Words(words) => known.words.extend(words.iter().cloned()),
                    Condition::Long(number) => drop(known.longs.insert(*number)),
                    _ => {}
                }
            }
        }
    }
    condition.parts().iter().for_each(|part| collect(part, constants));
}
