//! Sessions: who speaks for a character, and what becomes of it when nobody does.

use std::time::Instant;

use proto::{evicted::Reason, zone_message::Kind as Told};

use crate::{
    cluster::Cluster,
    gateway::{Answer, Gateway, Player, enter, leave, step},
    yard::{EAST, WEST},
};

#[tokio::test]
async fn a_character_comes_and_goes() {
    let cluster = Cluster::start(&["Anna"]).await;
    let before = cluster.row("Anna").await;
    assert!(!before.present && before.owner.is_none());
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "ANNA");
    gateway.enter(&mut anna).await;
    assert_eq!(anna.region, WEST);
    let here = cluster.row("Anna").await;
    assert!(here.present && here.owner.is_some() && here.own > before.own);
    assert!(gateway.is_done(&mut anna, step(0.5, 0.0)).await);
    gateway.say([leave(&anna, WEST)]).await;
    let gone = cluster.row_until("Anna", |row| !row.present).await;
    assert_eq!(gone.owner, None);
    assert!((gone.state.position.x - 5.0).abs() < 1e-9, "{gone:?}");
}

#[tokio::test]
async fn a_leave_follows_the_character_over_the_border() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    anna.counter = 1;
    let step = crate::gateway::command(&anna, 0, step(5.0, 0.0));
    // Both are said before the gateway can know that she has moved.
    gateway.say([step, leave(&anna, WEST)]).await;
    let gone = cluster.row_until("Anna", |row| !row.present).await;
    assert_eq!((gone.owner, gone.region), (None, EAST));
}

#[tokio::test]
async fn a_later_login_takes_the_character_over() {
    let cluster = Cluster::start(&["Anna"]).await;
    let (mut old, mut new) = (cluster.gateway().await, cluster.gateway().await);
    let mut first = Player::new(1, "Anna");
    old.enter(&mut first).await;
    let start = cluster
        .store
        .accounts()
        .begin_session("Anna")
        .await
        .unwrap();
    let mut second = Player {
        generation: start.unwrap().generation,
        ..Player::new(1, "Anna")
    };
    new.enter(&mut second).await;
    assert_eq!(cluster.row("Anna").await.generation, second.generation);
    let (_, reason) = old
        .hear_until(|told| match told {
            Told::Evicted(told) => Some(told.reason()),
            _ => None,
        })
        .await;
    assert_eq!(reason, Reason::TakenOver);
    assert!(new.is_done(&mut second, step(1.0, 0.0)).await);

    // The old one is heard no more, and cannot come back.
    let (_, answer) = old.command(&mut first, step(1.0, 0.0)).await;
    assert_eq!(answer, Answer::Evicted(Reason::TakenOver));
    evicted(&mut old, &first).await;

    // Not even when nobody is there any more: the row knows.
    new.say([leave(&second, WEST)]).await;
    cluster.row_until("Anna", |row| !row.present).await;
    evicted(&mut old, &first).await;
    assert!(!cluster.row("Anna").await.present);
}

/// A session that enters, and may not.
async fn evicted(gateway: &mut Gateway, player: &Player) {
    gateway.say([enter(player)]).await;
    let (_, reason) = gateway
        .hear_until(|told| match told {
            Told::Evicted(told) => Some(told.reason()),
            Told::Entered(_) | Told::Elsewhere(_) => panic!("{told:?}"),
            _ => None,
        })
        .await;
    assert_eq!(reason, Reason::TakenOver);
}

#[tokio::test]
async fn a_character_waits_for_its_gateway_and_then_leaves() {
    let cluster = Cluster::start(&["Anna", "Bert"]).await;
    let (mut one, mut two) = (cluster.gateway().await, cluster.gateway().await);
    let (mut anna, mut bert) = (Player::new(1, "Anna"), Player::new(2, "Bert"));
    one.enter(&mut anna).await;
    one.enter(&mut bert).await;
    let cut = Instant::now();
    drop(one);
    // One comes back by another gateway, with the same session's generation.
    two.enter(&mut bert).await;
    assert!(cluster.row("Anna").await.present);
    let gone = cluster.row_until("Anna", |row| !row.present).await;
    let grace = std::time::Duration::from_millis(world::region::GRACE_MS);
    assert!(cut.elapsed() >= grace, "{:?}", cut.elapsed());
    assert_eq!(gone.owner, None);
    assert!(cluster.row("Bert").await.present);
    assert!(two.is_done(&mut bert, step(1.0, 0.0)).await);
}

#[tokio::test]
async fn who_names_a_wrong_region_is_told_the_right_one() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let nowhere = "7:70:-3".parse().unwrap();
    for wrong in [EAST, nowhere] {
        let anna = Player {
            region: wrong,
            ..Player::new(1, "Anna")
        };
        gateway.say([enter(&anna)]).await;
        let told = gateway.hear().await;
        let Told::Elsewhere(elsewhere) = &told else {
            panic!("{told:?}")
        };
        assert_eq!((elsewhere.session, elsewhere.counter), (1, 0));
        assert_eq!(elsewhere.region.map(crate::gateway::id), Some(WEST));
    }
    let snapshot = gateway.subscribe(nowhere).await;
    assert_eq!(snapshot.entities, [], "there is nothing, and that is said");
}
