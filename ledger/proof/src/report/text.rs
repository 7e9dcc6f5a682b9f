//! The report as plain text.

use std::fmt;

use super::Report;

/// What no bundle can show.
pub const NOT_PROVED: &str = "Not proved: that what was recorded is true, that every use was recorded, that an \
entry has the kind that it should have, and what groups of terms fix. These rest on customers' signatures and on audits of \
entries drawn at random.";

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
        match self.vouched.witnessed {
            true => {
                writeln!(f, "Witnessed by {} at {}", self.vouched.witnesses.join(", "), self.vouched.time.0)?
            }
            false => writeln!(
                f,
                "Signed by the log, not witnessed; time {} by the operator's clock",
                self.vouched.time.0
            )?,
        }
        writeln!(f)?;
        for statement in &self.statements {
            let name = statement.statement.to_string();
            if statement.asked {
                writeln!(
                    f,
                    "{name:<28}{:>10} entries {:>10} terms {:>6} excepted",
                    statement.entries, statement.terms, statement.exceptions
                )?;
            } else {
                writeln!(f, "{name:<28}not asked")?;
            }
        }
        for exception in &self.exceptions {
            writeln!(
                f,
                "Excepted: leaf {} from {}, opened to {:?}",
                exception.leaf, exception.statement, exception.values
            )?;
        }
        writeln!(f, "\n{NOT_PROVED}")
    }
}
