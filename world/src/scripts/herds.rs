//! All scripts that run in a region. It does not know which entity has which.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use super::{
    allowance::Watch,
    fault::{Fault, Ledger},
    herd::{Failure, Herd, Member},
    member::Scripted,
    set::{Hash, Script, Scripts},
};

/// What runs a region's scripts. It lives as long as the region, through all versions of the world.
#[derive(Default)]
pub struct Herds {
    herds: BTreeMap<Hash, Weak<Herd>>,
    ledger: Arc<Ledger>,
    watch: Option<Watch>,
}

impl Herds {
    /// Nobody yet. Without a clock, scripts are stopped by what is counted alone, which is the same wherever and whenever they run.
    #[must_use]
    pub fn new(watch: Option<Watch>) -> Self {
        Self {
            watch,
            ..Self::default()
        }
    }

    /// Makes a script the behaviour of an entity. None: that went wrong, and is among the faults.
    pub fn behaviour(&mut self, script: &Script, entity: &str) -> Option<Scripted> {
        let member = self.join(script);
        let member = member.map_err(|failure| self.ledger.fail(script, entity, failure));
        Some(Scripted::new(member.ok()?, self.ledger.clone()))
    }

    /// What went wrong since this was last asked, the first of it first, and how much more there was than is kept.
    pub fn drain_faults(&mut self) -> (Vec<Fault>, u64) {
        self.ledger.drain()
    }

    /// Forgets what other versions of the world came to. Whoever still runs one of their scripts goes on.
    pub fn publish(&mut self, scripts: &Scripts) {
        let is_known = |hash| scripts.iter().any(|(_, script)| script.hash() == hash);
        self.ledger.forget(is_known);
        self.herds.retain(|_, herd| herd.strong_count() > 0);
    }

    /// What the scripts hold, in bytes.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        let herds = self.herds.values().filter_map(Weak::upgrade);
        herds.map(|herd| herd.used_bytes()).sum()
    }

    fn join(&mut self, script: &Script) -> Result<Member, Failure> {
        if self.ledger.is_refused(script.hash()) {
            return Err(Failure::refused());
        }
        let running = self.herds.get(&script.hash()).and_then(Weak::upgrade);
        let herd = match running {
            Some(herd) => herd,
            None => {
                let herd = Herd::new(script.clone(), self.watch.clone())?;
                self.herds.insert(script.hash(), Arc::downgrade(&herd));
                herd
            }
        };
        herd.join()
    }
}
