//! What passwords may be, and how they are kept: argon2id with 19 MiB and 2 passes, as a PHC string (OWASP's first choice for argon2id with one
//! lane). It does not know whose they are, and blocks the thread that it runs on for some 40 ms.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{self, PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

/// The longest password, in bytes.
pub const BYTES_MAX: usize = 256;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Why a password is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password has 1 to {BYTES_MAX} bytes")]
pub struct RuleError;

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No account may have it.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// There is no memory for it, or no randomness.
    #[error("the password cannot be hashed")]
    Hash(#[source] password_hash::Error),
    /// What is stored of the account's password was not written by us.
    #[error("the stored hash of the password is unreadable")]
    Unreadable(#[source] password_hash::Error),
}

/// Checks that an account may have a password: 1 to [`BYTES_MAX`] bytes, whatever they are.
///
/// # Errors
/// It may not.
pub fn check_rules(password: &[u8]) -> Result<(), RuleError> {
    if (1..=BYTES_MAX).contains(&password.len()) {
        Ok(())
    } else {
        Err(RuleError)
    }
}

/// Hashes a password, with a salt of its own, into a PHC string.
///
/// # Errors
/// The password is against the rules, or the system is out of memory.
pub fn hash(password: Vec<u8>) -> Result<String, Error> {
    check_rules(&password)?;
    let hash: PasswordHash = argon2().hash_password(&password).map_err(Error::Hash)?;
    Ok(hash.to_string())
}

/// Whether a password is the one that a PHC string was made from.
///
/// # Errors
/// That is no PHC string, or the system is out of memory.
pub fn verify(password: &[u8], phc: &str) -> Result<bool, Error> {
    let stored = PasswordHash::new(phc)
        .map_err(|error| Error::Unreadable(password_hash::Error::from(error)))?;
    match argon2().verify_password(password, &stored) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error @ password_hash::Error::OutOfMemory) => Err(Error::Hash(error)),
        Err(error) => Err(Error::Unreadable(error)),
    }
}

/// A hash, as expensive to compare with as any, of a password that nobody knows.
///
/// # Errors
/// The system is out of memory.
pub(crate) fn unknowable() -> Result<String, Error> {
    let password = password_hash::try_generate_salt()
        .map_err(|_| Error::Hash(password_hash::Error::RngFailure))?;
    hash(password.to_vec())
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .expect("the constants are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tells_its_password_from_others() {
        let phc = hash(b"correct horse".to_vec()).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify(b"correct horse", &phc).unwrap());
        assert!(!verify(b"correct hors", &phc).unwrap());
        assert!(!verify(b"", &phc).unwrap());
        assert_ne!(hash(b"correct horse".to_vec()).unwrap(), phc, "salted");
    }

    #[test]
    fn any_bytes_are_a_password_but_not_any_number() {
        for (password, is_one) in [
            (vec![0, 0xff, b'\n'], true),
            (vec![b'x'; BYTES_MAX], true),
            (Vec::new(), false),
            (vec![b'x'; BYTES_MAX + 1], false),
        ] {
            assert_eq!(check_rules(&password).is_ok(), is_one, "{}", password.len());
            assert_eq!(hash(password).is_ok(), is_one);
        }
    }

    #[test]
    fn what_we_did_not_write_is_no_wrong_password() {
        for phc in [
            "",
            "plain",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA",
            "$md5$abc",
        ] {
            assert!(
                matches!(verify(b"x", phc), Err(Error::Unreadable(_))),
                "{phc}"
            );
        }
    }
}
