//! How a second device comes to an account: what the two browsers tell each other, which the server passes on and keeps in order.
//!
//! | row | holds |
//! |---|---|
//! | `pairing/` SHA-256 of the link's token | a [`Pairing`] |
//!
//! Whoever opens the link first is the one that joins; nobody else can. It commits to its keys before it hears the first
//! device's nonce, and shows them after, so that the six digits which both browsers work out of both nonces and the keys cannot be
//! steered: not by somebody who took the link, and not by a server that would put keys of its own in between. The person
//! compares the digits; the first device then signs for these very keys and no others.

use grantbook_record::encoding::{Base64Bytes, Bytes32};
use grantbook_record::list::List;
use grantbook_record::{TenantId, Thumbprint, UnixSeconds};
use serde::{Deserialize, Serialize};

use super::{AccountId, DeviceName, Passkey};
use crate::failure::Failure;

/// Enterprises at which a device gets keys when it is added.
pub const ENTERPRISES_MAX: usize = 64;
/// How long a link is good, in seconds.
pub const PAIRING_SECONDS: u64 = 600;

/// A device that is being added.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pairing {
    /// Whose.
    pub account: AccountId,
    /// Until when it can go on.
    pub expires: UnixSeconds,
    /// How far it is.
    pub stage: Stage,
}

/// How far a pairing is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The link waits for whom it is meant for.
    Offered,
    /// Somebody has opened it.
    Joined(Joined),
    /// The first device has said its nonce.
    Challenged(Joined, Bytes32),
    /// The second has shown what it had committed to; both show the digits.
    Opened(Joined, Bytes32, Opening),
    /// The person has found the digits alike on the first device.
    Confirmed(Joined, Bytes32, Opening),
    /// The second device has signed for its keys; the first is to sign, too.
    Signed(Joined, Opening, Enrolments),
    /// The log has the keys.
    Finished,
}

/// The device that came.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    /// The name of the secret by which it is known again.
    pub claim: String,
    /// What it is called.
    pub name: DeviceName,
    /// SHA-256 of its nonce, its keys and its passkey.
    pub commitment: Bytes32,
    /// By what it will log in.
    pub passkey: JoiningPasskey,
}

/// By what a device that joins will log in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoiningPasskey {
    /// A passkey that the account has: this credential, of the session by which it came.
    Known(Option<Base64Bytes>),
    /// One that it has made, and that is the account's only at the end.
    Made(Passkey),
}

/// What a device shows that had committed to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Its nonce.
    pub nonce: Bytes32,
    /// Its keys.
    pub keys: List<Thumbprint, 0, ENTERPRISES_MAX>,
    /// The passkey that it has made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<Thumbprint>,
}

/// A `key.enrolled` that the new key has signed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// The enterprise.
    pub tenant: TenantId,
    /// The compact JWS.
    pub jws: String,
    /// An assertion over it by the passkey that the device has made; the ledger reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<grantbook_record::webauthn::Assertion>,
}

/// All of them.
pub type Enrolments = List<Enrolment, 0, ENTERPRISES_MAX>;

/// What one of the two devices does next.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The first: its nonce.
    Nonce(Bytes32),
    /// The second: what it committed to.
    Open(Opening),
    /// The first: the digits are alike.
    Confirm,
    /// The second: signed for its keys.
    Sign(Enrolments),
}

/// Which of the two devices it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that has keys.
    First,
    /// The one that comes.
    Second,
}

impl Stage {
    /// The stage after a step; [`Failure::Conflict`] for one that is not next, or the other device's.
    pub fn after(self, side: Side, step: Step) -> Result<Self, Failure> {
        Ok(match (side, self, step) {
            (Side::First, Self::Joined(joined), Step::Nonce(nonce)) => Self::Challenged(joined, nonce),
            (Side::Second, Self::Challenged(joined, nonce), Step::Open(opening)) => {
                Self::Opened(joined, nonce, opening)
            }
            (Side::First, Self::Opened(joined, nonce, opening), Step::Confirm) => {
                Self::Confirmed(joined, nonce, opening)
            }
            (Side::Second, Self::Confirmed(joined, _, opening), Step::Sign(enrolments)) => {
                Self::Signed(joined, opening, enrolments)
            }
            _ => return Err(Failure::Conflict("the step that is next")),
        })
    }

    /// The device that came.
    pub fn joined(&self) -> Option<&Joined> {
        match self {
            Self::Joined(joined)
            | Self::Challenged(joined, _)
            | Self::Opened(joined, ..)
            | Self::Confirmed(joined, ..)
            | Self::Signed(joined, ..) => Some(joined),
            Self::Offered | Self::Finished => None,
        }
    }

    /// Its name, for the browsers.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Joined(_) => "joined",
            Self::Challenged(..) => "challenged",
            Self::Opened(..) => "opened",
            Self::Confirmed(..) => "confirmed",
            Self::Signed(..) => "signed",
            Self::Finished => "finished",
        }
    }
}
