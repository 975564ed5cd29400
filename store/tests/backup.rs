//! Backups of both databases: what is in them, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::{
    error::Error as _,
    fs,
    path::{Path, PathBuf},
};

use servers::Postgres;
use store::{
    Database, Store,
    accounts::NewAccount,
    backup::{Done, Error, back_up, restore},
    directory::ZoneServer,
    entities::Incarnation,
    processes::{About, Facts, Id, Kind},
};
use tempfile::TempDir;
use world::{entity::EntityState, position::Position, region_id::RegionId};

const SILENT: &(dyn Fn(u64, Option<u64>) + Send + Sync) = &|_, _| {};

/// One kind of database, and places for more of it.
struct Ground {
    folder: TempDir,
    is_postgres: bool,
}

impl Ground {
    fn all() -> [Self; 2] {
        [false, true].map(|is_postgres| Self {
            folder: tempfile::tempdir().unwrap(),
            is_postgres,
        })
    }

    /// A database that is empty.
    fn database(&self, name: &str) -> Database {
        if self.is_postgres {
            return Database::Postgres(Postgres::shared().create_database());
        }
        Database::Embedded(self.folder.path().join(name))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A database, another one, and a file for the backup of the first.
    fn places(&self) -> (Database, Database, PathBuf) {
        (self.database("from"), self.database("to"), self.file("b"))
    }

    /// Runs statements in a database.
    async fn execute(&self, database: &Database, sql: &'static str) {
        match database {
            Database::Postgres(url) => {
                Postgres::shared().execute(url, sql);
            }
            Database::Embedded(folder) => {
                use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
                let options = SqliteConnectOptions::new().filename(folder.join("pymmorpg.sqlite"));
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}

async fn create(store: &Store, name: &str) {
    let start = Position {
        x: 0.5,
        y: 0.5,
        z: 0,
    };
    let new = NewAccount {
        name: name.to_owned(),
        password_hash: format!("hash of {name}"),
        region: RegionId::of(start, 64),
        state: EntityState::at(start),
    };
    store.accounts().create(new).await.unwrap();
}

/// A database in which these have accounts, and a zone server holds a region.
async fn fill(database: &Database, names: &[&str]) {
    let store = Store::open(database).await.unwrap();
    for name in names {
        create(&store, name).await;
    }
    let me = Incarnation(7);
    let server = ZoneServer {
        incarnation: me,
        address: "http://127.0.0.1:1".to_owned(),
        is_leaving: false,
        map: 0,
    };
    store.directory().heartbeat(server).await.unwrap();
    let region = RegionId {
        level: 0,
        column: 1,
        row: 2,
    };
    store.regions().take(me, vec![(region, 0)]).await.unwrap();
    let about = About::this(
        Id(7),
        Kind::ZoneServer,
        "http://127.0.0.1:1".to_owned(),
        None,
    );
    store
        .processes()
        .heartbeat(about, Facts::default())
        .await
        .unwrap();
    store.close().await;
}

async fn names(database: &Database) -> Vec<String> {
    let store = Store::open(database).await.unwrap();
    let accounts = store.accounts().list().await.unwrap();
    store.close().await;
    accounts.into_iter().map(|account| account.name).collect()
}

/// Whoever worked with it works with it no more.
const NOBODY: &str = "DELETE FROM zone_servers; DELETE FROM processes";

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

async fn refusal(database: &Database, file: &Path, replace: bool) -> String {
    chain(&restore(database, file, replace, SILENT).await.unwrap_err())
}

#[tokio::test]
async fn what_was_there_is_there_again_and_nobody_holds_it() {
    for ground in Ground::all() {
        let (from, to, file) = ground.places();
        fill(&from, &["Anna", "Bert"]).await;
        let Done { byte_count, schema } = back_up(&from, &file, false, SILENT).await.unwrap();
        assert_eq!(byte_count, fs::metadata(&file).unwrap().len());
        // What comes later is not in it.
        let store = Store::open(&from).await.unwrap();
        create(&store, "Carl").await;
        store.close().await;

        let restored = restore(&to, &file, false, SILENT).await.unwrap();
        assert_eq!(restored, Done { byte_count, schema });
        assert_eq!(names(&to).await, ["Anna", "Bert"]);
        let store = Store::open(&to).await.unwrap();
        create(&store, "Dora").await;
        let status = store.status().await.unwrap();
        assert_eq!(status.schema.version, schema);
        assert_eq!((status.zone_servers, status.processes), (vec![], vec![]));
        assert_eq!(status.regions.len(), 1);
        let region = status.regions[0];
        let free = vec![(region.region, region.epoch)];
        let taken = store.regions().take(Incarnation(8), free).await.unwrap();
        assert_eq!(taken.len(), 1, "nobody who lives holds it");
        store.close().await;
        let left = fs::read_dir(ground.folder.path()).unwrap();
        let partial = left.filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().contains("partial")
        });
        assert_eq!(partial.count(), 0);
    }
}

#[tokio::test]
async fn a_database_is_no_backup_of_itself() {
    let [ground, _] = Ground::all();
    let (from, folder) = (ground.database("from"), ground.file("from"));
    fill(&from, &["Anna"]).await;
    for name in ["pymmorpg.sqlite", "pymmorpg.sqlite-wal", "lock"] {
        let file = folder.join(name);
        let error = back_up(&from, &file, true, SILENT).await.unwrap_err();
        assert!(matches!(error, Error::Itself(_)), "{error:?}");
        let error = restore(&from, &file, true, SILENT).await.unwrap_err();
        assert!(matches!(error, Error::Itself(_)), "{error:?}");
    }
    assert_eq!(names(&from).await, ["Anna"]);
}

#[tokio::test]
async fn a_file_is_not_overwritten_by_mistake() {
    for ground in Ground::all() {
        let (from, file) = (ground.database("from"), ground.file("b"));
        fill(&from, &["Anna"]).await;
        fs::write(&file, "precious").unwrap();
        let error = back_up(&from, &file, false, SILENT).await.unwrap_err();
        assert!(matches!(error, Error::Exists(_)), "{error:?}");
        assert_eq!(fs::read(&file).unwrap(), b"precious");
        back_up(&from, &file, true, SILENT).await.unwrap();
        let to = ground.database("to");
        restore(&to, &file, false, SILENT).await.unwrap();
        assert_eq!(names(&to).await, ["Anna"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "hashes of passwords are in it");
        }
    }
}

#[tokio::test]
async fn where_something_is_it_must_be_said_that_it_goes() {
    for ground in Ground::all() {
        let (from, to, file) = ground.places();
        fill(&from, &["Anna"]).await;
        fill(&to, &["Zoe"]).await;
        ground.execute(&to, NOBODY).await;
        back_up(&from, &file, false, SILENT).await.unwrap();
        let said = refusal(&to, &file, false).await;
        assert!(said.contains("is not empty"), "{said}");
        assert_eq!(names(&to).await, ["Zoe"]);
        restore(&to, &file, true, SILENT).await.unwrap();
        assert_eq!(names(&to).await, ["Anna"]);
    }
}

#[tokio::test]
async fn where_somebody_works_nothing_is_touched() {
    for ground in Ground::all() {
        let (from, to, file) = ground.places();
        fill(&from, &["Anna"]).await;
        back_up(&from, &file, false, SILENT).await.unwrap();
        fill(&to, &["Zoe"]).await;
        let lock = match &to {
            Database::Embedded(folder) => Some(Store::lock(folder).unwrap()),
            Database::Postgres(_) => None,
        };
        let said = refusal(&to, &file, true).await;
        assert!(said.contains("in use"), "{said}");
        if ground.is_postgres {
            assert!(said.contains("zone-server http://127.0.0.1:1"), "{said}");
            // Of an earlier version, one knows only its heartbeat.
            ground.execute(&to, "DELETE FROM processes; UPDATE zone_servers SET heartbeat_ms = heartbeat_ms + 1000000").await;
            assert!(refusal(&to, &file, true).await.contains("in use"));
        }
        assert_eq!(names(&to).await, ["Zoe"]);
        drop(lock);
    }
}

#[tokio::test]
async fn what_is_no_backup_is_seen_before_anything_is_touched() {
    for ground in Ground::all() {
        let (from, to, file) = ground.places();
        fill(&from, &["Anna"]).await;
        fill(&to, &["Zoe"]).await;
        ground.execute(&to, NOBODY).await;
        back_up(&from, &file, false, SILENT).await.unwrap();
        let whole = fs::read(&file).unwrap();
        let broken = ground.file("broken");
        let half = whole[..whole.len() / 2].to_vec();
        let header = whole[..16].to_vec();
        for (bytes, expected) in [
            (b"".to_vec(), "is no backup of pymmorpg"),
            (b"a letter to my aunt".to_vec(), "is no backup of pymmorpg"),
            (header, "is no backup of pymmorpg"),
            (half, ""),
        ] {
            fs::write(&broken, &bytes).unwrap();
            let said = refusal(&to, &broken, true).await;
            assert!(said.contains(expected), "{said}");
            assert_eq!(names(&to).await, ["Zoe"], "{} bytes", bytes.len());
        }
        let said = refusal(&to, &ground.file("nothing"), true).await;
        assert!(said.contains("nothing: No such file"), "{said}");
    }
}

#[tokio::test]
async fn a_later_schema_is_refused_here_and_there() {
    const LATER: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', TRUE, '', 0)";
    const NOT_LATER: &str = "DELETE FROM _sqlx_migrations WHERE version = 9999";
    for ground in Ground::all() {
        let (from, to, file) = ground.places();
        fill(&from, &["Anna"]).await;
        back_up(&from, &file, false, SILENT).await.unwrap();
        ground.execute(&from, LATER).await;
        let error = back_up(&from, &file, true, SILENT).await.unwrap_err();
        assert!(
            matches!(error, Error::Later { version: 9999, .. }),
            "{error:?}"
        );
        // A backup that a later program has made.
        match &from {
            Database::Embedded(folder) => {
                fs::copy(folder.join("pymmorpg.sqlite"), &file).unwrap();
            }
            Database::Postgres(url) => {
                let mut dump = std::process::Command::new("pg_dump");
                dump.args(["--format=custom", "--file"]).arg(&file).arg(url);
                assert!(dump.status().unwrap().success());
            }
        }
        let said = refusal(&to, &file, false).await;
        assert!(said.contains("has schema 9999"), "{said}");
        ground.execute(&from, NOT_LATER).await;
        assert_eq!(names(&from).await, ["Anna"]);
    }
}

#[tokio::test]
async fn each_kind_has_its_own() {
    let [sqlite, postgres] = Ground::all();
    let mut files = Vec::new();
    for ground in [&sqlite, &postgres] {
        let (from, file) = (ground.database("from"), ground.file("b"));
        fill(&from, &["Anna"]).await;
        back_up(&from, &file, false, SILENT).await.unwrap();
        files.push(file);
    }
    let said = refusal(&sqlite.database("to"), &files[1], false).await;
    assert!(
        said.contains("is a backup of PostgreSQL; name the database with --sql URL"),
        "{said}"
    );
    let said = refusal(&postgres.database("to"), &files[0], false).await;
    assert!(
        said.contains("is a backup of SQLite; name the database with --data DIR"),
        "{said}"
    );
}

#[tokio::test]
async fn where_nothing_is_there_is_nothing_to_back_up() {
    for ground in Ground::all() {
        let (empty, file) = (ground.database("empty"), ground.file("b"));
        let error = back_up(&empty, &file, false, SILENT).await.unwrap_err();
        assert!(matches!(error, Error::Nothing(_)), "{error:?}");
        assert!(!file.exists());
    }
}

#[tokio::test]
async fn what_else_a_database_has_is_none_of_ours() {
    let ground = &Ground::all()[1];
    let (from, to, file) = ground.places();
    fill(&from, &["Anna"]).await;
    fill(&to, &["Zoe"]).await;
    ground.execute(&to, NOBODY).await;
    for database in [&from, &to] {
        ground
            .execute(
                database,
                "CREATE TABLE theirs (x TEXT); INSERT INTO theirs VALUES ('kept')",
            )
            .await;
    }
    back_up(&from, &file, false, SILENT).await.unwrap();
    restore(&to, &file, true, SILENT).await.unwrap();
    let Database::Postgres(url) = &to else {
        panic!("{to:?}");
    };
    assert_eq!(
        Postgres::shared().execute(url, "SELECT x FROM theirs"),
        "kept"
    );
    assert_eq!(names(&to).await, ["Anna"]);
}

/// A table that nobody has thought of would not be in the backup.
#[tokio::test]
async fn every_table_of_ours_is_in_it() {
    let ground = &Ground::all()[1];
    let (from, to, file) = ground.places();
    fill(&from, &["Anna"]).await;
    back_up(&from, &file, false, SILENT).await.unwrap();
    restore(&to, &file, false, SILENT).await.unwrap();
    let tables = |database: &Database| {
        let Database::Postgres(url) = database else {
            panic!("{database:?}");
        };
        let sql = "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'";
        let indexes = "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE schemaname = 'public'";
        [sql, indexes].map(|sql| Postgres::shared().execute(url, sql))
    };
    assert_eq!(tables(&to), tables(&from));
}

#[tokio::test]
async fn a_restore_that_fails_in_the_middle_has_changed_nothing() {
    let ground = &Ground::all()[1];
    let (from, to, file) = ground.places();
    fill(&from, &["Anna"]).await;
    fill(&to, &["Zoe"]).await;
    // Something of theirs that stands on a table of ours keeps it from being dropped.
    ground.execute(&to, NOBODY).await;
    ground
        .execute(&to, "CREATE VIEW theirs AS SELECT name FROM accounts")
        .await;
    back_up(&from, &file, false, SILENT).await.unwrap();
    let said = refusal(&to, &file, true).await;
    assert!(
        said.contains("psql has failed") && said.contains("theirs"),
        "{said}"
    );
    assert_eq!(names(&to).await, ["Zoe"]);
    // And something that has the name of one of ours, when the others have been dropped.
    let taken = "DROP VIEW theirs; DROP TABLE processes; CREATE VIEW processes AS SELECT 1 AS id";
    ground.execute(&to, taken).await;
    let said = refusal(&to, &file, true).await;
    assert!(
        said.contains("psql has failed") && said.contains("processes"),
        "{said}"
    );
    assert_eq!(names(&to).await, ["Zoe"]);
}

#[tokio::test]
async fn a_log_that_was_left_is_not_taken_for_that_of_what_is_restored() {
    let ground = &Ground::all()[0];
    let (from, to, file) = ground.places();
    fill(&from, &["Anna"]).await;
    back_up(&from, &file, false, SILENT).await.unwrap();
    let Database::Embedded(folder) = &to else {
        panic!("{to:?}");
    };
    // A server that was killed: its log was not written into its database. And a database that is broken, so that it cannot be.
    for is_broken in [false, true] {
        let store = Store::open(&to).await.unwrap();
        create(&store, if is_broken { "Zoe" } else { "Yan" }).await;
        let path = |name: &str| folder.join(name);
        for name in ["pymmorpg.sqlite", "pymmorpg.sqlite-wal"] {
            fs::copy(path(name), ground.file(name)).unwrap();
        }
        store.close().await;
        for name in ["pymmorpg.sqlite", "pymmorpg.sqlite-wal"] {
            fs::copy(ground.file(name), path(name)).unwrap();
        }
        if is_broken {
            fs::write(path("pymmorpg.sqlite"), "broken").unwrap();
        }
        restore(&to, &file, true, SILENT).await.unwrap();
        assert_eq!(names(&to).await, ["Anna"]);
        assert!(!path("pymmorpg.sqlite-wal.replaced").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_while_it_is_brought_back_is_seen() {
    use sqlx::{Connection, PgConnection};
    let ground = &Ground::all()[1];
    let (from, to, file) = ground.places();
    fill(&from, &["Anna"]).await;
    fill(&to, &["Zoe"]).await;
    ground.execute(&to, NOBODY).await;
    back_up(&from, &file, false, SILENT).await.unwrap();
    let Database::Postgres(url) = to.clone() else {
        panic!("{to:?}");
    };
    // Its first heartbeat has been written, and not yet committed.
    let mut late = PgConnection::connect(&url).await.unwrap();
    let mut late = late.begin().await.unwrap();
    let beat = "INSERT INTO zone_servers (incarnation, address, heartbeat_ms) VALUES (9, 'http://late:1', 9000000000000)";
    sqlx::query(beat).execute(&mut *late).await.unwrap();
    let target = to.clone();
    let restoring = tokio::spawn(async move { restore(&target, &file, true, SILENT).await });
    let waits = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE NOT granted AND datname = current_database()";
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while Postgres::shared().execute(&url, waits) != "1" {
        assert!(!restoring.is_finished() && std::time::Instant::now() < end);
    }
    late.commit().await.unwrap();
    let said = chain(&restoring.await.unwrap().unwrap_err());
    assert!(
        said.contains("a zone server has started on the database meanwhile"),
        "{said}"
    );
    assert_eq!(names(&to).await, ["Zoe"]);
}
