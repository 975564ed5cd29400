//! Flags behind replies.

use std::time::Instant;

use bytes::Bytes;
use store::accounts::NewAccount;
use wire::Value;

use crate::{
    client::{Client, DEADLINE, login, text, ver},
    cluster::{Cluster, files, publish},
    maps::edit,
};

/// Asks until a flag comes.
async fn flag(client: &mut Client) -> Vec<Value> {
    let end = Instant::now() + DEADLINE;
    loop {
        let (_, flags) = client.ask_all(ver()).await;
        if !flags.is_empty() {
            return flags;
        }
        assert!(Instant::now() < end, "no flag came");
    }
}

#[tokio::test]
async fn each_change_is_told_once_to_each_connection() {
    let cluster = Cluster::start().await;
    let (mut one, mut other) = (cluster.play("anna").await, cluster.connect().await);
    for counter in 1..4 {
        edit(&cluster, counter, 1).await;
        cluster.announce();
        assert_eq!(flag(&mut one).await, [text("map")]);
        assert_eq!(
            other.ask_all(vec![]).await.1,
            [text("map")],
            "with any reply"
        );
        for client in [&mut one, &mut other] {
            assert_eq!(client.ask_all(ver()).await.1, []);
        }
    }
    let mut late = cluster.connect().await;
    assert_eq!(late.ask_all(ver()).await.1, [], "it has missed nothing");
}

#[tokio::test]
async fn a_poll_finds_what_nobody_announced() {
    let cluster = Cluster::start().await;
    let mut client = cluster.connect().await;
    assert_eq!(client.ask_all(ver()).await.1, []);
    edit(&cluster, 1, 1).await;
    assert_eq!(flag(&mut client).await, [text("map")]);
}

#[tokio::test]
async fn a_login_tells_what_changed_since_the_player_was_told() {
    let cluster = Cluster::start().await;
    let mut witness = cluster.connect().await;
    assert_eq!(witness.ask_all(ver()).await.1, []);
    edit(&cluster, 1, 1).await;
    cluster.announce();
    flag(&mut witness).await;
    let mut client = cluster.connect().await;
    let told = client.ask_all(login("anna")).await;
    assert_eq!(told, (Value::Bool(true), vec![text("map")]));
    assert_eq!(client.ask_all(ver()).await.1, []);
    let now = cluster.store.versions().await.unwrap().map;
    cluster.auth.set_map_told(now);
    let mut client = cluster.connect().await;
    let told = client.ask_all(login("bert")).await;
    assert_eq!(told, (Value::Bool(true), vec![]));
}

#[tokio::test]
async fn what_a_player_was_told_is_noted_with_the_character() {
    let cluster = Cluster::start().await;
    let account = NewAccount {
        name: "Anna".to_owned(),
        password_hash: String::new(),
        region: "0:0:0".parse().unwrap(),
        state: world::entity::EntityState::at(world::position::Position {
            x: 4.5,
            y: 4.5,
            z: 0,
        }),
    };
    cluster.store.accounts().create(account).await.unwrap();
    let mut client = cluster.play("Anna").await;
    edit(&cluster, 1, 1).await;
    cluster.announce();
    flag(&mut client).await;
    let now = cluster.store.versions().await.unwrap().map;
    let end = Instant::now() + DEADLINE;
    loop {
        let start = cluster.store.accounts().begin_session("anna").await;
        if start.unwrap().unwrap().map_told == now {
            return;
        }
        assert!(Instant::now() < end, "it was never noted");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_clients_flag_says_that_the_new_image_is_here() {
    let cluster = Cluster::start().await;
    let mut client = cluster.connect().await;
    let mut next = files();
    next.insert("client/hello.py".to_owned(), Bytes::from_static(b"hello"));
    publish(&cluster.store, next.clone()).await;
    cluster.announce();
    let end = Instant::now() + DEADLINE;
    loop {
        let (image, flags) = client.ask_all(vec![text("upgrade")]).await;
        assert_eq!(flags, [], "the version is the same");
        if names(&image).contains(&"hello.py".to_owned()) {
            break;
        }
        assert!(Instant::now() < end, "the new file never came");
    }
    next.insert("client/VERSION".to_owned(), Bytes::from_static(b"2.0"));
    publish(&cluster.store, next).await;
    cluster.announce();
    assert_eq!(flag(&mut client).await, [text("client")]);
    assert_eq!(client.ask_all(ver()).await, (text("2.0"), vec![]));
}

fn names(image: &Value) -> Vec<String> {
    let Value::List(entries) = image else {
        panic!("no image")
    };
    let names = entries.iter().map(|entry| match entry {
        Value::Tuple(parts) => parts[0].as_str().unwrap().to_owned(),
        other => panic!("{other:?}"),
    });
    names.collect()
}
