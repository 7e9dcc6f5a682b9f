//! Cases of entries, receipts, frames and heads.

use grantbook_record::class::Class;
use grantbook_record::encoding::{Base64Bytes, Bytes32, to_base64url};
use grantbook_record::entry::{self, LinkTarget};
use grantbook_record::feed::About;
use grantbook_record::receipt::{Content, WireOpening};
use grantbook_record::uses::{self, UseBatch};
use grantbook_record::{Kind, Receipt};
use grantbook_tlog::{LeafIndex, TlogProof};
use serde_json::{Value, json};

use crate::cases::{Case, edited, with};
use crate::ledger::{
    GRANT_AT, Ledger, USES_AT, WITHDRAWN_AT, clock_signer, log_key, log_keys, nonces, tag_key,
};
use crate::story::{self, NOW, ORIGIN, gate, salt, signer, tenant};

pub(crate) fn entries() -> Vec<Case> {
    let log = Ledger::story();
    let of = |leaf_index: u64| log.items[usize::try_from(leaf_index).unwrap()].entry.clone();
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    for (leaf_index, what) in [
        (0, "key.enrolled"),
        (GRANT_AT, "grant.given"),
        (USES_AT, "use.recorded"),
        (USES_AT + 2, "use.denied"),
        (WITHDRAWN_AT, "grant.withdrawn"),
    ] {
        cases.push((what.to_owned(), of(leaf_index)));
    }
    for (kind, class) in [
        (Kind::GrantAmended, Class::TermsWithBirthDay),
        (Kind::PayoutAccrued, Class::Accrual),
        (Kind::SettlementPosted, Class::Settlement),
        (Kind::StateRoot, Class::Plain),
    ] {
        let mut bytes = of(GRANT_AT)[..entry::HEADER_BYTES].to_vec();
        (bytes[1], bytes[2]) = (kind.number(), class.number());
        bytes.resize(grantbook_record::Entry::size(class), 0x55);
        cases.push((format!("{kind} of class {}", class.number()), bytes));
    }
    let good = of(WITHDRAWN_AT);
    let changed = |at: usize, to: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let bad = [
        ("nothing", vec![]),
        ("the version alone", good[..1].to_vec()),
        ("a header without its last byte", good[..86].to_vec()),
        ("no commitment where there must be one", good[..87].to_vec()),
        ("a commitment without its last byte", good[..118].to_vec()),
        ("a byte after the end", [good.as_slice(), &[0]].concat()),
        ("a commitment too many", [good.as_slice(), &good[87..]].concat()),
        ("version 0", changed(0, &[0])),
        ("version 2", changed(0, &[2])),
        ("kind 0", changed(1, &[0])),
        ("kind 255", changed(1, &[255])),
        ("class 7", changed(2, &[7])),
        ("a class that the kind may not have", changed(2, &[Class::Use.number()])),
        ("currency 1", changed(3, &[0, 1])),
    ];
    cases.extend(bad.map(|(name, bytes)| (name.to_owned(), bytes)));
    cases.into_iter().map(|(name, bytes)| (name, json!({ "entry": to_base64url(&bytes) }))).collect()
}

/// Digests, links, tags and day keys, with what they are made of.
pub(crate) fn derived() -> Value {
    let (first, second, record) = (salt("first"), salt("second"), Bytes32::sha256(b"record"));
    let target = Ledger::story().target(GRANT_AT);
    let day_key = tag_key().day_key(NOW.day());
    json!({
        "digest": {
            "salt": first,
            "record_sha256": record,
            "digest": entry::digest(&first, &record, None),
        },
        "digest_with_attachments": {
            "salt": first,
            "record_sha256": record,
            "attachments_salt": second,
            "attachments": to_base64url(b"attachments"),
            "digest": entry::digest(&first, &record, Some(entry::a32(&second, b"attachments"))),
        },
        "link": {
            "salt": first, "group": 258, "target": target,
            "link": entry::link(&first, 258, &target),
        },
        "link_to_nothing": {
            "salt": first, "group": 258, "target": LinkTarget::NONE,
            "link": entry::link(&first, 258, &LinkTarget::NONE),
        },
        "tag": {
            "tag_key": to_base64url(&[0x33; 32]),
            "day": NOW.day(),
            "day_key": Bytes32(day_key.to_bytes()),
            "origin": ORIGIN,
            "leaf_index": 258,
            "tag": to_base64url(&day_key.tag(ORIGIN, LeafIndex(258))),
        },
    })
}

fn input(receipt: &Receipt) -> Value {
    json!({ "receipt": String::from_utf8(receipt.to_json()).unwrap() })
}

