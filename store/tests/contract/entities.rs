//! Rows of entities: `claim`, `save`, `release`, and the fence in each.

use futures::future::join_all;
use store::entities::{Claim, Incarnation, Orphan, Saved};
use world::{applied::Applied, entity::EntityState, position::Position, region_id::RegionId};

use crate::ground::{
    Backend, ME, OTHER, audit, claim, create, enter, id, peek, region, save_of, spawned, state,
};

pub(crate) async fn a_claim_raises_own_and_returns_what_was_saved(backend: &impl Backend) {
    let store = backend.open().await;
    let first = enter(&store, "Anna").await;
    assert_eq!((first.owner, first.present, first.own), (Some(ME), true, 2));
    assert_eq!(peek(&store, "Anna").await, first);
    store.entities().save(save_of(&first, 5)).await.unwrap();
    let second = claim(&store, &first, OTHER, None).await.unwrap();
    assert_eq!(
        (second.owner, second.own, second.state.clone()),
        (Some(OTHER), 3, state(5))
    );
    assert_eq!(peek(&store, "Anna").await, second);
}

pub(crate) async fn a_claim_of_what_has_changed_since_finds_nothing(backend: &impl Backend) {
    let store = backend.open().await;
    let seen = enter(&store, "Anna").await;
    let rivals = (0..10).map(|n| claim(&store, &seen, Incarnation(10 + n), None));
    let won = futures::future::join_all(rivals)
        .await
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
    assert_eq!(won.len(), 1);
    assert_eq!(peek(&store, "Anna").await, won[0]);
    assert_eq!(claim(&store, &seen, ME, Some(9)).await, None);
    let nobody = Claim {
        key: "bert".to_owned(),
        seen: 1,
        me: ME,
        enter: None,
    };
    assert_eq!(store.entities().claim(nobody).await.unwrap(), None);
    assert_eq!(peek(&store, "Anna").await, won[0]);
}

pub(crate) async fn a_save_by_another_or_from_before_writes_nothing(backend: &impl Backend) {
    let store = backend.open().await;
    let first = enter(&store, "Anna").await;
    let second = claim(&store, &first, ME, None).await.unwrap();
    let before = peek(&store, "Anna").await;
    let good = save_of(&second, 5);
    let mut wrong_owner = good.clone();
    wrong_owner.owner = OTHER;
    let mut later = good.clone();
    later.own += 1;
    let mut nobody = good.clone();
    nobody.key = "bert".to_owned();
    // From before is by the same zone server, whose claim it was not.
    for mut save in [save_of(&first, 5), wrong_owner, later, nobody] {
        for release in [false, true] {
            save.release = release;
            assert_eq!(
                store.entities().save(save.clone()).await.unwrap(),
                Saved::Fenced,
                "{save:?}"
            );
            assert_eq!(peek(&store, "Anna").await, before, "{save:?}");
        }
    }
    assert_eq!(store.entities().save(good).await.unwrap(), Saved::Committed);
    assert_eq!(peek(&store, "Anna").await.state, state(5));
}

fn refused() -> Applied {
    let mut applied = Applied::default();
    applied.record("bert", id(1, 7), false, 5);
    applied
}

pub(crate) async fn the_absent_are_told_what_they_undergo(backend: &impl Backend) {
    let store = backend.open().await;
    let entities = store.entities();
    let note = async |own| {
        let noted = entities.note_absent("anna".to_owned(), own, refused());
        noted.await.unwrap()
    };
    let row = enter(&store, "Anna").await;
    assert!(!note(row.own).await, "she is in the world");
    let mut release = save_of(&row, 5);
    (release.release, release.present) = (true, false);
    entities.save(release).await.unwrap();
    let absent = peek(&store, "Anna").await;
    assert!(!note(row.own).await, "she has changed hands since");
    assert_eq!(peek(&store, "Anna").await, absent);

    let rivals = [(); 4].map(|()| note(absent.own));
    let noted = join_all(rivals).await;
    let noted = noted.iter().filter(|is_noted| **is_noted);
    assert_eq!(noted.count(), 1, "none is forgotten for another");
    let after = peek(&store, "Anna").await;
    assert_eq!(after.applied, refused());
    assert_eq!((after.owner, after.present), (None, false));
    assert_eq!(after.state, absent.state);
    assert_eq!(claim(&store, &absent, ME, Some(9)).await, None);
    let entered = claim(&store, &after, ME, Some(9)).await.unwrap();
    assert_eq!(entered.applied, refused());
    assert!(!note(entered.own).await, "somebody has her");
}

