//! What a client may cost.

use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway::Config;
use tokio::io::AsyncReadExt;
use wire::Value;

use crate::{
    client::{Client, framed, text, update, ver},
    cluster::{Cluster, files},
};

fn version() -> Value {
    text("1.0.0")
}

/// A world with a client image of some megabytes.
fn large_files() -> world::content::Files {
    let mut files = files();
    let noise: Vec<u8> = (0..IMAGE_BYTES as u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    files.insert("client/big".to_owned(), Bytes::from(noise));
    files
}

const IMAGE_BYTES: usize = 24_000_000;

async fn upgrade(client: &mut Client) -> Option<usize> {
    client.send(&[vec![text("upgrade")]]).await;
    Some(client.payload().await?.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_reading_is_cut_off_and_costs_others_nothing() {
    let config = Config {
        write_timeout_ms: 2_000,
        ..Config::default()
    };
    let cluster = Cluster::start_with(config, large_files()).await;
    let mut player = cluster.play("anna").await;
    let mut stalled = Vec::new();
    for _ in 0..5 {
        let mut client = cluster.connect().await;
        let requests = vec![vec![text("upgrade")]; 3];
        client.send(&requests).await;
        client.socket.readable().await.unwrap();
        stalled.push(client);
    }
    let begin = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut waiting = stalled;
    while !waiting.is_empty() {
        assert!(begin.elapsed() < crate::client::DEADLINE, "never cut off");
        let asked = Instant::now();
        assert_eq!(player.ask(ver()).await, version());
        player.ask(update()).await;
        slowest = slowest.max(asked.elapsed());
        waiting.retain(|client| {
            // A reset shows in a write; nothing that was sent has been read yet.
            client.socket.try_write(b"").is_ok() && client.socket.take_error().unwrap().is_none()
        });
    }
    assert!(
        begin.elapsed() > Duration::from_millis(1_800),
        "cut off too soon"
    );
    assert!(
        slowest < Duration::from_millis(1_500),
        "others waited {slowest:?}"
    );
    assert!(
        upgrade(&mut player).await.unwrap() > IMAGE_BYTES,
        "who reads gets all of it"
    );
}

#[tokio::test]
async fn replies_that_nobody_reads_are_bounded_too() {
    let config = Config {
        write_timeout_ms: 500,
        output_bytes_max: 10_000,
        messages_per_second_max: 10_000_000,
        bytes_per_second_max: 1 << 30,
        ..Config::default()
    };
    let cluster = Cluster::start_with(config, files()).await;
    let mut client = cluster.connect().await;
    let chatter = framed(&ver()).repeat(1_000);
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < crate::client::DEADLINE, "never cut off");
        let writing = tokio::io::AsyncWriteExt::write_all(&mut client.socket, &chatter);
        let patience = Duration::from_millis(100);
        if let Ok(Err(_)) = tokio::time::timeout(patience, writing).await {
            return;
        }
        if client.socket.take_error().unwrap().is_some() {
            return;
        }
    }
}

#[tokio::test]
async fn who_reads_late_loses_nothing() {
    let config = Config {
        output_bytes_max: 1_000,
        unanswered_count_max: 4,
        messages_per_second_max: 10_000_000,
        bytes_per_second_max: 1 << 30,
        ..Config::default()
    };
    let cluster = Cluster::start_with(config, files()).await;
    let client = cluster.connect().await;
    let (mut read, mut write) = client.socket.into_split();
    const COUNT: usize = 100_000;
    let writing = tokio::spawn(async move {
        let chatter = framed(&ver()).repeat(COUNT);
        tokio::io::AsyncWriteExt::write_all(&mut write, &chatter)
            .await
            .unwrap();
        write
    });
    let one = {
        let mut other = cluster.connect().await;
        other.send(&[ver()]).await;
        let payload = other.payload().await.unwrap();
        crate::client::around(&payload).len()
    };
    let mut replies = vec![0; one * COUNT];
    let reading = read.read_exact(&mut replies);
    tokio::time::timeout(3 * crate::client::DEADLINE, reading)
        .await
        .expect("the conversation stands still")
        .unwrap();
    writing.await.unwrap();
}

#[tokio::test]
async fn a_message_has_its_time_and_so_has_silence() {
    let config = Config {
        message_timeout_ms: 300,
        idle_timeout_ms: 2_500,
        ..Config::default()
    };
    let cluster = Cluster::start_with(config, files()).await;
    let begin = Instant::now();
    let (mut slow, mut silent) = (cluster.connect().await, cluster.connect().await);
    slow.send_bytes(b"1000 ").await;
    for _ in 0..8 {
        // Bytes do not prolong it.
        let _cut_off = slow.socket.try_write(b"x");
        let patience = Duration::from_millis(60);
        if tokio::time::timeout(patience, slow.socket.readable())
            .await
            .is_ok()
        {
            break;
        }
    }
    slow.closed().await;
    assert!(begin.elapsed() > Duration::from_millis(250));
    assert!(begin.elapsed() < Duration::from_millis(1_500));
    silent.closed().await;
    assert!(begin.elapsed() > Duration::from_millis(2_400));
}

#[tokio::test]
async fn above_the_rate_messages_are_read_later() {
    let config = Config {
        messages_per_second_max: 50,
        ..Config::default()
    };
    let cluster = Cluster::start_with(config, files()).await;
    let mut client = cluster.connect().await;
    let begin = Instant::now();
    client.send(&vec![ver(); 100]).await;
    for _ in 0..100 {
        assert_eq!(client.reply().await, Some(version()));
    }
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(900), "{took:?}");
    assert!(took < Duration::from_millis(3_000), "{took:?}");
}

#[tokio::test]
async fn places_are_limited() {
    let config = Config {
        connections_per_address_max: 2,
        ..Config::default()
    };
    let cluster = Cluster::start_with(config, files()).await;
    let (mut one, mut two) = (cluster.connect().await, cluster.connect().await);
    assert_eq!(one.ask(ver()).await, version());
    assert_eq!(two.ask(ver()).await, version());
    cluster.connect().await.closed().await;
    drop(one);
    let end = Instant::now() + crate::client::DEADLINE;
    loop {
        let mut next = cluster.connect().await;
        let _closed = next.socket.try_write(&framed(&ver()));
        if next.reply().await == Some(version()) {
            return;
        }
        assert!(Instant::now() < end, "no place became free");
    }
}
