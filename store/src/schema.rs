//! Which schema a database has, and whether this program can work with one that is later than it knows. While a cluster is upgraded one process after the
//! other, the first of the new version has brought the schema up to date, and those of the version before still run, and may be started again.

use std::fmt;

use sqlx::{AnyConnection, AssertSqlSafe, PgConnection, SqliteConnection};

/// What a database says of its schema.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Found {
    /// Every migration that was applied.
    applied: Vec<i64>,
    /// Of each that says so, the earliest schema that a program must know to work with it.
    compatible_from: Vec<(i64, i64)>,
}

/// A schema that this program cannot work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The database's schema.
    pub version: i64,
    /// The earliest one that a program must know, as far as the database says so.
    pub compatible_from: Option<i64>,
    /// The latest one that this program knows.
    pub known: i64,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, known, .. } = self;
        write!(f, "it is schema {version}, ")?;
        match self.compatible_from {
            Some(from) => write!(
                f,
                "for programs that know schema {from} or later, and this one knows {known}"
            ),
            None => write!(f, "and this program knows {known}"),
        }
    }
}

impl Found {
    /// The latest that was applied; 0: none.
    pub(crate) fn version(&self) -> i64 {
        self.applied.iter().copied().max().unwrap_or_default()
    }

    /// The earliest schema that a program must know to work with this one.
    pub(crate) fn compatible_from(&self) -> i64 {
        let said = self.compatible_from.iter();
        let from = said.map(|(_, from)| *from).max();
        from.unwrap_or_else(|| self.version())
    }

    /// Whether a program that knows schemas up to one can work with it. A migration that it does not know, and that does not say so, is one that it
    /// cannot live with.
    pub(crate) fn accept(&self, known: i64) -> Result<(), Refused> {
        let later: Vec<i64> = self
            .applied
            .iter()
            .copied()
            .filter(|one| *one > known)
            .collect();
        let from = |version: i64| {
            let mut said = self.compatible_from.iter();
            said.find(|(of, _)| *of == version).map(|(_, from)| *from)
        };
        let from: Option<Vec<i64>> = later.iter().map(|version| from(*version)).collect();
        let compatible_from = from.map(|from| from.into_iter().max().unwrap_or_default());
        if compatible_from.is_some_and(|from| from <= known) {
            if !later.is_empty() {
                tracing::info!(
                    schema = self.version(),
                    known,
                    "the database has a later schema, with which this program can work"
                );
            }
            return Ok(());
        }
        Err(Refused {
            version: self.version(),
            compatible_from,
            known,
        })
    }
}

/// Every migration that was applied, beside the earliest schema that it can live with.
const FOUND: &str = "SELECT m.version, s.compatible_from FROM _sqlx_migrations m LEFT JOIN schema_versions s ON s.version = m.version ORDER BY m.version";
/// The same of a schema that is too early to say so.
const FOUND_EARLY: &str =
    "SELECT version, CAST(NULL AS BIGINT) FROM _sqlx_migrations ORDER BY version";

/// Of a file.
pub(crate) async fn of_sqlite(connection: &mut SqliteConnection) -> Result<Found, sqlx::Error> {
    let has = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1";
    let mut count = [0_i64; 2];
    for (count, table) in count.iter_mut().zip(TABLES) {
        *count = sqlx::query_scalar(has)
            .bind(table)
            .fetch_one(&mut *connection)
            .await?;
    }
    let Some(sql) = query(count.map(|count| count > 0)) else {
        return Ok(Found::default());
    };
    let rows = sqlx::query_as(AssertSqlSafe(sql));
    Ok(rows.fetch_all(connection).await?.into())
}

/// Of a database of a server.
pub(crate) async fn of_postgres(connection: &mut PgConnection) -> Result<Found, sqlx::Error> {
    let has = "SELECT to_regclass($1) IS NOT NULL";
    let mut is_there = [false; 2];
    for (is_there, table) in is_there.iter_mut().zip(TABLES) {
        *is_there = sqlx::query_scalar(has)
            .bind(table)
            .fetch_one(&mut *connection)
            .await?;
    }
    let Some(sql) = query(is_there) else {
        return Ok(Found::default());
    };
    let rows = sqlx::query_as(AssertSqlSafe(sql));
    Ok(rows.fetch_all(connection).await?.into())
}

/// Of a database that is open: it has both tables.
pub(crate) async fn of_ours(connection: &mut AnyConnection) -> Result<Found, sqlx::Error> {
    Ok(sqlx::query_as(FOUND).fetch_all(connection).await?.into())
}

/// Where the schema is written down.
const TABLES: [&str; 2] = ["_sqlx_migrations", "schema_versions"];

/// How to ask, by which of the tables are there. None: it is no database of ours, or one that is empty.
fn query(is_there: [bool; 2]) -> Option<&'static str> {
    match is_there {
        [false, _] => None,
        [true, false] => Some(FOUND_EARLY),
        [true, true] => Some(FOUND),
    }
}

/// Of the rows that are asked for.
impl From<Vec<(i64, Option<i64>)>> for Found {
    fn from(rows: Vec<(i64, Option<i64>)>) -> Self {
        let said = rows.iter();
        Self {
            compatible_from: said
                .filter_map(|(version, from)| Some((*version, (*from)?)))
                .collect(),
            applied: rows.into_iter().map(|(version, _)| version).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a program that knows schemas up to `known` accepts these, each with what it says.
    fn check(known: i64, schemas: &[(i64, Option<i64>)], expected: Result<(), &str>) {
        let found = Found::from(schemas.to_vec());
        let outcome = found.accept(known).map_err(|refused| refused.to_string());
        assert_eq!(outcome, expected.map_err(str::to_owned), "{schemas:?}");
    }

    #[test]
    fn what_is_known_is_accepted() {
        check(5, &[], Ok(()));
        check(5, &[(4, None), (5, Some(4))], Ok(()));
        check(5, &[(4, None)], Ok(()));
    }

    #[test]
    fn what_is_later_is_accepted_as_it_says() {
        let five = (5, Some(4));
        check(5, &[five, (6, Some(5))], Ok(()));
        check(5, &[five, (6, Some(5)), (7, Some(5))], Ok(()));
        let refused =
            "it is schema 6, for programs that know schema 6 or later, and this one knows 5";
        check(5, &[five, (6, Some(6))], Err(refused));
        // The step between was one too many, whatever the last one says.
        let refused =
            "it is schema 7, for programs that know schema 6 or later, and this one knows 5";
        check(5, &[five, (6, Some(6)), (7, Some(5))], Err(refused));
        check(5, &[five, (6, Some(5)), (7, Some(6))], Err(refused));
        let refused = "it is schema 9, and this program knows 5";
        check(5, &[five, (9, None)], Err(refused));
        check(5, &[five, (8, None), (9, Some(5))], Err(refused));
    }

    #[test]
    fn which_programs_it_is_for() {
        let from = |schemas: &[(i64, Option<i64>)]| {
            let found = Found::from(schemas.to_vec());
            (found.version(), found.compatible_from())
        };
        assert_eq!(from(&[]), (0, 0));
        assert_eq!(from(&[(3, None), (4, None)]), (4, 4));
        assert_eq!(from(&[(4, None), (5, Some(4))]), (5, 4));
        assert_eq!(from(&[(5, Some(4)), (6, Some(6)), (7, Some(6))]), (7, 6));
    }
}
