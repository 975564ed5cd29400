//! One player's eyes: which regions it needs, and whether all that it should see is known.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use world::{position::Position, region::HYSTERESIS_TILES, region_id::RegionId};

use super::Replica;

/// Regions this far beyond the view are listened to as well, in tiles: what comes into view by walking is there already.
const AHEAD_TILES: f64 = 8.0;
/// Regions are looked for again when the player has gone this far, in tiles: less than [`AHEAD_TILES`], so that none is missed.
const STEP_TILES: f64 = 2.0;
/// How long a look waits for regions that have come into view by a warp or a login (DESIGN, "Reads scale with gateways").
pub(crate) const SIGHT_TIMEOUT: Duration = Duration::from_secs(1);

/// What eyes need to know of the world.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    /// How far players see along each axis, in tiles.
    pub(crate) view_distance: f64,
    /// The side of a region, in tiles.
    pub(crate) cell_tiles: u32,
    /// Every region that a map has a part of.
    pub(crate) regions: Arc<BTreeSet<RegionId>>,
}

impl Scale {
    /// How far away regions may be that have somebody in view: some stand a little beyond their region's border.
    fn reach(&self) -> f64 {
        self.view_distance + HYSTERESIS_TILES
    }
}

/// What there is to see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sight {
    /// Everything that is seen from here.
    Clear(Position),
    /// Not all of it is known yet. Look again when there is news, or at this time at the latest.
    Waiting(Option<Instant>),
}

/// A player's eyes. While they are open, the replica holds what they need.
#[derive(Debug)]
pub(crate) struct Watcher {
    replica: Arc<Replica>,
    key: Arc<str>,
    needed: BTreeSet<RegionId>,
    /// The region that the zone server spoke of, until the player's own entity says more.
    at: RegionId,
    /// Where [`Self::needed`] was worked out.
    centre: Option<Position>,
    /// Since when something in view is missing.
    missing_since: Option<Instant>,
    /// Regions that were waited for in vain.
    given_up: BTreeSet<RegionId>,
}

impl Watcher {
    /// Opens the eyes of a character that is believed to be in a region.
    pub(super) fn new(replica: Arc<Replica>, key: Arc<str>, at: RegionId) -> Self {
        let mut watcher = Self {
            replica,
            key,
            needed: BTreeSet::new(),
            at,
            centre: None,
            missing_since: None,
            given_up: BTreeSet::new(),
        };
        watcher.need(BTreeSet::from([at]));
        watcher
    }

    /// Whether they are those of a character, by [`world::name::key`].
    pub(crate) fn is_of(&self, key: &str) -> bool {
        *self.key == *key
    }

    /// The character is in another region now.
    pub(crate) fn moved(&mut self, region: RegionId) {
        if self.at != region {
            self.at = region;
            let mut needed = self.needed.clone();
            needed.insert(region);
            self.need(needed);
            self.centre = None;
        }
    }

    /// Looks around, and listens to what comes into view.
    pub(crate) fn look(&mut self, scale: &Scale, now: Instant) -> Sight {
        let Some((position, is_leaving)) = self.replica.position(&self.key) else {
            return Sight::Waiting(None);
        };
        self.follow(position, scale);
        let in_view = RegionId::in_view(position, scale.reach(), scale.cell_tiles);
        let missing: BTreeSet<RegionId> = self
            .replica
            .missing(in_view.filter(|region| scale.regions.contains(region)));
        if missing.is_empty() && !is_leaving {
            self.missing_since = None;
            self.given_up.clear();
            return Sight::Clear(position);
        }
        if !is_leaving && missing.is_subset(&self.given_up) {
            return Sight::Clear(position);
        }
        let since = *self.missing_since.get_or_insert(now);
        if now < since + SIGHT_TIMEOUT {
            return Sight::Waiting(Some(since + SIGHT_TIMEOUT));
        }
        self.missing_since = None;
        self.given_up = missing;
        Sight::Clear(position)
    }

    /// Listens to what may come into view, without looking.
    pub(crate) fn walk(&mut self, scale: &Scale) {
        if let Some((position, _)) = self.replica.position(&self.key) {
            self.follow(position, scale);
        }
    }

    fn follow(&mut self, position: Position, scale: &Scale) {
        let is_near = |centre: Position| centre.sees(&position, STEP_TILES);
        if self.centre.is_some_and(is_near) {
            return;
        }
        self.centre = Some(position);
        let reach = scale.reach() + AHEAD_TILES;
        let mut needed: BTreeSet<RegionId> = RegionId::in_view(position, reach, scale.cell_tiles)
            .filter(|region| scale.regions.contains(region))
            .collect();
        needed.insert(RegionId::of(position, scale.cell_tiles));
        needed.insert(self.at);
        self.need(needed);
    }

    fn need(&mut self, needed: BTreeSet<RegionId>) {
        if needed != self.needed {
            self.replica.change_need(&self.needed, &needed);
            self.needed = needed;
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.replica.leave(&self.key, &self.needed);
    }
}
