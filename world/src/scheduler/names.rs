//! What uthreads are called, and what all of one name have used. Each name is kept once, however many bear it.

use std::{collections::HashMap, sync::Arc};

use super::{Error, NameStats};

/// How many names there can be at once. A name is that of a kind of uthread, such as its behaviour's, not that of whom it moves. A name
/// that nobody bears any more gives way to a new one, with its counts; if there is none, the uthread is refused.
pub const NAMES_MAX: usize = 1_024;

/// A name's place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameId(u32);

#[derive(Default)]
pub(super) struct Names {
    all: Vec<Kind>,
    by_name: HashMap<Arc<str>, NameId>,
}

struct Kind {
    name: Arc<str>,
    count: usize,
    resume_count: u64,
    time_ns: u64,
}

impl Names {
    /// One more bears the name.
    pub(super) fn bear(&mut self, name: &str) -> Result<NameId, Error> {
        let id = match self.by_name.get(name) {
            Some(id) => *id,
            None => self.learn(name)?,
        };
        self.all[id.0 as usize].count += 1;
        Ok(id)
    }

    /// One fewer bears it.
    pub(super) fn drop_one(&mut self, id: NameId) {
        self.all[id.0 as usize].count -= 1;
    }

    pub(super) fn name(&self, id: NameId) -> &Arc<str> {
        &self.all[id.0 as usize].name
    }

    /// Somebody of this name is resumed.
    pub(super) fn add_resume(&mut self, id: NameId) {
        self.all[id.0 as usize].resume_count += 1;
    }

    /// Those of this name have used more time.
    pub(super) fn add_time(&mut self, id: NameId, time_ns: u64) {
        let kind = &mut self.all[id.0 as usize];
        kind.time_ns = kind.time_ns.saturating_add(time_ns);
    }

    /// In alphabetical order.
    pub(super) fn stats(&self) -> Vec<NameStats> {
        let stats = |kind: &Kind| NameStats {
            name: kind.name.clone(),
            uthread_count: kind.count,
            resume_count: kind.resume_count,
            time_ns: kind.time_ns,
        };
        let mut all: Vec<NameStats> = self.all.iter().map(stats).collect();
        all.sort_by(|one, two| one.name.cmp(&two.name));
        all
    }

    fn learn(&mut self, name: &str) -> Result<NameId, Error> {
        let name: Arc<str> = name.into();
        let kind = Kind {
            name: name.clone(),
            count: 0,
            resume_count: 0,
            time_ns: 0,
        };
        let at = if self.all.len() < NAMES_MAX {
            self.all.push(kind);
            self.all.len() - 1
        } else {
            let is_free = |kind: &Kind| kind.count == 0;
            let at = self.all.iter().position(is_free).ok_or(Error::ManyNames)?;
            self.by_name.remove(&self.all[at].name);
            self.all[at] = kind;
            at
        };
        let id = NameId(at as u32);
        self.by_name.insert(name, id);
        Ok(id)
    }
}
