//! `export --evidence`: all about one grant, in plain words, with what anybody needs to check each of them offline.
//!
//! Everything that is printed was verified first: it is read from receipts, not from the ledger's state.

mod page;
pub(super) mod words;

use std::path::{Path, PathBuf};

use grantbook_engine::{Ledger, ReadError};
use grantbook_record::archive::{Reader, VerifiedRecord};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Acknowledger, Evidence, Revoker};
use grantbook_record::receipt::{Content, VerifiedContent};
use grantbook_record::{Event, Jti, PublicKey, SubjectId, TenantId, Terms};
use grantbook_tlog::LeafIndex;
use serde_json::json;

use super::failure::Failure;
use super::files;
use super::output::{Output, Verdict};
use page::Page;

/// A record as it matters here.
struct Item {
    record: VerifiedRecord,
    /// The receipt as it is issued.
    receipt: Vec<u8>,
}

pub(super) fn run(
    ledger: &Ledger,
    tenant: TenantId,
    grant: Jti,
    to: Option<&Path>,
    output: Output,
) -> Result<Verdict, Failure> {
    let sub = subject(ledger, tenant, grant)?;
    let items = items(ledger, tenant, &sub, grant)?;
    let page = describe(ledger, tenant, grant, &sub, &items, to);
    let Some(to) = to else {
        output.say(page.text());
        output.result(&json!({ "grant": grant, "records": items.len(), "text": page.text() }));
        return Ok(Verdict::Yes);
    };
    let html = to.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"));
    let receipts = receipts_folder(to);
    if receipts.exists() {
        let folder = receipts.display();
        return Err(Failure::Input(format!("{folder}: is there already, expected a new folder")));
    }
    files::make_folder(&receipts)?;
    files::write_new(&receipts.join("vkey"), ledger.log_keys().to_string().as_bytes())?;
    for Item { record, receipt } in &items {
        let name = format!("{:08}-{}.json", record.here.leaf_index.0, record.here.entry.kind);
        files::write_new(&receipts.join(name), receipt)?;
    }
    let text = if html { page.html() } else { page.text() };
    files::write_new(to, text.as_bytes())?;
    output.say(format!(
        "{}: grant {grant}, from {} records; their receipts are in {}",
        to.display(),
        items.len(),
        receipts.display()
    ));
    output.result(&json!({ "grant": grant, "records": items.len(), "file": to, "receipts": receipts }));
    Ok(Verdict::Yes)
}

fn receipts_folder(to: &Path) -> PathBuf {
    to.with_extension("receipts")
}

/// The customer who gave the grant.
fn subject(ledger: &Ledger, tenant: TenantId, grant: Jti) -> Result<SubjectId, Failure> {
    let unknown = || Failure::No(format!("no grant {grant} of this tenant"));
    let leaf = ledger.find_event(tenant, &grant).ok_or_else(unknown)?;
    let receipt = ledger.receipt(tenant, leaf)?.verify(ledger.log_keys()).map_err(Failure::no)?;
    match receipt.content {
        VerifiedContent::Event { claims, .. } => match claims.event {
            Event::GrantGiven(given) => Ok(given.sub),
            _ => Err(unknown()),
        },
        VerifiedContent::Use { .. } => Err(unknown()),
    }
}

/// The customer's records that bear on the grant, each verified.
fn items(ledger: &Ledger, tenant: TenantId, sub: &SubjectId, grant: Jti) -> Result<Vec<Item>, Failure> {
    let mut lines = Vec::new();
    let mut write = |line: &[u8]| {
        lines.push(line.to_vec());
        Ok::<_, ReadError>(())
    };
    ledger.export(tenant, Some(sub), &mut write, &mut |_, _| ())?;
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default();
    let mut reader = Reader::begin(&first, Some(ledger.log_keys()))?;
    let mut all = Vec::new();
    for line in lines {
        all.extend(reader.line(&line)?);
    }
    reader.finish()?;
    let terms: Vec<Terms> = all.iter().filter_map(|record| terms_of(record, grant)).cloned().collect();
    let mut items = Vec::new();
    for record in all.into_iter().filter(|record| bears_on(record, grant, &terms)) {
        let LeafIndex(leaf) = record.here.leaf_index;
        let receipt = ledger.receipt(tenant, LeafIndex(leaf))?.to_json();
        items.push(Item { record, receipt });
    }
    Ok(items)
}

