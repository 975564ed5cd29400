//! Settings: the defaults, then a TOML file, then the environment, then flags. Later ones win, and an error names the key, its value and where it
//! came from. It does not know what the settings are.

use std::path::{Path, PathBuf};

use figment::{
    Figment, Metadata, Profile, Provider,
    error::Kind,
    providers::{Format, Serialized, Toml},
    value::{Dict, Map, Value},
};
use serde::{Serialize, de::DeserializeOwned};

mod describe;

pub use describe::describe;

/// What our variables in the environment begin with. `__` goes one level down: `PYMMORPG_GATEWAY__LISTEN` is `gateway.listen`.
pub const PREFIX: &str = "PYMMORPG_";
const LEVEL: &str = "__";

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the settings file {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no TOML. The text says where.
    #[error("the settings file {path} is not TOML: {problem}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and in which line.
        problem: String,
    },
    /// A key's value cannot be used.
    #[error("{key} = {value}: {problem} (from {source_name})")]
    Value {
        /// The key, with dots between levels.
        key: String,
        /// Its value, masked if it is a secret.
        value: String,
        /// What is wrong with it.
        problem: String,
        /// Where it came from.
        source_name: String,
    },
    /// There is no such key, or one is missing.
    #[error("{key}: {problem}")]
    Key {
        /// The key, with dots between levels.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

/// Reads settings. Every key of `flags` that is `None` was not given.
///
/// # Errors
/// Names the key that is wrong, its value and where it came from.
pub fn load<T: DeserializeOwned>(
    file: Option<&Path>,
    defaults: impl Serialize,
    flags: impl Serialize,
) -> Result<T, Error> {
    let environment = std::env::vars_os().map(|(name, value)| {
        let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
        (text(name), text(value))
    });
    load_from(file, defaults, environment.collect(), flags)
}

fn load_from<T: DeserializeOwned>(
    file: Option<&Path>,
    defaults: impl Serialize,
    mut environment: Vec<(String, String)>,
    flags: impl Serialize,
) -> Result<T, Error> {
    let mut figment = Figment::new().merge(layer("the defaults", &defaults)?);
    if let Some(path) = file {
        figment = figment.merge(Source {
            name: format!("the file {}", path.display()),
            dict: read(path)?,
        });
    }
    environment.sort();
    for (name, value) in environment {
        if let Some(key) = name.strip_prefix(PREFIX) {
            figment = figment.merge(variable(&name, key, &value));
        }
    }
    figment = figment.merge(layer("a flag", &flags)?);
    figment.extract().map_err(|error| explain(&figment, error))
}

/// One place that settings come from.
struct Source {
    name: String,
    dict: Dict,
}

impl Provider for Source {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

fn layer(name: &str, values: &impl Serialize) -> Result<Source, Error> {
    let name = name.to_owned();
    let mut maps = Serialized::defaults(values)
        .data()
        .map_err(|error| Error::Key {
            key: name.clone(),
            problem: error.to_string(),
        })?;
    let dict = given(maps.remove(&Profile::Default).unwrap_or_default());
    Ok(Source { name, dict })
}

/// What is left when that which nobody gave is taken away, so that it hides nothing that an earlier source gave.
fn given(dict: Dict) -> Dict {
    dict.into_iter()
        .filter_map(|(key, value)| match value {
            Value::Empty(..) => None,
            Value::Dict(tag, inner) => Some((key, Value::Dict(tag, given(inner)))),
            other => Some((key, other)),
        })
        .collect()
}

fn read(path: &Path) -> Result<Dict, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })?;
    Toml::from_str(&text).map_err(|error| Error::Syntax {
        path: path.to_owned(),
        problem: error.to_string(),
    })
}

fn variable(name: &str, key: &str, text: &str) -> Source {
    // What is no bool, number, list or table is a string: parsing cannot fail.
    let value = text
        .parse()
        .unwrap_or_else(|_infallible| Value::from(text.to_owned()));
    let mut levels = key.rsplit(LEVEL).map(str::to_ascii_lowercase);
    let innermost = levels.next().unwrap_or_default();
    let dict = levels.fold(Dict::from([(innermost, value)]), |inner, level| {
        Dict::from([(level, Value::from(inner))])
    });
    Source {
        name: format!("the environment's {name}"),
        dict,
    }
}

fn explain(figment: &Figment, error: figment::Error) -> Error {
    let mut path = error.path.clone();
    let problem = match &error.kind {
        Kind::UnknownField(field, known) => {
            path_to(&mut path, field);
            format!("there is no such setting; there are {}", known.join(", "))
        }
        Kind::MissingField(field) => {
            path_to(&mut path, field);
            "is missing".to_owned()
        }
        Kind::UnknownVariant(_, known) => format!("expected one of {}", known.join(", ")),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("expected {expected}")
        }
        kind => kind.to_string(),
    };
    let key = path.join(".");
    match figment.find_value(&key) {
        Ok(value) => Error::Value {
            value: describe::shown(&path, &value),
            source_name: source_of(figment, &value),
            problem,
            key,
        },
        Err(_) => Error::Key { key, problem },
    }
}

/// figment names an unknown field within its path, a missing one beside it.
fn path_to(path: &mut Vec<String>, field: &str) {
    if path.last().is_none_or(|last| last != field) {
        path.push(field.to_owned());
    }
}

fn source_of(figment: &Figment, value: &Value) -> String {
    let named = |value: &Value| {
        figment
            .get_metadata(value.tag())
            .map(|metadata| metadata.name.to_string())
    };
    named(value).unwrap_or_else(|| "an unknown source".to_owned())
}
