//! Which region of this server has an entity, and where creatures are whose home is here and who are not. A hint for regions that look for somebody;
//! the regions themselves are the truth.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use parking_lot::RwLock;
use world::region_id::RegionId;

/// Region by [`world::name::key`], and the other way round. As many entries as there are entities.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts(RwLock<All>);

#[derive(Debug, Default)]
struct All {
    regions: HashMap<Arc<str>, RegionId>,
    keys: HashMap<RegionId, HashSet<Arc<str>>>,
    /// Each creature that is not at home: its home, and the region that it was last heard of in.
    abroad: HashMap<String, (RegionId, RegionId)>,
}

impl Whereabouts {
    /// Where an entity is.
    pub(crate) fn of(&self, key: &str) -> Option<RegionId> {
        self.0.read().regions.get(key).copied()
    }

    /// The region, perhaps of another server, that a creature was last heard of in whose home is here.
    pub(crate) fn abroad(&self, key: &str) -> Option<RegionId> {
        self.0.read().abroad.get(key).map(|(_, region)| *region)
    }

    /// A creature of a region here is in another one now; None: it is at home, or nowhere.
    pub(crate) fn goes_abroad(&self, key: String, home: RegionId, region: Option<RegionId>) {
        let mut all = self.0.write();
        all.abroad.remove(&key);
        let abroad = region.map(|region| (key, (home, region)));
        all.abroad.extend(abroad);
    }

    /// It is there now.
    pub(crate) fn here(&self, key: String, region: RegionId) {
        let key: Arc<str> = key.into();
        let mut all = self.0.write();
        if let Some(before) = all.regions.insert(Arc::clone(&key), region) {
            all.leave(&key, before);
        }
        all.keys.entry(region).or_default().insert(key);
    }

    /// It is not in that region any more. If another has it by now, that stays.
    pub(crate) fn gone(&self, key: &str, region: RegionId) {
        let mut all = self.0.write();
        if all.regions.get(key) == Some(&region) {
            all.regions.remove(key);
            all.leave(key, region);
        }
    }

    /// Forgets everybody in a region, and says who that was.
    pub(crate) fn forget(&self, region: RegionId) -> Vec<String> {
        let mut all = self.0.write();
        all.abroad.retain(|_, (home, _)| *home != region);
        let keys = all.keys.remove(&region).unwrap_or_default();
        for key in &keys {
            all.regions.remove(key);
        }
        keys.iter().map(ToString::to_string).collect()
    }
}

impl All {
    fn leave(&mut self, key: &str, region: RegionId) {
        if let Some(keys) = self.keys.get_mut(&region) {
            keys.remove(key);
            if keys.is_empty() {
                self.keys.remove(&region);
            }
        }
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

    #[test]
    fn who_is_abroad_is_known_at_home() {
        let [one, two] = ["0:0:0", "0:1:0"].map(|text| text.parse().unwrap());
        let whereabouts = Whereabouts::default();
        whereabouts.goes_abroad("owl".to_owned(), one, Some(two));
        whereabouts.goes_abroad("rat".to_owned(), one, Some(two));
        whereabouts.goes_abroad("rat".to_owned(), one, None);
        assert_eq!(whereabouts.abroad("owl"), Some(two));
        assert_eq!(
            (whereabouts.of("owl"), whereabouts.abroad("rat")),
            (None, None)
        );
        assert!(whereabouts.forget(two).is_empty());
        assert_eq!(whereabouts.abroad("owl"), Some(two));
        whereabouts.forget(one);
        assert_eq!(whereabouts.abroad("owl"), None);
    }
}
