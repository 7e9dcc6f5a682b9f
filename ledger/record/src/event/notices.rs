//! Notices, and what they say part by part. Specification: `docs/spec/people.md`, "Notices".

use serde::{Deserialize, Serialize};

use crate::id::Term;
use crate::list::List;
use crate::terms::Language;

/// A notice as shown to customers. Signed by the enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticePublished {
    /// Its name.
    pub id: Term,
    /// Its version, from 1.
    pub version: u32,
    /// Language of the text.
    pub language: Language,
    /// The text; grants name its SHA-256.
    pub text: String,
    /// What it says, part by part, where somebody must be able to check that nothing is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<Box<NoticeContents>>,
}

impl NoticePublished {
    /// A text alone.
    pub fn of_text(id: Term, version: u32, language: Language, text: String) -> Self {
        Self { id, version, language, text, contents: None }
    }
}

/// A law that says what a notice must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// Regulation (EU) 2023/2854.
    DataAct,
    /// India's Digital Personal Data Protection Act, 2023.
    Dpdp,
    /// Regulation (EU) 2016/679.
    Gdpr,
    /// China's Personal Information Protection Law.
    Pipl,
}

impl Law {
    /// Every law.
    pub const ALL: &[Self] = &[Self::DataAct, Self::Dpdp, Self::Gdpr, Self::Pipl];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::DataAct => "data-act",
            Self::Dpdp => "dpdp",
            Self::Gdpr => "gdpr",
            Self::Pipl => "pipl",
        }
    }
}

/// What a notice says. Each text stands in the notice's own text, word for word, except the sentences of consents, which are
/// shown apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeContents {
    /// Laws whose demands it meets.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub laws: List<Law, 0, 8>,
    /// The controller, as terms name it.
    pub controller: Term,
    /// Who that is, for people.
    pub identity: String,
    /// How to reach the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What the data is used for.
    pub purposes: List<Term, 1, 16>,
    /// On what legal ground.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
    /// Which data.
    pub categories: List<Term, 1, 64>,
    /// Who receives it.
    pub recipients: List<Term, 1, 64>,
    /// How long it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
    /// Which rights people have, and how they use them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<String>,
    /// How to withdraw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<String>,
    /// To which authority to complain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaint: Option<String>,
    /// Receivers in other countries.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub cross_border: List<CrossBorder, 0, 64>,
    /// Why sensitive data is needed, and what that means for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitive: Option<String>,
    /// How automated decisions are made and what follows from them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automated: Option<String>,
    /// What is asked separately.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub consents: List<ConsentSentence, 0, 16>,
}

/// A receiver in another country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossBorder {
    /// Who, as terms name it.
    pub party: Term,
    /// Where, and what protects the data there; who it is and how to reach it.
    pub text: String,
}

/// The sentence by which a separate consent is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentSentence {
    /// What to, such as `third-party`.
    pub to: Term,
    /// The sentence; consents name its SHA-256.
    pub sentence: String,
}
