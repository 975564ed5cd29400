//! What uthreads cost, and whether that meets its bars: `cargo bench -p world --bench uthreads` measures all of it in one run, and fails if
//! a bar is missed.

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, Criterion, SamplingMode, measurement::WallTime};
use world::scheduler::{
    Context, FOREVER, Handle, Meter, Priority, Resumes, Scheduler, Step, Ticked, Trickle, Uthread,
};

/// A resume takes at most so long, in nanoseconds, whatever the form of the uthread.
const RESUME_NS_MAX: f64 = 200.0;
/// The same, if uthreads have so many priorities that each is far in memory from the one before it: half of this is the time to read what is its own.
const DISORDERED_NS_MAX: f64 = 400.0;
/// Uthreads that are resumed in each tick meanwhile.
const AWAKE_COUNT: usize = 20_000;
/// A tick in which nobody of those who sleep is due takes at most so long.
const IDLE_TICK_NS_MAX: f64 = 20_000.0;
/// Those who sleep.
const ASLEEP_COUNT: usize = 100_000;
/// A tick of all regions in which they sleep takes at most so long: 2 % of the time from tick to tick.
const ASLEEP_TICK_NS_MAX: f64 = 0.02 * 50e6;
/// Those regions.
const REGION_COUNT: u64 = 500;
/// How they go on meanwhile.
const TRICKLE: Trickle = Trickle {
    every_ticks: 20,
    phase: 0,
    resumes: 20,
};

/// What the uthreads act upon: something that each of them changes.
#[derive(Default)]
struct World {
    steps: Vec<u32>,
}

/// The budget is time, so much that it is never spent.
struct Clock(Instant);

impl Meter for Clock {
    fn grant(&mut self, _: u64) -> u64 {
        8 * u64::from(self.0.elapsed() < Duration::from_secs(1_000_000))
    }

    fn now_ns(&mut self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

fn main() -> ExitCode {
    let mut criterion = Criterion::default().configure_from_args();
    let bars = [
        awake(
            &mut criterion,
            "resumed",
            RESUME_NS_MAX,
            |scheduler, number| {
                add_walker(scheduler, number, 1);
            },
        ),
        awake(
            &mut criterion,
            "async",
            RESUME_NS_MAX,
            |scheduler, number| {
                add_async(scheduler, number, 5);
            },
        ),
        awake(
            &mut criterion,
            "async, of 8 priorities",
            RESUME_NS_MAX,
            |scheduler, number| {
                add_async(scheduler, number, chance(number) % 8 + 1);
            },
        ),
        awake(
            &mut criterion,
            "async, in no order",
            DISORDERED_NS_MAX,
            |scheduler, number| {
                add_async(scheduler, number, chance(number) % 200 + 1);
            },
        ),
        idle(&mut criterion),
        asleep(&mut criterion),
    ];
    criterion.final_summary();

    println!("\nBars, by the fastest ticks:");
    for bar in bars.iter().flatten() {
        let verdict = if bar.is_met { "met" } else { "MISSED" };
        println!("{verdict:>6}  {}", bar.text);
    }
    ExitCode::from(u8::from(bars.iter().flatten().any(|bar| !bar.is_met)))
}

struct Bar {
    is_met: bool,
    text: String,
}

/// Measures ticks, all of which do as much. The time of one in nanoseconds, or None if it was filtered out or only tried.
///
/// A sample counts as its fastest tick, and all of them as their fastest tenth: whatever else the machine does makes ticks slower, never faster, and those of
/// some milliseconds are rarely left alone.
fn measure(criterion: &mut Criterion, name: &str, mut tick: impl FnMut()) -> Option<f64> {
    let mut samples: Vec<f64> = Vec::new();
    let mut group: BenchmarkGroup<'_, WallTime> = criterion.benchmark_group("uthreads");
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            let mut fastest = Duration::MAX;
            let mut elapsed = Duration::ZERO;
            for _ in 0..count {
                let started = Instant::now();
                tick();
                let took = started.elapsed();
                fastest = fastest.min(took);
                elapsed += took;
            }
            samples.push(fastest.as_secs_f64() * 1e9);
            elapsed
        });
    });
    group.finish();
    // As a test, criterion runs each function once.
    samples.sort_by(f64::total_cmp);
    (samples.len() > 1).then(|| samples[samples.len() / 10])
}