fn terms_of(record: &VerifiedRecord, grant: Jti) -> Option<&Terms> {
    let VerifiedContent::Event { claims, .. } = &record.here.content else { return None };
    match &claims.event {
        Event::GrantGiven(event) if claims.jti == grant => Some(&event.terms),
        Event::GrantAmended(event) if event.grant == grant => Some(&event.terms),
        _ => None,
    }
}

fn bears_on(record: &VerifiedRecord, grant: Jti, terms: &[Terms]) -> bool {
    let claims = match &record.here.content {
        VerifiedContent::Use { record, .. } => return record.grant() == Some(grant),
        VerifiedContent::Event { claims, .. } => claims,
    };
    match &claims.event {
        Event::KeyEnrolled(_)
        | Event::KeyRotated(_)
        | Event::KeyRevoked(_)
        | Event::GuardianNamed(_)
        | Event::SignatoriesAgreed(_) => true,
        Event::NoticePublished(notice) => {
            let hash = Bytes32::sha256(notice.text.as_bytes());
            terms.iter().any(|terms| terms.notice.hash == hash)
        }
        Event::TemplatePublished(template) => terms.iter().any(|terms| {
            terms.template.id == template.id
                && terms.template.version == template.version
                && envelope_sha256(record).is_some_and(|hash| terms.template.hash == hash)
        }),
        Event::GrantGiven(given) => claims.jti == grant || given.terms.supersedes == Some(grant),
        event => event.changed_grant() == Some(grant),
    }
}

fn envelope_sha256(record: &VerifiedRecord) -> Option<Bytes32> {
    match &record.first.receipt.content {
        Content::Event(event) => Some(Bytes32::sha256(&event.envelope.0)),
        Content::Use(_) | Content::Erased => None,
    }
}

/// Who a key is of, as far as the records show.
fn holder(key: &PublicKey, ledger: &Ledger, tenant: TenantId, record: &VerifiedRecord) -> &'static str {
    let enterprise = ledger.tenant(tenant).map(|tenant| tenant.enterprise_key);
    if enterprise.as_ref() == Some(key) {
        "the enterprise"
    } else if record.first.operator_key == *key {
        "the operator of the ledger"
    } else {
        "the customer"
    }
}

fn describe(
    ledger: &Ledger,
    tenant: TenantId,
    grant: Jti,
    sub: &SubjectId,
    items: &[Item],
    to: Option<&Path>,
) -> Page {
    let enterprise = ledger.tenant(tenant).map(|tenant| tenant.name).unwrap_or_default();
    let mut page = Page::new(format!("Evidence of grant {grant}"));
    page.section("What this is");
    page.paragraph(format!(
        "On {} the ledger `{}` printed what it has recorded about one agreement between a customer, who is called `{}` \
         here, and the enterprise {enterprise}. Each record below stands in the ledger's public log at the position \
         that is given, and has a receipt with which anybody can check it without trusting the ledger or the \
         enterprise. The last section says how.",
        words::instant(super::clock::now().0),
        ledger.origin(),
        sub.as_str(),
    ));
    agreement(&mut page, grant, items);
    signatures(&mut page, ledger, tenant, items);
    history(&mut page, grant, items);
    uses(&mut page, items);
    steps(&mut page, ledger, items, to);
    page
}

