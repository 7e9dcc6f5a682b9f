//! Everything that is kept of a customer, as bytes: what decisions do not need and later events do.

use std::collections::BTreeSet;

use grantbook_record::day::UnixMillis;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::Evidence;
use grantbook_record::list::List;
use grantbook_record::terms::Validity;
use grantbook_record::{Jti, PublicKey, Thumbprint};

use super::bytes::{Damaged, Reader, Writer};
use super::grant::number;
use super::terms::TermsTable;
use crate::customer::{CustomerKey, CustomerState, EntryRef, GrantState, Status};

/// A customer's whole state, and what of it must not be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Keys, grants and requests.
    pub state: CustomerState,
    /// Something about this customer was refused or not understood: everything is denied.
    pub blocked: bool,
    /// The same for single grants, also such as are not there yet.
    pub blocked_grants: BTreeSet<Jti>,
}

impl Record {
    /// The bytes; `terms` has the ids of the grants' terms, in their order.
    pub(super) fn to_bytes(&self, terms: &[u32]) -> Vec<u8> {
        let Self { state, blocked, blocked_grants } = self;
        let CustomerState { keys, grants, requests, recovery, sources, tier, birth_day, assets: _, .. } =
            state;
        let CustomerState { past_requests, ward, signatories, mandates, closed_requests: _, .. } = state;
        let mut out = Writer::default();
        out.u8((*blocked).into());
        out.count(blocked_grants.len());
        for grant in blocked_grants {
            out.jti(grant);
        }
        out.count(keys.len());
        for CustomerKey { key, evidence, ended, guardian } in keys {
            out.bytes(key.as_bytes());
            out.u8(match evidence {
                Evidence::Enterprise => 0,
                Evidence::OperatorsWord => 1,
                Evidence::EnrolledKey => 2,
            });
            out.u8((*ended).into());
            out.u8((*guardian).into());
        }
        out.optional(recovery.as_ref(), |out, recovery| out.bytes(&recovery.0.0));
        out.optional(birth_day.as_ref(), |out, day| out.u32(*day));
        out.optional((!requests.is_empty()).then_some(requests), Writer::json);
        out.optional((!past_requests.is_empty()).then_some(past_requests), Writer::json);
        out.optional(ward.as_ref(), Writer::json);
        out.optional(signatories.as_ref(), Writer::json);
        out.count(grants.len());
        for (grant, terms) in grants.iter().zip(terms) {
            write_grant(&mut out, grant, *terms);
        }
        out.optional((!sources.is_empty()).then_some(sources), Writer::json);
        out.optional(tier.as_ref(), Writer::json);
        out.optional((!mandates.is_empty()).then_some(mandates), Writer::json);
        out.0
    }

    pub(super) fn from_bytes(bytes: &[u8], terms: &TermsTable) -> Result<Self, Damaged> {
        let mut bytes = Reader(bytes);
        let blocked = bytes.flag()?;
        let blocked_grants = bytes.several(Reader::jti)?.into_iter().collect();
        let keys = bytes.several(|bytes| {
            let key = PublicKey::from_bytes(&bytes.array()?).map_err(|_| Damaged)?;
            let evidence = match bytes.u8()? {
                0 => Evidence::Enterprise,
                1 => Evidence::OperatorsWord,
                2 => Evidence::EnrolledKey,
                _ => return Err(Damaged),
            };
            Ok(CustomerKey { key, evidence, ended: bytes.flag()?, guardian: bytes.flag()? })
        })?;
        let recovery = bytes.optional(|bytes| bytes.bytes32().map(Thumbprint))?;
        let birth_day = bytes.optional(Reader::u32)?;
        let requests = bytes.optional(Reader::json)?.unwrap_or_default();
        let past_requests = bytes.optional(Reader::json)?.unwrap_or_default();
        let ward = bytes.optional(Reader::json)?;
        let signatories = bytes.optional(Reader::json)?;
        let grants = bytes.several(|bytes| read_grant(bytes, terms))?;
        let sources = bytes.optional(Reader::json)?.unwrap_or_default();
        let tier = bytes.optional(Reader::json)?;
        let mandates = bytes.optional(Reader::json)?.unwrap_or_default();
        bytes.end()?;
        let of_people =
            CustomerState { mandates, past_requests, ward, signatories, ..CustomerState::default() };
        let state = CustomerState { keys, grants, requests, recovery, sources, tier, birth_day, ..of_people };
        Ok(Self { state, blocked, blocked_grants })
    }
}

fn write_grant(out: &mut Writer, grant: &GrantState, shared: u32) {
    let GrantState { id, given, mandate, terms, group, .. } = grant;
    let GrantState { starts, terms_entry, changed, status, status_entry, ended_at, .. } = grant;
    out.jti(id);
    out.u64(*given);
    out.optional(mandate.as_ref(), Writer::jti);
    out.u32(shared);
    out.u64(terms.validity.start().0);
    out.u64(terms.validity.end().0);
    out.u64(terms.notice.shown_at.0);
    for consent in terms.consents.iter() {
        out.optional(consent.given_at.as_ref(), |out, at| out.u64(at.0));
    }
    out.optional(terms.supersedes.as_ref(), Writer::jti);
    out.u16(*group);
    out.u64(starts.0);
    out.u64(terms_entry.leaf_index);
    out.bytes(&terms_entry.leaf_hash.0);
    out.optional(changed.as_ref(), Writer::jti);
    out.u8(number(*status));
    out.u64(*status_entry);
    out.optional(ended_at.as_ref(), |out, at| out.u64(at.0));
}

fn read_grant(bytes: &mut Reader<'_>, shared: &TermsTable) -> Result<GrantState, Damaged> {
    let (id, given, mandate) = (bytes.jti()?, bytes.u64()?, bytes.optional(Reader::jti)?);
    let mut terms = shared.get(bytes.u32()?).cloned().ok_or(Damaged)?;
    let (start, end) = (bytes.seconds()?, bytes.seconds()?);
    terms.validity = Validity::new(start, end).ok_or(Damaged)?;
    terms.notice.shown_at = bytes.seconds()?;
    let consents = terms.consents.iter().cloned().map(|mut consent| {
        consent.given_at = bytes.optional(|bytes| bytes.u64().map(UnixMillis))?;
        Ok(consent)
    });
    terms.consents = List::new(consents.collect::<Result<_, Damaged>>()?).ok_or(Damaged)?;
    terms.supersedes = bytes.optional(Reader::jti)?;
    let (group, starts) = (bytes.u16()?, bytes.seconds()?);
    let terms_entry = EntryRef { leaf_index: bytes.u64()?, leaf_hash: Bytes32(bytes.array()?) };
    let changed = bytes.optional(Reader::jti)?;
    let status = match bytes.u8()? {
        0 => Status::Active,
        1 => Status::Paused,
        2 => Status::Superseded,
        3 => Status::Withdrawn,
        4 => Status::Revoked,
        _ => return Err(Damaged),
    };
    let status_entry = bytes.u64()?;
    let ended_at = bytes.optional(Reader::seconds)?;
    let entries = GrantState {
        id,
        given,
        mandate,
        terms,
        group,
        starts,
        terms_entry,
        changed,
        status,
        status_entry,
        ended_at,
    };
    Ok(entries)
}
