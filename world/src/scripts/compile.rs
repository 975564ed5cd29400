//! From a script's text to code, and what is wrong with it.

use mlua::chunk::Compiler;

use super::{herd::Herd, set::Script};

/// What is wrong, and in which line.
pub(super) type Wrong = (Option<u32>, String);

/// What the prelude replaces: a call of one of these is a call, not an instruction.
const REPLACED: [&str; 6] = [
    "tostring",
    "string.sub",
    "table.insert",
    "table.unpack",
    "unpack",
    "math.random",
];

/// The code of a script.
pub(super) fn code(file: &str, text: &str) -> Result<Vec<u8>, Wrong> {
    // With more optimisation, a small text could become very much code.
    let compiler = Compiler::new()
        .set_optimization_level(1)
        .set_debug_level(1)
        .set_disabled_builtins(REPLACED);
    compiler.compile(text).map_err(|error| wrong(file, &error))
}

/// Runs the top of a script once, without an entity, as each entity does that has it.
pub(super) fn tried(script: &Script) -> Result<(), Wrong> {
    let herd = Herd::new(script.clone(), None)?;
    herd.join().map(drop).map_err(|failure| failure.wrong)
}

/// What an error of Lua says, without what only whoever debugs this crate can use.
pub(super) fn wrong(file: &str, error: &mlua::Error) -> Wrong {
    match error {
        mlua::Error::SyntaxError { message, .. } => {
            placed(file, &format!("{file}:{}", message.trim_start_matches(':')))
        }
        mlua::Error::RuntimeError(message) | mlua::Error::MemoryError(message) => {
            placed(file, message)
        }
        mlua::Error::CallbackError { cause, .. } => wrong(file, cause),
        other => (None, other.to_string()),
    }
}

/// Takes a text's place out of it: `FILE:LINE: TEXT`, or `:LINE: TEXT`.
pub(super) fn placed(file: &str, message: &str) -> Wrong {
    let text = message.split("\nstack traceback:").next();
    let text = text.unwrap_or(message).trim_end();
    let rest = text.strip_prefix(file).unwrap_or(text);
    let found = rest.strip_prefix(':').and_then(|rest| {
        let (line, text) = rest.split_once(':')?;
        Some((line.parse().ok()?, text.trim_start().to_owned()))
    });
    found.map_or_else(
        || (None, text.to_owned()),
        |(line, text)| (Some(line), text),
    )
}
