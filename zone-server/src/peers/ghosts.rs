//! Who is in regions of other servers near our own: a read-only copy, merged as gateways merge theirs. Pure: time is an argument.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use world::{
    behaviours::Seen,
    name,
    position::Position,
    region::{Departed, Shown},
    region_id::RegionId,
};

use super::News;

/// How long somebody who has gone to another region is looked for there, while that region has not told of them.
pub(super) const DEPARTURE_MAX: Duration = Duration::from_secs(3);

/// All ghosts, for whoever looks.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedGhosts(Arc<Mutex<Ghosts>>);

impl SharedGhosts {
    pub(super) fn lock(&self) -> MutexGuard<'_, Ghosts> {
        self.0.lock()
    }

    /// Adds who is within so many tiles of a place along each axis, in a region.
    pub(crate) fn look(
        &self,
        region: RegionId,
        place: Position,
        radius: f64,
        seen: &mut Vec<Seen>,
    ) {
        let ghosts = self.0.lock();
        let keys = ghosts.regions.get(&region).into_iter();
        let there = keys.flat_map(|region| &region.keys);
        let there = there.filter_map(|key| ghosts.ghosts.get(key)?.seen.as_ref());
        seen.extend(
            there
                .filter(|one| one.position.sees(&place, radius))
                .cloned(),
        );
    }
}

/// All ghosts.
#[derive(Debug, Default)]
pub(super) struct Ghosts {
    regions: BTreeMap<RegionId, Region>,
    /// By [`world::name::key`].
    ghosts: HashMap<String, Ghost>,
    /// Those who have gone to another region, and until when they are looked for there.
    leaving: BTreeSet<(Instant, String)>,
}

/// A region that we listen to.
#[derive(Debug, Default)]
struct Region {
    /// Of the run of a server that speaks for it.
    epoch: u64,
    keys: BTreeSet<String>,
}

/// An entity of another server.
#[derive(Debug)]
struct Ghost {
    /// `(own, version)`: orders all that is ever said of a name.
    said: (u64, u64),
    /// Where to look for it.
    region: RegionId,
    /// As it is seen; None: it is on its way to another region.
    seen: Option<Seen>,
    /// Until when, if it has left the region that spoke of it last.
    leaving: Option<Instant>,
}

impl Ghosts {
    /// Where an entity is to be looked for.
    pub(super) fn region_of(&self, key: &str) -> Option<RegionId> {
        self.ghosts.get(key).map(|ghost| ghost.region)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.ghosts.len()
    }

    /// From now on, we listen to these regions and no others.
    pub(super) fn want(&mut self, wanted: &BTreeSet<RegionId>) {
        let unwanted = self
            .regions
            .extract_if(.., |region, _| !wanted.contains(region));
        let keys: Vec<String> = unwanted.flat_map(|(_, region)| region.keys).collect();
        for key in keys {
            self.remove(&key);
        }
        for region in wanted {
            self.regions.entry(*region).or_default();
        }
    }

    /// Merges news.
    pub(super) fn apply(&mut self, news: News, now: Instant) {
        self.expire(now);
        let (update, is_snapshot) = match news {
            News::Snapshot(update) => (update, true),
            News::Changes(update) => (update, false),
        };
        let Some(region) = self.regions.get_mut(&update.region) else {
            return;
        };
        if update.epoch < region.epoch {
            return;
        }
        region.epoch = update.epoch;
        if is_snapshot {
            let mut gone = region.keys.clone();
            for shown in &update.changed {
                gone.remove(&name::key(&shown.name));
            }
            for key in gone {
                self.remove(&key);
            }
        }
        for shown in update.changed {
            self.shown(&shown, update.region);
        }
        for departed in update.departed {
            self.departed(&departed, now);
        }
    }

    fn shown(&mut self, shown: &Shown, region: RegionId) {
        let key = name::key(&shown.name);
        let said = (shown.own, shown.version);
        if self.ghosts.get(&key).is_some_and(|known| said < known.said) {
            return;
        }
        self.remove(&key);
        if let Some(region) = self.regions.get_mut(&region) {
            region.keys.insert(key.clone());
        }
        let ghost = Ghost {
            said,
            region,
            seen: Some(Seen {
                name: shown.name.clone(),
                position: shown.position,
                is_player: shown.is_player,
            }),
            leaving: None,
        };
        self.ghosts.insert(key, ghost);
    }

    fn departed(&mut self, departed: &Departed, now: Instant) {
        let key = name::key(&departed.name);
        let said = (departed.own, departed.version);
        if self.ghosts.get(&key).is_none_or(|known| said < known.said) {
            return;
        }
        self.remove(&key);
        if let Some(region) = departed.to {
            let end = now + DEPARTURE_MAX;
            self.leaving.insert((end, key.clone()));
            let ghost = Ghost {
                said,
                region,
                seen: None,
                leaving: Some(end),
            };
            self.ghosts.insert(key, ghost);
        }
    }

