//! `pymmorpg up`, from its start to its end.

use std::net::TcpListener;

use serde_json::json;
use sqlx::{Connection, Executor};
use store::Store;

use crate::{
    folders::{Folders, map},
    run::{Up, run, text, until},
};

/// A cluster on a world and a data folder.
fn up(folders: &Folders) -> Up {
    Up::start(&[
        "--world",
        text(&folders.world()),
        "--data",
        text(&folders.data()),
    ])
}

/// The lines of a log that a person would have to look at.
fn trouble(log: &str) -> Vec<&str> {
    log.lines()
        .filter(|line| line.contains("\"WARN\"") || line.contains("\"ERROR\""))
        .collect()
}

#[test]
fn it_says_what_it_serves_and_ends_when_it_is_asked_to() {
    let folders = Folders::new();
    for signal in ["INT", "TERM"] {
        let up = up(&folders);
        assert_eq!(
            up.ready["world"],
            json!({
                "name": "Hall and cellar",
                "version": 1,
                "total": {
                    "maps": 2, "regions": 2, "tiles": 18, "blocked_share": 3.0 / 18.0, "warps": 2, "dead_warps": 0,
                    "spawns": 0, "creatures": 0, "npcs": 1,
                },
            })
        );
        let (status, parts) = up.fetch("/readyz");
        assert_eq!(status, "HTTP/1.1 200 OK", "{parts}");
        for part in ["auth", "gateway", "zone-server"] {
            assert!(parts.contains(part), "{parts}");
        }
        assert_eq!(up.fetch("/healthz").0, "HTTP/1.1 200 OK");
        assert_eq!(up.fetch("/metrics").0, "HTTP/1.1 200 OK");
        let log_before = up.log();
        assert_eq!(trouble(&log_before), Vec::<&str>::new());
        assert_eq!(up.end(signal).code(), Some(0), "{signal}");
    }
}

#[test]
fn a_data_folder_has_one_cluster() {
    let folders = Folders::new();
    let first = up(&folders);
    let data = folders.data();
    let ran = run(&["up", "--data", text(&data)]).ended(1);
    let said = format!(
        "error: the data folder {} is in use by another pymmorpg process",
        text(&data)
    );
    assert!(ran.err.contains(&said), "{ran:?}");
    assert_eq!(first.end("INT").code(), Some(0));
    // It is free again.
    assert_eq!(up(&folders).end("INT").code(), Some(0));
}

#[test]
fn an_address_in_use_is_named() {
    let folders = Folders::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flag, other) in [
        ("--listen", "--admin-listen"),
        ("--admin-listen", "--listen"),
    ] {
        let data = folders.data();
        let ran = run(&[
            "up",
            flag,
            &address,
            other,
            "127.0.0.1:0",
            "--data",
            text(&data),
        ])
        .ended(1);
        let said = format!("error: {flag} {address}: another program listens there");
        assert!(ran.err.contains(&said), "{ran:?}");
    }
}

#[test]
fn without_a_world_it_serves_what_was_published_last() {
    let folders = Folders::new();
    let (world, data) = (folders.world(), folders.data());
    run(&["world", "publish", text(&world), "--data", text(&data)]).ended(0);
    let up = Up::start(&["--data", text(&data)]);
    assert_eq!(up.ready["world"]["name"], json!("Hall and cellar"));
    // It is not watched: nobody named it.
    assert_eq!(up.end("INT").code(), Some(0));
}

/// Waits until a content version is the current one.
async fn serves(store: &Store, version: u64, up: &Up) {
    let mut polls = 0;
    while store.content().current().await.unwrap().unwrap().version != version {
        polls += 1;
        assert!(polls < 1_500, "never served: {version}\n{}", up.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_world_that_is_saved_is_published_and_a_broken_one_is_not() {
    let folders = Folders::new();
    let up = up(&folders);
    let store = Store::embedded(&folders.data()).await.unwrap();
    folders.write("hall.tmx", &map(&["s..#", "#.n.", "...w"], "cellar"));
    serves(&store, 2, &up).await;
    assert_eq!(trouble(&up.log()), Vec::<&str>::new());

    folders.write("world.toml", "name = \"Hall and cellar\"\ncell = 3\n");
    until("the refusal is logged", || {
        up.log().contains("world refused")
    });
    let log = up.log();
    let reason = trouble(&log)[0];
    for part in [
        "\"file\":\"world.toml\"",
        "\"line\":2",
        "cell: 3 is not between 8 and 1024",
    ] {
        assert!(reason.contains(part), "{reason}");
    }
    serves(&store, 2, &up).await;

    folders.write("world.toml", "name = \"Hall\"\n");
    serves(&store, 3, &up).await;

    // What is published by hand beside it is not undone.
    let data = folders.data();
    run(&["world", "rollback", "1", "--data", text(&data)]).ended(0);
    serves(&store, 4, &up).await;
    store.close().await;
    assert_eq!(up.end("INT").code(), Some(0));
}

#[tokio::test]
async fn a_folder_that_is_replaced_is_watched_again() {
    let folders = Folders::new();
    let up = up(&folders);
    let store = Store::embedded(&folders.data()).await.unwrap();
    let (world, away) = (folders.world(), folders.data().join("away"));
    std::fs::rename(&world, &away).unwrap();
    until("its absence is logged", || {
        up.log().contains("cannot be watched")
    });
    std::fs::rename(&away, &world).unwrap();
    folders.write("world.toml", "name = \"Back again\"\n");
    serves(&store, 2, &up).await;

    // At once, with no time in which it is gone.
    let Folders { root: other } = Folders::new();
    std::fs::rename(&world, &away).unwrap();
    std::fs::rename(other.path().join("world"), &world).unwrap();
    serves(&store, 3, &up).await;
    folders.write("client/VERSION", "2.0.0\n");
    serves(&store, 4, &up).await;
    store.close().await;
    assert_eq!(up.end("INT").code(), Some(0));
}

#[tokio::test]
async fn a_second_interrupt_does_not_wait() {
    let folders = Folders::new();
    let mut up = up(&folders);
    // Whoever stops must write, and nobody can.
    sqlx::any::install_default_drivers();
    let database = folders.data().join("pymmorpg.sqlite");
    let mut connection = sqlx::AnyConnection::connect(&format!("sqlite://{}", text(&database)))
        .await
        .unwrap();
    connection.execute("BEGIN IMMEDIATE").await.unwrap();
    up.signal("INT");
    until("it has heard the first", || {
        up.log().contains("\"stopping\"")
    });
    let mut status = None;
    until("it ends", || {
        up.signal("INT");
        status = up.ended();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(130));
    assert!(up.log().contains("\"stopping at once\""));
}

#[test]
fn a_signal_that_comes_twice_at_once_is_one() {
    let folders = Folders::new();
    let up = up(&folders);
    up.signal("INT");
    assert_eq!(up.end("INT").code(), Some(0));
}
