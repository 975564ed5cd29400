//! The same seed makes the same world, whatever uthreads do to each other.

use super::*;

/// What the uthreads act upon: who there is, as they know it, and all that has happened, in one number.
#[derive(Debug, Default, PartialEq, Eq)]
struct World {
    chance: Chance,
    ids: Vec<UthreadId>,
    digest: u64,
    turn_count: u64,
}

const UTHREAD_COUNT_MAX: u64 = 300;

/// Does anything to anybody; what it wants next.
fn play(world: &mut World, handle: &mut Handle<'_, World>) -> Step {
    let me = handle.running().unwrap();
    let index = world.ids.iter().position(|id| *id == me);
    world.turn_count += 1;
    let happened = (handle.now(), me, index, handle.priority(me));
    world.digest = mix(world.digest, &format!("{happened:?}"));

    let other = world.chance.below(world.ids.len().max(1) as u64) as usize;
    let other = world.ids.get(other).copied().unwrap_or(me);
    match world.chance.below(40) {
        0..=2 => add(world, handle),
        3 => {
            handle.remove(other);
            world.ids.retain(|id| *id != other);
        }
        4..=7 => {
            let priority = priority(world);
            handle.set_priority(other, priority);
        }
        8..=9 => {
            handle.wake(other);
        }
        _ => {}
    }
    match world.chance.below(40) {
        0 => {
            world.ids.retain(|id| *id != me);
            Step::End
        }
        1..=9 => Step::Sleep(handle.now() + world.chance.below(60)),
        10 => Step::Sleep(FOREVER),
        _ => Step::Yield(priority(world)),
    }
}

async fn play_async(context: Context<World>) {
    loop {
        match context.with(play) {
            Step::Yield(priority) => context.yields(priority).await,
            Step::Sleep(tick) => context.sleeps_until(tick).await,
            Step::End => return,
        }
    }
}

fn priority(world: &mut World) -> Priority {
    let bound = [1, 4, 30, 2_000][world.chance.below(4) as usize];
    Priority(world.chance.below(bound) as u16)
}

fn add(world: &mut World, handle: &mut Handle<'_, World>) {
    let priority = priority(world);
    if world.ids.len() as u64 >= UTHREAD_COUNT_MAX {
        return;
    }
    let added = match world.chance.below(2) {
        0 => handle.add("play", priority, play),
        _ => handle.add_async("play async", priority, play_async),
    };
    world.ids.push(added.unwrap());
}

fn mix(digest: u64, text: &str) -> u64 {
    text.bytes().fold(digest, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// 10,000 ticks; and all that can be seen after each hundred.
fn run(seed: u64) -> (World, Vec<(Stats, Vec<Ended>)>) {
    let mut scheduler = Scheduler::<World>::new(0);
    let mut world = World {
        chance: Chance::new(seed),
        ..World::default()
    };
    let mut seen = Vec::new();
    for now in 1..=10_000 {
        if world.ids.len() < 100 {
            add(&mut world, &mut scheduler.handle());
        }
        let resumes = world.chance.below(60);
        scheduler.tick(&mut world, now, &mut Resumes(resumes));
        let first = world.ids.first().copied();
        if let Some(id) = first.filter(|_| now % 7 == 0) {
            // It may not be real-time.
            let _ = scheduler.resume_now(id, &mut world, &mut Resumes(0));
        }
        if now % 100 == 0 {
            seen.push((scheduler.stats(), scheduler.drain_ended()));
        }
    }
    (world, seen)
}

#[test]
fn the_same_seed_makes_the_same_world_bit_for_bit() {
    for seed in [1, 0x9ea5_c15f] {
        let (world, seen) = run(seed);
        let (again, seen_again) = run(seed);
        assert_eq!(world, again, "seed {seed}");
        assert!(seen == seen_again, "seed {seed}");
        assert!(world.turn_count > 100_000, "{}", world.turn_count);
        // Everybody whom the world knows is there, and nobody else.
        let count = seen.last().map(|(stats, _)| stats.uthread_count);
        assert_eq!(count, Some(world.ids.len()), "seed {seed}");
    }
    assert_ne!(run(1).0.digest, run(2).0.digest);
}
