//! What accounts, characters and placed entities may be called, and how names are compared.

/// The longest account name, in characters.
pub const NAME_CHARS_MAX: usize = 32;

/// Why a name is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No characters, or too many.
    #[error("a name has 1 to {NAME_CHARS_MAX} characters")]
    Length,
    /// A character that no name has. `#` and `:` are among them: names with those are the world's own.
    #[error("a name has no {0:?}: letters, digits, '_', '-' and spaces between them are allowed")]
    Character(char),
    /// A space at an end, or two in a row.
    #[error("spaces stand alone, between other characters")]
    Space,
}

/// Checks a name for an account, or for what a game master spawns.
///
/// # Errors
/// Says what is wrong with it.
pub fn check(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(Error::Length);
    }
    if let Some(character) = name
        .chars()
        .find(|&c| !(c.is_alphanumeric() || matches!(c, '_' | '-' | ' ')))
    {
        return Err(Error::Character(character));
    }
    if name.starts_with(' ') || name.ends_with(' ') || name.contains("  ") {
        return Err(Error::Space);
    }
    Ok(())
}

/// The form in which names are looked up and kept unique: `Alice` and `alice` are one.
#[must_use]
pub fn key(name: &str) -> String {
    if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        name.to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        let cases: [(&str, Result<(), Error>); 11] = [
            ("Anna", Ok(())),
            ("Jörg der 2.", Err(Error::Character('.'))),
            ("Jörg der 2-te_", Ok(())),
            ("名前", Ok(())),
            ("", Err(Error::Length)),
            (&long, Err(Error::Length)),
            (" a", Err(Error::Space)),
            ("a  b", Err(Error::Space)),
            ("map:town", Err(Error::Character(':'))),
            ("Slime#0:1:2.3", Err(Error::Character('#'))),
            ("a\nb", Err(Error::Character('\n'))),
        ];
        for (name, expected) in cases {
            assert_eq!(check(name), expected, "{name:?}");
        }
    }

    #[test]
    fn case_does_not_tell_names_apart() {
        assert_eq!(key("ÄnNa"), key("änna"));
        assert_ne!(key("anna"), key("änna"));
    }
}
