//! Who ends, is removed, or panics; and that nobody else notices.

use super::*;

#[test]
fn who_removes_itself_runs_to_its_yield_and_no_further() {
    let mut yard = Yard::new();
    yard.add_doing(1, 1, |handle| {
        let id = handle.running().unwrap();
        assert!(handle.remove(id));
        assert!(!handle.remove(id) && !handle.set_priority(id, Priority(1)) && !handle.wake(id));
        // Another gets the seat.
        let uthread = writing(2, |_| Step::Yield(Priority(1)));
        assert!(handle.add("it", Priority(1), uthread).unwrap() > id);
        Step::Yield(Priority(1))
    });
    assert_eq!(yard.tick(100), [1]);
    assert_eq!(yard.tick(100), [2]);
    assert_eq!(yard.reasons(), [Reason::Removed]);
    assert_eq!(yard.scheduler.stats().uthread_count, 1);
}

#[test]
fn who_is_removed_has_no_turn_any_more() {
    let mut yard = Yard::new();
    let victims = [(2, 0), (3, 5), (4, 9)].map(|(number, priority)| yard.add(number, priority));
    let last = yard.add(5, 9);
    let first = yard.add_doing(1, 0, |_| Step::Yield(Priority::REAL_TIME));
    yard.add_doing(6, 2, move |handle| {
        victims.iter().for_each(|id| assert!(handle.remove(*id)));
        assert_eq!(handle.name(last), Some("it"));
        Step::Yield(Priority(2))
    });
    assert_eq!(yard.tick(100), [2, 1, 6, 5]);
    assert!(yard.scheduler.handle().remove(first));
    yard.scheduler.drain_ended();
    // Its second run finds nobody to remove, and panics.
    assert_eq!(yard.tick(100), [6, 5]);
    assert_eq!(yard.tick(100), [5]);
    let [Reason::Panicked(text)] = &yard.reasons()[..] else {
        panic!("no panic");
    };
    assert!(text.contains("handle.remove"), "{text}");
}

#[test]
fn who_ends_is_reported_once_with_its_name() {
    let mut yard = Yard::new();
    let id = yard.add_doing(1, 1, |_| Step::End);
    assert_eq!(yard.tick(100), [1]);
    let name = "it".into();
    let reason = Reason::Finished;
    assert_eq!(yard.scheduler.drain_ended(), [Ended { id, name, reason }]);
    assert_eq!(yard.tick(100), [0; 0]);
    assert_eq!(yard.scheduler.drain_ended(), []);
}

#[test]
fn a_panic_is_that_of_one() {
    let mut yard = Yard::new();
    yard.add(1, 0);
    yard.add_doing(2, 0, |_| panic!("it was {}", "me"));
    yard.add_doing(3, 1, |_| std::panic::panic_any(7));
    yard.add(4, 1);
    let resume_async = async |context: Context<Log>| {
        context.with(|log, _| {
            log.push(5);
            panic!("in the world")
        })
    };
    let mut handle = yard.scheduler.handle();
    handle
        .add_async("async", Priority(2), resume_async)
        .unwrap();
    let log_async = async |context: Context<Log>| {
        loop {
            context.with(|log, _| log.push(6));
            context.yields(Priority(3)).await;
        }
    };
    handle.add_async("async", Priority(3), log_async).unwrap();

    assert_eq!(yard.tick(100), [1, 2, 3, 4, 5, 6]);
    assert_eq!(yard.tick(100), [1, 4, 6]);
    let panicked = |text: &str| Reason::Panicked(text.to_owned());
    assert_eq!(
        yard.reasons(),
        [
            panicked("it was me"),
            panicked("a panic without a message"),
            panicked("in the world")
        ]
    );
}

#[test]
fn a_panic_of_what_is_dropped_is_nobodys() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let mut yard = Yard::new();
    let bomb = Bomb;
    let victim = yard.add_doing(2, 9, move |_| {
        let _bomb = &bomb;
        Step::End
    });
    yard.add_doing(1, 1, move |handle| {
        handle.remove(victim);
        Step::Yield(Priority(1))
    });
    assert_eq!(yard.tick(100), [1]);
    assert_eq!(yard.tick(100), [1]);
    assert_eq!(yard.reasons(), [Reason::Removed]);
}
