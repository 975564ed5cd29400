//! What game masters do: durable, logged, once, and for them alone.

use proto::{edit::Command as Edit, evicted::Reason, zone_message::Kind as Told};
use store::accounts::Role;
use wire::Value;

use crate::{
    cluster::{Cluster, until},
    gateway::{Answer, Gateway, Player, departure, edit, place, spawn, step, teleport, tile},
    yard::{EAST, WEST},
};

async fn gm(cluster: &Cluster) -> (Gateway, Player) {
    let mut gateway = cluster.gateway().await;
    let mut gm = Player::new(1, "GM");
    gateway.enter(&mut gm).await;
    (gateway, gm)
}

fn reload() -> crate::gateway::Body {
    edit(Edit::Reload("yard".to_owned()))
}

fn reset() -> crate::gateway::Body {
    edit(Edit::Reset("yard".to_owned()))
}

#[tokio::test]
async fn a_tile_blocks_as_soon_as_it_is_edited() {
    let cluster = Cluster::start(&["GM"]).await;
    let (mut gateway, mut gm) = gm(&cluster).await;
    let before = cluster.store.versions().await.unwrap().map;
    assert!(gateway.is_done(&mut gm, step(1.0, 0.0)).await);
    assert!(gateway.is_done(&mut gm, tile("Collision", 6, 4, 2)).await);
    let (_, again) = gateway.repeat(&gm, 1, tile("Collision", 6, 4, 2)).await;
    assert_eq!(again, Answer::Done(true));
    assert!(!gateway.is_done(&mut gm, step(1.0, 0.0)).await, "it blocks");
    assert_eq!(
        cluster.audit().await,
        [r#"gm: tile "yard" "Collision" (6, 4) 2"#]
    );
    assert_eq!(cluster.store.versions().await.unwrap().map, before + 1);
    for wrong in [
        tile("Roof", 1, 1, 2),
        tile("Collision", 99, 1, 2),
        tile("Collision", 1, 1, 99),
    ] {
        assert!(!gateway.is_done(&mut gm, wrong).await);
    }
    assert!(gateway.is_done(&mut gm, reload()).await);
    assert!(
        !gateway.is_done(&mut gm, step(1.0, 0.0)).await,
        "it was kept"
    );
    assert!(gateway.is_done(&mut gm, reset()).await);
    assert!(
        gateway.is_done(&mut gm, step(1.0, 0.0)).await,
        "it was dropped"
    );
    assert_eq!(cluster.store.edits().tiles().await.unwrap(), []);
    assert_eq!(cluster.audit().await.len(), 3);
    assert_eq!(cluster.store.versions().await.unwrap().map, before + 3);

    // After a restart, the same edits are in force.
    assert!(gateway.is_done(&mut gm, tile("Collision", 7, 4, 2)).await);
    let cluster = cluster.stop().await.start_again().await;
    let mut gateway = cluster.gateway().await;
    gateway.enter(&mut gm).await;
    assert!(!gateway.is_done(&mut gm, step(1.0, 0.0)).await);
    assert!(gateway.is_done(&mut gm, step(0.0, 1.0)).await);
}

#[tokio::test]
async fn edits_are_announced() {
    use store::announce::{Announcements, Topic};
    let cluster = Cluster::start(&["GM"]).await;
    let (mut gateway, mut gm) = gm(&cluster).await;
    let mut flags = cluster.announcements.listen(Topic::Flags);
    flags.mark_unchanged();
    assert!(gateway.is_done(&mut gm, tile("Ground", 0, 0, 2)).await);
    assert!(flags.has_changed().unwrap());
}

#[tokio::test]
async fn whoever_stands_on_an_edited_tile_is_moved_off_it() {
    let cluster = Cluster::start(&["GM"]).await;
    let (mut gateway, mut gm) = gm(&cluster).await;
    assert!(gateway.is_done(&mut gm, tile("Collision", 4, 4, 2)).await);
    assert!(
        gateway.is_done(&mut gm, step(0.0, 0.0)).await,
        "she is free"
    );
    let pos = gateway.get(&mut gm, "GM", "pos").await;
    assert!(
        matches!(&pos, Value::Tuple(xyz) if xyz[0] != Value::Float(4.5) || xyz[1] != Value::Float(4.5)),
        "{pos:?}"
    );
}

#[tokio::test]
async fn what_is_spawned_lasts_until_it_is_despawned() {
    let cluster = Cluster::start(&["GM"]).await;
    let (mut gateway, mut gm) = gm(&cluster).await;
    gateway.subscribe(EAST).await;
    // In the other region, and the news of it ahead of the answer.
    let (before, answer) = gateway.command(&mut gm, spawn("Ox", 10.5, 3.5)).await;
    assert_eq!(answer, Answer::Done(true));
    assert!(
        before
            .iter()
            .any(|told| place(told, EAST, "Ox") == Some((10.5, 3.5))),
        "{before:?}"
    );
    let (_, again) = gateway.repeat(&gm, 1, spawn("Ox", 10.5, 3.5)).await;
    assert_eq!(again, Answer::Done(true));
    assert!(
        !gateway.is_done(&mut gm, spawn("ox", 1.5, 1.5)).await,
        "the name is taken"
    );
    let visual = gateway.get(&mut gm, "Ox", "visual").await;
    assert_eq!(visual, Value::Str("ox.png".to_owned()));

    let cluster = cluster.stop().await;
    let row = crate::cluster::row(&cluster.store, "Ox").await;
    assert!(
        row.present && row.owner.is_none(),
        "it is not in the world without a server"
    );
    let cluster = cluster.start_again().await;
    let mut gateway = cluster.gateway().await;
    gateway.enter(&mut gm).await;
    let visual = gateway.get(&mut gm, "Ox", "visual").await;
    assert_eq!(visual, Value::Str("ox.png".to_owned()));

    gateway.subscribe(EAST).await;
    let despawn = || edit(Edit::Despawn("Ox".to_owned()));
    let (before, answer) = gateway.command(&mut gm, despawn()).await;
    assert_eq!(answer, Answer::Done(true));
    assert!(
        before
            .iter()
            .any(|told| departure(told, EAST, "Ox") == Some(None)),
        "{before:?}"
    );
    assert!(cluster.store.entities().peek("Ox").await.unwrap().is_none());
    let (_, again) = gateway.repeat(&gm, 1, despawn()).await;
    assert_eq!(
        again,
        Answer::Done(true),
        "it is gone because of this very edit"
    );
    assert!(
        !gateway.is_done(&mut gm, despawn()).await,
        "there is none any more"
    );
    assert!(
        !gateway
            .is_done(&mut gm, edit(Edit::Despawn("GM".to_owned())))
            .await
    );
}

#[tokio::test]
async fn a_teleport_takes_a_player_into_another_region() {
    let cluster = Cluster::start(&["GM", "Bert"]).await;
    let (mut gateway, mut gm) = gm(&cluster).await;
    let mut bert = Player::new(2, "Bert");
    gateway.enter(&mut bert).await;
    assert!(gateway.is_done(&mut gm, teleport("bert", 12.5, 6.5)).await);
    assert_eq!(cluster.row("Bert").await.state.position.x, 12.5);
    cluster.row_until("Bert", |row| row.region == EAST).await;
    assert!(gateway.is_done(&mut bert, step(1.0, 0.0)).await);
    assert_eq!(bert.region, EAST);
    let (_, again) = gateway.repeat(&gm, 1, teleport("bert", 12.5, 6.5)).await;
    assert_eq!(again, Answer::Done(true));
    let pos = gateway.get(&mut bert, "Bert", "pos").await;
    assert!(
        matches!(&pos, Value::Tuple(xyz) if xyz[0] == Value::Float(13.5)),
        "{pos:?}"
    );
    assert!(
        !gateway.is_done(&mut gm, teleport("bert", 5.5, 1.5)).await,
        "into a wall"
    );
    assert!(!gateway.is_done(&mut gm, teleport("nobody", 1.5, 1.5)).await);
    assert_eq!(cluster.audit().await.len(), 1);
}

#[tokio::test]
async fn a_kick_ends_the_session() {
    let cluster = Cluster::start(&["GM", "Bert"]).await;
    let (mut gateway, mut gm) = gm(&cluster).await;
    let mut bert = Player::new(2, "Bert");
    gateway.enter(&mut bert).await;
    let kick = || edit(Edit::Kick("Bert".to_owned()));
    assert!(gateway.is_done(&mut gm, kick()).await);
    assert!(!cluster.row("Bert").await.present);
    let (_, reason) = gateway
        .hear_until(|told| match told {
            Told::Evicted(told) if told.session == 2 => Some(told.reason()),
            _ => None,
        })
        .await;
    assert_eq!(reason, Reason::Kicked);
    let (_, again) = gateway.repeat(&gm, 1, kick()).await;
    assert_eq!(
        again,
        Answer::Done(true),
        "he is gone because of this very edit"
    );
    assert!(!gateway.is_done(&mut gm, kick()).await);
    assert_eq!(cluster.audit().await, [r#"gm: kick "bert""#]);
}

/// Whether Mara was shown where she belongs.
fn is_home(told: &[Told]) -> bool {
    let mut places = told
        .iter()
        .filter_map(|told| place(told, WEST, "Mara#yard"));
    places.any(|at| at == (2.5, 2.5))
}

#[tokio::test]
async fn a_creature_that_was_taken_elsewhere_is_in_one_place() {
    let cluster = Cluster::start(&["GM"]).await;
    let (mut gateway, mut gm) = gm(&cluster).await;
    let away = teleport("Mara#yard", 10.5, 3.5);
    assert!(gateway.is_done(&mut gm, away).await);
    // An edit of a tile of her home leaves her where she is.
    assert!(gateway.is_done(&mut gm, tile("Ground", 2, 2, 1)).await);
    gateway.subscribe(EAST).await;
    let names = |snapshot: &proto::Snapshot| -> Vec<String> {
        let entities = snapshot.entities.iter();
        entities.map(|entity| entity.name.clone()).collect()
    };
    let home = gateway.subscribe(WEST).await;
    assert_eq!(names(&home), ["GM"]);
    // With the map taken afresh she is at home again, and nowhere else.
    let (before, answer) = gateway.command(&mut gm, reload()).await;
    assert_eq!(answer, Answer::Done(true));
    assert!(is_home(&before), "{before:?}");
    assert_eq!(names(&gateway.subscribe(EAST).await), Vec::<String>::new());
}

#[tokio::test]
async fn a_reset_puts_the_maps_creatures_back() {
    let cluster = Cluster::start(&["GM"]).await;
    let (mut gateway, mut gm) = gm(&cluster).await;
    assert!(
        gateway
            .is_done(&mut gm, teleport("Mara#yard", 1.5, 6.5))
            .await
    );
    gateway.subscribe(WEST).await;
    let (before, answer) = gateway.command(&mut gm, reset()).await;
    assert_eq!(answer, Answer::Done(true));
    assert!(is_home(&before), "{before:?}");
    let pos = gateway.get(&mut gm, "Mara#yard", "pos").await;
    assert!(
        matches!(&pos, Value::Tuple(xyz) if xyz[0] == Value::Float(2.5)),
        "{pos:?}"
    );
}

#[tokio::test]
async fn others_may_not_until_they_are_made_game_masters() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    for wanted in [
        tile("Collision", 6, 4, 2),
        spawn("Ox", 1.5, 1.5),
        teleport("Anna", 1.5, 1.5),
        edit(Edit::Kick("Anna".to_owned())),
        reset(),
    ] {
        assert!(!gateway.is_done(&mut anna, wanted).await);
    }
    assert_eq!(cluster.audit().await, Vec::<String>::new());
    cluster
        .store
        .accounts()
        .set_role("Anna", Role::Gm)
        .await
        .unwrap();
    let asking = tokio::sync::Mutex::new((gateway, anna));
    let role = async || {
        let (gateway, anna) = &mut *asking.lock().await;
        let role = gateway.get(anna, "Anna", "role").await;
        (role == Value::Str("gm".to_owned())).then_some(())
    };
    until("the new role", role).await;
    let (mut gateway, mut anna) = asking.into_inner();
    assert!(gateway.is_done(&mut anna, spawn("Ox", 1.5, 1.5)).await);
}
