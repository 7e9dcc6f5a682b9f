//! Why an event is not admitted.

use grantbook_record::Term;
use grantbook_record::day::UnixSeconds;

use super::TEXT_BYTES_MAX;
use crate::mandate::MandateError;
use crate::rules::PlanError;
use crate::vocabulary::VocabularyError;

/// Why an event is not admitted, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The envelope is not signed by exactly those who must sign it.
    #[error("not signed by the right keys, expected {expected}")]
    Signers {
        /// Who must sign.
        expected: &'static str,
    },
    /// No key of this customer is enrolled.
    #[error("unknown customer, expected one with an enrolled key")]
    UnknownCustomer,
    /// The customer has a key already, so a further one needs the word of an enrolled key.
    #[error("customer has keys already, expected evidence by an enrolled key")]
    AlreadyEnrolled,
    /// The key is or was one of the customer's.
    #[error("key is enrolled already, expected a new one")]
    KeyKnown,
    /// The customer has a recovery key, and only that one names the next.
    #[error("recovery key is fixed, expected it to be changed by a rotation that it signs")]
    RecoveryFixed,
    /// No recovery key was given, or another one.
    #[error("no such recovery key, expected the one whose thumbprint was enrolled last")]
    NoSuchRecovery,
    /// No such key that may still sign.
    #[error("no such key, expected one that is enrolled and has not ended")]
    NoSuchKey,
    /// No such grant of this customer.
    #[error("no such grant, expected the jti of a grant.given of this customer")]
    NoSuchGrant,
    /// The grant has ended.
    #[error("grant has ended, expected one that is active or paused")]
    GrantEnded,
    /// The grant is not in the state that the event changes.
    #[error("grant is {got}, expected it to be {expected}")]
    GrantStatus {
        /// The state that the event changes.
        expected: &'static str,
        /// The state it is in.
        got: &'static str,
    },
    /// Signed before what it would change, as one that is put on the log again is.
    #[error("made before the last change of what it is about, expected an event that was made after it")]
    Again,
    /// The event that is acknowledged did not end the grant.
    #[error("grant was not ended by that event, expected the jti of its withdrawal or revocation")]
    NoSuchEnd,
    /// Somebody who has nothing to acknowledge, or not by this word.
    #[error(
        "not a recipient of that kind, expected the one of the terms by gates, others whom uses name by themselves"
    )]
    NotARecipient,
    /// The recipient has acknowledged the end.
    #[error("recipient has acknowledged already, expected it once")]
    AlreadyAcknowledged,
    /// No such use under the grant.
    #[error("no such use, expected a recorded one that this grant permitted")]
    NoSuchUse,
    /// The data of that use and of later ones is deleted.
    #[error("deletion reaches no further than the last one, expected a later use")]
    DeletedAlready,
    /// Deleted at a time that has not come.
    #[error("deleted in the future, expected a time up to the ledger's clock")]
    DeletedAhead,
    /// No such open request.
    #[error("no such request, expected one that is open and has not expired")]
    NoSuchRequest,
    /// What a mandate does not allow.
    #[error(transparent)]
    Mandate(#[from] MandateError),
    /// A term that the vocabulary does not have.
    #[error("unknown {what}, expected a term of the vocabulary")]
    UnknownTerm {
        /// Which part of the terms.
        what: &'static str,
    },
    /// No such template, or its hash differs.
    #[error("no such template, expected id, version and hash of one published")]
    NoSuchTemplate,
    /// No such notice.
    #[error("no such notice, expected the hash of one published")]
    NoSuchNotice,
    /// The terms go beyond the template.
    #[error("{what} outside the template, expected {expected}")]
    OutsideTemplate {
        /// Which part of the terms.
        what: &'static str,
        /// The bound.
        expected: &'static str,
    },
    /// Validity that has ended already.
    #[error("validity has ended, expected an end after the ledger's clock")]
    AlreadyExpired,
    /// An amendment that would be another grant.
    #[error("amendment changes the {what}, expected a new grant")]
    AmendmentChanges {
        /// What it changes.
        what: &'static str,
    },
    /// A version out of sequence.
    #[error("version out of sequence, expected {expected}")]
    Version {
        /// The next version.
        expected: u32,
    },
    /// Rules that cannot be evaluated.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// No rules are in shadow.
    #[error("no rules are in shadow, expected some to have been published so")]
    NoCandidate,
    /// Other rules than those in shadow.
    #[error("not the rules in shadow, expected {expected}")]
    OtherCandidate {
        /// What is the same.
        expected: &'static str,
    },
    /// Rules whose shadow goes on.
    #[error("the rules are in shadow until {until}, expected to be promoted then, or a reason why earlier")]
    StillInShadow {
        /// First second after it.
        until: UnixSeconds,
    },
    /// A text that is empty or too long.
    #[error("text of {got} bytes, expected 1 to {TEXT_BYTES_MAX}")]
    Text {
        /// Its bytes.
        got: usize,
    },
    /// A version of the vocabulary that is not the next one.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// A template that restores an earlier version, and is another.
    #[error("restores no earlier version, expected one of the same template, word for word")]
    NotRestored,
    /// An owner period that does not go on from those before.
    #[error("owner period does not go on from the last, expected {expected}")]
    OwnerPeriod {
        /// What it may be.
        expected: &'static str,
    },
    /// No such asset of this customer.
    #[error("no such asset, expected the jti of an asset.issued of this customer")]
    NoSuchAsset,
    /// A report that the grants do not let be derived.
    #[error("not derived as grants allow, expected {expected}")]
    NotDerivable {
        /// What they ask.
        expected: &'static str,
    },
    /// An asset that may not go there.
    #[error("asset is not transferable so, expected {expected}")]
    NotTransferable {
        /// Where it may go.
        expected: &'static str,
    },
    /// A licence that goes beyond what its asset offers.
    #[error("{what} outside the asset's terms, expected {expected}")]
    OutsideLicence {
        /// Which part of the licence.
        what: &'static str,
        /// The bound.
        expected: &'static str,
    },
    /// Nobody who may has signed for a minor, or the guardian is none.
    #[error("minor without what protects one, expected {expected}")]
    Guardian {
        /// What is needed.
        expected: &'static str,
    },
    /// A guardian signs for somebody who has come of age.
    #[error("customer has come of age, expected a guardian to withdraw or pause, and nothing else")]
    CameOfAge,
    /// Signatories who are none, or too few of them.
    #[error("not by the signatories, expected {expected}")]
    Signatories {
        /// What is needed.
        expected: &'static str,
    },
    /// Data of joint owners, of whom one has not signed.
    #[error("not by every joint owner, expected {expected}")]
    JointOwners {
        /// What is needed.
        expected: &'static str,
    },
    /// The customer said no, or nothing twice, not long ago.
    #[error(
        "asked again too soon, expected no such request before {until} unless it is as narrow as the refusal asks"
    )]
    AskedAgain {
        /// First second in which it may be asked again, Unix.
        until: UnixSeconds,
    },
    /// A notice that contradicts itself.
    #[error("notice with contents that are not its own, expected {expected}")]
    Notice {
        /// What was expected.
        expected: &'static str,
    },
    /// A notice that is said to meet a law and does not.
    #[error("notice without {what}, expected it by {law} {provision}")]
    NoticeLacks {
        /// The member.
        what: &'static str,
        /// The law.
        law: &'static str,
        /// Its provision.
        provision: &'static str,
    },
    /// A notice that is not said to meet a law that the rules name.
    #[error("notice that is not made for {law}, expected one with the contents that it demands")]
    NoticeOf {
        /// The law.
        law: &'static str,
    },
    /// Terms of which the notice says nothing.
    #[error("{what} that the notice does not name, expected what customers were told")]
    NotInNotice {
        /// Which part of the terms.
        what: &'static str,
    },
    /// Separate consents that were not given one by one.
    #[error("consents not given separately, expected {expected}")]
    Consents {
        /// What was expected.
        expected: &'static str,
    },
    /// A separate consent that the rules demand for such terms.
    #[error("no consent to {to}, expected it separately for such terms")]
    ConsentMissing {
        /// What to.
        to: Term,
    },
    /// More than one customer or tenant may have.
    #[error("too many {what}, expected at most {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}
