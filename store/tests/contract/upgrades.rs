//! A schema that a later program has made: whether this one can work with it is for that schema to say.

use std::error::Error as _;

use store::Error;

use crate::ground::{Backend, create};

const LATER: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', TRUE, '', 0)";

pub(crate) async fn what_it_can_work_with_is_opened(backend: &impl Backend) {
    let running = backend.open().await;
    for sql in [
        LATER,
        // What a step may do that the version before can live with.
        "ALTER TABLE entities ADD COLUMN mood TEXT",
        "ALTER TABLE processes ADD COLUMN mood TEXT",
        "CREATE TABLE moods (mood TEXT PRIMARY KEY NOT NULL)",
    ] {
        backend.execute(sql).await;
    }
    let known = running.status().await.unwrap().schema.known;
    say(backend, "5").await;
    // Those who run go on, and others start.
    create(&running, "Anna").await;
    let started = backend.open().await;
    create(&started, "Bert").await;
    let schema = started.status().await.unwrap().schema;
    assert_eq!((schema.version, schema.known), (9999, known));
    assert_eq!(running.accounts().list().await.unwrap().len(), 2);
    // Two at once as well: none keeps the others waiting.
    let opened = futures::future::join_all((0..4).map(|_| backend.open())).await;
    assert_eq!(opened[3].accounts().list().await.unwrap().len(), 2);
}

pub(crate) async fn what_it_cannot_work_with_is_left_alone(backend: &impl Backend) {
    backend.open().await.close().await;
    backend.execute(LATER).await;
    let refused = async || match backend.try_open().await {
        Err(Error::Newer { refused, .. }) => refused.to_string(),
        other => panic!("{other:?}"),
    };
    let said = refused().await;
    assert!(said.starts_with("it is schema 9999, and"), "{said}");
    say(backend, "9998").await;
    let said = refused().await;
    assert!(
        said.contains("for programs that know schema 9998 or later"),
        "{said}"
    );
    // And another in between that it cannot live with.
    say(backend, "5").await;
    backend
        .execute("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9998, 'between', TRUE, '', 0)")
        .await;
    assert!(refused().await.contains("9999"));
}

pub(crate) async fn a_step_of_ours_that_is_another_one_is_refused_all_the_same(
    backend: &impl Backend,
) {
    backend.open().await.close().await;
    backend.execute(LATER).await;
    say(backend, "5").await;
    backend
        .execute("UPDATE _sqlx_migrations SET checksum = '' WHERE version = 3")
        .await;
    match backend.try_open().await {
        Err(error @ Error::Migrate { .. }) => {
            let source = error.source().unwrap().to_string();
            assert!(source.contains('3'), "{source}");
        }
        other => panic!("{other:?}"),
    }
}

/// The schema says with which programs it can live.
async fn say(backend: &impl Backend, from: &'static str) {
    backend
        .execute("DELETE FROM schema_versions WHERE version = 9999")
        .await;
    let sql = match from {
        "5" => "INSERT INTO schema_versions (version, compatible_from) VALUES (9999, 5)",
        _ => "INSERT INTO schema_versions (version, compatible_from) VALUES (9999, 9998)",
    };
    backend.execute(sql).await;
}
