//! What operators see of a zone server.

use crate::{
    cluster::{Cluster, until},
    gateway::{Answer, Body, Player, command, get, set, step},
    yard::WEST,
};
use proto::gateway_message::Kind as Say;
use wire::Value;

/// A command of a request whose trace is recorded.
fn traced(player: &Player, body: Body) -> Say {
    let Say::Command(mut said) = command(player, 0, body) else {
        unreachable!("it is a command")
    };
    said.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
    Say::Command(said)
}

#[tokio::test]
async fn a_recorded_request_has_spans_up_to_its_commit() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    let rich = || set("Anna", "gold", Value::Int(1));
    assert!(gateway.is_done(&mut anna, rich()).await);
    let is_request = |span: &String| span.contains("command") || span.contains("commit");
    let spans = cluster.watch.spans();
    assert!(!spans.iter().any(is_request), "{spans:?}");

    anna.counter += 1;
    gateway.say([traced(&anna, rich())]).await;
    let (_, answer) = gateway.hear_answer(&anna, 0).await;
    assert_eq!(answer, Answer::Done(true));
    let mut spans = cluster.watch.spans();
    spans.retain(is_request);
    assert_eq!(
        spans,
        [" > command kind=\"set\" region=0:0:0", "command > commit"]
    );
}

#[tokio::test]
async fn commands_regions_and_people_are_counted() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    gateway.subscribe(WEST).await;
    assert!(gateway.is_done(&mut anna, step(0.5, 0.0)).await);
    assert!(gateway.is_done(&mut anna, step(0.5, 0.0)).await);
    assert!(!gateway.is_done(&mut anna, step(0.0, -100.0)).await);
    gateway.command(&mut anna, get("Anna", "pos")).await;
    let answers = |kind: &str, result: &str| {
        let labels = format!("kind=\"{kind}\",result=\"{result}\"");
        cluster
            .watch
            .metric(&format!("pymmorpg_zone_answers_total{{{labels}}}"))
    };
    assert_eq!(answers("move", "true"), Some(2.0));
    assert_eq!(answers("move", "false"), Some(1.0));
    assert_eq!(answers("get", "value"), Some(1.0));
    assert_eq!(answers("enter", "true"), Some(1.0));
    let census = async || {
        cluster
            .watch
            .metric("pymmorpg_zone_links ")
            .filter(|count| *count > 0.0)
    };
    assert_eq!(until("the census", census).await, 1.0);
    assert_eq!(cluster.watch.metric("pymmorpg_zone_regions "), Some(2.0));
    assert_eq!(cluster.watch.metric("pymmorpg_zone_residents "), Some(2.0));
    assert!(gateway.is_done(&mut anna, step(4.0, 0.0)).await);
    let metric = async |name: &str| until(name, async || cluster.watch.metric(name)).await;
    assert_eq!(metric("pymmorpg_zone_handovers_total ").await, 1.0);
    assert!(metric("pymmorpg_zone_wake_lag_seconds_count ").await >= 1.0);
}
