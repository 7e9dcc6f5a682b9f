//! An account is a person: passkeys to log in by, and memberships, each a pseudonym at one enterprise.
//!
//! No enterprise learns of an account, and none can tell that two pseudonyms are one person's. The log knows nothing of
//! accounts; they are rows of [`crate::backend::write::AccountStore`]:
//!
//! | row | holds |
//! |---|---|
//! | `account/` id | an [`Account`] |
//! | `credential/` SHA-256 of a credential's id | the account's id |
//! | `member/` SHA-256 of tenant and pseudonym | the ids of the accounts of those who act for it: one, unless one of them let others in |
//! | `recovery/` SHA-256 of the code's lookup value | the account's id |

pub mod device;
pub mod pairing;
mod recovery;

use grantbook_record::encoding::{Base64Bytes, Bytes32, to_base64url};
use grantbook_record::event::Evidence;
use grantbook_record::webauthn::PasskeyKey;
use grantbook_record::{SubjectId, TenantId, UnixSeconds};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use device::{Device, DeviceKey, DeviceName};
pub use recovery::{CodeLogin, CodeProof};

use crate::backend::write::Rows;
use crate::failure::Failure;

/// Passkeys of one account.
pub const PASSKEYS_MAX: usize = 8;
/// How long somebody who was erased is told how far that is, in seconds: past the end of the key epoch.
const PARTING_SECONDS: u64 = 60 * 86_400;
/// People who act for one pseudonym.
pub const PEOPLE_MAX: usize = 32;
/// Memberships of one account.
pub const MEMBERSHIPS_MAX: usize = 256;

/// An account's id: 16 random bytes, base64url. Never leaves the portal but to the person's own authenticator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(String);

impl AccountId {
    /// A fresh one.
    pub fn random() -> Self {
        Self(to_base64url(&crate::secret::random::<16>()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Out of a row's name.
    pub(crate) fn of_row(id: &str) -> Self {
        Self(id.to_owned())
    }
}

/// A person's account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// When it was made.
    pub since: UnixSeconds,
    /// Passkeys that log in.
    pub passkeys: Vec<Passkey>,
    /// Browsers that have keys of the person's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Where the person is a customer.
    #[serde(default)]
    pub memberships: Vec<Membership>,
    /// By which a recovery code logs in.
    pub recovery: CodeLogin,
    /// By which the code logs in that takes the place of that one, while a recovery is under way.
    #[serde(default)]
    pub next_recovery: Option<CodeLogin>,
    /// Enterprises where the person had everything erased not long ago.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partings: Vec<Parting>,
}

/// A passkey that logs in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passkey {
    /// Its credential's id.
    pub credential: Base64Bytes,
    /// Its key.
    pub key: PasskeyKey,
    /// When it was added.
    pub since: UnixSeconds,
    /// Its signature counter when it last logged in; 0 of one that counts nothing.
    #[serde(default)]
    pub counter: u32,
    /// When it last logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<UnixSeconds>,
}

impl Passkey {
    /// Whether a counter may follow the last one. One that does not rise is of a copy, or the last one was: Web Authentication
    /// Level 2, section 6.1.1. A passkey that counts nothing says 0 for ever.
    pub fn takes_counter(&self, next: u32) -> bool {
        next > self.counter || (next == 0 && self.counter == 0)
    }
}

/// A pseudonym at one enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// The enterprise.
    pub tenant: TenantId,
    /// The pseudonym.
    pub sub: SubjectId,
    /// Since when.
    pub since: UnixSeconds,
    /// Who vouches for the first key, as the enterprise chose.
    pub evidence: Evidence,
    /// As what the person acts.
    #[serde(default, skip_serializing_if = "Acts::is_default")]
    pub acts: Acts,
    /// What the person is called among those who act for the same pseudonym.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DeviceName>,
}

/// As what somebody acts for a pseudonym.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acts {
    /// As the customer, or as one of those who sign for it.
    #[default]
    Customer,
    /// As a guardian, of somebody whom the guardian calls so.
    Guardian(DeviceName),
}

impl Acts {
    fn is_default(&self) -> bool {
        *self == Self::Customer
    }
}

impl Membership {
    /// One's own.
    pub fn own(tenant: TenantId, sub: SubjectId, since: UnixSeconds, evidence: Evidence) -> Self {
        Self { tenant, sub, since, evidence, acts: Acts::Customer, name: None }
    }

    /// What a guardian calls whom the pseudonym is; `None` for one's own.
    pub fn ward(&self) -> Option<&DeviceName> {
        match &self.acts {
            Acts::Customer => None,
            Acts::Guardian(name) => Some(name),
        }
    }
}

