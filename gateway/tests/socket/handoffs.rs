//! Characters and regions that go from one zone server to another, and zone servers that stop or die.

use std::time::{Duration, Instant};

use proto::command::Body;
use wire::Value;

use crate::{
    client::{Client, DEADLINE, get, set, step, text, update},
    cluster::{Cluster, START, others},
    fake_zone::{FakeZone, Heard, Say, again, changes, entity, region, released, reply, value},
};

fn yes() -> Option<Value> {
    Some(Value::Bool(true))
}

fn no() -> Option<Value> {
    Some(Value::Bool(false))
}

#[tokio::test]
async fn pipelined_requests_follow_a_character_to_another_server() {
    let (cluster, other) = Cluster::pair().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    let requests = [
        step(1.0),
        step(2.0),
        get("carl", "bag"),
        update(),
        step(3.0),
    ];
    client.send(&requests).await;
    let (one, two) = (zone.command().await, zone.command().await);
    let arrived = proto::Entity {
        own: 2,
        ..entity("anna", 1, 9.5)
    };
    other.put(region(1), arrived);
    // After that, the first one has no more to say about where it is, not even in the same breath.
    let moved = Say::Moved(proto::Moved {
        session: one.session,
        region: Some(START),
    });
    zone.say(vec![
        reply(&one, true),
        released(one.session, region(1)),
        moved.clone(),
    ]);
    let enter = other.entrance().await;
    assert_eq!(
        (enter.session, enter.region),
        (one.session, Some(region(1)))
    );
    assert_eq!((&*enter.name, enter.generation), ("anna", 1));
    let again = other.command().await;
    assert_eq!((again.counter, again.attempt), (two.counter, 1));
    assert_eq!(again.region, Some(region(1)));
    zone.say(vec![reply(&two, false), moved]);
    other.say(vec![reply(&again, true)]);
    assert_eq!(client.reply().await, yes());
    assert_eq!(client.reply().await, yes());
    let ask = other.command().await;
    assert!(matches!(ask.body, Some(Body::Get(_))), "{ask:?}");
    other.say(vec![value(&ask, &text("apples"))]);
    assert_eq!(client.reply().await, Some(text("apples")));
    assert_eq!(client.next_view().await, [("anna".to_owned(), 9.5)]);
    let last = other.command().await;
    assert_eq!((last.counter, last.attempt), (4, 0));
    other.say(vec![reply(&last, true)]);
    assert_eq!(client.reply().await, yes());
    assert_eq!(zone.commands_so_far().await, []);
}

#[tokio::test]
async fn a_view_after_a_warp_to_another_server_waits_for_what_is_there() {
    let (cluster, other) = Cluster::pair().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    assert_eq!(client.view().await, [("anna".to_owned(), 4.5)]);
    let arrived = proto::Entity {
        own: 2,
        ..entity("anna", 1, 45.5)
    };
    other.put(region(5), arrived);
    other.put(region(5), entity("bert", 1, 44.5));
    other.put(region(6), entity("carl", 1, 48.5));
    client.send(&[step(1.0), update()]).await;
    let command = zone.command().await;
    let departure = Say::Changes(proto::Changes {
        region: Some(START),
        epoch: 1,
        changed: vec![],
        departed: vec![proto::Departure {
            name: "anna".to_owned(),
            own: 1,
            version: 2,
            to: Some(region(5)),
        }],
    });
    zone.say(vec![
        departure,
        reply(&command, true),
        released(command.session, region(5)),
    ]);
    assert_eq!(client.reply().await, yes());
    let expected = [("anna", 45.5), ("bert", 44.5), ("carl", 48.5)];
    let expected = expected.map(|(name, x)| (name.to_owned(), x));
    assert_eq!(client.next_view().await, expected);
}

