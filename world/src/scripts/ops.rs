//! What a script asks of its entity: each is one call of the one function that a turn lends to Lua. It does not know of turns.

use mlua::{IntoLua, Lua, Value as Of, Variadic};

use super::values;
use crate::{
    behaviours::{Body, Seen, Walk},
    position::Position,
};

/// What is asked, as a number.
pub(super) type Op = u8;

/// What the prelude calls them.
pub(super) const NAMES: [(&str, Op); 12] = [
    ("op_get", GET),
    ("op_set", SET),
    ("op_step", STEP),
    ("op_walk", WALK),
    ("op_look", LOOK),
    ("op_path", PATH),
    ("op_say", SAY),
    ("op_spawn", SPAWN),
    ("op_change", CHANGE),
    ("op_chance", CHANCE),
    ("op_is_clear", IS_CLEAR),
    ("op_request", REQUEST),
];

const GET: Op = 0;
const SET: Op = 1;
const STEP: Op = 2;
const WALK: Op = 3;
const LOOK: Op = 4;
const PATH: Op = 5;
const SAY: Op = 6;
const SPAWN: Op = 7;
const CHANGE: Op = 8;
const CHANCE: Op = 9;
const IS_CLEAR: Op = 10;
const REQUEST: Op = 11;

/// How many places of a path a script is given at most: from there, it asks again.
const PLACES_MAX: usize = 256;
/// What of an entity is no attribute.
const FIXED: [&str; 6] = ["name", "x", "y", "z", "home", "tick"];

/// Why it cannot be done, for whoever wrote the script.
type Answer = Result<Of, String>;

/// What comes of it, or why nothing does; and what there is more than one of.
pub(super) type Came = (Of, Option<String>, Variadic<Of>);

/// Does what is asked.
pub(super) fn act(lua: &Lua, body: &mut dyn Body, op: Op, args: [Of; 3]) -> mlua::Result<Came> {
    let one = |value| (value, None, Variadic::new());
    let answer = match op {
        GET => return get(lua, body, &args[0]).map(one),
        LOOK => match tiles(&args[0]) {
            Ok(radius) => return look(lua, body.look(radius)),
            Err(problem) => Err(problem),
        },
        PATH => match place(body, &args[0], &args[1]) {
            Ok(to) => return path(lua, body.path_to(to)).map(one),
            Err(problem) => Err(problem),
        },
        SPAWN => match spawn(body, &args) {
            Ok(name) => return name.into_lua(lua).map(one),
            Err(problem) => Err(problem),
        },
        SET => set(body, &args[0], &args[1]),
        STEP => step(body, &args[0], &args[1]),
        WALK => place(body, &args[0], &args[1]).map(|to| walked(body.walk(to))),
        IS_CLEAR => place(body, &args[0], &args[1]).map(|to| Of::Boolean(body.is_clear(to))),
        SAY => say(body, &args[0]),
        CHANGE => change_of(&args).map(|(target, attribute, by)| {
            body.change(&target, &attribute, by);
            Of::Nil
        }),
        REQUEST => change_of(&args).map(|(target, attribute, by)| {
            let number = body.request(&target, &attribute, by);
            self::number(number)
        }),
        _ => Ok(chance(body, &args[0])),
    };
    Ok(match answer {
        Ok(value) => one(value),
        Err(problem) => (Of::Nil, Some(problem), Variadic::new()),
    })
}

fn get(lua: &Lua, body: &dyn Body, name: &Of) -> mlua::Result<Of> {
    let Of::String(name) = name else {
        return Ok(Of::Nil);
    };
    let Ok(name) = name.to_str() else {
        return Ok(Of::Nil);
    };
    let here = || body.position();
    Ok(match &*name {
        "x" => Of::Number(here().x),
        "y" => Of::Number(here().y),
        "z" => Of::Number(f64::from(here().z)),
        "name" => body.name().into_lua(lua)?,
        "home" => Of::Table(at(lua, &body.home())?),
        "tick" => number(body.tick()),
        name => match body.attribute(name) {
            Some(value) => values::to_lua(lua, &value)?,
            None => Of::Nil,
        },
    })
}

/// A tick, or the number of a request.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact for the first ten million years"
)]
pub(super) fn number(number: u64) -> Of {
    Of::Number(number as f64)
}

