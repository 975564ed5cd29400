//! What game masters do: once, whole, and in the log.

use store::{
    Store,
    accounts::Role,
    edits::{AuditLine, Outcome, REFUSED},
    entities::Saved,
};
use world::terrain::TileEdit;

use crate::{
    content::{map, publication},
    ground::{
        Backend, ME, OTHER, account, audit, claim, create, enter, id, peek, save_of, spawned, state,
    },
};

/// A database with the map `meadow`.
async fn open(backend: &impl Backend) -> Store {
    let store = backend.open().await;
    let publication = publication([("maps/meadow.tmx", "a")], [map("meadow", 0, "a")], "1");
    store.content().publish(publication).await.unwrap();
    store
}

fn tile(x: i32, gid: u32) -> TileEdit {
    TileEdit {
        map: "meadow".to_owned(),
        layer: "Ground".to_owned(),
        x,
        y: -4,
        gid,
    }
}

async fn log(store: &Store) -> Vec<String> {
    let lines = store.edits().audit_log(100).await.unwrap();
    lines.into_iter().map(|line| line.command).collect()
}

async fn map_version(store: &Store) -> (u64, u64) {
    let of_map = store.edits().map_versions().await.unwrap()["meadow"];
    (of_map, store.versions().await.unwrap().map)
}

pub(crate) async fn a_tile_is_kept_and_raises_the_map(backend: &impl Backend) {
    let store = open(backend).await;
    let (of_map, of_all) = map_version(&store).await;
    let done = store
        .edits()
        .tile(tile(-3, 0x8000_0001), audit(1))
        .await
        .unwrap();
    assert_eq!(done, Outcome::Done(of_map + 1));
    assert_eq!(map_version(&store).await, (of_map + 1, of_all + 1));
    store.edits().tile(tile(5, 2), audit(2)).await.unwrap();
    store.edits().tile(tile(-3, 0), audit(3)).await.unwrap();
    assert_eq!(map_version(&store).await, (of_map + 3, of_all + 3));
    // The last of each tile, in the order in which they were made.
    assert_eq!(
        store.edits().tiles().await.unwrap(),
        [tile(5, 2), tile(-3, 0)]
    );
    assert_eq!(log(&store).await, ["command 3", "command 2", "command 1"]);
}

pub(crate) async fn an_edit_that_comes_again_has_no_second_effect(backend: &impl Backend) {
    let store = open(backend).await;
    let edits = store.edits();
    let row = enter(&store, "Anna").await;
    edits.tile(tile(1, 1), audit(1)).await.unwrap();
    edits.tile(tile(1, 2), audit(2)).await.unwrap();
    edits.spawn(spawned("Owl"), audit(3)).await.unwrap();
    edits.save(save_of(&row, 5), audit(4)).await.unwrap();
    edits
        .despawn("owl".to_owned(), ME, 1, audit(5))
        .await
        .unwrap();
    edits
        .reload("meadow".to_owned(), vec![tile(2, 2)], audit(6))
        .await
        .unwrap();
    edits.tile(tile(9, 9), audit(7)).await.unwrap();
    let (tiles, version, lines) = (
        edits.tiles().await.unwrap(),
        map_version(&store).await,
        log(&store).await,
    );
    let anna = peek(&store, "Anna").await;

    assert_eq!(
        edits.tile(tile(1, 1), audit(1)).await.unwrap(),
        Outcome::Repeated
    );
    assert_eq!(
        edits.spawn(spawned("Owl"), audit(3)).await.unwrap(),
        Outcome::Repeated
    );
    assert_eq!(
        edits.save(save_of(&row, 6), audit(4)).await.unwrap(),
        Outcome::Repeated
    );
    assert_eq!(
        edits
            .despawn("owl".to_owned(), ME, 1, audit(5))
            .await
            .unwrap(),
        Outcome::Repeated
    );
    assert_eq!(
        edits.reset("meadow".to_owned(), audit(6)).await.unwrap(),
        Outcome::Repeated
    );
    assert_eq!(edits.note(audit(7)).await.unwrap(), Outcome::Repeated);
    assert_eq!(
        (
            edits.tiles().await.unwrap(),
            map_version(&store).await,
            log(&store).await
        ),
        (tiles, version, lines)
    );
    assert_eq!(peek(&store, "Anna").await, anna);
    // The same count of another session, and of another author, are other edits.
    let (mut later, mut other) = (audit(1), audit(1));
    later.id = id(2, 1);
    other.author = "anna".to_owned();
    for audit in [later, other] {
        assert!(matches!(
            edits.tile(tile(1, 7), audit).await.unwrap(),
            Outcome::Done(_)
        ));
    }
}