pub(crate) fn receipts() -> Vec<Case> {
    let log = Ledger::story();
    let of = |leaf_index: u64| log.receipt(leaf_index);
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |name: &str, receipt: Receipt| cases.push((name.to_owned(), input(&receipt)));
    add("key.enrolled, with two signatures", of(0));
    add("grant.given, with five openings", of(GRANT_AT));
    add("use.recorded", of(USES_AT));
    add("use.denied", of(USES_AT + 2));
    add("grant.withdrawn", of(WITHDRAWN_AT));

    let good = of(WITHDRAWN_AT);
    let edit_proof = |from: &str, to: &str| Receipt { proof: with(&good.proof, from, to), ..good.clone() };
    add("another version", Receipt { v: 2, ..good.clone() });
    add("proof without its header", edit_proof("c2sp.org/tlog-proof@v1\n", ""));
    add("proof with extra data", edit_proof("index", "extra AA==\nindex"));
    add("proof of another index", edit_proof("index 7", "index 6"));
    add("proof of an index past the end", edit_proof("index 7", "index 8"));
    let proof = TlogProof::parse(good.proof.as_bytes()).unwrap();
    let shorter =
        TlogProof::new(None, proof.index(), proof.hashes()[1..].to_vec(), proof.checkpoint()).unwrap();
    add("proof with a hash missing", Receipt { proof: shorter.to_string(), ..good.clone() });
    add(
        "checkpoint of another origin",
        edit_proof("\ngrantbook.example/sandbox\n", "\ngrantbook.example/other\n"),
    );
    add("checkpoint of another size", edit_proof("\n8\n", "\n9\n"));
    let clock_line = good.proof.lines().last().unwrap();
    add("checkpoint without the clock's line", edit_proof(&format!("{clock_line}\n"), ""));
    add(
        "checkpoint with a line by a key that is not pinned, which vouches for nothing",
        Receipt { proof: format!("{}— witness.example/w AAAAAAAA\n", good.proof), ..good.clone() },
    );
    add("entry of another place", Receipt { entry: of(0).entry, ..good.clone() });
    add("another salt", Receipt { salt: salt("other"), ..good.clone() });
    let mut link = good.link.clone();
    link.group = 2;
    add("link of another group", Receipt { link, ..good.clone() });
    add("link where there is none", Receipt { link: good.link.clone(), ..of(0) });
    add("content of another entry", Receipt { content: of(GRANT_AT).content, ..good.clone() });
    add("a use in place of an event", Receipt { content: of(USES_AT).content, ..good.clone() });
    let Content::Event(event) = good.content.clone() else { panic!("an event") };
    let mut other_key = event.clone();
    other_key.keys = vec![*signer(9).public_key()];
    add("key that did not sign", Receipt { content: Content::Event(other_key), ..good.clone() });
    let mut further = event.clone();
    further.keys.push(*signer(9).public_key());
    add("key too many", Receipt { content: Content::Event(further), ..good.clone() });
    let openings = good.openings.clone();
    let value = WireOpening { value: openings[0].value + 1, ..openings[0].clone() };
    add("opening of another value", Receipt { openings: vec![value], ..good.clone() });
    let blinding = WireOpening { blinding: Bytes32([0xff; 32]), ..openings[0].clone() };
    add("blinding not reduced", Receipt { openings: vec![blinding], ..good.clone() });
    add("opening missing", Receipt { openings: vec![], ..good.clone() });
    for (name, edit) in use_edits() {
        let mut receipt = of(USES_AT);
        let Content::Use(content) = &mut receipt.content else { panic!("a use") };
        edit(content);
        add(name, receipt);
    }
    for (name, receipt) in forged() {
        add(name, receipt);
    }
    let text = |receipt: &Receipt| input(receipt)["receipt"].as_str().unwrap().to_owned();
    cases.push(("a final line feed".to_owned(), json!({ "receipt": text(&good) + "\n" })));
    cases.push(("two final line feeds".to_owned(), json!({ "receipt": text(&good) + "\n\n" })));
    cases.extend(edited(
        &input(&good),
        "receipt",
        &[
            ("a space", "\"v\":1,", "\"v\":1, "),
            ("an escape", "\"content\"", "\"\\u0063ontent\""),
            ("unknown member", "\"v\":1,", "\"v\":1,\"x\":1,"),
            ("null in place of an absent member", "\"v\":1,", "\"v\":1,\"link\":null,"),
            ("entry of a byte more", "\",\"salt\"", "A\",\"salt\""),
        ],
    ));
    cases
}

type UseEdit = fn(&mut grantbook_record::receipt::UseContent);

