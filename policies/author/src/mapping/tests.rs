use grantbook_plan::Vocabulary;
use grantbook_record::Term;
use serde_json::json;

use super::*;

fn crm() -> Term {
    Term::parse("crm").unwrap()
}

fn names(columns: &[Column]) -> Vec<String> {
    columns
        .iter()
        .map(|column| format!("{}.{}", column.source.table.as_str(), column.source.column.as_str()))
        .collect()
}

#[test]
fn columns_of_csv_headers() {
    let csv = "\u{feff}Customer ID, 电子邮箱 ,\"Level, old\"\n1,a,2\n";
    let columns = from_csv(&crm(), "Accounts", csv.as_bytes()).unwrap();
    assert_eq!(names(&columns), ["Accounts.Customer ID", "Accounts.电子邮箱", "Accounts.Level, old"]);
    let refused = |csv: &str| from_csv(&crm(), "Accounts", csv.as_bytes()).unwrap_err();
    assert_eq!(refused("a,b,a\n"), ImportError::Twice { column: "a".to_owned() });
    assert_eq!(refused("a,,b\n"), ImportError::Name { at: 2 });
    assert_eq!(refused(""), ImportError::Empty);
}

#[test]
fn columns_of_a_json_schema() {
    let schema = json!({"type": "object", "properties": {
        "email": {"type": "string", "title": "E-mail address"},
        "charge": {"type": "object", "properties": {
            "energy": {"type": "number"}, "at": {"type": "string", "format": "date-time"}}},
        "odd": {},
    }});
    // whether an object's members keep their order or are sorted is up to whoever else is built
    let read = |schema: &serde_json::Value| {
        from_json_schema(&crm(), "rows", schema.to_string().as_bytes()).map(|mut columns| {
            columns.sort_by_key(|column| column.source.column.clone());
            columns
        })
    };
    let columns = read(&schema).unwrap();
    assert_eq!(names(&columns), ["rows.charge.at", "rows.charge.energy", "rows.email", "rows.odd"]);
    let kinds: Vec<_> = columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Some(ColumnType::Time), Some(ColumnType::Number), Some(ColumnType::Text), None]);
    assert_eq!(read(&json!({"type": "array", "items": schema})).unwrap(), columns);
    assert!(matches!(read(&json!({"type": "string"})), Err(ImportError::Form { .. })));
    assert!(matches!(from_json_schema(&crm(), "rows", b"{"), Err(ImportError::Form { .. })));
}

#[test]
fn columns_of_sql() {
    let sql = "
        -- billing
        CREATE TABLE IF NOT EXISTS billing.sessions (
            id BIGINT PRIMARY KEY,
            \"EnergyKWh\" NUMERIC(8, 2) NOT NULL COMMENT 'Energy in kilowatt hours',
            started TIMESTAMP WITH TIME ZONE DEFAULT now(),
            paid BOOLEAN
        );
        ALTER TABLE billing.sessions ADD COLUMN mood VARCHAR(20);
        COMMENT ON COLUMN billing.sessions.mood IS 'How the driver felt';
        INSERT INTO billing.sessions VALUES (1);
    ";
    let columns = from_sql(&crm(), sql).unwrap();
    assert_eq!(
        names(&columns),
        ["sessions.id", "sessions.EnergyKWh", "sessions.started", "sessions.paid", "sessions.mood"]
    );
    let kinds: Vec<_> = columns.iter().map(|column| column.kind.unwrap()).collect();
    let expected =
        [ColumnType::Number, ColumnType::Number, ColumnType::Time, ColumnType::Truth, ColumnType::Text];
    assert_eq!(kinds, expected);
    assert_eq!(columns[1].remark.as_deref(), Some("Energy in kilowatt hours"));
    assert_eq!(columns[4].remark.as_deref(), Some("How the driver felt"));
    for bad in ["CREATE TABLE", "SELECT 1", &"(".repeat(100_000)] {
        assert!(from_sql(&crm(), bad).is_err(), "{bad:.20}");
    }
}

/// The first candidate as `category.field`, its score, and whether the column is denied.
fn first(proposal: &Proposal) -> (String, u8) {
    assert_eq!(proposal.standing, Standing::Denied);
    proposal.candidates.first().map_or_else(
        || ("nothing".to_owned(), 0),
        |first| (format!("{}.{}", first.mapping.category, first.mapping.field), first.score),
    )
}

#[test]
fn proposals_have_a_score_and_a_reason_and_apply_nothing() {
    let columns = from_sql(
        &crm(),
        "CREATE TABLE fast_charging (EnergyKWh INT, energy_kwh_text TEXT, soc VARCHAR(3), SoC2 INT, mood TEXT);
         CREATE TABLE people (mail TEXT COMMENT 'E-mail address', tel TEXT COMMENT '电话号码');",
    )
    .unwrap();
    let vocabulary = Vocabulary::builtin();
    let proposals = propose(vocabulary, &columns);
    let firsts: Vec<_> = proposals.iter().map(first).collect();
    assert_eq!(firsts[0], ("fast-charging.energy_kwh".to_owned(), 100));
    assert!(firsts[1].1 < firsts[0].1, "a text is less likely to be a number: {firsts:?}");
    assert_eq!(firsts[2].0, "fast-charging.soc");
    assert_eq!(firsts[4], ("nothing".to_owned(), 0));
    assert_eq!(firsts[5], ("contact.email".to_owned(), 75));
    assert_eq!(firsts[6], ("contact.phone".to_owned(), 75));
    assert!(proposals.iter().flat_map(|proposal| &proposal.candidates).all(|one| !one.reasons.is_empty()));
    assert!(columns.iter().all(|column| vocabulary.mapping(&column.source).is_none()));
}

#[test]
fn one_label_in_two_systems_is_two_things() {
    let erp = Term::parse("erp").unwrap();
    let mut columns = from_csv(&crm(), "clients", b"email\n").unwrap();
    columns.extend(from_csv(&erp, "debtors", b"email\n").unwrap());
    let proposals = propose(Vocabulary::builtin(), &columns);
    for (proposal, other) in proposals.iter().zip(["erp.debtors.email", "crm.clients.email"]) {
        let first = &proposal.candidates[0];
        assert_eq!(first.mapping.same_as, None);
        assert!(first.reasons.iter().any(|reason| reason.contains(other)), "{first:?}");
    }
    // once one of them is mapped, the other is less likely to be it
    let mut vocabulary = Vocabulary::default();
    let event = json!({"version": 2, "map": [proposals[0].candidates[0].mapping]});
    vocabulary.publish(&serde_json::from_value(event).unwrap()).unwrap();
    let again = propose(&vocabulary, &columns);
    assert!(matches!(again[0].standing, Standing::Mapped(_)));
    assert_eq!(first(&again[1]).1, proposals[1].candidates[0].score - 30);
}
