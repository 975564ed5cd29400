//! Several processes on one database: each [`Backend::open`] has a writer of its own, as each process has.

use store::{Store, accounts::Role, edits::Outcome, entities::Saved};

use crate::{
    content::{map, publication},
    ground::{Backend, ME, OTHER, audit, claim, create, enter, peek, save_of, spawned, state},
};

pub(crate) async fn two_that_have_it_open_see_each_others_writes(backend: &impl Backend) {
    let (cluster, command) = (backend.open().await, backend.open().await);
    let row = enter(&cluster, "Anna").await;
    assert!(command.accounts().set_role("anna", Role::Gm).await.unwrap());
    assert_eq!(
        cluster.accounts().game_masters().await.unwrap(),
        ["anna".to_owned()].into()
    );
    let taken = claim(&command, &row, OTHER, None).await.unwrap();
    assert_eq!(
        cluster.entities().save(save_of(&row, 5)).await.unwrap(),
        Saved::Fenced
    );
    assert_eq!(
        command.entities().save(save_of(&taken, 6)).await.unwrap(),
        Saved::Committed
    );
    assert_eq!(peek(&cluster, "Anna").await.state, state(6));
    // Both write at once, all the time, and neither fails. To publish, one reads before one writes.
    let busy = async |store: &Store, owner, prefix: &str| {
        for n in 0..50 {
            let row = enter(store, &format!("{prefix}{n}")).await;
            let row = claim(store, &row, owner, None).await.unwrap();
            let text = format!("{prefix}{n}");
            let files = publication([("f", &text)], [map("a", 0, &text)], "1");
            let (entities, content) = (store.entities(), store.content());
            let (saved, published) =
                tokio::join!(entities.save(save_of(&row, n)), content.publish(files));
            assert_eq!(saved.unwrap(), Saved::Committed);
            assert!(published.unwrap().is_new);
        }
    };
    tokio::join!(busy(&cluster, ME, "one "), busy(&command, OTHER, "two "));
    assert_eq!(cluster.accounts().list().await.unwrap().len(), 101);
    assert_eq!(command.versions().await.unwrap().content, 100);
}

pub(crate) async fn opening_it_at_once_from_several_sides_works(backend: &impl Backend) {
    let opened = futures::future::join_all((0..4).map(|_| backend.open())).await;
    for (n, store) in opened.iter().enumerate() {
        create(store, &format!("Anna {n}")).await;
    }
    assert_eq!(opened[0].accounts().list().await.unwrap().len(), 4);
}

pub(crate) async fn everything_is_there_when_it_is_opened_again(backend: &impl Backend) {
    let store = backend.open().await;
    let row = enter(&store, "Anna").await;
    store.entities().save(save_of(&row, 5)).await.unwrap();
    store
        .content()
        .publish(publication([("f", "1")], [map("a", 4, "f")], "1"))
        .await
        .unwrap();
    store.edits().spawn(spawned("Owl"), audit(1)).await.unwrap();
    store.accounts().set_role("Anna", Role::Gm).await.unwrap();
    let before = (
        peek(&store, "Anna").await,
        peek(&store, "Owl").await,
        store.accounts().list().await.unwrap(),
        store.content().versions().await.unwrap(),
        store.content().placements().await.unwrap(),
        store.versions().await.unwrap(),
    );
    store.close().await;
    let store = backend.open().await;
    let after = (
        peek(&store, "Anna").await,
        peek(&store, "Owl").await,
        store.accounts().list().await.unwrap(),
        store.content().versions().await.unwrap(),
        store.content().placements().await.unwrap(),
        store.versions().await.unwrap(),
    );
    assert_eq!(after, before);
    assert_eq!(
        store.edits().spawn(spawned("Owl"), audit(1)).await.unwrap(),
        Outcome::Repeated
    );
}
