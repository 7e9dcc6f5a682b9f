//! A word that nobody is shown by accident.

use std::convert::Infallible;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A bearer token. It can be sent and written where it must be; what prints values for people prints none of it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for Secret {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl Deref for Secret {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn no_token_is_printed_with_what_holds_it() {
        let words = ["grantbook", "check", "--server", "http://a", "--token", "gbk_0123456789"];
        let cli = Cli::try_parse_from(words).unwrap();
        assert!(!format!("{cli:?} {cli:#?}").contains("0123456789"), "{cli:?}");
    }
}
