//! What regions full of creatures cost, and whether that meets its bars: `cargo bench -p world --bench regions` lets a minute of the world's time go by for each
//! of them, and fails if one is missed.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use world::{
    content::{self, Content, Files, Placements},
    movement::Ground,
    position::Position,
    region::{
        Creature, Input, LinkId, Neighbours, Now, Output, Passage, Region, Surroundings, TICK_MS,
    },
    region_id::RegionId,
    scheduler::{Meter, Resumes},
};

/// Regions in a row of the world, and rows.
const SIDE: i32 = 24;
/// The side of a region, in tiles.
const CELL_TILES: u32 = 64;
/// How long each world runs, in ticks: a minute, so that the slowest hundredth is a dozen.
const TICKS: u64 = 1_200;
/// Ticks that come before, until everybody has begun to walk: nine seconds.
const WARM_UP_TICKS: u64 = 200;

/// Wanderers in regions that a gateway listens to.
const AWAKE_COUNT: usize = 20_000;
/// Of their ticks, 99 of 100 take at most so long, in milliseconds.
const AWAKE_TICK_MS_MAX: f64 = 25.0;
/// Wanderers in regions that nobody sees.
const ASLEEP_COUNT: usize = 100_000;
/// They take at most this part of one core.
const ASLEEP_SHARE_MAX: f64 = 0.02;

/// The gateway that listens.
const LINK: LinkId = LinkId(1);
/// When the worlds begin, in milliseconds since 1970.
const START_MS: u64 = 1_700_000_000_000;

fn main() -> ExitCode {
    // As a test, each world runs for a moment only.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let (warm_up, ticks) = match is_bench {
        true => (WARM_UP_TICKS, TICKS),
        false => (2, 10),
    };
    let bars = [awake(warm_up, ticks), asleep(warm_up, ticks)];
    if !is_bench {
        return ExitCode::SUCCESS;
    }
    println!("\nBars:");
    for bar in &bars {
        let verdict = if bar.is_met { "met" } else { "MISSED" };
        println!("{verdict:>6}  {}", bar.text);
    }
    ExitCode::from(u8::from(bars.iter().any(|bar| !bar.is_met)))
}

struct Bar {
    is_met: bool,
    text: String,
}

/// Everybody is seen.
fn awake(warm_up: u64, ticks: u64) -> Bar {
    let mut world = World::new(AWAKE_COUNT);
    world.give_all(|| Input::Subscribe(LINK));
    let times = world.run(warm_up, ticks);
    let p99_ms = milliseconds(times.at(99));
    Bar {
        is_met: p99_ms <= AWAKE_TICK_MS_MAX,
        text: format!(
            "{AWAKE_COUNT} awake: a tick of all regions p99 {p99_ms:.1} ms (at most {AWAKE_TICK_MS_MAX}); {times}"
        ),
    }
}

/// Nobody is seen.
fn asleep(warm_up: u64, ticks: u64) -> Bar {
    let mut world = World::new(ASLEEP_COUNT);
    let times = world.run(warm_up, ticks);
    let share = times.core_share();
    Bar {
        is_met: share <= ASLEEP_SHARE_MAX,
        text: format!(
            "{ASLEEP_COUNT} asleep: {:.2} % of a core (at most {}); {times}",
            share * 100.0,
            ASLEEP_SHARE_MAX * 100.0
        ),
    }
}

/// How long the ticks took, the shortest first.
struct Times {
    ticks: Vec<Duration>,
    /// What this thread had of a processor meanwhile; None: the system does not say.
    processor: Option<Duration>,
    resume_count: u64,
}

impl Times {
    /// So many of a hundred took no longer.
    fn at(&self, percent: usize) -> Duration {
        let index = (self.ticks.len() * percent).div_ceil(100);
        self.ticks[index.saturating_sub(1)]
    }

    /// The part of one core that they took, whatever else the machine did.
    fn core_share(&self) -> f64 {
        let busy: Duration = self.ticks.iter().sum();
        let busy = self.processor.map_or(busy, |processor| processor.min(busy));
        milliseconds(busy) / (self.ticks.len() as u64 * TICK_MS) as f64
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "p50 {:.2} ms, max {:.2} ms, {:.1} % of a core, {} resumes in a tick",
            milliseconds(self.at(50)),
            milliseconds(self.at(100)),
            self.core_share() * 100.0,
            self.resume_count / self.ticks.len() as u64
        )
    }
}

/// What Linux says that this thread has had of a processor.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let ns = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(ns))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Open ground with creatures all over it.
struct World {
    content: Content,
    ground: Arc<dyn Ground>,
    neighbours: Arc<dyn Neighbours>,
    regions: BTreeMap<RegionId, Region>,
    tick: u64,
    /// What the regions have done in this tick.
    busy: Duration,
}

impl World {
    fn new(creature_count: usize) -> Self {
        let content = content();
        let ids = content.terrain.regions();
        let regions: BTreeMap<RegionId, Region> =
            ids.iter().map(|id| (*id, Region::new(*id, 1))).collect();
        let index = |(id, region): (&RegionId, &Region)| (*id, region.index());
        let neighbours = regions.iter().map(index).collect::<BTreeMap<_, _>>();
        let mut world = Self {
            ground: Arc::new(content.terrain.clone()),
            neighbours: Arc::new(neighbours),
            content,
            regions,
            tick: 0,
            busy: Duration::ZERO,
        };
        let ids: Vec<RegionId> = world.regions.keys().copied().collect();
        let per_region = creature_count.div_ceil(ids.len());
        let mut left = creature_count;
        for id in ids {
            let count = per_region.min(left);
            left -= count;
            let creatures = (0..count).map(|number| creature(id, number)).collect();
            let changed = Input::Changed {
                creatures: Some(creatures),
                afresh: true,
            };
            world.take(id, changed);
        }
        world
    }