pub(crate) async fn who_is_gone_has_undergone_what_it_had(backend: &impl Backend) {
    let store = backend.open().await;
    let (entities, edits) = (store.entities(), store.edits());
    edits.spawn(spawned("Owl"), audit(1)).await.unwrap();
    let mut save = save_of(&spawned("Owl"), 5);
    save.applied = refused();
    entities.save(save).await.unwrap();
    assert_eq!(entities.undergone_by_gone("Owl").await.unwrap(), None);
    let done = edits.despawn("owl".to_owned(), ME, 1, audit(2)).await;
    done.unwrap();
    let undergone = entities.undergone_by_gone("Owl").await.unwrap();
    assert_eq!(undergone, Some(refused()));
    assert_eq!(entities.undergone_by_gone("nobody").await.unwrap(), None);
    assert_eq!(entities.undergone_by_gone("\0").await.unwrap(), None);
}

pub(crate) async fn a_release_ends_ownership(backend: &impl Backend) {
    let store = backend.open().await;
    let row = enter(&store, "Anna").await;
    let mut release = save_of(&row, 5);
    release.release = true;
    release.region = region(3);
    release.present = false;
    assert_eq!(
        store.entities().save(release.clone()).await.unwrap(),
        Saved::Committed
    );
    let released = peek(&store, "Anna").await;
    assert_eq!(
        (released.owner, released.own, released.region),
        (None, row.own + 1, region(3))
    );
    assert_eq!(
        (released.present, released.state.clone()),
        (false, state(5))
    );
    for save in [save_of(&row, 6), release] {
        assert_eq!(store.entities().save(save).await.unwrap(), Saved::Fenced);
    }
    assert_eq!(peek(&store, "Anna").await, released);
    // Nor by whoever guesses the number: nobody owns it.
    let mut guess = save_of(&row, 6);
    guess.own += 1;
    assert_eq!(store.entities().save(guess).await.unwrap(), Saved::Fenced);
}

pub(crate) async fn a_save_leaves_own_as_it_is(backend: &impl Backend) {
    let store = backend.open().await;
    let row = enter(&store, "Anna").await;
    for gold in 1..4 {
        assert_eq!(
            store.entities().save(save_of(&row, gold)).await.unwrap(),
            Saved::Committed
        );
        let saved = peek(&store, "Anna").await;
        assert_eq!(
            (saved.own, saved.owner, saved.state),
            (row.own, Some(ME), state(gold))
        );
    }
}

pub(crate) async fn who_enters_with_a_lower_generation_finds_nothing(backend: &impl Backend) {
    let store = backend.open().await;
    create(&store, "Anna").await;
    let row = claim(&store, &peek(&store, "Anna").await, ME, Some(4))
        .await
        .unwrap();
    assert_eq!((row.generation, row.present), (4, true));
    assert_eq!(claim(&store, &row, OTHER, Some(3)).await, None);
    assert_eq!(peek(&store, "Anna").await, row);
    let again = claim(&store, &row, OTHER, Some(4)).await.unwrap();
    let newer = claim(&store, &again, ME, Some(5)).await.unwrap();
    assert_eq!((newer.generation, newer.own), (5, row.own + 2));
    // Who claims to take over, and not to enter, changes neither.
    let mut absent = save_of(&newer, 0);
    absent.present = false;
    store.entities().save(absent).await.unwrap();
    let taken = claim(&store, &newer, OTHER, None).await.unwrap();
    assert_eq!((taken.generation, taken.present), (5, false));
}

pub(crate) async fn orphans_are_present_and_nobodys_who_lives(backend: &impl Backend) {
    let store = backend.open().await;
    let mine = enter(&store, "Mine").await;
    let theirs = claim(&store, &enter(&store, "Theirs").await, OTHER, None)
        .await
        .unwrap();
    let dead = claim(&store, &enter(&store, "Dead").await, Incarnation(99), None)
        .await
        .unwrap();
    let mut passed = save_of(&enter(&store, "Passed").await, 0);
    (passed.release, passed.region) = (true, region(7));
    store.entities().save(passed).await.unwrap();
    let mut left = save_of(&enter(&store, "Left").await, 0);
    (left.release, left.present) = (true, false);
    store.entities().save(left).await.unwrap();
    store
        .edits()
        .spawn(spawned("Gone"), audit(1))
        .await
        .unwrap();
    store
        .edits()
        .despawn("gone".to_owned(), ME, 1, audit(2))
        .await
        .unwrap();
    create(&store, "Never entered").await;

    let orphan = |key: &str, region, own| Orphan {
        key: key.to_owned(),
        region,
        own,
    };
    let orphans = async |live: &[Incarnation]| store.entities().orphans(live).await.unwrap();
    let passed = orphan("passed", region(7), 3);
    assert_eq!(
        orphans(&[ME, OTHER]).await,
        [orphan("dead", region(0), dead.own), passed.clone()]
    );
    assert_eq!(
        orphans(&[]).await,
        [
            orphan("dead", region(0), dead.own),
            orphan("mine", region(0), mine.own),
            passed.clone(),
            orphan("theirs", region(0), theirs.own),
        ]
    );
    assert_eq!(
        orphans(&[ME, OTHER, Incarnation(99)]).await,
        std::slice::from_ref(&passed)
    );
    let rest = store.entities().orphans_after(&[], "mine").await.unwrap();
    assert_eq!(
        rest,
        [passed.clone(), orphan("theirs", region(0), theirs.own)]
    );
    let of = async |owner| store.entities().orphans_of(owner, "").await.unwrap();
    assert_eq!(of(ME).await, [orphan("mine", region(0), mine.own)]);
    assert_eq!(of(OTHER).await, [orphan("theirs", region(0), theirs.own)]);
    assert_eq!(of(Incarnation(98)).await, []);

    let found = async |regions: &[RegionId], after| {
        let entities = store.entities();
        let found = entities.orphans_in(&[ME, OTHER], regions, after).await;
        found.unwrap()
    };
    let dead = orphan("dead", region(0), dead.own);
    assert_eq!(found(&[], "").await, []);
    assert_eq!(found(&[region(6), region(8)], "").await, []);
    assert_eq!(found(&[region(0)], "").await, std::slice::from_ref(&dead));
    assert_eq!(found(&[region(7)], "").await, std::slice::from_ref(&passed));
    let many: Vec<_> = (0..5_000).map(region).collect();
    assert_eq!(found(&many, "").await, [dead, passed.clone()]);
    assert_eq!(found(&many, "dead").await, [passed]);
}

