//! Runs one case of a vector file: what a reader of the format does, in its order.

use grantbook_record::archive::Reader;
use grantbook_record::attachment::Attachments;
use grantbook_record::audit::{Answer, Request};
use grantbook_record::encoding::{array_from_base64url, from_base64url};
use grantbook_record::feed::{Chain, FeedPosition, Frame};
use grantbook_record::head::SignedHead;
use grantbook_record::lease::{parse_release, verify_release};
use grantbook_record::uses::UseBatch;
use grantbook_record::{
    Entry, Envelope, Event, Kind, PublicKey, Receipt, StateProof, TenantId, UnixSeconds, encoding::Bytes32,
};
use grantbook_tlog::LogKeys;
use serde_json::Value;

/// The formats, as their vector files are named.
pub(crate) const FORMATS: [&str; 13] = [
    "event",
    "envelope",
    "entry",
    "use-batch",
    "receipt",
    "feed",
    "head",
    "state-proof",
    "lease",
    "asset",
    "audit",
    "attachment",
    "archive",
];

/// Why a case was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The error's text.
    pub(crate) text: String,
    /// The names of its variants from the outside in, such as `Jws/Header`.
    pub(crate) variant: String,
}

impl<E: std::error::Error> From<E> for Refused {
    fn from(error: E) -> Self {
        let debug = format!("{error:?}");
        // `A(B { c: 1 })` is A/B: names go on as long as each is followed by an opening parenthesis
        let mut names = Vec::new();
        for part in debug.split('(') {
            let name: String = part.chars().take_while(char::is_ascii_alphanumeric).collect();
            let more = name.len() == part.len();
            names.push(name);
            if !more {
                break;
            }
        }
        Self { text: error.to_string(), variant: names.join("/") }
    }
}

/// What a file's cases share.
pub(crate) struct Setup {
    pub(crate) tenant: TenantId,
    pub(crate) now: UnixSeconds,
    pub(crate) log_keys: LogKeys,
    pub(crate) keys: Vec<PublicKey>,
}

impl Setup {
    pub(crate) fn read(setup: &Value) -> Self {
        let keys = setup["keys"].as_array().unwrap();
        Self {
            tenant: TenantId::parse(setup["tenant"].as_str().unwrap()).unwrap(),
            now: UnixSeconds(setup["now"].as_u64().unwrap()),
            log_keys: LogKeys::parse(setup["log_keys"].as_str().unwrap()).unwrap(),
            keys: keys.iter().map(|key| PublicKey::parse_jwk(key.to_string().as_bytes()).unwrap()).collect(),
        }
    }

    fn key(&self, kid: grantbook_record::Thumbprint) -> Option<PublicKey> {
        self.keys.iter().find(|key| key.thumbprint() == kid).copied()
    }
}

/// Runs a case of `format`; `Ok` if a reader accepts the input.
pub(crate) fn run(format: &str, setup: &Setup, input: &Value) -> Result<(), Refused> {
    let text = |name: &str| input[name].as_str().unwrap_or_else(|| panic!("no {name}"));
    match format {
        "event" | "asset" => {
            Event::parse(Kind::parse(text("kind")).unwrap(), text("payload").as_bytes())?;
        }
        "envelope" => {
            let envelope = Envelope::parse(&from_base64url(text("envelope")).unwrap())?;
            envelope.event()?.check(setup.tenant, setup.now)?;
            envelope.verify_signatures(|kid| setup.key(*kid))?;
        }
        "entry" => {
            let bytes = from_base64url(text("entry")).unwrap();
            assert_eq!(Entry::parse(&bytes)?.to_bytes(), bytes, "one spelling");
        }
        "use-batch" => {
            let batch = UseBatch::parse(text("batch").as_bytes())?;
            batch.verify_signature(&setup.key(batch.signer).unwrap_or(setup.keys[0]))?;
        }
        "receipt" => {
            Receipt::parse(text("receipt").as_bytes())?.verify(&setup.log_keys)?;
        }
        "feed" => {
            let value = Bytes32(array_from_base64url(text("chain")).unwrap());
            let before = Chain { position: FeedPosition(input["position"].as_u64().unwrap()), value };
            Frame::parse(text("frame").as_bytes())?.verify(&setup.log_keys, &before)?;
        }
        "head" => {
            let nonce = array_from_base64url(text("nonce")).unwrap();
            SignedHead::parse(text("signed_head").as_bytes())?.verify(
                &setup.log_keys,
                setup.tenant,
                &nonce,
            )?;
        }
        "state-proof" => {
            StateProof::parse(text("state_proof").as_bytes())?.verify(&setup.log_keys)?;
        }
        "lease" => {
            let (_, kid) = parse_release(text("release"))?;
            verify_release(text("release"), &setup.key(kid).unwrap_or(setup.keys[0]))?;
        }
        "audit" => {
            if let Some(answer) = input["answer"].as_str() {
                Answer::parse(answer.as_bytes())?;
            } else {
                let drawn: Vec<u64> =
                    Request::parse(text("request").as_bytes())?.draw()?.iter().map(|index| index.0).collect();
                assert_eq!(serde_json::json!(drawn), input["drawn"], "the draw of a request");
            }
        }
        "archive" => {
            let mut lines = text("archive").split_inclusive('\n');
            let first = lines.next().unwrap_or_default();
            let mut reader = Reader::begin(first.as_bytes(), Some(&setup.log_keys))?;
            for line in lines {
                reader.line(line.as_bytes())?;
            }
            reader.finish()?;
        }
        "attachment" => {
            let envelope = Envelope::parse(&from_base64url(text("envelope")).unwrap())?;
            let attachments = Attachments::parse(text("attachment").as_bytes())?;
            attachments.verify(envelope.first_jws(), &crate::passkey::relying_party())?;
        }
        other => panic!("no format {other}"),
    }
    Ok(())
}
