//! What has happened, and where mail of it goes.

use crate::language::Language;
use crate::news::{Digest, Happened, Topic};

/// What has happened, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// Each with whether it was not seen yet.
    pub lines: Vec<Line>,
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub happened: Happened,
    /// The enterprise's name; empty for what is about no enterprise.
    pub company: String,
    /// Page that it is about.
    pub link: String,
    /// Whether it was not seen yet.
    pub unseen: bool,
}

/// How mail to an address stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailState {
    /// This server sends none.
    Never,
    /// No address is known.
    NoAddress,
    /// Whether the address is theirs was asked, and not yet answered.
    Asked,
    /// The address is theirs.
    Confirmed,
}

/// Where a customer wants mail, about what and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// How it stands.
    pub state: MailState,
    /// The address; empty where there is none.
    pub address: String,
    /// The language of mails; none while there is no address.
    pub language: Option<Language>,
    /// How often; none while there is no address.
    pub digest: Option<Digest>,
    /// About what.
    pub topics: Vec<Topic>,
}
