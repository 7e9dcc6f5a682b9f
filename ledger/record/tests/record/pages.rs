//! The examples in the pages `docs/spec/*.md`. A fenced block whose info string ends in `example=<name>` holds what
//! the code makes under that name, so that no page can go stale.

use std::path::PathBuf;

use grantbook_record::audit;
use grantbook_record::entry::HEADER_BYTES;
use grantbook_record::state_proof::GrantStatus;
use grantbook_record::{Class, Kind, RecoveryCode};
use rand_core::SeedableRng as _;

use crate::ledger::{GRANT_AT, Ledger, STATE_ROOTS_AT, USES_AT, WITHDRAWN_AT, log_keys, nonces};
use crate::map;
use crate::passkey;
use crate::story::{self, SAMPLES, sample};

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn path(format: &str) -> PathBuf {
    root().join(format!("docs/spec/{format}.md"))
}

/// The text of the example `name`, with a line feed at its end.
pub(crate) fn example(name: &str) -> String {
    let log = Ledger::story();
    let pretty = |json: &[u8]| {
        // keeps the members' order, which a detour over a map would lose
        let mut out = Vec::new();
        let mut from = serde_json::Deserializer::from_slice(json);
        let mut to = serde_json::Serializer::pretty(&mut out);
        let value = Ordered::read(&mut from);
        serde::Serialize::serialize(&value, &mut to).unwrap();
        String::from_utf8(out).unwrap()
    };
    let text = match name {
        "kinds" => kinds(),
        "classes" => classes(),
        "recovery-code" => recovery_code(),
        "envelope-header" => decoded(&sample(Kind::GrantWithdrawn).envelope()[4..], 0),
        "envelope-payload" => decoded(&sample(Kind::GrantWithdrawn).envelope()[4..], 1),
        "envelope" => {
            let bytes = sample(Kind::GrantWithdrawn).envelope();
            let [a, b, c, d] = bytes[..4] else { unreachable!("a length of four bytes") };
            format!(
                "{a:02x} {b:02x} {c:02x} {d:02x}  {}",
                String::from_utf8_lossy(&bytes[4..]).replace('.', "\n             .")
            )
        }
        "attachment" => pretty(&passkey::attachments(&[passkey::first()]).to_json()),
        "client-data" => passkey::client_data(passkey::envelope().first_jws()) + "\n",
        "entry" => entry(&log.items[usize::try_from(WITHDRAWN_AT).unwrap()].entry),
        "use-record" => pretty(&story::record(story::FIRST).to_json()),
        "use-head" => pretty(decoded(story::batch().head.as_bytes(), 1).as_bytes()),
        "use-batch" => pretty(&serde_json::to_vec(&story::batch()).unwrap()),
        "audit-request" => pretty(&log.audit().to_json()),
        "audit-draw" => audit_draw(&log),
        "lease-release" => pretty(&story::release().to_json()),
        "receipt" => pretty(&log.receipt(WITHDRAWN_AT).to_json()),
        "receipt-of-a-use" => pretty(&log.receipt(USES_AT).to_json()),
        "proof" => log.receipt(GRANT_AT).proof,
        "log-keys" => log_keys().to_string(),
        "state-proof" => pretty(&Ledger::with_state_roots().state_proof(STATE_ROOTS_AT + 2).to_json()),
        "state-proof-derived" => state_proof_derived(),
        "licence" => pretty(&serde_json::to_vec(&story::licence()).unwrap()),
        "frame" => pretty(&log.feed().0.last().unwrap().to_json()),
        "archive-header" => pretty(&log.archive(&[GRANT_AT, USES_AT])[0]),
        "archive-record" => pretty(&log.archive(&[GRANT_AT, USES_AT])[2]),
        "archive-end" => pretty(log.archive(&[GRANT_AT, USES_AT]).last().unwrap()),
        "head" => log.heads(&nonces())[0].head.clone(),
        "signed-head" => pretty(&log.heads(&nonces())[0].to_json()),
        kind => {
            let kind = SAMPLES.iter().find(|known| known.name() == kind);
            sample(*kind.unwrap_or_else(|| panic!("no example {name}"))).pretty
        }
    };
    text.trim_end_matches('\n').to_owned() + "\n"
}

/// How the story's audit comes to its entries.
fn audit_draw(log: &Ledger) -> String {
    let (checkpoint, request) = (log.checkpoint(), log.audit());
    let (_, note) = grantbook_tlog::Checkpoint::parse_note(checkpoint.as_bytes()).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let seed = audit::seed(note.text(), request.nonce());
    let mut text = format!("nonce      {}\nseed       {}\n", hex(&request.nonce().0), hex(&seed.0));
    let drawn = request.draw().unwrap();
    let (mut i, mut at) = (0_u64, 0);
    while at < drawn.len() {
        let candidate = audit::candidate(&seed, i);
        let index = candidate % log.range.size().0;
        let is_new = drawn[at].0 == index;
        let marks = if is_new { "" } else { "  drawn already" };
        text = format!("{text}candidate  {}  {index}{marks}\n", hex(&candidate.to_be_bytes()));
        at += usize::from(is_new);
        i += 1;
    }
    text
}

