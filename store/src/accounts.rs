//! Accounts: who may log in, as what, and with which generation of sessions.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AnyConnection, AssertSqlSafe, Row, any::AnyRow};
use world::{
    applied::{Applied, CommandId},
    entity::EntityState,
    name,
    region_id::RegionId,
};

use crate::{
    Store,
    entities::{EntityRow, insert, key_of, region_of, signed, unsigned},
    error::Error,
    writer::Verdict,
};

/// What a character may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Play.
    Player,
    /// Edit the world.
    Gm,
}

impl Role {
    /// The word for it, in SQL, in `get` and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Player => "player",
            Self::Gm => "gm",
        }
    }

    fn parse(text: &str) -> Self {
        if text == "gm" { Self::Gm } else { Self::Player }
    }
}

/// An account to be.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// A name that [`name::check`] lets pass.
    pub name: String,
    /// A PHC string.
    pub password_hash: String,
    /// Where its character begins.
    pub region: RegionId,
    /// What its character begins as.
    pub state: EntityState,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// As it was created.
    pub name: String,
    /// A PHC string.
    pub password_hash: String,
    /// What it may do.
    pub role: Role,
    /// Of its newest session.
    pub generation: u64,
    /// When it was created, in milliseconds since 1970.
    pub created_ms: u64,
}

/// The beginning of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStart {
    /// The account's name, as it was created.
    pub name: String,
    /// Higher than any before.
    pub generation: u64,
    /// Where the character is.
    pub region: RegionId,
    /// The map version that its player was last told of.
    pub map_told: u64,
}

/// What became of [`Accounts::create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is durable, and its first session has begun.
    Done(SessionStart),
    /// There is an entity or account of that name, whatever its case.
    NameTaken,
}

/// Read each second by every zone server; there is an index for exactly this.
const GAME_MASTERS: &str = "SELECT key FROM accounts WHERE role = 'gm'";

/// Operations on accounts.
#[derive(Debug, Clone, Copy)]
pub struct Accounts<'s>(pub(crate) &'s Store);