#[tokio::test]
async fn a_server_that_was_stopped_has_no_say_any_more() {
    let (cluster, other) = Cluster::pair().await;
    let zone = &cluster.zone;
    zone.put(START, entity("bert", 1, 3.5));
    let mut client = cluster.play("anna").await;
    let first = zone.entrance().await;
    client.send(&[update()]).await;
    let both = [("anna".to_owned(), 4.5), ("bert".to_owned(), 3.5)];
    assert_eq!(client.next_view().await, both);
    zone.stop();
    client.send(&[set("anna", 1), step(1.0)]).await;
    for name in ["anna", "bert"] {
        let claimed = proto::Entity {
            own: 2,
            ..entity(name, 1, 5.5)
        };
        other.put(START, claimed);
    }
    cluster.lose(0).await;
    cluster.hand(&[START], 1).await;
    let enter = other.entrance().await;
    assert_eq!((enter.session, enter.region), (first.session, Some(START)));
    let (put, walk) = (other.command().await, other.command().await);
    assert_eq!((put.counter, put.attempt), (1, 1));
    assert_eq!((walk.counter, walk.attempt), (2, 1));
    zone.go_on();
    let (late_put, late_walk) = (zone.command().await, zone.command().await);
    zone.say(vec![
        changes(START, vec![entity("bert", 9, 0.5)]),
        reply(&late_put, false),
        reply(&late_walk, false),
        Say::Evicted(proto::Evicted {
            session: first.session,
            reason: proto::evicted::Reason::TakenOver.into(),
        }),
        released(first.session, region(3)),
    ]);
    // What it says has been read when the answer to a question by its stream has.
    zone.say(vec![reply(&late_put, true)]);
    assert_eq!(
        client.reply().await,
        yes(),
        "what lasts is done, whoever says so"
    );
    other.say(vec![reply(&put, true), reply(&walk, true)]);
    assert_eq!(client.reply().await, yes());
    let moved = [("anna".to_owned(), 5.5), ("bert".to_owned(), 5.5)];
    assert_eq!(client.view().await, moved);
    client.send(&[step(1.0)]).await;
    let next = other.command().await;
    other.say(vec![reply(&next, false)]);
    assert_eq!(client.reply().await, no());
}

#[tokio::test]
async fn play_goes_on_where_a_dead_servers_regions_are_held() {
    let (cluster, other) = Cluster::pair().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    client.send(&[set("anna", 1), step(1.0)]).await;
    let (put, _walk) = (zone.command().await, zone.command().await);
    zone.kill();
    cluster.lose(0).await;
    // Nobody holds the region now; who only looks is answered.
    client.send(&[step(2.0)]).await;
    cluster.hand(&[START], 1).await;
    let enter = other.entrance().await;
    assert_eq!((enter.session, enter.region), (put.session, Some(START)));
    for counter in 1..=3 {
        let command = other.command().await;
        assert_eq!(command.counter, counter);
        assert_eq!(command.attempt, u32::from(counter < 3));
        other.say(vec![reply(&command, true)]);
        assert_eq!(client.reply().await, yes());
    }
}

#[tokio::test]
async fn who_was_started_again_is_entered_when_it_holds_the_region() {
    let (mut cluster, _other) = Cluster::pair().await;
    let zone = cluster.zone.clone();
    let mut client = cluster.play("anna").await;
    client.send(&[set("anna", 1)]).await;
    let put = zone.command().await;
    zone.kill();
    cluster.restart(0).await;
    zone.linked().await;
    // The region is the earlier run's until that is dead; then the next one has to take it like anybody.
    cluster.until_alone(0).await;
    cluster.hand(&[START], 0).await;
    let again = zone.command().await;
    assert_eq!(
        (again.session, again.counter, again.attempt),
        (put.session, 1, 1)
    );
    zone.say(vec![reply(&again, true)]);
    assert_eq!(client.reply().await, yes());
}

