//! What passwords may be, and how they are kept: argon2id with 19 MiB and 2 passes, as a PHC string (OWASP's first choice for argon2id with one
//! lane). It does not know whose they are, and blocks the thread that it runs on for some 40 ms.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        self,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
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

/// The 19 MiB that one hash needs. Whoever hashes often keeps them: each time that they were given back, the allocator would keep them for the
/// thread that happened to have run the hash, and there are many threads.
#[derive(Default)]
pub(crate) struct Memory(Vec<Block>);

/// Hashes a password, with a salt of its own, into a PHC string.
///
/// # Errors
/// The password is against the rules, or the system is out of memory.
pub fn hash(password: Vec<u8>) -> Result<String, Error> {
    Memory::default().hash(&password)
}

impl Memory {
    /// As [`hash`].
    pub(crate) fn hash(&mut self, password: &[u8]) -> Result<String, Error> {
        check_rules(password)?;
        let salt = password_hash::try_generate_salt()
            .map_err(|_| Error::Hash(password_hash::Error::RngFailure))?;
        let params = params();
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(Error::Hash)?,
            salt: Some(Salt::new(&salt).map_err(|error| Error::Hash(error.into()))?),
            hash: Some(self.digest(password, &salt, params).map_err(Error::Hash)?),
        };
        Ok(hash.to_string())
    }

    /// Whether a password is the one that a PHC string was made from.
    ///
    /// # Errors
    /// That is no PHC string, or the system is out of memory.
    pub(crate) fn verify(&mut self, password: &[u8], phc: &str) -> Result<bool, Error> {
        let stored = PasswordHash::new(phc)
            .map_err(|error| Error::Unreadable(password_hash::Error::from(error)))?;
        let is_ours = stored.algorithm == Algorithm::Argon2id.ident()
            && stored.version == Some(Version::V0x13.into());
        let (Some(salt), Some(hash), true) = (&stored.salt, &stored.hash, is_ours) else {
            return Err(Error::Unreadable(password_hash::Error::Algorithm));
        };
        let params = Params::try_from(&stored).map_err(Error::Unreadable)?;
        // The comparison takes as long wherever they differ.
        match self.digest(password, salt, params) {
            Ok(digest) => Ok(digest == *hash),
            Err(error @ password_hash::Error::OutOfMemory) => Err(Error::Hash(error)),
            Err(error) => Err(Error::Unreadable(error)),
        }
    }

    fn digest(
        &mut self,
        password: &[u8],
        salt: &[u8],
        params: Params,
    ) -> Result<Output, password_hash::Error> {
        let missing = params.block_count().saturating_sub(self.0.len());
        self.0
            .try_reserve_exact(missing)
            .map_err(|_| password_hash::Error::OutOfMemory)?;
        self.0.resize(self.0.len() + missing, Block::default());
        let mut digest = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let digest = digest
            .get_mut(..length)
            .ok_or(password_hash::Error::OutputSize)?;
        let blocks = &mut self.0[..params.block_count()];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password, salt, digest, blocks)?;
        Ok(Output::new(digest)?)
    }
}

impl std::fmt::Debug for Memory {
    /// What is in it is nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
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

fn params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the constants are within argon2's bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(password: &[u8], phc: &str) -> Result<bool, Error> {
        Memory::default().verify(password, phc)
    }

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
    fn memory_that_was_used_does_not_show() {
        let mut memory = Memory::default();
        let phc = memory.hash(b"one").unwrap();
        let other = memory.hash(b"another").unwrap();
        assert!(memory.verify(b"one", &phc).unwrap() && verify(b"one", &phc).unwrap());
        assert!(!memory.verify(b"one", &other).unwrap());
        // As the library itself would say.
        let stored = PasswordHash::new(&phc).unwrap();
        let library =
            argon2::PasswordVerifier::verify_password(&Argon2::default(), b"one", &stored);
        assert_eq!(library, Ok(()));
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
            "$argon2i$v=19$m=64,t=2,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdHNhbHQ",
            "$md5$abc",
        ] {
            assert!(
                matches!(verify(b"x", phc), Err(Error::Unreadable(_))),
                "{phc}"
            );
        }
    }
}
