//! A grant's terms: who may use which data for what, how long, how often, and for what price.

use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::compensation::{Benefit, TieredPrice, TieredShare};
use crate::day::{SecondsSince2020, UnixSeconds};
use crate::encoding::Bytes32;
use crate::id::{Jti, Term};
use crate::list::List;
use crate::money::{Currency, Price};
use crate::scope::Scope;
use crate::vocabulary::VocabularyVersion;

/// The committed stand-in for "no cap" and "no limit".
pub const UNLIMITED: u32 = u32::MAX;

/// What the customer agrees to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The version of the vocabulary whose words these are, whatever later versions say.
    #[serde(default, skip_serializing_if = "VocabularyVersion::is_first")]
    pub vocabulary: VocabularyVersion,
    /// Who decides why and how the data is used: the enterprise's name in the vocabulary.
    pub controller: Term,
    /// Who receives the data.
    pub recipient: Term,
    /// What for.
    pub purpose: Term,
    /// Which data.
    pub scope: Scope,
    /// From when to when the data may be used.
    pub validity: Validity,
    /// How often and how far.
    #[serde(default)]
    pub limits: Limits,
    /// What the customer gets.
    pub compensation: Compensation,
    /// What the user of the data must do.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub obligations: List<Obligation, 0, 16>,
    /// The notice that was shown.
    pub notice: NoticeShown,
    /// The template that bounds the terms.
    pub template: TemplateRef,
    /// Consents given separately, such as `third-party`.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub consents: List<Term, 0, 16>,
    /// An earlier grant of the same customer that ends when this one is admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<Jti>,
    /// The data asset that may be used, and nothing else: then the grant is a licence of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<Licence>,
}

/// The asset of which a grant is a licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// The `jti` of its `asset.issued`.
    pub asset: Jti,
    /// Grants of the same customer with any of which it ends.
    #[serde(default, skip_serializing_if = "list_is_empty")]
    pub ends_with: List<Jti, 0, 16>,
}

/// Start included, end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawValidity")]
pub struct Validity {
    start: UnixSeconds,
    end: UnixSeconds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawValidity {
    start: UnixSeconds,
    end: UnixSeconds,
}

impl TryFrom<RawValidity> for Validity {
    type Error = &'static str;
    fn try_from(raw: RawValidity) -> Result<Self, Self::Error> {
        Self::new(raw.start, raw.end).ok_or("malformed validity, expected 2020 <= start < end < 2156")
    }
}

impl Validity {
    /// `None` unless the start lies before the end and both fit the committed form.
    pub fn new(start: UnixSeconds, end: UnixSeconds) -> Option<Self> {
        let fits = |at: UnixSeconds| at.since_2020().unix() == at;
        (start < end && fits(start) && fits(end)).then_some(Self { start, end })
    }

    /// First second of validity.
    pub fn start(&self) -> UnixSeconds {
        self.start
    }

    /// First second after it.
    pub fn end(&self) -> UnixSeconds {
        self.end
    }
}

/// How often the data may be used and how long it may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Uses over the grant's whole life, amendments included; absent: no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<UseCap>,
    /// Uses within any one window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Days after a use by which the data is deleted; absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<RetentionDays>,
    /// Personalisation level, 0 to 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}

macro_rules! bounded {
    ($(#[$doc:meta])* $name:ident($inner:ty), $min:expr, $max:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "u64", into = "u64")]
        pub struct $name($inner);

        impl $name {
            /// `None` outside its bounds.
            pub fn new(value: $inner) -> Option<Self> {
                ($min..=$max).contains(&value).then_some(Self(value))
            }

            /// The number.
            pub fn get(self) -> $inner {
                self.0
            }
        }

        impl TryFrom<u64> for $name {
            type Error = &'static str;
            fn try_from(value: u64) -> Result<Self, Self::Error> {
                <$inner>::try_from(value).ok().and_then(Self::new).ok_or($expected)
            }
        }

        impl From<$name> for u64 {
            fn from(value: $name) -> Self {
                value.0.into()
            }
        }
    };
}

bounded!(
    /// A number of uses.
    UseCap(u32), 1, UNLIMITED - 1, "out of range, expected 1 to 4294967294"
);
bounded!(
    /// Days between a use and the deletion of its data.
    RetentionDays(u32), 0, 36_500, "out of range, expected 0 to 36500"
);
bounded!(
    /// A personalisation level.
    Level(u8), 0, 4, "out of range, expected 0 to 4"
);
bounded!(
    /// Hundredths of a percent.
    BasisPoints(u16), 1, 10_000, "out of range, expected 1 to 10000"
);
bounded!(
    /// The length of a window, in seconds.
    WindowSeconds(u32), 1, 31_622_400, "out of range, expected 1 to 31622400"
);

bounded!(
    /// How many mandates may be handed on one below the other.
    Depth(u8), 0, 4, "out of range, expected 0 to 4"
);

impl Depth {
    /// Whether none may be, which JSON leaves out.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub fn is_none(&self) -> bool {
        self.0 == 0
    }
}

#[allow(clippy::derivable_impls, reason = "the other bounded numbers have no least one that means none")]
impl Default for Depth {
    fn default() -> Self {
        Self(0)
    }
}

/// At most `uses` within any `seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Uses allowed.
    pub uses: UseCap,
    /// Length of the window: it begins with the first use after the last one ended.
    pub seconds: WindowSeconds,
}

