//! Who may read and write which attribute, and what may be in it.

use wire::{Dialect, Value, command::Change, pickle};

use crate::{
    entity::{Attribute, EntityState},
    settings::{RESERVED, Settings, Writer},
};

/// The longest name of an attribute, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// The largest value of an attribute, pickled, in bytes: a chest of some hundred things.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// The most attributes of one entity, so that a row stays below some MiB and no client can fill a disk by names.
pub const ATTRIBUTE_COUNT_MAX: usize = 128;
/// The most bytes of all attributes of one entity together, pickled: what one commit writes.
pub const STATE_BYTES_MAX: usize = 128 * 1024;

/// Who asks, as far as rules care.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asker {
    /// Whether it is the entity itself.
    pub is_self: bool,
    /// Whether it is a game master.
    pub is_gm: bool,
    /// How far away it is, in tiles.
    pub distance: f64,
}

/// Why an attribute is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The rule does not let this asker.
    #[error("{0} is not for this character to set")]
    Writer(String),
    /// The rule does not let this value.
    #[error("{0}")]
    Value(String),
    /// A relative change of, or by, what is no number.
    #[error("a relative change of what is no number")]
    NotANumber,
    /// Too long a name, too large a value, too many attributes.
    #[error("over the limit of {0}")]
    Limit(&'static str),
}

/// Whether an asker may `get` an attribute.
#[must_use]
pub fn may_get(settings: &Settings, attribute: &str, asker: Asker) -> bool {
    asker.is_self || asker.is_gm || settings.rule(attribute).readable
}

/// What an attribute becomes by a `set`.
///
/// A game master may write what no rule reserves for [`Writer::Nobody`]; kind and bounds hold for all.
///
/// # Errors
/// Says what is against it.
pub fn change(
    state: &EntityState,
    settings: &Settings,
    attribute: &str,
    change: &Change,
    asker: Asker,
    now_ms: u64,
) -> Result<Attribute, Refusal> {
    let rule = settings.rule(attribute);
    let may_write = match rule.write {
        Writer::Owner => asker.is_self || asker.is_gm,
        Writer::Near(tiles) => asker.is_self || asker.is_gm || asker.distance <= tiles,
        Writer::Gm => asker.is_gm,
        Writer::Nobody => false,
    };
    if !may_write || RESERVED.contains(&attribute) {
        return Err(Refusal::Writer(attribute.to_owned()));
    }
    let value = match change {
        Change::To(value) => value.clone(),
        Change::By(number) => {
            let present = state
                .attribute(attribute, now_ms)
                .or(rule.default.as_ref())
                .unwrap_or(&Value::Int(0));
            if !present.is_number() {
                return Err(Refusal::NotANumber);
            }
            present
                .plus(number, pickle::INTEGER_BYTES_MAX as usize)
                .ok_or(Refusal::NotANumber)?
        }
    };
    rule.admits(&value).map_err(Refusal::Value)?;
    check_size(state, attribute, &value)?;
    Ok(Attribute {
        value,
        expires_ms: rule.ttl_ms.map(|ttl_ms| now_ms.saturating_add(ttl_ms)),
    })
}

/// Whether a value has room among the attributes of an entity.
///
/// # Errors
/// Names the limit.
pub fn check_size(state: &EntityState, attribute: &str, value: &Value) -> Result<(), Refusal> {
    let size = |value: &Value| pickle::encode(value, Dialect::Four).len();
    let value_bytes = size(value);
    if attribute.is_empty() || attribute.len() > NAME_BYTES_MAX {
        return Err(Refusal::Limit("bytes of an attribute's name"));
    }
    if value_bytes > VALUE_BYTES_MAX {
        return Err(Refusal::Limit("bytes of a value"));
    }
    if !state.attributes.contains_key(attribute) && state.attributes.len() >= ATTRIBUTE_COUNT_MAX {
        return Err(Refusal::Limit("attributes of an entity"));
    }
    // Small values cannot come to too much together, and most values are small.
    if value_bytes * ATTRIBUTE_COUNT_MAX > STATE_BYTES_MAX {
        let others = state
            .attributes
            .iter()
            .filter(|(name, _)| *name != attribute);
        if others.map(|(_, other)| size(&other.value)).sum::<usize>() + value_bytes
            > STATE_BYTES_MAX
        {
            return Err(Refusal::Limit("bytes of an entity"));
        }
    }
    Ok(())
}

