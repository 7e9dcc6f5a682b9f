//! The enterprise's database: views that are read, and the table to which customers' wishes are written.

use grantbook_record::Jti;
use grantbook_record::mirror::{MirrorWish, Outcome, Why};
use postgres::{Client, IsolationLevel, NoTls, Transaction};

use crate::config::TableName;
use crate::rows::{Position, Row};

/// Why the database does not answer. Messages of the database may quote rows, so only what kind it is goes on.
#[derive(Debug, thiserror::Error)]
#[error("the database: {0}")]
pub(crate) struct DatabaseError(String);

impl From<postgres::Error> for DatabaseError {
    fn from(error: postgres::Error) -> Self {
        match error.as_db_error() {
            // such as 42501, and "permission denied for view tickets", which has no row in it
            Some(refused) if refused.code().code().starts_with("42") => {
                Self(format!("{} ({})", refused.message(), refused.code().code()))
            }
            Some(refused) => Self(format!("refused with SQLSTATE {}", refused.code().code())),
            None => Self(if error.is_closed() { "connection closed" } else { "no connection" }.to_owned()),
        }
    }
}

type Answer<T> = Result<T, DatabaseError>;

pub(crate) struct Database(Client);

/// All views as of one moment.
pub(crate) struct Snapshot<'a>(Transaction<'a>);

const COLUMNS: &str = "customer::text, kind::text, id::text, title::text, \
    floor(extract(epoch from happened_at))::bigint, fields::text, milestones::text, removed::boolean, \
    (extract(epoch from updated_at) * 1000000)::bigint";
/// The earliest that the database's type holds, for views that are read from their beginning.
const EARLIEST_US: i64 = -210_000_000_000_000_000;

impl Database {
    pub(crate) fn connect(config: &postgres::Config) -> Answer<Self> {
        Ok(Self(config.connect(NoTls)?))
    }

    /// Every read from it sees what was committed when it was begun, and nothing later.
    pub(crate) fn snapshot(&mut self) -> Answer<Snapshot<'_>> {
        let begin = self.0.build_transaction().read_only(true);
        Ok(Snapshot(begin.isolation_level(IsolationLevel::RepeatableRead).start()?))
    }

    /// Writes wishes down; those that are there already stay as they are.
    pub(crate) fn put_wishes(&mut self, table: &TableName, wishes: &[MirrorWish]) -> Answer<()> {
        let insert = format!(
            "INSERT INTO {} (wish, customer, record, field, was, value) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (wish) DO NOTHING",
            table.as_str()
        );
        let mut all = self.0.transaction()?;
        for MirrorWish { id, sub, record, field, was, value } in wishes {
            let id = id.to_string();
            let (sub, record, field) = (sub.as_str(), record.as_str(), field.as_str());
            all.execute(&insert, &[&id, &sub, &record, &field, &was.as_str(), &value.as_str()])?;
        }
        Ok(all.commit()?)
    }

    /// Those of these wishes on which the enterprise has decided.
    pub(crate) fn decided(&mut self, table: &TableName, wishes: &[Jti]) -> Answer<Vec<(Jti, Outcome)>> {
        let select = format!(
            "SELECT wish::text, outcome::text, answer::text FROM {} WHERE wish = ANY($1) AND outcome IS NOT NULL",
            table.as_str()
        );
        let ids: Vec<String> = wishes.iter().map(Jti::to_string).collect();
        let mut decided = Vec::new();
        for row in self.0.query(&select, &[&ids])? {
            let (id, outcome, why): (String, String, Option<String>) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let outcome = match outcome.as_str() {
                "done" => Some(Outcome::Done),
                "refused" => why.as_deref().and_then(Why::cleaned).map(Outcome::Refused),
                _ => None,
            };
            if let Some(pair) = Jti::parse(&id).ok().zip(outcome) {
                decided.push(pair);
            } else {
                let expected = "done, or refused with an answer";
                tracing::warn!(expected, "a wish with a malformed outcome is passed over");
            }
        }
        Ok(decided)
    }
}

impl Snapshot<'_> {
    /// When it was begun, Unix microseconds, by the database's clock.
    pub(crate) fn at(&mut self) -> Answer<i64> {
        let row = self.0.query_one("SELECT (extract(epoch from now()) * 1000000)::bigint", &[])?;
        Ok(row.try_get(0)?)
    }

    /// Rows of a view after a position, in order.
    pub(crate) fn after(&mut self, view: &TableName, from: &Position, limit: i64) -> Answer<Vec<Row>> {
        let select = format!(
            "SELECT {COLUMNS} FROM {} WHERE (updated_at, id::text COLLATE \"C\") > \
             (timestamptz 'epoch' + $1::bigint * interval '1 microsecond', $2) \
             ORDER BY updated_at, id::text COLLATE \"C\" LIMIT $3",
            view.as_str()
        );
        let rows = self.0.query(&select, &[&from.updated.max(EARLIEST_US), &from.id, &limit])?;
        rows.iter().map(read).collect()
    }

    /// All rows of a view that are these customers'.
    pub(crate) fn of(&mut self, view: &TableName, customers: &[String], limit: i64) -> Answer<Vec<Row>> {
        let select = format!(
            "SELECT {COLUMNS} FROM {} WHERE customer::text = ANY($1) ORDER BY updated_at, id::text LIMIT $2",
            view.as_str()
        );
        let rows = self.0.query(&select, &[&customers, &limit])?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &postgres::Row) -> Answer<Row> {
    Ok(Row {
        customer: row.try_get(0)?,
        kind: row.try_get(1)?,
        title: row.try_get(3)?,
        happened_at: row.try_get(4)?,
        fields: row.try_get(5)?,
        milestones: row.try_get(6)?,
        removed: row.try_get(7)?,
        at: Position { updated: row.try_get(8)?, id: row.try_get(2)? },
    })
}