fn use_edits() -> Vec<(&'static str, UseEdit)> {
    vec![
        ("use: another record", |content| {
            content.record = with(&content.record, "energy_kwh", "duration_min");
        }),
        ("use: a path of another place", |content| content.path.reverse()),
        ("use: a path without its last hash", |content| {
            content.path.pop();
        }),
        ("use: key that did not sign", |content| content.key = *signer(9).public_key()),
        ("use: head signed by another gate", |content| {
            let parsed = UseBatch::from_wire(story::batch()).unwrap();
            content.head = grantbook_record::jws::sign(uses::BATCH_TYP, &parsed.claims.to_json(), &signer(9));
        }),
        ("use: head that counts from another sequence number", |content| {
            let mut claims = UseBatch::from_wire(story::batch()).unwrap().claims;
            claims.event.first += 1;
            content.head = grantbook_record::jws::sign(uses::BATCH_TYP, &claims.to_json(), &gate());
        }),
    ]
}

/// Receipts of entries that a faulty or lying ledger put on its log.
fn forged() -> Vec<(&'static str, Receipt)> {
    let on_log = |leaf_index: u64, edit: &dyn Fn(&mut Vec<u8>, &mut Receipt)| {
        let honest = Ledger::story().receipt(leaf_index);
        let (mut entry, mut receipt) = (honest.entry.0.clone(), honest);
        edit(&mut entry, &mut receipt);
        Receipt { proof: Ledger::alone(&entry), entry: Base64Bytes(entry), ..receipt }
    };
    vec![
        ("forged: an entry that is none", on_log(0, &|entry, _| entry[0] = 9)),
        ("forged: another kind", on_log(0, &|entry, _| entry[1] = Kind::KeyRevoked.number())),
        (
            "forged: two days after the checkpoint's",
            on_log(0, &|entry, _| {
                entry[5..7].copy_from_slice(&(NOW.day().0 + 2).to_be_bytes());
            }),
        ),
        (
            "forged: another currency than the terms have",
            on_log(GRANT_AT, &|entry, _| {
                entry[3..5].copy_from_slice(&840_u16.to_be_bytes());
            }),
        ),
        (
            "forged: another class than the terms have",
            on_log(GRANT_AT, &|entry, receipt| {
                entry[2] = Class::TermsWithBirthDay.number();
                let again: Vec<u8> = entry[87..119].to_vec();
                entry.extend(again);
                receipt.openings.push(receipt.openings[0].clone());
            }),
        ),
        (
            "forged: commitments to other terms",
            on_log(GRANT_AT, &|entry, receipt| {
                let (start, end) = (entry[87..119].to_vec(), entry[119..151].to_vec());
                entry[87..119].copy_from_slice(&end);
                entry[119..151].copy_from_slice(&start);
                receipt.openings.swap(0, 1);
            }),
        ),
        (
            "forged: a withdrawal that names no grant",
            on_log(WITHDRAWN_AT, &|entry, receipt| {
                let link = &mut receipt.link;
                link.target = LinkTarget::NONE;
                entry[55..87].copy_from_slice(&entry::link(&link.salt, link.group, &link.target).0);
            }),
        ),
    ]
}

/// The chain's values from its start over the story's frames.
pub(crate) fn chains() -> Value {
    let (frames, chains) = Ledger::story().feed();
    let after: Vec<Value> = frames
        .iter()
        .map(|frame| {
            let logged = frame.receipt.verify_logged(&log_keys()).unwrap();
            json!({
                "seq": frame.seq,
                "leaf_index": logged.leaf_index.0,
                "leaf_hash": Bytes32(logged.leaf_hash.0),
                "chain": frame.chain,
            })
        })
        .collect();
    json!({ "origin": ORIGIN, "tenant": tenant().to_string(), "start": chains[0].value, "after": after })
}

pub(crate) fn frames() -> Vec<Case> {
    let (frames, chains) = Ledger::story().feed();
    let input = |frame: &grantbook_record::feed::Frame, at: usize| {
        json!({
            "position": chains[at].position,
            "chain": chains[at].value,
            "frame": String::from_utf8(frame.to_json()).unwrap(),
        })
    };
    let mut cases: Vec<Case> =
        (0..frames.len()).map(|at| (format!("frame {at}"), input(&frames[at], at))).collect();
    let last = frames.len() - 1;
    let mut add = |name: &str, input: Value| cases.push((name.to_owned(), input));
    add("a frame left out", input(&frames[2], 1));
    add("a frame again", input(&frames[0], 1));
    let mut renumbered = frames[2].clone();
    renumbered.seq = frames[1].seq;
    add("a frame left out, the next renumbered", input(&renumbered, 1));
    let mut about = frames[last].clone();
    about.about = About::Tenant;
    add("a withdrawal said to be about the tenant", input(&about, last));
    let mut chain = frames[last].clone();
    chain.chain = frames[0].chain;
    add("another value of the chain", input(&chain, last));
    let mut receipt = frames[last].clone();
    receipt.receipt.salt = salt("other");
    add("a receipt that does not verify", input(&receipt, last));
    let mut of_use = frames[last].clone();
    of_use.receipt = Ledger::story().receipt(USES_AT);
    let logged = of_use.receipt.verify_logged(&log_keys()).unwrap();
    of_use.chain = chains[last].next(logged.leaf_index.0, &logged.leaf_hash).value;
    add("a use in place of an event", input(&of_use, last));
    cases.extend(edited(
        &input(&frames[last], last),
        "frame",
        &[
            ("a space", "{\"seq\"", "{ \"seq\""),
            ("unknown member", "{\"seq\"", "{\"x\":1,\"seq\""),
            ("about with two members", "\"about\":{", "\"about\":{\"tenant\":null,"),
        ],
    ));
    cases
}

