//! Who may read and write which attribute, and what it may be. It does not know how a change is stored or told.

use wire::{
    Dialect, Value,
    command::Change,
    pickle::{self, INTEGER_BYTES_MAX},
};

use crate::{
    entity::{Attribute, EntityState},
    position::Position,
    settings::{RESERVED, Settings, Writer},
};

/// The most attributes of one entity: beyond any character sheet, and a row stays small.
pub const ATTRIBUTE_COUNT_MAX: usize = 256;
/// The longest name of an attribute, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// The largest value, in bytes of its pickle.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// All values of an entity together, in bytes of their pickles: what each save of the entity writes.
pub const STATE_BYTES_MAX: usize = 64 * 1024;
/// All values that `update` shows of an entity together, in bytes of their pickles: everybody in view is sent them.
pub const SHOWN_BYTES_MAX: usize = 4 * 1024;

/// Who asks, as far as the rules look at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct By {
    /// Whether the entity is the asker's own character.
    pub is_self: bool,
    /// Whether the asker is a game master.
    pub is_gm: bool,
    /// Where the asker's character is.
    pub position: Position,
}

/// Why an attribute is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `pos`, `name` and `role` are no attributes that are set.
    #[error("the attribute is not set this way")]
    Reserved,
    /// The rule lets others write it, or the writer is too far away.
    #[error("the attribute is not the asker's to write")]
    NotAllowed,
    /// Not of the rule's kind, or out of its bounds.
    #[error("the rule does not admit the value")]
    NotAdmitted,
    /// A relative change of what is no number.
    #[error("a relative change needs a number")]
    NoNumber,
    /// Over one of this module's limits.
    #[error("the attribute is too large, or one too many")]
    TooLarge,
}

/// Changes an attribute, if the rules let the asker.
///
/// # Errors
/// Says which rule is against it; nothing is changed then.
pub fn change(
    state: &mut EntityState,
    settings: &Settings,
    name: &str,
    change: &Change,
    by: By,
    now_ms: u64,
) -> Result<(), Refusal> {
    if RESERVED.contains(&name) {
        return Err(Refusal::Reserved);
    }
    let rule = settings.rule(name);
    if !may_write(rule.write, &by, state.position) {
        return Err(Refusal::NotAllowed);
    }
    let value = match change {
        Change::To(value) => value.clone(),
        Change::By(step) => {
            let zero = Value::Int(0);
            let base = state
                .attribute(name, now_ms)
                .or(rule.default.as_ref())
                .unwrap_or(&zero);
            base.plus(step, INTEGER_BYTES_MAX as usize)
                .ok_or(Refusal::NoNumber)?
        }
    };
    put(state, settings, name, value, now_ms)
}

/// Gives an attribute a value that its rule admits, whoever asks: for what an entity begins with.
///
/// # Errors
/// Says which rule is against it; nothing is changed then.
pub fn put(
    state: &mut EntityState,
    settings: &Settings,
    name: &str,
    value: Value,
    now_ms: u64,
) -> Result<(), Refusal> {
    if RESERVED.contains(&name) {
        return Err(Refusal::Reserved);
    }
    let rule = settings.rule(name);
    rule.admits(&value).map_err(|_| Refusal::NotAdmitted)?;
    if name.len() > NAME_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    let expires_ms = rule.ttl_ms.map(|ttl_ms| now_ms.saturating_add(ttl_ms));
    let old = state
        .attributes
        .insert(name.to_owned(), Attribute { value, expires_ms });
    let old_bytes = old.as_ref().map(|old| bytes_of(name, old));
    if fits(state, settings, name, old_bytes) {
        return Ok(());
    }
    match old {
        Some(old) => state.attributes.insert(name.to_owned(), old),
        None => state.attributes.remove(name),
    };
    Err(Refusal::TooLarge)
}

/// What the asker is told of an attribute. `pos`, `name` and `role` are the caller's to answer.
#[must_use]
pub fn read<'s>(
    state: &'s EntityState,
    settings: &Settings,
    name: &str,
    by: By,
    now_ms: u64,
) -> Option<&'s Value> {
    (by.is_self || by.is_gm || settings.rule(name).readable)
        .then(|| state.attribute(name, now_ms))
        .flatten()
}

/// The dict that `update` shows of an entity, pickled, without `pos` and `name`: `visual` first, then the others by name.
#[must_use]
pub fn shown(state: &EntityState, settings: &Settings, now_ms: u64) -> Vec<u8> {
    const FIRST: &str = "visual";
    let entry = |name: &str| {
        let value = state.attribute(name, now_ms)?.clone();
        Some((Value::Str(name.to_owned()), value))
    };
    let others = state
        .attributes
        .keys()
        .filter(|name| *name != FIRST && settings.rule(name).visible)
        .filter_map(|name| entry(name));
    let visual = entry(FIRST).unwrap_or_else(|| (Value::Str(FIRST.to_owned()), Value::None));
    let first = settings.rule(FIRST).visible.then_some(visual);
    pickle::encode(
        &Value::Dict(first.into_iter().chain(others).collect()),
        Dialect::Four,
    )
}

