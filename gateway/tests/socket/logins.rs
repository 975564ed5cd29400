//! Who is let in as whom, and who is put out.

use proto::evicted::Reason;
use wire::Value;

use crate::{
    client::{login, set, step, text, ver},
    cluster::{Cluster, START},
    fake_zone::{Say, reply},
};

fn new(name: &str) -> Vec<Value> {
    vec![text("new"), text(name), text("secret")]
}

fn evicted(session: u64, reason: Reason) -> Say {
    Say::Evicted(proto::Evicted {
        session,
        reason: reason.into(),
    })
}

#[tokio::test]
async fn a_refusal_is_false_and_the_conversation_goes_on() {
    let cluster = Cluster::start().await;
    let mut client = cluster.connect().await;
    let wrong = vec![text("login"), text("anna"), text("wrong")];
    assert_eq!(client.ask(wrong.clone()).await, Value::Bool(false));
    assert_eq!(client.ask(step(1.0)).await, Value::Bool(false));
    assert_eq!(client.ask(new("anna")).await, Value::Bool(true));
    assert_eq!(client.ask(wrong).await, Value::Bool(false));
    client.send(&[step(1.0)]).await;
    let command = cluster.zone.command().await;
    assert_eq!(command.author, "anna", "the old character is still there");
}

#[tokio::test]
async fn true_comes_after_the_character_is_in_the_world() {
    let cluster = Cluster::start().await;
    cluster.zone.let_in(false);
    let mut client = cluster.connect().await;
    client.send(&[ver(), login("Anna"), ver()]).await;
    assert_eq!(client.reply().await, Some(text("1.0.0")));
    let enter = cluster.zone.entrance().await;
    assert_eq!((&*enter.name, enter.generation), ("anna", 1));
    assert_eq!(enter.region, Some(START));
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), client.reply()).await;
    assert!(early.is_err(), "{early:?} came too early");
    cluster.zone.say(vec![Say::Entered(proto::Entered {
        session: enter.session,
        region: Some(START),
    })]);
    assert_eq!(client.reply().await, Some(Value::Bool(true)));
    assert_eq!(client.reply().await, Some(text("1.0.0")));
}

#[tokio::test]
async fn a_login_that_nobody_answers_is_tried_again() {
    let cluster = Cluster::start().await;
    cluster.auth.fail(4);
    let mut client = cluster.connect().await;
    assert_eq!(client.ask(login("anna")).await, Value::Bool(true));
    assert_eq!(cluster.auth.calls().len(), 5);
}

#[tokio::test]
async fn who_comes_while_the_account_service_is_away_waits_for_it() {
    let cluster = Cluster::start().await;
    cluster.auth.stop().await;
    let (mut one, mut two) = (cluster.connect().await, cluster.connect().await);
    one.send(&[ver(), new("anna"), ver()]).await;
    two.send(&[ver(), login("bert"), ver()]).await;
    for client in [&mut one, &mut two] {
        assert_eq!(client.reply().await, Some(text("1.0.0")));
    }
    cluster.auth.start_again().await;
    for client in [&mut one, &mut two] {
        assert_eq!(client.reply().await, Some(Value::Bool(true)));
        assert_eq!(client.reply().await, Some(text("1.0.0")));
    }
    assert_eq!(cluster.auth.calls().len(), 2);
}

#[tokio::test]
async fn a_full_queue_of_password_checks_is_waited_for() {
    let cluster = Cluster::start().await;
    for request in [new("anna"), login("bert")] {
        cluster.auth.be_busy(2);
        let mut client = cluster.connect().await;
        assert_eq!(client.ask(request).await, Value::Bool(true));
    }
    assert_eq!(cluster.auth.calls().len(), 6);
}

#[tokio::test]
async fn an_unknown_outcome_closes_the_connection() {
    let cluster = Cluster::start().await;
    cluster.auth.fail(1);
    let mut client = cluster.connect().await;
    client.send(&[ver(), new("anna")]).await;
    assert_eq!(client.reply().await, Some(text("1.0.0")));
    client.closed().await;
    assert_eq!(cluster.auth.calls().len(), 1);
}

#[tokio::test]
async fn who_logs_in_as_another_leaves_the_first() {
    let cluster = Cluster::start().await;
    let mut client = cluster.play("anna").await;
    let first = cluster.zone.entrance().await;
    assert_eq!(client.ask(login("bert")).await, Value::Bool(true));
    let leave = cluster.zone.departure().await;
    assert_eq!((leave.session, &*leave.name), (first.session, "anna"));
    client.send(&[step(1.0)]).await;
    let command = cluster.zone.command().await;
    assert_eq!((&*command.author, command.counter), ("bert", 1));
    assert_ne!(command.session, first.session);
}

#[tokio::test]
async fn the_older_connection_is_closed_after_its_last_reply() {
    for reason in [Reason::TakenOver, Reason::Kicked] {
        let cluster = Cluster::start().await;
        let mut client = cluster.play("anna").await;
        client
            .send(&[step(1.0), step(2.0), set("anna", 1), ver()])
            .await;
        let first = cluster.zone.command().await;
        cluster
            .zone
            .say(vec![reply(&first, true), evicted(first.session, reason)]);
        assert_eq!(client.reply().await, Some(Value::Bool(true)));
        client.closed().await;
    }
}

#[tokio::test]
async fn the_same_connection_can_take_its_own_character_over() {
    let cluster = Cluster::start().await;
    let mut client = cluster.play("anna").await;
    let first = cluster.zone.entrance().await;
    client.send(&[login("anna")]).await;
    let second = cluster.zone.entrance().await;
    cluster
        .zone
        .say(vec![evicted(first.session, Reason::TakenOver)]);
    assert_eq!(client.reply().await, Some(Value::Bool(true)));
    assert_eq!(second.generation, 2);
    client.send(&[step(1.0)]).await;
    let command = cluster.zone.command().await;
    cluster.zone.say(vec![reply(&command, true)]);
    assert_eq!(client.reply().await, Some(Value::Bool(true)));
}

#[tokio::test]
async fn whose_client_goes_leaves_the_world() {
    let cluster = Cluster::start().await;
    let client = cluster.play("anna").await;
    let enter = cluster.zone.entrance().await;
    drop(client);
    let leave = cluster.zone.departure().await;
    assert_eq!(leave.session, enter.session);
    assert_eq!(leave.region, Some(START));
}
