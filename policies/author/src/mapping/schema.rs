//! The columns of a system, read from what describes its tables.

use grantbook_record::Term;
use grantbook_record::scope::AttributeValue;
use grantbook_record::vocabulary::Source;
use serde_json::{Map, Value};
use sqlparser::ast::{
    AlterTableOperation, ColumnDef, ColumnOption, CommentObject, DataType, ObjectName, Statement,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

/// Bytes of a description.
pub const DESCRIPTION_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Columns of one description.
pub const COLUMNS_MAX: usize = 4096;
/// How deep a description may nest.
const DEPTH_MAX: usize = 32;

/// A column as its system describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Where it is.
    pub source: Source,
    /// What it holds; absent where the description does not say.
    pub kind: Option<ColumnType>,
    /// What people call it.
    pub remark: Option<String>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Numbers.
    Number,
    /// Days or times.
    Time,
    /// Yes or no.
    Truth,
    /// Text.
    Text,
}

/// Why a description could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Too much.
    #[error("description of {got} bytes, expected at most {DESCRIPTION_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// Not what it should be.
    #[error("not {expected}: {why}")]
    Form {
        /// What it should be.
        expected: &'static str,
        /// What is wrong, as the parser says.
        why: String,
    },
    /// A name that cannot be mapped.
    #[error(
        "column {at} has a name of which no mapping can be made, expected 1 to 64 bytes without control characters"
    )]
    Name {
        /// Its place, from 1.
        at: usize,
    },
    /// The same column twice: which of them a mapping is about nobody could say.
    #[error("column {column} is there twice, expected each once")]
    Twice {
        /// Its name.
        column: String,
    },
    /// Nothing to map.
    #[error("no columns in it, expected at least one")]
    Empty,
    /// More than anybody can look through.
    #[error("too many columns, expected at most {COLUMNS_MAX}")]
    TooMany,
}

/// The columns of a table by the header of its CSV file; UTF-8, with or without byte order mark.
pub fn from_csv(system: &Term, table: &str, csv: &[u8]) -> Result<Vec<Column>, ImportError> {
    let csv = within(csv)?;
    let csv = csv.strip_prefix(b"\xef\xbb\xbf").unwrap_or(csv);
    let form =
        |error: csv::Error| ImportError::Form { expected: "CSV with a header", why: error.to_string() };
    let mut reader = csv::Reader::from_reader(csv);
    let header = reader.headers().map_err(form)?;
    let mut columns = Columns::of(system);
    for name in header {
        columns.add(table, name.trim(), None, None)?;
    }
    columns.finish()
}

/// The columns of a table by the JSON Schema of its rows: their properties, nested ones with dots between the names.
pub fn from_json_schema(system: &Term, table: &str, schema: &[u8]) -> Result<Vec<Column>, ImportError> {
    let form = |why: String| ImportError::Form { expected: "a JSON Schema of objects", why };
    let schema: Value = serde_json::from_slice(within(schema)?).map_err(|error| form(error.to_string()))?;
    let rows = schema.get("items").unwrap_or(&schema);
    let properties = rows.get("properties").and_then(Value::as_object);
    let properties = properties.ok_or_else(|| form("it has no `properties`".to_owned()))?;
    let mut columns = Columns::of(system);
    add_properties(&mut columns, table, "", properties, 0)?;
    columns.finish()
}

fn add_properties(
    columns: &mut Columns<'_>,
    table: &str,
    prefix: &str,
    properties: &Map<String, Value>,
    depth: usize,
) -> Result<(), ImportError> {
    for (name, schema) in properties {
        let name = format!("{prefix}{name}");
        let nested = schema.get("properties").and_then(Value::as_object);
        if let Some(nested) = nested.filter(|_| depth < DEPTH_MAX) {
            add_properties(columns, table, &format!("{name}."), nested, depth + 1)?;
            continue;
        }
        let text = |member: &str| schema.get(member).and_then(Value::as_str);
        let kind = match (text("type"), text("format")) {
            (Some("integer" | "number"), _) => Some(ColumnType::Number),
            (Some("boolean"), _) => Some(ColumnType::Truth),
            (Some("string"), Some("date" | "date-time" | "time")) => Some(ColumnType::Time),
            (Some("string"), _) => Some(ColumnType::Text),
            _ => None,
        };
        columns.add(table, &name, kind, text("title").or(text("description")).map(str::to_owned))?;
    }
    Ok(())
}

