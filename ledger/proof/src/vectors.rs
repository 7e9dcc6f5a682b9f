//! The frozen vectors of `tests/vectors/compliance-proof.json`, and how they are made.
//!
//! `GRANTBOOK_VECTORS=write cargo test -p grantbook-proof --lib vectors` writes them anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use grantbook_record::encoding::{from_base64url, to_base64url};
use grantbook_tlog::{Demands, LogKeys, Policy, SignatureKind, SigningKey};
use serde::{Deserialize, Serialize};

use crate::prove::SecretSums;
use crate::prove::cheating::cheat;
use crate::statement::{STATEMENTS, Statement};
use crate::world::{FIRST_DAY, POLICY, World, keys};
use crate::{Chain, ProofError, Report, StatementPolicy, story, verify_bundle};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/compliance-proof.json");

#[derive(Serialize, Deserialize)]
struct Vectors {
    statements: String,
    keys: String,
    policy: String,
    /// Verified one after another, where `follows` says so from the chain that the one named there left.
    valid: Vec<Valid>,
    invalid: Vec<Invalid>,
}

#[derive(Serialize, Deserialize)]
struct Valid {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    follows: Option<String>,
    bundle: String,
    report: Report,
}

/// A bundle, or another one's with some bytes replaced, and what else the verifier has.
#[derive(Serialize, Deserialize, Default)]
struct Invalid {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    bundle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    at: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    removed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    inserted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    follows: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    keys: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    witnesses: Option<String>,
    error: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    statement: Option<Statement>,
}

impl Vectors {
    fn bundle(&self, name: &str) -> Vec<u8> {
        let found = self.valid.iter().find(|valid| valid.name == name);
        from_base64url(&found.unwrap_or_else(|| panic!("no bundle {name}")).bundle).unwrap()
    }

    /// The chain after the named bundle and those before it.
    fn chain(&self, name: Option<&str>) -> Chain {
        let Some(name) = name else { return Chain::new() };
        let valid = self.valid.iter().find(|valid| valid.name == name).unwrap();
        let mut chain = self.chain(valid.follows.as_deref());
        self.verify(&self.bundle(name), &mut chain).unwrap();
        chain
    }

    fn verify(&self, bundle: &[u8], chain: &mut Chain) -> Result<Report, ProofError> {
        let policy = StatementPolicy::parse(self.policy.as_bytes()).unwrap();
        let keys = LogKeys::parse(&self.keys).unwrap();
        verify_bundle(bundle, &keys, &Demands::default(), &policy, chain)
    }

    fn refuse(&self, invalid: &Invalid) -> ProofError {
        let mut bundle = match (&invalid.bundle, &invalid.of) {
            (Some(bundle), None) => from_base64url(bundle).unwrap(),
            (None, Some(of)) => self.bundle(of),
            _ => panic!("{}: one of bundle and of", invalid.name),
        };
        if let Some(at) = invalid.at {
            let inserted = from_base64url(invalid.inserted.as_deref().unwrap_or_default()).unwrap();
            bundle.splice(at..at + invalid.removed.unwrap_or_default(), inserted);
        }
        let keys = LogKeys::parse(invalid.keys.as_deref().unwrap_or(&self.keys)).unwrap();
        let policy = invalid.policy.as_deref().unwrap_or(&self.policy);
        let policy = StatementPolicy::parse(policy.as_bytes()).unwrap();
        let witnesses = invalid.witnesses.as_deref().map(|text| Policy::parse(text.as_bytes()).unwrap());
        let demands = Demands { policy: witnesses, post_quantum: false };
        let mut chain = self.chain(invalid.follows.as_deref());
        let before = chain.to_json();
        let refused = verify_bundle(&bundle, &keys, &demands, &policy, &mut chain);
        assert_eq!(chain.to_json(), before, "{}", invalid.name);
        refused.err().unwrap_or_else(|| panic!("{} verifies", invalid.name))
    }
}

fn statement_of(error: &ProofError) -> Option<Statement> {
    match error {
        ProofError::Statement { statement, .. }
        | ProofError::Exception { statement, .. }
        | ProofError::Disclosure { statement, .. } => Some(*statement),
        _ => None,
    }
}

