//! The lines of a CDNOW purchase file. Pure: bytes in, purchases out.
//!
//! Two layouts, told apart by the first line that is not blank. Without a header the columns are id, sample id,
//! `yyyymmdd`, quantity and dollars; below a header line there is no sample id. Either layout is also read with the other
//! number of columns (four or five). Columns stand apart by white space, or by commas where a header has commas.

use grantbook_record::DataDay;

/// Bytes of one line.
pub(crate) const LINE_BYTES_MAX: usize = 1024;

/// One row: who bought something on which day. Quantity and dollars are checked and left behind: no use asks for more
/// than that they exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Purchase {
    /// The customer's id in the file.
    pub(crate) customer: u64,
    /// The day of the purchase.
    pub(crate) day: DataDay,
}

/// Why a row is malformed. Repeats nothing of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowError {
    /// Another number of columns than the layout has.
    #[error("{got} columns, expected {expected}")]
    Columns {
        /// What the layout has, as words.
        expected: &'static str,
        /// As came.
        got: usize,
    },
    /// A column that does not have its form.
    #[error("malformed {column}, expected {expected}")]
    Column {
        /// Which one.
        column: &'static str,
        /// Its form.
        expected: &'static str,
    },
    /// A line too long to be a row.
    #[error("line of more than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Bytes that are no text.
    #[error("line is not ASCII text")]
    NotText,
}

/// What one line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing but white space.
    Blank,
    /// The header.
    Header,
    /// A purchase.
    Row(Purchase),
}

/// Reads lines one after another; the first ones settle the layout.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parser {
    begun: bool,
    commas: bool,
    columns: Option<Columns>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Columns {
    WithSample,
    WithoutSample,
}

impl Columns {
    fn of(count: usize) -> Option<Self> {
        match count {
            5 => Some(Self::WithSample),
            4 => Some(Self::WithoutSample),
            _ => None,
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::WithSample => "5",
            Self::WithoutSample => "4",
        }
    }
}

impl Parser {
    /// Reads one line, with or without its line end.
    pub(crate) fn line(&mut self, bytes: &[u8]) -> Result<Line, RowError> {
        if bytes.len() > LINE_BYTES_MAX {
            return Err(RowError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| RowError::NotText)?;
        let text = if self.begun { text } else { text.trim_start_matches('\u{feff}') }.trim();
        if !text.is_ascii() {
            return Err(RowError::NotText);
        }
        if text.is_empty() {
            return Ok(Line::Blank);
        }
        let first = !std::mem::replace(&mut self.begun, true);
        if first && is_header(text) {
            self.commas = text.contains(',');
            self.columns = Columns::of(self.split(text).len());
            return Ok(Line::Header);
        }
        self.row(&self.split(text)).map(Line::Row)
    }

    fn split<'a>(&self, text: &'a str) -> Vec<&'a str> {
        if self.commas {
            text.split(',').map(str::trim).collect()
        } else {
            text.split_ascii_whitespace().collect()
        }
    }

    fn row(&mut self, columns: &[&str]) -> Result<Purchase, RowError> {
        let layout = self.columns.or_else(|| Columns::of(columns.len()));
        self.columns = layout;
        let got = columns.len();
        let (customer, date, quantity, dollars) = match (layout, columns) {
            (Some(Columns::WithSample), [customer, sample, date, quantity, dollars]) => {
                number("sample id", sample)?;
                (customer, date, quantity, dollars)
            }
            (Some(Columns::WithoutSample), [customer, date, quantity, dollars]) => {
                (customer, date, quantity, dollars)
            }
            _ => return Err(RowError::Columns { expected: layout.map_or("4 or 5", Columns::expected), got }),
        };
        let purchase = Purchase { customer: number("customer id", customer)?, day: day(date)? };
        number("quantity", quantity)?;
        amount(dollars)?;
        Ok(purchase)
    }
}

/// A header names columns: none of them begins like a number.
fn is_header(text: &str) -> bool {
    text.split([',', ' ', '\t']).filter(|word| !word.is_empty()).all(|word| {
        let first = word.trim_start_matches('"').chars().next();
        first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
    })
}

fn digits(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(column: &'static str, text: &str) -> Result<u64, RowError> {
    let malformed = RowError::Column { column, expected: "1 to 18 digits" };
    if digits(text, 18) { text.parse().map_err(|_| malformed) } else { Err(malformed) }
}

fn day(text: &str) -> Result<DataDay, RowError> {
    let malformed = RowError::Column { column: "date", expected: "a day of the calendar as yyyymmdd" };
    if !digits(text, 8) || text.len() != 8 {
        return Err(malformed);
    }
    let (year, rest) = text.split_at(4);
    let (month, day) = rest.split_at(2);
    DataDay::parse(&format!("{year}-{month}-{day}")).ok_or(malformed)
}

fn amount(text: &str) -> Result<(), RowError> {
    let (whole, cents) = text.split_once('.').unwrap_or((text, "0"));
    if digits(whole, 12) && digits(cents, 2) {
        Ok(())
    } else {
        Err(RowError::Column { column: "dollars", expected: "an amount such as 29.33" })
    }
}

#[cfg(test)]
mod tests;
