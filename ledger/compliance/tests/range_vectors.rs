//! The frozen vectors of `tests/vectors/range-proof.json`: range statements of every size around the chunks, made from
//! a fixed seed, and what is left of them when one thing is changed. `GRANTBOOK_GOLDEN=write` renews them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests panic when they fail")]

use grantbook_compliance::range::{Bits, RangeStatement, prove, verify};
use grantbook_compliance::{Commitment, Head, Opening, StatementContext, Term, commit_batch};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::{Value, json};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/range-proof.json");

/// One statement with its proof.
#[derive(Clone)]
struct Case {
    name: String,
    context: StatementContext<'static>,
    terms: Vec<Term>,
    bits: Bits,
    proof: Vec<u8>,
}

const CONTEXT: StatementContext<'static> = StatementContext {
    spec_hash: [1; 32],
    origin: "log.example/2026",
    start: Head { size: 1000, root: [2; 32] },
    end: Head { size: 2000, root: [3; 32] },
    statement: "range",
    policy_hash: [4; 32],
    bundle_digest: [5; 32],
};

impl Case {
    /// The values themselves, in the range.
    fn proved(name: &str, values: impl Iterator<Item = u64>, bits: Bits) -> Self {
        Self::about(name, values, bits, |commitments| commitments.iter().copied().map(Term::of).collect())
    }

    fn about(
        name: &str,
        values: impl Iterator<Item = u64>,
        bits: Bits,
        terms: impl Fn(&[Commitment]) -> Vec<Term>,
    ) -> Self {
        let rng = &mut ChaCha20Rng::seed_from_u64(5);
        let openings: Vec<Opening> = values.map(|value| Opening::random(value, rng)).collect();
        let commitments = commit_batch(&openings);
        let terms = terms(&commitments);
        let of =
            |wanted: &_| commitments.iter().position(|known| known == wanted).and_then(|at| openings.get(at));
        let opened: Vec<_> = terms.iter().map(|term| term.open(of).unwrap()).collect();
        let statement = RangeStatement { context: CONTEXT, terms: &terms, bits };
        let proof = prove(&statement, &opened, rng).unwrap();
        Self { name: name.to_owned(), context: CONTEXT, terms, bits, proof }
    }

    /// The same, with one thing changed.
    fn changed(&self, name: &str, change: impl FnOnce(&mut Self)) -> Self {
        let mut case = Self { name: name.to_owned(), ..self.clone() };
        change(&mut case);
        case
    }

    fn holds(&self) -> bool {
        let Self { context, terms, bits, .. } = self;
        verify(&RangeStatement { context: *context, terms, bits: *bits }, &self.proof).is_ok()
    }