fn agreement(page: &mut Page, grant: Jti, items: &[Item]) {
    for Item { record, .. } in items {
        let Some(terms) = terms_of(record, grant) else { continue };
        let given = matches!(&record.here.content, VerifiedContent::Event { claims, .. }
            if matches!(claims.event, Event::GrantGiven(_)));
        page.section(if given { "What the customer agreed to" } else { "What the customer changed it to" });
        page.rows(words::terms(terms));
        page.row(
            "recorded",
            &format!("{}, entry {}", words::instant(record.admitted_at.0), record.here.leaf_index),
        );
        let notice = items.iter().find_map(|item| match &item.record.here.content {
            VerifiedContent::Event { claims, .. } => match &claims.event {
                Event::NoticePublished(notice)
                    if Bytes32::sha256(notice.text.as_bytes()) == terms.notice.hash =>
                {
                    Some((notice.clone(), item.record.here.leaf_index))
                }
                _ => None,
            },
            VerifiedContent::Use { .. } => None,
        });
        page.section("The notice as the customer was shown it");
        let shown = words::instant(terms.notice.shown_at.0);
        match notice {
            Some((notice, leaf)) => {
                page.paragraph(format!(
                    "In {}, at {shown}. The enterprise had published it as `{}` version {}, entry {leaf}; the \
                     customer's signature covers its SHA-256, {:?}.",
                    words::language(notice.language),
                    notice.id.as_str(),
                    notice.version,
                    terms.notice.hash
                ));
                page.quote(&notice.text);
            }
            None => page.paragraph(format!(
                "Shown at {shown}; its SHA-256 is {:?}, and its text is not in this ledger.",
                terms.notice.hash
            )),
        }
    }
}

fn signatures(page: &mut Page, ledger: &Ledger, tenant: TenantId, items: &[Item]) {
    page.section("Who signed, and how their keys came to be known");
    let mut guardians: Vec<PublicKey> = Vec::new();
    for Item { record, .. } in items {
        let VerifiedContent::Event { claims, keys } = &record.here.content else { continue };
        match &claims.event {
            Event::GuardianNamed(event) => guardians.push(event.key),
            Event::KeyRotated(event) if guardians.iter().any(|key| key.thumbprint() == event.old) => {
                guardians.push(event.new);
            }
            _ => {}
        }
        let by = |key: &PublicKey| {
            let guardian = guardians.contains(key);
            let who =
                if guardian { "a guardian of the customer" } else { holder(key, ledger, tenant, record) };
            format!("{who} (key {})", words::thumbprint(key))
        };
        let signed = keys.iter().map(by).collect::<Vec<_>>().join(" and ");
        let what = match &claims.event {
            Event::KeyEnrolled(event) => {
                let vouched = match event.evidence {
                    Evidence::Enterprise => "the enterprise vouched that it is the customer's",
                    Evidence::OperatorsWord => {
                        "only the operator of the ledger says that it is the customer's: nobody else vouched for it"
                    }
                    Evidence::EnrolledKey => "a key that the customer had already vouched for it",
                };
                format!("key {} was enrolled; {vouched}", words::thumbprint(&event.key))
            }
            Event::GuardianNamed(event) => {
                let vouched = match event.evidence {
                    Evidence::Enterprise => "the enterprise vouched that it is a guardian's",
                    Evidence::OperatorsWord | Evidence::EnrolledKey => {
                        "only the operator of the ledger says that it is a guardian's"
                    }
                };
                let (key, until) = (words::thumbprint(&event.key), event.until);
                format!("key {key} was named as a guardian's until {until}; {vouched}")
            }
            Event::SignatoriesAgreed(event) => {
                format!("{} of {} keys must sign from here on", event.needed, event.keys.len())
            }
            Event::KeyRotated(event) => {
                format!(
                    "key {} took the place of an earlier one, which signed too",
                    words::thumbprint(&event.new)
                )
            }
            Event::KeyRevoked(_) => "a key of the customer was revoked".to_owned(),
            event => event.kind().to_string(),
        };
        page.row(
            &format!("entry {}", record.here.leaf_index),
            &format!("{}: {what}. Signed by {signed}", words::instant(record.admitted_at.0)),
        );
    }
}

