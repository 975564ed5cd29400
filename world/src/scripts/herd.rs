//! A script in a region: one Lua state for all entities that run it. Another script has another state, so that none can see, starve or break another. It does
//! not know when an entity is resumed.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use mlua::{
    Function, Lua, LuaOptions, LuaString, StdLib, Table,
    chunk::{ChunkMode, Compiler},
};

use super::{
    allowance::{Allowance, Watch},
    compile::{self, Wrong},
    heap::Heap,
    limits::{CAUGHT_STEPS, RESUME_STEPS_MAX, SUBJECT_BYTES_MAX, TIMER_COUNT_MAX},
    ops,
    set::Script,
    values,
};
use crate::behaviours::{Body, Event};

/// Who has `on_near` looks round every so many ticks: five times in a second.
const NEAR_TICKS: u64 = 4;

/// What errors of the prelude itself would be called by.
const PRELUDE: &str = "=prelude";

/// What the prelude needs of Luau; it hands on less.
const LIBRARIES: [StdLib; 7] = [
    StdLib::DEBUG,
    StdLib::COROUTINE,
    StdLib::TABLE,
    StdLib::STRING,
    StdLib::UTF8,
    StdLib::BIT,
    StdLib::MATH,
];

/// One script's state, and who runs it.
pub(super) struct Herd {
    script: Script,
    lua: Lua,
    chunk: Function,
    room: Function,
    join: Function,
    drive: Function,
    line: Function,
    allowance: Arc<Allowance>,
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
        let file = script.file().to_owned();
        Self::build(script, watch).map_err(|error| compile::wrong(&file, &error))
    }

    fn build(script: Script, watch: Option<Watch>) -> mlua::Result<Arc<Self>> {
        let libraries = LIBRARIES
            .into_iter()
            .fold(StdLib::NONE, |all, one| all | one);
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        let allowance = Arc::new(Allowance::new(watch));
        let host = host(&lua, &allowance, script.file())?;
        let prelude = lua.load(prelude()).set_name(PRELUDE);
        let made: Table = prelude.set_mode(ChunkMode::Binary).call(host)?;
        lua.set_type_metatable::<LuaString>(Some(made.get("of_string")?));

        // From here on, there is nothing else: what a script names is looked up while it is loaded.
        let api: Table = made.get("api")?;
        lua.set_globals(api.clone())?;
        // What the prelude gives is never replaced, so that reads of it may be remembered.
        api.set_safeenv(true);
        let chunk = lua
            .load(script.code())
            .set_name(format!("={}", script.file()));
        let chunk = chunk.set_mode(ChunkMode::Binary).into_function()?;

        let (counted, file) = (allowance.clone(), script.file().to_owned());
        lua.set_interrupt(move |lua| counted.pay(lua, &file, 1));
        Ok(Arc::new(Self {
            heap: Heap::new(&lua),
            chunk,
            room: made.get("room")?,
            join: made.get("join")?,
            drive: made.get("drive")?,
            line: made.get("line")?,
            script,
            lua,
            allowance,
            member_count: AtomicUsize::new(0),
        }))
    }

    /// Runs the top of the script for a new entity.
    pub(super) fn join(self: &Arc<Self>) -> Result<Member, Failure> {
        self.member_count.fetch_add(1, Relaxed);
        let joined = self.in_turn(|| {
            let env: Table = self.room.call(())?;
            env.set_safeenv(true);
            let chunk = self.chunk.deep_clone()?;
            chunk.set_environment(env.clone())?;
            self.heap.limit(&self.lua)?;
            self.join.call((chunk, env))
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
        self.lua.used_memory()
    }

    /// The line in which a script went wrong that may have nothing left to say so itself.
    fn line_of(&self, member: &Table) -> Option<u32> {
        self.allowance.begin();
        self.line.call(member).ok()?
    }

    /// A turn of somebody, within what it may take.
    fn in_turn<T>(&self, act: impl FnOnce() -> mlua::Result<T>) -> Result<T, Failure> {
        self.allowance.begin();
        let members = self.member_count.load(Relaxed);
        let result = self.heap.begin(&self.lua, members).and_then(|()| act());
        let tidied = self.heap.end(&self.lua);
        // Whoever has caught the error has nevertheless gone too far.
        if let Some(wrong) = self.allowance.why_stopped() {
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
        let now = ops::tick(body.tick());
        let happened = body.events();
        let (kind, what) = herd.in_turn(|| {
            let events = (!happened.is_empty())
                .then(|| events(&herd.lua, &happened))
                .transpose()?;
            herd.lua.scope(|scope| {
                let op = scope
                    .create_function_mut(|lua, (op, a, b, c)| ops::act(lua, body, op, [a, b, c]))?;
                herd.heap.limit(&herd.lua)?;
                let wanted: (mlua::Value, mlua::Value) =
                    herd.drive.call((op, &self.table, now, events))?;
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
        self.herd.allowance.taken()
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

/// The prelude is the same for all, and compiled once.
fn prelude() -> &'static [u8] {
    static CODE: OnceLock<Vec<u8>> = OnceLock::new();
    CODE.get_or_init(|| {
        // With more optimisation, a function could be inlined, and the levels of errors would be wrong.
        let compiler = Compiler::new().set_optimization_level(1).set_debug_level(1);
        let code = compiler.compile(include_str!("prelude.luau"));
        code.expect("the prelude is a part of this program, and a test compiles it")
    })
}

/// What the prelude is given of this side.
fn host(lua: &Lua, allowance: &Arc<Allowance>, file: &str) -> mlua::Result<Table> {
    let host = lua.create_table()?;
    for (name, op) in ops::NAMES {
        host.set(name, op)?;
    }
    host.set("max_steps", RESUME_STEPS_MAX + 1)?;
    host.set("caught_steps", CAUGHT_STEPS)?;
    host.set("subject_bytes", SUBJECT_BYTES_MAX)?;
    host.set("timer_count", TIMER_COUNT_MAX)?;
    host.set("near_ticks", NEAR_TICKS)?;
    host.set("file", file)?;
    host.set("globals", lua.globals())?;
    let (allowance, file) = (allowance.clone(), file.to_owned());
    let charge = move |lua: &Lua, steps: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and NaN becomes 0"
        )]
        allowance.pay(lua, &file, steps as u32).map(|_| ())
    };
    host.set("charge", lua.create_function(charge)?)?;
    Ok(host)
}

/// What has happened to an entity, as the prelude hands it to handlers.
fn events(lua: &Lua, happened: &[Event]) -> mlua::Result<Table> {
    let list = lua.create_table_with_capacity(happened.len(), 0)?;
    let who = |name: &str| {
        let who = lua.create_table_with_capacity(0, 1)?;
        who.raw_set("name", name)?;
        Ok::<_, mlua::Error>(who)
    };
    for (index, event) in happened.iter().enumerate() {
        let entry = lua.create_table_with_capacity(4, 0)?;
        match event {
            Event::Set {
                by,
                attribute,
                value,
            } => {
                entry.raw_set(1, "on_set")?;
                entry.raw_set(2, who(by)?)?;
                entry.raw_set(3, attribute.as_str())?;
                entry.raw_set(4, values::to_lua(lua, value)?)?;
            }
            Event::Hit { by, amount } => {
                entry.raw_set(1, "on_hit")?;
                entry.raw_set(2, who(by)?)?;
                entry.raw_set(3, *amount)?;
            }
        }
        list.raw_set(index + 1, entry)?;
    }
    Ok(list)
}
