//! Who holds which region: one of those who try, by the epoch that he has seen.

use std::collections::BTreeMap;

use store::{Store, directory::ZoneServer, entities::Incarnation, regions::Holding};
use world::region_id::RegionId;

use crate::ground::{Backend, ME, OTHER, region};

async fn beat(store: &Store, incarnation: Incarnation) {
    let server = ZoneServer {
        incarnation,
        address: "http://127.0.0.1:1".to_owned(),
        is_leaving: false,
        map: 0,
    };
    store.directory().heartbeat(server).await.unwrap();
}

async fn all(store: &Store) -> BTreeMap<RegionId, (Option<Incarnation>, u64)> {
    let all = store.regions().all().await.unwrap();
    let count = all.len();
    let by_region: BTreeMap<_, _> = all
        .into_iter()
        .map(
            |Holding {
                 region,
                 holder,
                 epoch,
             }| (region, (holder, epoch)),
        )
        .collect();
    assert_eq!(by_region.len(), count, "a region is listed twice");
    by_region
}

async fn take(
    store: &Store,
    me: Incarnation,
    regions: impl Into<Vec<(RegionId, u64)>>,
) -> Vec<(RegionId, u64)> {
    let mut taken = store.regions().take(me, regions.into()).await.unwrap();
    taken.sort_unstable();
    taken
}

pub(crate) async fn what_nobody_holds_is_taken(backend: &impl Backend) {
    let store = backend.open().await;
    assert_eq!(all(&store).await, BTreeMap::new());
    assert_eq!(take(&store, ME, []).await, []);
    beat(&store, ME).await;
    beat(&store, OTHER).await;
    let first = [(region(1), 0), (region(-2), 0)];
    let taken = take(&store, ME, first).await;
    assert_eq!(taken, [(region(-2), 1), (region(1), 1)]);
    // It is there now, and its holder lives.
    assert_eq!(take(&store, OTHER, first).await, []);
    assert_eq!(take(&store, OTHER, [(region(1), 1)]).await, []);
    let expected = BTreeMap::from([(region(-2), (Some(ME), 1)), (region(1), (Some(ME), 1))]);
    assert_eq!(all(&store).await, expected);
    // The holder may take it anew: whatever it said before is older than what it says now.
    assert_eq!(take(&store, ME, [(region(1), 1)]).await, [(region(1), 2)]);
    assert_eq!(take(&store, ME, [(region(1), 1)]).await, []);
    let gone = store.regions().give(ME, None, vec![(region(1), 2)]).await;
    assert_eq!(gone.unwrap(), [region(1)]);
    assert_eq!(take(&store, OTHER, [(region(1), 2)]).await, []);
    assert_eq!(
        take(&store, OTHER, [(region(1), 3)]).await,
        [(region(1), 4)]
    );
}

pub(crate) async fn what_a_dead_one_holds_is_taken(backend: &impl Backend) {
    let store = backend.open().await;
    for (incarnation, column) in [(ME, 1), (OTHER, 2)] {
        beat(&store, incarnation).await;
        take(&store, incarnation, [(region(column), 0)]).await;
    }
    // One who was never heard of is as dead.
    take(&store, Incarnation(9), [(region(3), 0)]).await;
    let seen = [(region(1), 1), (region(2), 1), (region(3), 1)];
    let heir = Incarnation(5);
    assert_eq!(take(&store, heir, seen).await, [(region(3), 2)]);
    backend
        .execute("UPDATE zone_servers SET heartbeat_ms = heartbeat_ms - 2001 WHERE incarnation = 2")
        .await;
    assert_eq!(take(&store, heir, seen).await, [(region(2), 2)]);
    store.directory().remove(ME).await.unwrap();
    assert_eq!(take(&store, heir, seen).await, [(region(1), 2)]);
}

