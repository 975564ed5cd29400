//! A file that has another name until it is whole: it is put on the disk, and then takes its own name, in the place of whatever had it.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

use super::{Error, file_error};

/// A file that is being written. If it is not finished, it is removed.
#[derive(Debug)]
pub(super) struct Draft {
    file: PathBuf,
    path: PathBuf,
    is_finished: bool,
}

impl Draft {
    /// Begins an empty one beside the file that it is to be. It has the hashes of passwords: nobody else may read it.
    pub(super) fn begin(file: &Path) -> Result<Self, Error> {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let draft = Self {
            file: file.to_owned(),
            path: file.with_file_name(name),
            is_finished: false,
        };
        // Its name can be guessed: what lies there, or where that leads to, is not written to. Who had our number before us may have left one.
        let _removed = fs::remove_file(&draft.path);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&draft.path)
            .map_err(|source| file_error(&draft.path, source))?;
        Ok(draft)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it on the disk, and gives it its name.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let finish = || {
            File::open(&self.path)?.sync_all()?;
            fs::rename(&self.path, &self.file)?;
            // The name is in the folder, which is a file as well.
            let folder = self.file.parent().filter(|it| !it.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        finish().map_err(|source| file_error(&self.file, source))?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_finished {
            // It may not have come to be.
            let _removed = fs::remove_file(&self.path);
        }
    }
}
