//! Who comes first.

use super::*;

#[test]
fn real_time_ones_come_first_by_age_and_the_others_by_priority() {
    let mut yard = Yard::new();
    for (number, priority) in [(1, 30), (2, 0), (3, 1), (4, 0), (5, 7), (6, 0)] {
        yard.add(number, priority);
    }
    assert_eq!(yard.tick(100), [2, 4, 6, 3, 5, 1]);
    assert_eq!(yard.tick(100), [2, 4, 6, 3, 5, 1]);
}

#[test]
fn of_equals_the_first_to_be_due_comes_first() {
    let mut yard = Yard::new();
    (1..=4).for_each(|number| {
        yard.add(number, 5);
    });
    assert_eq!(yard.tick(2), [1, 2]);
    assert_eq!(yard.tick(3), [3, 4, 1]);
    assert_eq!(yard.tick(3), [2, 3, 4]);
}

#[test]
fn real_time_ones_run_without_any_budget_and_one_of_the_others_with_them() {
    let mut yard = Yard::new();
    for (number, priority) in [(1, 0), (2, 0), (3, 1), (4, 1)] {
        yard.add(number, priority);
    }
    assert_eq!(yard.tick(0), [1, 2, 3]);
    assert_eq!(yard.tick(0), [1, 2, 4]);
}

#[test]
fn who_waits_goes_ahead_of_higher_priorities_after_a_while() {
    let mut yard = Yard::new();
    yard.add(1, 1);
    yard.add(2, 4);
    let ran: Vec<Log> = (0..6).map(|_| yard.tick(1)).collect();
    // 4 less 4 ticks of waiting is as much as 1 less 1, and has come earlier.
    assert_eq!(ran, [[1], [1], [1], [2], [1], [1]]);
}

#[test]
fn who_is_added_goes_on_in_the_next_tick() {
    let mut yard = Yard::new();
    let mut is_added = false;
    yard.add_doing(1, 0, move |handle| {
        if !std::mem::replace(&mut is_added, true) {
            for (number, priority) in [(2, 0), (3, 1)] {
                let uthread = writing(number, |_| Step::End);
                handle.add("it", Priority(priority), uthread).unwrap();
            }
        }
        Step::Yield(Priority::REAL_TIME)
    });
    assert_eq!(yard.tick(100), [1]);
    assert_eq!(yard.tick(100), [1, 2, 3]);
    assert_eq!(yard.tick(100), [1]);
}

#[test]
fn another_priority_counts_at_once_and_nobody_has_two_turns() {
    let mut yard = Yard::new();
    let ids: Vec<UthreadId> = (2..=5).map(|number| yard.add(number, 10)).collect();
    yard.add_doing(1, 1, move |handle| {
        // Before the others, behind them, and real-time for this once.
        assert!(handle.set_priority(ids[2], Priority(5)));
        assert!(handle.set_priority(ids[0], Priority(20)));
        assert!(handle.set_priority(ids[3], Priority(7)));
        assert!(handle.set_priority(ids[3], Priority::REAL_TIME));
        Step::Yield(Priority(1))
    });
    assert_eq!(yard.tick(100), [1, 5, 4, 3, 2]);
}

#[test]
fn a_priority_given_to_oneself_counts_while_asleep() {
    let mut yard = Yard::new();
    yard.add_doing(1, 9, |handle| {
        let id = handle.running().unwrap();
        assert!(handle.set_priority(id, Priority(2)));
        Step::Sleep(handle.now() + 2)
    });
    let id = yard.add(2, 5);
    assert_eq!(yard.tick(100), [2, 1]);
    assert_eq!(yard.tick(100), [2]);
    assert_eq!(yard.tick(100), [1, 2]);
    let handle = yard.scheduler.handle();
    assert_eq!(handle.priority(id), Some(Priority(5)));
    assert_eq!((handle.running(), handle.now()), (None, 3));
}