pub(crate) async fn of_many_who_take_one_does(backend: &impl Backend) {
    const REGION_COUNT: i32 = 40;
    let stores = [backend.open().await, backend.open().await];
    let wanted = |seen| -> Vec<_> { (0..REGION_COUNT).map(|n| (region(n), seen)).collect() };
    for seen in 0..3 {
        // Nobody of them is alive: all may take what the others hold.
        let rivals = (0..8_usize).map(|n| {
            let mut wanted = wanted(seen);
            if n % 2 == 1 {
                wanted.reverse();
            }
            let me = Incarnation(10 + i64::try_from(n).unwrap());
            let store = &stores[n % 2];
            async move { store.regions().take(me, wanted).await.unwrap() }
        });
        let taken = futures::future::join_all(rivals).await;
        let count: usize = taken.iter().map(Vec::len).sum();
        assert_eq!(count, wanted(seen).len());
        let all = all(&stores[0]).await;
        for (n, taken) in taken.iter().enumerate() {
            for (region, epoch) in taken {
                let holder = Incarnation(10 + i64::try_from(n).unwrap());
                assert_eq!(all[region], (Some(holder), seen + 1));
                assert_eq!(*epoch, seen + 1);
            }
        }
    }
}

pub(crate) async fn a_region_is_given_by_its_holder(backend: &impl Backend) {
    let store = backend.open().await;
    beat(&store, ME).await;
    beat(&store, OTHER).await;
    take(&store, ME, [(region(1), 0), (region(2), 0), (region(3), 0)]).await;
    let give = async |me, to, regions: &[(RegionId, u64)]| {
        let mut given = store
            .regions()
            .give(me, to, regions.to_vec())
            .await
            .unwrap();
        given.sort_unstable();
        given
    };
    // By nobody else, nor of an earlier time.
    assert_eq!(give(OTHER, Some(OTHER), &[(region(1), 1)]).await, []);
    assert_eq!(
        give(ME, Some(OTHER), &[(region(1), 0), (region(7), 1)]).await,
        []
    );
    assert_eq!(give(ME, Some(OTHER), &[]).await, []);
    let given = give(
        ME,
        Some(OTHER),
        &[(region(3), 1), (region(1), 1), (region(9), 1)],
    )
    .await;
    assert_eq!(given, [region(1), region(3)]);
    let expected = BTreeMap::from([
        (region(1), (Some(OTHER), 2)),
        (region(2), (Some(ME), 1)),
        (region(3), (Some(OTHER), 2)),
    ]);
    assert_eq!(all(&store).await, expected);
    assert_eq!(give(ME, None, &[(region(1), 2)]).await, []);
    assert_eq!(give(OTHER, None, &[(region(1), 2)]).await, [region(1)]);
    assert_eq!(all(&store).await[&region(1)], (None, 3));
}

pub(crate) async fn many_regions_are_taken_and_given_at_once(backend: &impl Backend) {
    const REGION_COUNT: i32 = 10_000;
    let store = backend.open().await;
    let wanted: Vec<_> = (0..REGION_COUNT).map(|n| (region(n), 0)).collect();
    let taken = take(&store, ME, wanted).await;
    assert_eq!(taken.len(), 10_000);
    assert!(taken.iter().all(|(_, epoch)| *epoch == 1));
    let given = store.regions().give(ME, Some(OTHER), taken).await.unwrap();
    assert_eq!(given.len(), 10_000);
    let all = all(&store).await;
    assert!(all.values().all(|holding| *holding == (Some(OTHER), 2)));
}

pub(crate) async fn clearing_takes_every_region_from_its_holder(backend: &impl Backend) {
    let store = backend.open().await;
    beat(&store, ME).await;
    take(&store, ME, [(region(1), 0), (region(2), 0)]).await;
    store
        .regions()
        .give(ME, None, vec![(region(2), 1)])
        .await
        .unwrap();
    store.directory().clear().await.unwrap();
    assert_eq!(store.directory().live().await.unwrap(), []);
    let expected = BTreeMap::from([(region(1), (None, 2)), (region(2), (None, 2))]);
    assert_eq!(all(&store).await, expected);
}
