//! Cursor-paged lists: the cursor is the leaf index of the last row seen.

use grantbook_tlog::LeafIndex;
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;

/// Where a page begins and how long it is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// `next` of the page before; without it the list begins.
    #[param(nullable = false, pattern = "^(0|[1-9][0-9]{0,18})$")]
    cursor: Option<String>,
    /// Most rows wanted; the server may give fewer.
    #[param(nullable = false, value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<String>,
}

/// A page that was asked for, within bounds.
pub(super) struct Page {
    pub(super) after: Option<LeafIndex>,
    pub(super) limit: usize,
}

impl PageQuery {
    pub(super) fn page(&self, rows_max: u16) -> Result<Page, Problem> {
        let after = self.cursor.as_deref().map(parse_index).transpose()?;
        let limit = match self.limit.as_deref().map(str::parse::<u16>) {
            None => rows_max.min(100),
            Some(Ok(limit)) if (1..=rows_max).contains(&limit) => limit,
            Some(_) => return Err(Problem::malformed(format!("malformed limit, expected 1 to {rows_max}"))),
        };
        Ok(Page { after, limit: usize::from(limit) })
    }
}

/// The cursor after a page: none where the list has ended.
pub(super) fn next(rows: usize, limit: usize, last: Option<u64>) -> Option<String> {
    last.filter(|_| rows >= limit).map(|index| index.to_string())
}

fn parse_index(text: &str) -> Result<LeafIndex, Problem> {
    parse_number(text)
        .map(LeafIndex)
        .ok_or_else(|| Problem::malformed("malformed cursor, expected next of a page"))
}

/// A decimal number in its one spelling.
pub(super) fn parse_number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}
