//! What is bounded.

use super::*;

fn idle() -> impl Uthread<Log> {
    |_: &mut Log, _: &mut Handle<'_, Log>| Step::Sleep(FOREVER)
}

#[test]
fn there_are_so_many_uthreads_and_no_more() {
    let mut yard = Yard::new();
    let mut handle = yard.scheduler.handle();
    let first = handle.add("it", Priority(1), idle()).unwrap();
    for _ in 1..UTHREADS_MAX {
        handle.add("it", Priority(1), idle()).unwrap();
    }
    assert_eq!(handle.uthread_count(), UTHREADS_MAX);
    let refused = handle.add("it", Priority(1), idle());
    assert_eq!(refused, Err(Error::Full));
    assert!(Error::Full.to_string().contains("131072"));
    assert!(handle.remove(first));
    assert!(handle.add("it", Priority(1), idle()).unwrap() > first);
}

#[test]
fn a_name_that_nobody_bears_gives_way() {
    let mut yard = Yard::new();
    let mut handle = yard.scheduler.handle();
    let mut ids = Vec::new();
    for number in 0..NAMES_MAX {
        let name = format!("name {number}");
        ids.push(handle.add(&name, Priority(1), idle()).unwrap());
    }
    let refused = handle.add("another", Priority(1), idle());
    assert_eq!(refused, Err(Error::ManyNames));
    assert!(handle.add("name 7", Priority(1), idle()).is_ok());
    assert!(handle.remove(ids[9]));
    let id = handle.add("another", Priority(1), idle()).unwrap();
    assert_eq!(handle.name(id), Some("another"));
    let stats = yard.scheduler.stats();
    assert_eq!(stats.by_name.len(), NAMES_MAX);
    assert!(stats.by_name.iter().all(|name| &*name.name != "name 9"));
}

#[test]
fn places_that_no_longer_hold_do_not_heap_up() {
    let mut yard = Yard::new();
    let far = yard.add_doing(1, 1, |handle| Step::Sleep(handle.now() + 1_000_000));
    let due = yard.add(2, 9);
    yard.add(3, 1);
    for _ in 0..20_000 {
        yard.tick(1);
        let mut handle = yard.scheduler.handle();
        handle.wake(far);
        handle.set_priority(due, Priority(8));
        handle.set_priority(due, Priority(9));
    }
    let place_count = yard.scheduler.lent().roster.place_count();
    assert!(place_count < 1_100, "{place_count}");
}

#[test]
fn ends_that_nobody_takes_are_forgotten_and_counted() {
    let mut yard = Yard::new();
    let mut handle = yard.scheduler.handle();
    let mut last = None;
    for _ in 0..ENDED_MAX + 3 {
        let id = handle.add("it", Priority(1), idle()).unwrap();
        assert!(handle.remove(id));
        last = Some(id);
    }
    assert_eq!(yard.scheduler.stats().ends_forgotten_count, 3);
    let ended = yard.scheduler.drain_ended();
    assert_eq!(ended.len(), ENDED_MAX);
    assert_eq!(ended.last().map(|ended| ended.id), last);
}
