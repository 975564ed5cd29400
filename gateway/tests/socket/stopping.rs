//! The end of a gateway.

use wire::Value;

use crate::{
    client::{DEADLINE, framed, step, text, ver},
    cluster::Cluster,
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
        tokio::net::TcpStream::connect(cluster.address)
            .await
            .is_err(),
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
