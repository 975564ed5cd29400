//! What went wrong in a script, for whoever wrote it, and how often: it does not know of logs.

use std::{collections::BTreeMap, sync::Mutex};

use super::{
    limits::{FAULT_BYTES_MAX, FAULT_COUNT_MAX, STOPPED_COUNT_MAX},
    set::Hash,
};

/// A script that was stopped, for one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whose uthread is no more.
    pub entity: String,
    /// The file, from the world's folder.
    pub file: String,
    /// The line, from 1, if one can be named.
    pub line: Option<u32>,
    /// What is wrong.
    pub text: String,
}

impl Fault {
    /// Where and what it is: the same for all entities that come to it.
    #[must_use]
    pub fn what(&self) -> String {
        let Self { file, text, .. } = self;
        match self.line {
            Some(line) => format!("{file}:{line}: {text}"),
            None => format!("{file}: {text}"),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.what(), self.entity)
    }
}

/// What a region's scripts have come to.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    faults: Vec<Fault>,
    lost_count: u64,
    /// How many were stopped for taking too much, by script.
    stopped: BTreeMap<Hash, u32>,
}

impl Ledger {
    pub(super) fn add(&self, mut fault: Fault) {
        let end = fault.text.floor_char_boundary(FAULT_BYTES_MAX);
        fault.text.truncate(end);
        let mut entries = self.entries();
        if entries.faults.len() < FAULT_COUNT_MAX {
            entries.faults.push(fault);
        } else {
            entries.lost_count += 1;
        }
    }

    /// The faults since this was last asked, and how many more there were.
    pub(super) fn drain(&self) -> (Vec<Fault>, u64) {
        let mut entries = self.entries();
        let lost_count = std::mem::take(&mut entries.lost_count);
        (std::mem::take(&mut entries.faults), lost_count)
    }

    /// Another entity was stopped because it took too much.
    pub(super) fn count_stopped(&self, hash: Hash) {
        *self.entries().stopped.entry(hash).or_default() += 1;
    }

    /// Whether too many were.
    pub(super) fn is_refused(&self, hash: Hash) -> bool {
        let entries = self.entries();
        let count = entries.stopped.get(&hash).copied();
        count.unwrap_or(0) >= STOPPED_COUNT_MAX
    }

    /// Forgets scripts that are no longer published.
    pub(super) fn forget(&self, is_known: impl Fn(Hash) -> bool) {
        self.entries().stopped.retain(|hash, _| is_known(*hash));
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Entries> {
        // Whoever panics does not do so with half an entry.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