pub(crate) fn heads() -> Vec<Case> {
    let log = Ledger::story();
    let nonces = nonces();
    let signed = log.heads(&nonces);
    let input = |head: &grantbook_record::head::SignedHead, nonce: &[u8; 32]| json!({ "nonce": Bytes32(*nonce), "signed_head": String::from_utf8(head.to_json()).unwrap() });
    let mut cases: Vec<Case> =
        (0..3).map(|at| (format!("nonce {at} of 3"), input(&signed[at], &nonces[at]))).collect();
    cases.push(("the only nonce".to_owned(), input(&log.heads(&nonces[..1])[0], &nonces[0])));
    let mut add = |name: &str, head: &grantbook_record::head::SignedHead, nonce: &[u8; 32]| {
        cases.push((name.to_owned(), input(head, nonce)));
    };
    add("another's nonce", &signed[0], &nonces[1]);
    add("a nonce that was not sent", &signed[0], &[9; 32]);
    let mut place = signed[0].clone();
    place.nonce_index = 1;
    add("the nonce at another place", &place, &nonces[0]);
    let mut path = signed[0].clone();
    path.nonce_path.pop();
    add("a hash missing", &path, &nonces[0]);
    let mut edited_text = signed[0].clone();
    edited_text.head = with(&edited_text.head, "size 8", "size 9");
    add("another size", &edited_text, &nonces[0]);
    let mut short = signed[0].clone();
    short.signature.0.pop();
    add("a signature of 63 bytes", &short, &nonces[0]);
    // what follows is signed by the clock
    for (name, from, to) in [
        ("signed: another label", "grantbook-head/v1", "grantbook-head/v2"),
        ("signed: something after the label", "grantbook-head/v1", "grantbook-head/v1 "),
        ("signed: another origin", "origin grantbook.example/sandbox", "origin grantbook.example/other"),
        ("signed: another tenant", "tenant 07070707", "tenant 07070708"),
        ("signed: no origin", "origin grantbook.example/sandbox\n", ""),
        (
            "signed: a tenant in upper case",
            "tenant 07070707-0707-4707-8707-070707070707",
            "tenant A7070707-0707-4707-8707-070707070707",
        ),
        ("signed: a size with a leading zero", "size 8", "size 08"),
        ("signed: a size with a sign", "size 8", "size +8"),
        ("signed: a size of 2^64", "size 8", "size 18446744073709551616"),
        ("signed: a root without padding", "=\nfeed", "\nfeed"),
        ("signed: a feed without chain", "feed 5 ", "feed 5\u{a0}"),
        ("signed: a time before 1970", "time ", "time -"),
        ("signed: a further line", "nonces ", "note x\nnonces "),
        ("signed: no line feed at the end", "=\n\u{0}", "=\u{0}"),
        ("signed: an empty line at the end", "\u{0}", "\n"),
        ("signed: more than 1024 bytes", "\u{0}", &"x".repeat(1024)),
    ] {
        let mut head = signed[0].clone();
        // a mark stands for the end of the text
        head.head = with(&(head.head + "\u{0}"), from, to).replace('\u{0}', "");
        head.signature = Base64Bytes(clock_signer().sign(head.head.as_bytes()).to_vec());
        add(name, &head, &nonces[0]);
    }
    let mut by_log = signed[0].clone();
    let note = log_key().sign(&by_log.head).unwrap();
    by_log.signature = Base64Bytes(note.bytes().to_vec());
    add("signed by the log's key", &by_log, &nonces[0]);
    cases.extend(edited(
        &input(&signed[0], &nonces[0]),
        "signed_head",
        &[
            ("unknown member", "{\"head\"", "{\"x\":1,\"head\""),
            ("a head as an array", "{\"head\":", "[{\"head\":"),
        ],
    ));
    cases.push((
        "more than 8192 bytes".to_owned(),
        json!({
            "nonce": Bytes32(nonces[0]),
            "signed_head": String::from_utf8(signed[0].to_json()).unwrap() + &" ".repeat(8192),
        }),
    ));
    cases
}