pub(crate) async fn two_edits_of_one_name_in_one_commit_are_one(backend: &impl Backend) {
    let store = open(backend).await;
    let (of_map, _) = map_version(&store).await;
    let edits = store.edits();
    let twice = (0..8).map(|_| edits.tile(tile(1, 1), audit(1)));
    let outcomes: Vec<_> = futures::future::join_all(twice)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let done = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Outcome::Done(_)));
    assert_eq!(done.count(), 1, "{outcomes:?}");
    assert_eq!(map_version(&store).await.0, of_map + 1);
    assert_eq!(log(&store).await.len(), 1);
}

/// A database with edits of the maps `meadow` and `cave`; that of the latter.
async fn edited(backend: &impl Backend) -> (Store, TileEdit) {
    let store = open(backend).await;
    let mut elsewhere = tile(1, 1);
    elsewhere.map = "cave".to_owned();
    let maps = [map("meadow", 0, "a"), map("cave", 1, "a")];
    let publication = publication([("a.tmx", "a")], maps, "1");
    store.content().publish(publication).await.unwrap();
    let edits = [tile(1, 1), elsewhere.clone(), tile(2, 2), tile(3, 3)];
    for (counter, edit) in edits.into_iter().enumerate() {
        let audit = audit(counter as u64);
        store.edits().tile(edit, audit).await.unwrap();
    }
    (store, elsewhere)
}

pub(crate) async fn a_reload_takes_away_what_no_longer_fits(backend: &impl Backend) {
    let (store, elsewhere) = edited(backend).await;
    let edits = store.edits();
    let (of_map, of_all) = map_version(&store).await;
    // One that was changed since it was looked at, and one that was made since, stay.
    let unfit = vec![tile(2, 2), tile(3, 9), tile(4, 4)];
    let reload = || edits.reload("meadow".to_owned(), unfit.clone(), audit(10));
    assert_eq!(reload().await.unwrap(), Outcome::Done(of_map + 1));
    let left = [tile(1, 1), elsewhere, tile(3, 3)];
    assert_eq!(edits.tiles().await.unwrap(), left);
    assert_eq!(map_version(&store).await, (of_map + 1, of_all + 1));
    assert_eq!(reload().await.unwrap(), Outcome::Repeated);
    assert_eq!(map_version(&store).await, (of_map + 1, of_all + 1));
    assert_eq!(edits.resets().await.unwrap()["meadow"], 0);
    let reloads = edits.reloads().await.unwrap();
    assert_eq!((reloads["meadow"], reloads["cave"]), (1, 0));
}

pub(crate) async fn a_reset_takes_all_away_and_is_counted(backend: &impl Backend) {
    let (store, elsewhere) = edited(backend).await;
    let edits = store.edits();
    let (of_map, of_all) = map_version(&store).await;
    let reset = |counter| edits.reset("meadow".to_owned(), audit(counter));
    assert_eq!(reset(10).await.unwrap(), Outcome::Done(of_map + 1));
    assert_eq!(edits.tiles().await.unwrap(), [elsewhere]);
    assert_eq!(reset(10).await.unwrap(), Outcome::Repeated);
    assert_eq!(reset(11).await.unwrap(), Outcome::Done(of_map + 2));
    assert_eq!(map_version(&store).await, (of_map + 2, of_all + 2));
    let resets = edits.resets().await.unwrap();
    assert_eq!((resets["meadow"], resets["cave"]), (2, 0));
}