fn history(page: &mut Page, grant: Jti, items: &[Item]) {
    page.section("What became of it");
    let mut changes = 0;
    for Item { record, .. } in items {
        let VerifiedContent::Event { claims, .. } = &record.here.content else { continue };
        let what = match &claims.event {
            Event::GrantAmended(_) => "the customer changed the terms, as above".to_owned(),
            Event::GrantPaused(_) => "the customer paused all uses".to_owned(),
            Event::GrantResumed(_) => "the customer let uses go on".to_owned(),
            Event::GrantWithdrawn(event) => match event.channel {
                None => "the customer withdrew it".to_owned(),
                Some(channel) => {
                    format!("the customer withdrew it by another channel ({channel:?}), says the operator")
                }
            },
            Event::GrantRevoked(event) => {
                let by = match event.by {
                    Revoker::Enterprise => "the enterprise",
                    Revoker::Operator => "the operator of the ledger",
                };
                format!("{by} revoked it, giving as reason: {}", event.reason.as_str())
            }
            Event::GrantGiven(given) if given.terms.supersedes == Some(grant) => {
                format!("a new grant, {}, took its place", claims.jti)
            }
            Event::RecipientAcknowledged(event) => match event.by {
                Acknowledger::Gates(gates) => {
                    format!("{} took its end in, at {gates} live gates, says the ledger", event.recipient)
                }
                Acknowledger::Recipient => {
                    format!(
                        "{}, to whom data was passed on, took its end in, says the enterprise",
                        event.recipient
                    )
                }
            },
            Event::DataDeleted(event) => format!(
                "the enterprise deleted the data of use {} of gate {} and of all earlier ones",
                event.through.seq, event.through.gate
            ),
            _ => continue,
        };
        changes += 1;
        let leaf = record.here.leaf_index;
        page.row(&format!("entry {leaf}"), &format!("{}: {what}", words::instant(record.admitted_at.0)));
    }
    if changes == 0 {
        page.paragraph(
            "Nothing changed it: it was neither amended nor paused, withdrawn or revoked.".to_owned(),
        );
    }
}

fn uses(page: &mut Page, items: &[Item]) {
    page.section("Uses that were recorded");
    let mut count = 0_u64;
    for Item { record, .. } in items {
        let VerifiedContent::Use { record: used, .. } = &record.here.content else { continue };
        count += 1;
        let note = match (record.flag, record.in_window) {
            (Some(reason), _) => format!(" - BROKE A RULE: {}", reason.what()),
            (None, true) => {
                " - after the withdrawal, within the time that it takes to reach every gate".to_owned()
            }
            (None, false) => String::new(),
        };
        let leaf = record.here.leaf_index;
        page.row(&format!("entry {leaf}"), &format!("{}{note}", words::used(used)));
    }
    if count == 0 {
        page.paragraph("None.".to_owned());
    }
}

fn steps(page: &mut Page, ledger: &Ledger, items: &[Item], to: Option<&Path>) {
    page.section("How to check this");
    let keys = ledger.log_keys().to_string();
    let folder = to.map_or_else(|| "RECEIPTS".to_owned(), |to| receipts_folder(to).display().to_string());
    page.paragraph(format!(
        "The log is known by two public keys. Obtain them from a source that you trust, such as a witness, a regulator \
         or a copy that was taken earlier, and compare them with these (SHA-256 of both lines: {:?}):",
        Bytes32::sha256(keys.as_bytes())
    ));
    page.quote(keys.trim_end());
    page.paragraph(format!(
        "1. The {} receipts are files of JSON in the folder {folder}. On a computer without a network, with the program \
         `grantbook`, check that every one of them is signed, stands in the log and says what it is said to say:",
        items.len()
    ));
    page.quote(&format!("grantbook verify receipt {folder}/*.json --vkey {folder}/vkey"));
    page.paragraph(
        "2. Compare the terms, the texts and the times above with what the receipts hold: the member `envelope` is the \
         signed text, and what precedes each signature is base64url of JSON. docs/spec/receipt.md describes every \
         member, so that a program of your own can do the same."
            .to_owned(),
    );
    page.paragraph(
        "3. To see that the log itself was never rewritten, and holds these entries for everybody, read it from its \
         address or from a mirror, and hash it again:"
            .to_owned(),
    );
    page.quote(&format!("grantbook verify log --log https://ADDRESS --vkey {folder}/vkey"));
    page.paragraph(
        "What this cannot show: that the enterprise asked before every use. What was recorded is undeniable; what was \
         never recorded is not here. And a customer's first key is the customer's on the word of whoever vouched for \
         it, who is named above."
            .to_owned(),
    );
}
