//! The report as plain text.

use std::fmt;

use super::{Report, words};
use crate::calendar::instant;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Compliance of one enterprise on {} (UTC), log {}", self.day, self.origin)?;
        writeln!(f, "Policy {} ({:?})", self.policy, self.policy_sha256)?;
        writeln!(
            f,
            "Entries {} to {}: {} of the log, {} of the enterprise",
            self.start.size, self.end.size, self.entries, self.own_entries
        )?;
        if self.is_nothing_proved() {
            return writeln!(f, "Nothing proved: the enterprise has no entry on this day");
        }
        writeln!(f, "Complete from entry {}; entries before that are not covered", self.from_size)?;
        let time = instant(self.vouched.time);
        if self.vouched.witnessed {
            writeln!(f, "Witnessed by {} at {time}", self.vouched.witnesses.join(", "))?;
        } else {
            writeln!(f, "Signed by the log, not witnessed; time {time} by the operator's clock")?;
        }
        writeln!(
            f,
            "\n{:<28}{:>10}{:>10}{:>10}{:>10}",
            "statement", "entries", "in sums", "terms", "excepted"
        )?;
        for statement in &self.statements {
            let name = statement.statement.to_string();
            if statement.asked {
                writeln!(
                    f,
                    "{name:<28}{:>10}{:>10}{:>10}{:>10}",
                    statement.entries, statement.summed, statement.terms, statement.exceptions
                )?;
            } else {
                writeln!(f, "{name:<28} not asked")?;
            }
        }
        for exception in &self.exceptions {
            writeln!(
                f,
                "Excepted: leaf {} from {}, opened to {:?}",
                exception.leaf, exception.statement, exception.values
            )?;
        }
        writeln!(f, "\n{}", words::NOT_PROVED.en)
    }
}