    fn run(&mut self, warm_up: u64, ticks: u64) -> Times {
        (0..warm_up).for_each(|_| {
            self.tick();
        });
        let (before, processor) = (self.resume_count(), processor_time());
        let mut times: Vec<Duration> = (0..ticks).map(|_| self.tick()).collect();
        times.sort_unstable();
        Times {
            ticks: times,
            processor: processor_time()
                .zip(processor)
                .map(|(now, before)| now - before),
            resume_count: self.resume_count() - before,
        }
    }

    /// Of whoever does something of itself, and not of the region's own chores.
    fn resume_count(&self) -> u64 {
        let stats = self.regions.values().map(Region::uthreads);
        let by_name = stats.flat_map(|stats| stats.by_name);
        let behaviours = by_name.filter(|one| !one.name.contains(':'));
        behaviours.map(|one| one.resume_count).sum()
    }

    fn give_all(&mut self, input: impl Fn() -> Input) {
        let ids: Vec<RegionId> = self.regions.keys().copied().collect();
        ids.into_iter().for_each(|id| self.take(id, input()));
    }

    fn tick(&mut self) -> Duration {
        self.tick += 1;
        self.busy = Duration::ZERO;
        let now_ms = START_MS + self.tick * TICK_MS;
        let is_due = |region: &Region| region.wake_ms().is_some_and(|at_ms| at_ms <= now_ms);
        let due = self.regions.iter().filter(|(_, region)| is_due(region));
        let due: Vec<RegionId> = due.map(|(id, _)| *id).collect();
        due.into_iter().for_each(|id| self.take(id, Input::Wake));
        self.busy
    }

    /// Tells a region something, and does what comes of it.
    fn take(&mut self, id: RegionId, input: Input) {
        let settings = Arc::new(self.content.settings.clone());
        let masters = BTreeSet::new();
        let around = Around(self.content.terrain.regions());
        let now = Now {
            ms: START_MS + self.tick * TICK_MS,
            settings: &settings,
            ground: &self.ground,
            scripts: &self.content.scripts,
            neighbours: &self.neighbours,
            game_masters: &masters,
            around: &around,
        };
        let mut inputs = VecDeque::from([(id, input)]);
        let mut outputs = Vec::new();
        while let Some((id, input)) = inputs.pop_front() {
            let Some(region) = self.regions.get_mut(&id) else {
                continue;
            };
            let started = Instant::now();
            region.take(input, &now, &mut outputs);
            self.busy += started.elapsed();
            for output in outputs.drain(..) {
                match output {
                    Output::HandOver(to, resident) => {
                        inputs.push_back((to, Input::Arrive(resident)))
                    }
                    Output::Say(to, word) => inputs.push_back((to, Input::Said(word))),
                    Output::Failed { who, text } => panic!("{who}: {text}"),
                    _ => {}
                }
            }
        }
    }
}

/// The world's rules, and one map on which nothing blocks.
fn content() -> Content {
    let side = SIDE.cast_unsigned() * CELL_TILES;
    let map = format!(
        r#"<map version="1.10" orientation="orthogonal" width="{side}" height="{side}" tilewidth="16" tileheight="16" infinite="0">
 <objectgroup id="1" name="things"><object id="1" type="start" x="64" y="64"><point/></object></objectgroup>
</map>"#
    );
    let rules = format!("cell = {CELL_TILES}\n");
    let files: Files = [("world.toml", rules), ("meadow.tmx", map)]
        .map(|(name, text)| (name.to_owned(), text.into()))
        .into();
    let loaded = content::load(&files, &Placements::new());
    let Some(content) = loaded.content else {
        panic!("{:?}", loaded.report.problems);
    };
    content
}

/// A wanderer, somewhere in its region: the same for the same number (Knuth's multiplicative hash).
fn creature(region: RegionId, number: usize) -> Creature {
    let drawn = (number as u32 + 1).wrapping_mul(2_654_435_761);
    let place = |index: i32, drawn: u32| {
        let cell = CELL_TILES.cast_signed();
        index * cell + (drawn % CELL_TILES).cast_signed()
    };
    let (x, y) = (
        place(region.column, drawn >> 8),
        place(region.row, drawn >> 20),
    );
    Creature {
        name: format!("Maggot#{region}.{number}"),
        position: Position::centre_of(x, y, region.level),
        attributes: BTreeMap::from([("hp".to_owned(), wire::Value::Int(10))]),
        behaviour: Some("wander".to_owned()),
        respawn: None,
    }
}

struct Around<'w>(&'w BTreeSet<RegionId>);

impl Surroundings for Around<'_> {
    fn whereabouts(&self, _: &str) -> Option<RegionId> {
        None
    }

    fn passage(&self, region: RegionId) -> Passage {
        match self.0.contains(&region) {
            true => Passage::Open,
            false => Passage::Busy,
        }
    }

    fn is_linked(&self, _: LinkId) -> bool {
        true
    }

    fn is_seen_by(&self, _: LinkId) -> bool {
        true
    }

    fn meter(&self) -> Box<dyn Meter + '_> {
        Box::new(Resumes(u64::MAX))
    }
}
