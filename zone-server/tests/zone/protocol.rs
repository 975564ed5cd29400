//! What a gateway must not say, and what becomes of its stream when it does.

use proto::{self as p, gateway_message::Kind as Say};
use tonic::Code;
use wire::Value;

use crate::{
    cluster::{Cluster, until},
    gateway::{Body, Gateway, Player, command, enter, get, set, step, written},
    yard::WEST,
};

async fn check(said: Vec<Option<Say>>, expected: &str) {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    let mut other = cluster.gateway().await;
    other.enter(&mut anna).await;
    gateway.say_all(said).await;
    let status = gateway.end().await.unwrap();
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, expected)
    );
    cluster.watch.expect_trouble("a link says what it must not");
    // It harms nobody else.
    assert!(other.is_done(&mut anna, step(1.0, 0.0)).await);
    // The next one is watched on this thread too.
    cluster.stop().await;
}

fn with(body: Option<Body>) -> Vec<Option<Say>> {
    let mut anna = Player::new(1, "Anna");
    anna.counter = 1;
    let Say::Command(mut said) = command(&anna, 0, step(1.0, 0.0)) else {
        unreachable!("it is a command")
    };
    said.body = body;
    vec![Some(Say::Command(said))]
}

fn change(change: Option<p::set::Change>) -> Vec<Option<Say>> {
    with(Some(Body::Set(p::Set {
        name: "Anna".to_owned(),
        attribute: "gold".to_owned(),
        change,
    })))
}

#[tokio::test]
async fn hello_comes_first_and_once() {
    let cluster = Cluster::start(&[]).await;
    let subscribe = || {
        Say::Subscribe(p::Subscribe {
            region: Some(written(WEST)),
        })
    };
    let mut gateway = Gateway::silent(cluster.address()).await;
    gateway.say([subscribe()]).await;
    let status = gateway.end().await.unwrap();
    assert_eq!(status.message(), "the first message must be Hello");
    cluster.watch.expect_trouble("a link says what it must not");
    cluster.stop().await;
    let hello = Say::Hello(p::Hello {
        gateway: "again".to_owned(),
        ..p::Hello::default()
    });
    check(vec![Some(hello)], "Hello comes only first").await;
}

#[tokio::test]
async fn gateways_and_zone_servers_say_what_is_theirs() {
    let held = Say::Held(p::Held {
        region: Some(written(WEST)),
        epoch: 1,
    });
    check(vec![Some(held)], "Held is not for a gateway to say").await;

    let cluster = Cluster::start(&["Anna"]).await;
    let mut peer = Gateway::silent(cluster.address()).await;
    let hello = Say::Hello(p::Hello {
        gateway: "http://127.0.0.1:1".to_owned(),
        kind: p::hello::Kind::ZoneServer.into(),
        incarnation: 7,
    });
    peer.say([hello, enter(&Player::new(1, "Anna"))]).await;
    let status = peer.end().await.unwrap();
    assert_eq!(
        (status.code(), status.message()),
        (
            Code::InvalidArgument,
            "Enter is not for a zone server to say"
        )
    );
    cluster.watch.expect_trouble("a link says what it must not");
}

#[tokio::test]
async fn messages_that_are_none_end_the_stream() {
    let nowhere = Say::Subscribe(p::Subscribe { region: None });
    check(vec![None], "a message is missing or unknown").await;
    check(vec![Some(nowhere)], "a region is missing or unknown").await;
    check(with(None), "a command is missing or unknown").await;
    check(change(None), "a change is missing or unknown").await;
    let edit = Body::Edit(p::Edit { command: None });
    check(with(Some(edit)), "an edit is missing or unknown").await;
}

#[tokio::test]
async fn values_that_are_none_end_the_stream() {
    let bytes = |bytes: &'static [u8]| Some(p::set::Change::To(bytes.into()));
    let (no_pickle, no_dict) = (
        "a value is no pickle of data",
        "a list of attributes is no pickle of a dict of texts",
    );
    check(change(bytes(b"c__builtin__\neval\n.")), no_pickle).await;
    check(change(bytes(b"")), no_pickle).await;
    let spawn = Body::Edit(p::Edit {
        command: Some(p::edit::Command::Spawn(p::Spawn {
            name: "Ox".to_owned(),
            position: Some(p::Position::default()),
            attributes: b"]."[..].into(),
            behaviour: None,
        })),
    });
    check(with(Some(spawn)), no_dict).await;
    let long = p::set::Change::To(vec![b'N'; (1 << 20) + 1].into());
    check(change(Some(long)), "a value is longer than 1048576 bytes").await;
    let long = Body::Get(p::Get {
        name: "a".repeat(65_537),
        attribute: "pos".to_owned(),
    });
    check(with(Some(long)), "a name is longer than 65536 bytes").await;
}

#[tokio::test]
async fn numbers_that_are_none_are_answered_false() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(!gateway.is_done(&mut anna, step(bad, 0.0)).await);
        let far = crate::gateway::teleport("Anna", 1.5, bad);
        assert!(!gateway.is_done(&mut anna, far).await);
    }
    assert!(
        gateway.is_done(&mut anna, step(1.0, 0.0)).await,
        "the stream goes on"
    );
}

#[tokio::test]
async fn a_gateway_that_does_not_read_is_cut_off_and_costs_others_nothing() {
    let cluster = Cluster::start(&["Anna", "Bert"]).await;
    let (mut lazy, mut other) = (cluster.gateway().await, cluster.gateway().await);
    let (mut anna, mut bert) = (Player::new(1, "Anna"), Player::new(1, "Bert"));
    lazy.enter(&mut anna).await;
    other.enter(&mut bert).await;
    let long = Value::Bytes(vec![7; 15_000]);
    assert!(lazy.is_done(&mut anna, set("Anna", "chest", long)).await);
    // 150 MB of answers that nobody fetches.
    let ask = get("Anna", "chest");
    for _ in 0..100 {
        let asks = (0..100).map(|_| {
            anna.counter += 1;
            command(&anna, 0, ask.clone())
        });
        lazy.say(asks.collect::<Vec<_>>()).await;
        assert!(other.is_done(&mut bert, step(0.0, 0.0)).await);
    }
    let is_cut = async || {
        cluster
            .watch
            .has_trouble("a gateway does not read")
            .then_some(())
    };
    until("the cut", is_cut).await;
    let status = lazy.end().await.unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    cluster.watch.expect_trouble("a gateway does not read");
    assert!(other.is_done(&mut bert, step(1.0, 0.0)).await);
}