pub(crate) async fn claims_of_many_rows_are_each_for_itself(backend: &impl Backend) {
    let store = backend.open().await;
    let names: Vec<String> = (0..100).map(|n| format!("Anna {n}")).collect();
    let rows = join_all(names.iter().map(|name| enter(&store, name))).await;
    let claims = rows.iter().enumerate().map(|(n, row)| {
        let mut seen = row.clone();
        // Every third has been claimed since, and every fifth is claimed for an earlier session.
        seen.own -= u64::from(n % 3 == 0);
        let enter = (n % 2 == 0).then_some(if n % 5 == 0 { 0 } else { 7 });
        let store = &store;
        async move { claim(store, &seen, OTHER, enter).await }
    });
    let claimed = join_all(claims).await;
    for (n, (row, claimed)) in rows.iter().zip(claimed).enumerate() {
        let mut expected = row.clone();
        let is_claimed = n % 3 != 0 && (n % 2 == 1 || n % 5 != 0);
        if is_claimed {
            (expected.owner, expected.own) = (Some(OTHER), row.own + 1);
            expected.generation = if n % 2 == 0 { 7 } else { row.generation };
        }
        assert_eq!(claimed, is_claimed.then(|| expected.clone()), "{n}");
        assert_eq!(peek(&store, &row.name).await, expected);
    }
    // Of one row, all in the queue at once: each sees what the one before has done.
    let (entities, row) = (store.entities(), peek(&store, "Anna 1").await);
    let mut release = save_of(&row, 5);
    release.release = true;
    let mut next = row.clone();
    next.own += 1;
    let (stale, saved, released, late, taken) = tokio::join!(
        claim(&store, &next, ME, None),
        entities.save(save_of(&row, 4)),
        entities.save(release),
        entities.save(save_of(&row, 6)),
        claim(&store, &next, ME, None),
    );
    assert_eq!(stale, None);
    assert_eq!(saved.unwrap(), Saved::Committed);
    assert_eq!(released.unwrap(), Saved::Committed);
    assert_eq!(late.unwrap(), Saved::Fenced);
    assert_eq!(taken.unwrap().state, state(5));
}

pub(crate) async fn a_row_keeps_everything(backend: &impl Backend) {
    let store = backend.open().await;
    let row = enter(&store, "Jörg der 2-te").await;
    let mut save = save_of(&row, i64::MIN);
    save.region = region(i32::MIN);
    save.generation = 1 << 40;
    save.moved = id(3, u64::MAX >> 1);
    save.applied
        .record("gwen", id(2, 9), true, 1_700_000_000_000);
    save.state.position = Position {
        x: -0.1,
        y: 1e9,
        z: i32::MIN,
    };
    save.state.behaviour = Some("guard".to_owned());
    assert_eq!(
        store.entities().save(save.clone()).await.unwrap(),
        Saved::Committed
    );
    let read = peek(&store, "jörg der 2-te").await;
    assert_eq!(read.name, "Jörg der 2-te");
    assert_eq!(
        (read.region, read.generation, read.moved),
        (save.region, save.generation, save.moved)
    );
    assert_eq!((read.applied, read.state), (save.applied, save.state));
    // A large state is one value, too.
    let mut large = save_of(&row, 0);
    large.state = EntityState {
        behaviour: Some("x".repeat(3 << 20)),
        ..state(0)
    };
    assert_eq!(
        store.entities().save(large.clone()).await.unwrap(),
        Saved::Committed
    );
    assert_eq!(peek(&store, &row.name).await.state, large.state);
}