    fn to_json(&self) -> Value {
        let head = |head: Head| json!({ "size": head.size.to_string(), "root": hex(&head.root) });
        let part = |(coefficient, commitment): &(i64, Commitment)| json!({ "coefficient": coefficient.to_string(), "commitment": hex(&commitment.0) });
        let term = |Term { parts, constant }: &Term| {
            let parts: Vec<_> = parts.iter().map(part).collect();
            json!({ "parts": parts, "constant": constant.to_string() })
        };
        json!({
            "name": self.name,
            "context": {
                "spec_hash": hex(&self.context.spec_hash),
                "origin": self.context.origin,
                "start": head(self.context.start),
                "end": head(self.context.end),
                "statement": self.context.statement,
                "policy_hash": hex(&self.context.policy_hash),
                "bundle_digest": hex(&self.context.bundle_digest),
            },
            "terms": self.terms.iter().map(term).collect::<Vec<_>>(),
            "bits": match self.bits { Bits::ThirtyTwo => 32, Bits::SixtyFour => 64 },
            "proof": hex(&self.proof),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from_digit(digit.into(), 16).unwrap()).collect()
}

/// Each commitment, and each less 80, as a floor asks.
fn above_80(commitments: &[Commitment]) -> Vec<Term> {
    let less = |shift: i64| {
        commitments.iter().map(move |commitment| Term { parts: vec![(1, *commitment)], constant: -shift })
    };
    less(0).chain(less(80)).collect()
}

fn valid() -> Vec<Case> {
    let narrow = |count: u64| {
        Case::proved(&format!("{count} values of 32 bits"), (0..count).map(|i| i * 7919), Bits::ThirtyTwo)
    };
    let mut cases: Vec<Case> = [1, 2, 3, 63, 64, 65, 127, 128, 129].map(narrow).into();
    let ends = [0, u64::from(u32::MAX)];
    cases.push(Case::proved("both ends of 32 bits", ends.into_iter(), Bits::ThirtyTwo));
    let wide = [0, 1, u64::MAX];
    cases.push(Case::proved("both ends of 64 bits", wide.into_iter(), Bits::SixtyFour));
    cases.push(Case::proved("65 values of 64 bits", (0..65).map(|i| i << 50), Bits::SixtyFour));
    cases.push(Case::about("33 values, and above 80", (80..113).rev(), Bits::ThirtyTwo, above_80));
    cases.push(Case::about(
        "a constant that leaves zero",
        [80, 81, 82].into_iter(),
        Bits::ThirtyTwo,
        above_80,
    ));
    cases.push(Case::about("coefficients", [30, 1_000_000, 3_000_000].into_iter(), Bits::SixtyFour, |c| {
        let parts = vec![(86_400, c[0]), (1, c[1]), (-1, c[2])];
        let all = vec![(i64::MIN, c[0]), (i64::MAX, c[0]), (2, c[0])];
        vec![
            Term { parts, constant: -7 },
            Term { parts: all, constant: 0 },
            Term { parts: vec![(0, c[0]), (1, c[1])], constant: i64::MAX },
        ]
    }));
    cases
}

/// The bytes of ℓ, little-endian, added to 32 bytes.
fn plus_order(bytes: &mut [u8]) {
    const ORDER: [u8; 16] =
        [0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14];
    let mut over = 0_u16;
    for (i, byte) in bytes.iter_mut().enumerate() {
        let order = ORDER.get(i).copied().unwrap_or(if i == 31 { 0x10 } else { 0 });
        let sum = u16::from(*byte) + u16::from(order) + over;
        [*byte, _] = sum.to_le_bytes();
        over = sum >> 8;
    }
}

/// What stands at each place of a proof of three values of 32 bits (padded to four: seven halvings).
fn parts() -> Vec<(String, usize)> {
    let first = ["A", "S", "T_1", "T_2", "t_x", "t_x_blinding", "e_blinding"].map(str::to_owned);
    let rounds = (1..=7).flat_map(|round| [format!("L of round {round}"), format!("R of round {round}")]);
    let names = first.into_iter().chain(rounds).chain(["a".to_owned(), "b".to_owned()]);
    names.enumerate().map(|(i, name)| (name, 2 + 32 * i)).collect()
}

fn invalid(valid: &[Case]) -> Vec<Case> {
    let case = |name: &str| valid.iter().find(|case| case.name == name).unwrap();
    let three = case("3 values of 32 bits");
    let two_chunks = case("128 values of 32 bits");
    let shifted = case("33 values, and above 80");
    let mut cases = Vec::new();
    for (part, at) in parts() {
        let swap = |case: &mut Case| {
            // of another proof, so that it is well-formed
            case.proof[at..at + 32].copy_from_slice(&two_chunks.proof[at..at + 32]);
        };
        cases.push(three.changed(&format!("{part} of another proof"), swap));
        let is_scalar = (2 + 32 * 4..2 + 32 * 7).contains(&at) || at >= 2 + 32 * 21;
        if is_scalar {
            cases.push(
                three.changed(&format!("{part} not reduced"), |c| plus_order(&mut c.proof[at..at + 32])),
            );
            cases.push(three.changed(&format!("{part} zero"), |c| c.proof[at..at + 32].fill(0)));
        } else {
            cases.push(three.changed(&format!("{part} the identity"), |c| c.proof[at..at + 32].fill(0)));
            cases.push(three.changed(&format!("{part} no point"), |c| c.proof[at..at + 32].fill(0xff)));
        }
    }
    let mut add = |base: &Case, name: &str, change: fn(&mut Case)| cases.push(base.changed(name, change));
    add(three, "version 2", |c| c.proof[0] = 2);
    add(three, "kind 2", |c| c.proof[1] = 2);
    add(three, "a byte missing", |c| c.proof.truncate(c.proof.len() - 1));
    add(three, "a byte too many", |c| c.proof.push(0));
    add(three, "no proof", |c| c.proof.clear());
    add(three, "no term", |c| c.terms.clear());
    add(three, "another constant", |c| c.terms[2].constant = 1);
    add(three, "another coefficient", |c| c.terms[1].parts[0].0 = 2);
    add(three, "another sign", |c| c.terms[1].parts[0].0 = -1);
    add(three, "a part of no effect", |c| {
        let part = (0, c.terms[0].parts[0].1);
        c.terms[0].parts.push(part);
    });
    add(three, "a part in two", |c| {
        let commitment = c.terms[1].parts[0].1;
        c.terms[1].parts = vec![(2, commitment), (-1, commitment)];
    });
    add(three, "a term that is the identity", |c| {
        let commitment = c.terms[1].parts[0].1;
        c.terms[1].parts = vec![(1, commitment), (-1, commitment)];
    });
    add(three, "another range", |c| c.bits = Bits::SixtyFour);
    add(three, "a term missing", |c| c.terms.truncate(2));
    add(three, "a term twice", |c| c.terms.push(c.terms[0].clone()));
    add(three, "two terms swapped", |c| c.terms.swap(0, 1));
    add(three, "another commitment", |c| c.terms[1] = c.terms[0].clone());
    add(three, "a commitment that is no point", |c| c.terms[1] = Term::of(Commitment([0xff; 32])));
    add(three, "a commitment that is the identity", |c| c.terms[1] = Term::of(Commitment([0; 32])));
    add(three, "another specification", |c| c.context.spec_hash[0] ^= 1);
    add(three, "another origin", |c| c.context.origin = "log.example/2027");
    add(three, "another start size", |c| c.context.start.size += 1);
    add(three, "another start root", |c| c.context.start.root[31] ^= 1);
    add(three, "another end size", |c| c.context.end.size += 1);
    add(three, "another end root", |c| c.context.end.root[31] ^= 1);
    add(three, "another statement", |c| c.context.statement = "ranges");
    add(three, "another policy", |c| c.context.policy_hash[0] ^= 1);
    add(three, "another bundle", |c| c.context.bundle_digest[0] ^= 1);
    add(two_chunks, "two chunks swapped", |c| c.proof[2..].rotate_left(992));
    add(two_chunks, "the first chunk twice", |c| c.proof.copy_within(2..994, 994));
    add(shifted, "the halves swapped", |c| c.terms.rotate_left(33));
    add(shifted, "one half", |c| c.terms.truncate(33));
    cases
}

#[test]
fn the_frozen_range_statements_are_those_of_the_seed() {
    let valid = valid();
    let invalid = invalid(&valid);
    for case in &valid {
        assert!(case.holds(), "{}", case.name);
    }
    for case in &invalid {
        assert!(!case.holds(), "{}", case.name);
    }
    assert!(invalid.len() >= valid.len());
    let got = json!({
        "about": "Frozen vectors of docs/spec/commitment.md, \"Range\": statements with proofs that hold, and that do not.",
        "valid": valid.iter().map(Case::to_json).collect::<Vec<_>>(),
        "invalid": invalid.iter().map(Case::to_json).collect::<Vec<_>>(),
    });
    if std::env::var("GRANTBOOK_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::write(PATH, format!("{}\n", serde_json::to_string_pretty(&got).unwrap())).unwrap();
    }
    let frozen: Value = serde_json::from_str(&std::fs::read_to_string(PATH).unwrap()).unwrap();
    assert!(
        frozen == got,
        "tests/vectors/range-proof.json differs; look at the change, then run with GRANTBOOK_GOLDEN=write"
    );
}
