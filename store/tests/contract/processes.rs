//! Who runs, as operators see it: by the database's clock.

use store::{
    Store,
    directory::{Asked, ZoneServer},
    entities::Incarnation,
    processes::{About, FORGET_AFTER_MS, Facts, Id, Kind, TTL_MS, keep},
};

use crate::{
    directory::server,
    ground::{Backend, ME, OTHER, claim, create, peek, region},
};

fn about(id: i64, kind: Kind) -> About {
    About::this(
        Id(id),
        kind,
        format!("127.0.0.1:{id}"),
        Some("127.0.0.1:9".to_owned()),
    )
}

async fn ids(store: &Store) -> Vec<(i64, bool)> {
    let all = store.processes().all().await.unwrap();
    all.iter()
        .map(|process| (process.about.id.0, process.is_live()))
        .collect()
}

pub(crate) async fn what_a_service_says_of_itself_is_listed(backend: &impl Backend) {
    let store = backend.open().await;
    let facts = Facts {
        content: Some(7),
        players: Some(1 << 40),
        creatures: None,
    };
    let (gateway, auth) = (about(3, Kind::Gateway), about(2, Kind::Auth));
    let processes = store.processes();
    processes
        .heartbeat(gateway.clone(), Facts::default())
        .await
        .unwrap();
    let began = processes.all().await.unwrap()[0].started_ms;
    processes.heartbeat(gateway.clone(), facts).await.unwrap();
    let nameless = About {
        host: None,
        admin: None,
        ..auth
    };
    processes
        .heartbeat(nameless.clone(), Facts::default())
        .await
        .unwrap();
    let all = processes.all().await.unwrap();
    let [first, second] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!((&first.about, first.facts), (&nameless, Facts::default()));
    assert_eq!((&second.about, second.facts), (&gateway, facts));
    assert_eq!(second.started_ms, began, "it has begun once");
    processes.remove(Id(2)).await.unwrap();
    processes.remove(Id(2)).await.unwrap();
    assert_eq!(ids(&store).await, [(3, true)]);
}

pub(crate) async fn who_has_died_is_remembered_for_a_while(backend: &impl Backend) {
    assert_eq!((TTL_MS, FORGET_AFTER_MS), (10_000, 600_000));
    let store = backend.open().await;
    let beat = async |id| {
        let processes = store.processes();
        let about = about(id, Kind::Auth);
        processes.heartbeat(about, Facts::default()).await.unwrap();
        processes.forget().await.unwrap();
    };
    beat(1).await;
    store.directory().heartbeat(server(ME, 1)).await.unwrap();
    for sql in [
        "UPDATE processes SET heartbeat_ms = heartbeat_ms - 10000",
        "UPDATE zone_servers SET heartbeat_ms = heartbeat_ms - 10000",
    ] {
        backend.execute(sql).await;
    }
    beat(2).await;
    assert_eq!(ids(&store).await, [(1, false), (2, true)]);
    assert_eq!(store.status().await.unwrap().zone_servers.len(), 1);
    for sql in [
        "UPDATE processes SET heartbeat_ms = heartbeat_ms - 590001 WHERE id = 1",
        "UPDATE zone_servers SET heartbeat_ms = heartbeat_ms - 590001",
    ] {
        backend.execute(sql).await;
    }
    beat(2).await;
    assert_eq!(ids(&store).await, [(2, true)]);
    assert_eq!(store.status().await.unwrap().zone_servers, []);
}

pub(crate) async fn a_kind_that_nobody_knows_yet_is_not_shown(backend: &impl Backend) {
    let store = backend.open().await;
    backend
        .execute("INSERT INTO processes (id, kind, version, address, started_ms, heartbeat_ms) VALUES (1, 'oracle', '9', 'a', 1, 1)")
        .await;
    assert_eq!(ids(&store).await, []);
}

pub(crate) async fn who_ends_is_taken_off(backend: &impl Backend) {
    let store = backend.open().await;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let stop = async {
        let _ended = ended.await;
    };
    let keeping = tokio::spawn(keep(
        store.clone(),
        about(1, Kind::Auth),
        Facts::default,
        Box::pin(stop),
    ));
    while ids(&store).await != [(1, true)] {
        assert!(!keeping.is_finished());
    }
    end.send(()).unwrap();
    keeping.await.unwrap();
    assert_eq!(ids(&store).await, []);
}