impl Accounts<'_> {
    /// Creates an account and its character, and begins its first session.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn create(&self, new: NewAccount) -> Result<Created, Error> {
        let now_ms = self.0.engine().now_ms();
        self.0
            .writer
            .run(move |connection: &mut AnyConnection| {
                Box::pin(create(connection, now_ms, new.clone()))
            })
            .await
    }

    /// Looks an account up, whatever the case of the name.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn find(&self, name: &str) -> Result<Option<Account>, Error> {
        let Some(key) = key_of(name) else {
            return Ok(None);
        };
        let query = sqlx::query(
            "SELECT name, password_hash, role, generation, created_ms FROM accounts WHERE key = $1",
        );
        let row = self.0.reads().optional(query.bind(key)).await?;
        Ok(row.as_ref().map(read).transpose()?)
    }

    /// Begins a session: from now on, lower generations do not count. None: there is no such account.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn begin_session(&self, name: &str) -> Result<Option<SessionStart>, Error> {
        let Some(key) = key_of(name) else {
            return Ok(None);
        };
        let row = self
            .0
            .writer
            .run(move |connection: &mut AnyConnection| {
                let key = key.clone();
                Box::pin(async move {
                    let row = sqlx::query(
                        "UPDATE accounts SET generation = generation + 1 WHERE key = $1 RETURNING name, generation, map_told, \
                         (SELECT region FROM entities WHERE entities.key = accounts.key) AS region",
                    )
                    .bind(key)
                    .fetch_optional(connection)
                    .await?;
                    Ok(Verdict::Keep(row))
                })
            })
            .await?;
        row.map(|row| {
            let name: String = row.try_get("name")?;
            Ok(SessionStart {
                generation: unsigned(row.try_get("generation")?),
                region: region_of(row.try_get("region")?, &name)?,
                map_told: unsigned(row.try_get("map_told")?),
                name,
            })
        })
        .transpose()
    }

    /// Gives an account a new password; false: there is no such account.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn set_password(&self, name: &str, password_hash: String) -> Result<bool, Error> {
        self.update(
            "UPDATE accounts SET password_hash = $2 WHERE key = $1",
            name,
            password_hash,
        )
        .await
    }

    /// Gives an account a role; false: there is no such account.
    ///
    /// # Errors
    /// The outcome is unknown.
    pub async fn set_role(&self, name: &str, role: Role) -> Result<bool, Error> {
        self.update(
            "UPDATE accounts SET role = $2 WHERE key = $1",
            name,
            role.as_str().to_owned(),
        )
        .await
    }

    async fn update(&self, sql: &'static str, name: &str, value: String) -> Result<bool, Error> {
        let Some(key) = key_of(name) else {
            return Ok(false);
        };
        self.0
            .writer
            .run(move |connection: &mut AnyConnection| {
                let (key, value) = (key.clone(), value.clone());
                Box::pin(async move {
                    let done = sqlx::query(sql)
                        .bind(key)
                        .bind(value)
                        .execute(connection)
                        .await?;
                    Ok(Verdict::Keep(done.rows_affected() == 1))
                })
            })
            .await
    }

    /// Every account, by name.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn list(&self) -> Result<Vec<Account>, Error> {
        let query = sqlx::query(
            "SELECT name, password_hash, role, generation, created_ms FROM accounts ORDER BY key",
        );
        let rows = self.0.reads().all(query).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// The [`name::key`]s of all game masters.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn game_masters(&self) -> Result<BTreeSet<String>, Error> {
        let rows = self.0.reads().all(sqlx::query(GAME_MASTERS)).await?;
        Ok(rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?)
    }

    /// Notes which map version players have been told of. One that is lower than what is noted is of a gateway that has lost the player since.
    ///
    /// # Errors
    /// The outcome is unknown: they may be told again.
    pub async fn told(&self, told: Vec<(String, u64)>) -> Result<(), Error> {
        let told = told
            .iter()
            .filter_map(|(name, version)| Some((key_of(name)?, *version)));
        // Whoever locks the same rows locks them in the same order.
        let told: BTreeMap<String, u64> = told.collect();
        self.0
            .writer
            .run(move |connection: &mut AnyConnection| {
                let told = told.clone();
                Box::pin(async move {
                    for (key, version) in told {
                        sqlx::query(
                            "UPDATE accounts SET map_told = $2 WHERE key = $1 AND map_told < $2",
                        )
                        .bind(key)
                        .bind(signed(version))
                        .execute(&mut *connection)
                        .await?;
                    }
                    Ok(Verdict::Keep(()))
                })
            })
            .await
    }
}

async fn create(
    connection: &mut AnyConnection,
    now_ms: &'static str,
    new: NewAccount,
) -> Result<Verdict<Created>, sqlx::Error> {
    let key = name::key(&new.name);
    let row = EntityRow {
        key: key.clone(),
        name: new.name.clone(),
        player: true,
        region: new.region,
        present: false,
        owner: None,
        own: 1,
        generation: 1,
        moved: CommandId::default(),
        applied: Applied::default(),
        state: new.state,
    };
    if !insert(connection, now_ms, &row).await? {
        return Ok(Verdict::Undo(Created::NameTaken));
    }
    let map_told: i64 = sqlx::query_scalar("SELECT value FROM versions WHERE topic = 'map'")
        .fetch_one(&mut *connection)
        .await?;
    let sql = format!(
        "INSERT INTO accounts (key, name, password_hash, role, generation, map_told, created_ms) \
         VALUES ($1, $2, $3, 'player', 1, $4, {now_ms})"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(key)
        .bind(&new.name)
        .bind(new.password_hash)
        .bind(map_told)
        .execute(connection)
        .await?;
    let start = SessionStart {
        name: new.name,
        generation: 1,
        region: new.region,
        map_told: unsigned(map_told),
    };
    Ok(Verdict::Keep(Created::Done(start)))
}

fn read(row: &AnyRow) -> Result<Account, sqlx::Error> {
    Ok(Account {
        name: row.try_get("name")?,
        password_hash: row.try_get("password_hash")?,
        role: Role::parse(row.try_get("role")?),
        generation: unsigned(row.try_get("generation")?),
        created_ms: unsigned(row.try_get("created_ms")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn game_masters_are_found_without_a_look_at_every_account() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::embedded(folder.path()).await.unwrap();
        let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {GAME_MASTERS}")));
        let steps = store.reads().all(plan).await.unwrap();
        let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
        let index = "accounts_game_masters";
        assert!(steps.iter().all(|step| step.contains(index)), "{steps:?}");
        store.close().await;
    }
}
