//! The numbers of a behaviour: what was written behind its name, else the entity's attribute of that name, else a constant. Attributes are
//! read when they are needed, so that whoever changes one changes the entity's ways.

use wire::Value;

use super::Body;

/// A number that a behaviour can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// How far from its home it goes, in tiles.
    Leash,
    /// How near somebody has to be for it to notice, in tiles along each axis.
    Radius,
    /// How far from its home it wanders while nothing happens, in tiles; 0: it stands.
    Wander,
    /// How much `hp` it takes with a hit.
    Damage,
    /// How near it has to be to hit, in tiles.
    Reach,
    /// How long it waits between two hits, or before it greets the same person again, in milliseconds.
    Cooldown,
}

impl Parameter {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 6] = [
        Self::Leash,
        Self::Radius,
        Self::Wander,
        Self::Damage,
        Self::Reach,
        Self::Cooldown,
    ];

    /// What designers call it, and the name of the attribute.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Leash => "leash",
            Self::Radius => "radius",
            Self::Wander => "wander",
            Self::Damage => "damage",
            Self::Reach => "reach",
            Self::Cooldown => "cooldown",
        }
    }

    /// The most that it may be; the least is 0. Distances end where no view reaches.
    #[must_use]
    pub fn max(self) -> f64 {
        match self {
            Self::Leash | Self::Radius | Self::Wander | Self::Reach => 256.0,
            Self::Damage => 1e9,
            Self::Cooldown => 3_600_000.0,
        }
    }
}

/// The numbers that were written behind a behaviour's name.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Numbers([Option<f64>; Parameter::ALL.len()]);

impl Numbers {
    /// What was written for a parameter.
    #[must_use]
    pub fn written(&self, parameter: Parameter) -> Option<f64> {
        self.0[parameter as usize]
    }

    pub(super) fn write(&mut self, parameter: Parameter, number: f64) {
        self.0[parameter as usize] = Some(number);
    }

    /// What holds for an entity. An attribute that is no number in the parameter's bounds counts as the nearest that is, or as none.
    pub(super) fn of(&self, body: &dyn Body, parameter: Parameter, default: f64) -> f64 {
        let attribute = || {
            let number = number(&body.attribute(parameter.name())?)?;
            (!number.is_nan()).then(|| number.clamp(0.0, parameter.max()))
        };
        self.written(parameter)
            .or_else(attribute)
            .unwrap_or(default)
    }

    /// A number of milliseconds, as ticks; never none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and the parameter's maximum"
    )]
    pub(super) fn ticks_of(&self, body: &dyn Body, parameter: Parameter, default_ms: f64) -> u64 {
        let ticks = self.of(body, parameter, default_ms) / TICK_MS;
        (ticks.round() as u64).max(1)
    }
}

/// How long a tick is.
const TICK_MS: f64 = 50.0;

/// A number, however its designer typed it.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Str(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    }
}
