//! `world.toml`: what a designer decides about a world as a whole. Every part of it is optional.

use std::collections::BTreeMap;

use serde::Deserialize;
use wire::Value;

/// Everything that `world.toml` says, with defaults for what it does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The world's name, for people.
    pub name: String,
    /// Where new characters begin; None: at the first `start` object.
    pub start: Option<Start>,
    /// How far a player sees along each axis, in tiles.
    pub view_distance: f64,
    /// The side of a region, in tiles.
    pub cell_tiles: u32,
    /// How fast a player may walk for long, in tiles per second.
    pub speed: f64,
    /// How far a player may walk at once after standing still, in tiles.
    pub speed_burst: f64,
    /// Rules for the attributes that it names.
    pub attributes: BTreeMap<String, AttributeRule>,
    /// Attributes that entities of a kind begin with. `player` is the kind of new characters.
    pub templates: BTreeMap<String, BTreeMap<String, Value>>,
}

/// A place in a map's own tiles.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The map's name.
    pub map: String,
    /// Tiles from its west edge.
    pub x: f64,
    /// Tiles from its north edge.
    pub y: f64,
}

/// What holds for one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeRule {
    /// What values it takes.
    pub kind: Kind,
    /// The least number that it may be.
    pub min: Option<f64>,
    /// The greatest number that it may be.
    pub max: Option<f64>,
    /// What a relative change of a missing one starts from.
    pub default: Option<Value>,
    /// Who may `set` it.
    pub write: Writer,
    /// Whether others than the entity itself may `get` it.
    pub readable: bool,
    /// Whether `update` shows it.
    pub visible: bool,
    /// How long it stays after it was set, in milliseconds; None: until it is set again.
    pub ttl_ms: Option<u64>,
}

/// The kinds of value that a rule can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Anything.
    Any,
    /// `True` or `False`.
    Bool,
    /// An integer.
    Int,
    /// An integer or a float.
    Number,
    /// Text.
    Str,
    /// Bytes.
    Bytes,
}

/// Who may write an attribute. A game master may write all but [`Writer::Nobody`]'s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Writer {
    /// The character itself.
    Owner,
    /// Whoever is within so many tiles, on the same level; the character itself is.
    Near(f64),
    /// Game masters.
    Gm,
    /// Nobody: the world itself decides.
    Nobody,
}

/// The rule for what no rule names.
pub const UNNAMED: AttributeRule = AttributeRule {
    kind: Kind::Any,
    min: None,
    max: None,
    default: None,
    write: Writer::Owner,
    readable: true,
    visible: false,
    ttl_ms: None,
};

/// What is wrong with a `world.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Error {
    /// The line, from 1, if one can be named.
    pub line: Option<u32>,
    /// What is wrong, naming the key and the value.
    pub text: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "a world".to_owned(),
            start: None,
            view_distance: 16.0,
            cell_tiles: 64,
            speed: 8.0,
            speed_burst: 16.0,
            attributes: BTreeMap::from([(
                "visual".to_owned(),
                AttributeRule {
                    visible: true,
                    ..UNNAMED
                },
            )]),
            templates: BTreeMap::from([("player".to_owned(), player_template(BTreeMap::new()))]),
        }
    }
}

