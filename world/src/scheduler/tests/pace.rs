//! When uthreads go on: sleep, budgets, and turns between ticks.

use super::*;

fn sleeper(yard: &mut Yard, ticks: u64) -> UthreadId {
    yard.add_doing(1, 3, move |handle| {
        Step::Sleep(handle.now().saturating_add(ticks))
    })
}

fn ticks_run(yard: &mut Yard, count: usize) -> Vec<u64> {
    let mut ran = Vec::new();
    for _ in 0..count {
        if !yard.tick(100).is_empty() {
            ran.push(yard.now);
        }
    }
    ran
}

#[test]
fn who_sleeps_goes_on_in_its_tick() {
    let mut yard = Yard::new();
    sleeper(&mut yard, 4);
    assert_eq!(ticks_run(&mut yard, 10), [1, 5, 9]);
    // What has passed is as soon as can be.
    let mut yard = Yard::new();
    sleeper(&mut yard, 0);
    assert_eq!(ticks_run(&mut yard, 3), [1, 2, 3]);
}

#[test]
fn who_is_woken_goes_on_in_the_next_tick_and_sleeps_on_otherwise() {
    let mut yard = Yard::new();
    let id = sleeper(&mut yard, FOREVER);
    assert_eq!(yard.scheduler.next_due(), Some(1));
    assert_eq!(ticks_run(&mut yard, 5), [1]);
    assert_eq!(yard.scheduler.next_due(), None);
    assert!(yard.scheduler.handle().wake(id));
    assert!(yard.scheduler.handle().wake(id));
    assert_eq!(yard.scheduler.next_due(), Some(6));
    assert_eq!(ticks_run(&mut yard, 5), [6]);

    let id = sleeper(&mut yard, 5);
    yard.tick(100);
    yard.scheduler.handle().wake(id);
    // The tick until which it would have slept before is not its own any more.
    assert_eq!(ticks_run(&mut yard, 8), [12, 17]);
}

#[test]
fn ticks_can_be_left_out() {
    let mut yard = Yard::new();
    sleeper(&mut yard, 4);
    yard.tick(100);
    yard.now = 99;
    assert_eq!(yard.tick(100), [1]);
    assert_eq!(ticks_run(&mut yard, 5), [104]);
}

#[test]
fn real_time_ones_are_resumed_between_ticks() {
    let mut yard = Yard::new();
    let asleep = yard.add_doing(1, 0, |_| Step::Sleep(FOREVER));
    let awake = yard.add(2, 0);
    let other = yard.add(3, 1);
    yard.tick(100);
    let Yard { scheduler, log, .. } = &mut yard;
    for id in [asleep, asleep, awake] {
        assert_eq!(scheduler.resume_now(id, log, &mut Resumes(0)), Ok(()));
    }
    assert_eq!(std::mem::take(log), [1, 1, 2]);
    let not_so = scheduler.resume_now(other, log, &mut Resumes(0));
    assert_eq!(not_so, Err(Error::NotRealTime));
    assert!(scheduler.handle().remove(asleep));
    let gone = scheduler.resume_now(asleep, log, &mut Resumes(0));
    assert_eq!(gone, Err(Error::Gone));
    assert_eq!(yard.tick(100), [2, 3]);
}

#[test]
fn a_meter_is_asked_ahead_of_the_others_whenever_its_grant_is_used() {
    struct Twos(Vec<u64>);
    impl Meter for Twos {
        fn grant(&mut self, resumed: u64) -> u64 {
            self.0.push(resumed);
            2 * u64::from(resumed < 6)
        }
    }
    let mut yard = Yard::new();
    for number in 0..10 {
        yard.add(number, u16::from(number > 1));
    }
    let mut meter = Twos(Vec::new());
    let ticked = yard.scheduler.tick(&mut yard.log, 1, &mut meter);
    assert_eq!(meter.0, [2, 4, 6]);
    assert_eq!((ticked.resume_count, ticked.behind_count), (6, 4));
}

#[test]
fn a_trickle_is_seldom_and_little_and_who_wakes_from_it_catches_up() {
    let mut yard = Yard::new();
    (0..9).for_each(|number| {
        yard.add(number, 1);
    });
    let trickle = Trickle {
        every_ticks: 5,
        phase: 2,
        resumes: 2,
    };
    let mut ran = Vec::new();
    for now in 1..=10 {
        let Yard { scheduler, log, .. } = &mut yard;
        let ticked = scheduler.trickle(log, now, trickle, &mut Resumes(100));
        ran.extend(ticked.map(|ticked| (now, ticked.resume_count, ticked.behind_count)));
    }
    assert_eq!(ran, [(3, 2, 7), (8, 2, 7)]);
    yard.log.clear();
    yard.now = 10;
    assert_eq!(yard.tick(100), [4, 5, 6, 7, 8, 0, 1, 2, 3]);
}
