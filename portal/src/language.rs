//! Which language a page is in.

use axum::http::{HeaderMap, header};
use grantbook_record::terms::Language as NoticeLanguage;

/// Name of the cookie that remembers the choice.
pub(crate) const COOKIE: &str = "lang";

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// `lang` of the query, else the cookie, else what the browser prefers, else English.
    pub fn choose(query: Option<&str>, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self::asked(query)
            .or_else(|| text(header::COOKIE).and_then(Self::remembered))
            .or_else(|| text(header::ACCEPT_LANGUAGE).and_then(Self::preferred))
            .unwrap_or(Self::English)
    }

    /// What the query asks for, which is then remembered.
    pub(crate) fn asked(query: Option<&str>) -> Option<Self> {
        query?.split('&').find_map(|pair| pair.strip_prefix("lang=")).and_then(Self::of_tag)
    }

    fn remembered(cookies: &str) -> Option<Self> {
        let value = |cookie: &str| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == COOKIE).then(|| Self::of_tag(value))?
        };
        cookies.split(';').find_map(value)
    }

    /// The language with the highest weight (RFC 9110 section 12.5.4), the first of several.
    fn preferred(accepted: &str) -> Option<Self> {
        let mut best: Option<(u16, Self)> = None;
        for range in accepted.split(',').take(32) {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1000), thousandths).unwrap_or(0);
            if let Some(language) = Self::of_tag(tag.trim())
                && weight > best.map_or(0, |(weight, _)| weight)
            {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") {
            Some(Self::Chinese)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Self::English)
        } else {
            None
        }
    }

    /// The tag for `lang` attributes.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// What it calls itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Chinese => "简体中文",
        }
    }

    /// The language that pages link to.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }

    /// The same language, as notices name it.
    pub fn of_notices(self) -> NoticeLanguage {
        match self {
            Self::English => NoticeLanguage::English,
            Self::Chinese => NoticeLanguage::SimplifiedChinese,
        }
    }
}

/// A weight from 0 to 1 with at most three digits after the point.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    let digits = fraction.get(..3.min(fraction.len()))?;
    let fraction: u16 = format!("{digits:0<3}").parse().ok()?;
    Some((whole * 1000 + fraction).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_asked_for_or_remembered_or_preferred() {
        for (query, cookie, accepted, expected) in [
            (None, None, None, Language::English),
            (Some("lang=zh"), None, Some("en"), Language::Chinese),
            (Some("x=1&lang=zh-CN"), Some("lang=en"), None, Language::Chinese),
            (Some("lang=en"), None, Some("zh-CN"), Language::English),
            (Some("lang=fr"), None, Some("zh"), Language::Chinese),
            (None, Some("a=b; lang=zh-CN"), Some("en"), Language::Chinese),
            (None, Some("xlang=zh-CN; lang=de"), Some("en"), Language::English),
            (None, None, Some("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese),
            (None, None, Some("de,en;q=0.5,zh;q=0.7"), Language::Chinese),
            (None, None, Some("en, zh;q=0.999"), Language::English),
            (None, None, Some("zh;q=0, en;q=0.1"), Language::English),
            (None, None, Some("de, fr"), Language::English),
            (None, None, Some(";;;,q=,zh;q=x"), Language::English),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::COOKIE, cookie), (header::ACCEPT_LANGUAGE, accepted)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(Language::choose(query, &headers), expected, "{query:?} {cookie:?} {accepted:?}");
        }
    }
}
