//! The end of a gateway.

use std::time::{Duration, Instant};

use gateway::Config;
use tokio::net::TcpStream;
use wire::Value;

use crate::{
    client::{DEADLINE, framed, step, text, ver},
    cluster::{Cluster, files},
    fake_zone::reply,
};

#[tokio::test]
async fn what_was_read_is_answered_and_everybody_leaves() {
    let mut cluster = Cluster::start().await;
    let mut client = cluster.play("anna").await;
    let mut idle = cluster.connect().await;
    assert_eq!(idle.ask(ver()).await, text("1.0.0"));
    client.send(&[step(1.0), step(2.0), ver()]).await;
    let (one, two) = (cluster.zone.command().await, cluster.zone.command().await);
    cluster.context.shutdown.trigger();
    idle.closed().await;
    assert!(
        TcpStream::connect(cluster.address).await.is_err(),
        "nobody is let in any more"
    );
    cluster.zone.say(vec![reply(&one, true), reply(&two, true)]);
    assert_eq!(client.reply().await, Some(Value::Bool(true)));
    assert_eq!(client.reply().await, Some(Value::Bool(true)));
    assert_eq!(client.reply().await, Some(text("1.0.0")));
    client.closed().await;
    assert_eq!(cluster.zone.departure().await.session, one.session);
    let ended = tokio::time::timeout(DEADLINE, &mut cluster.serving).await;
    ended.expect("it does not end").unwrap().unwrap();
    assert!(!cluster.context.health.is_ready());
}

#[tokio::test]
async fn who_has_half_closed_is_still_answered() {
    let cluster = Cluster::start().await;
    let mut client = cluster.play("anna").await;
    client
        .send_bytes(&[framed(&step(1.0)), framed(&ver())].concat())
        .await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.socket)
        .await
        .unwrap();
    let command = cluster.zone.command().await;
    cluster.zone.say(vec![reply(&command, true)]);
    assert_eq!(client.reply().await, Some(Value::Bool(true)));
    assert_eq!(client.reply().await, Some(text("1.0.0")));
    client.closed().await;
}

/// A gateway whose clients may linger.
async fn lingering(linger_timeout: Duration) -> Cluster {
    let config = Config {
        linger_timeout_ms: u64::try_from(linger_timeout.as_millis()).unwrap(),
        ..Config::default()
    };
    Cluster::start_with(config, files()).await
}

/// Waits until a gateway that is to stop lets nobody in any more.
async fn until_shut(cluster: &Cluster) {
    let end = Instant::now() + DEADLINE;
    while cluster.context.health.is_ready() || TcpStream::connect(cluster.address).await.is_ok() {
        assert!(Instant::now() < end, "it lets clients in");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_lingers_plays_on_and_the_last_who_goes_ends_it() {
    let mut cluster = lingering(10 * DEADLINE).await;
    let mut client = cluster.play("anna").await;
    let mut idle = cluster.connect().await;
    assert_eq!(idle.ask(ver()).await, text("1.0.0"), "it has been let in");
    cluster.context.shutdown.trigger();
    until_shut(&cluster).await;
    for x in 1..4 {
        client.send(&[step(f64::from(x)), ver()]).await;
        let command = cluster.zone.command().await;
        cluster.zone.say(vec![reply(&command, true)]);
        assert_eq!(client.reply().await, Some(Value::Bool(true)));
        assert_eq!(client.reply().await, Some(text("1.0.0")));
        assert_eq!(idle.ask(ver()).await, text("1.0.0"));
    }
    // Who was not logged in may still do so.
    assert_eq!(
        idle.ask(crate::client::login("bert")).await,
        Value::Bool(true)
    );
    drop(idle);
    let gone = cluster.zone.departure().await;
    assert_eq!(client.ask(ver()).await, text("1.0.0"));
    assert!(!cluster.serving.is_finished(), "somebody is in");
    drop(client);
    assert_ne!(cluster.zone.departure().await.session, gone.session);
    let ended = tokio::time::timeout(DEADLINE, &mut cluster.serving).await;
    ended.expect("it does not end").unwrap().unwrap();
}

#[tokio::test]
async fn when_the_time_is_over_what_was_read_is_answered() {
    let mut cluster = lingering(Duration::from_millis(700)).await;
    let mut client = cluster.play("anna").await;
    let mut idle = cluster.connect().await;
    assert_eq!(idle.ask(ver()).await, text("1.0.0"));
    let begun = Instant::now();
    cluster.context.shutdown.trigger();
    client.send(&[step(1.0)]).await;
    let command = cluster.zone.command().await;
    idle.closed().await;
    assert!(begun.elapsed() >= Duration::from_millis(700));
    cluster.zone.say(vec![reply(&command, true)]);
    assert_eq!(client.reply().await, Some(Value::Bool(true)));
    client.closed().await;
    let ended = tokio::time::timeout(DEADLINE, &mut cluster.serving).await;
    ended.expect("it does not end").unwrap().unwrap();
}
