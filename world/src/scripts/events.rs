//! What has happened to an entity, as its script's handlers, and who waits for an answer, are given it. It does not know when they run.

use mlua::{Lua, Table};

use super::{ops, values};
use crate::behaviours::Event;

/// A list of handlers' names, each with what the handler is called with.
pub(super) fn to_lua(lua: &Lua, happened: &[Event]) -> mlua::Result<Table> {
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
            Event::Answered { number, done } => {
                entry.raw_set(1, "answered")?;
                entry.raw_set(2, ops::number(*number))?;
                entry.raw_set(3, *done)?;
            }
        }
        list.raw_set(index + 1, entry)?;
    }
    Ok(list)
}
