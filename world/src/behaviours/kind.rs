//! Which behaviours there are, and how designers write them: the `behaviour` property in Tiled and in templates, and the last part of `edit spawn`.

use std::sync::Arc;

use super::{
    Behaviour, Body, Numbers, Parameter, chase::Hunter, flee::Flee, merchant::Merchant,
    patrol::Patrol, wander::Wander,
};
use crate::{scheduler::Step, terrain::Path};

/// A behaviour, as it is written: `wander`, `chase radius=8 leash=20`, `patrol path=round`, `quest.lua`.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Stands where it was put.
    Stand,
    /// Goes here and there within its leash.
    Wander(Numbers),
    /// Walks along the path of this name; None: of the name that is its attribute `path`.
    Patrol(Option<String>),
    /// Runs away from players who come near.
    Flee(Numbers),
    /// Goes for players who come near, and hits them.
    Chase(Numbers),
    /// Stands at its post, and goes for whoever comes near it or hits it.
    Guard(Numbers),
    /// Turns to players who come near, and says its `line`.
    Merchant(Numbers),
    /// Does what the script of this name says, which has no ending: not ours.
    Script(String),
}

use Parameter::{Cooldown, Damage, Leash, Radius, Reach};

const HUNT: [Parameter; 6] = [Radius, Leash, Damage, Reach, Cooldown, Parameter::Wander];

/// What each can be given.
const ALLOWED: [(&str, &[Parameter]); 7] = [
    ("stand", &[]),
    ("wander", &[Leash]),
    ("patrol", &[]),
    ("flee", &[Radius, Leash, Parameter::Wander]),
    ("chase", &HUNT),
    ("guard", &HUNT),
    ("merchant", &[Radius, Cooldown]),
];

/// The parameter of `patrol`, which is no number.
const PATH: &str = "path";

/// What is wrong with how a behaviour is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no behaviour.
    #[error("there is no behaviour {0:?}; there are {all}, and scripts: NAME.lua", all = names())]
    Unknown(String),
    /// A part of it is no parameter of it.
    #[error("{kind} has no parameter {part:?}; {allowed}", allowed = allowed(.kind))]
    Parameter {
        /// The behaviour.
        kind: String,
        /// The part.
        part: String,
    },
    /// A parameter is given twice.
    #[error("{0} is there twice")]
    Twice(String),
    /// A parameter's value will not do.
    #[error("{parameter}={text} is no number from 0 to {max}")]
    Number {
        /// The parameter.
        parameter: &'static str,
        /// Its value, as it is written.
        text: String,
        /// The most that it may be.
        max: String,
    },
    /// A script has no good name, or something behind it.
    #[error("{0:?} is no script: write NAME.lua or script NAME")]
    Script(String),
}

impl Kind {
    /// Reads a name, and behind it parameters such as `leash=5`, all apart by spaces.
    ///
    /// # Errors
    /// What is wrong, and what is allowed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        if name == "script" || name.ends_with(".lua") {
            return script(text);
        }
        let Some((name, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            return Err(Error::Unknown(name.to_owned()));
        };
        let mut numbers = Numbers::default();
        let mut path = None;
        for word in words {
            let is = |name: &str, key: &str| name == key;
            let wrong = || Error::Parameter {
                kind: (*name).to_owned(),
                part: word.to_owned(),
            };
            let (key, value) = word.split_once('=').ok_or_else(wrong)?;
            if is(name, "patrol") && is(key, PATH) && !value.is_empty() {
                if path.replace(value.to_owned()).is_some() {
                    return Err(Error::Twice(PATH.to_owned()));
                }
                continue;
            }
            let parameter = allowed.iter().find(|parameter| is(key, parameter.name()));
            let parameter = *parameter.ok_or_else(wrong)?;
            if numbers.written(parameter).is_some() {
                return Err(Error::Twice(key.to_owned()));
            }
            numbers.write(parameter, number(parameter, value)?);
        }
        Ok(match *name {
            "wander" => Self::Wander(numbers),
            "patrol" => Self::Patrol(path),
            "flee" => Self::Flee(numbers),
            "chase" => Self::Chase(numbers),
            "guard" => Self::Guard(numbers),
            "merchant" => Self::Merchant(numbers),
            _ => Self::Stand,
        })
    }

    /// Its name, without parameters; a script's own. It is what uthreads are counted by.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Stand => "stand",
            Self::Wander(_) => "wander",
            Self::Patrol(_) => "patrol",
            Self::Flee(_) => "flee",
            Self::Chase(_) => "chase",
            Self::Guard(_) => "guard",
            Self::Merchant(_) => "merchant",
            Self::Script(name) => name,
        }
    }

    /// The name of the path that an entity needs for it, whose attribute `path` is given; None: it needs none, or has none.
    #[must_use]
    pub fn path<'a>(&'a self, attribute: Option<&'a str>) -> Option<&'a str> {
        match self {
            Self::Patrol(path) => path.as_deref().or(attribute),
            _ => None,
        }
    }

    /// The behaviour itself, of one entity, along the path that [`Kind::path`] names; None: it is a script. A patrol without a path stands.
    #[must_use]
    pub fn behaviour(&self, path: Option<Arc<Path>>) -> Option<Box<dyn Behaviour>> {
        Some(match self {
            Self::Stand => Box::new(Stand),
            Self::Wander(numbers) => Box::new(Wander::new(*numbers)),
            Self::Patrol(_) => match path.filter(|path| !path.points.is_empty()) {
                Some(path) => Box::new(Patrol::new(path)),
                None => Box::new(Stand),
            },
            Self::Flee(numbers) => Box::new(Flee::new(*numbers)),
            Self::Chase(numbers) => Box::new(Hunter::chaser(*numbers)),
            Self::Guard(numbers) => Box::new(Hunter::guard(*numbers)),
            Self::Merchant(numbers) => Box::new(Merchant::new(*numbers)),
            Self::Script(_) => return None,
        })
    }
}

/// Does nothing, for ever.
struct Stand;

impl Behaviour for Stand {
    fn resume(&mut self, _body: &mut dyn Body) -> Step {
        Step::End
    }
}

fn script(text: &str) -> Result<Kind, Error> {
    let text = text.trim();
    let name = match text.strip_prefix("script") {
        Some(name) if name.starts_with(char::is_whitespace) => name.trim_start(),
        _ => text,
    };
    let name = match name.strip_suffix(".lua") {
        Some(name) => name,
        None if name.len() < text.len() => name,
        None => "",
    };
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(Error::Script(text.to_owned()));
    }
    Ok(Kind::Script(name.to_owned()))
}

fn number(parameter: Parameter, text: &str) -> Result<f64, Error> {
    let number = text.parse().ok();
    let number = number.filter(|number| (0.0..=parameter.max()).contains(number));
    number.ok_or_else(|| Error::Number {
        parameter: parameter.name(),
        text: text.to_owned(),
        max: parameter.max().to_string(),
    })
}

fn names() -> String {
    ALLOWED.map(|(name, _)| name).join(", ")
}

/// What a behaviour can be given, for people.
fn allowed(kind: &str) -> String {
    let parameters = ALLOWED.iter().find(|(name, _)| *name == kind);
    let mut parameters: Vec<String> = parameters
        .into_iter()
        .flat_map(|(_, parameters)| *parameters)
        .map(|parameter| format!("{}=NUMBER", parameter.name()))
        .collect();
    if kind == "patrol" {
        parameters.push(format!("{PATH}=NAME"));
    }
    if parameters.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has {}", parameters.join(", "))
    }
}
