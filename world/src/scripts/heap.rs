//! The memory of a Lua state: what it may take, and when it is tidied up. It does not know what is in it.
//!
//! While a script runs, nothing is freed: what it may allocate at once is then also all that it can have copied. Between two turns, garbage is collected in
//! steps, as many as pay for what was allocated.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use mlua::{
    Lua,
    state::{GcIncParams, GcMode},
};

use super::limits::{HERD_BYTES_MAX, MEMBER_BYTES_MAX, RESUME_BYTES_MAX};

/// What one step of a collection looks at, in bytes, is twice this, in KiB.
const STEP_KIB: i32 = 16;
/// A step for each so many bytes that were allocated while a collection is under way: it is faster than whoever allocates.
const STEP_PER_BYTES: usize = 8 * 1024;
/// A collection begins when there are so many bytes more than after the last, or half as much again.
const GROWN_BYTES: usize = 128 * 1024;

/// Whoever has it is on one thread at a time.
#[derive(Default)]
pub(super) struct Heap {
    /// Before there was anybody.
    base_bytes: usize,
    /// When a turn began.
    before_bytes: AtomicUsize,
    /// How many bytes there may be until it ends.
    most_bytes: AtomicUsize,
    /// When a collection begins.
    full_bytes: AtomicUsize,
    /// After the last collection at one go.
    least_bytes: AtomicUsize,
    is_collecting: AtomicBool,
}

impl Heap {
    /// What there is now stays.
    pub(super) fn new(lua: &Lua) -> Self {
        let step = GcIncParams::default().step_size(STEP_KIB);
        lua.gc_set_mode(GcMode::Incremental(step));
        lua.gc_stop();
        let heap = Self {
            base_bytes: lua.used_memory(),
            ..Self::default()
        };
        heap.tidied(lua.used_memory());
        heap
    }

    /// A turn begins, in a state that so many entities share.
    pub(super) fn begin(&self, lua: &Lua, member_count: usize) -> mlua::Result<()> {
        let most = self.base_bytes + HERD_BYTES_MAX + member_count * MEMBER_BYTES_MAX;
        let mut used = lua.used_memory();
        let is_scarce = used + RESUME_BYTES_MAX > most;
        if is_scarce && used > self.least_bytes.load(Relaxed) + RESUME_BYTES_MAX / 2 {
            lua.gc_collect()?;
            lua.gc_stop();
            used = lua.used_memory();
            self.least_bytes.store(used, Relaxed);
            self.tidied(used);
        }
        self.before_bytes.store(used, Relaxed);
        let most = most.min(used + RESUME_BYTES_MAX);
        self.most_bytes.store(most, Relaxed);
        Ok(())
    }

    /// From here on, what is allocated is the script's. Without a limit, much of what is done for it is cheaper.
    pub(super) fn limit(&self, lua: &Lua) -> mlua::Result<()> {
        lua.set_memory_limit(self.most_bytes.load(Relaxed))
            .map(|_| ())
    }

    /// A turn has ended.
    pub(super) fn end(&self, lua: &Lua) -> mlua::Result<()> {
        lua.set_memory_limit(0)?;
        let used = lua.used_memory();
        if !self.is_collecting.load(Relaxed) {
            if used <= self.full_bytes.load(Relaxed) {
                return Ok(());
            }
            self.is_collecting.store(true, Relaxed);
        }
        let grown_bytes = used.saturating_sub(self.before_bytes.load(Relaxed));
        for _ in 0..=grown_bytes / STEP_PER_BYTES {
            let is_over = lua.gc_step()?;
            if is_over {
                self.tidied(lua.used_memory());
                break;
            }
        }
        // A step starts the collector.
        lua.gc_stop();
        Ok(())
    }

    fn tidied(&self, used: usize) {
        self.is_collecting.store(false, Relaxed);
        let full = (used + GROWN_BYTES).max(used + used / 2);
        self.full_bytes.store(full, Relaxed);
    }
}
