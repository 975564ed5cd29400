//! Commands on their way to the owner of a character, and back.

use proto::command::Body;
use wire::Value;

use crate::{
    client::{get, set, step, text, ver},
    cluster::{Cluster, START},
    fake_zone::{Heard, Say, changes, elsewhere, entity, not_there, region, reply, value},
};

fn yes() -> Option<Value> {
    Some(Value::Bool(true))
}

#[tokio::test]
async fn replies_keep_the_order_of_requests_whatever_the_zone_does() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    client
        .send(&[step(1.0), step(2.0), ver(), vec![], step(3.0)])
        .await;
    let (one, two) = (zone.command().await, zone.command().await);
    assert_eq!((one.counter, two.counter), (1, 2));
    zone.say(vec![reply(&two, false)]);
    zone.say(vec![reply(&one, true)]);
    let three = zone.command().await;
    assert_eq!(three.counter, 3);
    zone.say(vec![reply(&three, true)]);
    assert_eq!(client.reply().await, yes());
    assert_eq!(client.reply().await, Some(Value::Bool(false)));
    assert_eq!(client.reply().await, Some(text("1.0.0")));
    assert_eq!(client.reply().await, Some(Value::Bool(false)));
    assert_eq!(client.reply().await, yes());
}

#[tokio::test]
async fn what_a_command_says_arrives() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    let place = Value::Tuple(vec![Value::Int(1), Value::Float(2.5), Value::Int(0)]);
    let attributes = Value::Dict(vec![(text("hp"), Value::Int(3))]);
    let data = Value::List(vec![text("Owl"), place, attributes]);
    let edit = Value::List(vec![text("spawn"), data]);
    client.send(&[vec![text("edit"), edit]]).await;
    let command = zone.command().await;
    assert_eq!((&*command.author, command.generation), ("anna", 1));
    assert_eq!((command.counter, command.attempt), (1, 0));
    assert_eq!(command.region, Some(START));
    let Some(Body::Edit(proto::Edit {
        command: Some(proto::edit::Command::Spawn(spawn)),
    })) = &command.body
    else {
        panic!("{command:?}")
    };
    assert_eq!(spawn.name, "Owl");
    assert_eq!(
        spawn.position,
        Some(proto::Position {
            x: 1.0,
            y: 2.5,
            z: 0
        })
    );
    let attributes = wire::pickle::load(&spawn.attributes, &Default::default()).unwrap();
    assert_eq!(attributes.get("hp"), Some(&Value::Int(3)));
    zone.say(vec![reply(&command, true)]);
    assert_eq!(client.reply().await, yes());
}

#[tokio::test]
async fn what_the_owner_says_is_pickled_for_the_client() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    client.send(&[get("bert", "bag")]).await;
    let command = zone.command().await;
    let Some(Body::Get(asked)) = &command.body else {
        panic!("{command:?}")
    };
    assert_eq!((&*asked.name, &*asked.attribute), ("bert", "bag"));
    let bag = Value::Dict(vec![(text("ä"), Value::Set(vec![Value::Int(1)]))]);
    zone.say(vec![value(&command, &bag)]);
    assert_eq!(client.reply().await, Some(bag));
}

#[tokio::test]
async fn only_one_durable_command_is_under_way() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    client
        .send(&[set("anna", 1), step(1.0), set("anna", 2), step(2.0)])
        .await;
    let (first, walk) = (zone.command().await, zone.command().await);
    assert!(matches!(first.body, Some(Body::Set(_))));
    assert!(matches!(walk.body, Some(Body::Move(_))));
    zone.say(vec![reply(&walk, true)]);
    zone.say(vec![reply(&first, true)]);
    assert_eq!(client.reply().await, yes());
    assert_eq!(client.reply().await, yes());
    let second = zone.command().await;
    assert_eq!(second.counter, 3);
    zone.say(vec![reply(&second, true)]);
    let last = zone.command().await;
    zone.say(vec![reply(&last, true)]);
    assert_eq!(client.reply().await, yes());
    assert_eq!(client.reply().await, yes());
}

