//! `set` and `get`: durable before they are answered, and done once.

use proto::zone_message::Kind as Told;
use store::entities::{Claim, Incarnation};
use wire::Value;
use world::entity::EntityState;

use crate::{
    cluster::Cluster,
    gateway::{Answer, Player, add, get, id, set},
    yard::WEST,
};

fn gold(state: &EntityState) -> Option<&Value> {
    state
        .attributes
        .get("gold")
        .map(|attribute| &attribute.value)
}

#[tokio::test]
async fn a_set_is_on_the_disk_before_it_is_answered() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    for value in 0..20 {
        assert!(
            gateway
                .is_done(&mut anna, set("Anna", "gold", Value::Int(value)))
                .await
        );
        let row = cluster.row("Anna").await;
        assert_eq!(gold(&row.state), Some(&Value::Int(value)));
    }
    assert!(
        !gateway
            .is_done(&mut anna, set("Anna", "gold", Value::None))
            .await
    );
    assert_eq!(gateway.get(&mut anna, "Anna", "gold").await, Value::Int(19));
}

#[tokio::test]
async fn a_relative_set_counts_once_however_often_it_comes() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    assert!(gateway.is_done(&mut anna, add("Anna", "gold", 5)).await);
    for attempt in 1..5 {
        let (_, again) = gateway.repeat(&anna, attempt, add("Anna", "gold", 5)).await;
        assert_eq!(again, Answer::Done(true));
    }
    assert_eq!(gateway.get(&mut anna, "Anna", "gold").await, Value::Int(15));
    assert_eq!(
        gold(&cluster.row("Anna").await.state),
        Some(&Value::Int(15))
    );

    // Another gateway repeats it, after the first has gone.
    let last = anna.clone();
    drop(gateway);
    let mut gateway = cluster.gateway().await;
    gateway.enter(&mut anna).await;
    anna.counter = last.counter + 1;
    assert!(gateway.is_done(&mut anna, add("Anna", "gold", 1)).await);
    let (_, again) = gateway.repeat(&anna, 7, add("Anna", "gold", 1)).await;
    assert_eq!(again, Answer::Done(true));
    assert_eq!(gateway.get(&mut anna, "Anna", "gold").await, Value::Int(16));
}

#[tokio::test]
async fn a_row_that_was_taken_away_is_claimed_again_and_nothing_is_lost() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    assert!(gateway.is_done(&mut anna, add("Anna", "gold", 5)).await);
    let ours = cluster.row("Anna").await;
    let claim = Claim {
        key: ours.key.clone(),
        seen: ours.own,
        me: Incarnation::draw(),
        enter: None,
    };
    let taken = cluster
        .store
        .entities()
        .claim(claim)
        .await
        .unwrap()
        .unwrap();
    // The save finds no row of its own: nothing is done, and nothing is answered False.
    assert!(gateway.is_done(&mut anna, add("Anna", "gold", 5)).await);
    assert_eq!(gateway.get(&mut anna, "Anna", "gold").await, Value::Int(20));
    let row = cluster.row("Anna").await;
    assert_eq!((row.owner, row.own), (ours.owner, taken.own + 1));
}

#[tokio::test]
async fn a_session_whose_row_was_taken_away_is_told_where_its_character_is_now() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    let ours = cluster.row("Anna").await;
    let claim = Claim {
        key: ours.key.clone(),
        seen: ours.own,
        me: Incarnation::draw(),
        enter: None,
    };
    cluster
        .store
        .entities()
        .claim(claim)
        .await
        .unwrap()
        .unwrap();
    let (_, answer) = gateway.command(&mut anna, add("Anna", "gold", 5)).await;
    assert_eq!(answer, Answer::Again);
    let is_moved = |told: &Told| match told {
        Told::Moved(told) if told.session == 1 => told.region.map(id),
        _ => None,
    };
    assert_eq!(gateway.hear_until(is_moved).await.1, WEST);
    let (_, answer) = gateway.repeat(&anna, 1, add("Anna", "gold", 5)).await;
    assert_eq!(answer, Answer::Done(true));
}

#[tokio::test]
async fn what_others_set_is_published_after_its_commit_and_ahead_of_the_reply() {
    let cluster = Cluster::start(&["Anna", "Bert"]).await;
    let mut gateway = cluster.gateway().await;
    let (mut anna, mut bert) = (Player::new(1, "Anna"), Player::new(2, "Bert"));
    gateway.enter(&mut anna).await;
    gateway.enter(&mut bert).await;
    gateway.subscribe(WEST).await;
    let happy = set("Bert", "mood", Value::Str("happy".to_owned()));
    let (before, answer) = gateway.command(&mut anna, happy).await;
    assert_eq!(answer, Answer::Done(true));
    let shown = before.iter().find_map(|told| match told {
        Told::Changes(changes) => changes.changed.iter().find(|one| one.name == "Bert"),
        _ => None,
    });
    let shown = shown.and_then(|entity| entity.attributes.clone()).unwrap();
    let limits = wire::pickle::Limits::stored();
    let shown = wire::pickle::load(&shown, &limits).unwrap();
    assert_eq!(shown.get("mood"), Some(&Value::Str("happy".to_owned())));
    let row = cluster.row("Bert").await;
    assert!(row.state.attributes.contains_key("mood"));
}

#[tokio::test]
async fn who_is_not_in_the_world_has_no_attributes() {
    let cluster = Cluster::start(&["Anna", "Bert"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    for name in ["Bert", "Nobody"] {
        assert_eq!(gateway.get(&mut anna, name, "pos").await, Value::None);
        let body = set(name, "mood", Value::Int(1));
        assert!(!gateway.is_done(&mut anna, body).await);
    }
    let (_, name) = gateway.command(&mut anna, get("MARA#yard", "name")).await;
    assert_eq!(name, Answer::Value(Value::Str("Mara#yard".to_owned())));
}
