//! Money: integer minor units with an ISO 4217 currency. No floats anywhere.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// An amount in the currency's minor unit (fen, cent).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MinorUnits(pub u64);

/// An ISO 4217 currency: its numeric code; 0 stands for none and has no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(u16);

/// (alphabetic code, numeric code, digits of the minor unit), after ISO 4217 list one.
const CURRENCIES: &[(&str, u16, u8)] = &[
    ("AED", 784, 2),
    ("AUD", 36, 2),
    ("BRL", 986, 2),
    ("CAD", 124, 2),
    ("CHF", 756, 2),
    ("CNY", 156, 2),
    ("CZK", 203, 2),
    ("DKK", 208, 2),
    ("EUR", 978, 2),
    ("GBP", 826, 2),
    ("HKD", 344, 2),
    ("HUF", 348, 2),
    ("IDR", 360, 2),
    ("ILS", 376, 2),
    ("INR", 356, 2),
    ("JPY", 392, 0),
    ("KRW", 410, 0),
    ("MXN", 484, 2),
    ("MYR", 458, 2),
    ("NOK", 578, 2),
    ("NZD", 554, 2),
    ("PHP", 608, 2),
    ("PLN", 985, 2),
    ("RON", 946, 2),
    ("SAR", 682, 2),
    ("SEK", 752, 2),
    ("SGD", 702, 2),
    ("THB", 764, 2),
    ("TRY", 949, 2),
    ("TWD", 901, 2),
    ("USD", 840, 2),
    ("VND", 704, 0),
    ("ZAR", 710, 2),
];

impl Currency {
    /// No currency: entries without money.
    pub const NONE: Self = Self(0);

    /// By alphabetic code, such as `CNY`.
    pub fn parse(code: &str) -> Option<Self> {
        CURRENCIES.iter().find(|(alpha, ..)| *alpha == code).map(|(_, numeric, _)| Self(*numeric))
    }

    /// By numeric code; 0 is [`Currency::NONE`].
    pub fn from_numeric(code: u16) -> Option<Self> {
        (code == 0 || CURRENCIES.iter().any(|(_, numeric, _)| *numeric == code)).then_some(Self(code))
    }

    /// The numeric code, 0 for none.
    pub fn numeric(self) -> u16 {
        self.0
    }

    /// The alphabetic code; empty for none.
    pub fn code(self) -> &'static str {
        CURRENCIES.iter().find(|(_, numeric, _)| *numeric == self.0).map_or("", |(alpha, ..)| alpha)
    }

    /// How many decimal digits the minor unit stands for.
    pub fn minor_digits(self) -> u8 {
        CURRENCIES.iter().find(|(_, numeric, _)| *numeric == self.0).map_or(0, |(.., digits)| *digits)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom("unknown currency, expected an ISO 4217 code such as CNY"))
    }
}

/// A country by its alpha-2 code of ISO 3166-1, such as `CN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// Two capital letters; whether there is such a country is not looked at.
    pub fn parse(code: &str) -> Option<Self> {
        let letters: [u8; 2] = code.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// The two letters.
    pub fn code(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Serialize for CountryCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for CountryCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("malformed country, expected two capital letters"))
    }
}

/// What a use or a grant costs. Below 2³² minor units, so that it fits its range proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Currency of the amount.
    pub currency: Currency,
    /// Amount in minor units.
    pub minor: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_unambiguous() {
        for pair in CURRENCIES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
        let numeric: std::collections::BTreeSet<_> = CURRENCIES.iter().map(|c| c.1).collect();
        assert_eq!(numeric.len(), CURRENCIES.len());
        assert!(!numeric.contains(&0));
    }

    #[test]
    fn prices_refuse_what_no_range_proof_covers() {
        assert!(crate::strict_json::parse::<Price>(br#"{"currency":"CNY","minor":4294967295}"#).is_ok());
        assert!(crate::strict_json::parse::<Price>(br#"{"currency":"CNY","minor":4294967296}"#).is_err());
        assert!(crate::strict_json::parse::<Price>(br#"{"currency":"CNY","minor":0.8}"#).is_err());
        assert!(crate::strict_json::parse::<Price>(br#"{"currency":"cny","minor":80}"#).is_err());
    }
}
