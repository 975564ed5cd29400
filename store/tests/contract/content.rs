//! Published worlds: stored once, kept for a while, told of.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use store::{
    Error, Store,
    content::{Publication, Published, VERSIONS_KEPT},
};
use world::content::{Files, Placement, Placements};

use crate::ground::{Backend, region, state};

/// A map of a publication: its name, its place, and what it is made from.
pub(crate) fn map(name: &str, level: i32, fingerprint: &str) -> (String, (Placement, String)) {
    let placement = Placement {
        level,
        x: -level,
        y: 10 * level,
        is_current: true,
    };
    (name.to_owned(), (placement, fingerprint.to_owned()))
}

pub(crate) fn publication<const F: usize, const M: usize>(
    files: [(&str, &str); F],
    maps: [(String, (Placement, String)); M],
    client_version: &str,
) -> Publication {
    let files =
        files.map(|(name, text)| (name.to_owned(), Bytes::copy_from_slice(text.as_bytes())));
    Publication {
        world: "Meadow".to_owned(),
        files: Files::from(files),
        maps: BTreeMap::from(maps),
        client_version: client_version.to_owned(),
        start_region: region(2),
        start_state: state(50),
    }
}

/// The place of a map that is no longer there.
fn former((name, (placement, _)): (String, (Placement, String))) -> (String, Placement) {
    (
        name,
        Placement {
            is_current: false,
            ..placement
        },
    )
}

fn current((name, (placement, _)): (String, (Placement, String))) -> (String, Placement) {
    (name, placement)
}

pub(crate) async fn what_is_published_can_be_loaded(backend: &impl Backend) {
    let store = backend.open().await;
    assert_eq!(store.content().current().await.unwrap(), None);
    assert!(store.content().world().await.unwrap().is_none());
    let files = [
        ("world.toml", ""),
        ("maps/a.tmx", "<map/>"),
        ("client/VERSION", "1.2"),
        ("copy.tmx", "<map/>"),
    ];
    let first = publication(files, [map("a", 0, "f")], "1.2");
    let published = store.content().publish(first.clone()).await.unwrap();
    let expected = Published {
        version: 1,
        is_new: true,
        map_changed: false,
        client_changed: false,
    };
    assert_eq!(published, expected);
    assert_eq!(store.content().load(1).await.unwrap(), first.files);
    assert_eq!(store.content().load(2).await.unwrap(), Files::new());
    let current = store.content().current().await.unwrap().unwrap();
    assert_eq!(
        (current.version, current.file_count, current.byte_count),
        (1, 4, 15)
    );
    assert_eq!(
        (current.world.as_str(), current.client_version.as_str()),
        ("Meadow", "1.2")
    );
    assert_eq!(
        (current.start_region, &current.start_state),
        (region(2), &state(50))
    );
    assert_eq!(store.content().versions().await.unwrap(), [current]);
    let versions = store.versions().await.unwrap();
    assert_eq!((versions.content, versions.map, versions.client), (1, 0, 0));
}

pub(crate) async fn publishing_the_same_is_nothing_new(backend: &impl Backend) {
    let store = backend.open().await;
    let first = publication([("a.tmx", "a")], [map("a", 0, "f")], "1");
    store.content().publish(first.clone()).await.unwrap();
    let before = (
        store.versions().await.unwrap(),
        store.content().versions().await.unwrap(),
    );
    let again = store.content().publish(first).await.unwrap();
    let expected = Published {
        version: 1,
        is_new: false,
        map_changed: false,
        client_changed: false,
    };
    assert_eq!(again, expected);
    assert_eq!(
        (
            store.versions().await.unwrap(),
            store.content().versions().await.unwrap()
        ),
        before
    );
}

