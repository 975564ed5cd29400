//! The data folder of an embedded database: its file, and the lock that keeps it for one cluster.

use std::{fs::File, path::Path};

use crate::{Store, error::Error};

/// The database's name within the data folder.
pub(crate) const FILE_NAME: &str = "pymmorpg.sqlite";

/// While this lives, no other process can run a cluster on the data folder.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Store {
    /// Whether a folder holds a database of ours. For those who would rather say that it does not than make one.
    #[must_use]
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE_NAME).is_file()
    }

    /// Takes a data folder for one cluster.
    ///
    /// # Errors
    /// Another process has it, or the folder cannot be used.
    pub fn lock(folder: &Path) -> Result<Lock, Error> {
        let path = folder.display().to_string();
        let io = |source| Error::Folder {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(io)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::Locked { path: path.clone() }),
            Err(std::fs::TryLockError::Error(source)) => Err(io(source)),
        }
    }
}