#[tokio::test]
async fn a_region_changes_hands_without_a_blink() {
    let (cluster, other) = Cluster::pair().await;
    let zone = &cluster.zone;
    for name in ["bert", "carl"] {
        zone.put(START, entity(name, 1, 3.5));
    }
    let mut client = cluster.play("anna").await;
    let expected = |there: &[(&str, f64)]| {
        let there = there.iter().map(|(name, x)| ((*name).to_owned(), *x));
        there.collect::<Vec<_>>()
    };
    let all = expected(&[("anna", 4.5), ("bert", 3.5), ("carl", 3.5)]);
    assert_eq!(client.view().await, all);
    other.show(false);
    cluster.hand(&[START], 1).await;
    until_heard(
        &other,
        |heard| matches!(heard, Heard::Subscribe(subscribe) if subscribe.region == Some(START)),
    )
    .await;
    let told = client.view().await.len();
    assert_eq!(told, 3, "the new holder has told nothing yet");
    // Of the three it has two; nobody knows what became of the third.
    for name in ["anna", "bert"] {
        let claimed = proto::Entity {
            own: 2,
            ..entity(name, 1, 4.0)
        };
        other.put(START, claimed);
    }
    other.show(true);
    other.snapshot(START);
    until_heard(zone, |heard| {
        matches!(heard, Heard::Unsubscribe(unsubscribe) if unsubscribe.region == Some(START))
    })
    .await;
    let claimed = expected(&[("anna", 4.0), ("bert", 4.0)]);
    let end = Instant::now() + DEADLINE;
    loop {
        let view = client.view().await;
        if view == claimed {
            break;
        }
        let kept = expected(&[("anna", 4.0), ("bert", 4.0), ("carl", 3.5)]);
        assert_eq!(view, kept, "somebody blinks");
        assert!(Instant::now() < end, "a ghost stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a zone server has heard something.
async fn until_heard(zone: &FakeZone, is_it: impl Fn(&Heard) -> bool) {
    while !is_it(&zone.next().await) {}
}

#[tokio::test]
async fn somebody_a_little_beyond_a_border_is_waited_for_where_he_belongs() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    // Bert's region begins at 16, and he is seen from 11.5: at 15.5.
    zone.put(region(2), entity("bert", 1, 15.4));
    zone.put(region(1), entity("anna", 1, 11.5));
    let mut client = cluster.play("anna").await;
    let both = [("anna".to_owned(), 11.5), ("bert".to_owned(), 15.4)];
    assert_eq!(client.view().await, both);
}

#[tokio::test]
async fn what_was_lost_on_the_way_is_repeated_and_answered_by_whoever_did_it() {
    let (cluster, other) = Cluster::pair().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    client.send(&[set("carl", 1)]).await;
    let first = zone.command().await;
    let repeated = zone.command().await;
    assert_eq!((first.attempt, repeated.attempt), (0, 1));
    assert_eq!(first.counter, repeated.counter);
    other.say(vec![reply(&repeated, true)]);
    assert_eq!(client.reply().await, yes());
    client.send(&[set("carl", 2)]).await;
    let busy = zone.command().await;
    other.say(vec![again(&busy)]);
    let repeated = zone.command().await;
    assert_eq!((repeated.counter, repeated.attempt), (2, 1));
    zone.say(vec![reply(&repeated, true)]);
    assert_eq!(client.reply().await, yes());
}

#[tokio::test]
async fn nobody_is_disturbed_by_changes_elsewhere() {
    let (cluster, other) = Cluster::pair().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    zone.entrance().await;
    for to in [0, 1, 0, 1] {
        let regions = others();
        cluster.hand(&regions[3..], to).await;
        client.send(&[step(1.0)]).await;
        let command = zone.command().await;
        assert_eq!((command.attempt, command.region), (0, Some(START)));
        zone.say(vec![reply(&command, true)]);
        assert_eq!(client.reply().await, yes());
    }
    assert!(
        !other
            .has_heard(|heard| matches!(heard, Heard::Enter(_)))
            .await
    );
    assert!(
        !zone
            .has_heard(|heard| matches!(heard, Heard::Enter(_)))
            .await
    );
}

/// Lets Anna's character go from the first zone server to a region of the second, which does not answer; then that region comes to the first.
async fn comes_back(cluster: &Cluster, other: &FakeZone) -> (Client, u64) {
    let zone = &cluster.zone;
    other.let_in(false);
    let client = cluster.play("anna").await;
    let session = zone.entrance().await.session;
    zone.say(vec![released(session, region(1))]);
    assert_eq!(other.entrance().await.session, session);
    zone.put(region(1), entity("anna", 3, 9.5));
    cluster.hand(&[region(1)], 0).await;
    assert_eq!(zone.entrance().await.region, Some(region(1)));
    (client, session)
}

#[tokio::test]
async fn who_goes_leaves_everybody_who_may_have_the_character_yet() {
    let (cluster, other) = Cluster::pair().await;
    let (mut client, session) = comes_back(&cluster, &other).await;
    client.send(&[step(1.0)]).await;
    let command = cluster.zone.command().await;
    cluster.zone.say(vec![reply(&command, true)]);
    assert_eq!(client.reply().await, yes());
    drop(client);
    for (zone, at) in [(&cluster.zone, region(1)), (&other, region(1))] {
        let leave = zone.departure().await;
        assert_eq!((leave.session, leave.region), (session, Some(at)));
    }
}

#[tokio::test]
async fn who_goes_does_not_leave_those_who_have_let_go() {
    let (cluster, other) = Cluster::pair().await;
    let zone = &cluster.zone;
    let (mut client, session) = comes_back(&cluster, &other).await;
    client.send(&[step(1.0)]).await;
    let command = zone.command().await;
    let not_there = proto::Elsewhere {
        session,
        counter: 0,
        attempt: 0,
        region: None,
    };
    // It has been heard when an answer that comes by the same stream after it has.
    other.say(vec![Say::Elsewhere(not_there), reply(&command, true)]);
    assert_eq!(client.reply().await, yes());
    drop(client);
    assert_eq!(zone.departure().await.session, session);
    let is_leave = |heard: &Heard| matches!(heard, Heard::Leave(_));
    assert!(!other.has_heard(is_leave).await);
}
