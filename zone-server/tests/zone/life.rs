//! How a zone server begins and ends, and what is left of the world when it does.

use std::sync::Arc;

use store::{Store, announce::InProcess};
use tokio::net::TcpListener;
use wire::Value;
use zone_server::Error;

use crate::{
    cluster::{Cluster, row, until, within},
    gateway::{Answer, Gateway, Player, set, step},
    yard::EAST,
};

#[tokio::test]
async fn a_drain_saves_and_releases_and_a_start_brings_all_back() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    let rich = set("Anna", "gold", Value::Int(99));
    assert!(gateway.is_done(&mut anna, rich).await);
    assert!(gateway.is_done(&mut anna, step(6.0, 1.0)).await);

    let stopped = cluster.stop().await;
    assert!(
        gateway.end().await.is_none(),
        "the stream ends in good order"
    );
    let left = row(&stopped.store, "Anna").await;
    assert!(
        left.present && left.owner.is_none(),
        "whoever has the region next claims it: {left:?}"
    );
    assert_eq!((left.region, left.state.position.x), (EAST, 10.5));
    assert_eq!(stopped.store.directory().live().await.unwrap(), []);

    let cluster = stopped.start_again().await;
    let mut gateway = cluster.gateway().await;
    gateway.enter(&mut anna).await;
    assert_eq!(anna.region, EAST);
    assert_eq!(gateway.get(&mut anna, "Anna", "gold").await, Value::Int(99));
    let pos = gateway.get(&mut anna, "Anna", "pos").await;
    assert_eq!(pos, left.state.position.to_value());
}

#[tokio::test]
async fn what_a_killed_server_had_is_claimed_by_the_next() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    let rich = set("Anna", "gold", Value::Int(99));
    assert!(gateway.is_done(&mut anna, rich).await);
    let killed = cluster.kill().await;
    let left = row(&killed.store, "Anna").await;
    assert!(left.present && left.owner.is_some());

    let cluster = killed.start_again().await;
    let claimed = cluster
        .row_until("Anna", |row| row.owner != left.owner)
        .await;
    assert!(
        claimed.present && claimed.own == left.own + 1,
        "{claimed:?}"
    );
    let mut gateway = cluster.gateway().await;
    gateway.enter(&mut anna).await;
    assert_eq!(gateway.get(&mut anna, "Anna", "gold").await, Value::Int(99));
}

#[tokio::test]
async fn a_server_is_in_the_directory_while_it_lives() {
    let cluster = Cluster::start(&[]).await;
    let live = cluster.store.directory().live().await.unwrap();
    assert_eq!(live.len(), 1);
    let port = live[0].address.strip_prefix("http://127.0.0.1:").unwrap();
    assert!(port.parse::<u16>().unwrap() > 0);
    // Longer than a heartbeat counts.
    let begin = std::time::Instant::now();
    let ttl = store::directory::HEARTBEAT_TTL_MS + 500;
    let ttl = std::time::Duration::from_millis(ttl.unsigned_abs());
    until("time", async || (begin.elapsed() > ttl).then_some(())).await;
    assert_eq!(cluster.store.directory().live().await.unwrap(), live);
}

#[tokio::test]
async fn a_server_whose_database_has_gone_answers_nothing_that_may_be_false() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    cluster.store.clone().close().await;
    // What lasts cannot be done, and nobody knows whether it was.
    let rich = set("Anna", "gold", Value::Int(99));
    let (_, answer) = gateway.command(&mut anna, rich).await;
    assert_eq!(answer, Answer::Again);
    until("not ready", async || (!cluster.is_ready()).then_some(())).await;
    // Others may have its regions by now: it says nothing any more.
    let end = gateway.end().await.unwrap();
    assert_eq!(end.code(), tonic::Code::Unavailable, "{end:?}");
    let mut late = Gateway::silent(cluster.address()).await;
    let end = late.end().await.unwrap();
    assert_eq!(end.code(), tonic::Code::Unavailable, "{end:?}");
    let (error, stopped) = cluster.stop_in_vain().await;
    assert!(matches!(error, Error::Drain(_)), "{error}");
    let watch = stopped.watch;
    watch.expect_trouble_with("does not acknowledge that we are alive");
}

#[tokio::test]
async fn without_a_world_there_is_nothing_to_serve() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::embedded(folder.path()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = zone_server::serve(
        listener,
        store,
        Arc::new(InProcess::default()),
        zone_server::Config::default(),
        runtime::Context::default(),
    );
    let error = within("an error", serving).await.unwrap_err().to_string();
    assert!(error.contains("`pymmorpg world publish DIR`"), "{error}");
}
