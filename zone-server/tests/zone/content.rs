//! Content that is published while a zone server runs.

use store::announce::{Announcements, Topic};
use wire::Value;
use world::content::Files;

use crate::{
    cluster::{Cluster, until},
    gateway::{Player, step},
    yard::{self, EAST, OBJECTS, YARD, map, with},
};

/// The region that only the larger world has.
fn meadow() -> world::region_id::RegionId {
    "0:2:0".parse().unwrap()
}

/// The world with a meadow to the east of the yard, which is a third region, and without Mara.
fn larger_files() -> Files {
    let start = OBJECTS.lines().nth(1).unwrap();
    let maps = r#"{"maps":[{"fileName":"yard.tmx","x":0,"y":0},{"fileName":"meadow.tmx","x":256,"y":0}],"type":"world"}"#;
    with(&[
        ("yard.tmx", map(&YARD, start)),
        ("meadow.tmx", map(&["........"; 8], "")),
        ("all.world", maps.to_owned()),
    ])
}

/// Waits until there are so many regions.
async fn region_count(cluster: &Cluster, count: f64) {
    let ask = async || {
        let regions = cluster.watch.metric("pymmorpg_zone_regions ");
        (regions == Some(count)).then_some(())
    };
    until("the number of regions", ask).await;
}

#[tokio::test]
async fn new_regions_begin_and_old_ones_end() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    assert!(gateway.is_done(&mut anna, step(11.0, 0.0)).await);
    assert!(
        !gateway.is_done(&mut anna, step(1.0, 0.0)).await,
        "the world's edge"
    );
    let snapshot = gateway.subscribe(meadow()).await;
    assert_eq!(snapshot.entities, []);

    yard::publish(&cluster.store, larger_files()).await;
    cluster.announcements.announce(Topic::Flags);
    let asking = tokio::sync::Mutex::new((gateway, anna));
    let walks = async || {
        let (gateway, anna) = &mut *asking.lock().await;
        gateway.is_done(anna, step(1.0, 0.0)).await.then_some(())
    };
    until("the meadow", walks).await;
    let arrives = async || {
        let (gateway, anna) = &mut *asking.lock().await;
        assert!(gateway.is_done(anna, step(0.0, 0.0)).await);
        (anna.region == meadow()).then_some(())
    };
    until("the region there", arrives).await;
    let (mut gateway, mut anna) = asking.into_inner();
    assert!(gateway.is_done(&mut anna, step(1.0, 0.0)).await);
    assert_eq!(
        gateway.get(&mut anna, "Mara#yard", "pos").await,
        Value::None
    );
    let row = cluster
        .row_until("Anna", |row| row.region == meadow())
        .await;
    assert!(row.present);
    region_count(&cluster, 3.0).await;

    // The meadow goes, and its people with it to where there is ground.
    yard::publish(&cluster.store, yard::files()).await;
    cluster.announcements.announce(Topic::Flags);
    let row = cluster.row_until("Anna", |row| row.region == EAST).await;
    assert!(row.present && row.owner.is_some());
    assert!(gateway.is_done(&mut anna, step(-1.0, 0.0)).await);
    assert_eq!(anna.region, EAST);
    region_count(&cluster, 2.0).await;
    let name = gateway.get(&mut anna, "Mara#yard", "name").await;
    assert_eq!(name, Value::Str("Mara#yard".to_owned()));
}

#[tokio::test]
async fn who_has_listened_hears_of_a_region_that_begins() {
    let cluster = Cluster::start(&["Anna"]).await;
    let mut gateway = cluster.gateway().await;
    let before = gateway.subscribe(meadow()).await.epoch;
    yard::publish(&cluster.store, larger_files()).await;
    let (_, epoch) = gateway
        .hear_until(|told| match told {
            proto::zone_message::Kind::Snapshot(told) => Some(told.epoch),
            _ => None,
        })
        .await;
    assert!(
        epoch > before,
        "news of a later run of a region count for more"
    );
}