fn set(body: &mut dyn Body, name: &Of, value: &Of) -> Answer {
    let name = text(name, "the name of an attribute")?;
    if FIXED.contains(&name.as_str()) {
        return Err(format!("{name} is no attribute that is set"));
    }
    body.set(&name, values::from_lua(value)?)?;
    Ok(Of::Nil)
}

fn step(body: &mut dyn Body, east: &Of, south: &Of) -> Answer {
    let here = body.position();
    let to = Position {
        x: here.x + tiles(east)?,
        y: here.y + tiles(south)?,
        z: here.z,
    };
    Ok(walked(body.walk(to)))
}

fn walked(walk: Walk) -> Of {
    Of::Integer(match walk {
        Walk::Arrived => 0,
        Walk::Going => 1,
        Walk::Blocked => 2,
    })
}

/// How many there are, and four values of each: the prelude makes tables of them, which costs it a quarter of what it would here.
fn look(lua: &Lua, seen: Vec<Seen>) -> mlua::Result<Came> {
    let count = Of::Number(f64::from(u32::try_from(seen.len()).unwrap_or(u32::MAX)));
    let mut values = Variadic::with_capacity(seen.len() * 4);
    for who in seen {
        values.push(who.name.into_lua(lua)?);
        values.push(Of::Number(who.position.x));
        values.push(Of::Number(who.position.y));
        values.push(Of::Boolean(who.is_player));
    }
    Ok((count, None, values))
}

fn path(lua: &Lua, path: Option<Vec<Position>>) -> mlua::Result<Of> {
    let Some(path) = path else {
        return Ok(Of::Nil);
    };
    let list = lua.create_table()?;
    for (index, place) in path.iter().take(PLACES_MAX).enumerate() {
        list.raw_set(index + 1, at(lua, place)?)?;
    }
    Ok(Of::Table(list))
}

fn at(lua: &Lua, place: &Position) -> mlua::Result<mlua::Table> {
    let entry = lua.create_table_with_capacity(0, 2)?;
    entry.raw_set("x", place.x)?;
    entry.raw_set("y", place.y)?;
    Ok(entry)
}

fn say(body: &mut dyn Body, said: &Of) -> Answer {
    body.say(&text(said, "a text")?);
    Ok(Of::Nil)
}

fn spawn(body: &mut dyn Body, args: &[Of; 3]) -> Result<String, String> {
    let template = text(&args[0], "the name of a template")?;
    let place = place(body, &args[1], &args[2])?;
    body.spawn(&template, place)
}

/// Whose attribute is to be changed, which, and by how much.
fn change_of(args: &[Of; 3]) -> Result<(String, String, wire::Value), String> {
    let target = match &args[0] {
        Of::Table(who) => text(&who.raw_get("name").unwrap_or(Of::Nil), "a name")?,
        name => text(name, "a name, or who was seen,")?,
    };
    let attribute = text(&args[1], "the name of an attribute")?;
    if values::number(&args[2]).is_none_or(f64::is_nan) {
        return Err("a number is needed to change it by".to_owned());
    }
    Ok((target, attribute, values::from_lua(&args[2])?))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and NaN becomes 0"
)]
fn chance(body: &mut dyn Body, bound: &Of) -> Of {
    let bound = values::number(bound).unwrap_or(0.0) as u32;
    Of::Number(f64::from(body.chance(bound)))
}

fn place(body: &dyn Body, x: &Of, y: &Of) -> Result<Position, String> {
    Ok(Position {
        x: tiles(x)?,
        y: tiles(y)?,
        z: body.position().z,
    })
}

/// A number of tiles that can be one.
fn tiles(value: &Of) -> Result<f64, String> {
    let number = values::number(value).filter(|number| number.is_finite());
    number.ok_or_else(|| format!("a number of tiles is needed, not a {}", value.type_name()))
}

fn text(value: &Of, what: &str) -> Result<String, String> {
    let text = match value {
        Of::String(text) => text.to_str().ok().map(|text| text.to_owned()),
        Of::Number(_) | Of::Integer(_) => value.to_string().ok(),
        _ => None,
    };
    text.ok_or_else(|| format!("{what} is needed, not a {}", value.type_name()))
}
