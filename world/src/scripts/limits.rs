//! How much a script may be, hold and do. It does not know who keeps to it.
//!
//! All of these are counted, never timed, so that a script that is stopped is stopped at the same place everywhere. The one exception is
//! [`RESUME_TIME_MAX`], for whoever makes few steps dear on purpose.

use std::time::Duration;

/// The largest script, in bytes: some 1,500 lines.
pub const FILE_BYTES_MAX: usize = 64 * 1024;

/// How many scripts a world has at most.
pub const FILE_COUNT_MAX: usize = 256;

/// How many steps a script takes at most each time that it goes on. A step is a call, a return, a turn of a loop, or a place that a
/// pattern is tried at. Looking at 64 neighbours takes some 500. Who takes more is stopped.
pub const RESUME_STEPS_MAX: u32 = 10_000;

/// How many steps a script takes in a tick, in the long run: who has taken more waits until they are paid for.
pub const TICK_STEPS: u32 = 500;

/// How much time a script takes at most each time that it goes on, where its host has lent it a clock: ten times what
/// [`RESUME_STEPS_MAX`] of ordinary steps take.
pub const RESUME_TIME_MAX: Duration = Duration::from_millis(10);

/// How many bytes a script allocates at most each time that it goes on: a view of 64, a path of 300 places, and as much again. Nothing
/// is freed meanwhile, so that this bounds what is copied as well. Who needs more is stopped.
pub const RESUME_BYTES_MAX: usize = 128 * 1024;

/// How many bytes a script holds at most in a region, beyond what its Lua state takes to begin with, and without counting who runs it.
pub const HERD_BYTES_MAX: usize = 1024 * 1024;

/// How many more bytes for each entity that runs it: one that does not keep much takes two or three thousand.
pub const MEMBER_BYTES_MAX: usize = 16 * 1024;

/// How many entities of a script are stopped for taking too much, before it is refused in that region until a new version of it is published.
pub const STOPPED_COUNT_MAX: u32 = 3;

/// How many faults a region's scripts keep for whoever reads them; more are only counted.
pub const FAULT_COUNT_MAX: usize = 64;

/// The longest text of a fault, in bytes; the rest is left out.
pub const FAULT_BYTES_MAX: usize = 512;

/// How many `after`s and answers an entity waits for at most: it is told that there is no room for another, and nothing is done. That is no error, for players can make a script want to.
pub const TIMER_COUNT_MAX: usize = 64;

/// How long an entity waits for an answer, in ticks: twice as long as a change is tried. After that, nobody knows what became of it.
pub const ANSWER_TICKS: u64 = 220;

/// What a caught error costs, in steps: the dearest ones are thrown through two hundred frames, and take most of a millisecond.
pub const CAUGHT_STEPS: u32 = 200;

/// The longest text in which a pattern is looked for, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 8 * 1024;

/// How deep an attribute's value is nested at most, where a script reads or writes it.
pub const VALUE_DEPTH_MAX: usize = 8;

/// How many values an attribute's value is made of at most, where a script reads or writes it.
pub const VALUE_COUNT_MAX: usize = 1_000;
