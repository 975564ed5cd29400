//! A script in a region: one Lua state for all entities that run it. Another script has another state, so that none can see, starve or break another. It does
//! not know when an entity is resumed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use mlua::Table;

use super::{
    allowance::Watch,
    compile::{self, Wrong},
    events,
    heap::Heap,
    ops,
    set::Script,
    state::State,
    values,
};
use crate::behaviours::Body;

/// One script's state, and who runs it.
pub(super) struct Herd {
    script: Script,
    state: State,
    heap: Heap,
    member_count: AtomicUsize,
}

/// An entity in its script's state.
pub(super) struct Member {
    table: Table,
    herd: Arc<Herd>,
}

/// What a script wants next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    /// To go on, with this priority.
    Yield(f64),
    /// To go on in this tick.
    Sleep(f64),
    /// Nothing any more.
    End,
}

/// What went wrong in a turn.
pub(super) struct Failure {
    pub(super) wrong: Wrong,
    /// Whether it took more than it may.
    pub(super) is_greed: bool,
}

impl Herd {
    /// A state in which nobody runs yet.
    pub(super) fn new(script: Script, watch: Option<Watch>) -> Result<Arc<Self>, Wrong> {
        let state = State::new(&script, watch);
        let state = state.map_err(|error| compile::wrong(script.file(), &error))?;
        Ok(Arc::new(Self {
            heap: Heap::new(&state.lua),
            script,
            state,
            member_count: AtomicUsize::new(0),
        }))
    }

    /// Runs the top of the script for a new entity.
    pub(super) fn join(self: &Arc<Self>) -> Result<Member, Failure> {
        self.member_count.fetch_add(1, Relaxed);
        let joined = self.in_turn(|| {
            let env: Table = self.state.room.call(())?;
            env.set_safeenv(true);
            let chunk = self.state.chunk.deep_clone()?;
            chunk.set_environment(env.clone())?;
            self.heap.limit(&self.state.lua)?;
            self.state.join.call((chunk, env))
        });
        match joined {
            Ok(table) => Ok(Member {
                table,
                herd: self.clone(),
            }),
            Err(failure) => {
                self.member_count.fetch_sub(1, Relaxed);
                Err(failure)
            }
        }
    }

    pub(super) fn script(&self) -> &Script {
        &self.script
    }

    /// In bytes.
    pub(super) fn used_bytes(&self) -> usize {
        self.state.lua.used_memory()
    }

    /// The line in which a script went wrong that may have nothing left to say so itself.
    fn line_of(&self, member: &Table) -> Option<u32> {
        self.state.allowance.begin();
        self.state.line.call(member).ok()?
    }

    /// A turn of somebody, within what it may take.
    fn in_turn<T>(&self, act: impl FnOnce() -> mlua::Result<T>) -> Result<T, Failure> {
        self.state.allowance.begin();
        let members = self.member_count.load(Relaxed);
        let result = self
            .heap
            .begin(&self.state.lua, members)
            .and_then(|()| act());
        let tidied = self.heap.end(&self.state.lua);
        // Whoever has caught the error has nevertheless gone too far.
        if let Some(wrong) = self.state.allowance.why_stopped() {
            return Err(Failure {
                wrong,
                is_greed: true,
            });
        }
        result
            .and_then(|value| tidied.map(|()| value))
            .map_err(|error| Failure::new(compile::wrong(self.script.file(), &error)))
    }
}

impl Member {
    /// Lets its script go on.
    pub(super) fn resume(&self, body: &mut dyn Body) -> Result<Wanted, Failure> {
        self.take_turn(body).map_err(|mut failure| {
            let line = &mut failure.wrong.0;
            *line = line.or_else(|| self.herd.line_of(&self.table));
            failure
        })
    }

    fn take_turn(&self, body: &mut dyn Body) -> Result<Wanted, Failure> {
        let herd = &*self.herd;
        let now = ops::number(body.tick());
        let happened = body.events();
        let (kind, what) = herd.in_turn(|| {
            let events = (!happened.is_empty())
                .then(|| events::to_lua(&herd.state.lua, &happened))
                .transpose()?;
            herd.state.lua.scope(|scope| {
                let op = scope
                    .create_function_mut(|lua, (op, a, b, c)| ops::act(lua, body, op, [a, b, c]))?;
                herd.heap.limit(&herd.state.lua)?;
                let wanted: (mlua::Value, mlua::Value) =
                    herd.state.drive.call((op, &self.table, now, events))?;
                Ok(wanted)
            })
        })?;
        let number = values::number(&what).unwrap_or(0.0);
        match values::number(&kind) {
            Some(0.0) => Ok(Wanted::Yield(number)),
            Some(1.0) => Ok(Wanted::Sleep(number)),
            Some(_) => Ok(Wanted::End),
            None => {
                let text = what.to_string().unwrap_or_default();
                let wrong = compile::placed(herd.script.file(), &text);
                Err(Failure::new(wrong))
            }
        }
    }

    /// How many steps its last turn took, or that of another of its herd since.
    pub(super) fn steps_taken(&self) -> u32 {
        self.herd.state.allowance.taken()
    }

    pub(super) fn script(&self) -> &Script {
        self.herd.script()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.herd.member_count.fetch_sub(1, Relaxed);
    }
}

impl Failure {
    fn new(wrong: Wrong) -> Self {
        // What Luau says, and what its bindings make of it.
        let is_greed = wrong.1.contains("not enough memory");
        Self { wrong, is_greed }
    }
}