/// Takes out what has ceased to be; whether there was anything.
pub fn expire(state: &mut EntityState, now_ms: u64) -> bool {
    let before = state.attributes.len();
    state
        .attributes
        .retain(|_, attribute| attribute.is_alive(now_ms));
    state.attributes.len() != before
}

/// A game master may write whatever is anybody's to write; what is nobody's is the world's.
fn may_write(writer: Writer, by: &By, target: Position) -> bool {
    match writer {
        Writer::Nobody => false,
        _ if by.is_gm => true,
        Writer::Owner => by.is_self,
        Writer::Near(distance) => by.is_self || by.position.distance(&target) <= distance,
        Writer::Gm => false,
    }
}

/// Whether an entity keeps the limits with the attribute that has just been put into it. One that has not grown is no reason to refuse it: what is
/// shown may have been made more by other rules since, and must not lock the entity up.
fn fits(state: &EntityState, settings: &Settings, name: &str, old_bytes: Option<usize>) -> bool {
    let (mut all, mut shown, mut own) = (0, 0, 0);
    for (other, attribute) in &state.attributes {
        let bytes = bytes_of(other, attribute);
        all += bytes;
        if settings.rule(other).visible {
            shown += bytes;
        }
        if other == name {
            own = bytes;
        }
    }
    let has_grown = old_bytes.is_none_or(|old_bytes| own > old_bytes);
    let is_within = state.attributes.len() <= ATTRIBUTE_COUNT_MAX
        && all <= STATE_BYTES_MAX
        && (shown <= SHOWN_BYTES_MAX || !settings.rule(name).visible);
    own <= VALUE_BYTES_MAX && (is_within || !has_grown)
}