impl Settings {
    /// Reads the text of a `world.toml`.
    ///
    /// # Errors
    /// The first thing that is wrong with it, and its line.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| Error {
            line: error.span().map(|span| line_of(text, span.start)),
            text: error.message().to_owned(),
        })?;
        file.into_settings().map_err(|(key, message)| Error {
            line: line_of_key(text, &key),
            text: format!("{key}: {message}"),
        })
    }

    /// The rule for an attribute.
    #[must_use]
    pub fn rule(&self, attribute: &str) -> &AttributeRule {
        self.attributes.get(attribute).unwrap_or(&UNNAMED)
    }

    /// The attributes that a new entity of a kind begins with.
    pub fn template(&self, kind: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.templates.get(kind).into_iter().flatten()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    start: Option<Start>,
    view_distance: Option<f64>,
    cell: Option<u32>,
    speed: Option<f64>,
    speed_burst: Option<f64>,
    #[serde(default)]
    attributes: BTreeMap<String, RawRule>,
    #[serde(default)]
    templates: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    #[serde(rename = "type")]
    kind: Option<Kind>,
    min: Option<f64>,
    max: Option<f64>,
    default: Option<toml::Value>,
    write: Option<RawWriter>,
    get: Option<bool>,
    visible: Option<bool>,
    ttl: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"owner\", \"gm\", \"nobody\" or { near = tiles }"
)]
enum RawWriter {
    Name(WriterName),
    Near { near: f64 },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WriterName {
    Owner,
    Gm,
    Nobody,
}

/// Names that no rule can be given to: they are not attributes that are `set`.
pub const RESERVED: [&str; 3] = ["pos", "name", "role"];

type Problem = (String, String);

impl File {
    fn into_settings(self) -> Result<Settings, Problem> {
        let mut settings = Settings::default();
        if let Some(name) = self.name {
            settings.name = name;
        }
        settings.start = self.start;
        settings.view_distance = within(
            "view_distance",
            self.view_distance,
            settings.view_distance,
            1.0,
            256.0,
        )?;
        settings.cell_tiles = match self.cell {
            None => settings.cell_tiles,
            Some(cell @ 8..=1024) => cell,
            Some(cell) => {
                return Err((
                    "cell".to_owned(),
                    format!("{cell} is not between 8 and 1024"),
                ));
            }
        };
        settings.speed = within("speed", self.speed, settings.speed, 0.01, 10_000.0)?;
        settings.speed_burst = within(
            "speed_burst",
            self.speed_burst,
            settings.speed_burst,
            1.0,
            10_000.0,
        )?;
        for (name, raw) in self.attributes {
            let rule = raw
                .into_rule(&name)
                .map_err(|message| (format!("attributes.{name}"), message))?;
            settings.attributes.insert(name, rule);
        }
        for (kind, attributes) in self.templates {
            let mut values = attributes
                .into_iter()
                .map(|(name, value)| (name, value_of(value)))
                .collect();
            if kind == "player" {
                values = player_template(values);
            }
            for (name, value) in &values {
                if RESERVED.contains(&name.as_str()) {
                    return Err((
                        format!("templates.{kind}"),
                        format!("{name} cannot be set by a template"),
                    ));
                }
                settings
                    .rule(name)
                    .admits(value)
                    .map_err(|text| (format!("templates.{kind}"), format!("{name}: {text}")))?;
            }
            settings.templates.insert(kind, values);
        }
        Ok(settings)
    }
}

impl RawRule {
    fn into_rule(self, name: &str) -> Result<AttributeRule, String> {
        if RESERVED.contains(&name) {
            return Err("its rule cannot be changed".to_owned());
        }
        let write = match self.write {
            None | Some(RawWriter::Name(WriterName::Owner)) => Writer::Owner,
            Some(RawWriter::Name(WriterName::Gm)) => Writer::Gm,
            Some(RawWriter::Name(WriterName::Nobody)) => Writer::Nobody,
            Some(RawWriter::Near { near }) if near >= 0.0 => Writer::Near(near),
            Some(RawWriter::Near { near }) => return Err(format!("near = {near} is no distance")),
        };
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min > max
        {
            return Err(format!("min {min} is above max {max}"));
        }
        let rule = AttributeRule {
            kind: self.kind.unwrap_or(Kind::Any),
            min: self.min,
            max: self.max,
            default: self.default.map(value_of),
            write,
            readable: self.get.unwrap_or(true),
            visible: self.visible.unwrap_or(name == "visual"),
            ttl_ms: self.ttl.as_deref().map(parse_ttl).transpose()?,
        };
        if let Some(default) = &rule.default {
            rule.admits(default)
                .map_err(|text| format!("default: {text}"))?;
        }
        Ok(rule)
    }
}

impl AttributeRule {
    /// Whether a value is of the rule's kind and within its bounds.
    ///
    /// # Errors
    /// Says which part of the rule is against it.
    pub fn admits(&self, value: &Value) -> Result<(), String> {
        let is_of_kind = match self.kind {
            Kind::Any => true,
            Kind::Bool => matches!(value, Value::Bool(_)),
            Kind::Int => matches!(value, Value::Int(_) | Value::BigInt(_)),
            Kind::Number => value.as_f64().is_some(),
            Kind::Str => matches!(value, Value::Str(_)),
            Kind::Bytes => matches!(value, Value::Bytes(_)),
        };
        if !is_of_kind {
            return Err(format!("{value:?} is not of type {:?}", self.kind));
        }
        if self.min.is_none() && self.max.is_none() {
            return Ok(());
        }
        let Some(number) = value.as_f64() else {
            return Err(format!("{value:?} is no number, and the rule has bounds"));
        };
        // Written so that NaN is refused.
        if self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max) {
            Ok(())
        } else {
            Err(format!("{number} is out of bounds"))
        }
    }
}

