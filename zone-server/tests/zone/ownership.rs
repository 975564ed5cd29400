//! Which server has which region, while servers come, go, die and sleep.

use std::time::{Duration, Instant};

use proto::zone_message::Kind as Told;
use store::directory::HEARTBEAT_TTL_MS;
use wire::Value;
use world::region_id::RegionId;

use crate::{
    cluster::{PATIENCE, until},
    gateway::{Gateway, Player, id, set, step, teleport},
    swarm::{Node, Swarm, share_of},
    yard::{EAST, WEST},
};

fn ttl() -> Duration {
    Duration::from_millis(HEARTBEAT_TTL_MS.unsigned_abs())
}

/// Two servers, of which the second should have the region in which everybody begins.
async fn rivals(swarm: &Swarm, first: Node) -> (Node, Node) {
    let second = rival(swarm, &first, |second| {
        share_of(WEST, &[&first, second]) == second.me
    });
    let second = second.await;
    (first, second)
}

/// Another server, which should have what it is to have.
async fn rival(swarm: &Swarm, first: &Node, is_right: impl Fn(&Node) -> bool) -> Node {
    loop {
        let second = swarm.join().await;
        swarm.shared_by(&[first, &second]).await;
        if is_right(&second) {
            return second;
        }
        second.stop().await;
        swarm.shared_by(&[first]).await;
    }
}

/// Waits until a session is told that its character is let go of.
async fn released(gateway: &mut Gateway, session: u64) -> RegionId {
    let (_, region) = gateway
        .hear_until(|told| match told {
            Told::Released(told) if told.session == session => told.region.map(id),
            _ => None,
        })
        .await;
    region
}

#[tokio::test]
async fn who_comes_gets_its_share_and_nothing_else_moves() {
    let swarm = Swarm::new(8, 5, &["Anna"]).await;
    let first = swarm.join().await;
    let alone = swarm.held().await;
    assert_eq!(alone.len(), 40, "when it is ready, it has all");
    assert!(alone.values().all(|held| *held == (Some(first.me), 1)));

    let mut gateway = first.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    let (first, second) = rivals(&swarm, first).await;
    // She was told, and is with the other one.
    assert_eq!(released(&mut gateway, 1).await, WEST);
    let mut there = second.gateway().await;
    there.enter(&mut anna).await;
    assert!(there.is_done(&mut anna, step(1.0, 0.0)).await);

    let third = swarm.join().await;
    let before = swarm.held().await;
    let after = swarm.shared_by(&[&first, &second, &third]).await;
    let mut moved = 0;
    for (region, (holder, epoch)) in &after {
        if before[region].0 == *holder {
            assert_eq!(before[region].1, *epoch);
        } else {
            assert_eq!((*holder, *epoch), (Some(third.me), before[region].1 + 1));
            moved += 1;
        }
    }
    assert!(moved > 0);
    for (region, (holder, epoch)) in after {
        let all = [&first, &second, &third];
        let node = all.iter().find(|node| Some(node.me) == holder).unwrap();
        let runs = async || {
            let snapshot = node.gateway().await.subscribe(region).await;
            (snapshot.epoch == epoch << 16).then_some(())
        };
        until("the region runs", runs).await;
    }
}

#[tokio::test]
async fn who_goes_gives_everything_away_first() {
    let swarm = Swarm::new(8, 5, &["Anna"]).await;
    let (first, second) = rivals(&swarm, swarm.join().await).await;
    let mut gateway = second.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    assert!(gateway.is_done(&mut anna, step(1.0, 0.5)).await);
    let before = swarm.row("Anna").await;

    second.begin_to_stop();
    assert_eq!(released(&mut gateway, 1).await, WEST);
    let mut there = first.gateway().await;
    there.enter(&mut anna).await;
    second.stop().await;
    assert!(gateway.end().await.is_none(), "in good order");
    swarm.shared_by(&[&first]).await;
    let live = swarm.live().await;
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].incarnation, first.me);
    let row = swarm.row("Anna").await;
    assert!(row.present && row.owner == Some(first.me), "{row:?}");
    assert_eq!(row.own, before.own + 2, "released once, claimed once");
    let x = row.state.position.x;
    assert!((x - 5.5).abs() < 1e-9, "{x}");

    // Whoever goes last leaves the regions to whoever comes.
    first.stop().await;
    let held = swarm.held().await;
    assert!(held.values().all(|(holder, _)| holder.is_none()));
    let row = swarm.row("Anna").await;
    assert!(row.present && row.owner.is_none(), "{row:?}");
    assert_eq!(swarm.live().await, []);
}

#[tokio::test]
async fn who_dies_is_replaced() {
    let swarm = Swarm::new(8, 5, &["Anna"]).await;
    let (first, second) = rivals(&swarm, swarm.join().await).await;
    let mut gateway = second.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    let rich = set("Anna", "gold", Value::Int(99));
    assert!(gateway.is_done(&mut anna, rich).await);
    let before = swarm.held().await;

    let (dead, died) = (second.me, Instant::now());
    second.kill().await;
    let after = swarm.shared_by(&[&first]).await;
    let took = died.elapsed();
    assert!(
        took + Duration::from_millis(600) > ttl(),
        "not before it was certain: {took:?}"
    );
    for (region, (holder, epoch)) in before {
        let expected = if holder == Some(dead) {
            epoch + 1
        } else {
            epoch
        };
        assert_eq!(after[&region].1, expected);
    }
    let claimed = async || (swarm.row("Anna").await.owner == Some(first.me)).then_some(());
    until("her row is claimed", claimed).await;
    let mut there = first.gateway().await;
    there.enter(&mut anna).await;
    assert_eq!(there.get(&mut anna, "Anna", "gold").await, Value::Int(99));
}

