//! Steps: what is told of them, in which order, and across a border.

use proto::zone_message::Kind as Told;

use crate::{
    cluster::Cluster,
    gateway::{Answer, Player, departure, id, place, step},
    yard::{EAST, WEST},
};

#[tokio::test]
async fn a_change_goes_out_ahead_of_its_reply() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    let snapshot = gateway.subscribe(WEST).await;
    let mut names: Vec<&str> = snapshot
        .entities
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Anna", "Mara#yard"]);

    let (before, answer) = gateway.command(&mut anna, step(1.0, 0.5)).await;
    assert_eq!(answer, Answer::Done(true));
    let places: Vec<_> = before
        .iter()
        .filter_map(|told| place(told, WEST, "Anna"))
        .collect();
    assert_eq!(places, [(5.5, 5.0)], "{before:?}");
}

#[tokio::test]
async fn a_step_into_a_wall_is_refused_and_repeats_are_not_steps() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    assert!(gateway.is_done(&mut anna, step(0.0, -2.0)).await);
    assert!(
        !gateway.is_done(&mut anna, step(2.0, 0.0)).await,
        "through the wall"
    );
    let (_, again) = gateway.repeat(&anna, 1, step(2.0, 0.0)).await;
    assert_eq!(again, Answer::Done(false));
    assert!(gateway.is_done(&mut anna, step(-1.0, 0.0)).await);
    for attempt in 1..4 {
        let (_, again) = gateway.repeat(&anna, attempt, step(-1.0, 0.0)).await;
        assert_eq!(again, Answer::Done(true));
    }
    let pos = gateway.get(&mut anna, "Anna", "pos").await;
    let row = cluster
        .row_until("Anna", |row| row.state.position.x < 4.0)
        .await;
    assert_eq!((row.state.position.x, row.state.position.y), (3.5, 2.5));
    assert_eq!(pos, row.state.position.to_value());
}

#[tokio::test]
async fn a_step_over_the_border_is_told_by_both_regions() {
    let cluster = Cluster::start(&["Anna", "Bert"]).await;
    let (mut gateway, mut other) = (cluster.gateway().await, cluster.gateway().await);
    let (mut anna, mut bert) = (Player::new(1, "Anna"), Player::new(1, "Bert"));
    gateway.enter(&mut anna).await;
    other.enter(&mut bert).await;
    for region in [WEST, EAST] {
        gateway.subscribe(region).await;
        other.subscribe(region).await;
    }
    let (_, answer) = gateway.command(&mut anna, step(5.0, 0.0)).await;
    assert_eq!(answer, Answer::Done(true));
    let (before, region) = gateway
        .hear_until(|told| match told {
            Told::Moved(moved) if moved.session == 1 => moved.region.map(id),
            _ => None,
        })
        .await;
    assert_eq!(region, EAST);
    assert!(
        before
            .iter()
            .any(|told| departure(told, WEST, "Anna") == Some(Some(EAST))),
        "{before:?}"
    );
    assert!(
        before
            .iter()
            .any(|told| place(told, EAST, "Anna") == Some((9.5, 4.5))),
        "{before:?}"
    );
    // Another gateway hears the same.
    other
        .hear_until(|told| {
            departure(told, WEST, "Anna")
                .flatten()
                .filter(|to| *to == EAST)
        })
        .await;
    other
        .hear_until(|told| place(told, EAST, "Anna").filter(|at| *at == (9.5, 4.5)))
        .await;

    // What is still sent to the west is answered by where she is.
    let (_, answer) = gateway.command(&mut anna, step(1.0, 0.0)).await;
    assert_eq!(answer, Answer::Elsewhere(Some(EAST)));
    anna.region = EAST;
    let (_, answer) = gateway.repeat(&anna, 1, step(1.0, 0.0)).await;
    assert_eq!(answer, Answer::Done(true));
    let row = cluster.row_until("Anna", |row| row.region == EAST).await;
    assert!(row.present);
    let seen = other.get(&mut bert, "anna", "pos").await;
    assert_eq!(
        seen,
        gateway.get(&mut anna, "Anna", "pos").await,
        "from the other side of the border"
    );
}
