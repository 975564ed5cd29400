//! What a script may still do before it must yield. It does not know what a script is for.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use mlua::{Lua, VmState};

use super::{
    compile::Wrong,
    limits::{RESUME_STEPS_MAX, RESUME_TIME_MAX},
};

/// A clock that a host lends: how long it has been running. One of the time that the thread was given is best, for a script is not to blame for what else the
/// machine does.
pub type Watch = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Steps between two looks at the clock, once a script has gone on for so many.
const LOOK_STEPS: u32 = 16;
/// How many levels up the script's own line is looked for.
const LEVELS_MAX: usize = 32;

/// What is left of one turn. Whoever has it is on one thread at a time.
#[derive(Default)]
pub(super) struct Allowance {
    watch: Option<Watch>,
    taken: AtomicU32,
    began_ns: AtomicU64,
    stop: Mutex<Option<Wrong>>,
}

impl Allowance {
    pub(super) fn new(watch: Option<Watch>) -> Self {
        Self {
            watch,
            ..Self::default()
        }
    }

    /// A turn begins.
    pub(super) fn begin(&self) {
        if self.taken.swap(0, Relaxed) > RESUME_STEPS_MAX {
            *self.stopped() = None;
        }
        if self.watch.is_some() {
            self.began_ns.store(self.now_ns(), Relaxed);
        }
    }

    /// How many steps were taken in this turn.
    pub(super) fn taken(&self) -> u32 {
        self.taken.load(Relaxed)
    }

    /// Why this turn has been stopped, if it has.
    pub(super) fn why_stopped(&self) -> Option<Wrong> {
        (self.taken() > RESUME_STEPS_MAX).then(|| {
            let why = self.stopped().clone();
            why.unwrap_or_else(|| (None, too_many()))
        })
    }

    /// Pays for some steps. Once there are none left, everything fails, so that there is no way to go on after the error.
    pub(super) fn pay(&self, lua: &Lua, file: &str, steps: u32) -> mlua::Result<VmState> {
        let before = self.taken.load(Relaxed);
        let taken = before.saturating_add(steps).min(RESUME_STEPS_MAX + 1);
        self.taken.store(taken, Relaxed);
        if taken > RESUME_STEPS_MAX {
            return Err(self.stop(lua, file, before, too_many));
        }
        if self.is_late(taken) {
            self.taken.store(RESUME_STEPS_MAX + 1, Relaxed);
            let too_long = || {
                format!(
                    "it went on for more than {RESUME_TIME_MAX:?} (RESUME_TIME_MAX), though in few steps"
                )
            };
            return Err(self.stop(lua, file, taken, too_long));
        }
        Ok(VmState::Continue)
    }

    /// The first steps may be as dear as the later ones.
    fn is_late(&self, taken: u32) -> bool {
        if self.watch.is_none() || !(taken.is_power_of_two() || taken.is_multiple_of(LOOK_STEPS)) {
            return false;
        }
        let taken_ns = self.now_ns().saturating_sub(self.began_ns.load(Relaxed));
        Duration::from_nanos(taken_ns) > RESUME_TIME_MAX
    }

    fn stop(&self, lua: &Lua, file: &str, before: u32, why: impl Fn() -> String) -> mlua::Error {
        if before <= RESUME_STEPS_MAX {
            *self.stopped() = Some((line(lua, file), why()));
        }
        mlua::Error::runtime("stopped")
    }

    fn stopped(&self) -> std::sync::MutexGuard<'_, Option<Wrong>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ns(&self) -> u64 {
        let now = self.watch.as_ref().map(|watch| watch().as_nanos());
        now.and_then(|now| u64::try_from(now).ok()).unwrap_or(0)
    }
}

fn too_many() -> String {
    format!("it went on for more than {RESUME_STEPS_MAX} steps (RESUME_STEPS_MAX) without a yield")
}

/// The line of the script that is running.
fn line(lua: &Lua, file: &str) -> Option<u32> {
    (0..LEVELS_MAX)
        .map_while(|level| {
            lua.inspect_stack(level, |frame| {
                let is_own = frame
                    .source()
                    .short_src
                    .is_some_and(|source| source == file);
                is_own.then(|| frame.current_line()).flatten()
            })
        })
        .flatten()
        .next()
        .and_then(|line| u32::try_from(line).ok())
}