    /// Forgets who has arrived nowhere for too long.
    fn expire(&mut self, now: Instant) {
        while let Some((end, key)) = self.leaving.first() {
            if *end > now {
                return;
            }
            let key = key.clone();
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &str) {
        let Some(ghost) = self.ghosts.remove(key) else {
            return;
        };
        if let Some(end) = ghost.leaving {
            self.leaving.remove(&(end, key.to_owned()));
        } else if let Some(region) = self.regions.get_mut(&ghost.region) {
            region.keys.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use world::region::Update;

    use super::*;

    const fn region(column: i32) -> RegionId {
        RegionId {
            level: 0,
            column,
            row: 0,
        }
    }

    const ONE: RegionId = region(1);
    const TWO: RegionId = region(2);

    fn shown(name: &str, own: u64, version: u64) -> Shown {
        Shown {
            name: name.to_owned(),
            own,
            version,
            position: Position {
                x: 0.0,
                y: 0.0,
                z: 0,
            },
            is_player: true,
            attributes: None,
        }
    }

    fn update(region: RegionId, epoch: u64, changed: Vec<Shown>) -> Update {
        Update {
            region,
            epoch,
            changed,
            departed: Vec::new(),
        }
    }

    fn departure(region: RegionId, said: (u64, u64), to: Option<RegionId>) -> News {
        News::Changes(Update {
            departed: vec![Departed {
                name: "Anna".to_owned(),
                own: said.0,
                version: said.1,
                to,
            }],
            ..update(region, 1, Vec::new())
        })
    }

    struct Table(Ghosts, Instant);

    impl Table {
        fn listening_to(regions: &[RegionId]) -> Self {
            let mut ghosts = Ghosts::default();
            ghosts.want(&regions.iter().copied().collect());
            Self(ghosts, Instant::now())
        }

        fn snapshot(&mut self, region: RegionId, epoch: u64, changed: Vec<Shown>) {
            let news = News::Snapshot(update(region, epoch, changed));
            self.0.apply(news, self.1);
        }

        fn changes(&mut self, region: RegionId, epoch: u64, changed: Vec<Shown>) {
            let news = News::Changes(update(region, epoch, changed));
            self.0.apply(news, self.1);
        }

        fn check(&self, key: &str, expected: Option<RegionId>) {
            assert_eq!(self.0.region_of(key), expected, "{key}: {:?}", self.0);
        }
    }

    #[test]
    fn a_snapshot_is_everybody() {
        let mut table = Table::listening_to(&[ONE]);
        table.snapshot(ONE, 1, vec![shown("Anna", 1, 1), shown("Bert", 1, 1)]);
        table.snapshot(TWO, 1, vec![shown("Carl", 1, 1)]);
        table.check("anna", Some(ONE));
        table.check("carl", None);
        table.snapshot(ONE, 1, vec![shown("Bert", 1, 1)]);
        table.check("anna", None);
        table.check("bert", Some(ONE));
    }

    #[test]
    fn lower_epochs_and_versions_count_for_nothing() {
        let mut table = Table::listening_to(&[ONE, TWO]);
        table.changes(ONE, 2, vec![shown("Anna", 3, 5)]);
        table.snapshot(ONE, 1, Vec::new());
        table.check("anna", Some(ONE));
        table.changes(TWO, 9, vec![shown("Anna", 2, 9)]);
        table.check("anna", Some(ONE));
        table.changes(TWO, 9, vec![shown("Anna", 4, 1)]);
        table.check("anna", Some(TWO));
        // The old holder's departure comes late, and so does its list.
        table.0.apply(departure(ONE, (3, 6), None), table.1);
        table.snapshot(ONE, 2, Vec::new());
        table.check("anna", Some(TWO));
    }

    #[test]
    fn who_goes_on_is_looked_for_there_for_a_while() {
        let mut table = Table::listening_to(&[ONE]);
        table.changes(ONE, 1, vec![shown("Anna", 1, 1)]);
        table.0.apply(departure(ONE, (1, 2), Some(TWO)), table.1);
        table.check("anna", Some(TWO));
        table.1 += DEPARTURE_MAX;
        table.changes(ONE, 1, Vec::new());
        table.check("anna", None);
        // Who has arrived does not expire.
        table.changes(ONE, 1, vec![shown("Anna", 2, 1)]);
        table.0.apply(departure(ONE, (2, 2), Some(TWO)), table.1);
        table.changes(ONE, 1, vec![shown("Anna", 3, 1)]);
        table.1 += DEPARTURE_MAX;
        table.changes(ONE, 1, Vec::new());
        table.check("anna", Some(ONE));
        table.0.apply(departure(ONE, (3, 2), None), table.1);
        table.check("anna", None);
        assert!(table.0.leaving.is_empty());
    }

    #[test]
    fn regions_that_are_not_wanted_any_more_are_forgotten() {
        let mut table = Table::listening_to(&[ONE, TWO]);
        table.changes(ONE, 1, vec![shown("Anna", 1, 1)]);
        table.changes(TWO, 7, vec![shown("Bert", 1, 1)]);
        table.0.want(&[TWO].into());
        table.check("anna", None);
        table.check("bert", Some(TWO));
        table.changes(ONE, 1, vec![shown("Anna", 1, 2)]);
        table.check("anna", None);
        table.changes(TWO, 6, vec![shown("Carl", 1, 1)]);
        table.check("carl", None);
    }
}