#[tokio::test]
async fn who_was_stopped_says_and_writes_nothing_that_it_has_lost() {
    let swarm = Swarm::new(4, 2, &["Anna"]).await;
    let (first, second) = rivals(&swarm, swarm.join().await).await;
    let mut gateway = second.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    gateway.subscribe(WEST).await;
    // The step is in memory only, and so is what is asked of it next.
    assert!(gateway.is_done(&mut anna, step(1.0, 0.0)).await);
    // Long enough for a busy machine to see it replaced before it wakes.
    second.pause(ttl() * 4);
    anna.counter += 1;
    let unheard = crate::gateway::command(&anna, 0, set("Anna", "gold", Value::Int(1)));
    gateway.say([unheard]).await;

    let taken = swarm.shared_by(&[&first]).await;
    let mut there = first.gateway().await;
    there.enter(&mut anna).await;
    anna.counter += 1;
    assert!(
        there
            .is_done(&mut anna, set("Anna", "gold", Value::Int(99)))
            .await
    );
    let row = swarm.row("Anna").await;

    // It wakes, and hangs up without another word.
    loop {
        match gateway.try_hear().await {
            Ok(Told::Changes(changes)) => assert!(changes.epoch < taken[&WEST].1 << 16),
            Ok(told) => panic!("{told:?}"),
            Err(_end) => break,
        }
    }
    // Then it is given its share again.
    let shared = swarm.shared_by(&[&first, &second]).await;
    assert_eq!(shared[&WEST], (Some(second.me), taken[&WEST].1 + 1));
    assert_eq!(released(&mut there, 1).await, WEST);
    let mut gateway = second.gateway().await;
    gateway.enter(&mut anna).await;
    let snapshot = gateway.subscribe(WEST).await;
    assert_eq!(snapshot.epoch, shared[&WEST].1 << 16, "it has begun anew");
    assert_eq!(gateway.get(&mut anna, "Anna", "gold").await, Value::Int(99));
    let end = swarm.row("Anna").await;
    assert_eq!(end.own, row.own + 2, "nobody else has touched it");
    assert_eq!(end.owner, Some(second.me));
}

#[tokio::test]
async fn what_a_server_had_that_was_dropped_is_let_go_of_when_it_wakes() {
    let swarm = Swarm::new(4, 2, &["Anna"]).await;
    let (first, second) = rivals(&swarm, swarm.join().await).await;
    let mut gateway = second.gateway().await;
    let mut anna = Player::new(1, "Anna");
    gateway.enter(&mut anna).await;
    // Somebody takes the region while it lives, as happens when the database's clock steps.
    let held = swarm.held().await;
    let (_, epoch) = held[&WEST];
    let regions = swarm.store.regions();
    let given = regions.give(second.me, Some(first.me), vec![(WEST, epoch)]);
    assert_eq!(given.await.unwrap(), [WEST]);
    assert!(
        gateway.end().await.is_some(),
        "nobody speaks for her there any more"
    );
    // The winner of the region is still the second: it comes back.
    let back = async || {
        let (holder, now) = swarm.held().await[&WEST];
        (holder == Some(second.me) && now > epoch + 1).then_some(())
    };
    until("the region is back", back).await;
    let mut gateway = second.gateway().await;
    gateway.enter(&mut anna).await;
    assert!(gateway.is_done(&mut anna, step(1.0, 0.0)).await);
}

#[tokio::test]
async fn whoever_was_taken_elsewhere_is_at_home_again_when_that_goes_to_another_server() {
    let swarm = Swarm::new(2, 1, &["GM"]).await;
    let first = swarm.join().await;
    let mut gateway = first.gateway().await;
    let mut gm = Player::new(1, "GM");
    gateway.enter(&mut gm).await;
    let home = gateway.get(&mut gm, "Mara#yard", "pos").await;
    let away = teleport("Mara#yard", 12.5, 4.5);
    assert!(gateway.is_done(&mut gm, away).await);
    assert_ne!(gateway.get(&mut gm, "Mara#yard", "pos").await, home);

    let second = rival(&swarm, &first, |second| {
        share_of(WEST, &[&first, second]) == first.me
            && share_of(EAST, &[&first, second]) == second.me
    });
    let _second = second.await;
    let mut gateway = first.gateway().await;
    gateway.enter(&mut gm).await;
    let begun = Instant::now();
    while gateway.get(&mut gm, "Mara#yard", "pos").await != home {
        assert!(begun.elapsed() < PATIENCE, "she is lost");
    }
}

#[tokio::test]
async fn hundreds_of_regions_move_one_after_the_other() {
    let swarm = Swarm::new(16, 16, &["Anna"]).await;
    let first = swarm.join().await;
    let all = swarm.held().await;
    assert_eq!(all.len(), 256);
    assert!(all.values().all(|held| *held == (Some(first.me), 1)));
    let second = swarm.join().await;
    swarm.shared_by(&[&first, &second]).await;
    first.stop().await;
    swarm.shared_by(&[&second]).await;
    second.stop().await;
    let held = swarm.held().await;
    assert!(held.values().all(|(holder, _)| holder.is_none()));
}