pub(crate) async fn a_changed_file_is_a_new_version_and_earlier_ones_stay(backend: &impl Backend) {
    let store = backend.open().await;
    let first = publication([("a.tmx", "a"), ("same", "x")], [map("a", 0, "f")], "1");
    let second = publication([("a.tmx", "b"), ("same", "x")], [map("a", 0, "g")], "1");
    store.content().publish(first.clone()).await.unwrap();
    assert_eq!(
        store
            .content()
            .publish(second.clone())
            .await
            .unwrap()
            .version,
        2
    );
    assert_eq!(store.content().load(1).await.unwrap(), first.files);
    assert_eq!(store.content().load(2).await.unwrap(), second.files);
    let kept: Vec<_> = store
        .content()
        .versions()
        .await
        .unwrap()
        .iter()
        .map(|version| version.version)
        .collect();
    assert_eq!(kept, [2, 1]);
}

pub(crate) async fn large_files_come_back_whole(backend: &impl Backend) {
    let store = backend.open().await;
    // Noise does not shrink: it is stored in several chunks.
    let mut noise = vec![0; 5 << 20];
    StdRng::seed_from_u64(1).fill(noise.as_mut_slice());
    let mut large = publication([("empty", "")], [map("a", 0, "f")], "1");
    for (name, bytes) in [("noise", noise), ("zeros", vec![0; 30 << 20])] {
        large.files.insert(name.to_owned(), Bytes::from(bytes));
    }
    store.content().publish(large.clone()).await.unwrap();
    assert!(store.content().load(1).await.unwrap() == large.files);
    large
        .files
        .insert("more".to_owned(), Bytes::from_static(b"more"));
    store.content().publish(large.clone()).await.unwrap();
    assert!(store.content().load(2).await.unwrap() == large.files);
}

pub(crate) async fn flags_tell_maps_from_clients(backend: &impl Backend) {
    let store = backend.open().await;
    let content = store.content();
    content
        .publish(publication(
            [("f", "1")],
            [map("a", 0, "f"), map("b", 1, "f")],
            "1",
        ))
        .await
        .unwrap();
    let of_maps = async || store.edits().map_versions().await.unwrap();
    let before = of_maps().await;
    // Each step: what is published, whether a map and whether the client has changed, and the flags' versions after it.
    let steps = [
        (
            publication([("f", "2")], [map("a", 0, "f"), map("b", 1, "f")], "1"),
            false,
            false,
            (0, 0),
        ),
        (
            publication([("f", "3")], [map("a", 0, "f"), map("b", 1, "f")], "2"),
            false,
            true,
            (0, 1),
        ),
        (
            publication([("f", "4")], [map("a", 0, "f"), map("b", 1, "g")], "2"),
            true,
            false,
            (1, 1),
        ),
        (
            publication([("f", "5")], [map("a", 0, "h"), map("b", 1, "g")], "1"),
            true,
            true,
            (2, 2),
        ),
        (
            publication(
                [("f", "6")],
                [map("a", 0, "h"), map("b", 1, "g"), map("c", 2, "f")],
                "1",
            ),
            true,
            false,
            (3, 2),
        ),
        (
            publication([("f", "7")], [map("a", 0, "h"), map("c", 2, "f")], "1"),
            true,
            false,
            (4, 2),
        ),
    ];
    for (publication, map_changed, client_changed, flags) in steps {
        let files = publication.files.clone();
        let published = content.publish(publication).await.unwrap();
        assert_eq!(
            (published.map_changed, published.client_changed),
            (map_changed, client_changed),
            "{files:?}"
        );
        let versions = store.versions().await.unwrap();
        assert_eq!((versions.map, versions.client), flags, "{files:?}");
        assert_eq!(versions.content, published.version);
    }
    let after = of_maps().await;
    assert_eq!(after["a"], before["a"] + 1);
    assert_eq!(after.keys().collect::<Vec<_>>(), ["a", "c"]);
}

