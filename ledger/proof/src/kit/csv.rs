//! Tables as comma-separated values (RFC 4180), for spreadsheets.

use super::figure::Figure;
use super::tables::Tables;

impl Tables {
    /// The record of processing.
    pub(super) fn record_csv(&self) -> String {
        let head = [
            "controller",
            "recipient",
            "purpose",
            "template",
            "version",
            "legal_basis",
            "categories",
            "retention_days_max",
            "obligations",
            "consents",
            "active_grants",
            "controller_name",
            "controller_contact",
            "joint_controller",
            "representative",
            "data_protection_officer",
            "recipient_name",
            "third_country",
            "safeguards",
        ];
        let mut text = line(&head);
        for activity in &self.record.activities {
            let details = self.details.as_ref();
            let contact = details.and_then(|details| details.controllers.get(&activity.controller));
            let place = details.and_then(|details| details.recipients.get(&activity.recipient));
            let text_of = |text: Option<&super::Text>| text.map_or("", super::Text::as_str).to_owned();
            let terms = |terms: &[grantbook_record::Term]| {
                terms.iter().map(grantbook_record::Term::as_str).collect::<Vec<_>>().join("; ")
            };
            text.push_str(&line(&[
                activity.controller.to_string(),
                activity.recipient.to_string(),
                activity.purpose.to_string(),
                activity.template.to_string(),
                activity.version.to_string(),
                activity.legal_basis.clone(),
                terms(&activity.categories),
                activity.retention_days_max.map_or_else(|| "unlimited".to_owned(), |days| days.to_string()),
                activity.obligations.join("; "),
                terms(&activity.consents),
                activity.active_grants.to_string(),
                text_of(contact.map(|contact| &contact.name)),
                text_of(contact.map(|contact| &contact.contact)),
                text_of(contact.and_then(|contact| contact.joint_controller.as_ref())),
                text_of(contact.and_then(|contact| contact.representative.as_ref())),
                text_of(contact.and_then(|contact| contact.data_protection_officer.as_ref())),
                text_of(place.map(|place| &place.name)),
                text_of(place.and_then(|place| place.third_country.as_ref())),
                text_of(place.and_then(|place| place.safeguards.as_ref())),
            ]));
        }
        text
    }

    /// Counts and rates.
    pub(super) fn rates_csv(&self) -> String {
        let mut text = line(&["figure", "value"]);
        for (name, figure) in self.figures() {
            text.push_str(&line(&[name, figure.to_string()]));
        }
        text
    }

    /// The statement `fair-pay`, day by day.
    pub(super) fn fairness_csv(&self) -> String {
        let mut text = line(&["day", "outcome", "comparisons", "exceptions"]);
        for day in &self.fairness {
            let outcome = day.outcome.name().to_owned();
            text.push_str(&line(&[
                day.day.clone(),
                outcome,
                day.comparisons.to_string(),
                day.exceptions.to_string(),
            ]));
        }
        text
    }

    /// Every figure that is not of one activity or day, by name.
    fn figures(&self) -> Vec<(String, Figure)> {
        let (requests, withdrawals) = (&self.requests, &self.withdrawals);
        let mut figures = vec![
            ("active_grants", self.record.active_grants),
            ("requests", requests.made),
            ("requests_granted", requests.granted),
            ("requests_declined", requests.declined),
            ("requests_unanswered", requests.unanswered),
            ("authorisation_rate_basis_points", requests.authorisation_rate),
            ("response_rate_basis_points", requests.response_rate),
            ("response_line_basis_points", Figure::Number(requests.response_line)),
            ("withdrawals", withdrawals.made),
            ("withdrawals_p50_seconds", withdrawals.p50),
            ("withdrawals_p90_seconds", withdrawals.p90),
            ("withdrawals_max_seconds", withdrawals.max),
            ("unreadable_entries", self.unreadable),
        ]
        .into_iter()
        .map(|(name, figure)| (name.to_owned(), figure))
        .collect::<Vec<_>>();
        let steps = withdrawals.steps.iter();
        figures.extend(
            steps.map(|step| (format!("withdrawals_within_{}", step.within), Figure::Number(step.count))),
        );
        figures
    }
}

/// One line. What a spreadsheet would take for a formula is made text.
fn line(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| quoted(cell.as_ref())).collect();
    cells.join(",") + "\r\n"
}

fn quoted(cell: &str) -> String {
    let text = if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn what_a_spreadsheet_would_read_otherwise_is_quoted() {
        for (cells, expected) in [
            (["a", "b c"], "a,b c\r\n"),
            (["a,b", "say \"x\""], "\"a,b\",\"say \"\"x\"\"\"\r\n"),
            (["=1+1", "-"], "'=1+1,'-\r\n"),
            (["@x,y", ""], "\"'@x,y\",\r\n"),
        ] {
            assert_eq!(line(&cells), expected);
        }
    }
}
