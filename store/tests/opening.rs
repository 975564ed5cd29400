//! What cannot be opened: each names the thing, and never a password. What two open at once is opened by both.

#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::{
    error::Error as _,
    path::Path,
    process::{Command, ExitStatus},
};

use servers::{Certificate, GUARDED_USER, PASSWORD, Postgres, Redis};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use store::{Database, Error, Store};

/// An error, and what it comes from.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

/// Why a URL is refused.
async fn refusal(url: &str) -> String {
    let error = Store::connect(url).await.map(drop).unwrap_err();
    let text = chain(&error);
    assert!(!text.contains(PASSWORD), "{text}");
    text
}

async fn sqlite(folder: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(folder.join("pymmorpg.sqlite"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn one_cluster_locks_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let lock = Store::lock(folder.path()).unwrap();
    match Store::lock(folder.path()) {
        Err(error @ Error::Locked { .. }) => {
            assert!(error.to_string().contains("in use"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    // The lock is the cluster's; whoever only asks or helps is let in.
    let store = Store::embedded(folder.path()).await.unwrap();
    assert!(Store::exists(folder.path()));
    store.close().await;
    drop(lock);
    drop(Store::lock(folder.path()).unwrap());
}

const LATER: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', TRUE, '', 0)";

#[tokio::test]
async fn a_schema_that_is_newer_than_the_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    Store::embedded(folder.path()).await.unwrap().close().await;
    sqlite(folder.path(), LATER).await;
    let embedded = Database::Embedded(folder.path().to_owned());

    let url = Postgres::shared().create_database();
    Store::connect(&url).await.unwrap().close().await;
    Postgres::shared().execute(&url, LATER);
    for (database, name) in [
        (embedded, folder.path().display().to_string()),
        (Database::Postgres(url.clone()), url),
    ] {
        let error = Store::open(&database).await.map(drop).unwrap_err();
        assert!(matches!(error, Error::Newer { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(&name) && text.contains("a later one"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn several_who_open_an_empty_database_at_once_all_find_it_up_to_date() {
    let url = Postgres::shared().create_database();
    let opened = futures::future::join_all((0..6).map(|_| Store::connect(&url))).await;
    for store in opened {
        let store = store.unwrap();
        assert_eq!(store.versions().await.unwrap().content, 0);
        store.close().await;
    }
    let count = Postgres::shared().execute(&url, "SELECT count(*) FROM _sqlx_migrations");
    let written = std::fs::read_dir("migrations/postgres").unwrap().count();
    assert_eq!(count, written.to_string());
}

#[tokio::test]
async fn what_is_no_url_of_postgres_is_refused() {
    for url in [
        "",
        "mysql://anna:secret@localhost/db",
        "localhost:5432/db",
        "postgres://anna:secret@localhost:port/db",
        "postgres://anna:secret@localhost/db?sslmode=sometimes",
    ] {
        let text = refusal(url).await;
        assert!(text.contains("no URL of PostgreSQL"), "{text}");
    }
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_why() {
    let server = Postgres::shared();
    let port = server.port();
    let url = |user: &str, host: &str, database: &str| {
        format!("postgres://{user}:{PASSWORD}@{host}:{port}/{database}")
    };
    let text = refusal(&url("anna", "localhost", "postgres")).await;
    assert!(text.contains("anna"), "{text}");
    let text = refusal(&url("postgres", "localhost", "nothing")).await;
    assert!(
        text.contains("nothing") && text.contains("does not exist"),
        "{text}"
    );
    let text = refusal(&url("postgres", "nowhere.invalid", "postgres")).await;
    assert!(
        text.contains("nowhere.invalid") && text.contains("cannot open"),
        "{text}"
    );
    let wrong = format!("postgres://{GUARDED_USER}:wrong@localhost:{port}/postgres");
    let text = refusal(&wrong).await;
    assert!(
        text.contains("password") && !text.contains("wrong"),
        "{text}"
    );
    let closed = format!("postgres://anna:{PASSWORD}@127.0.0.1:9/db");
    let text = refusal(&closed).await;
    assert!(
        text.contains("127.0.0.1:9/db") && text.contains("refused"),
        "{text}"
    );
    // And with the password one is let in.
    let name = server.create_database();
    let name = name.rsplit('/').next().unwrap();
    let store = Store::connect(&url(GUARDED_USER, "localhost", name)).await;
    store.unwrap().close().await;
}

#[tokio::test]
async fn postgres_is_trusted_by_its_certificate() {
    let (certificate, other) = (Certificate::make(), Certificate::make());
    let server = Postgres::start_with_tls(&certificate);
    let url = server.create_database();
    let verified = |authority: &Certificate| {
        let authority = authority.authority().display().to_string();
        format!("{url}?sslmode=verify-full&sslrootcert={authority}")
    };
    let store = Store::connect(&verified(&certificate)).await.unwrap();
    assert_eq!(store.versions().await.unwrap().content, 0);
    let encrypted = "SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    assert_eq!(server.execute(&url, encrypted), "t");
    store.close().await;
    let text = refusal(&verified(&other)).await;
    assert!(text.contains("certificate"), "{text}");
    let text = refusal(&format!("{url}?sslmode=verify-full")).await;
    assert!(text.contains("certificate"), "{text}");
}

const URL: &str = "PYMMORPG_TEST_REDIS";

#[test]
fn redis_is_trusted_by_its_certificate() {
    let (certificate, other) = (Certificate::make(), Certificate::make());
    let server = Redis::start_with_tls(&certificate);
    assert!(server.url().starts_with("rediss://"));
    // What the system trusts is read from the environment, and that of this process is everybody's.
    let connect = |authority: &Certificate| -> ExitStatus {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "connects_to_redis"])
            .env("SSL_CERT_FILE", authority.authority())
            .env(URL, server.url())
            // What it prints is not what this test has to say.
            .output()
            .unwrap()
            .status
    };
    assert!(connect(&certificate).success());
    assert!(!connect(&other).success());
}

/// The process that is told whom to trust. It is no test of its own.
#[tokio::test]
async fn connects_to_redis() {
    let Ok(url) = std::env::var(URL) else {
        return;
    };
    let hints = store::redis::connect(&url).await.unwrap();
    assert_eq!(hints.sessions.get("anna").await.unwrap(), None);
}
