//! Obligations on Arrow record batches, with the feature `arrow`.
//!
//! Columns are fields. Of nested columns nothing is known of what they hold, so they deny unless they are dropped or
//! masked; so does a type that a level is not for. What is generalised or marked becomes text. Metadata of schema and
//! columns, which may quote data, is dropped.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array as _, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow_schema::{DataType, Field, Schema};
use grantbook_record::DataDay;
use grantbook_record::terms::Obligation;

use super::fates::{Fate, Fates};
use super::ladder::Level;
use super::{Context, Mask, ObligationError, WATERMARK, carry_out_with};

/// Carries obligations out on a batch.
pub fn carry_out_batch(
    obligations: &[Obligation],
    context: &Context<'_>,
    batch: &RecordBatch,
) -> Result<RecordBatch, ObligationError> {
    carry_out_with(obligations, context, |fates| redact(fates, batch))
}

fn redact(fates: &Fates<'_>, batch: &RecordBatch) -> Result<RecordBatch, ObligationError> {
    let rows = batch.num_rows();
    let schema = batch.schema();
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    let mut add = |name: &str, column: ArrayRef| {
        fields.push(Field::new(name, column.data_type().clone(), true));
        columns.push(column);
    };
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let name = field.name();
        let wrong_type = || ObligationError::Type { field: name.clone() };
        match fates.fate(name) {
            None | Some(Fate::Drop) => {}
            Some(Fate::Keep) if column.data_type().is_nested() => return Err(wrong_type()),
            Some(Fate::Keep) => add(name, Arc::clone(column)),
            Some(Fate::Mask) => match fates.mask {
                Mask::Null => add(name, new_null_array(column.data_type(), rows)),
                Mask::Mark(mark) => add(name, repeated(mark, rows)),
            },
            Some(Fate::Generalise(level)) => {
                let texts = texts(column, *level).ok_or_else(wrong_type)?;
                let mut coarse = Vec::with_capacity(rows);
                for (at, text) in texts.into_iter().enumerate() {
                    let refused =
                        || ObligationError::Value { at, field: name.clone(), to: level.word(fates.places) };
                    let text = text.map(|text| level.of_text(&text, fates.places).ok_or_else(refused));
                    coarse.push(text.transpose()?);
                }
                add(name, Arc::new(StringArray::from(coarse)));
            }
        }
    }
    if let Some(watermark) = &fates.watermark {
        add(WATERMARK, repeated(&watermark.to_string(), rows));
    }
    let names: std::collections::BTreeSet<_> = fields.iter().map(Field::name).collect();
    if names.len() != fields.len() {
        return Err(ObligationError::Columns);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|_| ObligationError::Columns)
}

fn repeated(text: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows)))
}

/// The values as text, where the level is one for this type.
fn texts(column: &ArrayRef, level: Level) -> Option<Vec<Option<String>>> {
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    match (column.data_type(), level) {
        (DataType::Utf8, _) => Some(column.as_string_opt::<i32>()?.iter().map(owned).collect()),
        (DataType::LargeUtf8, _) => Some(column.as_string_opt::<i64>()?.iter().map(owned).collect()),
        (DataType::Utf8View, _) => Some(column.as_string_view_opt()?.iter().map(owned).collect()),
        (DataType::Date32, Level::Date(_)) => {
            let days = column.as_primitive_opt::<Date32Type>()?.iter();
            Some(days.map(|day| day.map(|day| DataDay(day).to_string())).collect())
        }
        (DataType::Int8, Level::Bands(_)) => numbers::<Int8Type>(column),
        (DataType::Int16, Level::Bands(_)) => numbers::<Int16Type>(column),
        (DataType::Int32, Level::Bands(_)) => numbers::<Int32Type>(column),
        (DataType::Int64, Level::Bands(_)) => numbers::<Int64Type>(column),
        (DataType::UInt8, Level::Bands(_)) => numbers::<UInt8Type>(column),
        (DataType::UInt16, Level::Bands(_)) => numbers::<UInt16Type>(column),
        (DataType::UInt32, Level::Bands(_)) => numbers::<UInt32Type>(column),
        (DataType::UInt64, Level::Bands(_)) => numbers::<UInt64Type>(column),
        (DataType::Float32, Level::Bands(_)) => numbers::<Float32Type>(column),
        (DataType::Float64, Level::Bands(_)) => numbers::<Float64Type>(column),
        _ => None,
    }
}

fn numbers<T: ArrowPrimitiveType>(column: &ArrayRef) -> Option<Vec<Option<String>>>
where
    T::Native: ToString,
{
    let numbers = column.as_primitive_opt::<T>()?.iter();
    Some(numbers.map(|number| number.map(|number| number.to_string())).collect())
}
