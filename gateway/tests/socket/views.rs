//! `update`, and what `get` says of those in view.

use std::time::{Duration, Instant};

use proto::Departure;
use wire::{Dialect, Value, pickle};

use crate::{
    client::{Client, around, get, step, text, update},
    cluster::{Cluster, START},
    fake_zone::{Heard, Say, changes, entity, region, reply, value},
};

async fn until_seen(client: &mut Client, expected: &[(&str, f64)]) {
    let expected: Vec<(String, f64)> = expected
        .iter()
        .map(|(name, x)| ((*name).to_owned(), *x))
        .collect();
    let end = Instant::now() + crate::client::DEADLINE;
    loop {
        let view = client.view().await;
        if view == expected {
            return;
        }
        assert!(Instant::now() < end, "{view:?} is not {expected:?}");
    }
}

#[tokio::test]
async fn the_first_view_is_whole() {
    let cluster = Cluster::start().await;
    cluster.zone.put(START, entity("bert", 1, 5.5));
    cluster.zone.put(region(1), entity("carl", 1, 8.5));
    cluster.zone.put(region(1), entity("dora", 1, 8.6));
    cluster.zone.put(region(2), entity("emil", 1, 16.5));
    let mut client = cluster.connect().await;
    client.send(&[crate::client::login("anna"), update()]).await;
    assert_eq!(client.reply().await, Some(Value::Bool(true)));
    let view = client.next_view().await;
    let expected = [("anna", 4.5), ("bert", 5.5), ("carl", 8.5)];
    assert_eq!(view, expected.map(|(name, x)| (name.to_owned(), x)));
}

#[tokio::test]
async fn every_dialect_gets_the_same_view() {
    let cluster = Cluster::start().await;
    cluster.zone.put(START, entity("Jörg", 1, 5.5));
    let mut client = cluster.play("anna").await;
    let expected = client.ask(update()).await;
    for (dialect, protocol) in [(Dialect::Text2, 2), (Dialect::Three, 3), (Dialect::Four, 4)] {
        let request = pickle::encode(&Value::List(update()), dialect);
        // What Python 3 writes at protocol 2: text as unicode.
        let request = if dialect == Dialect::Text2 {
            b"\x80\x02]X\x06\x00\x00\x00updatea.".to_vec()
        } else {
            request
        };
        client.send_bytes(&around(&request)).await;
        let payload = client.payload().await.unwrap();
        assert_eq!(payload[1], protocol);
        let Value::List(reply) = pickle::load(&payload, &Default::default()).unwrap() else {
            panic!("no list")
        };
        assert_eq!(reply.first(), Some(&expected), "{dialect:?}");
    }
}

#[tokio::test]
async fn what_moves_comes_and_goes_is_seen() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    until_seen(&mut client, &[("anna", 4.5)]).await;
    zone.say(vec![changes(START, vec![entity("bert", 1, 3.5)])]);
    until_seen(&mut client, &[("anna", 4.5), ("bert", 3.5)]).await;
    let mut step = entity("bert", 2, 3.0);
    step.attributes = None;
    zone.say(vec![changes(START, vec![step])]);
    until_seen(&mut client, &[("anna", 4.5), ("bert", 3.0)]).await;
    zone.say(vec![Say::Changes(proto::Changes {
        region: Some(START),
        epoch: 1,
        changed: vec![],
        departed: vec![Departure {
            name: "bert".to_owned(),
            own: 1,
            version: 3,
            to: None,
        }],
    })]);
    until_seen(&mut client, &[("anna", 4.5)]).await;
}

#[tokio::test]
async fn a_view_after_a_warp_waits_for_the_regions_there() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    until_seen(&mut client, &[("anna", 4.5)]).await;
    zone.put(region(5), entity("bert", 1, 44.5));
    zone.put(region(6), entity("carl", 1, 48.5));
    let there = entity("anna", 2, 45.5);
    zone.put(region(5), entity("anna", 4, 45.5));
    client.send(&[step(1.0), update()]).await;
    let command = zone.command().await;
    zone.say(vec![
        changes(START, vec![there]),
        Say::Changes(proto::Changes {
            region: Some(START),
            epoch: 1,
            changed: vec![],
            departed: vec![Departure {
                name: "anna".to_owned(),
                own: 1,
                version: 3,
                to: Some(region(5)),
            }],
        }),
        reply(&command, true),
        Say::Moved(proto::Moved {
            session: command.session,
            region: Some(region(5)),
        }),
    ]);
    assert_eq!(client.reply().await, Some(Value::Bool(true)));
    let view = client.next_view().await;
    let expected = [("anna", 45.5), ("bert", 44.5), ("carl", 48.5)];
    assert_eq!(view, expected.map(|(name, x)| (name.to_owned(), x)));
}

