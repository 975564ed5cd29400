//! What differs between the databases: the words for the same things. It knows no table.

use sqlx::{Any, QueryBuilder};

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
            Self::Postgres => "BEGIN",
        }
    }

    /// Adds the condition that a column is one of many words, parted by spaces: one bound value however many there are.
    pub(crate) fn push_is_among(self, query: &mut QueryBuilder<Any>, column: &str, words: String) {
        match self {
            Self::Sqlite => query
                .push(column)
                .push(" IN (SELECT value FROM json_each('[\"' || replace(")
                .push_bind(words)
                .push(", ' ', '\",\"') || '\"]'))"),
            Self::Postgres => query
                .push(column)
                .push(" = ANY (string_to_array(")
                .push_bind(words)
                .push(", ' '))"),
        };
    }
}
