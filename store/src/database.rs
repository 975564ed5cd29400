//! Which database there is to open, and how it is named to people: never with its password.

use std::{fmt, path::PathBuf};

/// Which database to open.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// SQLite, in a data folder.
    Embedded(PathBuf),
    /// PostgreSQL, by its URL.
    Postgres(String),
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(folder) => write!(f, "{}", folder.display()),
            Self::Postgres(url) => f.write_str(&masked(url)),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(folder) => f.debug_tuple("Embedded").field(folder).finish(),
            Self::Postgres(url) => f.debug_tuple("Postgres").field(&masked(url)).finish(),
        }
    }
}

/// What stands for a password.
const MASK: &str = "***";

/// A URL without its password. Of one that is malformed, rather too much is masked than too little.
pub(crate) fn masked(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{MASK}@{host}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let Some((path, query)) = rest.split_once('?') else {
        return scheme + &rest;
    };
    let query: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, _)) if key.to_ascii_lowercase().contains("pass") => format!("{key}={MASK}"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{scheme}{path}?{}", query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let cases = [
            ("postgres://host/db", "postgres://host/db"),
            (
                "postgres://anna@host:5432/db?sslmode=require",
                "postgres://anna@host:5432/db?sslmode=require",
            ),
            (
                "postgres://anna:secret@host:5432/db",
                "postgres://anna:***@host:5432/db",
            ),
            (
                "postgres://anna:sec@ret@host/db",
                "postgres://anna:***@host/db",
            ),
            (
                "postgres://anna:se/cr?et@host/db",
                "postgres://anna:***@host/db",
            ),
            ("rediss://:secret@host/0", "rediss://:***@host/0"),
            (
                "postgres://host/db?user=anna&password=secret&sslmode=disable",
                "postgres://host/db?user=anna&password=***&sslmode=disable",
            ),
            ("anna:secret@host", "anna:***@host"),
        ];
        for (url, expected) in cases {
            assert_eq!(masked(url), expected, "{url}");
            let shown = Database::Postgres(url.to_owned());
            assert_eq!(format!("{shown}"), expected);
            assert!(!format!("{shown:?}").contains("secret"));
        }
    }
}
