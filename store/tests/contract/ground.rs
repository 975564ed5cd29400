//! The databases that the tests run on, and what the tests put into them.

use std::collections::BTreeMap;

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use store::{
    Store,
    accounts::{Created, NewAccount, SessionStart},
    edits::Audit,
    entities::{Claim, EntityRow, Incarnation, Save},
};
use tempfile::TempDir;
use wire::Value;
use world::{
    applied::{Applied, CommandId},
    entity::{Attribute, EntityState},
    position::Position,
    region_id::RegionId,
};

/// A database that begins empty and ends with the test.
pub(crate) trait Backend: Sync {
    /// Opens it; more than once, as several processes do.
    async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }
    /// The same, if it can be opened.
    async fn try_open(&self) -> Result<Store, store::Error>;
    /// Runs a statement, to do what only time or a fault would.
    async fn execute(&self, sql: &'static str);
    /// From now on, a statement that would change the row `bert` fails.
    async fn forbid_changes_of_bert(&self);
}

/// SQLite in a data folder.
pub(crate) struct Sqlite {
    folder: TempDir,
}

impl Sqlite {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }
}

impl Backend for Sqlite {
    async fn try_open(&self) -> Result<Store, store::Error> {
        Store::embedded(self.folder.path()).await
    }

    async fn execute(&self, sql: &'static str) {
        let options =
            SqliteConnectOptions::new().filename(self.folder.path().join("pymmorpg.sqlite"));
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn forbid_changes_of_bert(&self) {
        self.execute(
            "CREATE TRIGGER forbid BEFORE UPDATE ON entities WHEN NEW.key = 'bert' BEGIN SELECT RAISE(ABORT, 'forbidden'); END",
        )
        .await;
    }
}

/// A schema of the PostgreSQL server that this process has started.
pub(crate) struct Postgres {
    url: String,
}

impl Postgres {
    pub(crate) fn new() -> Self {
        Self {
            url: servers::Postgres::shared().create_schema(),
        }
    }
}

impl Backend for Postgres {
    async fn try_open(&self) -> Result<Store, store::Error> {
        Store::connect(&self.url).await
    }

    async fn execute(&self, sql: &'static str) {
        servers::Postgres::shared().execute(&self.url, sql);
    }

    async fn forbid_changes_of_bert(&self) {
        self.execute(
            "CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN IF NEW.key = 'bert' THEN RAISE EXCEPTION 'forbidden'; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER forbid BEFORE UPDATE ON entities FOR EACH ROW EXECUTE FUNCTION forbid()",
        )
        .await;
    }
}

pub(crate) const ME: Incarnation = Incarnation(1);
pub(crate) const OTHER: Incarnation = Incarnation(2);

pub(crate) fn region(column: i32) -> RegionId {
    RegionId {
        level: 0,
        column,
        row: -1,
    }
}

pub(crate) fn id(generation: u64, counter: u64) -> CommandId {
    CommandId {
        generation,
        counter,
    }
}

/// A state that can be told from others by its gold.
pub(crate) fn state(gold: i64) -> EntityState {
    EntityState {
        attributes: BTreeMap::from([("gold".to_owned(), Attribute::lasting(Value::Int(gold)))]),
        ..EntityState::at(Position {
            x: 1.5,
            y: -2.0,
            z: 0,
        })
    }
}

pub(crate) fn account(name: &str) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        password_hash: format!("hash of {name}"),
        region: region(0),
        state: state(0),
    }
}

/// Creates an account.
pub(crate) async fn create(store: &Store, name: &str) -> SessionStart {
    match store.accounts().create(account(name)).await.unwrap() {
        Created::Done(start) => start,
        Created::NameTaken => panic!("{name} is taken"),
    }
}

/// Creates an account, and claims its character for [`ME`].
pub(crate) async fn enter(store: &Store, name: &str) -> EntityRow {
    let start = create(store, name).await;
    let row = peek(store, name).await;
    claim(store, &row, ME, Some(start.generation))
        .await
        .expect("nobody else claims it")
}

pub(crate) async fn peek(store: &Store, name: &str) -> EntityRow {
    let row = store.entities().peek(name).await.unwrap();
    row.unwrap_or_else(|| panic!("there is no {name}"))
}

/// Claims a row as it was seen.
pub(crate) async fn claim(
    store: &Store,
    seen: &EntityRow,
    me: Incarnation,
    enter: Option<u64>,
) -> Option<EntityRow> {
    let claim = Claim {
        key: seen.key.clone(),
        seen: seen.own,
        me,
        enter,
    };
    store.entities().claim(claim).await.unwrap()
}

/// A save of a row by its owner that changes nothing but its gold.
pub(crate) fn save_of(row: &EntityRow, gold: i64) -> Save {
    Save {
        key: row.key.clone(),
        owner: row.owner.expect("it was claimed"),
        own: row.own,
        region: row.region,
        present: row.present,
        generation: row.generation,
        moved: row.moved,
        applied: row.applied.clone(),
        state: state(gold),
        release: false,
    }
}

/// A row that a game master spawns, owned by [`ME`].
pub(crate) fn spawned(name: &str) -> EntityRow {
    EntityRow {
        key: world::name::key(name),
        name: name.to_owned(),
        player: false,
        region: region(0),
        present: true,
        owner: Some(ME),
        own: 1,
        generation: 0,
        moved: CommandId::default(),
        applied: Applied::default(),
        state: state(0),
    }
}

pub(crate) fn audit(counter: u64) -> Audit {
    Audit {
        author: "gwen".to_owned(),
        id: id(1, counter),
        command: format!("command {counter}"),
    }
}