pub(crate) async fn who_is_asked_to_drain_hears_it_at_its_heartbeat(backend: &impl Backend) {
    let (store, command) = (backend.open().await, backend.open().await);
    let beat = async |incarnation: Incarnation| {
        let said = server(incarnation, 1);
        store.directory().heartbeat(said).await.unwrap()
    };
    assert!(!beat(ME).await && !beat(OTHER).await);
    let ask = async |who| command.directory().ask_to_drain(who, false).await.unwrap();
    assert_eq!(ask(Incarnation(9)).await, Asked::Gone);
    assert_eq!(ask(ME).await, Asked::Done);
    assert!(beat(ME).await && !beat(OTHER).await);
    assert!(beat(ME).await, "it stays so");
    assert_eq!(ask(ME).await, Asked::Done, "again");
    let status = store.status().await.unwrap();
    let requested = status.zone_servers.iter().map(|one| one.is_drain_requested);
    assert_eq!(requested.filter(|is_requested| *is_requested).count(), 1);
}

pub(crate) async fn the_last_who_stays_is_not_drained_unless_it_must_be(backend: &impl Backend) {
    let store = backend.open().await;
    let directory = store.directory();
    let say = async |incarnation, is_leaving| {
        let said = ZoneServer {
            is_leaving,
            ..server(incarnation, 1)
        };
        directory.heartbeat(said).await.unwrap();
    };
    let ask = async |who, force| directory.ask_to_drain(who, force).await.unwrap();
    say(ME, false).await;
    assert_eq!(ask(ME, false).await, Asked::Last);
    say(OTHER, true).await;
    assert_eq!(ask(ME, false).await, Asked::Last, "the other one leaves");
    say(OTHER, false).await;
    backend
        .execute("UPDATE zone_servers SET heartbeat_ms = heartbeat_ms - 2001 WHERE incarnation = 2")
        .await;
    assert_eq!(ask(ME, false).await, Asked::Last, "the other one is dead");
    assert_eq!(ask(OTHER, true).await, Asked::Gone);
    say(OTHER, false).await;
    // Of those who ask at once, each on its own, not all are heard.
    let other = backend.open().await;
    for _ in 0..20 {
        backend
            .execute("UPDATE zone_servers SET drain_requested_ms = NULL, heartbeat_ms = heartbeat_ms + 10000")
            .await;
        let theirs = other.directory();
        let asked = tokio::join!(ask(ME, false), theirs.ask_to_drain(OTHER, false));
        let asked = (asked.0, asked.1.unwrap());
        assert!(
            matches!(
                asked,
                (Asked::Done, Asked::Last) | (Asked::Last, Asked::Done)
            ),
            "{asked:?}"
        );
    }
    assert_eq!(ask(ME, true).await, Asked::Done);
    assert_eq!(ask(OTHER, true).await, Asked::Done);
}

pub(crate) async fn the_status_is_all_of_it_at_one_moment(backend: &impl Backend) {
    let store = backend.open().await;
    store.directory().heartbeat(server(ME, 1)).await.unwrap();
    let gateway = about(3, Kind::Gateway);
    let processes = store.processes();
    processes
        .heartbeat(gateway, Facts::default())
        .await
        .unwrap();
    let regions = [(region(0), 0), (region(1), 0)];
    store.regions().take(ME, regions.to_vec()).await.unwrap();
    let gift = vec![(region(1), 1)];
    store.regions().give(ME, None, gift).await.unwrap();
    for (name, owner) in [("Anna", Some(ME)), ("Bert", Some(ME)), ("Carl", None)] {
        let start = create(&store, name).await;
        let row = peek(&store, name).await;
        if let Some(owner) = owner {
            let claimed = claim(&store, &row, owner, Some(start.generation)).await;
            assert!(claimed.is_some());
        }
    }
    let status = store.status().await.unwrap();
    assert_eq!(status.rows.get(&Some(ME)), Some(&2));
    assert_eq!(status.rows.get(&None), None, "who is not in the world");
    let held: Vec<bool> = status
        .regions
        .iter()
        .map(|one| status.is_held(one))
        .collect();
    assert_eq!(held, [true, false]);
    assert_eq!(status.schema.version, status.schema.known);
    assert!(status.schema.compatible_from <= status.schema.known);
    let [one] = &status.zone_servers[..] else {
        panic!("{status:?}");
    };
    assert!(one.is_live() && !one.is_drain_requested);
    assert_eq!(status.processes.len(), 1);
    assert_eq!(status.versions, store.versions().await.unwrap());
    // It holds what it held, and does not live.
    backend
        .execute("UPDATE zone_servers SET heartbeat_ms = heartbeat_ms - 2001")
        .await;
    let status = store.status().await.unwrap();
    assert!(!status.regions.iter().any(|one| status.is_held(one)));
}