pub(crate) async fn a_text_that_no_database_takes_is_nobodys(backend: &impl Backend) {
    let store = open(backend).await;
    create(&store, "Anna").await;
    let name = "anna\0";
    assert_eq!(store.entities().peek(name).await.unwrap(), None);
    assert_eq!(store.accounts().find(name).await.unwrap(), None);
    assert_eq!(store.accounts().begin_session(name).await.unwrap(), None);
    let hash = "hash".to_owned();
    assert!(!store.accounts().set_password(name, hash).await.unwrap());
    assert!(!store.accounts().set_role(name, Role::Gm).await.unwrap());
    let told = vec![(name.to_owned(), 9), ("Anna".to_owned(), 9)];
    store.accounts().told(told).await.unwrap();
    let start = store.accounts().begin_session("anna").await.unwrap();
    assert_eq!(start.unwrap().map_told, 9);
    // What is said of a command is for people, who do without.
    let mut odd = audit(1);
    odd.command = "kick a\0b".to_owned();
    assert_eq!(store.edits().note(odd).await.unwrap(), Outcome::Done(()));
    assert_eq!(log(&store).await, ["kick a\u{fffd}b"]);
}

pub(crate) async fn a_map_that_is_not_there_is_not_edited(backend: &impl Backend) {
    let store = backend.open().await;
    let edits = store.edits();
    let nowhere = || "meadow".to_owned();
    assert_eq!(
        edits.tile(tile(1, 1), audit(1)).await.unwrap(),
        Outcome::Refused
    );
    assert_eq!(
        edits
            .reload(nowhere(), vec![tile(1, 1)], audit(2))
            .await
            .unwrap(),
        Outcome::Refused
    );
    assert_eq!(
        edits.reset(nowhere(), audit(3)).await.unwrap(),
        Outcome::Refused
    );
    assert_eq!(
        (edits.tiles().await.unwrap(), log(&store).await),
        (vec![], vec![])
    );
    assert_eq!(store.versions().await.unwrap().map, 0);
}

pub(crate) async fn what_is_spawned_is_there_and_owned(backend: &impl Backend) {
    let store = open(backend).await;
    let row = spawned("Owl");
    assert_eq!(
        store.edits().spawn(row.clone(), audit(1)).await.unwrap(),
        Outcome::Done(())
    );
    assert_eq!(peek(&store, "OWL").await, row);
    assert_eq!(
        store.entities().save(save_of(&row, 3)).await.unwrap(),
        Saved::Committed
    );
    assert_eq!(peek(&store, "owl").await.state, state(3));
}

pub(crate) async fn what_cannot_be_done_is_not_in_the_log(backend: &impl Backend) {
    let store = open(backend).await;
    let edits = store.edits();
    let row = enter(&store, "Anna").await;
    edits.spawn(spawned("Owl"), audit(1)).await.unwrap();
    let before = (
        peek(&store, "Anna").await,
        peek(&store, "Owl").await,
        log(&store).await,
    );
    assert_eq!(
        edits.spawn(spawned("ANNA"), audit(2)).await.unwrap(),
        Outcome::Refused
    );
    assert_eq!(
        edits.spawn(spawned("owl"), audit(3)).await.unwrap(),
        Outcome::Refused
    );
    assert_eq!(
        edits
            .despawn("owl".to_owned(), OTHER, 1, audit(4))
            .await
            .unwrap(),
        Outcome::Refused
    );
    assert_eq!(
        edits
            .despawn("owl".to_owned(), ME, 2, audit(5))
            .await
            .unwrap(),
        Outcome::Refused
    );
    assert_eq!(
        edits
            .despawn("elk".to_owned(), ME, 1, audit(6))
            .await
            .unwrap(),
        Outcome::Refused
    );
    claim(&store, &row, OTHER, None).await.unwrap();
    claim(&store, &peek(&store, "Anna").await, ME, None)
        .await
        .unwrap();
    let before = (peek(&store, "Anna").await, before.1, before.2);
    assert_eq!(
        edits.save(save_of(&row, 5), audit(7)).await.unwrap(),
        Outcome::Refused
    );
    assert_eq!(
        (
            peek(&store, "Anna").await,
            peek(&store, "Owl").await,
            log(&store).await
        ),
        before
    );
    for counter in 2..8 {
        assert!(!edits.is_done("gwen", id(1, counter)).await.unwrap());
    }
    // So it may be tried again, and done then.
    assert_eq!(
        edits.spawn(spawned("Elk"), audit(2)).await.unwrap(),
        Outcome::Done(())
    );
}