pub(crate) async fn maps_keep_their_places_when_they_are_gone(backend: &impl Backend) {
    let store = backend.open().await;
    let content = store.content();
    let (a, b) = (map("a", 3, "f"), map("b", -2, "f"));
    content
        .publish(publication([("f", "1")], [a.clone(), b.clone()], "1"))
        .await
        .unwrap();
    content
        .publish(publication([("f", "2")], [a.clone()], "1"))
        .await
        .unwrap();
    let expected = [current(a.clone()), former(b.clone())];
    assert_eq!(content.placements().await.unwrap(), expected.into());
    content
        .publish(publication([("f", "3")], [b.clone()], "1"))
        .await
        .unwrap();
    let expected = [former(a.clone()), current(b.clone())];
    assert_eq!(content.placements().await.unwrap(), expected.into());
    // A map's version goes on where it was, so that nobody takes what he knows for new.
    let versions = store.edits().map_versions().await.unwrap();
    assert_eq!(versions["b"], 3);
    // One that its world has moved is where it was moved to.
    let moved = map("b", 9, "g");
    content
        .publish(publication([("f", "4")], [moved.clone()], "1"))
        .await
        .unwrap();
    assert_eq!(
        content.placements().await.unwrap(),
        [former(a), current(moved)].into()
    );
}

pub(crate) async fn going_back_is_a_new_version_with_the_files_of_an_earlier_one(
    backend: &impl Backend,
) {
    let store = backend.open().await;
    let content = store.content();
    let first = publication([("f", "1"), ("g", "g")], [map("a", 0, "f")], "1");
    let second = publication([("f", "2")], [map("a", 0, "g"), map("b", 1, "f")], "2");
    content.publish(first.clone()).await.unwrap();
    content.publish(second.clone()).await.unwrap();
    let back = content.rollback(1).await.unwrap();
    let expected = Published {
        version: 3,
        is_new: true,
        map_changed: true,
        client_changed: true,
    };
    assert_eq!(back, Some(expected));
    assert_eq!(content.load(3).await.unwrap(), first.files);
    let current = content.current().await.unwrap().unwrap();
    assert_eq!(
        (
            current.version,
            current.client_version.as_str(),
            current.file_count
        ),
        (3, "1", 2)
    );
    assert_eq!(
        store
            .edits()
            .map_versions()
            .await
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["a"]
    );
    // What was gone back to can be published again, as what it is, and as what it was.
    assert!(!content.publish(first).await.unwrap().is_new);
    assert_eq!(content.publish(second.clone()).await.unwrap().version, 4);
    let before = store.versions().await.unwrap();
    assert_eq!(content.rollback(99).await.unwrap(), None);
    assert_eq!(store.versions().await.unwrap(), before);
    assert_eq!(content.load(4).await.unwrap(), second.files);
}

pub(crate) async fn of_several_who_place_maps_at_once_none_takes_anothers_place(
    backend: &impl Backend,
) {
    let stores = [backend.open().await, backend.open().await];
    // Each adds a map of its own to those that are there, on the next level that is free.
    let publish = async |store: &Store, number: usize| {
        let name = format!("map {number}");
        let mut attempts = 0;
        loop {
            attempts += 1;
            let seen = store.content().placements().await.unwrap();
            let mut publication = publication([("f", &name)], [], "1");
            publication.maps = seen
                .iter()
                .map(|(name, place)| (name.clone(), (*place, "f".to_owned())))
                .collect();
            let level = i32::try_from(seen.len()).unwrap();
            publication.maps.extend([map(&name, level, "f")]);
            let content = store.content();
            if let Some(published) = content.publish_beside(seen, publication).await.unwrap() {
                assert!(published.is_new);
                return attempts;
            }
        }
    };
    let publishing = (0..8).map(|number| publish(&stores[number % 2], number));
    let attempts = futures::future::join_all(publishing).await;
    assert!(
        attempts.iter().any(|attempts| *attempts > 1),
        "{attempts:?}"
    );
    let placements = stores[0].content().placements().await.unwrap();
    let levels: BTreeSet<_> = placements.values().map(|place| place.level).collect();
    assert_eq!((placements.len(), levels.len()), (8, 8));
    assert!(placements.values().all(|place| place.is_current));
    // Whoever is refused has written nothing.
    let version = stores[0]
        .content()
        .current()
        .await
        .unwrap()
        .unwrap()
        .version;
    assert_eq!(version, 8);
    let late = publication([("late", "x")], [], "1");
    let content = stores[1].content();
    let refused = content.publish_beside(Placements::new(), late).await;
    assert_eq!(refused.unwrap(), None);
    assert_eq!(stores[0].versions().await.unwrap().content, 8);
}

