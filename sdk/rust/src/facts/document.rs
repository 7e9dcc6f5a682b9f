//! A fact as its source states it: JSON, signed or not.

use grantbook_plan::Fact;
use grantbook_record::encoding::from_base64url;
use grantbook_record::jws::{self, Jws};
use grantbook_record::{PublicKey, Signer, Term, UnixSeconds, strict_json};
use serde::{Deserialize, Serialize};

use super::{FactKey, SourceFault};

/// `typ` of a fact's signature.
pub const FACT_TYP: &str = "grantbook-fact+jwt";

/// Whom the gate believes that a fact comes from its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Who holds this key. Nothing unsigned is believed.
    Signed(PublicKey),
    /// Whoever answers at the configured place.
    Unsigned,
}

/// What a source states (`docs/spec/facts.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The fact's name.
    pub fact: Term,
    /// About whom.
    pub requester: Term,
    /// As the name demands.
    pub value: u64,
    /// The source's name.
    pub source: Term,
    /// As of when.
    pub at: UnixSeconds,
}

impl Statement {
    /// The unsigned form.
    pub fn to_json(&self) -> Vec<u8> {
        // no fallible serialisers
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The signed form: a compact JWS.
    pub fn sign(&self, signer: &Signer) -> String {
        jws::sign(FACT_TYP, &self.to_json(), signer)
    }

    /// Reads the unsigned form; implies no trust.
    pub fn parse(json: &[u8]) -> Result<Self, SourceFault> {
        strict_json::parse(json).map_err(SourceFault::Malformed)
    }

    /// Reads the signed form; implies no trust.
    pub fn parse_signed(text: &str) -> Result<Self, SourceFault> {
        let jws = Jws::parse(text).map_err(SourceFault::Jws)?;
        if jws.typ != FACT_TYP {
            return Err(SourceFault::Typ);
        }
        let payload =
            from_base64url(jws.payload_segment).ok_or(SourceFault::Jws(jws::JwsError::NotCompact))?;
        Self::parse(&payload)
    }

    /// Reads what a source that is trusted like this has answered.
    pub(super) fn verify(answer: &[u8], trust: &Trust) -> Result<Self, SourceFault> {
        match trust {
            Trust::Unsigned => Self::parse(answer),
            Trust::Signed(key) => {
                let text = std::str::from_utf8(answer).map_err(|_| SourceFault::Signature)?.trim_ascii();
                let statement = Self::parse_signed(text)?;
                let is_signed = Jws::parse(text).is_ok_and(|jws| jws.verify(key));
                if is_signed { Ok(statement) } else { Err(SourceFault::Signature) }
            }
        }
    }

    /// The fact, if it is the one that was asked for.
    pub(super) fn of(self, wanted: &FactKey, source: &Term) -> Result<Fact, SourceFault> {
        if self.fact == wanted.fact && self.requester == wanted.requester && self.source == *source {
            Ok(Fact { value: self.value, source: self.source, at: self.at })
        } else {
            Err(SourceFault::Other)
        }
    }
}