pub(crate) async fn a_despawn_leaves_a_tombstone(backend: &impl Backend) {
    let store = open(backend).await;
    let edits = store.edits();
    edits.spawn(spawned("Owl"), audit(1)).await.unwrap();
    assert_eq!(
        edits
            .despawn("owl".to_owned(), ME, 1, audit(2))
            .await
            .unwrap(),
        Outcome::Done(())
    );
    assert_eq!(store.entities().peek("Owl").await.unwrap(), None);
    assert_eq!(claim(&store, &spawned("Owl"), ME, None).await, None);
    for own in 1..3 {
        let mut row = spawned("Owl");
        row.own = own;
        assert_eq!(
            store.entities().save(save_of(&row, 1)).await.unwrap(),
            Saved::Fenced
        );
        assert_eq!(claim(&store, &row, ME, None).await, None);
        assert_eq!(claim(&store, &row, ME, Some(1)).await, None);
    }
    assert_eq!(
        edits.spawn(spawned("Owl"), audit(3)).await.unwrap(),
        Outcome::Refused
    );
    let created = store.accounts().create(account("Owl")).await.unwrap();
    assert_eq!(created, store::accounts::Created::NameTaken);
    assert_eq!(store.entities().orphans(&[]).await.unwrap(), []);
}

pub(crate) async fn a_tombstone_ends(backend: &impl Backend) {
    let store = open(backend).await;
    let edits = store.edits();
    for (counter, name) in [(1, "Owl"), (3, "Elk")] {
        edits.spawn(spawned(name), audit(counter)).await.unwrap();
        edits
            .despawn(world::name::key(name), ME, 1, audit(counter + 1))
            .await
            .unwrap();
    }
    // Longer than any repeat of the edit.
    backend
        .execute("UPDATE entities SET gone_ms = gone_ms - 130000")
        .await;
    assert_eq!(
        edits.spawn(spawned("Owl"), audit(5)).await.unwrap(),
        Outcome::Done(())
    );
    assert_eq!(peek(&store, "Owl").await, spawned("Owl"));
    crate::ground::create(&store, "Elk").await;
    assert!(peek(&store, "Elk").await.player);
}

pub(crate) async fn players_are_not_despawned(backend: &impl Backend) {
    let store = open(backend).await;
    let row = enter(&store, "Anna").await;
    let done = store
        .edits()
        .despawn("anna".to_owned(), ME, row.own, audit(1))
        .await
        .unwrap();
    assert_eq!(done, Outcome::Refused);
    assert_eq!(peek(&store, "Anna").await, row);
}

pub(crate) async fn a_save_with_its_audit_is_fenced_too(backend: &impl Backend) {
    let store = open(backend).await;
    let row = enter(&store, "Anna").await;
    assert_eq!(
        store
            .edits()
            .save(save_of(&row, 5), audit(1))
            .await
            .unwrap(),
        Outcome::Done(())
    );
    assert_eq!(
        (peek(&store, "Anna").await.state, log(&store).await.len()),
        (state(5), 1)
    );
    let mut release = save_of(&row, 6);
    release.release = true;
    assert_eq!(
        store.edits().save(release, audit(2)).await.unwrap(),
        Outcome::Done(())
    );
    assert_eq!(
        store
            .edits()
            .save(save_of(&row, 7), audit(3))
            .await
            .unwrap(),
        Outcome::Refused
    );
    assert_eq!(
        (peek(&store, "Anna").await.state, log(&store).await.len()),
        (state(6), 2)
    );
}

