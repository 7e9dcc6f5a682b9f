//! Good inputs of every parser, from which fuzzing starts.

use grantbook_record::DenialReason;
use grantbook_record::audit::Answer;
use grantbook_record::encoding::Bytes32;
use grantbook_record::lease::sign_release;
use grantbook_tlog::tile::encode_bundle;
use grantbook_tlog::{AddCheckpoint, Note, TreeSize, consistency_proof};

use crate::ledger::{GRANT_AT, Ledger, STATE_ROOTS_AT, USES_AT, WITHDRAWN_AT, log_keys, nonces, policy};
use crate::passkey;
use crate::story::{self, SAMPLES, customer, record, sample, terms};

const STATEMENT: &str =
    r#"{"fact":"budget_left_cny","requester":"pricing","value":79,"source":"finance","at":1795000000}"#;
const HOUSE_RULES: &str = r#"{"version": 1, "rules": [
    {"id": "pricing-budget", "when": {"requester": "pricing"},
     "demand": {"budget_left": {"currency": "CNY", "max_age_seconds": 60}}},
    {"id": "certificate", "demand": {"certificate_valid": {"max_age_seconds": 3600}}},
    {"id": "masked", "when": {"purpose": "insurance-underwriting", "categories": ["fast-charging"]},
     "demand": {"masking_level": {"least": 2, "max_age_seconds": 300}}}]}"#;

/// The seeds of one target of `fuzz/parsers`.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let log = Ledger::story();
    let entries: Vec<Vec<u8>> = log.items.iter().map(|item| item.entry.clone()).collect();
    match target {
        "envelope" => SAMPLES.iter().map(|kind| sample(*kind).envelope()).collect(),
        "event" => {
            SAMPLES.iter().map(|kind| [&[kind.number()][..], &sample(*kind).payload].concat()).collect()
        }
        "entry" => entries,
        "use_batch" => vec![serde_json::to_vec(&story::batch()).unwrap()],
        "use_record" => (story::FIRST..story::FIRST + 3).map(|seq| record(seq).to_json()).collect(),
        "receipt" => [GRANT_AT, USES_AT].map(|at| log.receipt(at).to_json()).to_vec(),
        "state_proof" => {
            let log = Ledger::with_state_roots();
            [STATE_ROOTS_AT, STATE_ROOTS_AT + 2].map(|at| log.state_proof(at).to_json()).to_vec()
        }
        "archive" => [&[][..], &[WITHDRAWN_AT]].map(|leaves| log.archive(leaves).concat()).to_vec(),
        "audit_request" => vec![log.audit().to_json()],
        "audit_answer" => vec![
            Answer {
                index: USES_AT,
                day_key: Bytes32([7; 32]),
                receipt: String::from_utf8(log.receipt(USES_AT).to_json()).unwrap(),
                under: Some(String::from_utf8(log.receipt(GRANT_AT).to_json()).unwrap()),
                flag: Some(DenialReason::Field),
            }
            .to_json(),
        ],
        "attachments" => vec![passkey::attachments(&[passkey::first()]).to_json()],
        "frame" => log.feed().0.iter().map(grantbook_record::feed::Frame::to_json).collect(),
        "head" => vec![log.heads(&nonces())[0].head.clone().into_bytes()],
        "signed_head" => vec![log.heads(&nonces())[0].to_json()],
        "lease_release" => vec![sign_release(&story::release(), &story::gate()).into_bytes()],
        "scope" => vec![serde_json::to_vec(&terms().scope).unwrap()],
        "terms" => vec![serde_json::to_vec(&terms()).unwrap()],
        "jwk" => vec![serde_json::to_vec(customer().public_key()).unwrap()],
        "note" | "checkpoint" => vec![log.checkpoint().into_bytes()],
        "tile_path" => ["tile/0/000", "tile/1/x001/067.p/3", "tile/entries/x123/x456/789.p/255"]
            .map(|path| path.as_bytes().to_vec())
            .to_vec(),
        "proof_file" => vec![log.receipt(GRANT_AT).proof.into_bytes()],
        "bundle" => {
            let width = u16::try_from(entries.len()).unwrap();
            vec![[&width.to_be_bytes()[..], &encode_bundle(&entries).unwrap()].concat()]
        }
        "vkey" => log_keys().to_string().lines().map(|line| line.as_bytes().to_vec()).collect(),
        "log_keys" => vec![log_keys().to_string().into_bytes()],
        "policy" => vec![policy().into_bytes()],
        "witness_request" => {
            let proof = consistency_proof(TreeSize(3), log.range.size(), &log).unwrap();
            let note = Note::parse(log.checkpoint().as_bytes()).unwrap();
            vec![AddCheckpoint::new(TreeSize(3), proof, note).unwrap().to_string().into_bytes()]
        }
        "witness_answer" => {
            let text = log.witnessed_checkpoint();
            let lines = text.split_inclusive('\n').filter(|line| line.contains("witness.example"));
            let answer = |status: u16, body: &str| [&status.to_be_bytes()[..], body.as_bytes()].concat();
            vec![answer(200, &lines.collect::<String>()), answer(409, "17\n")]
        }
        "house_rules" => vec![HOUSE_RULES.as_bytes().to_vec()],
        "fact_statement" => {
            let signed =
                grantbook_record::jws::sign("grantbook-fact+jwt", STATEMENT.as_bytes(), &story::gate());
            vec![STATEMENT.as_bytes().to_vec(), signed.into_bytes()]
        }
        // as `policies/plan` writes it, whose tests see that it still does
        "compact_plan" => vec![include_bytes!("../../../../fuzz/seeds/compact_plan/0").to_vec()],
        other => panic!("no seeds of {other}"),
    }
}
