//! What can be seen.

use super::*;

/// A budget of resumes, and a clock that goes on by itself.
struct Clocked(Resumes, u64);

impl Meter for Clocked {
    fn grant(&mut self, resumed: u64) -> u64 {
        self.0.grant(resumed)
    }

    fn now_ns(&mut self) -> u64 {
        self.1 += 100;
        self.1
    }
}

#[test]
fn all_is_counted() {
    let mut yard = Yard::new();
    let step = |step: Step| writing(0, move |_| step);
    let mut handle = yard.scheduler.handle();
    let mut add = |name: &str, priority: u16, wanted| {
        let added = handle.add(name, Priority(priority), step(wanted));
        assert!(added.is_ok());
    };
    for _ in 0..5 {
        add("wander", 5, Step::Yield(Priority(50)));
    }
    add("player", 0, Step::Yield(Priority::REAL_TIME));
    add("guard", 2, Step::Sleep(90));
    add("door", 1, Step::End);

    let mut meter = Clocked(Resumes(5), 0);
    let ticked = yard.scheduler.tick(&mut yard.log, 1, &mut meter);
    let expected = Ticked {
        resume_count: 5,
        behind_count: 3,
        wait_ticks_max: 0,
    };
    assert_eq!(ticked, expected);
    let ticked = yard.scheduler.tick(&mut yard.log, 4, &mut Resumes(3));
    let expected = Ticked {
        resume_count: 3,
        behind_count: 3,
        wait_ticks_max: 3,
    };
    assert_eq!(ticked, expected);

    let stats = yard.scheduler.stats();
    let counts = (stats.uthread_count, stats.asleep_count, stats.behind_count);
    assert_eq!(counts, (7, 1, 3));
    assert_eq!((stats.tick, stats.wait_ticks_max), (4, 3));
    assert_eq!((stats.added_count, stats.resume_count), (8, 8));
    let classes = stats
        .by_class
        .map(|class| (class.class.label(), class.uthread_count));
    let expected = [
        ("0", 1),
        ("1-9", 2),
        ("10-99", 4),
        ("100-999", 0),
        ("1000-", 0),
    ];
    assert_eq!(classes, expected);
    let names = stats.by_name.iter();
    let names: Vec<(&str, usize, u64)> = names
        .map(|name| (&*name.name, name.uthread_count, name.resume_count))
        .collect();
    assert_eq!(
        names,
        [
            ("door", 0, 1),
            ("guard", 1, 1),
            ("player", 1, 2),
            ("wander", 5, 4)
        ]
    );
}

#[test]
fn time_is_that_of_a_sample() {
    let mut yard = Yard::new();
    (0..10).for_each(|number| {
        yard.add(number, 1);
    });
    let mut meter = Clocked(Resumes(100), 0);
    for now in 1..=17 {
        yard.scheduler.tick(&mut yard.log, now, &mut meter);
    }
    // Each took 100 ns by this clock, and one of 17 was looked at.
    let stats = yard.scheduler.stats();
    assert_eq!(stats.by_name[0].resume_count, 170);
    assert_eq!(stats.by_name[0].time_ns, 170 * 100);
}
