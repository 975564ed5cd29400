//! A Lua state for one script: the prelude and the script are loaded, and nothing else is there. It does not know who runs it.

use std::sync::{Arc, OnceLock};

use mlua::{
    Function, Lua, LuaOptions, LuaString, StdLib, Table,
    chunk::{ChunkMode, Compiler},
};

use super::{
    allowance::{Allowance, Watch},
    limits::{ANSWER_TICKS, CAUGHT_STEPS, RESUME_STEPS_MAX, SUBJECT_BYTES_MAX, TIMER_COUNT_MAX},
    ops,
    set::Script,
};

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

/// The text of the prelude.
const PRELUDE_TEXT: &str = concat!(
    include_str!("prelude/libraries.luau"),
    include_str!("prelude/entity.luau"),
    include_str!("prelude/driver.luau"),
);

/// What a herd calls.
pub(super) struct State {
    pub(super) lua: Lua,
    /// The script, which each entity has a clone of.
    pub(super) chunk: Function,
    /// Makes the globals of an entity.
    pub(super) room: Function,
    /// Runs the top of the script for an entity.
    pub(super) join: Function,
    /// Lets an entity's script go on.
    pub(super) drive: Function,
    /// Finds the line in which an entity's script went wrong.
    pub(super) line: Function,
    pub(super) allowance: Arc<Allowance>,
}

impl State {
    pub(super) fn new(script: &Script, watch: Option<Watch>) -> mlua::Result<Self> {
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
        Ok(Self {
            chunk,
            room: made.get("room")?,
            join: made.get("join")?,
            drive: made.get("drive")?,
            line: made.get("line")?,
            lua,
            allowance,
        })
    }
}

/// The prelude is the same for all, and compiled once.
fn prelude() -> &'static [u8] {
    static CODE: OnceLock<Vec<u8>> = OnceLock::new();
    CODE.get_or_init(|| {
        // With more optimisation, a function could be inlined, and the levels of errors would be wrong.
        let compiler = Compiler::new().set_optimization_level(1).set_debug_level(1);
        let code = compiler.compile(PRELUDE_TEXT);
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
    host.set("answer_ticks", ANSWER_TICKS)?;
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