fn bytes_of(name: &str, attribute: &Attribute) -> usize {
    name.len() + pickle::encode(&attribute.value, Dialect::Four).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = r#"
[attributes.hp]
type = "int"
min = 0
max = 100
default = 100
write = { near = 3 }
[attributes.say]
type = "str"
visible = true
ttl = "5s"
[attributes.title]
write = "gm"
visible = true
[attributes.fate]
write = "nobody"
[attributes.diary]
get = false
"#;

    fn by(is_self: bool, is_gm: bool, x: f64) -> By {
        let position = Position { x, y: 0.0, z: 0 };
        By {
            is_self,
            is_gm,
            position,
        }
    }

    const fn at_origin() -> Position {
        Position {
            x: 0.0,
            y: 0.0,
            z: 0,
        }
    }

    fn text(text: &str) -> Value {
        Value::Str(text.to_owned())
    }

    #[test]
    fn rules_of_writing() {
        let settings = Settings::parse(SETTINGS).unwrap();
        let (own, gm) = (by(true, false, 0.0), by(false, true, 900.0));
        let (near, far) = (by(false, false, 3.0), by(false, false, 3.1));
        let to = |value: Value| Change::To(value);
        let cases = [
            ("gold", to(Value::Int(5)), own, Ok(())),
            ("gold", to(Value::Int(5)), near, Err(Refusal::NotAllowed)),
            ("gold", to(Value::Int(5)), gm, Ok(())),
            ("hp", to(Value::Int(5)), near, Ok(())),
            ("hp", to(Value::Int(5)), far, Err(Refusal::NotAllowed)),
            ("hp", to(Value::Int(101)), near, Err(Refusal::NotAdmitted)),
            ("hp", to(Value::Bool(true)), near, Err(Refusal::NotAdmitted)),
            ("hp", Change::By(Value::Int(-100)), near, Ok(())),
            (
                "hp",
                Change::By(Value::Int(-101)),
                near,
                Err(Refusal::NotAdmitted),
            ),
            (
                "hp",
                Change::By(Value::Float(-0.5)),
                near,
                Err(Refusal::NotAdmitted),
            ),
            ("title", to(text("Sir")), own, Err(Refusal::NotAllowed)),
            ("title", to(text("Sir")), gm, Ok(())),
            ("fate", to(Value::None), gm, Err(Refusal::NotAllowed)),
            ("pos", to(Value::None), gm, Err(Refusal::Reserved)),
            ("name", to(text("x")), own, Err(Refusal::Reserved)),
            ("role", to(text("gm")), own, Err(Refusal::Reserved)),
            (
                "diary",
                Change::By(Value::Int(1)),
                own,
                Err(Refusal::NoNumber),
            ),
            (
                "flag",
                Change::By(Value::Int(1)),
                own,
                Err(Refusal::NoNumber),
            ),
            ("count", Change::By(Value::Int(1)), own, Ok(())),
        ];
        for (name, asked, by, expected) in cases {
            let mut state = EntityState::at(at_origin());
            state
                .attributes
                .insert("diary".to_owned(), Attribute::lasting(text("dear")));
            state
                .attributes
                .insert("flag".to_owned(), Attribute::lasting(Value::Bool(true)));
            let before = state.clone();
            let result = change(&mut state, &settings, name, &asked, by, 0);
            assert_eq!(result, expected, "{name} {asked:?} {by:?}");
            if expected.is_err() {
                assert_eq!(state, before, "{name}");
            }
        }
    }

    #[test]
    fn a_relative_change_starts_at_the_default() {
        let settings = Settings::parse(SETTINGS).unwrap();
        let mut state = EntityState::at(at_origin());
        let own = by(true, false, 0.0);
        for (name, expected) in [("hp", 97), ("count", -3)] {
            change(
                &mut state,
                &settings,
                name,
                &Change::By(Value::Int(-3)),
                own,
                0,
            )
            .unwrap();
            assert_eq!(state.attribute(name, 0), Some(&Value::Int(expected)));
        }
    }

    #[test]
    fn what_lives_for_a_time_is_gone_after_it() {
        let settings = Settings::parse(SETTINGS).unwrap();
        let mut state = EntityState::at(at_origin());
        put(&mut state, &settings, "say", text("hello"), 1_000).unwrap();
        let shows = |state: &EntityState, now_ms| {
            let dict =
                pickle::load(&shown(state, &settings, now_ms), &pickle::Limits::default()).unwrap();
            dict.get("say").cloned()
        };
        assert_eq!(shows(&state, 5_999), Some(text("hello")));
        assert_eq!(shows(&state, 6_000), None);
        assert!(!expire(&mut state, 5_999));
        assert!(expire(&mut state, 6_000));
        assert!(state.attributes.is_empty());
    }

    #[test]
    fn sizes_are_bounded() {
        let settings = Settings::parse(SETTINGS).unwrap();
        let bytes = |count: usize| Value::Bytes(vec![0; count]);
        let mut state = EntityState::at(at_origin());
        let mut put = |name: &str, value| put(&mut state, &settings, name, value, 0);
        assert_eq!(
            put("a", bytes(VALUE_BYTES_MAX)),
            Err(Refusal::TooLarge),
            "with its header"
        );
        assert_eq!(put("a", bytes(VALUE_BYTES_MAX - 100)), Ok(()));
        assert_eq!(put(&"n".repeat(65), Value::None), Err(Refusal::TooLarge));
        assert_eq!(
            put("visual", bytes(SHOWN_BYTES_MAX)),
            Err(Refusal::TooLarge)
        );
        for name in ["b", "c", "d"] {
            assert_eq!(put(name, bytes(VALUE_BYTES_MAX - 100)), Ok(()));
        }
        assert_eq!(put("e", bytes(1_000)), Err(Refusal::TooLarge));
        let mut small = EntityState::at(at_origin());
        for index in 0..=ATTRIBUTE_COUNT_MAX {
            let result = super::put(&mut small, &settings, &index.to_string(), Value::None, 0);
            assert_eq!(result.is_ok(), index < ATTRIBUTE_COUNT_MAX, "{index}");
        }
    }

    #[test]
    fn rules_that_come_later_lock_nothing_up() {
        let mut settings = Settings::parse(SETTINGS).unwrap();
        let bytes = |count: usize| Value::Bytes(vec![0; count]);
        let mut state = EntityState::at(at_origin());
        put(&mut state, &settings, "diary", bytes(9_000), 0).unwrap();
        settings.attributes.get_mut("diary").unwrap().visible = true;
        let mut put = |name: &str, value| put(&mut state, &settings, name, value, 0);
        assert_eq!(put("hp", Value::Int(5)), Ok(()));
        assert_eq!(put("diary", bytes(9_001)), Err(Refusal::TooLarge));
        assert_eq!(put("title", text("Sir")), Err(Refusal::TooLarge));
        assert_eq!(put("diary", bytes(8_000)), Ok(()));
        assert_eq!(put("diary", bytes(9_000)), Err(Refusal::TooLarge));
    }

    #[test]
    fn only_the_entity_itself_and_masters_read_what_is_private() {
        let settings = Settings::parse(SETTINGS).unwrap();
        let mut state = EntityState::at(at_origin());
        put(&mut state, &settings, "diary", text("dear"), 0).unwrap();
        put(&mut state, &settings, "hp", Value::Int(1), 0).unwrap();
        let sees = |name, by| read(&state, &settings, name, by, 0).is_some();
        assert!(sees("diary", by(true, false, 0.0)) && sees("diary", by(false, true, 0.0)));
        assert!(!sees("diary", by(false, false, 0.0)) && sees("hp", by(false, false, 0.0)));
    }
}