/// Everybody is due in each tick.
fn awake(
    criterion: &mut Criterion,
    form: &str,
    resume_ns_max: f64,
    add: impl Fn(&mut Scheduler<World>, usize),
) -> Option<Bar> {
    let mut scheduler = Scheduler::new(0);
    (0..AWAKE_COUNT).for_each(|number| add(&mut scheduler, number));
    let mut world = World {
        steps: vec![0; AWAKE_COUNT],
    };
    let (mut now, mut meter) = (0, Clock(Instant::now()));
    let time = measure(criterion, form, || {
        now += 1;
        let ticked = scheduler.tick(&mut world, now, &mut meter);
        assert_eq!(ticked.resume_count, AWAKE_COUNT as u64);
    });
    assert!(
        black_box(&world)
            .steps
            .iter()
            .all(|steps| u64::from(*steps) == now)
    );
    let resume_ns = time? / AWAKE_COUNT as f64;
    Some(Bar {
        is_met: resume_ns <= resume_ns_max,
        text: format!(
            "a resume of {AWAKE_COUNT}, {form}: {resume_ns:.0} ns (at most {resume_ns_max})"
        ),
    })
}

/// Nobody is due.
fn idle(criterion: &mut Criterion) -> Option<Bar> {
    let mut scheduler = Scheduler::<World>::new(0);
    for number in 0..ASLEEP_COUNT {
        let sleep = async move |context: Context<World>| {
            context.sleeps_until(FOREVER - 1 - number as u64).await;
        };
        let added = scheduler.handle().add_async("sleep", Priority(5), sleep);
        assert!(added.is_ok());
    }
    let (mut now, mut world) = (1, World::default());
    scheduler.tick(&mut world, now, &mut Resumes(u64::MAX));
    assert_eq!(scheduler.stats().asleep_count, ASLEEP_COUNT);
    let time = measure(criterion, "nobody is due", || {
        now += 1;
        let ticked = scheduler.tick(&mut world, now, &mut Resumes(u64::MAX));
        assert_eq!(ticked, Ticked::default());
    })?;
    Some(Bar {
        is_met: time <= IDLE_TICK_NS_MAX,
        text: format!(
            "a tick of {ASLEEP_COUNT} of whom nobody is due: {time:.0} ns (at most {IDLE_TICK_NS_MAX})"
        ),
    })
}

/// Regions that nobody sees, with walkers who rest for a second or two after each step.
fn asleep(criterion: &mut Criterion) -> Option<Bar> {
    let count = ASLEEP_COUNT / REGION_COUNT as usize;
    let mut regions: Vec<(Scheduler<World>, World)> = Vec::new();
    for _ in 0..REGION_COUNT {
        let mut scheduler = Scheduler::new(0);
        for number in 0..count {
            add_walker(&mut scheduler, number, 20 + chance(number) as u64 % 20);
        }
        let steps = vec![0; count];
        regions.push((scheduler, World { steps }));
    }
    let mut now = 0;
    let time = measure(criterion, "asleep", || {
        now += 1;
        for (phase, (scheduler, world)) in (0..).zip(&mut regions) {
            let trickle = Trickle { phase, ..TRICKLE };
            black_box(scheduler.trickle(world, now, trickle, &mut Resumes(u64::MAX)));
        }
    })?;
    Some(Bar {
        is_met: time <= ASLEEP_TICK_NS_MAX,
        text: format!(
            "a tick of {REGION_COUNT} regions with {ASLEEP_COUNT} asleep: {:.0} µs (at most {:.0})",
            time / 1e3,
            ASLEEP_TICK_NS_MAX / 1e3
        ),
    })
}

/// Steps, and rests.
struct Walker {
    number: usize,
    rest_ticks: u64,
}

impl Uthread<World> for Walker {
    fn resume(&mut self, world: &mut World, handle: &mut Handle<'_, World>) -> Step {
        world.steps[self.number] += 1;
        match self.rest_ticks {
            1 => Step::Yield(Priority(5)),
            rest_ticks => Step::Sleep(handle.now() + rest_ticks),
        }
    }
}

fn add_walker(scheduler: &mut Scheduler<World>, number: usize, rest_ticks: u64) {
    let walker = Walker { number, rest_ticks };
    let added = scheduler.handle().add("walk", Priority(5), walker);
    assert!(added.is_ok());
}

fn add_async(scheduler: &mut Scheduler<World>, number: usize, priority: u16) {
    let walk = move |context| walk(context, number, priority);
    let added = scheduler
        .handle()
        .add_async("walk", Priority(priority), walk);
    assert!(added.is_ok());
}

async fn walk(context: Context<World>, number: usize, priority: u16) {
    loop {
        context.with(|world, _| world.steps[number] += 1);
        context.yields(Priority(priority)).await;
    }
}

/// The same for the same number (Knuth's multiplicative hash).
fn chance(number: usize) -> u16 {
    ((number as u32).wrapping_mul(2_654_435_761) >> 16) as u16
}
