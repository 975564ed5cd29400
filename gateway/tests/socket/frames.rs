//! Frames and bad messages, byte for byte.

use std::time::Duration;

use gateway::Config;
use wire::{Dialect, Value, pickle};

use crate::{
    client::{around, framed, text, ver},
    cluster::{Cluster, files},
};

fn version() -> Value {
    text("1.0.0")
}

#[tokio::test]
async fn messages_come_in_any_pieces() {
    let cluster = Cluster::start().await;
    let mut client = cluster.connect().await;
    for byte in framed(&ver()) {
        client.send_bytes(&[byte]).await;
    }
    assert_eq!(client.reply().await, Some(version()));
    let many = framed(&ver()).repeat(50);
    client.send_bytes(&[&many[..], b"1"].concat()).await;
    for _ in 0..50 {
        assert_eq!(client.reply().await, Some(version()));
    }
    client.send_bytes(&framed(&ver())[1..]).await;
    assert_eq!(
        client.reply().await,
        Some(version()),
        "the rest of the last"
    );
}

#[tokio::test]
async fn what_asks_for_nothing_known_is_answered_false_and_is_good() {
    let cluster = Cluster::start().await;
    let mut client = cluster.connect().await;
    for request in [vec![], vec![text("nosuch")], vec![Value::None]] {
        for _ in 0..5 {
            assert_eq!(client.ask(request.clone()).await, Value::Bool(false));
        }
    }
    let tuple = pickle::encode(&Value::Tuple(ver()), Dialect::Three);
    client.send_bytes(&around(&tuple)).await;
    let payload = client.payload().await.unwrap();
    assert_eq!(payload[..2], [0x80, 3], "in the client's own dialect");
}

#[tokio::test]
async fn a_bad_message_is_ignored_with_all_that_was_read_with_it() {
    let cluster = Cluster::start().await;
    let mut client = cluster.connect().await;
    for bad in [&b"x"[..], &around(b"garbage"), b"65537 ", &[b'0'; 20]] {
        let segment = [&framed(&ver()), bad, &framed(&[text("nosuch")])].concat();
        client.send_bytes(&segment).await;
        assert_eq!(client.reply().await, Some(version()), "good ahead of it");
        loop {
            client.send(&[ver()]).await;
            let patience = Duration::from_millis(100);
            if let Ok(reply) = tokio::time::timeout(patience, client.reply()).await {
                assert_eq!(
                    reply,
                    Some(version()),
                    "what came with {bad:?} was answered"
                );
                break;
            }
        }
        client.settle().await;
    }
}

#[tokio::test]
async fn ten_bad_messages_in_a_row_are_the_end() {
    let cluster = Cluster::start().await;
    let mut client = cluster.connect().await;
    for _ in 0..30 {
        client.send_bytes(&around(b"garbage")).await;
        client.settle().await;
    }
    client.send(&[ver()]).await;
    assert_eq!(client.reply().await, Some(version()));
    let mut sent = 0;
    let patience = Duration::from_millis(20);
    while tokio::time::timeout(patience, client.socket.readable())
        .await
        .is_err()
    {
        client.socket.try_write(b"x").unwrap();
        sent += 1;
    }
    assert!(sent >= 10, "closed after {sent}");
    client.closed().await;
}

#[tokio::test]
async fn how_many_is_a_setting() {
    let config = Config {
        bad_messages_max: 1,
        ..Config::default()
    };
    let cluster = Cluster::start_with(config, files()).await;
    let mut client = cluster.connect().await;
    let segment = [&framed(&ver())[..], b"x"].concat();
    client.send_bytes(&segment).await;
    assert_eq!(client.reply().await, Some(version()));
    client.closed().await;
}