/// The attributes that `update` shows, by name, `visual` first; there is always a `visual`.
#[must_use]
pub fn visible(state: &EntityState, settings: &Settings, now_ms: u64) -> Value {
    let text = |text: &str| Value::Str(text.to_owned());
    let visual = state
        .attribute("visual", now_ms)
        .cloned()
        .unwrap_or_else(|| text("player"));
    let shown = state
        .attributes
        .iter()
        .filter(|(name, attribute)| {
            *name != "visual" && attribute.is_alive(now_ms) && settings.rule(name).visible
        })
        .map(|(name, attribute)| (text(name), attribute.value.clone()));
    Value::Dict(
        std::iter::once((text("visual"), visual))
            .chain(shown)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Position;

    const SELF: Asker = Asker {
        is_self: true,
        is_gm: false,
        distance: 0.0,
    };
    const NEAR: Asker = Asker {
        is_self: false,
        is_gm: false,
        distance: 2.0,
    };
    const FAR: Asker = Asker {
        is_self: false,
        is_gm: false,
        distance: 9.0,
    };
    const GM: Asker = Asker {
        is_self: false,
        is_gm: true,
        distance: 9.0,
    };

    fn world() -> (Settings, EntityState) {
        let settings = Settings::parse(
            "[attributes.gold]\ntype='int'\nmin=0\nmax=100\ndefault=10\nwrite={near=3}\n[attributes.hp]\nwrite='gm'\nget=false\n[attributes.fate]\nwrite='nobody'\n[attributes.say]\nvisible=true\nttl='5s'",
        )
        .unwrap();
        (
            settings,
            EntityState::at(Position {
                x: 0.0,
                y: 0.0,
                z: 0,
            }),
        )
    }

    fn try_change(attribute: &str, by: Change, asker: Asker) -> Option<Value> {
        let (settings, state) = world();
        change(&state, &settings, attribute, &by, asker, 1_000)
            .ok()
            .map(|attribute| attribute.value)
    }

    #[test]
    fn rules_decide_who_writes_what() {
        let to = |number| Change::To(Value::Int(number));
        let by = |number| Change::By(Value::Int(number));
        let cases = [
            ("gold", to(5), SELF, Some(5)),
            ("gold", to(5), NEAR, Some(5)),
            ("gold", to(5), FAR, None),
            ("gold", to(5), GM, Some(5)),
            ("gold", to(-1), SELF, None),
            ("gold", to(101), GM, None),
            ("gold", by(5), SELF, Some(15)),
            ("gold", by(-11), SELF, None),
            ("hp", to(1), SELF, None),
            ("hp", to(1), GM, Some(1)),
            ("fate", to(1), GM, None),
            ("mood", to(1), SELF, Some(1)),
            ("mood", by(1), SELF, Some(1)),
            ("mood", to(1), NEAR, None),
            ("pos", to(1), GM, None),
            ("name", to(1), SELF, None),
            ("role", to(1), GM, None),
        ];
        for (attribute, change, asker, expected) in cases {
            assert_eq!(
                try_change(attribute, change.clone(), asker),
                expected.map(Value::Int),
                "{attribute} {change:?} {asker:?}"
            );
        }
        assert_eq!(
            try_change("gold", Change::To(Value::Float(1.0)), SELF),
            None
        );
        assert_eq!(
            try_change("gold", Change::By(Value::Float(0.5)), SELF),
            None
        );
    }

    #[test]
    fn what_is_said_is_gone_after_its_time_and_what_is_secret_is_not_told() {
        let (settings, mut state) = world();
        let said = change(
            &state,
            &settings,
            "say",
            &Change::To(Value::Str("hi".to_owned())),
            SELF,
            1_000,
        )
        .unwrap();
        assert_eq!(said.expires_ms, Some(6_000));
        state.attributes.insert("say".to_owned(), said);
        state
            .attributes
            .insert("hp".to_owned(), Attribute::lasting(Value::Int(3)));
        assert!(visible(&state, &settings, 5_999).get("say").is_some());
        assert!(visible(&state, &settings, 6_000).get("say").is_none());
        assert!(visible(&state, &settings, 0).get("hp").is_none());
        assert!(
            may_get(&settings, "hp", SELF)
                && may_get(&settings, "hp", GM)
                && !may_get(&settings, "hp", NEAR)
        );
        assert!(may_get(&settings, "mood", FAR));
    }

    #[test]
    fn an_entity_holds_so_much_and_no_more() {
        let (settings, mut state) = world();
        let write = |state: &EntityState, name: &str, bytes| {
            change(
                state,
                &settings,
                name,
                &Change::To(Value::Bytes(vec![0; bytes])),
                SELF,
                0,
            )
        };
        assert_eq!(
            write(&state, "big", VALUE_BYTES_MAX),
            Err(Refusal::Limit("bytes of a value"))
        );
        assert_eq!(
            write(&state, &"n".repeat(65), 1),
            Err(Refusal::Limit("bytes of an attribute's name"))
        );
        for count in 0.. {
            match write(&state, &format!("a{count}"), 16_000) {
                Ok(attribute) => state.attributes.insert(format!("a{count}"), attribute),
                Err(refusal) => {
                    assert_eq!((refusal, count), (Refusal::Limit("bytes of an entity"), 8));
                    break;
                }
            };
        }
        state.attributes.clear();
        for count in 0..ATTRIBUTE_COUNT_MAX {
            state
                .attributes
                .insert(count.to_string(), write(&state, "x", 1).unwrap());
        }
        assert_eq!(
            write(&state, "x", 1),
            Err(Refusal::Limit("attributes of an entity"))
        );
        assert!(write(&state, "0", 1).is_ok());
    }
}
