//! Which region of this server has an entity. A hint for regions that look for somebody; the regions themselves are the truth.

use std::collections::HashMap;

use parking_lot::RwLock;
use world::region_id::RegionId;

/// Region by [`world::name::key`]. As many entries as there are entities.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts(RwLock<HashMap<String, RegionId>>);

impl Whereabouts {
    /// Where an entity is.
    pub(crate) fn of(&self, key: &str) -> Option<RegionId> {
        self.0.read().get(key).copied()
    }

    /// It is there now.
    pub(crate) fn here(&self, key: String, region: RegionId) {
        self.0.write().insert(key, region);
    }

    /// It is not in that region any more. If another has it by now, that stays.
    pub(crate) fn gone(&self, key: &str, region: RegionId) {
        let mut all = self.0.write();
        if all.get(key) == Some(&region) {
            all.remove(key);
        }
    }

    /// Forgets everybody in a region, and says who that was.
    pub(crate) fn forget(&self, region: RegionId) -> Vec<String> {
        self.0
            .write()
            .extract_if(|_, there| *there == region)
            .map(|(key, _)| key)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_speaks_only_of_its_own() {
        let [one, two] = ["0:0:0", "0:1:0"].map(|text| text.parse().unwrap());
        let whereabouts = Whereabouts::default();
        whereabouts.here("anna".to_owned(), one);
        whereabouts.here("anna".to_owned(), two);
        whereabouts.gone("anna", one);
        assert_eq!(whereabouts.of("anna"), Some(two));
        whereabouts.here("bert".to_owned(), one);
        assert_eq!(whereabouts.forget(two), ["anna"]);
        assert_eq!(whereabouts.of("anna"), None);
        whereabouts.gone("bert", one);
        assert_eq!(whereabouts.of("bert"), None);
    }
}