pub(crate) async fn a_note_is_in_the_log_once(backend: &impl Backend) {
    let store = open(backend).await;
    assert!(!store.edits().is_done("gwen", id(1, 1)).await.unwrap());
    assert_eq!(
        store.edits().note(audit(1)).await.unwrap(),
        Outcome::Done(())
    );
    assert!(store.edits().is_done("gwen", id(1, 1)).await.unwrap());
    assert!(!store.edits().is_done("anna", id(1, 1)).await.unwrap());
    assert!(!store.edits().is_done("gwen", id(2, 1)).await.unwrap());
    assert_eq!(
        store.edits().note(audit(1)).await.unwrap(),
        Outcome::Repeated
    );
    assert_eq!(log(&store).await, ["command 1"]);
}

pub(crate) async fn what_is_refused_for_good_is_not_done_later(backend: &impl Backend) {
    let store = open(backend).await;
    let edits = store.edits();
    let row = enter(&store, "Anna").await;
    for counter in 1..6 {
        for _ in 0..2 {
            let is_done = edits.refuse("gwen".to_owned(), id(1, counter)).await;
            assert!(!is_done.unwrap());
        }
        assert!(!edits.is_done("gwen", id(1, counter)).await.unwrap());
    }
    let before = map_version(&store).await;
    assert_eq!(edits.note(audit(1)).await.unwrap(), Outcome::Denied);
    let spawn = edits.spawn(spawned("Owl"), audit(2)).await;
    assert_eq!(spawn.unwrap(), Outcome::Denied);
    let save = edits.save(save_of(&row, 5), audit(3)).await;
    assert_eq!(save.unwrap(), Outcome::Denied);
    let tile = edits.tile(tile(1, 1), audit(4)).await;
    assert_eq!(tile.unwrap(), Outcome::Denied);
    let reset = edits.reset("meadow".to_owned(), audit(5)).await;
    assert_eq!(reset.unwrap(), Outcome::Denied);
    assert_eq!(store.entities().peek("Owl").await.unwrap(), None);
    assert_eq!(peek(&store, "Anna").await, row);
    assert_eq!(map_version(&store).await, before);
    assert_eq!(log(&store).await, [REFUSED; 5]);
    // Others of the author, and other authors, are not meant.
    assert_eq!(edits.note(audit(6)).await.unwrap(), Outcome::Done(()));
    let is_done = edits.refuse("anna".to_owned(), id(1, 6)).await;
    assert!(!is_done.unwrap());
    assert!(edits.is_done("gwen", id(1, 6)).await.unwrap());
}

pub(crate) async fn what_was_done_is_not_refused_later(backend: &impl Backend) {
    let store = open(backend).await;
    let edits = store.edits();
    edits.note(audit(1)).await.unwrap();
    assert!(edits.refuse("gwen".to_owned(), id(1, 1)).await.unwrap());
    assert_eq!(edits.note(audit(1)).await.unwrap(), Outcome::Repeated);
    assert_eq!(log(&store).await, ["command 1"]);
}

pub(crate) async fn the_log_is_newest_first(backend: &impl Backend) {
    let store = open(backend).await;
    for counter in 1..5 {
        store.edits().note(audit(counter)).await.unwrap();
    }
    let lines = store.edits().audit_log(2).await.unwrap();
    let [newest, second]: [AuditLine; 2] = lines.try_into().unwrap();
    assert_eq!(
        (newest.command.as_str(), second.command.as_str()),
        ("command 4", "command 3")
    );
    assert_eq!(newest.author, "gwen");
    assert!(
        newest.at_ms >= second.at_ms && second.at_ms > 1_600_000_000_000,
        "{newest:?}"
    );
}
