//! The registry of kinds (design, section 4). Numbers are never reused.

/// Kinds below this number are critical: a reader that does not know one denies what it is about.
pub const FIRST_UNCRITICAL: u8 = 128;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// What an entry records.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $variant = $number,)*
        }

        impl Kind {
            /// Every kind of the registry, by rising number.
            pub const ALL: &[Kind] = &[$(Kind::$variant,)*];

            /// By number.
            pub fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// By name, such as `grant.given`.
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name, such as `grant.given`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// A signing key joins a customer's keys; the first one carries evidence.
    KeyEnrolled = 1, "key.enrolled";
    /// A key takes another's place.
    KeyRotated = 2, "key.rotated";
    /// A key is valid no more.
    KeyRevoked = 3, "key.revoked";
    /// A guardian's key joins a minor's keys, until the minor comes of age.
    GuardianNamed = 4, "guardian.named";
    /// How many of an organisation's signatories must sign.
    SignatoriesAgreed = 5, "signatories.agreed";
    /// A version of the vocabulary.
    VocabularyPublished = 8, "vocabulary.published";
    /// A version of a grant template.
    TemplatePublished = 9, "template.published";
    /// A notice as shown to customers.
    NoticePublished = 10, "notice.published";
    /// A policy set.
    PolicyPublished = 11, "policy.published";
    /// An enterprise asks a customer.
    RequestMade = 16, "request.made";
    /// The customer said no.
    RequestDeclined = 17, "request.declined";
    /// The customer agreed.
    GrantGiven = 24, "grant.given";
    /// The customer changed the terms.
    GrantAmended = 25, "grant.amended";
    /// The customer paused all uses under the grant.
    GrantPaused = 26, "grant.paused";
    /// The customer lets them go on.
    GrantResumed = 27, "grant.resumed";
    /// Ended by the customer.
    GrantWithdrawn = 28, "grant.withdrawn";
    /// Ended by anyone else.
    GrantRevoked = 29, "grant.revoked";
    /// A standing rule or an agent's mandate.
    MandateGiven = 30, "mandate.given";
    /// A mandate ended, and with it those handed on from it.
    MandateWithdrawn = 31, "mandate.withdrawn";
    /// A transparency tier, signed by the customer.
    TierAgreed = 32, "tier.agreed";
    /// A milestone, signed by the customer.
    MilestoneConfirmed = 33, "milestone.confirmed";
    /// From when to when data of a source, such as a vehicle, is a customer's.
    SourceOwned = 34, "source.owned";
    /// A customer was erased; names nobody.
    SubjectErased = 40, "subject.erased";
    /// The tenant moved to another log.
    TenantHandedOver = 41, "tenant.handed_over";
    /// A permitted use.
    UseRecorded = 128, "use.recorded";
    /// A use that the gate denied.
    UseDenied = 129, "use.denied";
    /// Data was deleted as the terms ask.
    DataDeleted = 130, "data.deleted";
    /// A recipient has taken a withdrawal in.
    RecipientAcknowledged = 131, "recipient.acknowledged";
    /// A permit that was given back unused.
    UseVoided = 132, "use.voided";
    /// Revenue on which shares are computed.
    RevenueDeclared = 144, "revenue.declared";
    /// A payout became due.
    PayoutAccrued = 145, "payout.accrued";
    /// A period was settled.
    SettlementPosted = 146, "settlement.posted";
    /// A payout was paid.
    PayoutPaid = 147, "payout.paid";
    /// A payout failed.
    PayoutFailed = 148, "payout.failed";
    /// A payout was reversed.
    PayoutReversed = 149, "payout.reversed";
    /// A settlement period ended.
    SettlementClosed = 150, "settlement.closed";
    /// A payment was ordered.
    PayoutOrdered = 151, "payout.ordered";
    /// A data asset was issued.
    AssetIssued = 160, "asset.issued";
    /// A data asset changed hands.
    AssetTransferred = 161, "asset.transferred";
    /// The digest of a record kept elsewhere.
    RecordNotarised = 176, "record.notarised";
    /// The hash of the signing page.
    ClientPublished = 177, "client.published";
    /// The digest of a proof bundle.
    ProofPublished = 178, "proof.published";
    /// The root of the map of grant states.
    StateRoot = 179, "state.root";
    /// Something that the operator did.
    OperatorActed = 180, "operator.acted";
    /// An incident.
    IncidentDeclared = 181, "incident.declared";
}

impl Kind {
    /// The registry's number.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Whether a reader that does not know the kind must deny what it is about.
    pub fn is_critical(self) -> bool {
        self.number() < FIRST_UNCRITICAL
    }

    /// Whether the entry is about the state of one grant and so commits to a time.
    pub fn is_grant_state(self) -> bool {
        matches!(
            self,
            Self::GrantGiven
                | Self::GrantAmended
                | Self::GrantPaused
                | Self::GrantResumed
                | Self::GrantWithdrawn
                | Self::GrantRevoked
        )
    }

    /// Whether the entry brings terms of a grant: its first, or others in their place.
    pub fn is_version(self) -> bool {
        matches!(self, Self::GrantGiven | Self::GrantAmended)
    }

    /// Whether the entry must name an earlier one in its link (design, section 5, "Links"). A use need not: one under a
    /// grant that nobody knows is recorded, too.
    pub fn needs_link(self) -> bool {
        matches!(
            self,
            Self::GrantAmended
                | Self::GrantPaused
                | Self::GrantResumed
                | Self::GrantWithdrawn
                | Self::GrantRevoked
                | Self::DataDeleted
                | Self::RecipientAcknowledged
                | Self::PayoutAccrued
                | Self::PayoutReversed
                | Self::AssetTransferred
        )
    }

    /// Whether everybody may read what the entry records. Its envelope's `aud` is the log itself, no tenant.
    pub fn is_public(self) -> bool {
        matches!(
            self,
            Self::ClientPublished
                | Self::ProofPublished
                | Self::StateRoot
                | Self::OperatorActed
                | Self::IncidentDeclared
        )
    }

    /// Whether gates need the entry: it changes what they decide, or a decision refers to it.
    pub fn is_fed(self) -> bool {
        self.is_critical() && !matches!(self, Self::RequestMade | Self::RequestDeclined)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_back_to_their_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind.number()), Some(*kind));
            assert_eq!(Kind::parse(kind.name()), Some(*kind));
        }
        assert_eq!(Kind::from_number(0), None);
        assert_eq!(Kind::parse("grant"), None);
    }
}
