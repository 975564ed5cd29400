//! What a simulation has shown, for people and for programs.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc, time::Duration};

use serde_json::{Value, json};
use world::region::TICK_MS;

use super::{
    super::{summary::count, table},
    server::Server,
};

/// The figures.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) tick_count: u64,
    /// What the regions took in a tick: half, 99 of 100, and all of them at most.
    pub(super) tick: Times,
    /// What the regions took in all.
    pub(super) busy: Duration,
    pub(super) over_budget_count: u64,
    pub(super) player_count: usize,
    pub(super) step_count: u64,
    /// Alive, and wanted by the maps.
    pub(super) creatures: (usize, usize),
    pub(super) death_count: u64,
    pub(super) handover_count: u64,
    pub(super) message_count: u64,
    pub(super) awake_count: usize,
    pub(super) asleep_count: usize,
    /// Uthreads that are due and have not had their turn.
    pub(super) behind_count: usize,
    /// By behaviour.
    pub(super) uthreads: BTreeMap<Arc<str>, Uthreads>,
    pub(super) failure_count: u64,
    pub(super) failures: Vec<String>,
    /// What the process has in memory; None: the system does not say.
    pub(super) resident_bytes: Option<u64>,
    pub(super) fingerprint: u64,
}

/// The times of ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    pub(super) max: Duration,
}

/// The uthreads of one behaviour.
#[derive(Debug, Default)]
pub(super) struct Uthreads {
    pub(super) uthread_count: usize,
    pub(super) resume_count: u64,
    /// An estimate: one of 17 resumes is timed.
    pub(super) time_ns: u64,
}

impl Figures {
    /// Those of a server that has run so many ticks.
    pub(super) fn of(server: &Server, mut ticks: Vec<Duration>) -> Self {
        let mut uthreads: BTreeMap<Arc<str>, Uthreads> = BTreeMap::new();
        let mut behind_count = 0;
        for stats in server.regions.values().map(world::region::Region::uthreads) {
            behind_count += stats.behind_count;
            for name in stats.by_name {
                let all = uthreads.entry(name.name).or_default();
                all.uthread_count += name.uthread_count;
                all.resume_count += name.resume_count;
                all.time_ns += name.time_ns;
            }
        }
        let is_alive = |key: &&String| server.whereabouts.contains_key(*key);
        let alive_count = server.wanted.iter().filter(is_alive).count();
        let awake_count = server.gateway.subscribed.len();
        let players = &server.gateway.players;
        ticks.sort_unstable();
        Self {
            tick_count: ticks.len() as u64,
            busy: ticks.iter().sum(),
            tick: Times::of(&ticks),
            over_budget_count: server.counts.over_budget_count,
            player_count: players.iter().filter(|one| one.region.is_some()).count(),
            step_count: players.iter().map(|one| one.step_count).sum(),
            creatures: (alive_count, server.wanted.len()),
            death_count: server.counts.death_count,
            handover_count: server.counts.handover_count,
            message_count: server.gateway.message_count,
            awake_count,
            asleep_count: server.regions.len() - awake_count,
            behind_count,
            uthreads,
            failure_count: server.counts.failure_count,
            failures: server.counts.failures.clone(),
            resident_bytes: resident_bytes(),
            fingerprint: server.fingerprint(),
        }
    }

    /// One JSON document.
    pub(super) fn document(&self, folder: &Path) -> Value {
        let uthreads = self.uthreads.iter().map(|(name, all)| {
            let all = json!({
                "count": all.uthread_count,
                "resumes": all.resume_count,
                "time_ms": all.time_ns as f64 / 1e6,
            });
            (name.to_string(), all)
        });
        json!({
            "folder": folder.display().to_string(),
            "seconds": self.tick_count * TICK_MS / 1_000,
            "ticks": self.tick_count,
            "tick_ms": {
                "p50": ms(self.tick.p50),
                "p99": ms(self.tick.p99),
                "max": ms(self.tick.max),
            },
            "busy_share": self.busy_share(),
            "over_budget": self.over_budget_count,
            "behind": self.behind_count,
            "regions": { "awake": self.awake_count, "asleep": self.asleep_count },
            "players": self.player_count,
            "steps": self.step_count,
            "handovers": self.handover_count,
            "messages": self.message_count,
            "creatures": { "alive": self.creatures.0, "wanted": self.creatures.1 },
            "deaths": self.death_count,
            "uthreads": uthreads.collect::<serde_json::Map<_, _>>(),
            "failed": self.failure_count,
            "failures": self.failures,
            "resident_bytes": self.resident_bytes,
            "fingerprint": format!("{:016x}", self.fingerprint),
        })
    }

    /// Which part of one core the regions take.
    fn busy_share(&self) -> f64 {
        let time_ms = (self.tick_count * TICK_MS).max(1) as f64;
        ms(self.busy) / time_ms
    }
}

impl Times {
    /// Of ticks, the shortest first.
    fn of(ticks: &[Duration]) -> Self {
        let at = |percent: usize| {
            let index = (ticks.len() * percent).div_ceil(100);
            let tick = ticks.get(index.saturating_sub(1));
            tick.copied().unwrap_or_default()
        };
        Self {
            p50: at(50),
            p99: at(99),
            max: at(100),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.tick_count * TICK_MS / 1_000;
        let Times { p50, p99, max } = self.tick;
        writeln!(
            f,
            "tick       p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms, of {TICK_MS} ms; {:.1} % of a core in {}",
            ms(p50),
            ms(p99),
            ms(max),
            self.busy_share() * 100.0,
            count(seconds, "second"),
        )?;
        writeln!(
            f,
            "behind     {}, {} of one region longer than 10 ms",
            count(self.behind_count, "uthread"),
            count(self.over_budget_count, "tick"),
        )?;
        writeln!(
            f,
            "regions    {} awake, {} asleep",
            self.awake_count, self.asleep_count
        )?;
        let (alive, wanted) = self.creatures;
        writeln!(
            f,
            "creatures  {alive} alive of {wanted}, {}",
            count(self.death_count, "death")
        )?;
        writeln!(
            f,
            "players    {} with {}; {} in all; {}",
            self.player_count,
            count(self.step_count, "step"),
            count(self.handover_count, "handover"),
            count(self.message_count, "message"),
        )?;
        if let Some(bytes) = self.resident_bytes {
            writeln!(f, "memory     {:.1} MiB", bytes as f64 / f64::from(1 << 20))?;
        }
        for failure in &self.failures {
            writeln!(f, "failed     {failure}")?;
        }
        let told_count = self.failures.len() as u64;
        if self.failure_count > told_count {
            writeln!(f, "failed     {} more", self.failure_count - told_count)?;
        }
        let header = ["name", "uthreads", "resumes", "time", "each"];
        let rows = self.uthreads.iter().map(|(name, all)| {
            let each = all
                .time_ns
                .checked_div(all.resume_count)
                .unwrap_or_default();
            vec![
                name.to_string(),
                all.uthread_count.to_string(),
                all.resume_count.to_string(),
                format!("{:.1} ms", all.time_ns as f64 / 1e6),
                format!("{:.1} µs", each as f64 / 1e3),
            ]
        });
        write!(f, "\n{}", table::table(&header, &[1, 2, 3, 4], rows))
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What Linux says that the process has in memory.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
