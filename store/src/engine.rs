//! What differs between the databases: the words for the same things, and how long they may take. It knows no table.

use std::time::Duration;

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::statement::Statement;

/// How long a statement of PostgreSQL may take, or everything that is committed together: then its outcome is unknown and the connection is closed.
const POSTGRES_DEADLINE: Duration = Duration::from_secs(5);
/// The same for SQLite, where another process that publishes a world may write for that long, and no network swallows answers.
const SQLITE_DEADLINE: Duration = Duration::from_secs(30);

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// In a file of ours.
    Sqlite,
    /// A server.
    Postgres,
}

impl Engine {
    /// The database's own clock at the moment of the statement, in milliseconds since 1970.
    pub(crate) fn now_ms(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST((julianday('now') - 2440587.5) * 86400000 AS BIGINT)",
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }

    /// Begins a transaction that writes. SQLite takes its write lock at once: a transaction that reads first and then writes could otherwise not be
    /// finished while another process (`pymmorpg account …`) writes.
    pub(crate) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }

    /// Begins a transaction whose reads all see the same.
    pub(crate) fn begin_snapshot(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Keeps others who say the same waiting until the transaction ends. None: whoever writes does so in any case.
    pub(crate) fn one_at_a_time(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => {
                Some("DO $$ BEGIN PERFORM pg_advisory_xact_lock(7163870913351); END $$")
            }
        }
    }

    /// Fails at once if a table cannot be written now, where whoever writes to it would wait. None: there is one writer in any case.
    pub(crate) fn not_to_wait_for(self, table: &str) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(format!("LOCK TABLE {table} IN ROW EXCLUSIVE MODE NOWAIT")),
        }
    }

    /// How long an operation may take.
    pub(crate) fn deadline(self) -> Duration {
        match self {
            Self::Sqlite => SQLITE_DEADLINE,
            Self::Postgres => POSTGRES_DEADLINE,
        }
    }

    /// Adds the condition that a column is one of many words, parted by spaces: one bound value however many there are.
    pub(crate) fn push_is_among(self, statement: &mut Statement, column: &str, words: String) {
        match self {
            Self::Sqlite => statement
                .push(column)
                .push(" IN (SELECT value FROM json_each('[\"' || replace(")
                .bind(words)
                .push(", ' ', '\",\"') || '\"]'))"),
            Self::Postgres => statement
                .push(column)
                .push(" = ANY (string_to_array(")
                .bind(words)
                .push(", ' '))"),
        };
    }
}

/// Whether an error is a statement's own, and the connection as good as before. Otherwise the connection is lost, and the transaction with it.
pub(crate) fn is_of_statement(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => !matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic),
            // While SQLite is busy, whatever else is tried will be as late.
            None => !error.code().as_deref().is_some_and(is_busy),
        },
        sqlx::Error::RowNotFound
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Encode(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::AnyDriverError(_)
        | sqlx::Error::InvalidArgument(_) => true,
        _ => false,
    }
}

/// The low byte of SQLite's codes says what it is about.
fn is_busy(code: &str) -> bool {
    const SQLITE_BUSY: u32 = 5;
    code.parse::<u32>()
        .is_ok_and(|code| code & 0xff == SQLITE_BUSY)
}
