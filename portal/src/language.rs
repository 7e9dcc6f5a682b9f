//! The two languages and their words.

use axum::http::{HeaderMap, header};

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

/// The words of the front page.
pub(crate) struct Text {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) how: [&'static str; 3],
    pub(crate) sandbox: &'static str,
    pub(crate) log: &'static str,
    pub(crate) log_note: &'static str,
    pub(crate) origin: &'static str,
    pub(crate) size: &'static str,
    pub(crate) root: &'static str,
    pub(crate) look: &'static str,
    pub(crate) checkpoint: &'static str,
    pub(crate) openapi: &'static str,
    pub(crate) metrics: &'static str,
    pub(crate) try_it: &'static str,
    pub(crate) try_grant: &'static str,
    pub(crate) try_check: &'static str,
    pub(crate) try_withdraw: &'static str,
    pub(crate) try_log: &'static str,
    pub(crate) other_language: &'static str,
}

const ENGLISH: Text = Text {
    title: "Grantbook",
    lead: "A ledger of consent. Customers decide who may use which of their data, for what, how long and at what price; \
           everyone can check that it was kept to.",
    how: [
        "Customers grant and withdraw with their own keys. Nobody else can sign for them.",
        "Companies ask before each use. Without a matching grant the answer is no.",
        "Every grant, withdrawal and use becomes an entry of a public log that can only grow.",
    ],
    sandbox: "This is a sandbox. Its company is made up and its keys lie on this server. Do not put real data in it.",
    log: "The log",
    log_note: "Entries hold no names and no amounts, only salted digests and commitments.",
    origin: "Origin",
    size: "Entries",
    root: "Root hash",
    look: "Look inside",
    checkpoint: "Signed checkpoint",
    openapi: "Interface description",
    metrics: "Figures for operators",
    try_it: "Try it",
    try_grant: "A customer signs a grant.",
    try_check: "A service asks before it uses the data.",
    try_withdraw: "The customer withdraws; ask again, and the answer is no.",
    try_log: "The log's signed state, as outsiders fetch it.",
    other_language: "中文",
};

const CHINESE: Text = Text {
    title: "Grantbook 授权账本",
    lead: "一本记录同意的账本。由客户决定：谁可以使用自己的哪些数据、用于什么目的、多长时间、以什么价格；是否照办，人人都可查验。",
    how: [
        "客户用自己的密钥授权，也可随时撤回，任何人都不能代签。",
        "企业每次使用数据前都要先询问；没有相符的授权，回答就是“不可以”。",
        "每一次授权、撤回和使用，都会成为公开日志中的一条记录。日志只增不改。",
    ],
    sandbox: "这里是沙盒环境：企业是虚构的，其密钥存放在本服务器上。请勿放入真实数据。",
    log: "公开日志",
    log_note: "记录中没有姓名，也没有金额，只有加盐摘要和承诺值。",
    origin: "日志名称",
    size: "记录数",
    root: "根哈希",
    look: "查看",
    checkpoint: "已签名的检查点",
    openapi: "接口说明",
    metrics: "运行指标",
    try_it: "试一试",
    try_grant: "客户签署一项授权。",
    try_check: "某项服务在使用数据之前询问。",
    try_withdraw: "客户撤回授权；再问一次，回答就是“不可以”。",
    try_log: "日志的签名状态，与外部查验者看到的相同。",
    other_language: "English",
};

impl Language {
    /// `lang` of the query, else what the browser prefers, else English.
    pub fn choose(query: Option<&str>, headers: &HeaderMap) -> Self {
        let asked = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("lang=")));
        if let Some(language) = asked.and_then(Self::of_tag) {
            return language;
        }
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        accepted.and_then(Self::preferred).unwrap_or(Self::English)
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

    /// The language that the page links to.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }

    pub(crate) fn text(self) -> &'static Text {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
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
