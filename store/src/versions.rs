//! The numbers that say that something has changed. An announcement is a hint to look at these sooner than the next poll would.

use sqlx::{AnyConnection, Row, any::AnyRow};

use crate::{Store, entities::unsigned, error::Error};

/// All of them, as they are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Versions {
    /// Of the published content.
    pub content: u64,
    /// Raised whenever any map changes: an edit, a reset, new content.
    pub map: u64,
    /// Raised whenever the client's VERSION changes.
    pub client: u64,
}

impl Store {
    /// Reads them.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn versions(&self) -> Result<Versions, Error> {
        let rows = self.reads().all(sqlx::query(ALL)).await?;
        Ok(read(&rows)?)
    }
}

const ALL: &str = "SELECT topic, value FROM versions";

/// Reads them within a transaction.
pub(crate) async fn versions(connection: &mut AnyConnection) -> Result<Versions, sqlx::Error> {
    read(&sqlx::query(ALL).fetch_all(connection).await?)
}

fn read(rows: &[AnyRow]) -> Result<Versions, sqlx::Error> {
    let mut versions = Versions::default();
    for row in rows {
        let value = unsigned(row.try_get(1)?);
        match row.try_get(0)? {
            "content" => versions.content = value,
            "map" => versions.map = value,
            "client" => versions.client = value,
            _ => {}
        }
    }
    Ok(versions)
}

/// Keeps others from raising any until the transaction ends, and lets us see all that they have done. What changes much takes this first, so that
/// everybody locks these rows before others.
pub(crate) async fn lock(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    for topic in ["client", "content", "map"] {
        sqlx::query("UPDATE versions SET value = value WHERE topic = $1")
            .bind(topic)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Raises one within a transaction.
pub(crate) async fn raise(
    connection: &mut AnyConnection,
    topic: &'static str,
) -> Result<u64, sqlx::Error> {
    let value: i64 = sqlx::query_scalar(
        "UPDATE versions SET value = value + 1 WHERE topic = $1 RETURNING value",
    )
    .bind(topic)
    .fetch_one(connection)
    .await?;
    Ok(unsigned(value))
}
