//! Rows of views, made records of the mirror. Pure.

use std::collections::BTreeMap;

use grantbook_record::list::List;
use grantbook_record::mirror::{
    FIELDS_MAX, MILESTONES_MAX, Milestone, MirroredChange, MirroredField, RecordContent, RecordKind,
    RecordNow,
};
use grantbook_record::{DataDay, PlainText, RecordId, SubjectId, Term, UnixSeconds};
use serde::{Deserialize, Serialize};

/// A row of a view as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) at: Position,
    pub(crate) customer: String,
    pub(crate) kind: String,
    pub(crate) title: String,
    /// Unix seconds.
    pub(crate) happened_at: i64,
    /// JSON: a list of [`WrittenField`].
    pub(crate) fields: String,
    /// JSON: a list of [`WrittenMilestone`]; absent: none.
    pub(crate) milestones: Option<String>,
    pub(crate) removed: bool,
}

/// Where a row stands in its view: by time of its last change, then by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// Unix microseconds.
    pub(crate) updated: i64,
    pub(crate) id: String,
}

impl Position {
    /// Before every row that changed at this time or later.
    pub(crate) fn before(updated: i64) -> Self {
        Self { updated, id: String::new() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenField {
    name: Term,
    value: Option<String>,
    #[serde(default)]
    editable: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMilestone {
    id: RecordId,
    title: String,
    reached_on: DataDay,
}

/// The record that a row is; the name of the column that says something else than the reference asks for, otherwise.
/// Characters that a customer could not see are left out, and what is too long is cut.
pub(crate) fn record(row: &Row) -> Result<MirroredChange, &'static str> {
    let sub = SubjectId::parse(&row.customer).map_err(|_| "customer")?;
    let id = RecordId::parse(&row.at.id).map_err(|_| "id")?;
    if row.removed {
        return Ok(MirroredChange { sub, id, now: RecordNow::Removed });
    }
    let kind: RecordKind = serde_json::from_value(row.kind.as_str().into()).map_err(|_| "kind")?;
    let fields: Vec<WrittenField> = serde_json::from_str(&row.fields).map_err(|_| "fields")?;
    let field = |WrittenField { name, value, editable }| {
        let value = PlainText::cleaned(&value.unwrap_or_default()).unwrap_or_default();
        MirroredField { name, value, editable }
    };
    let milestones = row.milestones.as_deref().unwrap_or("[]");
    let milestones: Vec<WrittenMilestone> = serde_json::from_str(milestones).map_err(|_| "milestones")?;
    let milestone = |WrittenMilestone { id, title, reached_on }| {
        Some(Milestone { id, title: PlainText::cleaned(&title)?, reached_on })
    };
    let milestones: Option<Vec<_>> = milestones.into_iter().take(MILESTONES_MAX).map(milestone).collect();
    let content = RecordContent {
        kind,
        title: PlainText::cleaned(&row.title).ok_or("title")?,
        at: UnixSeconds(u64::try_from(row.happened_at).map_err(|_| "happened_at")?),
        fields: List::new(fields.into_iter().take(FIELDS_MAX).map(field).collect()).ok_or("fields")?,
        milestones: milestones.and_then(List::new).ok_or("milestones")?,
    };
    Ok(MirroredChange { sub, id, now: RecordNow::Says(content) })
}

/// How far the connector has come. The ledger keeps it with each push, so that both are there after a crash, or neither.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    /// The last row of each view that was pushed.
    pub(crate) views: BTreeMap<String, Position>,
    /// When everything was begun to be sent the last time, Unix microseconds.
    pub(crate) whole_at: i64,
}

impl Mark {
    /// What the ledger kept; nothing where it is not ours.
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub(crate) fn to_json(&self) -> String {
        // string keys, no fallible serialisers
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Where a view is read from: some time before the last row that was pushed, for rows that changed before it and
    /// were committed after it was read.
    pub(crate) fn from(&self, view: &str, overlap_us: i64) -> Position {
        self.views.get(view).map_or_else(
            || Position::before(i64::MIN),
            |last| Position::before(last.updated.saturating_sub(overlap_us)),
        )
    }

    /// Rows up to this one are pushed. One that says that it changed after the view was read counts as changed then: what
    /// changes meanwhile would be passed over.
    pub(crate) fn advance(&mut self, view: &str, to: &Position, read_at: i64) {
        let to = if to.updated > read_at { Position::before(read_at) } else { to.clone() };
        let last = self.views.entry(view.to_owned()).or_insert_with(|| to.clone());
        if *last < to {
            *last = to;
        }
    }
}

/// Rows that were pushed of late, as they were, so that the overlap sends none of them twice for nothing.
#[derive(Debug, Default)]
pub(crate) struct Lately(BTreeMap<(String, String), i64>);

impl Lately {
    pub(crate) fn is_new(&self, view: &str, at: &Position) -> bool {
        self.0.get(&(view.to_owned(), at.id.clone())) != Some(&at.updated)
    }

    pub(crate) fn note(&mut self, view: &str, at: &Position) {
        self.0.insert((view.to_owned(), at.id.clone()), at.updated);
    }

    /// Rows that no overlap reaches any more are forgotten.
    pub(crate) fn forget(&mut self, before: i64) {
        self.0.retain(|_, updated| *updated >= before);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails says where")]

    use super::*;

    fn row() -> Row {
        Row {
            at: Position { updated: 5, id: "ticket-1".to_owned() },
            customer: "cs-1".to_owned(),
            kind: "ticket".to_owned(),
            title: "Fault\u{202e} E-17".to_owned(),
            happened_at: 1_795_000_000,
            fields: r#"[{"name":"phone","value":"1","editable":true},{"name":"note","value":null}]"#
                .to_owned(),
            milestones: None,
            removed: false,
        }
    }

    #[test]
    fn rows_become_records_or_name_the_column_at_fault() {
        let RecordNow::Says(content) = record(&row()).unwrap().now else { unreachable!("it says something") };
        assert_eq!((content.title.as_str(), content.fields.len()), ("Fault E-17", 2));
        let spoilt = |spoil: fn(&mut Row)| {
            let mut row = row();
            spoil(&mut row);
            record(&row).map(|record| record.now)
        };
        assert_eq!(spoilt(|row| row.removed = true), Ok(RecordNow::Removed));
        assert_eq!(spoilt(|row| row.customer = "c s".to_owned()), Err("customer"));
        assert_eq!(spoilt(|row| row.at.id = "a/b".to_owned()), Err("id"));
        assert_eq!(spoilt(|row| row.kind = "Ticket".to_owned()), Err("kind"));
        assert_eq!(spoilt(|row| row.title = String::new()), Err("title"));
        assert_eq!(spoilt(|row| row.happened_at = -1), Err("happened_at"));
        assert_eq!(spoilt(|row| row.fields = "{}".to_owned()), Err("fields"));
        let milestone = r#"[{"id":"phase-1","title":"","reached_on":"2026-01-01"}]"#;
        assert_eq!(
            record(&Row { milestones: Some(milestone.to_owned()), ..row() }).map(|record| record.now),
            Err("milestones")
        );
    }

    #[test]
    fn marks_go_forward_and_never_past_the_reading() {
        let mut mark = Mark::default();
        assert_eq!(mark.from("v", 10).updated, i64::MIN);
        let at = |updated, id: &str| Position { updated, id: id.to_owned() };
        mark.advance("v", &at(100, "b"), 1_000);
        mark.advance("v", &at(90, "c"), 1_000);
        assert_eq!(mark.from("v", 10), at(90, ""));
        mark.advance("v", &at(5_000, "d"), 1_000);
        assert_eq!(mark.from("v", 10), at(990, ""), "a clock that is ahead hides nothing");
        assert_eq!(Mark::parse(&mark.to_json()), mark);
        assert_eq!(Mark::parse("what somebody else wrote"), Mark::default());
    }

    #[test]
    fn lately_knows_rows_as_they_were() {
        let (mut lately, at) = (Lately::default(), Position { updated: 5, id: "a".to_owned() });
        lately.note("v", &at);
        assert!(!lately.is_new("v", &at) && lately.is_new("w", &at));
        assert!(lately.is_new("v", &Position { updated: 6, ..at.clone() }));
        lately.forget(6);
        assert!(lately.is_new("v", &at));
    }
}
