//! The report as plain text.

use std::fmt;

use super::{Report, words};

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
        let time = self.vouched.time.0;
        if self.vouched.witnessed {
            writeln!(f, "Witnessed by {} at {time}", self.vouched.witnesses.join(", "))?;
        } else {
            writeln!(f, "Signed by the log, not witnessed; time {time} by the operator's clock")?;
        }
        writeln!(f)?;
        for statement in &self.statements {
            let name = statement.statement.to_string();
            if statement.asked {
                write!(
                    f,
                    "{name:<28}{:>10} entries {:>10} terms {:>6} excepted",
                    statement.entries, statement.terms, statement.exceptions
                )?;
                if statement.summed > 0 {
                    write!(f, ", sums of {} entries", statement.summed)?;
                }
                writeln!(f)?;
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
        writeln!(f, "\n{}", words::NOT_PROVED.en)
    }
}
