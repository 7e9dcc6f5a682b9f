//! What rules may turn on: the fixed attributes of one decision.

use serde::{Deserialize, Serialize};

/// What an attribute's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A number of 64 bits with its sign.
    Long,
    /// A word.
    Word,
    /// A set of words.
    Words,
}

impl Kind {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "a truth value",
            Self::Long => "a number",
            Self::Word => "a word",
            Self::Words => "a set of words",
        }
    }
}

macro_rules! attributes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $kind:ident, $optional:literal;)*) => {
        /// An attribute of a decision. Names and meanings: `docs/spec/policy-plan.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Attribute {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Attribute {
            /// Every attribute.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name, such as `grant.consents`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What its values are.
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            /// Whether a decision may lack it; reading it then is an error.
            pub fn is_optional(self) -> bool {
                match self { $(Self::$variant => $optional,)* }
            }
        }
    };
}

attributes! {
    /// Who asks.
    Requester = "requester", Word, false;
    /// What is done with the data.
    Action = "action", Word, false;
    /// The customer's age in full years, where a grant of theirs states the birth day.
    Age = "customer.age", Long, true;
    /// Who receives the data.
    Recipient = "recipient", Word, false;
    /// What for.
    Purpose = "purpose", Word, false;
    /// Categories of the data.
    Categories = "categories", Words, false;
    /// Fields of the data.
    Fields = "fields", Words, false;
    /// How sensitive the categories are.
    Sensitivities = "sensitivities", Words, false;
    /// First day on which the data arose, days since 1970-01-01.
    DataFrom = "data_from", Long, false;
    /// Last day on which the data arose.
    DataTo = "data_to", Long, false;
    /// How far the use personalises.
    Level = "level", Long, true;
    /// To whom the recipient passes the data on.
    Onward = "onward", Words, false;
    /// Countries to which the data goes: those of the recipient and of whom it is passed on to; `unknown` for parties of whom
    /// the plan says nothing.
    Countries = "countries", Words, false;
    /// What protects the data with every one of these parties.
    Safeguards = "safeguards", Words, false;
    /// When, Unix seconds.
    Now = "now", Long, false;
    /// Whether the grant is in force.
    GrantStatus = "grant.status", Word, false;
    /// Who answers for the use.
    GrantController = "grant.controller", Word, false;
    /// Who may receive the data.
    GrantRecipient = "grant.recipient", Word, false;
    /// What for it was granted.
    GrantPurpose = "grant.purpose", Word, false;
    /// Categories of which something was granted.
    GrantCategories = "grant.categories", Words, false;
    /// First second in force, Unix.
    GrantStarts = "grant.starts", Long, false;
    /// First second no longer in force, Unix.
    GrantEnds = "grant.ends", Long, false;
    /// Name of the template.
    GrantTemplate = "grant.template", Word, false;
    /// Version of the template.
    GrantTemplateVersion = "grant.template_version", Long, false;
    /// Uses that it allows over its whole life.
    GrantUses = "grant.uses", Long, true;
    /// Days after a use by which its data is deleted, obligations to delete included.
    GrantRetentionDays = "grant.retention_days", Long, true;
    /// How far it lets uses personalise.
    GrantLevel = "grant.level", Long, true;
    /// How the customer is compensated.
    GrantCompensation = "grant.compensation", Word, false;
    /// Price for a use or for the grant, minor units; 0 where there is none.
    GrantPrice = "grant.price", Long, false;
    /// Consents that were given separately.
    GrantConsents = "grant.consents", Words, false;
    /// Who stands behind it: `customer`, or `guardian` for a minor.
    GrantGiver = "grant.giver", Word, false;
    /// Laws whose demands its notice meets.
    GrantNotice = "grant.notice", Words, false;
    /// Kinds of obligations.
    GrantObligations = "grant.obligations", Words, false;
    /// Language of the notice that was shown.
    GrantLanguage = "grant.language", Word, false;
}
