//! Every value in what an enterprise reads, however it is wrapped.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use grantbook_record::Entry;
use serde_json::Value;

/// Values of at most this many bytes (numbers and times among them) fit on everybody.
const SHORT: usize = 8;

/// Values, each with one of the places where it was found.
#[derive(Debug, Default)]
pub(crate) struct Values(BTreeMap<Vec<u8>, String>);

impl Values {
    /// What a text leads to, by itself.
    pub(crate) fn of(text: &str) -> Self {
        let mut values = Self::default();
        values.text(text, "");
        values
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn has(&self, value: &[u8]) -> bool {
        self.0.contains_key(value)
    }

    /// Whether all that the text leads to is here.
    pub(crate) fn holds(&self, text: &str) -> bool {
        Self::of(text).0.keys().all(|value| self.has(value))
    }

    pub(crate) fn remove(&mut self, others: &Self) {
        self.0.retain(|value, _| !others.has(value));
    }

    /// Those that are on both sides, and where.
    pub(crate) fn join(&self, other: &Self) -> Self {
        let both = self.0.iter().filter_map(|(value, here)| {
            let there = other.0.get(value)?;
            Some((value.clone(), format!("{here} and {there}: {}", String::from_utf8_lossy(value))))
        });
        Self(both.collect())
    }

    /// Takes in the JSON of a receipt, a frame or a page. `except` names the member that is left out.
    pub(crate) fn json(&mut self, value: &Value, at: &str, except: &str) {
        match value {
            Value::Object(members) => {
                // names of members are the schema's: strict readers refuse any other
                for (name, member) in members.iter().filter(|(name, _)| *name != except) {
                    self.json(member, &format!("{at}.{name}"), except);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.json(item, at, except)),
            Value::String(text) => self.text(text, at),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A text as it is, and everything that it can be decoded to.
    fn text(&mut self, text: &str, at: &str) {
        if !self.insert(text.as_bytes(), at) {
            return;
        }
        if let Ok(value @ Value::Object(_)) = serde_json::from_str(text) {
            self.json(&value, at, "");
        }
        if let [header, payload, signature] = text.split('.').collect::<Vec<_>>()[..] {
            for (segment, name) in [(header, "header"), (payload, "payload"), (signature, "signature")] {
                self.text(segment, &format!("{at}.{name}"));
            }
        }
        for encoding in [&URL_SAFE_NO_PAD, &STANDARD, &STANDARD_NO_PAD] {
            if let Ok(bytes) = encoding.decode(text) {
                self.bytes(&bytes, at);
            }
        }
        if let Some(bytes) = from_hex(&text.replace('-', "")) {
            self.bytes(&bytes, at);
        }
    }

    /// Bytes as they are, and what they hold: JSON, length-prefixed signatures, or the fields of an entry.
    fn bytes(&mut self, bytes: &[u8], at: &str) {
        if !self.insert(bytes, at) {
            return;
        }
        if let Ok(value @ Value::Object(_)) = serde_json::from_slice(bytes) {
            self.json(&value, at, "");
        }
        for text in framed(bytes).unwrap_or_default() {
            self.text(text, &format!("{at}.jws"));
        }
        if let Ok(Entry { tag, digest, link, commitments, .. }) = Entry::parse(bytes) {
            self.insert(&tag, &format!("{at}.tag"));
            self.insert(&digest.0, &format!("{at}.digest"));
            self.insert(&link.0, &format!("{at}.link"));
            for commitment in commitments {
                self.insert(&commitment.0, &format!("{at}.commitment"));
            }
        }
    }

    /// Whether it is long enough and new.
    fn insert(&mut self, value: &[u8], at: &str) -> bool {
        if value.len() <= SHORT || self.has(value) {
            return false;
        }
        self.0.insert(value.to_vec(), at.to_owned());
        true
    }
}

impl std::fmt::Display for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.values().try_for_each(|place| writeln!(f, "{place}"))
    }
}

/// Texts, each behind a 32-bit length, to the last byte.
fn framed(mut bytes: &[u8]) -> Option<Vec<&str>> {
    let mut texts = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        texts.push(std::str::from_utf8(text).ok()?);
        bytes = rest;
    }
    Some(texts)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| digit.try_into().ok()))
        .collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[test]
fn values_are_found_however_they_are_wrapped() {
    let inner = URL_SAFE_NO_PAD.encode(br#"{"kid":"somebody's key"}"#);
    let jws =
        format!("{inner}.{}.{}", URL_SAFE_NO_PAD.encode("a payload"), URL_SAFE_NO_PAD.encode("a signature"));
    let mut envelope = u32::try_from(jws.len()).expect("short").to_be_bytes().to_vec();
    envelope.extend_from_slice(jws.as_bytes());
    let record = r#"{"data_subject":"somebody"}"#;
    let mut values = Values::default();
    let outer = serde_json::json!({
        "content": {"envelope": URL_SAFE_NO_PAD.encode(&envelope), "record": record},
        "ids": ["0190163d-8694-7397-8c1f-0d9ef6b5d3a1", STANDARD.encode("standard base64")],
        "proof": "left out here",
    });
    values.json(&outer, "", "proof");
    for value in ["somebody's key", "a payload", "a signature", "standard base64", record, &jws, &inner] {
        assert!(values.has(value.as_bytes()), "{value}: {values}");
    }
    assert!(values.has(&0x0190_163d_8694_7397_8c1f_0d9e_f6b5_d3a1_u128.to_be_bytes()));
    assert!(!values.has(b"left out here"));
    assert!(!values.has(b"somebody"), "of 8 bytes");
}