/// An erasure that the person asked for. It does not say under which pseudonym they were known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parting {
    /// The enterprise.
    pub tenant: TenantId,
    /// The erasure's number; `None` where nothing was held.
    pub erasure: Option<u64>,
    /// When it was asked for.
    pub asked: UnixSeconds,
}

impl Parting {
    /// Whether the person is still told of it.
    pub fn is_told(&self, now: UnixSeconds) -> bool {
        now.0 < self.asked.0.saturating_add(PARTING_SECONDS)
    }
}

impl Account {
    /// The account's row.
    pub fn read(rows: &dyn Rows, id: &AccountId) -> Result<Self, Failure> {
        row(rows, &account_row(id))?.ok_or(Failure::NotLoggedIn)
    }

    /// One that no passkey opens yet.
    pub fn without_passkey(since: UnixSeconds, recovery: CodeLogin) -> Self {
        Self {
            since,
            passkeys: Vec::new(),
            devices: Vec::new(),
            memberships: Vec::new(),
            recovery,
            next_recovery: None,
            partings: Vec::new(),
        }
    }

    /// Writes the account's row.
    pub fn write(&self, rows: &mut dyn Rows, id: &AccountId) {
        put(rows, &account_row(id), self);
    }

    /// Where the person is the customer of an enterprise; [`Failure::NotFound`] where that is nowhere, whoever they are a
    /// guardian of.
    pub fn membership(&self, tenant: TenantId) -> Result<&Membership, Failure> {
        let own = |known: &&Membership| known.tenant == tenant && known.acts == Acts::Customer;
        self.memberships.iter().find(own).ok_or(Failure::NotFound)
    }

    /// The membership of a pseudonym, as whatever the person acts.
    pub fn of(&self, tenant: TenantId, sub: &SubjectId) -> Result<&Membership, Failure> {
        let same = |known: &&Membership| known.tenant == tenant && known.sub == *sub;
        self.memberships.iter().find(same).ok_or(Failure::NotFound)
    }

    /// The passkey of a credential.
    pub fn passkey(&self, credential: &[u8]) -> Option<&Passkey> {
        self.passkeys.iter().find(|passkey| passkey.credential.0 == credential)
    }

    /// Adds a passkey that no account has.
    pub fn add_passkey(
        &mut self,
        rows: &mut dyn Rows,
        id: &AccountId,
        passkey: Passkey,
    ) -> Result<(), Failure> {
        if self.passkeys.len() >= PASSKEYS_MAX {
            return Err(Failure::Conflict("at most 8 passkeys"));
        }
        let name = credential_row(&passkey.credential.0);
        if rows.get(&name).is_some() {
            return Err(Failure::Conflict("a passkey that no account has"));
        }
        put(rows, &name, id);
        self.passkeys.push(passkey);
        Ok(())
    }

    /// Removes every passkey but these.
    pub fn keep_passkeys(&mut self, rows: &mut dyn Rows, keep: impl Fn(&Passkey) -> bool) {
        for gone in self.passkeys.iter().filter(|passkey| !keep(passkey)) {
            rows.remove(&credential_row(&gone.credential.0));
        }
        self.passkeys.retain(keep);
    }

    /// Makes the person the enterprise's customer of this pseudonym. The same again changes nothing.
    pub fn join(
        &mut self,
        rows: &mut dyn Rows,
        id: &AccountId,
        membership: Membership,
    ) -> Result<(), Failure> {
        let Membership { tenant, sub, .. } = &membership;
        for other in people(rows, *tenant, sub)?.into_iter().filter(|other| other != id) {
            // a guardian may have come before the minor
            if Self::read(rows, &other)?.of(*tenant, sub)?.ward().is_none() {
                return Err(Failure::Conflict("a pseudonym that is nobody else's"));
            }
        }
        self.join_others(rows, id, membership)
    }

    /// The same beside others who act for the pseudonym: one of them, or the enterprise, has vouched for it.
    pub fn join_others(
        &mut self,
        rows: &mut dyn Rows,
        id: &AccountId,
        membership: Membership,
    ) -> Result<(), Failure> {
        let Membership { tenant, sub, acts, .. } = &membership;
        let mut people = people(rows, *tenant, sub)?;
        if people.contains(id) {
            return Ok(());
        }
        if *acts == Acts::Customer && self.membership(*tenant).is_ok() {
            return Err(Failure::Conflict("one pseudonym at each enterprise"));
        }
        if self.memberships.len() >= MEMBERSHIPS_MAX {
            return Err(Failure::Conflict("at most 256 enterprises"));
        }
        if people.len() >= PEOPLE_MAX {
            return Err(Failure::Conflict("at most 32 people for one pseudonym"));
        }
        people.push(id.clone());
        put(rows, &member_row(*tenant, sub), &people);
        self.memberships.push(membership);
        Ok(())
    }