/// What the customer gets for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compensation {
    /// No money.
    None,
    /// Once, for the grant.
    PerGrant(Price),
    /// For each use.
    PerUse(Price),
    /// A share of declared revenue.
    RevenueShare(RevenueShare),
    /// For each use, rising with the uses of a period.
    TieredPrice(TieredPrice),
    /// A share of declared revenue, rising with the revenue of a period.
    TieredShare(TieredShare),
    /// Something other than money.
    Benefit(Benefit),
}

/// A share of declared revenue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevenueShare {
    /// Currency of the revenue.
    pub currency: Currency,
    /// The share.
    pub basis_points: BasisPoints,
}

impl Compensation {
    /// The currency, none without money.
    pub fn currency(&self) -> Currency {
        match self {
            Self::None | Self::Benefit(_) => Currency::NONE,
            Self::PerGrant(price) | Self::PerUse(price) => price.currency,
            Self::RevenueShare(share) => share.currency,
            Self::TieredPrice(price) => price.currency,
            Self::TieredShare(share) => share.currency,
        }
    }

    /// The committed price: per use or per grant, 0 otherwise. Minor units.
    pub fn price_minor(&self) -> u32 {
        match self {
            Self::PerGrant(price) | Self::PerUse(price) => price.minor,
            Self::TieredPrice(price) => price.minor,
            Self::None | Self::RevenueShare(_) | Self::TieredShare(_) | Self::Benefit(_) => 0,
        }
    }

    /// What one use pays. Minor units.
    pub fn payout_per_use_minor(&self) -> u32 {
        match self {
            Self::PerUse(price) => price.minor,
            Self::TieredPrice(price) => price.minor,
            _ => 0,
        }
    }
}

/// Something that the user of the data must do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obligation {
    /// Replace the fields' values.
    Mask(Fields),
    /// Pass on these fields only.
    KeepFields(Fields),
    /// Coarsen one field.
    Generalise(Generalise),
    /// Delete the data within days of the use.
    DeleteBy(DeleteBy),
    /// Mark what is passed on.
    Watermark(Watermark),
    /// Tell somebody of the use.
    Notify(Notify),
    /// Show these fields in audits alone.
    AuditOnly(Fields),
}

/// A list of fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// Their names.
    pub fields: List<Term, 1, 64>,
}

/// A field and how coarse it becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generalise {
    /// Name of the field.
    pub field: Term,
    /// The level, a word of the vocabulary such as `city` or `month`.
    pub to: Term,
}

/// A deadline for deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteBy {
    /// Days after the use.
    pub days: RetentionDays,
}

/// A mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watermark {
    /// What the mark says.
    pub label: Term,
}

/// Somebody to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Whom.
    pub party: Term,
}

/// The notice that was shown, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeShown {
    /// SHA-256 of the notice's text, which `notice.published` holds.
    pub hash: Bytes32,
    /// Language in which it was shown.
    pub language: Language,
    /// When.
    pub shown_at: UnixSeconds,
}

/// A language in which notices are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[serde(rename = "en")]
    English,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    SimplifiedChinese,
}

/// A version of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateRef {
    /// Its name.
    pub id: Term,
    /// Its version, from 1.
    pub version: u32,
    /// SHA-256 of the envelope that published it.
    pub hash: Bytes32,
}

impl Terms {
    /// Days after a use in which its data must be deleted: the least of the limit and of obligations to delete.
    pub fn deletion_days(&self) -> Option<u32> {
        let obliged = self.obligations.iter().filter_map(|obligation| match obligation {
            Obligation::DeleteBy(delete) => Some(delete.days),
            _ => None,
        });
        obliged.chain(self.limits.retention_days).map(RetentionDays::get).min()
    }

    /// The committed values of the class [`Class::Terms`] or, with a birth day, [`Class::TermsWithBirthDay`].
    pub fn committed(&self, birth_day: Option<u32>) -> (Class, Vec<u32>) {
        let SecondsSince2020(start) = self.validity.start().since_2020();
        let SecondsSince2020(end) = self.validity.end().since_2020();
        let mut values = vec![
            start,
            end,
            self.limits.uses.map_or(UNLIMITED, UseCap::get),
            self.compensation.price_minor(),
            self.deletion_days().unwrap_or(UNLIMITED),
        ];
        match birth_day {
            Some(day) => {
                values.push(day);
                (Class::TermsWithBirthDay, values)
            }
            None => (Class::Terms, values),
        }
    }
}

fn list_is_empty<T, const MAX: usize>(list: &List<T, 0, MAX>) -> bool {
    list.is_empty()
}