pub(crate) async fn old_versions_are_forgotten(backend: &impl Backend) {
    let store = backend.open().await;
    let content = store.content();
    let last = VERSIONS_KEPT + 3;
    for n in 1..=last {
        let text = format!("file {n}");
        content
            .publish(publication(
                [("f", &text), ("same", "same")],
                [map("a", 0, "f")],
                "1",
            ))
            .await
            .unwrap();
    }
    let kept: Vec<_> = content
        .versions()
        .await
        .unwrap()
        .iter()
        .map(|version| version.version)
        .collect();
    let expected: Vec<u64> = (4..=last)
        .rev()
        .map(|n| u64::try_from(n).unwrap())
        .collect();
    assert_eq!(kept, expected);
    assert_eq!(content.load(3).await.unwrap(), Files::new());
    assert_eq!(content.rollback(3).await.unwrap(), None);
    let oldest = content.load(4).await.unwrap();
    assert_eq!(
        (&oldest["f"][..], &oldest["same"][..]),
        (&b"file 4"[..], &b"same"[..])
    );
}

/// A world that can be served: one map of two by one tiles.
fn servable(map: &str) -> Publication {
    const MAP: &str = r#"<?xml version="1.0"?>
<map version="1.10" orientation="orthogonal" width="2" height="1" tilewidth="16" tileheight="16">
 <tileset firstgid="1" name="t" tilewidth="16" tileheight="16"><image source="t.png" width="64" height="16"/></tileset>
 <layer id="1" name="Ground" width="2" height="1"><data encoding="csv">1,1</data></layer>
</map>"#;
    publication(
        [(&format!("{map}.tmx"), MAP)],
        [self::map(map, 0, "f")],
        "1",
    )
}

pub(crate) async fn a_world_is_read_once_and_shared(backend: &impl Backend) {
    let store = backend.open().await;
    store.content().publish(servable("a")).await.unwrap();
    let (clone, stranger) = (store.clone(), backend.open().await);
    let (here, there) = (store.content(), clone.content());
    let (one, two) = tokio::join!(here.world(), there.world());
    let (one, two) = (one.unwrap().unwrap(), two.unwrap().unwrap());
    assert!(std::sync::Arc::ptr_eq(&one, &two));
    assert_eq!(one.version.version, 1);
    assert_eq!(
        one.content
            .terrain
            .maps()
            .map(|map| map.name.clone())
            .collect::<Vec<_>>(),
        ["a"]
    );
    // What another process publishes is what is current here.
    stranger.content().publish(servable("b")).await.unwrap();
    let three = store.content().world().await.unwrap().unwrap();
    assert_eq!(three.version.version, 2);
    assert_eq!(
        three
            .content
            .terrain
            .maps()
            .map(|map| map.name.clone())
            .collect::<Vec<_>>(),
        ["b"]
    );
}

pub(crate) async fn what_cannot_be_served_says_why(backend: &impl Backend) {
    let store = backend.open().await;
    store.content().publish(servable("a")).await.unwrap();
    store
        .content()
        .publish(publication([("b.tmx", "no map")], [map("b", 0, "f")], "1"))
        .await
        .unwrap();
    match store.content().world().await {
        Err(Error::Unservable {
            version: 2,
            problem,
        }) => assert!(problem.contains("b.tmx"), "{problem}"),
        other => panic!("{other:?}"),
    }
    store.content().rollback(1).await.unwrap();
    assert_eq!(
        store
            .content()
            .world()
            .await
            .unwrap()
            .unwrap()
            .version
            .version,
        3
    );
}
