//! Nobody starves.

use proptest::prelude::*;

use super::*;

/// What is known of those who have run: the priority, and how many ticks they waited.
#[derive(Default)]
struct Waits(Vec<(u16, u64)>);

/// Yields priorities at random, and now and then sleeps, or adds one more.
fn restless(seed: u64, mut priority: u16, mut due: u64, spare: u64) -> impl Uthread<Waits> {
    let mut chance = Chance::new(seed);
    move |world: &mut Waits, handle: &mut Handle<'_, Waits>| {
        let now = handle.now();
        world.0.push((priority, now - due));
        due = now + 1;
        if chance.below(20) == 0 && (handle.uthread_count() as u64) < spare {
            let child = restless(seed ^ now, 1, due, spare);
            handle.add("it", Priority(1), child).unwrap();
        }
        if chance.below(4) == 0 {
            due += chance.below(5);
            return Step::Sleep(due);
        }
        // Most want to go first.
        priority = match chance.below(4) {
            0 => 1 + chance.below(60) as u16,
            _ => 1 + chance.below(3) as u16,
        };
        Step::Yield(Priority(priority))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The bound that the docs of the scheduler promise.
    #[test]
    fn each_waits_for_its_priority_and_one_turn_of_everybody_at_most(
        seed in any::<u64>(),
        count in 1u64..60,
        real_time_count in 0u64..4,
        turns in 0u64..8,
    ) {
        let mut scheduler = Scheduler::<Waits>::new(0);
        let mut world = Waits::default();
        let uthreads_max = 2 * count;
        for number in 0..count {
            let priority = 1 + (seed.rotate_left(number as u32) % 60) as u16;
            let uthread = restless(seed ^ number, priority, 1, uthreads_max);
            scheduler.handle().add("it", Priority(priority), uthread).unwrap();
        }
        for _ in 0..real_time_count {
            let uthread = |_: &mut Waits, _: &mut Handle<'_, Waits>| Step::Yield(Priority::REAL_TIME);
            scheduler.handle().add("real time", Priority::REAL_TIME, uthread).unwrap();
        }
        let bound = |priority: u16| u64::from(priority) + uthreads_max.div_ceil(turns.max(1));
        for now in 1..400 {
            scheduler.tick(&mut world, now, &mut Resumes(real_time_count + turns));
            for (priority, wait) in world.0.drain(..) {
                prop_assert!(wait <= bound(priority), "priority {} waited {} ticks", priority, wait);
            }
            let stats = scheduler.stats();
            prop_assert!(stats.wait_ticks_max <= bound(60), "{:?}", stats);
        }
    }
}