/// The columns of all tables that SQL statements create, with the columns that they add and what they remark on them.
/// Other statements are passed over.
pub fn from_sql(system: &Term, sql: &str) -> Result<Vec<Column>, ImportError> {
    within(sql.as_bytes())?;
    let form = |error: sqlparser::parser::ParserError| ImportError::Form {
        expected: "SQL statements",
        why: error.to_string(),
    };
    let parser = Parser::new(&GenericDialect {}).with_recursion_limit(DEPTH_MAX);
    let statements = parser.try_with_sql(sql).map_err(form)?.parse_statements().map_err(form)?;
    let mut columns = Columns::of(system);
    for statement in statements {
        match statement {
            Statement::CreateTable(create) => {
                let table = last_name(&create.name);
                create.columns.iter().try_for_each(|column| columns.add_sql(&table, column))?;
            }
            Statement::AlterTable(alter) => {
                let table = last_name(&alter.name);
                for operation in &alter.operations {
                    if let AlterTableOperation::AddColumn { column_def, .. } = operation {
                        columns.add_sql(&table, column_def)?;
                    }
                }
            }
            Statement::Comment { object_type: CommentObject::Column, object_name, comment, .. } => {
                columns.remark(&object_name, comment);
            }
            _ => {}
        }
    }
    columns.finish()
}

fn last_name(name: &ObjectName) -> String {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.map(|ident| ident.value.clone()).unwrap_or_default()
}

fn within(description: &[u8]) -> Result<&[u8], ImportError> {
    let got = description.len();
    if got <= DESCRIPTION_BYTES_MAX { Ok(description) } else { Err(ImportError::TooLarge { got }) }
}

struct Columns<'a> {
    system: &'a Term,
    found: Vec<Column>,
}

impl<'a> Columns<'a> {
    fn of(system: &'a Term) -> Self {
        Self { system, found: Vec::new() }
    }

    fn add(
        &mut self,
        table: &str,
        column: &str,
        kind: Option<ColumnType>,
        remark: Option<String>,
    ) -> Result<(), ImportError> {
        if self.found.len() >= COLUMNS_MAX {
            return Err(ImportError::TooMany);
        }
        let at = self.found.len() + 1;
        let name =
            |text: &str| AttributeValue::try_from(text.to_owned()).map_err(|_| ImportError::Name { at });
        let source = Source { system: self.system.clone(), table: name(table)?, column: name(column)? };
        if self.found.iter().any(|known| known.source == source) {
            return Err(ImportError::Twice { column: column.to_owned() });
        }
        self.found.push(Column { source, kind, remark });
        Ok(())
    }

    fn add_sql(&mut self, table: &str, column: &ColumnDef) -> Result<(), ImportError> {
        let remark = column.options.iter().find_map(|option| match &option.option {
            ColumnOption::Comment(comment) => Some(comment.clone()),
            _ => None,
        });
        self.add(table, &column.name.value, kind_of(&column.data_type), remark)
    }

    fn remark(&mut self, name: &ObjectName, comment: Option<String>) {
        let mut parts = name.0.iter().rev().filter_map(|part| part.as_ident()).map(|ident| &ident.value);
        let (Some(column), Some(table)) = (parts.next(), parts.next()) else { return };
        let named = self
            .found
            .iter_mut()
            .find(|known| known.source.column.as_str() == column && known.source.table.as_str() == table);
        if let Some(known) = named {
            known.remark = comment;
        }
    }

    fn finish(self) -> Result<Vec<Column>, ImportError> {
        if self.found.is_empty() { Err(ImportError::Empty) } else { Ok(self.found) }
    }
}

/// By the first word of the type's name, which dialects agree on more than on anything else.
fn kind_of(data_type: &DataType) -> Option<ColumnType> {
    let name = data_type.to_string().to_lowercase();
    let word = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    Some(match word {
        "int" | "integer" | "int2" | "int4" | "int8" | "tinyint" | "smallint" | "mediumint" | "bigint"
        | "numeric" | "decimal" | "dec" | "float" | "float4" | "float8" | "double" | "real" | "number"
        | "money" => ColumnType::Number,
        "date" | "time" | "timetz" | "timestamp" | "timestamptz" | "datetime" => ColumnType::Time,
        "bool" | "boolean" | "bit" => ColumnType::Truth,
        "char" | "character" | "varchar" | "varchar2" | "nvarchar" | "nchar" | "text" | "string" | "clob"
        | "enum" | "uuid" => ColumnType::Text,
        _ => return None,
    })
}
