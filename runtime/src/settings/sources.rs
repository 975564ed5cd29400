//! Where settings came from, and errors that say so.

use figment::{Figment, error::Kind, value::Value};

use super::{Error, describe};

/// The name of the source that nobody has written.
pub(super) const DEFAULTS: &str = "the defaults";

/// Where each setting came from.
#[derive(Debug)]
pub struct Sources {
    figment: Figment,
    /// Keys whose values are shown nowhere, whatever they are.
    secrets: Vec<String>,
}

impl Sources {
    pub(super) fn new(figment: Figment, secrets: Vec<String>) -> Self {
        Self { figment, secrets }
    }

    /// What is wrong with a value that could be read, but not be used. The key has dots between levels.
    #[must_use]
    pub fn refuse(&self, key: &str, problem: impl Into<String>) -> Error {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        self.error(&path, problem.into())
    }

    /// Whether anybody has set a key: it is not as the defaults have it.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.source_of(key).is_some()
    }

    /// The name of who has set a key. None: it is as the defaults have it.
    pub(super) fn source_of(&self, key: &str) -> Option<String> {
        let value = self.figment.find_value(key).ok()?;
        Some(self.name_of(&value)).filter(|name| name != DEFAULTS)
    }

    pub(super) fn explain(&self, error: figment::Error) -> Error {
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
        self.error(&path, problem)
    }

    fn error(&self, path: &[String], problem: String) -> Error {
        let key = path.join(".");
        let all = self.figment.find_value("").ok();
        let value = all.as_ref().and_then(|all| value_at(all, path));
        match value {
            // What nobody has set has no value to speak of.
            Some(Value::Empty(..)) | None => Error::Key { key, problem },
            Some(value) => Error::Value {
                value: match path.first().is_some_and(|key| self.secrets.contains(key)) {
                    true => describe::MASK.to_owned(),
                    false => describe::shown(path, value),
                },
                source_name: self.name_of(value),
                problem,
                key,
            },
        }
    }

    fn name_of(&self, value: &Value) -> String {
        self.figment
            .get_metadata(value.tag())
            .map_or("an unknown source".to_owned(), |metadata| {
                metadata.name.to_string()
            })
    }
}

fn value_at<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| match value {
        Value::Dict(_, dict) => dict.get(key),
        Value::Array(_, items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// figment names an unknown field within its path, a missing one beside it.
fn path_to(path: &mut Vec<String>, field: &str) {
    if path.last().is_none_or(|last| last != field) {
        path.push(field.to_owned());
    }
}