#[tokio::test]
async fn fewer_than_a_window_wait_at_the_zone_server() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    let steps = vec![step(0.5); 2_000];
    client.send(&steps).await;
    let mut waiting = vec![zone.command().await];
    while (waiting.len() as u64) < world::region::WINDOW - 1 {
        waiting.push(zone.command().await);
    }
    // One that is answered lets one more out, and no two.
    for n in 0..50 {
        zone.say(vec![reply(&waiting[n], true)]);
        assert_eq!(client.reply().await, yes());
        waiting.push(zone.command().await);
        assert_eq!(zone.commands_so_far().await, []);
    }
}

#[tokio::test]
async fn commands_follow_the_character() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    client.send(&[step(1.0), step(2.0), step(3.0)]).await;
    let (one, two, three) = (
        zone.command().await,
        zone.command().await,
        zone.command().await,
    );
    zone.say(vec![
        reply(&one, true),
        elsewhere(&two, Some(region(1))),
        elsewhere(&three, Some(region(1))),
    ]);
    let (again_two, again_three) = (zone.command().await, zone.command().await);
    for (again, before) in [(&again_two, &two), (&again_three, &three)] {
        assert_eq!(again.counter, before.counter);
        assert_eq!((again.attempt, again.region), (1, Some(region(1))));
    }
    zone.say(vec![Say::Moved(proto::Moved {
        session: one.session,
        region: Some(region(2)),
    })]);
    let (last_two, last_three) = (zone.command().await, zone.command().await);
    assert_eq!((last_two.attempt, last_two.region), (2, Some(region(2))));
    // Answers to earlier attempts are dropped, whatever they say.
    zone.say(vec![
        reply(&two, false),
        reply(&again_two, false),
        reply(&last_two, true),
        reply(&again_three, false),
        reply(&last_three, true),
    ]);
    for _ in 0..3 {
        assert_eq!(client.reply().await, yes());
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_made_again_and_everything_is_repeated() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    client.send(&[set("anna", 1), step(1.0)]).await;
    let (first, _walk) = (zone.command().await, zone.command().await);
    zone.hang_up();
    let hello = zone.next().await;
    assert!(matches!(hello, Heard::Hello(_)), "{hello:?}");
    let enter = zone.entrance().await;
    assert_eq!((enter.session, enter.generation), (first.session, 1));
    let (again, walk) = (zone.command().await, zone.command().await);
    assert_eq!((again.counter, again.attempt), (1, 1));
    assert_eq!((walk.counter, walk.attempt), (2, 1));
    zone.say(vec![reply(&again, true), reply(&walk, true)]);
    assert_eq!(client.reply().await, yes());
    assert_eq!(client.reply().await, yes());
}

#[tokio::test]
async fn who_is_nowhere_is_looked_up_and_enters_again() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let account = store::accounts::NewAccount {
        name: "Anna".to_owned(),
        password_hash: String::new(),
        region: "0:3:0".parse().unwrap(),
        state: world::entity::EntityState::at(world::position::Position {
            x: 30.0,
            y: 4.0,
            z: 0,
        }),
    };
    cluster.store.accounts().create(account).await.unwrap();
    let mut client = cluster.play("anna").await;
    client.send(&[step(1.0)]).await;
    let command = zone.command().await;
    zone.let_in(false);
    zone.say(vec![elsewhere(&command, None)]);
    let enter = zone.entrance().await;
    assert_eq!(enter.region, Some(START), "where it was");
    zone.let_in(true);
    zone.say(vec![not_there(&enter)]);
    let enter = zone.entrance().await;
    assert_eq!(enter.region, Some(region(3)), "where its row is");
    let again = zone.command().await;
    assert_eq!((again.counter, again.attempt), (1, 1));
    zone.say(vec![reply(&again, true)]);
    assert_eq!(client.reply().await, yes());
}

#[tokio::test]
async fn one_reads_what_one_has_written() {
    let cluster = Cluster::start().await;
    let zone = &cluster.zone;
    let mut client = cluster.play("anna").await;
    for n in 2..50_u32 {
        client.send(&[step(1.0), get("anna", "pos")]).await;
        let command = zone.command().await;
        let x = f64::from(n) / 64.0;
        zone.say(vec![
            changes(START, vec![entity("anna", u64::from(n), x)]),
            reply(&command, true),
        ]);
        assert_eq!(client.reply().await, yes());
        let Some(Value::Tuple(place)) = client.reply().await else {
            panic!("no place")
        };
        assert_eq!(place[0], Value::Float(x));
    }
}