/// The decoded segment `at` of a compact JWS.
fn decoded(jws: &[u8], at: usize) -> String {
    let segment = std::str::from_utf8(jws).unwrap().split('.').nth(at).unwrap();
    String::from_utf8(grantbook_record::encoding::from_base64url(segment).unwrap()).unwrap()
}

fn entry(bytes: &[u8]) -> String {
    let fields = [
        ("version", 1),
        ("kind", 1),
        ("class", 1),
        ("currency", 2),
        ("day", 2),
        ("tag", 16),
        ("digest", 32),
        ("link", 32),
        ("time", 32),
    ];
    let (mut text, mut at) = (String::new(), 0);
    for (name, size) in fields {
        let field = &bytes[at..at + size];
        let hex = field.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        text = format!("{text}{at:>3} {name:<9}{hex}\n");
        at += size;
    }
    assert_eq!((at, HEADER_BYTES), (bytes.len(), bytes.len() - 32));
    text
}

/// Key and value of the story's customer, and root of the map.
fn state_proof_derived() -> String {
    let salt = story::salt("entry 0");
    let states = map::states(GrantStatus::Withdrawn, WITHDRAWN_AT);
    let lines = [
        ("enrolment salt", salt.0),
        ("thumbprint", story::customer().thumbprint().0),
        ("key", map::customers_key().0),
        ("value", states.value(&salt)),
        ("root", map::root(&map::leaves(Some(&states)))),
    ];
    lines.map(|(name, bytes)| format!("{name:<15} {bytes:?}")).join("\n")
}

fn recovery_code() -> String {
    let code = RecoveryCode::random(&mut rand_chacha::ChaCha20Rng::from_seed([7; 32]));
    let key = code.signer(story::tenant()).unwrap();
    format!(
        "code          {}\ntenant        {}\nrecovery key  {}\n",
        *code.reveal(),
        story::tenant(),
        key.thumbprint()
    )
}

fn kinds() -> String {
    Kind::ALL
        .iter()
        .map(|kind| {
            let classes: Vec<String> =
                Class::allowed(*kind).iter().map(|class| class.number().to_string()).collect();
            let mut marks = vec![];
            marks.extend(kind.is_critical().then_some("critical"));
            marks.extend(kind.is_fed().then_some("fed"));
            marks.extend(kind.needs_link().then_some("linked"));
            let line = format!(
                "{:>3} {:<24}class {:<5}{}",
                kind.number(),
                kind.name(),
                classes.join(","),
                marks.join(" ")
            );
            line.trim_end().to_owned() + "\n"
        })
        .collect()
}

fn classes() -> String {
    Class::ALL
        .iter()
        .map(|class| {
            let names: Vec<&str> = class.quantities().iter().map(|quantity| quantity.name()).collect();
            let size = grantbook_record::Entry::size(*class);
            format!("{} {size:>3} bytes  {}", class.number(), names.join(", ")).trim_end().to_owned() + "\n"
        })
        .collect()
}

/// JSON with its members in the order of the text.
enum Ordered {
    List(Vec<Ordered>),
    Object(Vec<(String, Ordered)>),
    Other(serde_json::Value),
}

impl Ordered {
    fn read(from: &mut serde_json::Deserializer<serde_json::de::SliceRead<'_>>) -> Self {
        serde::Deserialize::deserialize(from).unwrap()
    }
}

impl serde::Serialize for Ordered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => {
                serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
            }
            Self::Other(value) => value.serialize(serializer),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Ordered {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Ordered;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("JSON")
            }
            fn visit_u64<E>(self, value: u64) -> Result<Ordered, E> {
                Ok(Ordered::Other(value.into()))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Ordered, E> {
                Ok(Ordered::Other(value.into()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Ordered, E> {
                Ok(Ordered::Other(value.into()))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut from: A) -> Result<Ordered, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = from.next_element()? {
                    items.push(item);
                }
                Ok(Ordered::List(items))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut from: A) -> Result<Ordered, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = from.next_entry()? {
                    members.push(member);
                }
                Ok(Ordered::Object(members))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The page with every example as the code makes it now.
pub(crate) fn refreshed(page: &str) -> String {
    let (mut out, mut lines) = (String::new(), page.split_inclusive('\n'));
    while let Some(line) = lines.next() {
        out.push_str(line);
        let Some((_, name)) =
            line.strip_prefix("```").and_then(|info| info.trim_end().split_once("example="))
        else {
            continue;
        };
        out.push_str(&example(name));
        if let Some(end) = lines.by_ref().find(|line| line.starts_with("```")) {
            out.push_str(end);
        }
    }
    out
}

/// Rewrites the examples of a page, where there is a page.
pub(crate) fn refresh(format: &str) {
    if let Ok(page) = std::fs::read_to_string(path(format)) {
        std::fs::write(path(format), refreshed(&page)).unwrap();
    }
}
