//! What commands print: text for people, or one JSON object as the last line for machines.

use std::io::{self, Write as _};

use serde::Serialize;

use super::failure::Failure;

/// How the answer is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

/// What a command comes to, once it has said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Exit status 0.
    Yes,
    /// Exit status 1: denied, or invalid.
    No,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// For people only.
    pub(crate) fn say(self, text: impl AsRef<str>) {
        if !self.json {
            line(text.as_ref());
        }
    }

    /// What must not be overlooked: on standard error, whoever reads.
    pub(crate) fn warn(text: impl AsRef<str>) {
        let _ = writeln!(io::stderr(), "grantbook: {}", text.as_ref());
    }

    /// For machines only: the last line.
    pub(crate) fn result(self, result: &impl Serialize) {
        if self.json {
            line(&serde_json::to_string(result).unwrap_or_default());
        }
    }

    /// What went wrong: on standard error, and for machines also as the result.
    pub(crate) fn failure(self, failure: &Failure) {
        let _ = writeln!(io::stderr(), "grantbook: {failure}");
        self.result(&serde_json::json!({ "error": failure.to_string(), "status": failure.status() }));
    }
}

/// A reader that has gone away, such as `head`, is no reason to panic.
fn line(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