#[test]
fn valid_bundles_verify_and_invalid_ones_are_refused_for_the_stated_reason() {
    if std::env::var_os("GRANTBOOK_VECTORS").is_some_and(|asked| asked == "write") {
        let vectors = make();
        std::fs::write(PATH, serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
    }
    let text = std::fs::read_to_string(PATH).unwrap();
    assert!(text.len() < 600_000, "{} bytes", text.len());
    let vectors: Vectors = serde_json::from_str(&text).unwrap();
    assert_eq!(vectors.statements, STATEMENTS);
    for valid in &vectors.valid {
        let mut chain = vectors.chain(valid.follows.as_deref());
        let report = vectors.verify(&vectors.bundle(&valid.name), &mut chain).unwrap();
        assert_eq!(report, valid.report, "{}", valid.name);
    }
    for invalid in &vectors.invalid {
        let refused = vectors.refuse(invalid);
        assert_eq!(refused.code(), invalid.error, "{}: {refused}", invalid.name);
        assert_eq!(statement_of(&refused), invalid.statement, "{}: {refused}", invalid.name);
    }
}

fn make() -> Vectors {
    let mut vectors = Vectors {
        statements: STATEMENTS.to_owned(),
        keys: keys().to_string(),
        policy: POLICY.to_owned(),
        valid: Vec::new(),
        invalid: Vec::new(),
    };
    let none = BTreeSet::new();
    // a day with everything, one after it with everything excepted that can be, and one without entries
    let mut world = World::new();
    story::day(&mut world, 1, None);
    world.begin(FIRST_DAY + 1);
    let planted = [Statement::PayoutIsPrice, Statement::UseNotPaused, Statement::UsesWithinCap];
    for (number, statement) in (0..).zip(planted) {
        story::round(&mut world, number, &[statement]);
    }
    world.begin(FIRST_DAY + 2);
    world.foreign();
    let mut chain = Chain::new();
    let mut sums = SecretSums::default();
    for (day, name, follows) in
        [(0, "a day", None), (1, "exceptions", Some("a day")), (2, "nothing", Some("exceptions"))]
    {
        let day = FIRST_DAY + day;
        let exceptions = world.violations_after(day, &chain, &sums);
        let exceptions = exceptions.iter().map(|found| (found.leaf, found.statement)).collect();
        let made = world.prove(day, &chain, &sums, &exceptions).unwrap();
        (chain, sums) = (made.chain, made.sums);
        vectors.valid.push(Valid {
            name: name.to_owned(),
            follows: follows.map(str::to_owned),
            bundle: to_base64url(&made.bundle),
            report: made.report,
        });
    }
    let small = story::small();
    let made = small.prove(FIRST_DAY, &Chain::new(), &SecretSums::default(), &none).unwrap();
    vectors.valid.push(Valid {
        name: "small".to_owned(),
        follows: None,
        bundle: to_base64url(&made.bundle),
        report: made.report,
    });

    let mut invalid = mutations(&made.bundle);
    invalid.extend(replays());
    for statement in Statement::ALL {
        let mut world = World::new();
        story::day(&mut world, 1, Some((*statement, 0)));
        invalid.push(Invalid {
            name: format!("{} is not kept to", statement.name()),
            bundle: Some(to_base64url(&cheat(&world).swapped)),
            ..Invalid::default()
        });
    }
    for mut invalid in invalid {
        let refused = vectors.refuse(&invalid);
        invalid.error = refused.code().to_owned();
        invalid.statement = statement_of(&refused);
        vectors.invalid.push(invalid);
    }
    vectors
}

/// Each field changed, and parts swapped or left out.
fn mutations(bundle: &[u8]) -> Vec<Invalid> {
    // where fields of the small bundle stand: see the page
    let origin = 85;
    let day = origin + crate::world::ORIGIN.len();
    let keys = day + 2 + 32;
    let chain = keys + 32 + 16 * 32;
    let start = chain + 32;
    let end = start + 40;
    let frontier = end + 40;
    let entries = frontier + 2 * 32;
    let [given, paused, resumed, used] = [entries, entries + 247, entries + 366, entries + 485];
    let groups = used + 151;
    let links = groups + 2 + 6 + 5;
    let exceptions = links + 35 + 3 * 43;
    let disclosures = exceptions + 4;
    let proofs = disclosures + 1 + 2;
    let mut all = Vec::new();
    for (name, at) in [
        ("magic", 0),
        ("spec", 20),
        ("policy", 52),
        ("length of the origin", 84),
        ("origin", origin),
        ("day", day + 1),
        ("day key", day + 2),
        ("root of the day keys", keys),
        ("path of the day key", keys + 32),
        ("chain", chain),
        ("size of the start", start + 7),
        ("root of the start", start + 8),
        ("size of the end", end + 7),
        ("root of the end", end + 8),
        ("frontier", frontier),
        ("version of an entry", given),
        ("kind of an entry", paused + 1),
        ("class of an entry", used + 2),
        ("day of an entry", used + 6),
        ("tag of an entry", used + 7),
        ("commitment of an entry", used + 87),
        ("number of groups", groups + 1),
        ("number of a group", groups + 3),
        ("mode of a group", groups + 4),
        ("basis points of a group", groups + 6),
        ("cohort of a group", groups + 8),
        ("salt of a link", links),
        ("group of a link", links + 33),
        ("whether a link names", links + 34),
        ("what a link names", links + 35 + 42),
        ("number of exceptions", exceptions + 3),
        ("side of a pause", disclosures),
        ("month", disclosures + 2),
        ("version of a proof", proofs),
        ("kind of a proof", proofs + 1),
        ("point of a proof", proofs + 2),
        ("last byte of the first proof", proofs + 2 + 32 * 23 - 1),
        ("last byte", bundle.len() - 1),
    ] {
        all.push(Invalid {
            name: format!("{name} changed"),
            of: Some("small".to_owned()),
            at: Some(at),
            removed: Some(1),
            inserted: Some(to_base64url(&[bundle[at] ^ 1])),
            ..Invalid::default()
        });
    }
    let replaced = |name: &str, at: usize, removed: usize, inserted: &[u8]| Invalid {
        name: name.to_owned(),
        of: Some("small".to_owned()),
        at: Some(at),
        removed: Some(removed),
        inserted: Some(to_base64url(inserted)),
        ..Invalid::default()
    };
    let swapped = [&bundle[resumed..used], &bundle[paused..resumed]].concat();
    all.push(replaced("entries swapped", paused, used - paused, &swapped));
    all.push(replaced("an entry left out", paused, resumed - paused, &[]));
    all.push(replaced("a link left out", links, 35, &[]));
    all.push(replaced("links swapped", links + 35, 86, &{
        let at = links + 35;
        [&bundle[at + 43..at + 86], &bundle[at..at + 43]].concat()
    }));
    all.push(replaced("cut short", bundle.len() - 1, 1, &[]));
    all.push(replaced("a byte too many", bundle.len(), 0, &[0]));
    all.push(replaced("of nothing", 0, bundle.len(), &[]));
    // an exception that opens nothing that there is
    let exception = [&7_u64.to_be_bytes()[..], &[2], &[0; 40]].concat();
    all.push(replaced(
        "an exception that opens nothing",
        exceptions,
        4,
        &[&[0, 0, 0, 1], &exception[..]].concat(),
    ));
    all
}

/// Bundles that verify, given to a verifier who has something else.
fn replays() -> Vec<Invalid> {
    let replay = |name: &str, of: &str| Invalid {
        name: name.to_owned(),
        of: Some(of.to_owned()),
        ..Invalid::default()
    };
    let other_log = |origin: &str, seed: u8| {
        let log = SigningKey::from_seed(origin, SignatureKind::Ed25519, &[seed; 32]).unwrap();
        let clock = format!("{origin}/clock");
        let clock = SigningKey::from_seed(&clock, SignatureKind::Cosignature, &[0x22; 32]).unwrap();
        LogKeys::new(log.verifier_key().clone(), clock.verifier_key().clone()).unwrap().to_string()
    };
    let witness = SigningKey::from_seed("w.example", SignatureKind::Cosignature, &[9; 32]).unwrap();
    vec![
        Invalid { keys: Some(other_log("other.example", 0x11)), ..replay("another log", "small") },
        Invalid { keys: Some(other_log(crate::world::ORIGIN, 0x12)), ..replay("another key", "small") },
        Invalid { policy: Some(POLICY.replace("75", "74")), ..replay("another floor", "small") },
        Invalid {
            witnesses: Some(format!("witness w {}\nquorum w\n", witness.verifier_key())),
            ..replay("without witnesses", "small")
        },
        replay("the second day first", "exceptions"),
        Invalid { follows: Some("a day".to_owned()), ..replay("the same day again", "a day") },
        Invalid { follows: Some("a day".to_owned()), ..replay("a day left out", "nothing") },
        Invalid { follows: Some("small".to_owned()), ..replay("another enterprise's chain", "exceptions") },
    ]
}