    /// Forgets a pseudonym, and keeps that everything of it is erased.
    fn part(&mut self, sub: &SubjectId, parting: Parting) {
        self.memberships.retain(|known| known.tenant != parting.tenant || known.sub != *sub);
        if !self.memberships.iter().any(|known| known.tenant == parting.tenant) {
            for device in &mut self.devices {
                device.keys.retain(|known| known.tenant != parting.tenant);
            }
        }
        self.partings.retain(|known| known.tenant != parting.tenant && known.is_told(parting.asked));
        self.partings.push(parting);
    }

    /// Removes everything that there is of the account but its sessions.
    pub fn erase(&self, rows: &mut dyn Rows, id: &AccountId) -> Result<(), Failure> {
        crate::news::forget(rows, id)?;
        for passkey in &self.passkeys {
            rows.remove(&credential_row(&passkey.credential.0));
        }
        for Membership { tenant, sub, .. } in &self.memberships {
            let mut people = people(rows, *tenant, sub)?;
            people.retain(|other| other != id);
            let name = member_row(*tenant, sub);
            if people.is_empty() {
                rows.remove(&name);
            } else {
                put(rows, &name, &people);
            }
        }
        for login in [Some(&self.recovery), self.next_recovery.as_ref()].into_iter().flatten() {
            login.forget(rows);
        }
        rows.remove(&account_row(id));
        Ok(())
    }
}

/// All accounts.
pub(crate) fn all(rows: &dyn Rows) -> Vec<AccountId> {
    let names = rows.names("account/");
    names.iter().filter_map(|name| name.strip_prefix("account/")).map(AccountId::of_row).collect()
}

/// Whose credential this is.
pub fn of_credential(rows: &dyn Rows, credential: &[u8]) -> Result<Option<AccountId>, Failure> {
    row(rows, &credential_row(credential))
}

/// Who acts for a pseudonym, the first one first.
pub fn people(rows: &dyn Rows, tenant: TenantId, sub: &SubjectId) -> Result<Vec<AccountId>, Failure> {
    Ok(match row(rows, &member_row(tenant, sub))? {
        None => Vec::new(),
        Some(Members::One(id)) => vec![id],
        Some(Members::Several(people)) => people,
    })
}

/// A row of those who act for a pseudonym, as it was written when that was always one, and as it is written now.
#[derive(Deserialize)]
#[serde(untagged)]
enum Members {
    One(AccountId),
    Several(Vec<AccountId>),
}

/// Has everybody who acts for a pseudonym forget it, and gives who that was.
pub fn part(rows: &mut dyn Rows, sub: &SubjectId, parting: Parting) -> Result<Vec<AccountId>, Failure> {
    let people = people(rows, parting.tenant, sub)?;
    for id in &people {
        let mut account = Account::read(rows, id)?;
        account.part(sub, parting);
        account.write(rows, id);
    }
    rows.remove(&member_row(parting.tenant, sub));
    Ok(people)
}

fn account_row(id: &AccountId) -> String {
    format!("account/{}", id.as_str())
}

fn credential_row(credential: &[u8]) -> String {
    format!("credential/{}", to_base64url(&Bytes32::sha256(credential).0))
}

fn member_row(tenant: TenantId, sub: &SubjectId) -> String {
    format!("member/{tenant}/{}", to_base64url(&Bytes32::sha256(sub.as_str().as_bytes()).0))
}

/// A row that holds JSON.
pub(crate) fn row<T: DeserializeOwned>(rows: &dyn Rows, name: &str) -> Result<Option<T>, Failure> {
    match rows.get(name) {
        None => Ok(None),
        Some(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| Failure::Unavailable),
    }
}

/// Sets a row that holds JSON.
pub(crate) fn put(rows: &mut dyn Rows, name: &str, value: &impl Serialize) {
    // string keys, no fallible serialisers
    rows.put(name, serde_json::to_vec(value).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::tests::Memory;

    #[test]
    fn one_who_acted_alone_before_others_could_come_still_acts() {
        let (mut rows, id, other) = (Memory::default(), AccountId::random(), AccountId::random());
        let (tenant, sub) = (TenantId::from_bytes([1; 16]), SubjectId::parse("cs-1").unwrap());
        assert_eq!(people(&rows, tenant, &sub), Ok(vec![]));
        put(&mut rows, &member_row(tenant, &sub), &id);
        assert_eq!(people(&rows, tenant, &sub), Ok(vec![id.clone()]));
        put(&mut rows, &member_row(tenant, &sub), &[&id, &other]);
        assert_eq!(people(&rows, tenant, &sub), Ok(vec![id, other]));
    }
}
