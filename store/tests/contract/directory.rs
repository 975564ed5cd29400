//! Which zone servers are alive, by the database's clock.

use store::{Store, directory::ZoneServer};

use crate::ground::{Backend, ME, OTHER};

pub(crate) fn server(incarnation: store::entities::Incarnation, port: u16) -> ZoneServer {
    ZoneServer {
        incarnation,
        address: format!("http://127.0.0.1:{port}"),
        is_leaving: false,
        map: 0,
    }
}

async fn live(store: &Store) -> Vec<ZoneServer> {
    store.directory().live().await.unwrap()
}

pub(crate) async fn who_says_that_he_lives_is_listed(backend: &impl Backend) {
    let store = backend.open().await;
    assert_eq!(live(&store).await, []);
    store.directory().heartbeat(server(OTHER, 2)).await.unwrap();
    store.directory().heartbeat(server(ME, 1)).await.unwrap();
    assert_eq!(live(&store).await, [server(ME, 1), server(OTHER, 2)]);
    store.directory().heartbeat(server(ME, 3)).await.unwrap();
    assert_eq!(live(&store).await, [server(ME, 3), server(OTHER, 2)]);
}

pub(crate) async fn what_he_says_of_himself_is_listed(backend: &impl Backend) {
    let store = backend.open().await;
    let mut me = server(ME, 1);
    for (is_leaving, map) in [(false, 7), (true, 1 << 40), (false, 0)] {
        (me.is_leaving, me.map) = (is_leaving, map);
        store.directory().heartbeat(me.clone()).await.unwrap();
        assert_eq!(live(&store).await, [me.clone()]);
    }
}

pub(crate) async fn who_says_nothing_for_too_long_is_not(backend: &impl Backend) {
    let store = backend.open().await;
    store.directory().heartbeat(server(ME, 1)).await.unwrap();
    backend
        .execute("UPDATE zone_servers SET heartbeat_ms = heartbeat_ms - 1000")
        .await;
    store.directory().heartbeat(server(OTHER, 2)).await.unwrap();
    assert_eq!(live(&store).await, [server(ME, 1), server(OTHER, 2)]);
    backend
        .execute("UPDATE zone_servers SET heartbeat_ms = heartbeat_ms - 1001")
        .await;
    assert_eq!(live(&store).await, [server(OTHER, 2)]);
    // It may still be heard of again.
    store.directory().heartbeat(server(ME, 1)).await.unwrap();
    assert_eq!(live(&store).await, [server(ME, 1), server(OTHER, 2)]);
}

pub(crate) async fn who_goes_is_taken_off(backend: &impl Backend) {
    let store = backend.open().await;
    for (incarnation, port) in [(ME, 1), (OTHER, 2)] {
        store
            .directory()
            .heartbeat(server(incarnation, port))
            .await
            .unwrap();
    }
    store.directory().remove(ME).await.unwrap();
    store.directory().remove(ME).await.unwrap();
    assert_eq!(live(&store).await, [server(OTHER, 2)]);
    store.directory().clear().await.unwrap();
    assert_eq!(live(&store).await, []);
}