fn within(
    key: &str,
    value: Option<f64>,
    default: f64,
    low: f64,
    high: f64,
) -> Result<f64, Problem> {
    match value {
        None => Ok(default),
        Some(value) if (low..=high).contains(&value) => Ok(value),
        Some(value) => Err((
            key.to_owned(),
            format!("{value} is not between {low} and {high}"),
        )),
    }
}

fn player_template(mut values: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    values
        .entry("visual".to_owned())
        .or_insert_with(|| Value::Str("player".to_owned()));
    values
}

fn parse_ttl(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("ttl = {text:?} is no duration: write \"500ms\", \"5s\", \"2m\" or \"1h\"");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(unit_ms)
        .filter(|&ms| ms > 0)
        .ok_or_else(wrong)
}

fn value_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::Str(text),
        toml::Value::Integer(number) => Value::Int(number),
        toml::Value::Float(number) => Value::Float(number),
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Datetime(time) => Value::Str(time.to_string()),
        toml::Value::Array(items) => Value::List(items.into_iter().map(value_of).collect()),
        toml::Value::Table(table) => Value::Dict(
            table
                .into_iter()
                .map(|(key, value)| (Value::Str(key), value_of(value)))
                .collect(),
        ),
    }
}

fn line_of(text: &str, offset: usize) -> u32 {
    let before = text.get(..offset).unwrap_or(text);
    u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
}

/// The line of a table's header or of a top-level key.
fn line_of_key(text: &str, key: &str) -> Option<u32> {
    let is_it = |line: &str| {
        let line = line.trim();
        line == format!("[{key}]")
            || line
                .split_once('=')
                .is_some_and(|(left, _)| left.trim() == key)
    };
    text.lines()
        .position(is_it)
        .and_then(|index| u32::try_from(index + 1).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_default() {
        assert_eq!(Settings::parse("").unwrap(), Settings::default());
        assert!(Settings::default().rule("visual").visible);
    }

    #[test]
    fn a_full_file() {
        let settings = Settings::parse(
            r#"
name = "Meadow"
start = { map = "home", x = 3, y = 4.5 }
cell = 32
[attributes.gold]
type = "int"
min = 0
write = { near = 3 }
[attributes.say]
type = "str"
visible = true
ttl = "5s"
[templates.player]
gold = 10
"#,
        )
        .unwrap();
        assert_eq!(settings.cell_tiles, 32);
        assert_eq!(settings.rule("gold").write, Writer::Near(3.0));
        assert_eq!(settings.rule("say").ttl_ms, Some(5_000));
        let player: Vec<_> = settings
            .template("player")
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(player, ["gold", "visual"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let cases = [
            ("nme = 'x'", Some(1), "unknown field `nme`"),
            ("\n\ncell = 3", Some(3), "cell: 3 is not between"),
            (
                "[attributes.pos]\nvisible = true",
                Some(1),
                "its rule cannot be changed",
            ),
            (
                "[attributes.hp]\nmin = 3\nmax = 1",
                Some(1),
                "min 3 is above max 1",
            ),
            (
                "[attributes.hp]\nwrite = 'everybody'",
                Some(2),
                "expected \"owner\"",
            ),
            ("[attributes.hp]\nttl = '5 years'", Some(1), "no duration"),
            (
                "[attributes.hp]\ntype = 'int'\ndefault = 'x'",
                Some(1),
                "is not of type Int",
            ),
            (
                "[attributes.hp]\nmax = 5\n[templates.player]\nhp = 6",
                Some(3),
                "hp: 6 is out of bounds",
            ),
        ];
        for (text, line, message) in cases {
            let error = Settings::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(error.text.contains(message), "{text}: {error}");
        }
    }
}
