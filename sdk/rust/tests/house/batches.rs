//! Obligations on Arrow record batches.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{
    Array as _, ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, StructArray,
};
use arrow_schema::{DataType, Field, Schema};
use grantbook_plan::Vocabulary;
use grantbook_record::day::UnixMillis;
use grantbook_record::terms::Obligation;
use grantbook_record::uses::UseId;
use grantbook_record::{Jti, UnixSeconds};
use grantbook_sdk::obligations::arrow::carry_out_batch;
use grantbook_sdk::obligations::{Context, Mask, Means, ObligationError};
use serde_json::{Value, json};

use crate::use_of;

fn run(means: &Means, list: Value, batch: &RecordBatch) -> Result<RecordBatch, ObligationError> {
    let facts = use_of("pricing", &["date", "station", "energy_kwh", "soc", "location"]);
    let use_ref = UseId::try_from("quote-41".to_owned()).unwrap();
    let grant = Jti::new(UnixMillis(1_795_000_000_000), [1; 10]);
    let at = UnixSeconds(1_795_000_000);
    let context = Context {
        means,
        vocabulary: Vocabulary::builtin(),
        facts: &facts,
        grant,
        use_ref: &use_ref,
        at,
        retention_days: None,
    };
    let obligations: Vec<Obligation> = serde_json::from_value(list).unwrap();
    carry_out_batch(&obligations, &context, batch)
}

fn charging() -> RecordBatch {
    let columns: [(&str, ArrayRef); 5] = [
        ("date", Arc::new(Date32Array::from(vec![Some(20_272), None]))), // 2025-07-03
        ("energy_kwh", Arc::new(Float64Array::from(vec![23.5, -0.5]))),
        ("soc", Arc::new(Int64Array::from(vec![80, 81]))),
        ("station", Arc::new(StringArray::from(vec!["cp-17", "cp-18"]))),
        ("name", Arc::new(StringArray::from(vec!["Li Wei", "Wang Fang"]))),
    ];
    let fields = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let metadata = HashMap::from([("first row".to_owned(), "Li Wei".to_owned())]);
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), metadata);
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, column)| column).collect()).unwrap()
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let column = batch.column_by_name(column).unwrap().as_string::<i32>();
    column.iter().map(|text| text.map(ToOwned::to_owned)).collect()
}

#[test]
fn a_batch_is_redacted_column_by_column() {
    let list = json!([
        {"mask": {"fields": ["soc"]}}, {"generalise": {"field": "date", "to": "quarter"}},
        {"generalise": {"field": "energy_kwh", "to": "bands-of-10"}}, {"watermark": {"label": "copy"}},
    ]);
    let redacted = run(&Means::default(), list.clone(), &charging()).unwrap();
    let schema = redacted.schema();
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["date", "energy_kwh", "soc", "station", "_grantbook"]);
    assert!(schema.metadata().is_empty());
    assert_eq!(texts(&redacted, "date"), [Some("2025-Q3".to_owned()), None]);
    assert_eq!(texts(&redacted, "energy_kwh"), [Some("20..30".to_owned()), Some("-10..0".to_owned())]);
    let soc = redacted.column_by_name("soc").unwrap();
    assert_eq!((soc.null_count(), soc.data_type()), (2, &DataType::Int64));
    assert!(texts(&redacted, "_grantbook")[1].as_ref().unwrap().contains("quote-41"));
    assert_eq!(run(&Means::default(), list, &redacted).unwrap(), redacted, "said again");

    let marked = Means { mask: Mask::Mark("***".into()), ..Means::default() };
    let redacted = run(&marked, json!([{"mask": {"fields": ["soc"]}}]), &charging()).unwrap();
    assert_eq!(texts(&redacted, "soc"), [Some("***".to_owned()), Some("***".to_owned())]);
}

#[test]
fn nothing_left_has_its_rows_still() {
    let redacted =
        run(&Means::default(), json!([{"keep_fields": {"fields": ["email"]}}]), &charging()).unwrap();
    assert_eq!((redacted.num_columns(), redacted.num_rows()), (0, 2));
}

#[test]
fn types_that_are_not_understood_deny() {
    for (field, to) in [("station", "month"), ("soc", "month"), ("date", "bands-of-5")] {
        let list = json!([{"generalise": {"field": field, "to": to}}]);
        let error = run(&Means::default(), list, &charging()).unwrap_err();
        assert!(
            matches!(error, ObligationError::Type { .. } | ObligationError::Value { .. }),
            "{field} {error}"
        );
    }
    let inner: ArrayRef = Arc::new(StringArray::from(vec!["x@example.com"]));
    let nested = StructArray::from(vec![(Arc::new(Field::new("email", DataType::Utf8, true)), inner)]);
    let schema = Schema::new(vec![Field::new("location", nested.data_type().clone(), true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(nested)]).unwrap();
    assert!(matches!(run(&Means::default(), json!([]), &batch), Err(ObligationError::Type { .. })));
    let masked = run(&Means::default(), json!([{"mask": {"fields": ["location"]}}]), &batch).unwrap();
    assert_eq!(masked.column(0).null_count(), 1);
}
