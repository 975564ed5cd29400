//! An attribute's value as Lua has it, and back. It does not know whose it is.
//!
//! Lua has one kind of number and one of container. A whole number becomes an `int`, so that what a script counts stays a number that one can count with;
//! a table is a `list` if it has a first element or none at all, and a `dict` otherwise, its keys in their order.

use mlua::Lua;
use wire::Value;

use super::limits::{VALUE_COUNT_MAX, VALUE_DEPTH_MAX};

/// Beyond this, whole numbers cannot be told from their neighbours.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// What a value cannot be.
const TOO_LARGE: &str = "a value of too many parts, or too deep";

/// A number of a script, whole or not.
#[expect(clippy::cast_precision_loss, reason = "Luau itself has them so")]
pub(super) fn number(value: &mlua::Value) -> Option<f64> {
    match value {
        mlua::Value::Integer(number) => Some(*number as f64),
        mlua::Value::Number(number) => Some(*number),
        _ => None,
    }
}

/// A value for a script. What is too large for it is nil in its place.
pub(super) fn to_lua(lua: &Lua, value: &Value) -> mlua::Result<mlua::Value> {
    let mut left = VALUE_COUNT_MAX;
    part_to_lua(lua, value, VALUE_DEPTH_MAX, &mut left)
}

/// A script's value.
///
/// # Errors
/// It is a function, a thread, no text in UTF-8, or too large.
pub(super) fn from_lua(value: &mlua::Value) -> Result<Value, String> {
    let mut left = VALUE_COUNT_MAX;
    part_from_lua(value, VALUE_DEPTH_MAX, &mut left)
}

fn part_to_lua(
    lua: &Lua,
    value: &Value,
    depth: usize,
    left: &mut usize,
) -> mlua::Result<mlua::Value> {
    if *left == 0 || depth == 0 {
        return Ok(mlua::Value::Nil);
    }
    *left -= 1;
    Ok(match value {
        Value::None => mlua::Value::Nil,
        Value::Bool(is) => mlua::Value::Boolean(*is),
        Value::Int(_) | Value::BigInt(_) | Value::Float(_) => {
            value.as_f64().map_or(mlua::Value::Nil, mlua::Value::Number)
        }
        Value::Str(text) => mlua::Value::String(lua.create_string(text)?),
        Value::Bytes(bytes) | Value::ByteArray(bytes) => {
            mlua::Value::String(lua.create_string(bytes)?)
        }
        Value::List(parts) | Value::Tuple(parts) | Value::Set(parts) | Value::FrozenSet(parts) => {
            let table = lua.create_table()?;
            for (index, part) in parts.iter().enumerate() {
                table.raw_set(index + 1, part_to_lua(lua, part, depth - 1, left)?)?;
            }
            mlua::Value::Table(table)
        }
        Value::Dict(entries) => {
            let table = lua.create_table()?;
            for (key, part) in entries {
                let key = part_to_lua(lua, key, 1, left)?;
                let is_key = !key.is_nil() && number(&key).is_none_or(|key| !key.is_nan());
                if is_key {
                    table.raw_set(key, part_to_lua(lua, part, depth - 1, left)?)?;
                }
            }
            mlua::Value::Table(table)
        }
    })
}

fn part_from_lua(value: &mlua::Value, depth: usize, left: &mut usize) -> Result<Value, String> {
    if *left == 0 || depth == 0 {
        return Err(TOO_LARGE.to_owned());
    }
    *left -= 1;
    match value {
        mlua::Value::Nil => Ok(Value::None),
        mlua::Value::Boolean(is) => Ok(Value::Bool(*is)),
        mlua::Value::Integer(number) => Ok(Value::Int(*number)),
        mlua::Value::Number(number) => Ok(from_number(*number)),
        mlua::Value::String(text) => match text.to_str() {
            Ok(text) => Ok(Value::Str(text.to_owned())),
            Err(_) => Err("a text that is not UTF-8".to_owned()),
        },
        mlua::Value::Table(table) => from_table(table, depth, left),
        other => Err(format!("a {} is no value", other.type_name())),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "it is whole, and exact in either form"
)]
fn from_number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= EXACT_MAX {
        Value::Int(number as i64)
    } else {
        Value::Float(number)
    }
}

fn from_table(table: &mlua::Table, depth: usize, left: &mut usize) -> Result<Value, String> {
    let length = table.raw_len();
    let mut entries = Vec::new();
    for pair in table.pairs::<mlua::Value, mlua::Value>() {
        let (key, part) = pair.map_err(|error| error.to_string())?;
        let key = part_from_lua(&key, 1, left)?;
        entries.push((key, part_from_lua(&part, depth - 1, left)?));
    }
    if entries.len() == length {
        entries.sort_by_key(|(key, _)| if let Value::Int(key) = key { *key } else { 0 });
        return Ok(Value::List(
            entries.into_iter().map(|(_, part)| part).collect(),
        ));
    }
    // The order in which Lua has them is no order.
    entries.sort_by_cached_key(|(key, _)| match key {
        Value::Str(text) => (1, text.clone()),
        other => (0, format!("{other:?}")),
    });
    Ok(Value::Dict(entries))
}