#[tokio::test]
async fn a_view_does_not_wait_for_ever_for_a_region() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    until_seen(&mut client, &[("anna", 4.5)]).await;
    zone.show(false);
    client.send(&[step(1.0), update(), update()]).await;
    let command = zone.command().await;
    zone.say(vec![
        changes(START, vec![entity("anna", 2, 45.5)]),
        reply(&command, true),
    ]);
    assert_eq!(client.reply().await, Some(Value::Bool(true)));
    let mut waits = Vec::new();
    for _ in 0..2 {
        let begin = Instant::now();
        let view = client.next_view().await;
        assert_eq!(view, [("anna".to_owned(), 45.5)]);
        waits.push(begin.elapsed());
    }
    let second = Duration::from_secs(1);
    assert!(waits[0] > second * 9 / 10, "{waits:?}: it did not wait");
    assert!(waits[1] < second * 9 / 10, "{waits:?}: it waited twice");
}

#[tokio::test]
async fn what_a_view_shows_is_read_without_the_owner() {
    let cluster = Cluster::start().await;
    cluster.zone.put(START, entity("Bert", 1, 5.5));
    let mut client = cluster.play("anna").await;
    until_seen(&mut client, &[("Bert", 5.5), ("anna", 4.5)]).await;
    let place = Value::Tuple(vec![Value::Float(5.5), Value::Float(4.5), Value::Int(0)]);
    assert_eq!(client.ask(get("BERT", "pos")).await, place);
    assert_eq!(client.ask(get("bert", "name")).await, text("Bert"));
    assert_eq!(client.ask(get("bert", "visual")).await, text("sprite"));
    assert_eq!(cluster.zone.commands_so_far().await, []);
}

#[tokio::test]
async fn of_who_is_between_two_regions_the_owner_is_asked() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    zone.put(START, entity("bert", 1, 5.5));
    let mut client = cluster.play("anna").await;
    until_seen(&mut client, &[("anna", 4.5), ("bert", 5.5)]).await;
    zone.say(vec![Say::Changes(proto::Changes {
        region: Some(START),
        epoch: 1,
        changed: vec![],
        departed: vec![Departure {
            name: "bert".to_owned(),
            own: 1,
            version: 2,
            to: Some(region(1)),
        }],
    })]);
    // The departure has been read when the answer to a question behind it has.
    client.send(&[get("carl", "bag")]).await;
    zone.say(vec![value(&zone.command().await, &Value::None)]);
    assert_eq!(client.reply().await, Some(Value::None));
    client.send(&[get("bert", "pos"), update()]).await;
    let command = zone.command().await;
    zone.say(vec![value(&command, &text("there"))]);
    assert_eq!(client.reply().await, Some(text("there")));
    let view = client.next_view().await;
    let expected = [("anna", 4.5), ("bert", 5.5)];
    assert_eq!(
        view,
        expected.map(|(name, x)| (name.to_owned(), x)),
        "it does not blink meanwhile"
    );
}

#[tokio::test]
async fn regions_are_listened_to_as_long_as_somebody_needs_them() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    until_seen(&mut client, &[("anna", 4.5)]).await;
    drop(client);
    let end = Instant::now() + crate::client::DEADLINE;
    let mut listened = Vec::new();
    while Instant::now() < end {
        match zone.next().await {
            Heard::Subscribe(subscribe) => listened.push(subscribe.region),
            Heard::Unsubscribe(unsubscribe) => {
                listened.retain(|region| *region != unsubscribe.region);
                if listened.is_empty() {
                    return;
                }
            }
            _ => {}
        }
    }
    panic!("still listening to {listened:?}");
}
