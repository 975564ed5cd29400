//! Settings: the defaults, then a TOML file, then the environment, then flags. Later ones win, and an error names the key, its value and where it
//! came from. It does not know what the settings are.

use std::path::{Path, PathBuf};

use figment::{
    Figment, Metadata, Profile, Provider,
    error::Kind,
    providers::{Format, Toml},
    value::{Dict, Map, Value},
};
use serde::{Serialize, de::DeserializeOwned};

mod describe;
mod files;
mod sources;

pub use describe::{describe, masked};
pub use sources::Sources;

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

/// Settings that could be read.
#[derive(Debug)]
pub struct Loaded<T> {
    /// What they come to.
    pub settings: T,
    /// Where each came from.
    pub sources: Sources,
}

/// Reads settings. Every key of `flags` that is `None` was not given; `()` means that none was.
///
/// # Errors
/// Names the key that is wrong, its value and where it came from.
pub fn load<T: DeserializeOwned>(
    file: Option<&Path>,
    defaults: impl Serialize,
    flags: impl Serialize,
) -> Result<Loaded<T>, Error> {
    load_with_files(file, defaults, flags, &[])
}

/// The same; and each of some keys may be in a file of its own, which is named by the key with `_file` behind it.
///
/// # Errors
/// Names the key that is wrong, its value and where it came from. What is in such a file is not shown.
pub fn load_with_files<T: DeserializeOwned>(
    file: Option<&Path>,
    defaults: impl Serialize,
    flags: impl Serialize,
    keys_in_files: &[&str],
) -> Result<Loaded<T>, Error> {
    let environment = std::env::vars_os().map(|(name, value)| {
        let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
        (text(name), text(value))
    });
    load_from(file, defaults, environment.collect(), flags, keys_in_files)
}

fn load_from<T: DeserializeOwned>(
    file: Option<&Path>,
    defaults: impl Serialize,
    mut environment: Vec<(String, String)>,
    flags: impl Serialize,
    keys_in_files: &[&str],
) -> Result<Loaded<T>, Error> {
    let mut figment = Figment::new().merge(layer(sources::DEFAULTS, &defaults)?);
    if let Some(path) = file {
        figment = figment.merge(Source {
            name: format!("the file {}", path.display()),
            dict: read(path)?,
        });
    }
    environment.sort();
    let mut variables: Vec<Variable> = environment
        .iter()
        .filter_map(|(name, text)| Variable::new(name, text))
        .collect();
    let mut given = layer("a flag", &flags)?;
    given.dict = without_none(given.dict);
    let merged = |variables: &[Variable]| {
        let sources = variables.iter().map(Variable::source);
        sources
            .chain([given.clone()])
            .fold(figment.clone(), Figment::merge)
    };
    // Once: what is read from a pipe is gone.
    let in_files = files::read(&merged(&variables), keys_in_files)?;
    let secrets: Vec<String> = in_files.iter().map(|(key, _)| key.clone()).collect();
    loop {
        let figment = in_files
            .iter()
            .fold(merged(&variables), |figment, (_, source)| {
                figment.merge(source.clone())
            });
        let error = match figment.extract() {
            Ok(settings) => {
                let sources = Sources::new(figment, secrets);
                return Ok(Loaded { settings, sources });
            }
            Err(error) => error,
        };
        // A password of digits is a string all the same. Each turn settles one variable, so there are no more turns than variables.
        match variables
            .iter_mut()
            .find(|variable| variable.is_text(&error))
        {
            Some(variable) => variable.value = Value::from(variable.text.to_owned()),
            None => return Err(Sources::new(figment, secrets).explain(error)),
        }
    }
}

/// Refuses keys that mean nothing, at a file's top level: the sections do so by themselves. Variables of the environment that begin as ours do are
/// let be, since others name theirs so too (Kubernetes makes `PYMMORPG_PORT` of a service's name).
///
/// # Errors
/// Names the first such key, and the file.
pub fn refuse_unknown(file: &Path, known: &[&str]) -> Result<(), Error> {
    match read(file)?
        .into_keys()
        .find(|key| !known.contains(&key.as_str()))
    {
        None => Ok(()),
        Some(key) => Err(Error::Key {
            problem: format!(
                "there is no such setting (from the file {}); there are {}",
                file.display(),
                known.join(", ")
            ),
            key,
        }),
    }
}

/// One place that settings come from.
#[derive(Clone)]
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
    match Value::serialize(values) {
        Ok(Value::Dict(_, dict)) => Ok(Source { name, dict }),
        Ok(Value::Empty(..)) => Ok(Source {
            name,
            dict: Dict::new(),
        }),
        Ok(_) => Err(Error::Key {
            key: name,
            problem: "is no table of settings".to_owned(),
        }),
        Err(error) => Err(Error::Key {
            key: name,
            problem: error.to_string(),
        }),
    }
}

/// What is left when that which nobody gave is taken away, so that it hides nothing that an earlier source gave.
fn without_none(dict: Dict) -> Dict {
    dict.into_iter()
        .filter_map(|(key, value)| match value {
            Value::Empty(..) => None,
            Value::Dict(tag, inner) => match without_none(inner) {
                inner if inner.is_empty() => None,
                inner => Some((key, Value::Dict(tag, inner))),
            },
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

/// A setting in the environment.
struct Variable<'e> {
    name: &'e str,
    text: &'e str,
    path: Vec<String>,
    value: Value,
}

impl<'e> Variable<'e> {
    fn new(name: &'e str, text: &'e str) -> Option<Self> {
        let path = name
            .strip_prefix(PREFIX)?
            .split(LEVEL)
            .map(str::to_ascii_lowercase)
            .collect();
        // What is no bool, number, list or table is a string: parsing cannot fail.
        let value = text
            .parse()
            .unwrap_or_else(|_infallible| Value::from(text.to_owned()));
        Some(Self {
            name,
            text,
            path,
            value,
        })
    }

    fn source(&self) -> Source {
        let mut levels = self.path.iter().rev();
        let innermost = levels.next().cloned().unwrap_or_default();
        let dict = levels.fold(
            Dict::from([(innermost, self.value.clone())]),
            |inner, level| Dict::from([(level.clone(), Value::from(inner))]),
        );
        Source {
            name: format!("the environment's {}", self.name),
            dict,
        }
    }

    /// Whether an error says that this was taken for something else than the text that it should be.
    fn is_text(&self, error: &figment::Error) -> bool {
        let wants_text =
            matches!(&error.kind, Kind::InvalidType(_, expected) if expected.contains("string"));
        wants_text && self.value.as_str().is_none() && error.path == self.path
    }
}

#[cfg(test)]
mod tests;
