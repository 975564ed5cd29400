//! The one writer: group commit, and what it promises to each of those that it writes for.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures::future::{FutureExt, join_all};
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use store::{
    Error,
    edits::Outcome,
    entities::{Claim, Saved},
};
use world::terrain::TileEdit;

use crate::{
    content::{map, publication},
    ground::{Backend, OTHER, audit, claim, enter, id, peek, save_of, spawned, state},
};

/// Counts commits, as the metric tells of them.
#[derive(Debug, Default, Clone)]
struct Commits(Arc<AtomicU64>);

impl HistogramFn for Commits {
    fn record(&self, _seconds: f64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Recorder for Commits {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        if key.name() == "pymmorpg_commit_seconds" {
            Histogram::from_arc(Arc::new(self.clone()))
        } else {
            Histogram::noop()
        }
    }
}

pub(crate) async fn many_saves_are_few_commits(backend: &impl Backend) {
    const SAVE_COUNT: usize = 500;
    let commits = Commits::default();
    // The test's runtime has one thread, and so the recorder is the writer's as well.
    let _recording = metrics::set_default_local_recorder(&commits);
    let store = backend.open().await;
    let names: Vec<_> = (0..SAVE_COUNT).map(|n| format!("Anna {n}")).collect();
    let rows = join_all(names.iter().map(|name| enter(&store, name))).await;
    let entities = store.entities();
    let before = commits.0.load(Ordering::Relaxed);
    assert!(before > 0, "commits are not counted");
    for gold in 1..4 {
        let saved = join_all(rows.iter().map(|row| entities.save(save_of(row, gold)))).await;
        assert!(
            saved
                .into_iter()
                .all(|saved| saved.unwrap() == Saved::Committed)
        );
    }
    let commit_count = commits.0.load(Ordering::Relaxed) - before;
    assert!(
        commit_count <= 9,
        "{commit_count} commits for three times {SAVE_COUNT} saves"
    );
    // None of them waits for others to come.
    entities.save(save_of(&rows[0], 9)).await.unwrap();
    assert_eq!(commits.0.load(Ordering::Relaxed) - before, commit_count + 1);
    for (row, gold) in rows.iter().zip([9].into_iter().chain(std::iter::repeat(3))) {
        assert_eq!(peek(&store, &row.name).await.state, state(gold));
    }
}

pub(crate) async fn what_fails_takes_nothing_else_with_it(backend: &impl Backend) {
    let store = backend.open().await;
    let (anna, bert) = (enter(&store, "Anna").await, enter(&store, "Bert").await);
    // No map can be edited any more: the statement that raises the version of all maps finds no row.
    backend
        .execute("DELETE FROM versions WHERE topic = 'map'")
        .await;
    let tile = TileEdit {
        map: "a".to_owned(),
        layer: "Ground".to_owned(),
        x: 1,
        y: 1,
        gid: 1,
    };
    let mut fenced = save_of(&anna, 1);
    fenced.own += 7;
    let (entities, edits) = (store.entities(), store.edits());
    let (first, failed, second, fenced, third, spawn) = tokio::join!(
        entities.save(save_of(&anna, 5)),
        edits.tile(tile, audit(1)),
        entities.save(save_of(&bert, 6)),
        entities.save(fenced),
        edits.save(save_of(&anna, 7), audit(2)),
        edits.spawn(spawned("Owl"), audit(3)),
    );
    assert!(matches!(failed, Err(Error::Unknown(_))), "{failed:?}");
    assert_eq!(fenced.unwrap(), Saved::Fenced);
    assert_eq!(
        (first.unwrap(), second.unwrap()),
        (Saved::Committed, Saved::Committed)
    );
    assert_eq!(
        (third.unwrap(), spawn.unwrap()),
        (Outcome::Done(()), Outcome::Done(()))
    );
    assert_eq!(
        (
            peek(&store, "Anna").await.state,
            peek(&store, "Bert").await.state
        ),
        (state(7), state(6))
    );
    let log = store.edits().audit_log(10).await.unwrap();
    let mut log: Vec<_> = log.iter().map(|line| line.command.as_str()).collect();
    log.sort_unstable();
    assert_eq!(log, ["command 2", "command 3"]);
    assert_eq!(store.edits().tiles().await.unwrap(), []);
}

pub(crate) async fn of_many_saves_only_the_one_that_cannot_be_done_fails(backend: &impl Backend) {
    let store = backend.open().await;
    let names = ["Anna", "Bert", "Carl", "Dora"];
    let rows = join_all(names.map(|name| enter(&store, name))).await;
    backend.forbid_changes_of_bert().await;
    let (entities, edits) = (store.entities(), store.edits());
    let taken = Claim {
        key: "bert".to_owned(),
        seen: rows[1].own,
        me: OTHER,
        enter: None,
    };
    let (one, two, three, four, taken, spawned) = tokio::join!(
        entities.save(save_of(&rows[0], 1)),
        entities.save(save_of(&rows[1], 2)),
        entities.save(save_of(&rows[2], 3)),
        claim(&store, &rows[3], OTHER, None),
        entities.claim(taken),
        edits.spawn(spawned("Owl"), audit(1)),
    );
    assert_eq!(one.unwrap(), Saved::Committed);
    assert!(matches!(two, Err(Error::Unknown(_))), "{two:?}");
    assert_eq!(three.unwrap(), Saved::Committed);
    assert_eq!(four.unwrap().owner, Some(OTHER));
    assert!(matches!(taken, Err(Error::Unknown(_))), "{taken:?}");
    assert_eq!(spawned.unwrap(), Outcome::Done(()));
    let golds = [state(1), state(0), state(3), state(0)];
    for (name, gold) in names.into_iter().zip(golds) {
        assert_eq!(peek(&store, name).await.state, gold, "{name}");
    }
    assert_eq!(peek(&store, "Bert").await, rows[1]);
}

pub(crate) async fn operations_take_effect_in_the_order_in_which_they_were_asked_for(
    backend: &impl Backend,
) {
    let store = backend.open().await;
    let row = enter(&store, "Anna").await;
    let (entities, edits) = (store.entities(), store.edits());
    store
        .content()
        .publish(publication([("f", "1")], [map("a", 0, "f")], "1"))
        .await
        .unwrap();
    let tile = |gid| TileEdit {
        map: "a".to_owned(),
        layer: "Ground".to_owned(),
        x: 1,
        y: 1,
        gid,
    };
    // Saves of one row, by themselves and with an audit, and edits of one tile, all in the queue at once.
    let mut saves = Vec::new();
    let mut tiles = Vec::new();
    for n in 1..=63_u32 {
        let mut save = save_of(&row, i64::from(n));
        save.moved = id(1, u64::from(n));
        if n % 7 == 0 {
            let saved = edits.save(save, audit(u64::from(n)));
            saves.push(
                saved
                    .map(|saved| matches!(saved, Ok(Outcome::Done(()))))
                    .boxed_local(),
            );
        } else {
            let saved = entities.save(save);
            saves.push(
                saved
                    .map(|saved| matches!(saved, Ok(Saved::Committed)))
                    .boxed_local(),
            );
        }
        if n % 5 == 0 {
            tiles.push(edits.tile(tile(n), audit(1_000 + u64::from(n))));
        }
    }
    let (saved, edited) = tokio::join!(join_all(saves), join_all(tiles));
    assert!(saved.into_iter().all(|saved| saved));
    let versions: Vec<_> = edited.into_iter().map(Result::unwrap).collect();
    assert_eq!(versions, (2..14).map(Outcome::Done).collect::<Vec<_>>());
    let last = peek(&store, "Anna").await;
    assert_eq!((last.state, last.moved), (state(63), id(1, 63)));
    assert_eq!(edits.tiles().await.unwrap(), [tile(60)]);
    // A release between two saves: the first is written, the second is not.
    let mut release = save_of(&row, 72);
    release.release = true;
    let (before, released, after) = tokio::join!(
        entities.save(save_of(&row, 71)),
        entities.save(release),
        entities.save(save_of(&row, 73)),
    );
    assert_eq!(
        [before.unwrap(), released.unwrap(), after.unwrap()],
        [Saved::Committed, Saved::Committed, Saved::Fenced]
    );
    assert_eq!(peek(&store, "Anna").await.state, state(72));
}

pub(crate) async fn a_caller_who_goes_away_undoes_nothing(backend: &impl Backend) {
    let store = backend.open().await;
    let row = enter(&store, "Anna").await;
    // It is in the queue after the first poll, and nobody waits for the answer.
    assert!(
        store
            .entities()
            .save(save_of(&row, 5))
            .now_or_never()
            .is_none()
    );
    let saved = store
        .entities()
        .save(save_of(&enter(&store, "Bert").await, 1))
        .await;
    assert_eq!(saved.unwrap(), Saved::Committed);
    assert_eq!(peek(&store, "Anna").await.state, state(5));
}

pub(crate) async fn what_was_asked_for_before_closing_is_written(backend: &impl Backend) {
    let store = backend.open().await;
    let row = enter(&store, "Anna").await;
    let clone = store.clone();
    let (saved, ()) = tokio::join!(
        async move { clone.entities().save(save_of(&row, 5)).await },
        store.close()
    );
    assert_eq!(saved.unwrap(), Saved::Committed);
    let store = backend.open().await;
    assert_eq!(peek(&store, "Anna").await.state, state(5));
}
