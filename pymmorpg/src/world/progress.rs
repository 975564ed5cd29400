//! What a person at a terminal sees while a large world is read. Nothing is shown of small ones, or where nobody looks.

use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// From this many files on.
const FILE_COUNT_MIN: usize = 500;
/// Or from this many bytes on.
const BYTES_MIN: u64 = 32 << 20;
/// How often the sign turns that it is still going on.
const TICK_INTERVAL: Duration = Duration::from_millis(100);

/// How far the reading of a world has come.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    is_wanted: bool,
}

impl Progress {
    /// Shown on standard error if that is a terminal.
    pub(crate) fn shown() -> Self {
        Self {
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
                .with_style(ProgressStyle::default_spinner()),
            is_wanted: true,
        }
    }

    /// Never shown.
    pub(crate) fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            is_wanted: false,
        }
    }

    /// So much has been read.
    pub(crate) fn reading(&self, file_count: usize, byte_count: u64) {
        if !self.is_wanted || (file_count < FILE_COUNT_MIN && byte_count < BYTES_MIN) {
            return;
        }
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.enable_steady_tick(TICK_INTERVAL);
        }
        self.bar
            .set_message(format!("{file_count} files, {}", HumanBytes(byte_count)));
    }

    /// All is read, and is being understood.
    pub(crate) fn checking(&self) {
        if !self.bar.is_hidden() {
            self.bar.set_message("checking the maps");
        }
    }

    /// Takes it off the screen.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
